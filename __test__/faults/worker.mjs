// A worker thread that asks for everything that takes time, says so, and is then at the mercy of who made it.

import { subscribe } from 'node:diagnostics_channel';
import { parentPort, workerData } from 'node:worker_threads';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';

const { issuer, tokens, number, isPackageUsed } = workerData;
const ignore = () => {};

if (isPackageUsed) {
  subscribe('monocloud:backend:validated', ignore);
  subscribe('monocloud:backend:keys.refreshed', ignore);
  const options = { tenantDomain: issuer, audience: 'https://api.example.com', clientId: 'api', clientSecret: 'secret' };
  // Shared with the other threads; with functions of this thread; with a cache of this thread.
  const shared = new MonoCloudBackendNodeClient({ ...options, responseTimeout: 1000 });
  const fetching = new MonoCloudBackendNodeClient({ ...options, fetcher: () => new Promise(ignore) });
  const caching = new MonoCloudBackendNodeClient({
    ...options,
    responseTimeout: 1000,
    cache: { get: () => new Promise(ignore), set: async () => {}, delete: async () => {} },
  });
  for (const client of [shared, fetching, caching]) {
    for (const token of [...tokens, `opaque-${number}`]) client.validateAccessToken(token).catch(ignore);
  }
  shared.getJwks(true).catch(ignore);
  shared.warmUp().catch(ignore);
}
parentPort.postMessage('asked');
// Something to be ended in the middle of.
setInterval(ignore, 1000);
