// The sender of flood.mjs: one message a token, at an even pace, from a thread of its own.

import { parentPort, workerData } from 'node:worker_threads';

/** With `isDistinct` no bad token comes twice. */
const { valid, invalid, perSecond, milliseconds, isDistinct = false } = workerData;
/** Every so many microseconds a good token: 500 a second, with a flood or without. */
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
    const token = invalid[sent % invalid.length];
    parentPort.postMessage({ token: isDistinct ? `${token}${sent}` : token });
    sent += 1;
    // What it overslept is not caught up at once: no flood comes in bursts because its sender was out of the processor.
    nextInvalid = Math.max(nextInvalid + invalidEvery, now - MOST_BEHIND);
  } else if (now >= nextValid) {
    const number = Math.round((nextValid - start) / VALID_EVERY);
    parentPort.postMessage({ token: valid[number % valid.length], sentAt: performance.timeOrigin + performance.now() });
    nextValid += VALID_EVERY;
  } else {
    // Asleep, not spinning: the processor is for what is measured, and for what the machine has to do besides.
    Atomics.wait(NEVER, 0, 0, 0.02);
  }
}
parentPort.postMessage({ isLast: true });
