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
const { claim, nameOf, scopesClaim } = require('./paths.js');
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
  key: ({ header, jwks }) => `kid ${json(header?.kid)}, published: ${kids(jwks)}`,
  signature: ({ header }) => `key ${json(header?.kid)}`,
  claims: ({ claims }) =>
    claims ? `${Object.keys(claims).length} claims` : 'must be one JSON object without duplicate members',
  issuer: ({ claims, issuer, isIntrospected }) =>
    isIntrospected && claims && isAbsent(claims.iss)
      ? 'no iss, which introspection allows'
      : `iss ${json(claims?.iss)}, expected ${json(issuer)}`,
  audience: ({ claims, options, isIntrospected }) =>
    isIntrospected && claims && isAbsent(claims.aud) && options.introspectionAudience === 'when_present'
      ? 'no aud, which introspectionAudience when_present allows: the token may be for another API'
      : `aud ${json(claims?.aud)}, expected ${expectedAudience(options.audience)}`,
  expiry: ({ claims }) => `exp ${moment(claims?.exp)}`,
  'start of validity': ({ claims }) => `nbf ${moment(claims?.nbf)}`,
  'time of issue': ({ claims }) => `iat ${moment(claims?.iat)}`,
  subject: ({ claims }) => `sub is ${typeof claims?.sub === 'string' ? 'a string' : json(claims?.sub)}`,
  confirmation: ({ claims }) => `cnf ${json(claims?.cnf)}`,
  DPoP: ({ claims, options, proof }) => {
    if (options.validateDPoPBinding === 'dangerously_ignore') return 'not checked: dangerously_ignore';
    const isBound = confirmation(claims).jkt !== undefined;
    return `${isBound ? 'bound to a key' : 'not bound to a key'}, scheme ${proof === undefined ? 'Bearer' : 'DPoP'}`;
  },
  binding: ({ claims, options }) => {
    if (options.validateCertificateBinding === 'dangerously_ignore') return 'not checked: dangerously_ignore';
    const isBound = confirmation(claims)['x5t#S256'] !== undefined;
    return isBound ? `cnf ${json(claims?.cnf)}` : 'not bound to a certificate';
  },
  revocation: () => 'the revocation store was asked',
  authentication: ({ claims, requirements: { acr, maxAge } }) => {
    const has = `acr ${json(claims?.acr)}, auth_time ${moment(claims?.auth_time)}`;
    if (acr === undefined && maxAge === undefined) return `${has}, not compared with the acr and maxAge of a route`;
    const needs = [acr && `acr ${acr.map(json).join(' or ')}`, maxAge && `at most ${maxAge} s ago`];
    return `${has}, required: ${needs.filter(Boolean).join(', ')}`;
  },
  scopes: ({ claims, options, requirements: { scopes, anyScopes } }) => {
    const path = scopesClaim(claims, options);
    const name = (path ? [path] : options['scopeOptions.scopesClaim']).map(nameOf).join(' or ');
    const any = anyScopes ? `, any of ${anyScopes.map(json).join(', ')}` : '';
    return `${name} ${json(path && claim(claims, path))}, ${required(scopes)}${any}`;
  },
  groups: ({ claims, options, requirements: { groups } }) => {
    const path = options['groupOptions.groupsClaim'];
    const all = options['groupOptions.matchAll'] ? 'all of ' : 'any of ';
    return `${nameOf(path)} ${json(claim(claims, path))}, ${required(groups, all)}`;
  },
  permissions: ({ claims, options: { permissionsClaim: path }, requirements: { permissions } }) =>
    `${nameOf(path)} ${json(claim(claims, path))}, ${required(permissions)}`,
  roles: ({ claims, options: { rolesClaim: path }, requirements: { roles } }) =>
    `${nameOf(path)} ${json(claim(claims, path))}, ${required(roles)}`,
  'claims rules': ({ requirements: { claims } }) =>
    claims === undefined ? 'not compared with the claims option of a route' : `required: ${claims}`,
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

/** @param {readonly string[]} audiences */
function expectedAudience(audiences) {
  return audiences.length === 1 ? json(audiences[0]) : `one of ${audiences.map(json).join(', ')}`;
}

const HAS_SCP =
  'The token has its scopes in scp, and not in the claim that is read. Set MONOCLOUD_BACKEND_SCOPES_CLAIM to scp (option ' +
  'scopeOptions.scopesClaim).';

/** @param {unknown} value */
function isAbsent(value) {
  return value === undefined || value === null;
}

/**
 * @param {string} rule
 * @param {TokenFacts} facts
 */
function hint(rule, { claims, issuer, options, token }) {
  if (rule === 'scopes' && scopesClaim(claims, options) === undefined && claim(claims, ['scp']) !== undefined)
    return HAS_SCP;
  if (rule === 'audience') return likelyMistake([claims?.aud].flat(), options.audience);
  if (rule === 'issuer') return likelyMistake([claims?.iss], [issuer]);
  if (rule === 'form' && /\s/.test(token)) return 'The token contains a space or a line break.';
  if (rule === 'form' && /^["'].*["']$/.test(token)) return 'The token has quotation marks around it.';
  return undefined;
}

/**
 * The difference between two values that are almost equal.
 *
 * @param {unknown[]} found
 * @param {readonly string[]} expected
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

/** @param {readonly string[]} list */
function required(list, how = '') {
  return list.length > 0 ? `required: ${how}${list.map(json).join(', ')}` : 'none required';
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
