'use strict';

/**
 * Describes, for each rule, the value in the token and the expected value. The descriptions are only shown. They do not
 * decide anything.
 */

/**
 * @import { TokenFacts } from './facts.js'
 * @import { Jwks } from '../types/issuer.js'
 */

const { fixOf } = require('./fixes.js');
const { moment } = require('./moment.js');
const { PROOF_DESCRIPTIONS, confirmation, proofHint } = require('./proof.js');

const WITHOUT_SLASH = /\/$/;

/**
 * By rule: the value in the token, and the expected value.
 *
 * @type {Record<string, (facts: TokenFacts) => string>}
 */
const DESCRIPTIONS = {
  form: ({ token, isIntrospected }) =>
    `${Buffer.byteLength(token)} bytes, ${parts(token)}${isIntrospected ? ', introspected' : ''}`,
  active: () => 'reported by the authorization server',
  header: ({ header }) => (header ? 'one JSON object' : 'not a JSON object'),
  algorithm: ({ header }) => `alg ${json(header?.alg)}`,
  extensions: ({ header }) => extensions(header),
  type: ({ header }) => `typ ${json(header?.typ)}`,
  key: ({ header, server }) => `kid ${json(header?.kid)}, published: ${kids(server.jwks)}`,
  signature: ({ header }) => `key ${json(header?.kid)}`,
  claims: ({ claims }) =>
    claims ? `${Object.keys(claims).length} claims` : 'must be one JSON object without duplicate members',
  issuer: ({ claims, server, isIntrospected }) =>
    isIntrospected && claims && isAbsent(claims.iss)
      ? 'no iss, which introspection allows'
      : `iss ${json(claims?.iss)}, expected ${json(server.metadata.issuer)}`,
  audience: ({ claims, values, isIntrospected }) =>
    isIntrospected && claims && isAbsent(claims.aud) && values.get('introspectionAudience') === 'when_present'
      ? 'no aud, which introspectionAudience when_present allows: the token may be for another API'
      : `aud ${json(claims?.aud)}, expected ${expectedAudience(values.get('audience'))}`,
  expiry: ({ claims }) => `exp ${moment(claims?.exp)}`,
  'start of validity': ({ claims }) => `nbf ${moment(claims?.nbf)}`,
  'time of issue': ({ claims }) => `iat ${moment(claims?.iat)}`,
  subject: ({ claims }) => `sub is ${typeof claims?.sub === 'string' ? 'a string' : json(claims?.sub)}`,
  confirmation: ({ claims }) => `cnf ${json(claims?.cnf)}`,
  DPoP: ({ claims, values, proof }) => {
    if (values.get('validateDPoPBinding') === 'dangerously_ignore') return 'not checked: dangerously_ignore';
    const isBound = confirmation(claims).jkt !== undefined;
    return `${isBound ? 'bound to a key' : 'not bound to a key'}, scheme ${proof === undefined ? 'Bearer' : 'DPoP'}`;
  },
  binding: ({ claims, values }) => {
    if (values.get('validateCertificateBinding') === 'dangerously_ignore') return 'not checked: dangerously_ignore';
    const isBound = confirmation(claims)['x5t#S256'] !== undefined;
    return isBound ? `cnf ${json(claims?.cnf)}` : 'not bound to a certificate';
  },
  authentication: ({ claims }) =>
    `acr ${json(claims?.acr)}, auth_time ${moment(claims?.auth_time)}, not compared with the acr and maxAge of a route`,
  scopes: ({ claims, scopes }) => `scope ${json(claims?.scope)}, ${required(scopes)}`,
  groups: ({ claims, groups, values }) => {
    const name = values.get('groupOptions.groupsClaim') ?? 'groups';
    const all = values.get('groupOptions.matchAll')?.toLowerCase() === 'true';
    return `${name} ${json(claims?.[name])}, ${required(groups, all ? 'all of ' : 'any of ')}`;
  },
};

/**
 * @param {string} rule
 * @param {TokenFacts} facts
 */
function describe(rule, facts) {
  const { proof } = facts;
  const isOfProof = proof !== undefined && Object.hasOwn(PROOF_DESCRIPTIONS, rule);
  return isOfProof ? PROOF_DESCRIPTIONS[rule]({ ...facts, proof }) : DESCRIPTIONS[rule](facts);
}

