// Which tokens are cached, for how long, and for whom?
//
// Tests what a client writes to a cache, and how it reads a shared one.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, mock, test } from 'node:test';

import { memoryCache } from '@monocloud/backend-node/cache';

import { ANY_CLIENT, backend, failure } from '../support/backend.mjs';
import { entryOf, mapCache, OBTAINED, obtained } from '../support/caches.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';

const PATH = '/introspect';
const INACTIVE = failure('MonoCloudTokenError', 'inactive', { code: 'inactive_token' });
const HUNDRED_YEARS = 100 * 365 * 86_400;
const nowSeconds = () => Math.floor(Date.now() / 1000);

let issuer;
let other;
before(async () => {
  issuer = await startIssuer();
  other = await startIssuer({ keys: 'another tenant' });
});
after(() => Promise.all([issuer.close(), other.close()]));
beforeEach(() => issuer.resetCounts());

const api = (cache, options) => backend(issuer, { ...ANY_CLIENT, cache, ...options });
const asked = () => issuer.counts[PATH] ?? 0;

test('a JWT never gets the claims of another token, whoever wrote them', async () => {
  const cache = mapCache();
  const [poor, rich] = [issuer.sign({ claims: { scope: 'little' } }), issuer.sign({ claims: { scope: 'everything' } })];
  await api(cache).validateAccessToken(rich);
  cache.entries.set(poor, cache.entries.get(rich));
  await assert.rejects(
    api(cache).validateAccessToken(poor, { scopes: ['everything'] }),
    failure('MonoCloudTokenError', 'scope_missing'),
  );
  assert.deepEqual(cache.calls.delete, [poor]);
});

test('a JWT that is refused is not cached', async () => {
  const cache = mapCache();
  const forged = issuer.sign({ key: other.keys.rsa });
  await assert.rejects(api(cache).validateAccessToken(forged), failure('MonoCloudTokenError', 'signature_invalid'));
  assert.deepEqual(cache.calls.set, []);
});

describe('an opaque token', () => {
  test('is cached also where the first route refuses it', async () => {
    const client = api(mapCache());
    const token = issuer.opaque();
    const needsMore = { scopes: ['data:write'] };
    await assert.rejects(client.validateAccessToken(token, needsMore), failure('MonoCloudTokenError', 'scope_missing'));
    await assert.rejects(client.validateAccessToken(token, needsMore), failure('MonoCloudTokenError', 'scope_missing'));
    assert.ok(await client.validateAccessToken(token));
    assert.equal(asked(), 1);
  });

  test('that is inactive is cached as { active: false, exp }, and asked about once', async () => {
    const cache = mapCache();
    await assert.rejects(api(cache).validateAccessToken('never-issued'), INACTIVE);
    const [[token, { [OBTAINED]: how, ...claims }, until]] = cache.calls.set;
    assert.deepEqual([token, claims], ['never-issued', { active: false, exp: until }]);
    assert.deepEqual({ [OBTAINED]: how }, obtained(issuer.issuer, { at: how.at }));
    assert.ok(until > nowSeconds() + 290 && until <= nowSeconds() + 300);
    await assert.rejects(api(cache).validateAccessToken('never-issued'), INACTIVE);
    assert.equal(asked(), 1);
  });

  test('that was inactive is asked about again after the end of its entry', async () => {
    const cache = mapCache();
    await assert.rejects(api(cache).validateAccessToken('issued-later'), INACTIVE);
    issuer.introspected.set('issued-later', issuer.claims());
    cache.entries.set('issued-later', entryOf(issuer.issuer, { active: false, exp: nowSeconds() - 1 }));
    assert.ok(await api(cache).validateAccessToken('issued-later'));
  });

  test('that is revoked is refused after its entry has ended, and not before', async (context) => {
    const client = api(memoryCache(), { introspectionCacheDuration: 30 });
    const token = issuer.opaque();
    await client.validateAccessToken(token);
    issuer.revoke(token);
    assert.ok(await client.validateAccessToken(token));
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() + 31_000 });
    await assert.rejects(client.validateAccessToken(token), INACTIVE);
  });

  for (const [duration, exp, least, most] of [
    [undefined, 3600, 3600, 3600],
    [undefined, undefined, 299, 300],
    [60, 3600, 59, 60],
    [60, 10, 10, 10],
    [60, undefined, 59, 60],
    [undefined, 2e206, HUNDRED_YEARS, HUNDRED_YEARS],
    [1e300, 2e206, HUNDRED_YEARS, HUNDRED_YEARS],
    [1e300, undefined, HUNDRED_YEARS, HUNDRED_YEARS],
  ]) {
    test(`with exp ${exp} and introspectionCacheDuration ${duration} stays ${most} seconds`, async () => {
      const cache = mapCache();
      const start = nowSeconds();
      const token = issuer.opaque({ exp: exp && start + exp });
      await api(cache, { introspectionCacheDuration: duration }).validateAccessToken(token);
      const [[, , until]] = cache.calls.set;
      assert.ok(Number.isSafeInteger(until));
      assert.ok(until >= start + least && until <= nowSeconds() + most, String(until - start));
    });
  }

  test('with introspectionCacheDuration 0 is neither stored nor looked up, a JWT is', async () => {
    const cache = mapCache();
    const client = api(cache, { introspectionCacheDuration: 0 });
    const [token, jwt] = [issuer.opaque(), issuer.sign()];
    for (let i = 0; i < 2; i += 1) {
      await client.validateAccessToken(token);
      await assert.rejects(client.validateAccessToken('never-issued'), INACTIVE);
      await client.validateAccessToken(jwt);
    }
    assert.equal(asked(), 4);
    assert.deepEqual([cache.calls.get, cache.calls.set.map(([of]) => of)], [[jwt, jwt], [jwt]]);
  });

  test('is not cached when the issuer fails', async () => {
    const cache = mapCache();
    issuer.respond(PATH, { status: 503 });
    try {
      await assert.rejects(
        api(cache).validateAccessToken('some-token'),
        failure('MonoCloudHttpError', 'unexpected_status'),
      );
    } finally {
      issuer.respond(PATH);
    }
    assert.deepEqual(cache.calls.set, []);
  });
});

