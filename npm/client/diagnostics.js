'use strict';

/**
 * Which values made the engine reject a token? Loaded only if somebody listens and the client has `diagnostics: 'values'`.
 *
 * The values are those of a token that was not accepted, so anyone may have written them. They are read leniently, never
 * decide anything, and are cut and escaped.
 */

/**
 * @import { FailureData } from '../errors/errors.js'
 * @import { ValidatorType } from './validate.js'
 */
/** @typedef {string | number | undefined} Shown */
/** @typedef {{ kid?: Shown, member?: string, expected?: Shown, received?: Shown }} Values */
/** @typedef {(validator: ValidatorType) => Shown} Expected */

const { own } = require('./arguments.js');
const { printable } = require('./printable.js');
const { dateNow } = require('./time.js');

/** Longer parts of a token are not read. */
const MAX_PART = 64 * 1024;

const nothing = () => undefined;
/** The time of the machine, in whole seconds. `clockSkew` and `clockTolerance` are not added. */
const time = () => {
  const now = Math.floor(dateNow());
  return Number.isFinite(now) ? now : undefined;
};

/**
 * The part of the token and the member that a reason is about, and what the rule expects. The accepted types and
 * algorithms are constants, which the documents list.
 *
 * @type {Record<string, ['header' | 'claims', string, Expected]>}
 */
const MEMBERS = {
  __proto__: /** @type {any} */ (null),
  algorithm_not_allowed: ['header', 'alg', nothing],
  audience_mismatch: ['claims', 'aud', (validator) => printable(validator.audiences.join(' '))],
  authentication_too_old: ['claims', 'auth_time', time],
  auth_time_invalid: ['claims', 'auth_time', nothing],
  expired: ['claims', 'exp', time],
  expiry_invalid: ['claims', 'exp', nothing],
  issued_at_invalid: ['claims', 'iat', nothing],
  issuer_mismatch: ['claims', 'iss', (validator) => printable(validator.issuer)],
  not_before_invalid: ['claims', 'nbf', nothing],
  not_yet_valid: ['claims', 'nbf', time],
  type_not_allowed: ['header', 'typ', nothing],
};

/**
 * The member of a DPoP proof that a reason is about. The engine has the values, cut and escaped.
 *
 * @type {Record<string, string>}
 */
const PROOF_MEMBERS = {
  __proto__: /** @type {any} */ (null),
  dpop_method_mismatch: 'htm',
  dpop_url_mismatch: 'htu',
};

/**
 * The values that an event of a refusal gets. Never throws.
 *
 * @param {FailureData} failure
 * @param {unknown} token
 * @param {ValidatorType} validator
 * @returns {Values}
 */
function valuesOf(failure, token, validator) {
  try {
    const parts = typeof token === 'string' ? token.split('.', 4) : [];
    const isJwt = parts.length === 3;
    /** @type {Record<string, any>} */
    const read = {
      header: isJwt ? objectIn(parts[0]) : undefined,
      // The claims of an opaque token are known only if the token is valid and the route rejects it.
      claims: isJwt ? objectIn(parts[1]) : failure.claims,
    };
    const kid = shown(own(read.header, 'kid'));
    return kid === undefined ? mismatch(failure, read, validator) : { kid, ...mismatch(failure, read, validator) };
  } catch {
    return {};
  }
}

/**
 * @param {FailureData} failure
 * @param {Record<string, any>} read
 * @param {ValidatorType} validator
 * @returns {Values}
 */
function mismatch({ spec: { reason }, proof }, read, validator) {
  const ofProof = PROOF_MEMBERS[reason];
  if (ofProof !== undefined) return { member: ofProof, received: proof?.got };
  const rule = MEMBERS[reason];
  if (rule === undefined) return {};
  const [part, member, expectedBy] = rule;
  const expected = expectedBy(validator);
  const received = shown(own(read[part], member));
  return { member, ...(expected !== undefined && { expected }), ...(received !== undefined && { received }) };
}

/**
 * A number as it is, text cut and escaped, anything else as its JSON text.
 *
 * @param {unknown} value
 * @returns {Shown}
 */
function shown(value) {
  if (value === undefined) return undefined;
  if (typeof value === 'number') return value;
  return printable(typeof value === 'string' ? value : JSON.stringify(value));
}

/**
 * @param {string} part
 * @returns {unknown}
 */
function objectIn(part) {
  if (part.length > MAX_PART) return undefined;
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
}

module.exports = { valuesOf };
