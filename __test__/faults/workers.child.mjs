// Makes and terminates worker threads, a few at a time, and says what that did to the resident memory.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';

const { ISSUER: issuer, TOKENS, WORKERS, WARM_UP, PACKAGE } = process.env;
const AT_ONCE = 4;
const tokens = JSON.parse(TOKENS);
setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc');
const worker = new URL('worker.mjs', import.meta.url);

async function round(number) {
  const thread = new Worker(worker, { workerData: { issuer, tokens, number, isPackageUsed: PACKAGE === 'yes' } });
  await new Promise((resolve, reject) => {
    thread.once('message', resolve).once('error', reject).once('exit', (code) => reject(new Error(`exit ${code}`)));
  });
  // Some in the same turn of the event loop, some a few turns later.
  for (let turn = 0; turn < number % 5; turn += 1) await new Promise((resolve) => { setImmediate(resolve); });
  await thread.terminate();
}

async function rounds(count) {
  let number = 0;
  const lane = async () => {
    while (number < count) await round((number += 1));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
}

async function resident() {
  let least = Infinity;
  for (let reading = 0; reading < 5; reading += 1) {
    gc();
    await new Promise((resolve) => { setTimeout(resolve, 50); });
    least = Math.min(least, process.memoryUsage.rss());
  }
  return least;
}

await rounds(Number(WARM_UP));
const before = await resident();
const series = [];
for (let part = 0; part < 5; part += 1) {
  await rounds(Number(WORKERS) / 5);
  series.push((await resident()) - before);
}
console.log(JSON.stringify({ before, series }));
