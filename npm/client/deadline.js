'use strict';

/**
 * Waits for promises with a time limit. All of them share one timer, because a timer per call would cost more than the
 * response of a fast cache.
 */

/** @typedef {{ value?: any, error?: unknown }} Outcome Only a rejection has the member `error`. */

// Read before a test installs fake timers. `hrtime`, because `performance` loads ten modules.
const { setImmediate, setTimeout } = globalThis;
const { hrtime } = process;

/** Milliseconds on a monotonic clock. */
function now() {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1e3 + nanoseconds / 1e6;
}

class Deadline {
  #limitMs;
  /** @type {Set<Waiter>} */
  #waiting = new Set();
  /** @type {NodeJS.Timeout | undefined} */
  #timer;

  /** @param {number} limitMs */
  constructor(limitMs) {
    this.#limitMs = limitMs;
  }

  /**
   * Settles as the promise does, or rejects at the limit. A promise that is already settled needs no timer.
   *
   * @template T
   * @param {PromiseLike<T>} promise
   * @returns {Promise<T>}
   */
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

  /**
   * @param {Waiter} waiter
   * @returns {Promise<Outcome>}
   */
  #wait(waiter) {
    waiter.until = now() + this.#limitMs;
    if (this.#timer === undefined) this.#arm(this.#limitMs);
    else if (this.#waiting.size === 0) this.#timer.ref();
    this.#waiting.add(waiter);
    return new Promise((resolve) => {
      waiter.wake = (outcome) => {
        this.#leave(waiter);
        resolve(outcome);
      };
    });
  }

  /**
   * A timer that nobody waits for does not keep the process alive.
   *
   * @param {Waiter} waiter
   */
  #leave(waiter) {
    if (this.#waiting.delete(waiter) && this.#waiting.size === 0) this.#timer?.unref();
  }

  /** The set is in the order of arrival, so the first waiter expires first. */
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

  /** @param {number} milliseconds */
  #arm(milliseconds) {
    // Responses that arrived while the event loop was blocked are handled before the timeout.
    this.#timer = setTimeout(() => setImmediate(() => this.#expire()), milliseconds);
  }
}

/** A caller that waits for one promise. Only the first outcome counts. */
class Waiter {
  /** @type {Outcome | undefined} */
  outcome;
  until = 0;
  /** @type {((outcome: Outcome) => void) | undefined} */
  wake;

  /** @param {Outcome} outcome */
  settle(outcome) {
    if (this.outcome !== undefined) return;
    this.outcome = outcome;
    this.wake?.(outcome);
  }
}

module.exports = { Deadline };
