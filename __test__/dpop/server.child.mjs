// One server process of an API, with the options in the environment: `OPTIONS` of the client, `REDIS` (the port of a
// shared replay store), `PUBLIC_URL`. Sends its address to the parent.

import express from 'express';
import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { protectApi } from '@monocloud/backend-node/express';

import { listen } from '../support/http.mjs';
import { LIBRARIES } from '../support/redis.mjs';

const { OPTIONS, REDIS } = process.env;
const { dpop, ...options } = JSON.parse(OPTIONS);
const redis = REDIS ? await LIBRARIES[process.env.LIBRARY](Number(REDIS)) : undefined;
const { redisReplayStore } = await import('@monocloud/backend-node/cache');
const replayStore = redis && redisReplayStore(redis.client);
const client = new MonoCloudBackendNodeClient({ ...options, dpop: { ...dpop, ...(replayStore && { replayStore }) } });

const app = express();
let accepted = 0;
// Each request comes over its own connection, so that a proxy in front can pass each to another process.
app.use((_request, response, next) => {
  response.set('connection', 'close');
  next();
});
app.all('/orders', protectApi(client)(), (request, response) => {
  accepted += 1;
  response.json({ sub: request.claims.sub, process: process.pid });
});

await client.warmUp();
const { url } = await listen(app);
process.send({ url });
process.on('message', () => process.send({ accepted }));
process.once('disconnect', () => process.exit());
