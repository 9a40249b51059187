'use strict';

/**
 * Which rules does a token pass, and which one does it fail?
 *
 * The engine decides, as for `validateAccessToken`, and returns one reason. Its rules have a fixed order and the first
 * failure ends the validation. The rules before the failed one therefore passed, and the rules after it were not
 * reached. Values are read from the token only to show them. The token itself and its signature are never shown.
 */

/**
 * @import { Explanation, ExplainedRule } from '../types/explain.js'
 * @import { FailureData } from '../errors/errors.js'
 * @import { Decision } from '../client/check-claims.js'
 * @import { SpecType } from '../client/call-options.js'
 * @import { PolicyType } from '../client/policy.js'
 * @import { ValidatorType } from '../client/validate.js'
 * @import { MonoCloudReason } from '../types/errors.js'
 * @import { PresentedProof, TokenFacts } from './facts.js'
 */

const native = require('../native/panic-guard.js');
const { dateNow } = require('../client/time.js');
const { FAILURES, Failure } = require('../errors/errors.js');
const { advice, describe } = require('./describe.js');
const { fixOf } = require('./fixes.js');
const { OPAQUE_RULES, placeOf, rulesOf } = require('./rules.js');
const { valuesOf } = require('./values.js');

/**
 * Explains a decision.
 *
 * @param {ValidatorType} validator
 * @param {unknown} token
 * @param {SpecType} spec
 * @param {PolicyType} policy
 * @param {Decision | Promise<Decision>} pending The decision on this token.
 * @returns {Promise<Explanation>}
 */
async function explained(validator, token, spec, policy, pending) {
  const outcome = await decisionOf(pending);
  const failure = outcome instanceof Failure ? outcome : undefined;
  const text = typeof token === 'string' ? token : '';
  const isIntrospected = !validator.isLocal(text);
  const reason = failure?.spec.reason;
  const client = validator.explaining();
  const given = client.options;
  const options = {
    ...given,
    audience: policy.audience ?? given.audience,
    validateCertificateBinding: policy.binding ?? given.validateCertificateBinding,
    validateDPoPBinding: policy.dpop ?? given.validateDPoPBinding,
  };
  const proof = presented(spec.proof);
  const rules = rulesOf({
    isIntrospected,
    checksProof: proof !== undefined && options.validateDPoPBinding !== 'dangerously_ignore',
    checksRevocation: client.checksRevocation,
  });
  const failed = failure === undefined ? rules.length : placeOf(rules, reason);
  /** @type {TokenFacts} */
  const facts = {
    token: text,
    header: isIntrospected ? undefined : partOf(text, 0),
    claims: await claimsOf(client, text, isIntrospected, outcome),
    proof,
    mismatch: mismatchOf(failure),
    isIntrospected,
    issuer: validator.issuer,
    jwks: isIntrospected || failed === -1 ? undefined : await keysOf(validator),
    options,
    requirements: spec,
    now: Math.floor(Date.now() / 1000 + given.clockSkew),
  };
  const kind = isIntrospected ? 'opaque' : 'jwt';
  if (failure === undefined) {
    return { decision: 'accepted', kind, rules: rules.map(([rule]) => shown(rule, 'passed', facts)) };
  }
  const told = /** @type {MonoCloudReason} */ (reason);
  const { message } = failure.toError();
  if (failed === -1) {
    // The reason belongs to no rule: the client could not decide, for example during an outage.
    const fix = advice('decision', told, facts);
    const rest = rules.map(([rule]) => /** @type {ExplainedRule} */ ({ rule, outcome: 'not_reached' }));
    return { decision: 'undecided', reason: told, message, ...(fix && { fix }), kind, rules: rest };
  }
  return {
    decision: 'refused',
    reason: told,
    message,
    kind,
    rules: rules.map(([rule], place) => {
      if (place < failed) return shown(rule, 'passed', facts);
      if (place > failed) return { rule, outcome: 'not_reached' };
      return { ...shown(rule, 'failed', facts), reason: told, fix: advice(rule, told, facts) };
    }),
  };
}

