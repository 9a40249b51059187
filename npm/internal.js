'use strict';

/**
 * The subpath `./internal`: small helpers for sibling packages. It contains no policy: the engine selects the key for
 * a header.
 */

const { webcrypto } = require('node:crypto');

const { MonoCloudTokenError } = require('./errors/errors.js');
const { textOf } = require('./client/json.js');

/** The Web Crypto parameters of the algorithms of RFC 7518 §3.1, RFC 8037 §3.1 and RFC 9864 (`Ed25519`). */
const IMPORT_PARAMETERS = new Map([
  ['RS256', { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' }],
  ['RS384', { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384' }],
  ['RS512', { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' }],
  ['PS256', { name: 'RSA-PSS', hash: 'SHA-256' }],
  ['PS384', { name: 'RSA-PSS', hash: 'SHA-384' }],
  ['PS512', { name: 'RSA-PSS', hash: 'SHA-512' }],
  ['ES256', { name: 'ECDSA', namedCurve: 'P-256' }],
  ['ES384', { name: 'ECDSA', namedCurve: 'P-384' }],
  ['ES512', { name: 'ECDSA', namedCurve: 'P-521' }],
  ['EdDSA', { name: 'Ed25519' }],
  ['Ed25519', { name: 'Ed25519' }],
]);

/** @type {typeof import('./internal.js').findToken} */
function findToken(tokens, resource, scopes) {
  return tokens?.find((token) => {
    if (!isSameSet(token.resource, resource)) return false;
    return scopes === undefined || isSameSet(token.requestedScopes ?? token.scopes, scopes);
  });
}

/** @type {typeof import('./internal.js').getPublicSigKeyFromIssuerJwks} */
async function getPublicSigKeyFromIssuerJwks(jwks, header) {
  const keys = Array.isArray(jwks) ? jwks : jwks?.keys;
  // Loaded here, so that the rest of this module works without the add-on.
  const native = require('./native/panic-guard.js');
  // The engine has checked `use`, `key_ops` and `alg`. It returns only the public members of the key.
  const jwk = native.publicSigningKey(textOf({ keys: keys ?? [] }), textOf(header ?? {}));
  const parameters = IMPORT_PARAMETERS.get(header?.alg);
  if (jwk === null || parameters === undefined) throw keyNotFound();
  try {
    return await webcrypto.subtle.importKey('jwk', JSON.parse(jwk), parameters, false, ['verify']);
  } catch {
    throw keyNotFound();
  }
}

/** @type {typeof import('./internal.js').getBoolean} */
function getBoolean(value) {
  if (typeof value !== 'string') return undefined;
  switch (value.toLowerCase()) {
    case 'true':
      return true;
    case 'false':
      return false;
    default:
      return undefined;
  }
}

/** @type {typeof import('./internal.js').getNumber} */
function getNumber(value) {
  if (typeof value !== 'string' || !/^[+-]?\d+$/.test(value)) return undefined;
  const number = Number(value);
  // Doubles above 2^53 are not exact. Adding 0 turns -0 into 0.
  return Number.isSafeInteger(number) ? number + 0 : undefined;
}

/** @type {typeof import('./internal.js').now} */
function now() {
  return Math.floor(Date.now() / 1000);
}

/** @param {unknown} value */
function parseSpaceSeparated(value) {
  if (typeof value !== 'string') return undefined;
  return value.split(' ').filter((item) => item !== '');
}

/**
 * @param {string | undefined} left
 * @param {string | undefined} right
 */
function isSameSet(left, right) {
  const leftSet = new Set(parseSpaceSeparated(left));
  const rightSet = new Set(parseSpaceSeparated(right));
  return leftSet.size === rightSet.size && [...leftSet].every((item) => rightSet.has(item));
}

function keyNotFound() {
  return new MonoCloudTokenError('No fitting signing key found', undefined, 'key_not_found');
}

module.exports = {
  findToken,
  getBoolean,
  getNumber,
  getPublicSigKeyFromIssuerJwks,
  now,
  parseSpaceSeparated,
};
