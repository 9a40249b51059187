// Does a cache only store results, and never decide?
//
// Tests good, bad, slow, broken and shared caches. Every cache hit is validated again, and every failure of a cache
// is a miss.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { memoryCache } from '@monocloud/backend-node/cache';

import { ANY_CLIENT, backend, failure } from '../support/backend.mjs';
import { mapCache, OBTAINED, obtained } from '../support/caches.mjs';
import { eventually } from '../support/eventually.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { createPki } from '../support/pki.mjs';

const PATH = '/introspect';
const nowSeconds = () => Math.floor(Date.now() / 1000);

let issuer;
let other;
let certificates;
before(async () => {
  issuer = await startIssuer();
  other = await startIssuer({ keys: 'another tenant' });
  const pki = await createPki();
  certificates = await Promise.all(['caller', 'thief'].map((commonName) => pki.client({ commonName })));
});
after(() => Promise.all([issuer.close(), other.close()]));
beforeEach(() => issuer.resetCounts());

const api = (cache, options) => backend(issuer, { ...ANY_CLIENT, cache, ...options });
const asked = () => issuer.counts[PATH] ?? 0;

/** Both kinds of tokens, and a check that tells a new validation from a cache hit. */
const KINDS = [
  ['a JWT', (claims) => issuer.sign({ claims })],
  ['an opaque token', (claims) => issuer.opaque(claims)],
];
const CACHES = [
  ["a user's cache", () => mapCache()],
  ['memoryCache', () => memoryCache()],
];

