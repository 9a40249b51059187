// An API whose users can log out everywhere: their access tokens are rejected before they expire.

import express from 'express';
import { createClient } from 'redis';
import { MonoCloudBackendNodeClient, protectApi } from '@monocloud/backend-node/express';
import { redisRevocationStore } from '@monocloud/backend-node/cache';

const redis = createClient({ url: process.env.REDIS_URL });
// Without a listener, the event would end the process.
redis.on('error', (error) => console.warn(`redis: ${error.message}`));
redis.connect().catch(() => {});

// `maxTtl` is the longest lifetime of your access tokens, in seconds.
const store = redisRevocationStore(redis, { prefix: 'example:', maxTtl: 86_400 });
const client = new MonoCloudBackendNodeClient({ revocation: { store } });
const protect = protectApi(client);

const app = express();

app.get('/api/me', protect(), (request, response) => {
  response.json({ subject: request.claims.sub });
});

app.post('/api/logout', protect(), async (request, response) => {
  const key = { issuer: process.env.MONOCLOUD_BACKEND_TENANT_DOMAIN, kind: 'sub', value: request.claims.sub };
  // The current second: it revokes all tokens that the user got until now.
  await store.revoke(key);
  response.status(204).end();
});

const server = app.listen(process.env.PORT ?? 3000, () => console.log(`listening ${server.address().port}`));
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  redis.destroy();
});
