'use strict';

/**
 * Waits for newer keys. The engine decides who waits, for how long, and who shares a wait (`src/engine/keys/wait.rs`).
 * This file keeps the promises of the waits, for the callers that join them.
 */

/**
 * @import { MonoCloudBackendNodeClient } from '../native/binding.js'
 * @import { KeyWait, KeyWaitEnd } from '../native/values.js'
 */

class KeyRefresh {
  #native;
  #host;
  /**
   * The promises of the waits that have not ended, by their numbers.
   *
   * @type {Map<number, Promise<KeyWaitEnd>>}
   */
  #waits = new Map();
  #mustDrain = false;

  /**
   * @param {MonoCloudBackendNodeClient} native
   * @param {{ drain(): void } | undefined} host
   */
  constructor(native, host) {
    this.#native = native;
    this.#host = host;
  }

  /**
   * Waits once. The promise resolves to whether the keys were refreshed for this caller: then it decides with the keys
   * that are there; otherwise it may have to wait again. Gives nothing when the caller has waited often enough.
   *
   * @param {number} round Counts the waits of the caller, from 1.
   * @param {boolean} hasCachedFallback
   * @returns {Promise<boolean> | undefined}
   */
  wait(round, hasCachedFallback) {
    const step = this.#native.waitForKeys(round, hasCachedFallback);
    if (step === null) return undefined;
    return step.ended === undefined ? this.#join(step) : this.#begin(step);
  }

  /** @param {KeyWait & { ended: Promise<KeyWaitEnd> }} step */
  #begin({ wait, ended }) {
    this.#waits.set(wait, ended);
    const forget = () => this.#waits.delete(wait);
    ended.then(forget, forget);
    this.#drain();
    return ended.then(({ isRefreshed }) => isRefreshed);
  }

  /** @param {KeyWait & { isLast: boolean }} step */
  async #join({ wait, isLast }) {
    // The caller that began the wait failed to start its requests.
    if (this.#mustDrain) this.#drain();
    const end = await this.#waits.get(wait);
    return (isLast ? end?.isRefreshedForLast : end?.isRefreshedForJoined) === true;
  }

  /** Starts the requests that the engine left for the user's functions. */
  #drain() {
    this.#mustDrain = true;
    this.#host?.drain();
    this.#mustDrain = false;
  }
}

module.exports = { KeyRefresh };
