// Two processes behind one port that share what they know of tokens in Redis: what one had introspected, the other
// does not ask again, until the token ends.

import cluster from 'node:cluster';
import express from 'express';
import { createClient } from 'redis';
import { MonoCloudBackendNodeClient, protectApi } from '@monocloud/backend-node/express';
import { redisCache } from '@monocloud/backend-node/cache';

const PROCESSES = 2;
const PORT = Number(process.env.PORT ?? 3000);

if (cluster.isPrimary) runPrimary();
else await runWorker();

function runPrimary() {
  let listening = 0;
  cluster.on('listening', (worker, { port }) => {
    listening += 1;
    if (listening === PROCESSES) console.log(`listening ${port}`);
  });
  // One that ends unexpectedly is replaced.
  cluster.on('exit', (worker) => {
    if (!worker.exitedAfterDisconnect) cluster.fork();
  });
  for (let count = 0; count < PROCESSES; count += 1) cluster.fork();
  process.once('SIGTERM', () => cluster.disconnect());
}

async function runWorker() {
  const redis = createClient({ url: process.env.REDIS_URL });
  // Redis out of reach is a miss, never an error of the API; but an event that nobody listens to ends the process.
  redis.on('error', (error) => console.warn(`redis: ${error.message}`));
  redis.connect().catch(() => {});

  const client = new MonoCloudBackendNodeClient({ cache: redisCache(redis, { prefix: 'example:' }) });
  const protect = protectApi(client);

  const app = express();
  app.get('/api/me', protect(), (request, response) => {
    response.json({ subject: request.claims.sub, process: process.pid });
  });
  const server = app.listen(PORT);
  process.once('disconnect', () => {
    server.closeAllConnections();
    redis.destroy();
  });
}
