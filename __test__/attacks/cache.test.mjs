// Does a cached result for one caller let another caller in?
//
// The memory of verified tokens and the user's `ICache` save work and skip no rule. Scopes, groups, binding (RFC 8705
// §3), issuer, audience and times are checked on every call.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { memoryCache, redisCache } from '../../npm/cache.mjs';
import { createPki } from '../support/pki.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { CREDENTIALS, fakeRedis, mapCache, scopedCache } from './caches.mjs';
import { assertRefused, startTarget } from './refused.mjs';

let target;
let certificates;
before(async () => {
  target = await startTarget(CREDENTIALS);
  const pki = await createPki();
  certificates = await Promise.all(['a', 'b'].map((commonName) => pki.client({ commonName })));
});
after(() => target.close());

const CACHES = {
  'the memory of verified tokens': () => undefined,
  'a cache of the user’s': mapCache,
  'memoryCache()': () => memoryCache(),
  'redisCache()': () => redisCache(fakeRedis()),
};
const TOKENS = {
  'a JWT': (claims) => target.issuer.sign({ claims }),
  'an opaque token': (claims) => target.issuer.opaque(claims),
};

for (const [where, makeCache] of Object.entries(CACHES)) {
  for (const [what, makeToken] of Object.entries(TOKENS)) {
    describe(`${what} in ${where}`, () => {
      const clientWith = (options) => target.clientWith({ cache: makeCache(), ...options });

      test('a route that asks for less first does not open one that asks for more', async () => {
        const client = clientWith();
        const token = makeToken({ groups: ['staff'] });
        for (let round = 0; round < 3; round += 1) {
          await client.validateAccessToken(token);
          await client.validateAccessToken(token, { scopes: ['data:read'], groups: ['staff'] });
          const refused = (options, reason, code) =>
            assertRefused(() => client.validateAccessToken(token, options), { token, reason, code });
          await refused({ scopes: ['data:write'] }, 'scope_missing', 'insufficient_scope');
          await refused({ groups: ['admin'] }, 'group_missing', 'insufficient_groups');
          await refused({ validateCertificateBinding: true }, 'confirmation_missing');
        }
      });

      test('a token of certificate A is refused with B, with none, and with an invalid one, also after A (RFC 8705 §3)', async () => {
        const client = clientWith();
        const [a, b] = certificates;
        const token = makeToken({ cnf: { 'x5t#S256': a.thumbprint } });
        for (let round = 0; round < 3; round += 1) {
          const claims = await client.validateAccessToken(token, { clientCertificate: a.cert });
          assert.equal(claims.cnf['x5t#S256'], a.thumbprint);
          for (const [clientCertificate, reason] of [
            [b.cert, 'certificate_mismatch'],
            [undefined, 'certificate_missing'],
            ['', 'certificate_missing'],
            ['garbage', 'certificate_invalid'],
            [b.cert + a.cert, 'certificate_mismatch'],
          ]) {
            const options = { clientCertificate };
            await assertRefused(() => client.validateAccessToken(token, options), {
              token,
              reason,
              secrets: [b.cert.slice(60, 100)],
            });
            await assertRefused(
              () => client.validateAccessToken(token, { ...options, validateCertificateBinding: true }),
              { token, reason },
            );
          }
        }
      });

      test('a caller’s changes to claims are not visible to other callers', async () => {
        const client = clientWith();
        const token = makeToken({ groups: ['staff'], nested: { list: [{ deep: 1 }] } });
        const first = await client.validateAccessToken(token);
        for (let round = 0; round < 3; round += 1) {
          const claims = await client.validateAccessToken(token);
          assert.deepEqual(claims, first);
          claims.scope = 'admin';
          claims.groups.push('admin');
          claims.nested.list[0].deep = 'changed';
          delete claims.exp;
          claims.aud = 'https://other.example.com';
          await assert.rejects(client.validateAccessToken(token, { scopes: ['admin'] }), { reason: 'scope_missing' });
          await assert.rejects(client.validateAccessToken(token, { groups: ['admin'] }), { reason: 'group_missing' });
        }
      });

      test('an entry ends with its token', async (t) => {
        t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
        const client = clientWith({ clockTolerance: 0 });
        const token = makeToken({ exp: Math.floor(Date.now() / 1000) + 60 });
        await client.validateAccessToken(token);
        t.mock.timers.tick(61_000);
        await assertRefused(() => client.validateAccessToken(token), { token, reason: 'expired' });
      });

      test('a token that begins or ends like a valid one is another token', async () => {
        const client = clientWith();
        const token = makeToken({});
        await client.validateAccessToken(token);
        for (const altered of [
          `${token}A`,
          token.slice(0, -1),
          `A${token}`,
          `${token}\u0000`,
          `${token} `,
          ` ${token}`,
        ]) {
          await assert.rejects(client.validateAccessToken(altered), { name: 'MonoCloudTokenError' });
        }
      });

      test('a client of another audience finds no entry', async () => {
        const cache = makeCache();
        const token = makeToken({});
        await target.clientWith({ cache }).validateAccessToken(token);
        const other = target.clientWith({ cache, audience: 'https://other.example.com' });
        await assertRefused(() => other.validateAccessToken(token), { token, reason: 'audience_mismatch' });
        await target.clientWith({ cache }).validateAccessToken(token);
      });
    });
  }
}

