// Makes and terminates worker threads, a few at a time, and prints the growth of the resident memory.

import { Worker } from 'node:worker_threads';

import { gc } from './gc.mjs';

const { ISSUER: issuer, TOKENS, WORKERS, WARM_UP, ALLOWED } = process.env;
const AT_ONCE = 4;
/** The warm-up uses more threads at once than the measurement, so the allocator has reached its peak before. */
const AT_ONCE_FIRST = 6;
/** Longer than a request that hangs, which holds its data until its deadline. */
const READINGS = 100;
const tokens = JSON.parse(TOKENS);
const file = new URL('worker.cjs', import.meta.url);

/** One thread, terminated after it says so: in the same turn of the event loop, or a few turns later. */
async function round(number) {
  const thread = new Worker(file, { workerData: { issuer, tokens, number } });
  await new Promise((resolve, reject) => {
    thread
      .once('message', resolve)
      .once('error', reject)
      .once('exit', (code) => reject(new Error(`exit ${code}`)));
  });
  for (let turn = 0; turn < number % 5; turn += 1)
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  await thread.terminate();
}

let made = 0;
async function rounds(count, atOnce) {
  const last = made + count;
  const lane = async () => {
    while (made < last) await round((made += 1));
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
}

/** Takes the least of many readings, until one is at most `enough`, because memory may be freed late. */
async function resident(enough) {
  let least = Infinity;
  for (let reading = 0; reading < READINGS && least > enough; reading += 1) {
    gc();
    await new Promise((resolve) => {
      setTimeout(resolve, 50);
    });
    least = Math.min(least, process.memoryUsage.rss());
  }
  return least;
}

await rounds(Number(WARM_UP), AT_ONCE_FIRST);
const before = await resident(0);
await rounds(Number(WORKERS), AT_ONCE);
const after = await resident(before + Number(ALLOWED));
console.log(JSON.stringify({ made, grown: after - before }));
