'use strict';

/**
 * Waits for newer keys. Callers that come while others wait share their wait: a flood of unknown `kid`s costs the
 * engine one waiter at a time, not one a token.
 */

const { now } = require('./deadline.js');

/** How long one waits, in milliseconds, while something else could serve; and how much shorter it may be by sharing. */
const STALE_WAIT = 1000;
const SHARED_WITHIN = 50;

class KeyRefresh {
  #native;
  #host;
  /** The wait that can be shared, by how long it may take: a deadline, or nothing for no end. */
  #shared = new Map();

  constructor(native, host) {
    this.#native = native;
    this.#host = host;
  }

  /**
   * Resolves when a refresh of the keys has ended, or after `STALE_WAIT` for a caller that may give up. True when what
   * is known now is all there is to wait for; false when others had started the refresh, perhaps too early.
   */
  async wait(mayGiveUp) {
    const deadline = mayGiveUp ? STALE_WAIT : undefined;
    const shared = this.#shared.get(deadline);
    if (shared !== undefined && !(mayGiveUp && now() - shared.since > SHARED_WITHIN)) {
      await shared.pending;
      return false;
    }
    const pending = this.#native.waitForKeys(deadline);
    this.#host?.drain();
    this.#share(deadline, { pending, since: now() });
    return pending;
  }

  #share(deadline, wait) {
    this.#shared.set(deadline, wait);
    const end = () => {
      if (this.#shared.get(deadline) === wait) this.#shared.delete(deadline);
    };
    // Before anybody who waits goes on: what is over is not for sharing.
    wait.pending.then(end, end);
  }
}

module.exports = { KeyRefresh };
