'use strict';

// A worker thread that starts every operation that takes time, says so, and may then be terminated. CommonJS, because
// a test starts up to a thousand of them, and it starts faster.

const { subscribe } = require('node:diagnostics_channel');
const { parentPort, workerData } = require('node:worker_threads');

const { MonoCloudBackendNodeClient } = require('@monocloud/backend-node');

const { issuer, tokens, number } = workerData;
const ignore = () => {};
const never = () => new Promise(ignore);

subscribe('monocloud:backend:validated', ignore);
subscribe('monocloud:backend:keys.refreshed', ignore);

const options = { tenantDomain: issuer, audience: 'https://api.example.com', clientId: 'api', clientSecret: 'secret' };
// One client shares its keys with other threads, one has functions of this thread, one has a cache of this thread.
const shared = new MonoCloudBackendNodeClient({ ...options, responseTimeout: 2000 });
const fetching = new MonoCloudBackendNodeClient({ ...options, fetcher: never });
const resolving = new MonoCloudBackendNodeClient({ ...options, jwksResolver: never });
const caching = new MonoCloudBackendNodeClient({
  ...options,
  responseTimeout: 2000,
  cache: { get: never, set: async () => {}, delete: async () => {} },
});
for (const client of [shared, fetching, resolving, caching]) {
  for (const token of [...tokens, `opaque-${number}`]) client.validateAccessToken(token).catch(ignore);
  client.getJwks(true).catch(ignore);
  client.warmUp().catch(ignore);
}
parentPort.postMessage('asked');
// An operation that is in progress when the thread ends.
setInterval(ignore, 1000);