/**
 * Explains that no client was chosen for a token.
 *
 * @param {FailureData} failure
 * @param {boolean} isJwt
 * @returns {Explanation}
 */
function unchosen(failure, isJwt) {
  const { spec } = failure;
  const reason = /** @type {MonoCloudReason} */ (spec.reason);
  const { message } = failure.toError();
  const kind = isJwt ? 'jwt' : 'opaque';
  const fix = fixOf(reason);
  const rules = rulesOf({ isIntrospected: !isJwt, checksProof: false, checksRevocation: false });
  const failed = placeOf(rules, reason);
  if (failed === -1) return { decision: 'undecided', reason, message, ...(fix && { fix }), kind, rules: [] };
  const [rule] = rules[failed];
  // The token names its issuer, and nothing else of it was looked at.
  return {
    decision: 'refused',
    reason,
    message,
    kind,
    rules: [{ rule, outcome: 'failed', reason, ...(fix && { fix }) }],
  };
}

/**
 * Custom methods throw errors of this package as they throw to everybody else.
 *
 * @param {Decision | Promise<Decision>} pending
 * @returns {Promise<Decision>}
 */
async function decisionOf(pending) {
  try {
    return await pending;
  } catch (error) {
    const { reason } = /** @type {{ reason?: string }} */ (error ?? {});
    if (typeof reason === 'string' && Object.hasOwn(FAILURES, reason)) return FAILURES[reason];
    throw error;
  }
}

/**
 * @param {string} rule
 * @param {'passed' | 'failed'} outcome
 * @param {TokenFacts} facts
 * @returns {ExplainedRule}
 */
function shown(rule, outcome, facts) {
  return { rule, outcome, description: describe(rule, facts), ...valuesOf(rule, facts) };
}

/**
 * @param {SpecType['proof']} proof
 * @returns {PresentedProof | undefined}
 */
function presented(proof) {
  if (proof === undefined) return undefined;
  const { given, method, url } = proof;
  return { text: [given ?? []].flat().join(', '), method, url };
}

/**
 * @param {FailureData | undefined} failure
 * @returns {TokenFacts['mismatch']}
 */
function mismatchOf(failure) {
  const { got, expected } = failure?.proof ?? {};
  return got === undefined ? undefined : { got, expected };
}

/**
 * The claims of the token. An introspection response is not kept, so the issuer is asked once more if a claim is the
 * reason. The claims are only shown. They do not decide anything.
 *
 * @param {ReturnType<ValidatorType['explaining']>} client
 * @param {string} token
 * @param {boolean} isIntrospected
 * @param {Decision} outcome
 * @returns {Promise<TokenFacts['claims']>}
 */
async function claimsOf(client, token, isIntrospected, outcome) {
  if (!(outcome instanceof Failure)) return outcome;
  if (outcome.claims !== undefined) return outcome.claims;
  if (!isIntrospected) return claimsOfJwt(token);
  const isAfterResponse = placeOf(OPAQUE_RULES, outcome.spec.reason) > placeOf(OPAQUE_RULES, 'inactive');
  if (!isAfterResponse) return undefined;
  const pending = client.introspect(token, dateNow());
  client.drain();
  const answer = await pending;
  return typeof answer === 'string' ? JSON.parse(answer) : undefined;
}

/** @param {string} token */
function claimsOfJwt(token) {
  const text = native.decodeClaims(token);
  return typeof text === 'string' ? JSON.parse(text) : undefined;
}

/**
 * A part of a JWT as an object. `undefined` if it is none.
 *
 * @param {string} token
 * @param {number} index
 */
function partOf(token, index) {
  try {
    const part = JSON.parse(Buffer.from(token.split('.')[index], 'base64url').toString());
    return typeof part === 'object' && part !== null ? part : undefined;
  } catch {
    return undefined;
  }
}

/** @param {ValidatorType} validator */
async function keysOf(validator) {
  const jwks = await validator.document('jwks', false);
  return jwks instanceof Failure ? undefined : jwks;
}

module.exports = { explained, unchosen };
