'use strict';

/**
 * Which rules does a token pass, and which one does it fail?
 *
 * The engine decides and returns one reason. Its rules have a fixed order and the first failure ends the validation. The
 * rules before the failed one therefore passed, and the rules after it were not checked. Values are read from the token
 * only to show them. The token itself is never shown.
 */

/**
 * @import { ReportType } from './report.js'
 * @import { Configuration, TokenFacts } from './facts.js'
 * @import { AccessTokenClaims } from '../types/claims.js'
 * @import { ValidateAccessTokenOptions } from '../types/options.js'
 * @import { Thrown } from './thrown.js'
 */

const { MonoCloudBackendNodeClient } = require('../client/client.js');
const { introspected } = require('./answer.js');
const { advice, describe } = require('./describe.js');
const { thrown } = require('./thrown.js');

/** The reasons of DPoP (RFC 9449), in the engine's order. */
const DPOP_REASONS = [
  'dpop_binding_missing',
  'dpop_scheme_required',
  'dpop_proof_missing',
  'dpop_proof_too_large',
  'dpop_proof_malformed',
  'dpop_type_not_allowed',
  'dpop_algorithm_not_allowed',
  'dpop_header_invalid',
  'dpop_key_invalid',
  'dpop_claims_invalid',
  'dpop_token_mismatch',
  'dpop_method_mismatch',
  'dpop_url_mismatch',
  'dpop_key_mismatch',
  'dpop_signature_invalid',
  'dpop_nonce_missing',
  'dpop_nonce_stale',
  'dpop_expired',
  'dpop_not_yet_valid',
  'dpop_replayed',
];

/** The rules in the engine's order, each with the reasons of its failures. */
const CLAIM_RULES = [
  ['claims', 'claims_invalid'],
  ['issuer', 'issuer_mismatch'],
  ['audience', 'audience_mismatch'],
  ['expiry', 'expired', 'expiry_invalid'],
  ['start of validity', 'not_yet_valid', 'not_before_invalid'],
  ['time of issue', 'issued_at_invalid'],
  ['subject', 'subject_invalid'],
  [
    'binding',
    ...DPOP_REASONS,
    'confirmation_invalid',
    'confirmation_missing',
    'certificate_missing',
    'certificate_invalid',
    'certificate_mismatch',
  ],
  ['authentication', 'acr_missing', 'auth_time_invalid', 'authentication_too_old'],
  ['scopes', 'scope_missing'],
  ['groups', 'group_missing'],
];
const JWT_RULES = [
  ['form', 'token_required', 'token_too_large', 'token_malformed'],
  ['header', 'header_invalid'],
  ['algorithm', 'algorithm_not_allowed'],
  ['extensions', 'critical_header'],
  ['type', 'type_not_allowed'],
  ['key', 'key_not_found', 'key_ambiguous'],
  ['signature', 'signature_invalid'],
  ...CLAIM_RULES,
];
const OPAQUE_RULES = [['form', 'token_required', 'token_too_large'], ['active', 'inactive'], ...CLAIM_RULES];

/**
 * @typedef {Pick<TokenFacts, 'server' | 'token' | 'scopes' | 'groups'>
 *   & { configuration: Configuration, certificate: string | undefined }} TokenCheck
 */

/**
 * @param {ReportType} report
 * @param {TokenCheck} check
 */
async function checkToken(report, { configuration, server, token, scopes, groups, certificate }) {
  report.section('Token');
  const { client, values } = configuration;
  const { claims, error } = await decide(client, token, { scopes, groups, clientCertificate: certificate });
  const isIntrospected = client.hasIntrospected;
  const rules = isIntrospected ? OPAQUE_RULES : JWT_RULES;
  /** @type {TokenFacts} */
  const facts = {
    token,
    header: isIntrospected ? undefined : headerOf(token),
    claims: claims ?? (isIntrospected ? await answerTo(token, error) : claimsOf(token)),
    isIntrospected,
    server,
    values,
    scopes,
    groups,
  };
  if (error === undefined) {
    rules.forEach(([rule]) => report.ok(idOf(rule), rule, describe(rule, facts)));
    report.ok('token.verdict', 'verdict', `accepted, ${isIntrospected ? 'by introspection' : 'as a JWT'}`);
    return;
  }
  const failed = rules.findIndex(([, ...reasons]) => reasons.some((reason) => reason === error.reason));
  if (failed === -1) {
    // The reason belongs to no rule: the engine could not decide, for example during an outage.
    report.problem('token.decision', 'decision', {
      message: error.message,
      reason: error.reason,
      fix: advice('decision', error.reason, facts),
    });
    return;
  }
  rules.slice(0, failed).forEach(([name]) => report.ok(idOf(name), name, describe(name, facts)));
  const [rule] = rules[failed];
  report.problem(idOf(rule), rule, {
    message: `${error.message}: ${describe(rule, facts)}`,
    reason: error.reason,
    fix: advice(rule, error.reason, facts),
  });
  const after = rules.slice(failed + 1).map(([name]) => name);
  if (after.length > 0) report.skipped('token.rest', 'not reached', after.join(', '));
}

/**
 * @param {Configuration['client']} client
 * @param {string} token
 * @param {ValidateAccessTokenOptions} options
 * @returns {Promise<{ claims?: AccessTokenClaims, error?: Thrown }>}
 */
async function decide(client, token, options) {
  client.hasIntrospected = false;
  try {
    return { claims: await client.validateAccessToken(token, options) };
  } catch (error) {
    return { error: thrown(error) };
  }
}

/**
 * The introspected claims, if the token was rejected because of a claim.
 *
 * @param {string} token
 * @param {Thrown | undefined} error
 */
function answerTo(token, error) {
  const isAboutClaims = CLAIM_RULES.some(([, ...reasons]) => reasons.some((reason) => reason === error?.reason));
  return isAboutClaims ? introspected(token) : undefined;
}

/** @param {string} token */
function headerOf(token) {
  try {
    return JSON.parse(Buffer.from(token.split('.')[0], 'base64url').toString());
  } catch {
    return undefined;
  }
}

/** @param {string} token */
function claimsOf(token) {
  try {
    return MonoCloudBackendNodeClient.decodeJwt(token);
  } catch {
    return undefined;
  }
}

/** @param {string} rule */
const idOf = (rule) => `token.${rule.replaceAll(' ', '-')}`;

module.exports = { JWT_RULES, OPAQUE_RULES, checkToken };
