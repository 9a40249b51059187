// The sender of flood.mjs: one message per token, at an even rate, from its own thread.

import { parentPort, workerData } from 'node:worker_threads';

/** With `isDistinct`, every bad token is different. A bad token may also be an object: a token with its `proof`. */
const { valid, invalid, perSecond, milliseconds, isDistinct = false } = workerData;
/** Microseconds between two valid tokens: 500 per second, with or without a flood. */
const VALID_EVERY = 2_000;

/** Microseconds. */
const MOST_BEHIND = 250;
const NEVER = new Int32Array(new SharedArrayBuffer(4));

const start = performance.now() * 1e3;
const end = start + milliseconds * 1e3;
const invalidEvery = perSecond === 0 ? Infinity : 1e6 / perSecond;
let nextValid = start;
let nextInvalid = start + invalidEvery / 2;
for (let sent = 0; nextValid < end;) {
  const now = performance.now() * 1e3;
  if (now >= nextInvalid) {
    const given = invalid[sent % invalid.length];
    const { token, proof } = typeof given === 'object' ? given : { token: given };
    parentPort.postMessage({ token: isDistinct ? `${token}${sent}` : token, proof });
    sent += 1;
    // Tokens that were missed during a long sleep are skipped, so a delayed sender causes no burst.
    nextInvalid = Math.max(nextInvalid + invalidEvery, now - MOST_BEHIND);
  } else if (now >= nextValid) {
    const number = Math.round((nextValid - start) / VALID_EVERY);
    parentPort.postMessage({ token: valid[number % valid.length], sentAt: performance.timeOrigin + performance.now() });
    nextValid += VALID_EVERY;
  } else {
    // Sleeps instead of spinning, so that the processor is free for the measured work.
    Atomics.wait(NEVER, 0, 0, 0.02);
  }
}
parentPort.postMessage({ isLast: true });