describe('an entry that was used before and then changes is validated as if it were new', () => {
  class Wider {
    toJSON() {
      return { ...this, scope: 'data:write' };
    }
  }
  const reversed = (object) => Object.fromEntries(Object.entries(object).reverse());
  const VARIANTS = {
    'the same again': (claims) => structuredClone(claims),
    'with its members in another order': reversed,
    'with one scope more': (claims) => ({ ...claims, scope: `${claims.scope} data:write` }),
    'with its scope taken away': (claims) => ({ ...claims, scope: undefined }),
    'with a member that JSON leaves out': (claims) => ({ ...claims, extra: undefined }),
    'with a group more': (claims) => ({ ...claims, groups: [...claims.groups, { id: '2' }] }),
    'with a group less': (claims) => ({ ...claims, groups: claims.groups.slice(1) }),
    'with groups that are no array': (claims) => ({ ...claims, groups: { ...claims.groups, length: 2 } }),
    'with a group that is another': (claims) => ({ ...claims, groups: [claims.groups[0], { id: '9', name: 'b' }] }),
    'with a group that is text': (claims) => ({ ...claims, groups: ['a', '1'] }),
    'with a group of a null prototype': (claims) => ({
      ...claims,
      groups: ['a', Object.assign(Object.create(null), { id: '1', name: 'b' })],
    }),
    'with null for groups': (claims) => ({ ...claims, groups: null }),
    'with a date for a number': (claims) => ({ ...claims, exp: new Date(claims.exp * 1000) }),
    'with -0': (claims) => ({ ...claims, zero: -0 }),
    'with a member named __proto__': (claims) => JSON.parse(JSON.stringify(claims).replace('"zero"', '"__proto__"')),
    'that ended': (claims) => ({ ...claims, exp: 1 }),
    'of another audience': (claims) => ({ ...claims, aud: 'https://other.example.com' }),
    'bound to a certificate': (claims) => ({ ...claims, cnf: { 'x5t#S256': 'A'.repeat(43) } }),
    'that was obtained later': (claims) => ({ ...claims, ...obtained(issuer.issuer, { at: nowSeconds() }) }),
    'that another client obtained': (claims) => ({ ...claims, ...obtained(issuer.issuer, { clientId: 'other' }) }),
    'that a local validation made': (claims) => ({ ...claims, ...obtained(issuer.issuer, { by: 'validation' }) }),
    'that does not say how it was obtained': (claims) => ({ ...claims, [OBTAINED]: undefined }),
    'that says another thing as JSON': (claims) => Object.assign(new Wider(), claims),
    'that has a toJSON of its own': (claims) => ({ ...claims, toJSON: () => ({ ...claims, scope: 'data:write' }) }),
  };
  const ROUTES = [undefined, { scopes: ['data:write'] }, { scopes: ['data:read'], groups: ['b'] }, { groups: ['2'] }];
  const verdict = (promise) =>
    promise.then(
      (claims) => ({ claims }),
      ({ name, reason }) => ({ name, reason }),
    );

  for (const [what, change] of Object.entries(VARIANTS)) {
    test(what, async () => {
      const token = issuer.opaque();
      const claims = issuer.claims({ zero: 0, groups: ['a', { id: '1', name: 'b' }] });
      const kept = entryOf(issuer.issuer, claims, { at: nowSeconds() - 1 });
      let entry = () => kept;
      const cache = { get: async () => entry(), set: async () => {}, delete: async () => {} };
      const knowing = api(cache);
      for (let i = 0; i < 4; i += 1) assert.deepEqual(await knowing.validateAccessToken(token), claims);
      entry = () => change(kept);
      for (const route of ROUTES) {
        const expected = await verdict(api(cache).validateAccessToken(token, route));
        assert.deepEqual(await verdict(knowing.validateAccessToken(token, route)), expected);
      }
    });
  }
});

test('a cache that another client filled from local validation answers no client with another issuer', async () => {
  const cache = mapCache();
  const token = issuer.sign();
  await api(cache).validateAccessToken(token);
  const theirs = backend(other, { ...ANY_CLIENT, cache });
  await assert.rejects(theirs.validateAccessToken(token), failure('MonoCloudTokenError', 'signature_invalid'));
});

test('scope() is called once by each client, and its result is used', async () => {
  const scoped = mapCache();
  const scope = mock.fn(() => scoped);
  const client = api({ ...mapCache(), scope });
  await client.validateAccessToken(issuer.opaque());
  await client.validateAccessToken(issuer.opaque());
  assert.deepEqual(
    scope.mock.calls.map((call) => call.arguments),
    [[{ issuer: issuer.issuer, audience: AUDIENCE }]],
  );
  assert.equal(scoped.calls.get.length, 2);
});

for (const cache of [1, 'redis://', { get() {} }, { get() {}, set() {}, delete: true }]) {
  test(`an invalid cache (${JSON.stringify(cache)}) is refused by the constructor`, () => {
    assert.throws(() => api(cache), { name: 'MonoCloudValidationError', message: /^cache/ });
  });
}
