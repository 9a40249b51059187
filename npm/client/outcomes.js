'use strict';

/**
 * What does an outcome of the engine mean? Turns it into claims or a `Failure`.
 *
 * The claims of a remembered token are parsed once and copied for each caller.
 */

/**
 * @import { FailureData } from '../errors/errors.js'
 * @import { JsFailure, MonoCloudBackendNodeClient, Outcome } from '../native/binding.js'
 * @import { Claims } from '../native/values.js'
 */

const native = require('../native/panic-guard.js');
const { own } = require('./arguments.js');
const { Slots } = require('./claims.js');
const { ClaimsTemplates } = require('./claims-template.js');
const { FAILURES, failureOf } = require('../errors/errors.js');

class Outcomes {
  #native;
  #keepsClaims;
  #slots;
  #templates = new ClaimsTemplates();

  /**
   * @param {MonoCloudBackendNodeClient} native
   * @param {boolean} keepsClaims Whether a valid token that the route rejects keeps its claims, for `Revocation`.
   */
  constructor(native, keepsClaims) {
    this.#native = native;
    this.#keepsClaims = keepsClaims;
    this.#slots = new Slots(() => native.released());
  }

  /**
   * Returns the claims or the failure of a decision that has ended.
   *
   * @param {Outcome} outcome
   * @param {string} token
   * @returns {Claims | FailureData}
   */
  ended(outcome, token) {
    if (typeof outcome === 'string') return this.claimsFromText(token, outcome);
    if (typeof outcome === 'number' && outcome >= 0) return this.claimsFromSlot(token, outcome);
    return this.failure(token, outcome);
  }

  /**
   * Returns the failure of a JWT.
   *
   * @param {string} token
   * @param {number | JsFailure} outcome
   * @returns {FailureData}
   */
  failure(token, outcome) {
    const failure = failureIn(outcome);
    // The engine has verified a token that only the route rejects, so its claims can be trusted.
    return this.#keepsClaims && failure.isOfRoute ? failure.withClaims(claimsOf(token)) : failure;
  }

  /**
   * Returns the claims that the engine wrote as JSON or as a filled claims template.
   *
   * @param {string} token
   * @param {string} text
   * @returns {Claims}
   */
  claimsFromText(token, text) {
    if (!ClaimsTemplates.isFilledTemplate(text)) return JSON.parse(text);
    return this.#templates.claims(text, (id) => this.#native.claimsTemplate(id)) ?? claimsOf(token);
  }

  /**
   * Returns a copy of the claims of a verified token. They are parsed once per slot.
   *
   * @param {string} token
   * @param {number} slot
   * @returns {Claims}
   */
  claimsFromSlot(token, slot) {
    const claims = this.#slots.claims(slot, () => {
      const text = this.#native.claims(token, slot);
      return text === null ? undefined : { claims: JSON.parse(text) };
    });
    // After a validation on the pool, another token may have replaced this one in the slot. The token is still valid.
    return claims ?? claimsOf(token);
  }
}

/**
 * The claims of a token that the engine has validated.
 *
 * @param {string} token
 */
function claimsOf(token) {
  const text = native.decodeClaims(token);
  if (text === null) throw FAILURES.internal.toError();
  return JSON.parse(text);
}

/**
 * The failure that the engine returned: the code of a reason, or an object that also has the detail of an exchange.
 *
 * @param {number | JsFailure} outcome
 */
function failureIn(outcome) {
  return typeof outcome === 'number' ? failureOf(outcome) : failureOf(outcome.code, own(outcome, 'detail'));
}

module.exports = { Outcomes, failureIn };