describe('a withdrawn key (rejected after the refresh, also if remembered or cached)', () => {
  for (const [where, makeCache] of Object.entries(CACHES)) {
    test(`takes with it what it signed, also from ${where}`, async () => {
      const stolen = await startTarget({ ...CREDENTIALS, cache: makeCache() });
      try {
        // The holder of the key chooses the expiry.
        const token = stolen.issuer.sign({ claims: { exp: 99_999_999_999 } });
        await stolen.client.validateAccessToken(token);
        await stolen.issuer.rotate();
        await stolen.client.getJwks(true);
        await assertRefused(() => stolen.client.validateAccessToken(token), { token, reason: 'key_not_found' });
        await stolen.client.validateAccessToken(stolen.issuer.sign());
      } finally {
        await stolen.close();
      }
    });
  }
});

describe('two issuers, one cache', () => {
  let other;
  before(async () => {
    other = await startIssuer({ keys: 'other-issuer' });
  });
  after(() => other.close());

  const both = (cache) => [target.clientWith({ cache }), target.clientWith({ cache, tenantDomain: other.issuer })];

  for (const [where, makeCache] of Object.entries(CACHES)) {
    test(`a JWT of one in ${where} is refused by the other's client`, async () => {
      const [ours, theirs] = both(makeCache());
      const token = target.issuer.sign();
      await ours.validateAccessToken(token);
      await assertRefused(() => theirs.validateAccessToken(token), { token, reason: 'signature_invalid' });
    });

    for (const [what, iss] of [
      ['that names its issuer', {}],
      ['without iss (RFC 7662 §2.2)', { iss: undefined }],
    ]) {
      test(`an opaque token ${what}, in ${where}, is asked about anew by the other's client`, async () => {
        const [ours, theirs] = both(makeCache());
        const token = target.issuer.opaque(iss);
        await ours.validateAccessToken(token);
        await ours.validateAccessToken(token);
        await assertRefused(() => theirs.validateAccessToken(token), {
          token,
          reason: 'inactive',
          code: 'inactive_token',
        });
      });
    }
  }

  // A rejected token is cached as `{ active: false, exp }`, without an issuer. So the cache must separate issuers
  // itself.
  for (const [where, makeCache] of Object.entries({ ...CACHES, 'a cache of the user’s': scopedCache })) {
    test(`a token that is inactive at the other issuer is not inactive at ours, in ${where} that separates issuers`, async () => {
      const [ours, theirs] = both(makeCache());
      const token = target.issuer.opaque();
      await assertRefused(() => theirs.validateAccessToken(token), {
        token,
        reason: 'inactive',
        code: 'inactive_token',
      });
      assert.equal((await ours.validateAccessToken(token)).sub, 'user-1');
    });
  }

  for (const [where, makeCache] of Object.entries({
    'memoryCache()': () => memoryCache(),
    'redisCache()': () => redisCache(fakeRedis()),
  })) {
    test(`key parts that would be equal when joined are separate in ${where}`, async () => {
      const cache = makeCache();
      const expires = Math.floor(Date.now() / 1000) + 600;
      const parts = ['urn:a', 'urn:a:b', 'b:c', 'c', '', ':', 'a","b', 'a"', '["a","b"]', 'a\\', 'a\u0000'];
      const all = parts.flatMap((issuer) =>
        parts.flatMap((audience) => parts.map((token) => ({ issuer, audience, token }))),
      );
      for (const entry of all) {
        const { issuer, audience, token } = entry;
        await cache.scope({ issuer, audience }).set(token, entry, expires);
      }
      for (const entry of all) {
        const { issuer, audience, token } = entry;
        assert.deepEqual(await cache.scope({ issuer, audience }).get(token), entry);
      }
    });
  }
});
