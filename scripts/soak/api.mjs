// The API under test, in its own process: an Express app with three kinds of protection. Its parent sends its
// configuration. It sends its address and, on request, its memory use.

import { subscribe } from 'node:diagnostics_channel';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import express from 'express';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { protectApi } from '@monocloud/backend-node/express';

import { flakyCache } from './flaky-cache.mjs';
import { random } from './random.mjs';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');

const options = {
  tenantDomain: process.env.ISSUER,
  audience: process.env.AUDIENCE,
  clientId: 'api',
  clientSecret: 'secret',
  // Short durations, so that many refreshes and timeouts happen in a short time.
  responseTimeout: 1000,
  jwksCacheDuration: 5,
  metadataCacheDuration: 8,
  clockTolerance: 0,
};

const plain = new MonoCloudBackendNodeClient(options);
const cached = new MonoCloudBackendNodeClient({ ...options, cache: flakyCache(random(process.env.SEED, 'cache')) });
const app = express();
const ok = (request, response) => response.json({ sub: request.claims.sub });
app.get('/plain', protectApi(plain)(), ok);
app.get('/scoped', protectApi(plain)({ scopes: ['data:write'] }), ok);
app.get('/cached', protectApi(cached)(), ok);

process.on('unhandledRejection', (reason) => {
  console.error('unhandled rejection in the API:', reason);
  process.exit(70);
});
process.on('message', () => {
  gc();
  process.send({ rss: process.memoryUsage.rss(), health: plain.health() });
});
process.once('disconnect', () => process.exit());

for (const [name, isGood] of [
  ['keys.refreshed', true],
  ['keys.refresh_failed', false],
]) {
  // Both clients share their keys, and both publish events about them.
  subscribe(`monocloud:backend:${name}`, ({ reason }) => process.send({ refreshed: isGood, reason }));
}
await plain.warmUp();
const server = app.listen(0, '127.0.0.1', () => process.send({ url: `http://127.0.0.1:${server.address().port}` }));
