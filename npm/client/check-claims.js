'use strict';

/**
 * Do these claims satisfy the policy? Checks claims that do not come from a JWT validated here: those of an
 * introspection response (RFC 7662 §2.2), and those that a custom method returned. A custom method is a method of the
 * client that a subclass or a spy replaced.
 *
 * The engine applies its rules for introspected tokens: audience, times, bindings, scopes, groups, and the
 * issuer if the claims name one.
 */

const { OUTCOMES } = require('../native/constants.js');
/**
 * @import { FailureData } from '../errors/errors.js'
 * @import { MonoCloudBackendNodeClient } from '../native/binding.js'
 * @import { Claims } from '../native/values.js'
 * @import { PolicyType } from './policy.js'
 * @import { PossessionType } from './possession.js'
 */
/** @typedef {Claims | FailureData} Decision */
/**
 * The methods of a client that a subclass or a spy replaced. The claims that they return are checked.
 *
 * @typedef {object} CustomMethods
 * @property {(() => unknown) | undefined} validateJwt
 * @property {(() => unknown) | undefined} introspect
 */
/** @typedef {CheckedClaims} CheckedClaimsType The class as a type, for other files. */

const { isPlain } = require('./arguments.js');
const { FAILURES, failureOf } = require('../errors/errors.js');
const { textOfMembers } = require('./json.js');
const { NONE } = require('./possession.js');
const { dateNow } = require('./time.js');

/** An object with none of these members is not a claims set. */
const CLAIMS_SET_MEMBERS = ['aud', 'exp', 'iss'];

/** The claims, if they are valid, and the failure, if this request is rejected. Both can be present. */
class CheckedClaims {
  /**
   * @param {Claims | undefined} claims
   * @param {FailureData | undefined} failure
   */
  constructor(claims, failure) {
    this.claims = claims;
    this.failure = failure;
  }

  /**
   * What the request gets. Without claims and failure, nothing was decided, and nobody is let in.
   *
   * @returns {Decision}
   */
  get decision() {
    return this.failure ?? this.claims ?? FAILURES.internal;
  }
}

class ClaimsChecker {
  #native;
  #audiences;

  /**
   * @param {MonoCloudBackendNodeClient} native
   * @param {readonly string[]} audiences The client's audiences.
   */
  constructor(native, audiences) {
    this.#native = native;
    this.#audiences = audiences;
  }

  /**
   * Checks claims that a custom method returned, and returns them unchanged.
   *
   * @param {unknown} claims
   * @param {boolean} isResponse Whether the method introspected the token. If not, the claims are those of a JWT.
   * @param {string} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   */
  async check(claims, isResponse, token, policy, possession) {
    if (!isPlain(claims)) return new CheckedClaims(undefined, FAILURES.claims_invalid);
    // The engine checks the members that a rule reads. The types of the others are the custom method's.
    const returned = /** @type {Claims} */ (claims);
    return this.checkText(textOfMembers(claims), returned, isResponse, token, policy, possession);
  }

  /**
   * Checks claims that the engine can read as JSON text.
   *
   * @param {string} text The JSON text of the claims.
   * @param {Claims} claims The claims to return.
   * @param {boolean} isResponse
   * @param {string} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   */
  async checkText(text, claims, isResponse, token, policy, possession) {
    const code = await this.#codeOfText(text, isResponse, token, policy, possession);
    if (code === 0) return new CheckedClaims(claims, undefined);
    const failure = outcomeOf(code);
    // A failure that concerns this request or this route leaves the claims valid for others.
    const areValid = code === OUTCOMES.audienceOfRoute || failure.spec.concernsRequest;
    return new CheckedClaims(areValid ? claims : undefined, failure);
  }

  /**
   * Returns the failure of what a custom `validateAccessToken` returned, if it fails.
   *
   * A custom `validateAccessToken` chooses what an accepted token becomes. An object without `aud`, `exp` and `iss` is
   * not a claims set, and is accepted as it is. A claims set without `aud` counts as one for this client, except on a route
   * that asks for certain audiences.
   *
   * @param {object} result
   * @param {string} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   */
  async failureOfResult(result, token, policy, possession) {
    if (!CLAIMS_SET_MEMBERS.some((name) => Object.hasOwn(result, name))) return undefined;
    /** @type {Record<string, unknown>} */
    const claims = { __proto__: null, ...result };
    if (policy.audience === undefined) claims.aud ??= this.#audiences;
    const isResponse = !this.#native.isLocal(token);
    const code = await this.#codeOfText(textOfMembers(claims), isResponse, token, policy, possession);
    return code === 0 ? undefined : outcomeOf(code);
  }

  /**
   * @param {string} text
   * @param {boolean} isResponse
   * @param {string} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   */
  async #codeOfText(text, isResponse, token, policy, possession) {
    const { certificate, proof } = possession ?? NONE;
    const decide = () =>
      this.#native.decideIntrospected(token, policy.handle, dateNow(), certificate, text, isResponse, proof);
    let code = decide();
    // Only a proof is slow.
    if (code === OUTCOMES.isSlow && proof !== undefined) code = (await proof.verifyOnPool(token)) || decide();
    return code;
  }
}

/** @param {number} code */
function outcomeOf(code) {
  return code === OUTCOMES.audienceOfRoute ? FAILURES.audience_mismatch : failureOf(code);
}

module.exports = { CheckedClaims, ClaimsChecker };
