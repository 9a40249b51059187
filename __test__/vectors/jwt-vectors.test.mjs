// Does the public client decide on JWTs as vectors/jwt.json says?
//
// tests/jwt_vectors.rs runs the same file through the engine. Here each token is validated with the issuer's keys,
// several times because a token that is verified twice is remembered, and with the caller's keys.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';

import { MonoCloudBackendNodeClient, MonoCloudTokenError } from '../../npm/index.mjs';
import { certificateOf, file, jwksOf, tokenOf } from '../support/vectors.mjs';

const native = createRequire(import.meta.url)('../../npm/native/load.js');

const CODES = Object.fromEntries(
  native.failures().filter(({ name }) => name === 'MonoCloudTokenError').map(({ reason, code }) => [reason, code]),
);
const BINDINGS = { required: true, ignore: false };
const MEMBERS = [
  'name', 'expect', 'header', 'headerText', 'claims', 'claimsText', 'sign', 'before', 'after', 'token', 'bytes', 'jwks',
  'now', 'clockSkew', 'clockTolerance', 'scopes', 'groups', 'matchAll', 'groupsClaim', 'certificate', 'binding',
  'acr', 'maxAge', 'scopesClaim', 'implies', 'anyScopes', 'permissions', 'permissionsClaim', 'roles', 'rolesClaim', 'rules',
];

for (const { rule, vectors } of file.rules) {
  describe(rule, () => {
    for (const vector of vectors) {
      test(vector.name, async (t) => {
        const { token, claimsText } = tokenOf(vector);
        if (vector.bytes !== undefined) assert.equal(Buffer.byteLength(token), vector.bytes);
        const isGood = vector.expect === 'ok';
        const claims = isGood ? JSON.parse(claimsText) : undefined;
        t.mock.method(Date, 'now', () => (vector.now ?? file.now) * 1000);
        for (const [way, validate] of waysOf(vector, token)) {
          const verdict = await verdictOf(validate);
          assert.deepEqual(verdict, isGood ? { claims } : refusal(vector.expect), way);
          // The order of members, and extra members, which deepEqual does not see.
          if (isGood) assert.equal(JSON.stringify(verdict.claims), JSON.stringify(claims), way);
        }
      });
    }
  });
}

test('every vector has its own name and no unknown member', () => {
  const vectors = file.rules.flatMap((rule) => rule.vectors);
  assert.equal(new Set(vectors.map(({ name }) => name)).size, vectors.length);
  for (const vector of vectors) {
    assert.deepEqual(Object.keys(vector).filter((name) => !MEMBERS.includes(name)), [], vector.name);
  }
});

test('every rule has vectors on both sides, and every reason to refuse a JWT occurs', () => {
  for (const { rule, vectors } of file.rules) {
    const isGood = vectors.map(({ expect }) => expect === 'ok');
    assert.ok(isGood.includes(true) && isGood.includes(false), rule);
  }
  const expected = new Set(file.rules.flatMap(({ vectors }) => vectors.map(({ expect }) => expect)));
  // The first two are the application's decisions. `revoked` needs a store.
  const notOfVectors = ['authorize_failed', 'authorize_refused', 'inactive', 'revoked'];
  // A vector comes with the scheme Bearer.
  const isOfProofs = (reason) => reason.startsWith('dpop_') && reason !== 'dpop_scheme_required';
  const missing = Object.keys(CODES).filter((reason) => !expected.has(reason) && !isOfProofs(reason));
  assert.deepEqual(missing, notOfVectors);
});

/** Every method that validates a token, by name. */
function waysOf(vector, token) {
  const jwks = jwksOf(vector);
  const options = callOptions(vector);
  const issuers = newClient(vector, { jwksResolver: () => jwks });
  // A token without three parts would be introspected.
  const method = token.split('.').length === 3 ? 'validateAccessToken' : 'validateJwtAccessToken';
  const againstIssuer = () => issuers[method](token, options);
  const againstCallers = () => newClient(vector).validateJwtAccessToken(token, { ...options, jwks });
  return [
    ['first', againstIssuer],
    ['again', againstIssuer],
    ['remembered', againstIssuer],
    ['remembered, and read before', againstIssuer],
    ["the caller's keys", againstCallers],
  ];
}

function newClient({ clockSkew, clockTolerance, groupsClaim, matchAll, ...more }, functions) {
  return new MonoCloudBackendNodeClient({
    tenantDomain: file.issuer,
    audience: file.audience,
    clockSkew,
    clockTolerance,
    groupOptions: { groupsClaim, matchAll },
    scopeOptions: { scopesClaim: more.scopesClaim, implies: more.implies },
    permissionsClaim: more.permissionsClaim,
    rolesClaim: more.rolesClaim,
    ...functions,
  });
}

function callOptions(vector) {
  return {
    scopes: vector.scopes,
    anyScopes: vector.anyScopes,
    groups: vector.groups,
    permissions: vector.permissions,
    roles: vector.roles,
    claims: vector.rules,
    acr: vector.acr,
    maxAge: vector.maxAge,
    validateCertificateBinding: BINDINGS[vector.binding],
    clientCertificate: certificateOf(vector),
  };
}

async function verdictOf(validate) {
  try {
    return { claims: await validate() };
  } catch (error) {
    assert.ok(error instanceof MonoCloudTokenError, error);
    return { reason: error.reason, code: error.code };
  }
}

function refusal(reason) {
  return { reason, code: CODES[reason] };
}
