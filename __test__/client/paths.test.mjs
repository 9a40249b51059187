// Does every path give the same result? A token may be verified, remembered, evicted and verified again, read from a
// user's cache or from the memory cache, in any order of hits and misses.

import assert from 'node:assert/strict';
import { after, before, mock, test } from 'node:test';

import fc from 'fast-check';

import { memoryCache } from '../../npm/cache.mjs';
import { MonoCloudBackendNodeClient } from '../../npm/index.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { createPki } from '../support/pki.mjs';

const NOW = 1_700_000_000;
let issuer;
let clients;
let tokens;
let policies;

before(async () => {
  issuer = await startIssuer();
  const { ca } = await createPki();
  const [own, other] = await Promise.all([ca.client({ commonName: 'own' }), ca.client({ commonName: 'other' })]);
  tokens = makeTokens(own.thumbprint);
  policies = [
    undefined,
    { scopes: ['data:read'] },
    { scopes: ['data:read', 'data:write'] },
    { groups: ['engineering'] },
    { groups: ['sales', 'support'] },
    { validateCertificateBinding: true },
    { validateCertificateBinding: true, clientCertificate: own.cert },
    { clientCertificate: own.cert, scopes: ['data:read'] },
    { clientCertificate: other.cert },
    { validateCertificateBinding: false },
  ];
  mock.timers.enable({ apis: ['Date'], now: NOW * 1000 });
});

after(async () => {
  mock.timers.reset();
  await issuer.close();
});

/** One token of each kind that the rules distinguish. */
function makeTokens(thumbprint) {
  const sign = (changes, alg) => issuer.sign({ claims: { iat: NOW, exp: NOW + 600, ...changes }, alg });
  const good = sign({ scope: 'data:read data:write', groups: ['engineering'] });
  const [header, , signature] = good.split('.');
  const [, otherPayload] = sign({ sub: 'admin' }).split('.');
  const raw = (payload) => issuer.signRaw(JSON.stringify({ alg: 'EdDSA' }), payload, issuer.keys.ed25519, 'EdDSA');
  const members = `"iss":${JSON.stringify(issuer.issuer)},"aud":"${AUDIENCE}","exp":${NOW + 600}`;
  return [
    good,
    sign({ scope: 'data:read', groups: [{ id: '7', name: 'support' }] }, 'ES256'),
    sign({ scope: 'data:write', cnf: { 'x5t#S256': thumbprint } }, 'EdDSA'),
    sign({ scope: 'data:read', cnf: { 'x5t#S256': 'unreadable' } }),
    sign({ nbf: NOW + 60, scope: 'data:read' }),
    sign({ exp: NOW + 30 }),
    sign({ exp: NOW - 30 }),
    sign({ aud: 'https://other.example.com' }),
    sign({ scope: 'data:read' }, 'ES384'),
    sign({ nested: { a: [1, { b: null }], c: { d: 'e' } }, list: [[], {}, 'x'] }),
    raw(`{${members},"__proto__":{"polluted":true},"constructor":{"prototype":1},"deep":{"__proto__":[{"x":1}]}}`),
    raw(`{${members},"sub":1}`),
    raw(`{${members},"exp":1}`),
    `${header}.${otherPayload}.${signature}`,
    `${good}A`,
    'not-a-token',
    'a.b.c',
    '',
  ];
}

/** New clients for each run, so that nothing is remembered. The first one verifies everything, every time. */
function makeClients() {
  const make = (options) =>
    new MonoCloudBackendNodeClient({ tenantDomain: issuer.issuer, audience: AUDIENCE, clockTolerance: 0, ...options });
  const entries = new Map();
  const cache = {
    get: async (token) => entries.get(token),
    set: async (token, claims) => void entries.set(token, claims),
    delete: async (token) => void entries.delete(token),
  };
  return {
    'verified anew': make({ verifiedTokenCacheSize: 0 }),
    remembered: make(),
    'pushed out again and again': make({ verifiedTokenCacheSize: 2 }),
    'a cache of the user’s': make({ verifiedTokenCacheSize: 0, cache }),
    'memoryCache()': make({ cache: memoryCache({ maxEntries: 3 }) }),
  };
}

async function outcome(client, token, policy) {
  try {
    const claims = await client.validateAccessToken(token, policy);
    const text = JSON.stringify(claims);
    // A caller's changes to its claims must not be visible to other callers.
    claims.sub = 'changed';
    if (claims.nested) claims.nested.a.length = 0;
    return { claims: text, prototype: Object.getPrototypeOf(claims) === Object.prototype };
  } catch (error) {
    return { name: error.name, code: error.code, reason: error.reason, message: error.message };
  }
}

test('every path gives the same claims or the same refusal, in any order of hits and misses', async () => {
  const step = fc.record({
    token: fc.nat(17),
    policy: fc.nat(9),
    // Time advances, sometimes past nbf and exp.
    seconds: fc.oneof({ weight: 6, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(200) }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      clients = makeClients();
      mock.timers.setTime(NOW * 1000);
      let now = NOW;
      for (const { token, policy, seconds } of steps) {
        now += seconds;
        mock.timers.setTime(now * 1000);
        const [anew, ...others] = await Promise.all(
          Object.entries(clients).map(async ([path, client]) => [
            path,
            await outcome(client, tokens[token], policies[policy]),
          ]),
        );
        for (const [path, other] of others)
          assert.deepEqual(other, anew[1], `${path}: token ${token}, policy ${policy}, at +${now - NOW}`);
      }
    }),
    { numRuns: 60 },
  );
  assert.equal({}.polluted, undefined);
});

test('every token under every policy, five times in a row, gives the same result each time', async () => {
  clients = makeClients();
  mock.timers.setTime(NOW * 1000);
  const { 'verified anew': anew, ...others } = clients;
  for (const token of tokens) {
    for (const policy of policies) {
      const expected = await outcome(anew, token, policy);
      for (let round = 1; round <= 5; round += 1) {
        for (const [path, client] of Object.entries(others)) {
          assert.deepEqual(await outcome(client, token, policy), expected, `${path}, round ${round}`);
        }
      }
    }
  }
  assert.ok(others.remembered.health().rememberedTokens > 5);
});
