// Two processes behind one port that share a cache in Redis. A token that one process introspected is not
// introspected again by the other until its entry expires.

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
  // Replaces a process that ends unexpectedly.
  cluster.on('exit', (worker) => {
    if (!worker.exitedAfterDisconnect) cluster.fork();
  });
  for (let count = 0; count < PROCESSES; count += 1) cluster.fork();
  process.once('SIGTERM', () => cluster.disconnect());
}

async function runWorker() {
  const redis = createClient({ url: process.env.REDIS_URL });
  // An unreachable Redis is a cache miss, never an error of the API. Without a listener, the event would end the
  // process.
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
