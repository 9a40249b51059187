'use strict';

/**
 * Validates JWTs for one client. It calls the engine's warm function first. Then it does what that call asks for: it waits
 * for keys, or moves to the thread pool.
 */

/**
 * @import { MonoCloudBackendNodeClient, Outcome } from '../native/binding.js'
 * @import { Decision } from './check-claims.js'
 * @import { PolicyType } from './policy.js'
 * @import { PossessionType } from './possession.js'
 * @import { RequestProofType } from './request-proof.js'
 */

const { OUTCOMES } = require('../native/constants.js');
const { invalid } = require('./arguments.js');
const { FAILURES, failureOf } = require('../errors/errors.js');
const { textOf } = require('./json.js');
const { KeyRefresh } = require('./key-refresh.js');
const { Outcomes } = require('./outcomes.js');
const { NONE } = require('./possession.js');
const { dateNow } = require('./time.js');

/** Outcomes of the engine that are not failures. */
const { needsKeys: NEEDS_KEYS, isSlow: IS_SLOW, notAJwt: NOT_A_JWT } = OUTCOMES;

class JwtValidation {
  #native;
  #outcomes;
  #keyRefresh;

  /**
   * @param {MonoCloudBackendNodeClient} native
   * @param {{ drain(): void } | undefined} userFunctions
   * @param {boolean} keepsClaims As that of `Outcomes`.
   */
  constructor(native, userFunctions, keepsClaims) {
    this.#native = native;
    this.#outcomes = new Outcomes(native, keepsClaims);
    this.#keyRefresh = new KeyRefresh(native, userFunctions);
  }

  /**
   * Validates a JWT. Returns `undefined` if the token is not a JWT.
   *
   * @param {string} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @param {boolean} [hasCachedFallback]
   * @returns {Decision | Promise<Decision> | undefined}
   */
  decide(token, policy, possession, hasCachedFallback = false) {
    const outcome = this.#callWarm(token, policy, possession);
    if (typeof outcome === 'string') return this.#outcomes.claimsFromText(token, outcome);
    // A comparison would call methods of an object, and a polluted prototype could turn it into a slot.
    if (typeof outcome === 'object') return this.#outcomes.failure(token, outcome);
    if (outcome >= 0) return this.#outcomes.claimsFromSlot(token, outcome);
    if (outcome === NOT_A_JWT) return undefined;
    if (outcome === NEEDS_KEYS) return this.#afterKeys(token, policy, possession, hasCachedFallback);
    if (outcome === IS_SLOW) return this.#onPool(token, policy, possession);
    return this.#outcomes.failure(token, outcome);
  }

  /**
   * Calls the policy's warm function. It throws only on an internal error. Then the token is rejected.
   *
   * @param {string} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @returns {Outcome}
   */
  #callWarm(token, policy, possession) {
    try {
      // Reading an argument costs time in the engine, also when it is `undefined`.
      if (possession === undefined) return policy.warm(token, dateNow());
      const { certificate, proof } = possession;
      if (proof !== undefined) return proof.warm(policy.warm, token, dateNow(), certificate);
      return policy.warm(token, dateNow(), certificate);
    } catch {
      return FAILURES.internal.spec.outcomeCode;
    }
  }

  /**
   * Validates a JWT with the caller's own JWK Set.
   *
   * @param {string} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @param {unknown} jwks
   * @returns {Decision | Promise<Decision>}
   */
  decideWithJwks(token, policy, possession, jwks) {
    const { certificate, proof } = possession ?? NONE;
    const keys = textOfKeys(jwks);
    const outcome = this.#native.decideWithJwks(token, policy.handle, dateNow(), certificate, keys, proof?.object);
    if (outcome !== IS_SLOW || proof === undefined) return this.#outcomes.ended(outcome, token);
    return this.#afterProof(token, proof, () => this.decideWithJwks(token, policy, possession, jwks));
  }

  /**
   * Decides again after a slow proof was verified on another thread.
   *
   * @param {string} token
   * @param {RequestProofType} proof
   * @param {() => Decision | Promise<Decision>} decideAgain
   * @returns {Promise<Decision>}
   */
  async #afterProof(token, proof, decideAgain) {
    const code = await proof.verifyOnPool(token);
    return code === 0 ? decideAgain() : failureOf(code);
  }

  /**
   * @param {string} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @param {boolean} hasCachedFallback
   * @returns {Promise<Decision>}
   */
  async #afterKeys(token, policy, possession, hasCachedFallback) {
    for (let round = 1; ; round += 1) {
      const refresh = this.#keyRefresh.wait(round, hasCachedFallback);
      if (refresh === undefined) return FAILURES.timed_out;
      const isRefreshed = await refresh;
      const { certificate, proof } = possession ?? NONE;
      const outcome = isRefreshed
        ? this.#native.decide(token, policy.handle, dateNow(), certificate, proof?.object)
        : this.#callWarm(token, policy, possession);
      if (outcome === IS_SLOW) return this.#onPool(token, policy, possession);
      if (outcome !== NEEDS_KEYS) return this.#outcomes.ended(outcome, token);
    }
  }

  /**
   * @param {string} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @returns {Promise<Decision>}
   */
  async #onPool(token, policy, possession) {
    const { certificate, proof } = possession ?? NONE;
    const outcome = await this.#native.decideOnPool(token, policy.handle, dateNow(), certificate, proof?.object);
    // The keys changed during the validation, and a refresh is running. The client may retry at once.
    return outcome === NEEDS_KEYS ? FAILURES.timed_out : this.#outcomes.ended(outcome, token);
  }
}

/** @param {unknown} jwks */
function textOfKeys(jwks) {
  let text;
  try {
    text = textOf(jwks);
  } catch {
    // It is circular, or a member of it threw.
  }
  if (text === undefined) throw invalid('jwks must be a JWK Set');
  return text;
}

module.exports = { JwtValidation };
