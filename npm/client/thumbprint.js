'use strict';

/** The thumbprint of a public key (RFC 7638 §3, RFC 8037 §2), for explanations and the testing kit. The engine has its own. */

const { createHash } = require('node:crypto');

/**
 * The members that a thumbprint covers, in their order.
 *
 * @type {Record<string, string[]>}
 */
const MEMBERS = { EC: ['crv', 'kty', 'x', 'y'], OKP: ['crv', 'kty', 'x'], RSA: ['e', 'kty', 'n'] };

/**
 * The members of a key that its thumbprint covers. `undefined` if one is missing or no text.
 *
 * @param {any} jwk
 * @returns {Record<string, string> | undefined}
 */
function requiredMembers(jwk) {
  const names = Object.hasOwn(MEMBERS, jwk?.kty) ? MEMBERS[jwk.kty] : undefined;
  if (!names?.every((name) => typeof jwk[name] === 'string')) return undefined;
  return Object.fromEntries(names.map((name) => [name, jwk[name]]));
}

/**
 * @param {any} jwk
 * @returns {string | undefined} `undefined` if a member is missing.
 */
function thumbprint(jwk) {
  const members = requiredMembers(jwk);
  return members && createHash('sha256').update(JSON.stringify(members)).digest('base64url');
}

module.exports = { requiredMembers, thumbprint };
