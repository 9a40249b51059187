'use strict';

// A worker thread that asks for everything that takes time, says so, and is then at the mercy of who made it.
// CommonJS, because up to a thousand of them are made, and it starts sooner.

const { subscribe } = require('node:diagnostics_channel');
const { parentPort, workerData } = require('node:worker_threads');

const { MonoCloudBackendNodeClient } = require('@monocloud/backend-node');

const { issuer, tokens, number } = workerData;
const ignore = () => {};
const never = () => new Promise(ignore);

subscribe('monocloud:backend:validated', ignore);
subscribe('monocloud:backend:keys.refreshed', ignore);

const options = { tenantDomain: issuer, audience: 'https://api.example.com', clientId: 'api', clientSecret: 'secret' };
// Shares its keys with the other threads; has functions of this thread; has a cache of this thread.
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
// Something to be ended in the middle of.
setInterval(ignore, 1000);
