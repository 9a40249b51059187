'use strict';

/**
 * Which of the published keys can the engine use, and why not the others? The engine says so of each entry. The doctor
 * only decides how bad that is.
 */

const native = require('../native/load.js');

/** Flaws by which anybody can sign tokens, or could. */
const EXPOSED = {
  private_members:
    'Anybody can sign tokens with this key. Replace it at the authorization server now, and publish the public members only.',
  symmetric:
    'Everybody can read this secret. Replace it wherever it is used, and publish no symmetric key.',
};
const UNUSABLE =
  'Tokens signed with it are refused. Correct the entry at the authorization server: RSA of 2048 to 8192 bits, EC P-256, ' +
  'P-384 or P-521 with coordinates of full length, or Ed25519, for signatures.';

/** One row for each entry of a JWK Set that the engine does not use, except keys that are for encryption. */
function reportUnusable(report, jwks) {
  for (const entry of described(jwks)) {
    const { usable, why, explanation, use, index } = entry;
    // A key for encryption is published here by right.
    if (usable || (why === 'not_for_signatures' && use === 'enc')) continue;
    const message = `${nameOf(entry, index)}: ${explanation}`;
    if (Object.hasOwn(EXPOSED, why)) report.problem('jwks.private', 'JWK', { message, fix: EXPOSED[why] });
    else report.warning('jwks.key', 'JWK', { message, fix: UNUSABLE });
  }
}

/** The engine's words on each entry of a JWK Set; none when it is not a set. */
function described(jwks) {
  const text = jwks === undefined ? undefined : native.describeJwks(JSON.stringify(jwks));
  return typeof text === 'string' ? JSON.parse(text) : [];
}

function nameOf({ kid, kty, crv, alg, use }, index) {
  const members = Object.entries({ kty, crv, alg, use }).filter(([, value]) => value !== null && value !== undefined);
  const told = members.map(([name, value]) => `${name} ${JSON.stringify(value)}`).join(', ') || 'no members';
  return `${kid === null || kid === undefined ? `entry ${index + 1}, without kid` : `kid ${JSON.stringify(kid)}`} (${told})`;
}

module.exports = { reportUnusable };
