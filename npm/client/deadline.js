'use strict';

/**
 * Waits for promises, each only so long, with one timer for all of them: a timer of its own would cost a fast cache
 * more than its answer.
 */

// Taken before a test's fake timers replace them. Not `performance`, which is ten modules to load.
const { setImmediate, setTimeout } = globalThis;
const { hrtime } = process;

/** Milliseconds on a clock that never steps. */
function now() {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

class Deadline {
  #milliseconds;
  #waiting = new Set();
  #timer;

  constructor(milliseconds) {
    this.#milliseconds = milliseconds;
  }

  /** The promise's outcome, or a rejection when it takes too long. What is there already needs no timer. */
  async within(promise) {
    const waiter = new Waiter();
    promise.then(
      (value) => waiter.settle({ value }),
      (error) => waiter.settle({ error }),
    );
    await undefined;
    const outcome = waiter.outcome ?? (await this.#wait(waiter));
    if (Object.hasOwn(outcome, 'error')) throw outcome.error;
    return outcome.value;
  }

  #wait(waiter) {
    waiter.until = now() + this.#milliseconds;
    if (this.#timer === undefined) this.#arm(this.#milliseconds);
    else if (this.#waiting.size === 0) this.#timer.ref();
    this.#waiting.add(waiter);
    return new Promise((resolve) => {
      waiter.wake = (outcome) => {
        this.#leave(waiter);
        resolve(outcome);
      };
    });
  }

  /** With nobody waiting, the timer keeps no process alive. */
  #leave(waiter) {
    if (this.#waiting.delete(waiter) && this.#waiting.size === 0) this.#timer?.unref();
  }

  /** Who came first is first in the set, and first out of time. */
  #expire() {
    this.#timer = undefined;
    const time = now();
    for (const waiter of this.#waiting) {
      if (waiter.until > time) {
        this.#arm(waiter.until - time);
        return;
      }
      waiter.settle({ error: new Error('took too long') });
    }
  }

  #arm(milliseconds) {
    // Answers that arrived while the event loop was held come first.
    this.#timer = setTimeout(() => setImmediate(() => this.#expire()), milliseconds);
  }
}

/** One promise that is waited for: the first outcome counts. */
class Waiter {
  outcome;
  until;
  wake;

  settle(outcome) {
    if (this.outcome !== undefined) return;
    this.outcome = outcome;
    this.wake?.(outcome);
  }
}

module.exports = { Deadline };
