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
const { isPlain } = require('./arguments.js');
const { FAILURES, failureOf } = require('../errors/errors.js');
const { textOfMembers } = require('./json.js');
const { NONE } = require('./possession.js');
const { dateNow } = require('./time.js');

/** An object with none of these members is not a claims set. */
const CLAIMS_SET_MEMBERS = ['aud', 'exp', 'iss'];

/** The claims, if they are valid, and the failure, if this request is rejected. Both can be present. */
class CheckedClaims {
  constructor(claims, failure) {
    this.claims = claims;
    this.failure = failure;
  }
}

class ClaimsChecker {
  #native;
  #audience;

  constructor(native, audience) {
    this.#native = native;
    this.#audience = audience;
  }

  /** Checks claims that a custom method returned, and returns them unchanged. */
  async check(claims, token, policy, possession) {
    if (!isPlain(claims)) return new CheckedClaims(undefined, FAILURES.claims_invalid);
    return this.checkText(textOfMembers(claims), claims, token, policy, possession);
  }

  /**
   * Checks claims that the engine can read as JSON text.
   *
   * @param text The JSON text of the claims.
   * @param claims The claims to return.
   */
  async checkText(text, claims, token, policy, possession) {
    const failure = await this.#failureOfText(text, token, policy, possession);
    // A failure that concerns this request leaves the claims valid for other requests.
    const areValid = failure === undefined || failure.spec.concernsRequest;
    return new CheckedClaims(areValid ? claims : undefined, failure);
  }

  /**
   * Returns the failure of what a custom `validateAccessToken` returned, if it fails.
   *
   * A custom `validateAccessToken` chooses what an accepted token becomes. An object without `aud`, `exp` and `iss` is
   * not a claims set, and is accepted as it is. A claims set without `aud` counts as one for this client.
   */
  async failureOfResult(result, token, policy, possession) {
    if (!CLAIMS_SET_MEMBERS.some((name) => Object.hasOwn(result, name))) return undefined;
    const claims = { __proto__: null, ...result };
    claims.aud ??= this.#audience;
    return this.#failureOfText(textOfMembers(claims), token, policy, possession);
  }

  async #failureOfText(text, token, policy, possession) {
    const { certificate, proof } = possession ?? NONE;
    const decide = () => this.#native.decideIntrospected(token, policy.handle, dateNow(), certificate, text, proof);
    let code = decide();
    if (code === OUTCOMES.isSlow) code = (await proof.verifyOnPool(token)) || decide();
    return code === 0 ? undefined : failureOf(code);
  }
}

module.exports = { CheckedClaims, ClaimsChecker };
