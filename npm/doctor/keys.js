'use strict';

/**
 * Which of the published keys can the engine not use, and why? The engine explains each key. The doctor only decides
 * whether that is a warning or a problem.
 */

/**
 * @import { ReportType } from './report.js'
 * @import { JwkDescription } from '../native/values.js'
 */

const native = require('../native/load.js');

/**
 * Flaws that let anyone sign tokens.
 *
 * @type {Record<string, string>}
 */
const EXPOSED = {
  private_members:
    'Anyone can sign tokens with this key. Replace it at the authorization server now, and publish only its public members.',
  symmetric: 'Anyone can read this secret. Replace it wherever it is used, and do not publish symmetric keys.',
};
const UNUSABLE =
  'Tokens signed with this key are rejected. Correct it at the authorization server: RSA with 2048 to 8192 bits, EC ' +
  'P-256, P-384 or P-521 with coordinates of full length, or Ed25519, for signatures.';

/**
 * Reports each key of a JWK Set that the engine does not use, except keys for encryption.
 *
 * @param {ReportType} report
 * @param {unknown} jwks
 */
function reportUnusable(report, jwks) {
  for (const entry of described(jwks)) {
    const { usable, why, explanation, use, index } = entry;
    // The set may contain keys for encryption (RFC 7517 §4.2).
    if (usable || (why === 'not_for_signatures' && use === 'enc')) continue;
    const message = `${nameOf(entry, index)}: ${explanation}`;
    if (why !== null && Object.hasOwn(EXPOSED, why))
      report.problem('jwks.private', 'JWK', { message, fix: EXPOSED[why] });
    else report.warning('jwks.key', 'JWK', { message, fix: UNUSABLE });
  }
}

/**
 * The engine's description of each key of a JWK Set. Empty if the value is not a set.
 *
 * @param {unknown} jwks
 * @returns {JwkDescription[]}
 */
function described(jwks) {
  const text = jwks === undefined ? undefined : native.describeJwks(JSON.stringify(jwks));
  return typeof text === 'string' ? JSON.parse(text) : [];
}

/**
 * @param {JwkDescription} entry
 * @param {number} index
 */
function nameOf({ kid, kty, crv, alg, use }, index) {
  const members = Object.entries({ kty, crv, alg, use }).filter(([, value]) => value !== null && value !== undefined);
  const told = members.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(', ') || 'no members';
  return `${kid === null || kid === undefined ? `entry ${index + 1}, without kid` : `kid ${JSON.stringify(kid)}`} (${told})`;
}

module.exports = { reportUnusable };
