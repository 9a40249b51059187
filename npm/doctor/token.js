'use strict';

/**
 * Which rules does a token pass, and which one does it fail?
 *
 * The engine decides and returns one reason. Its rules have a fixed order and the first failure ends the validation. The
 * rules before the failed one therefore passed, and the rules after it were not checked. Values are read from the token
 * only to show them. The token itself is never shown.
 */

/**
 * @import { IssuerMetadata, Jwks } from '../types/issuer.js'
 * @import { ReportType } from './report.js'
 * @import { Configuration, Mismatch, PresentedProof, PresentedToken, Rule, TokenFacts } from './facts.js'
 */
/** @typedef {{ configuration: Configuration, server: { metadata: IssuerMetadata, jwks?: Jwks | undefined } }} Setup */
/** @typedef {{ kind?: string, mismatch?: Mismatch }} Seen What the events of a decision say. */

const { channel } = require('node:diagnostics_channel');

const { MonoCloudBackendNodeClient } = require('../client/client.js');
const { introspected } = require('./answer.js');
const { advice, describe } = require('./describe.js');
const { KEY_RULES, REQUEST_RULES } = require('./proof.js');
const { thrown } = require('./thrown.js');

/**
 * The rules in the engine's order.
 *
 * @type {Rule[]}
 */
const CLAIM_RULES = [
  ['claims', 'claims_invalid'],
  ['issuer', 'issuer_mismatch'],
  ['audience', 'audience_mismatch'],
  ['expiry', 'expired', 'expiry_invalid'],
  ['start of validity', 'not_yet_valid', 'not_before_invalid'],
  ['time of issue', 'issued_at_invalid'],
  ['subject', 'subject_invalid'],
];
/** @type {Rule[]} */
const BINDING_RULES = [
  ['binding', 'confirmation_missing', 'certificate_missing', 'certificate_invalid', 'certificate_mismatch'],
  ['authentication', 'acr_missing', 'auth_time_invalid', 'authentication_too_old'],
  ['scopes', 'scope_missing'],
  ['groups', 'group_missing'],
  ['permissions', 'permission_missing'],
  ['roles', 'role_missing'],
  ['claims rules', 'claim_mismatch'],
];
/** @type {Rule[]} */
const JWT_RULES = [
  ['form', 'token_required', 'token_too_large', 'token_malformed'],
  ['header', 'header_invalid'],
  ['algorithm', 'algorithm_not_allowed'],
  ['extensions', 'critical_header'],
  ['type', 'type_not_allowed'],
  ['key', 'key_not_found', 'key_ambiguous'],
  ['signature', 'signature_invalid'],
  ...CLAIM_RULES,
  // The token's own binding comes before the proof: the scheme DPoP is for bound tokens only.
  ['confirmation', 'confirmation_invalid'],
  ['DPoP', 'dpop_scheme_required', 'dpop_binding_missing'],
  ...REQUEST_RULES,
  ...KEY_RULES,
  ...BINDING_RULES,
];
/** @type {Rule[]} */
const OPAQUE_RULES = [
  ['form', 'token_required', 'token_too_large'],
  // A proof that cannot be accepted is rejected before a request to the issuer.
  ...REQUEST_RULES,
  ['active', 'inactive', 'revoked'],
  ...CLAIM_RULES,
  ['confirmation', 'confirmation_invalid'],
  ['DPoP', 'dpop_scheme_required', 'dpop_binding_missing'],
  ...KEY_RULES,
  ...BINDING_RULES,
];
const PROOF_RULES = [...REQUEST_RULES, ...KEY_RULES];

/**
 * @param {ReportType} report
 * @param {Setup & PresentedToken} presented
 */
async function checkToken(report, { configuration, server, token, scopes, groups, certificate, proof, ...lists }) {
  const { permissions, roles } = lists;
  report.section('Token');
  const { client, values } = configuration;
  const options = { scopes, groups, permissions, roles, clientCertificate: certificate, ...dpopOptions(proof) };
  const { claims, error, kind, mismatch } = await decide(client, token, options);
  const isIntrospected = kind === 'opaque';
  const checksProof = proof !== undefined && values.get('validateDPoPBinding') !== 'dangerously_ignore';
  const rules = (isIntrospected ? OPAQUE_RULES : JWT_RULES).filter(
    (rule) => checksProof || !PROOF_RULES.includes(rule),
  );
  /** @type {TokenFacts} */
  const facts = {
    token,
    header: isIntrospected ? undefined : headerOf(token),
    claims: claims ?? (isIntrospected ? await answerTo(token, error?.reason) : claimsOf(token)),
    proof,
    mismatch,
    isIntrospected,
    server,
    values,
    scopes,
    groups,
    permissions,
    roles,
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
 * @param {PresentedProof | undefined} proof
 * @returns {{ scheme: 'dpop', dpop: { proof: string, method: string, url: string } } | undefined}
 */
function dpopOptions(proof) {
  if (proof === undefined) return undefined;
  const { text, method, url } = proof;
  return { scheme: 'dpop', dpop: { proof: text, method, url } };
}

/**
 * Returns the claims or the error, and what the events say: the kind of the token, and what a proof does not match.
 *
 * @param {Configuration['client']} client
 * @param {string} token
 * @param {import('../types/options.js').ValidateAccessTokenOptions} options
 */
async function decide(client, token, options) {
  /** @type {Seen} */
  const seen = {};
  /** @param {any} event */
  const note = ({ kind, expected, got }) => {
    seen.kind = kind;
    if (got !== undefined) seen.mismatch = { expected, got };
  };
  const channels = ['validated', 'refused'].map((name) => channel(`monocloud:backend:${name}`));
  for (const one of channels) one.subscribe(note);
  try {
    const claims = await client.validateAccessToken(token, options);
    return { claims, error: undefined, ...seen };
  } catch (error) {
    return { claims: undefined, error: thrown(error), ...seen };
  } finally {
    for (const one of channels) one.unsubscribe(note);
  }
}

/**
 * The introspected claims, if the token was rejected because of a claim.
 *
 * @param {string} token
 * @param {string | undefined} reason
 */
function answerTo(token, reason) {
  const rule = OPAQUE_RULES.findIndex(([, ...reasons]) => reasons.some((one) => one === reason));
  const isAboutClaims = rule > OPAQUE_RULES.findIndex(([name]) => name === 'active');
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
