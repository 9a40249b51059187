// How time is taken: microseconds of main thread for one call, in rounds interleaved across contestants.
//
// The clock is the CPU time of the main thread: it stands still while another process has the core
// and while the thread waits. A contestant that works on other threads is measured with many calls
// in flight, where it does best.

import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** How many calls are in flight where a contestant works on other threads. */
export const IN_FLIGHT = 64;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc');

/**
 * Runs `segment(contestant, round)`, which gives a number, once per contestant and round.
 * The order rotates, and young garbage is collected before each: nobody pays for a neighbour.
 * Gives an array of samples per contestant, in the order of the rounds: sample i of one
 * contestant may be compared with sample i of another.
 */
export async function interleave({ rounds, contestants, segment }) {
  const samples = contestants.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < contestants.length; turn++) {
      const which = (round + turn) % contestants.length;
      // Young garbage only: a full collection also throws away optimised code, and whoever comes
      // next would be billed for compiling it again.
      collectGarbage({ type: 'minor' });
      await nextTurn();
      samples[which].push(await segment(contestants[which], round));
    }
  }
  return samples;
}

/**
 * Microseconds for each of these inputs, every one of them used once: by the CPU time of the
 * main thread, unless the contestant brings another clock.
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
 * Microseconds for one call when the same inputs come in turn, over and over, for `budget`
 * milliseconds. Every turn gets fresh copies, made outside the time, since each request of a
 * server brings a string of its own: a comparison by identity must not win anything here.
 * A turn is too short for the CPU clock, so what stays on the thread is timed by the wall's.
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

/** Strings with the same characters that share nothing with the originals. ASCII only. */
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
 * CPU time of this thread so far, in microseconds. Linux counts it in nanoseconds but brings the
 * number up to date only when the thread gives way, hence the nap. Elsewhere: the time that the
 * event loop was not idle, which also counts being preempted.
 */
export function threadMicroseconds() {
  if (process.platform === 'linux') {
    Atomics.wait(nap, 0, 0, 0.05);
    return Number(readFileSync('/proc/thread-self/schedstat', 'latin1').split(' ')[0]) / 1e3;
  }
  return (performance.now() - performance.nodeTiming.idleTime) * 1e3;
}

/** Time passed, in microseconds: fine enough for one call, but it also counts being preempted. */
export function wallMicroseconds() {
  return performance.now() * 1e3;
}

/** Lets timers and I/O run: what a library does in the background must get its chance. */
export function nextTurn() {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
