'use strict';

/**
 * Waits for newer keys. Callers that come while others wait share their wait: a flood of unknown `kid`s costs the
 * engine one waiter at a time, not one a token.
 */

const { performance } = require('node:perf_hooks');

// Taken before a test's fake timers replace it.
const now = performance.now.bind(performance);

/** How long one waits, in milliseconds, while something else could serve; and how much shorter it may be by sharing. */
const STALE_WAIT = 1000;
const SHARED_WITHIN = 50;

class KeysWait {
  #native;
  #host;
  /** The waits that can be shared: of those who may give up, and of those who may not. */
  #impatient;
  #patient;

  constructor(native, host) {
    this.#native = native;
    this.#host = host;
  }

  /**
   * Resolves when a refresh of the keys has ended, or after `STALE_WAIT` for a caller that may give up. True when what
   * is known now is all there is to wait for; false when others had started the refresh, perhaps too early.
   */
  async wait(mayGiveUp) {
    const shared = mayGiveUp ? this.#impatient : this.#patient;
    if (shared !== undefined && !(mayGiveUp && now() - shared.since > SHARED_WITHIN)) {
      await shared.pending;
      return false;
    }
    const pending = this.#native.waitForKeys(mayGiveUp ? STALE_WAIT : undefined);
    this.#host?.drain();
    this.#share(mayGiveUp, pending);
    return pending;
  }

  #share(mayGiveUp, pending) {
    const wait = { since: now(), pending };
    if (mayGiveUp) this.#impatient = wait;
    else this.#patient = wait;
    // Before anybody who waits goes on: what is over is not for sharing.
    pending.then(() => {
      if (this.#impatient === wait) this.#impatient = undefined;
      if (this.#patient === wait) this.#patient = undefined;
    });
  }
}

module.exports = { KeysWait };