for (const [kind, make] of KINDS) {
  for (const [name, newCache] of CACHES) {
    describe(`${kind} in ${name}`, () => {
      /** A client that has the token in its cache, put there by a route without requirements. */
      async function cached(claims, options) {
        const client = api(newCache(), options);
        const token = make(claims);
        await client.validateAccessToken(token, { validateCertificateBinding: false });
        issuer.resetCounts();
        return { client, token };
      }

      test('returns equal claims that belong to the caller', async () => {
        const { client, token } = await cached({ groups: [{ id: '1', name: 'ü' }], extra: { a: [1, null] } });
        const first = await client.validateAccessToken(token);
        first.extra.a.push('changed');
        first.scope = 'everything';
        const second = await client.validateAccessToken(token);
        assert.deepEqual(second.extra, { a: [1, null] });
        assert.deepEqual([second.scope, second.groups], ['data:read', [{ id: '1', name: 'ü' }]]);
        assert.equal(asked(), 0);
      });

      for (const [what, claims, options, reason] of [
        ['a scope', {}, { scopes: ['data:write'] }, 'scope_missing'],
        ['a group', { groups: ['sales'] }, { groups: ['engineering'] }, 'group_missing'],
        ['a binding that is not there', {}, { validateCertificateBinding: true }, 'confirmation_missing'],
      ]) {
        test(`is refused by a route that asks ${what}, and still accepted by one that does not`, async () => {
          const { client, token } = await cached(claims);
          await assert.rejects(client.validateAccessToken(token, options), failure('MonoCloudTokenError', reason));
          assert.ok(await client.validateAccessToken(token));
          assert.equal(asked(), 0);
        });
      }

      test('is refused with another certificate or none, accepted with its own', async () => {
        const [own, thief] = certificates;
        const { client, token } = await cached({ cnf: { 'x5t#S256': own.thumbprint } });
        const call = (clientCertificate) => client.validateAccessToken(token, { clientCertificate });
        await assert.rejects(call(thief.cert), failure('MonoCloudTokenError', 'certificate_mismatch'));
        await assert.rejects(call(undefined), failure('MonoCloudTokenError', 'certificate_missing'));
        assert.ok(await call(own.cert));
        assert.equal(asked(), 0);
      });

      test('is refused once it has expired, whatever the cache contains', async (context) => {
        const { client, token } = await cached({ exp: nowSeconds() + 60 }, { clockTolerance: 0 });
        context.mock.timers.enable({ apis: ['Date'], now: Date.now() + 61_000 });
        await assert.rejects(client.validateAccessToken(token), failure('MonoCloudTokenError', 'expired'));
      });
    });
  }

  describe(`${kind}: what is passed to a cache`, () => {
    test('is the token, equal claims with how they were obtained, and exp', async () => {
      const cache = mapCache();
      const token = make();
      const claims = await api(cache).validateAccessToken(token);
      const [[, entry]] = cache.calls.set;
      const { at } = entry[OBTAINED];
      const by = token.includes('.') ? 'validation' : 'introspection';
      assert.deepEqual(entry, { ...claims, ...obtained(issuer.issuer, { by, at }) });
      assert.ok(at <= Date.now() / 1000 && at > Date.now() / 1000 - 60);
      assert.deepEqual(cache.calls, { get: [token], set: [[token, entry, claims.exp]], delete: [] });
      assert.ok(!(OBTAINED in claims));
    });

    test('is a whole number of seconds at or before an exp with a fraction', async () => {
      const cache = mapCache();
      const exp = nowSeconds() + 100.75;
      await api(cache).validateAccessToken(make({ exp }));
      assert.equal(cache.calls.set[0][2], Math.floor(exp));
    });

    test('is nothing about a token that is within its tolerance only', async () => {
      const cache = mapCache();
      assert.ok(await api(cache).validateAccessToken(make({ exp: nowSeconds() - 10 })));
      assert.deepEqual(cache.calls.set, []);
    });
  });

  describe(`${kind} and an invalid entry`, () => {
    for (const [what, spoil] of [
      ['expired', (claims) => ({ ...claims, exp: nowSeconds() - 301 })],
      ["another issuer's", (claims) => ({ ...claims, iss: 'https://elsewhere.example' })],
      ["another tenant's", () => other.claims()],
      ["another audience's", (claims) => ({ ...claims, aud: 'https://other.example.com' })],
      ['not valid yet', (claims) => ({ ...claims, nbf: nowSeconds() + 3600 })],
      ['without an audience', (claims) => ({ ...claims, aud: undefined })],
      ['with a sub that is no string', (claims) => ({ ...claims, sub: 1 })],
      ['with exp as text', (claims) => ({ ...claims, exp: String(claims.exp) })],
      ['an array', (claims) => [claims]],
      ['an empty object', () => ({})],
      ['circular', (claims) => Object.assign(claims, { self: claims })],
      ['of BigInts', (claims) => ({ ...claims, exp: BigInt(claims.exp) })],
      ['a Map', (claims) => new Map(Object.entries(claims))],
      [
        'an object that throws',
        () => ({
          get iss() {
            throw new Error('no');
          },
        }),
      ],
      ['an object whose JSON is none', () => ({ toJSON: () => undefined })],
      ['33 levels deep', (claims) => ({ ...claims, a: JSON.parse('['.repeat(33) + ']'.repeat(33)) })],
    ]) {
      test(`(${what}) deletes it and validates anew`, async () => {
        const cache = mapCache();
        const token = make();
        const claims = await api(cache).validateAccessToken(token);
        cache.entries.set(token, spoil(cache.entries.get(token)));
        const opaqueAsked = asked();
        assert.deepEqual(await api(cache).validateAccessToken(token), claims);
        assert.deepEqual(cache.calls.delete, [token]);
        await eventually(() => cache.calls.set.length === 2);
        assert.equal(asked(), opaqueAsked * 2);
      });
    }

    for (const entry of [undefined, null, true, 1, 'claims', Symbol('x'), () => ({})]) {
      test(`(${String(entry)}) is a miss`, async () => {
        const cache = { ...mapCache(), get: async () => entry };
        assert.equal((await api(cache).validateAccessToken(make())).sub, 'user-1');
      });
    }
  });

  describe(`${kind} and a cache that fails`, () => {
    const fails = () => {
      throw new Error('no');
    };
    const rejects = async () => {
      throw new Error('no');
    };
    const hangs = () => new Promise(() => {});
    for (const [what, does] of [
      ['throws', fails],
      ['rejects', rejects],
      ['hangs', hangs],
      ['resolves to a promise that hangs', () => ({ then: (resolve) => resolve(hangs()) })],
      ['gives a number', () => 1],
    ]) {
      test(`(it ${what}) is validated without it`, async () => {
        const cache = { get: does, set: does, delete: does };
        assert.equal((await api(cache).validateAccessToken(make())).sub, 'user-1');
        // Also with an entry that must be deleted.
        const garbage = { get: async () => ({}), set: does, delete: does };
        assert.equal((await api(garbage).validateAccessToken(make())).sub, 'user-1');
      });
    }

    test('(it is synchronous) is validated with it', async () => {
      const entries = new Map();
      const cache = {
        get: (t) => entries.get(t),
        set: (t, c) => void entries.set(t, c),
        delete: (t) => void entries.delete(t),
      };
      const token = make();
      await api(cache).validateAccessToken(token);
      assert.ok(entries.has(token));
      assert.ok(await api(cache).validateAccessToken(token));
    });

    test('(its answer comes too late) is validated anew, and the late answer changes nothing', async () => {
      const late = [];
      const cache = { ...mapCache(), get: () => new Promise((resolve) => late.push(resolve)) };
      assert.equal((await api(cache).validateAccessToken(make())).sub, 'user-1');
      late.forEach((resolve) => resolve(issuer.claims({ sub: 'somebody else' })));
    });

    test("(its clock is a test's) is abandoned all the same", async (context) => {
      context.mock.timers.enable({ apis: ['setTimeout', 'Date'], now: Date.now() });
      assert.ok(await api({ ...mapCache(), get: hangs }).validateAccessToken(make()));
    });
  });
}
