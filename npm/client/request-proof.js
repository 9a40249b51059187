'use strict';

/**
 * What does a decision need from the DPoP proof of a request? It holds the proof as long as the request, and creates the
 * engine's object for it. Loaded with the first proof.
 *
 * The engine's object remembers that the proof was used. It is expensive, so a proof that fails a rule before the
 * signatures never gets one: the engine screens its text first.
 */

/**
 * @import { MonoCloudBackendNodeClient, Outcome, Proof } from '../native/binding.js'
 * @import { GivenProof } from './call-proof.js'
 * @import { Warm } from './policy.js'
 */
/** @typedef {RequestProof} RequestProofType The class as a type, for other files. */

const native = require('../native/panic-guard.js');
const { OUTCOMES } = require('../native/constants.js');

class RequestProof {
  #native;
  #given;
  #method;
  #urls;
  #isRehearsed;
  /** @type {Proof | undefined} */
  #object;

  /**
   * @param {MonoCloudBackendNodeClient} engine
   * @param {GivenProof} given
   * @param {string} method
   * @param {string[]} urls The URLs that the request may have been sent to.
   * @param {boolean} isRehearsed Whether the proof is checked and not used.
   */
  constructor(engine, given, method, urls, isRehearsed) {
    this.#native = engine;
    this.#given = given;
    this.#method = method;
    this.#urls = urls;
    this.#isRehearsed = isRehearsed;
  }

  /** The engine's object. */
  get object() {
    return (this.#object ??= new native.Proof(this.#native, this.#given, this.#method, this.#urls, this.#isRehearsed));
  }

  /**
   * Calls the warm function of a policy.
   *
   * @param {Warm} warm
   * @param {string} token
   * @param {number} now
   * @param {string | undefined} certificate
   * @returns {Outcome}
   */
  warm(warm, token, now, certificate) {
    const given = this.#given;
    const urls = this.#urls;
    if (this.#object === undefined && typeof given === 'string' && urls.length === 1) {
      const outcome = warm(token, now, certificate, given, this.#method, urls[0]);
      if (outcome !== OUTCOMES.isSlow) return outcome;
    }
    return warm(token, now, certificate, this.object);
  }

  /**
   * Checks the rules that do not need the token's key. Returns 0 or the code of a reason.
   *
   * @param {string} token
   */
  checkRequest(token) {
    return this.object.checkRequest(token);
  }

  /**
   * Verifies the signature on another thread.
   *
   * @param {string} token
   */
  verifyOnPool(token) {
    return this.object.verifyOnPool(token);
  }

  /** What a shared store must remember. `null` until the proof was used. */
  spent() {
    return this.#object === undefined ? null : this.#object.spent();
  }

  /** The facts of the last refusal, if it has any. */
  refusal() {
    return this.#object === undefined ? null : this.#object.refusal();
  }

  /** The value of `DPoP-Nonce` in the response, if it must have one. */
  nonce() {
    return this.#object === undefined ? null : this.#object.nonce();
  }
}

module.exports = { RequestProof };
