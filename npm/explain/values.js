'use strict';

/**
 * Which value has the token, and which one does a rule expect? As data, for a program. Only members that the rule reads
 * are shown, and nothing that a signature or a proof could be made from.
 */

/** @import { TokenFacts } from './facts.js' */
/** @typedef {{ expected?: unknown, received?: unknown }} Values */

const { claim, scopesClaim } = require('./paths.js');
const { thumbprint } = require('../client/thumbprint.js');
const { confirmation, partOf, target } = require('./proof.js');

/** @type {Record<string, (facts: TokenFacts) => Values>} */
const VALUES = {
  algorithm: ({ header }) => ({ received: header?.alg }),
  extensions: ({ header }) => ({ received: header?.crit }),
  type: ({ header }) => ({ received: header?.typ }),
  key: ({ header, jwks }) => ({ received: header?.kid, expected: jwks?.keys.map((jwk) => jwk?.kid ?? null) }),
  issuer: ({ claims, issuer }) => ({ received: claims?.iss, expected: issuer }),
  audience: ({ claims, options }) => ({ received: claims?.aud, expected: options.audience }),
  expiry: ({ claims, now }) => ({ received: claims?.exp, expected: now }),
  'start of validity': ({ claims, now }) => ({ received: claims?.nbf, expected: now }),
  'time of issue': ({ claims, now }) => ({ received: claims?.iat, expected: now }),
  confirmation: ({ claims }) => ({ received: claims?.cnf }),
  DPoP: ({ claims, proof }) => ({
    received: proof === undefined ? 'Bearer' : 'DPoP',
    expected: confirmation(claims).jkt === undefined ? undefined : 'DPoP',
  }),
  binding: ({ claims }) => ({ expected: confirmation(claims)['x5t#S256'] }),
  authentication: ({ claims, requirements: { acr, maxAge } }) => ({
    received: { acr: claims?.acr, auth_time: claims?.auth_time },
    expected: { acr, maxAge },
  }),
  scopes: ({ claims, options, requirements: { scopes, anyScopes } }) => {
    const path = scopesClaim(claims, options);
    return {
      received: path && claim(claims, path),
      expected: anyScopes === undefined ? scopes : { scopes, anyScopes },
    };
  },
  groups: ({ claims, options, requirements: { groups } }) => ({
    received: claim(claims, options['groupOptions.groupsClaim']),
    expected: groups,
  }),
  permissions: ({ claims, options: { permissionsClaim }, requirements: { permissions } }) => ({
    received: claim(claims, permissionsClaim),
    expected: permissions,
  }),
  roles: ({ claims, options: { rolesClaim }, requirements: { roles } }) => ({
    received: claim(claims, rolesClaim),
    expected: roles,
  }),
  'claims rules': ({ requirements: { claims } }) => ({
    expected: claims === undefined ? undefined : JSON.parse(claims),
  }),
  'proof header': ({ proof, options }) => ({
    received: proof && partOf(proof, 0).alg,
    expected: options['dpop.algorithms'].split(' '),
  }),
  'proof method': ({ proof }) => ({ received: proof && partOf(proof, 1).htm, expected: proof?.method }),
  'proof URL': ({ proof, mismatch }) => ({
    received: mismatch?.got ?? (proof && target(partOf(proof, 1).htu)),
    expected: mismatch?.expected ?? (proof && target(proof.url)),
  }),
  'proof key': ({ proof, claims }) => ({
    received: proof && thumbprint(partOf(proof, 0).jwk),
    expected: confirmation(claims).jkt,
  }),
  'proof time': ({ proof, now }) => ({ received: proof && partOf(proof, 1).iat, expected: now }),
};

/**
 * The members `expected` and `received` of a rule, each only if there is one.
 *
 * @param {string} rule
 * @param {TokenFacts} facts
 * @returns {Values}
 */
function valuesOf(rule, facts) {
  if (!Object.hasOwn(VALUES, rule)) return {};
  const { expected, received } = VALUES[rule](facts);
  return { ...(expected !== undefined && { expected }), ...(received !== undefined && { received }) };
}

module.exports = { valuesOf };
