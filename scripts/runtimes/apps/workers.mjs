// Four threads validate JWTs and opaque tokens at once; then one is terminated during an introspection.

import { once } from 'node:events';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';

const { MEMBER, OPAQUE } = process.env;

if (isMainThread) {
  const results = await Promise.all(['a', 'b', 'c', 'd'].map(() => work('validate')));
  if (results.some((count) => count !== 40)) throw new Error(`validated ${results}`);
  await end();
  // The engine of this thread still works.
  await new MonoCloudBackendNodeClient().validateAccessToken(MEMBER);
  console.log('done');
} else if (workerData === 'validate') {
  const client = new MonoCloudBackendNodeClient();
  for (let round = 0; round < 20; round += 1) {
    await client.validateAccessToken(MEMBER);
    await client.validateAccessToken(OPAQUE);
  }
  parentPort.postMessage(40);
} else {
  const client = new MonoCloudBackendNodeClient();
  const pending = Array.from({ length: 20 }, (_, index) =>
    client.introspectAccessToken(`never-${index}`).catch(() => {}),
  );
  parentPort.postMessage('asked');
  await Promise.all(pending);
}

async function work(task) {
  const worker = new Worker(new URL(import.meta.url), { workerData: task });
  const [message] = await once(worker, 'message');
  return message;
}

async function end() {
  const worker = new Worker(new URL(import.meta.url), { workerData: 'end' });
  await once(worker, 'message');
  await worker.terminate();
}
