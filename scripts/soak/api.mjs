// The API under test, in a process of its own: an Express app with three ways to be protected. Told by its parent
// what to trust, it tells its parent where it listens and, when asked, what memory it holds.

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
  // Short, so that much is refreshed and much is given up in a short time.
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

for (const [name, isGood] of [['keys.refreshed', true], ['keys.refresh_failed', false]]) {
  // Both clients share their keys, and each tells of them.
  subscribe(`monocloud:backend:${name}`, ({ reason }) => process.send({ refreshed: isGood, reason }));
}
await plain.warmUp();
const server = app.listen(0, '127.0.0.1', () => process.send({ url: `http://127.0.0.1:${server.address().port}` }));