/**
 * The fix: first a likely mistake, if there is one, then the general fix for the reason.
 *
 * @param {string} rule
 * @param {string | undefined} reason
 * @param {TokenFacts} facts
 */
function advice(rule, reason, facts) {
  const { claims, isIntrospected, proof } = facts;
  // Another value of MONOCLOUD_BACKEND_AUDIENCE does not help if the server sends no `aud` at all.
  if (reason === 'audience_mismatch' && claims && isAbsent(claims.aud))
    return isIntrospected ? NO_AUD_ANSWERED : NO_AUD;
  const likely = proof && proofHint(rule, reason, { ...facts, proof });
  return [likely ?? hint(rule, facts), fixOf(reason)].filter(Boolean).join(' ');
}

const NO_AUD =
  'The token has no aud. Configure the authorization server to send it (RFC 9068 §2.2 requires it): register this API ' +
  'there, and request the token with the resource or audience parameter.';
const NO_AUD_ANSWERED =
  'The introspection response has no aud. Configure the authorization server to send it (RFC 7662 §2.2): register this ' +
  'API there, request the token with the resource or audience parameter, and include aud in introspection responses. If ' +
  'the server cannot send it, set MONOCLOUD_BACKEND_INTROSPECTION_AUDIENCE=when_present: then this API accepts every ' +
  'active token that the server reports without aud.';

/** @param {string | undefined} audience */
function expectedAudience(audience) {
  const names = audience?.split(/\s+/) ?? [audience];
  return names.length === 1 ? json(audience) : `one of ${names.map(json).join(', ')}`;
}

/** @param {unknown} value */
function isAbsent(value) {
  return value === undefined || value === null;
}

/**
 * @param {string} rule
 * @param {TokenFacts} facts
 */
function hint(rule, { claims, server, values, token }) {
  if (rule === 'audience') return likelyMistake([claims?.aud].flat(), (values.get('audience') ?? '').split(/\s+/));
  if (rule === 'issuer') return likelyMistake([claims?.iss], [server.metadata.issuer]);
  if (rule === 'form' && /\s/.test(token)) return 'The token contains a space or a line break.';
  if (rule === 'form' && /^["'].*["']$/.test(token)) return 'The token has quotation marks around it.';
  return undefined;
}

/**
 * The difference between two values that are almost equal.
 *
 * @param {unknown[]} found
 * @param {string[]} expected
 */
function likelyMistake(found, expected) {
  const texts = found.filter(isText);
  /** @param {(text: string) => string} same */
  const differsOnlyBy = (same) => texts.some((text) => expected.some((other) => same(text) === same(other)));
  if (differsOnlyBy((text) => text.replace(WITHOUT_SLASH, ''))) return 'The values differ by a slash at the end.';
  if (differsOnlyBy((text) => text.toLowerCase())) return 'The values differ in upper and lower case.';
  if (differsOnlyBy((text) => text.replace(/^https?:/, ''))) return 'The values differ in http and https.';
  return undefined;
}

/** @param {TokenFacts['header']} header */
function extensions(header) {
  const names = ['crit', 'b64'].filter((name) => header && Object.hasOwn(header, name));
  return names.length === 0 ? 'no crit, no b64' : `the header has ${names.join(' and ')}`;
}

/** @param {string} token */
function parts(token) {
  const count = token.split('.').length;
  return count === 1 ? 'no dots' : `${count} parts`;
}

/** @param {Jwks | undefined} jwks */
function kids(jwks) {
  return jwks ? jwks.keys.map((jwk) => json(jwk?.kid)).join(', ') || 'none' : 'unknown';
}

/** @param {string[] | undefined} list */
function required(list, how = '') {
  return list ? `required: ${how}${list.map(json).join(', ')}` : 'none required';
}

/**
 * @param {unknown} value
 * @returns {value is string}
 */
function isText(value) {
  return typeof value === 'string';
}

/** @param {unknown} value */
function json(value) {
  return value === undefined ? '(absent)' : JSON.stringify(value);
}

module.exports = { advice, describe };
