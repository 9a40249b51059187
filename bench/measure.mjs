// How is time measured? Microseconds of the main thread per call, in rounds that alternate between contestants.
//
// The clock is the CPU time of the main thread. It stops while another process has the core and while the thread
// waits. A contestant that uses other threads is measured with many calls in flight, its best case.

import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How many calls are in flight if a contestant uses other threads. */
export const IN_FLIGHT = 64;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

/**
 * Runs `segment(contestant, round)`, which returns a number, once per contestant and round. The order rotates, and
 * young garbage is collected before each segment, so that no contestant pays for another one. Returns an array of
 * samples per contestant, in the order of the rounds: sample i of one contestant may be compared with sample i of
 * another.
 */
export async function interleave({ rounds, contestants, segment }) {
  const samples = contestants.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const which = (round + turn) % contestants.length;
      // Young garbage only. A full collection also discards optimized code, and the next contestant would pay for
      // compiling it again.
      collectGarbage({ type: 'minor' });
      await nextTurn();
      samples[which].push(await segment(contestants[which], round));
    }
  }
  return samples;
}

/**
 * Microseconds for each of these inputs, each used once. Measures the CPU time of the main thread, unless the
 * contestant has another clock.
 */
export async function perCall({ validate, offThread, clock = threadMicroseconds }, inputs) {
  const start = clock();
  if (offThread) {
    await inFlight(validate, inputs);
  } else {
    for (const input of inputs) {
      await validate(input);
    }
  }
  return (clock() - start) / inputs.length;
}

/**
 * Microseconds per call if the same inputs come in turn, repeatedly, for `budget` milliseconds. Every turn gets fresh
 * copies, which are made outside the measured time, because each request of a server brings a new string: comparing
 * by identity must not help. A turn is too short for the CPU clock, so synchronous work is measured by the wall
 * clock.
 */
export async function perRepeatedCall(contestant, inputs, budget) {
  const timed = contestant.offThread ? contestant : { ...contestant, clock: wallMicroseconds };
  let spent = 0;
  let calls = 0;
  do {
    spent += (await perCall(timed, freshCopies(inputs))) * inputs.length;
    calls += inputs.length;
  } while (spent < budget * 1e3);
  return spent / calls;
}

/** Strings with the same characters that share no memory with the originals. ASCII only. */
export function freshCopies(strings) {
  return strings.map((string) => Buffer.from(string, 'latin1').latin1Slice());
}

/** Calls `run` once for each input, at most `limit` at a time. */
export async function inFlight(run, inputs, limit = IN_FLIGHT) {
  let next = 0;
  const lane = async () => {
    while (next < inputs.length) {
      await run(inputs[next++]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, inputs.length) }, lane));
}

const nap = new Int32Array(new SharedArrayBuffer(4));

/**
 * CPU time of this thread so far, in microseconds. Linux counts it in nanoseconds but updates it only when the thread
 * yields, hence the sleep. Other systems: the time that the event loop was not idle, which includes preemption.
 */
export function threadMicroseconds() {
  if (process.platform === 'linux') {
    Atomics.wait(nap, 0, 0, 0.05);
    return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]) / 1e3;
  }
  return (performance.now() - performance.nodeTiming.idleTime) * 1e3;
}

/** Elapsed time, in microseconds. Precise enough for one call, but it includes preemption. */
export function wallMicroseconds() {
  return performance.now() * 1e3;
}

/** Lets timers and I/O run, so that background work of a library is done. */
export function nextTurn() {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
