'use strict';

/** Tokens that must be rejected, by the reason they are rejected for. One row per reason that a token can cause. */

/** @import { TestClaims, TestTokenOptions } from '../testing.js' */
/** @import { SigningKey } from './keys.js' */
/**
 * What the rows need.
 *
 * @typedef {object} Material
 * @property {Record<string, any>} claims The claims of a good token.
 * @property {Record<string, any>} required The same, without the defaults of the issuer.
 * @property {SigningKey} key
 * @property {(claims?: TestClaims, options?: TestTokenOptions) => string} good
 */

const { createHash, createHmac } = require('node:crypto');

const { compact, encoded, generateKey } = require('./keys.js');

/** The largest token has 16 KiB. */
const TOO_LONG = 'x'.repeat(17 * 1024);
/** No key and no certificate has this thumbprint. */
const FOREIGN_THUMBPRINT = createHash('sha256').update('nobody').digest('base64url');
const TEN_YEARS = 10 * 365 * 86_400;
/** 1970: earlier than any clock tolerance allows, and than any cut-off. */
const LONG_AGO = 1;

/** @type {Record<string, (material: Material) => string>} */
const TOKENS = {
  __proto__: /** @type {any} */ (null),
  algorithm_not_allowed: ({ claims, key }) => signedWithSecret({ alg: 'HS256', typ: 'at+jwt', kid: key.kid }, claims),
  audience_mismatch: ({ good }) => good({ aud: 'https://other-api.test' }),
  certificate_mismatch: ({ good }) => good({ cnf: { 'x5t#S256': FOREIGN_THUMBPRINT } }),
  certificate_missing: ({ good }) => good({ cnf: { 'x5t#S256': FOREIGN_THUMBPRINT } }),
  claims_invalid: ({ key }) => compact({ alg: key.alg, typ: 'at+jwt', kid: key.kid }, '["not an object"]', key),
  confirmation_invalid: ({ good }) => good({ cnf: 'not an object' }),
  critical_header: ({ good }) => good({}, { header: { crit: ['https://example.test/ext'] } }),
  dpop_key_mismatch: ({ good }) => good({ cnf: { jkt: FOREIGN_THUMBPRINT } }),
  dpop_scheme_required: ({ good }) => good({ cnf: { jkt: FOREIGN_THUMBPRINT } }),
  expired: ({ good }) => good({ exp: LONG_AGO }),
  expiry_invalid: ({ good }) => good({ exp: 'soon' }),
  header_invalid: ({ claims, key }) => compact('not JSON', claims, key),
  issued_at_invalid: ({ good }) => good({ iat: 'today' }),
  issuer_mismatch: ({ good }) => good({ iss: 'https://other-issuer.test' }),
  key_ambiguous: ({ good }) => good({}, { header: { kid: undefined } }),
  key_not_found: ({ good }) => good({}, { header: { kid: 'unknown' } }),
  not_before_invalid: ({ good }) => good({ nbf: 'now' }),
  not_yet_valid: ({ claims, good }) => good({ nbf: claims.exp + TEN_YEARS }),
  revoked: ({ good }) => good({ iat: LONG_AGO }),
  signature_invalid: ({ claims, key }) =>
    compact({ alg: key.alg, typ: 'at+jwt', kid: key.kid }, claims, generateKey(key.alg)),
  subject_invalid: ({ good }) => good({ sub: 1 }),
  token_malformed: ({ good }) => `${good()}=`,
  token_required: () => '',
  token_too_large: ({ good }) => good({ filler: TOO_LONG }),
  type_not_allowed: ({ good }) => good({}, { header: { typ: 'secevent+jwt' } }),
  // An opaque token that the issuer does not know.
  inactive: () => 'unknown-token',
  // These are good tokens. A route rejects them if it requires what they lack.
  acr_missing: bare,
  auth_time_invalid: bare,
  authentication_too_old: ({ good }) => good({ auth_time: LONG_AGO }),
  claim_mismatch: bare,
  confirmation_missing: bare,
  dpop_binding_missing: bare,
  group_missing: bare,
  permission_missing: bare,
  role_missing: bare,
  scope_missing: bare,
};

/**
 * A good token without the issuer's default claims.
 *
 * @param {Material} material
 */
function bare({ required, key }) {
  return compact({ alg: key.alg, typ: 'at+jwt', kid: key.kid }, required, key);
}

/**
 * @param {object} header
 * @param {object} claims
 */
function signedWithSecret(header, claims) {
  const input = `${encoded(header)}.${encoded(claims)}`;
  return `${input}.${createHmac('sha256', 'secret').update(input).digest('base64url')}`;
}

/**
 * @param {string} reason
 * @param {Material} material
 */
function badToken(reason, material) {
  const create = TOKENS[reason];
  if (create !== undefined) return create(material);
  const known = Object.keys(TOKENS).sort().join(', ');
  throw new TypeError(`No token alone causes this reason. bad() takes ${known}`);
}

module.exports = { badToken };
