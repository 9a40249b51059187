// How does a client treat entries that another client wrote to the shared cache?
//
// Clients of one cache may have different options: some validate JWTs, some introspect them, and each has its own
// maximum age. An entry says how, when and by whom it was obtained, and each reader decides.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, test } from 'node:test';

import { memoryCache, redisCache } from '@monocloud/backend-node/cache';

import { fakeRedis } from '../attacks/caches.mjs';
import { ANY_CLIENT, backend, failure } from '../support/backend.mjs';
import { entryOf, jsonCache, mapCache, OBTAINED, obtained } from '../support/caches.mjs';
import { startIssuer } from '../support/issuer.mjs';

const PATH = '/introspect';
const INACTIVE = failure('MonoCloudTokenError', 'inactive', { code: 'inactive_token' });
const SECOND = 1000;

let issuer;
before(async () => {
  issuer = await startIssuer();
});
after(() => issuer.close());
beforeEach(() => issuer.resetCounts());

const asked = () => issuer.counts[PATH] ?? 0;
const api = (cache, options) => backend(issuer, { ...ANY_CLIENT, cache, ...options });
const local = (cache, options) => api(cache, options);
const introspecting = (cache, options) => api(cache, { introspectJwtTokens: true, ...options });

let jwts = 0;
/** A unique JWT that the issuer reports as inactive. */
function newJwt() {
  jwts += 1;
  return issuer.sign({ claims: { jti: `jwt-${jwts}` } });
}

/** A JWT that the issuer reports as active. */
function activeJwt() {
  const token = newJwt();
  issuer.introspected.set(token, issuer.claims());
  return token;
}

const CACHES = {
  'memoryCache()': () => memoryCache(),
  'redisCache()': () => redisCache(fakeRedis()),
  'a plain ICache that keeps objects': mapCache,
  'a plain ICache that keeps JSON': jsonCache,
};

for (const [name, newCache] of Object.entries(CACHES)) {
  describe(name, () => {
    test('an inactive verdict on a JWT outlives a local validation of it', async () => {
      const cache = newCache();
      const [asks, validates] = [introspecting(cache), local(cache)];
      const token = newJwt();
      for (let round = 0; round < 3; round += 1) {
        await assert.rejects(asks.validateAccessToken(token), INACTIVE);
        assert.equal((await validates.validateAccessToken(token)).sub, 'user-1');
      }
      assert.equal(asked(), 1);
    });

    test('what a local validation made is not used by a client that introspects JWTs', async () => {
      const cache = newCache();
      const token = newJwt();
      await local(cache).validateAccessToken(token);
      await assert.rejects(introspecting(cache).validateAccessToken(token), INACTIVE);
      assert.equal(asked(), 1);
    });

    test('introspected claims of a JWT are found again by a client that introspects, also after a local validation', async () => {
      const cache = newCache();
      const token = activeJwt();
      await introspecting(cache).validateAccessToken(token);
      await local(cache).validateAccessToken(token);
      await introspecting(cache).validateAccessToken(token);
      assert.equal(asked(), 1);
    });

    test('each reader applies its own introspectionCacheDuration to the time of the answer', async (context) => {
      context.mock.timers.enable({ apis: ['Date'], now: Date.now() });
      const cache = newCache();
      const [patient, strict] = [api(cache), api(cache, { introspectionCacheDuration: 10 })];
      const token = issuer.opaque();
      await patient.validateAccessToken(token);
      context.mock.timers.tick(9 * SECOND);
      await strict.validateAccessToken(token);
      assert.equal(asked(), 1);
      issuer.revoke(token);
      context.mock.timers.tick(2 * SECOND);
      await patient.validateAccessToken(token);
      assert.equal(asked(), 1);
      await assert.rejects(strict.validateAccessToken(token), INACTIVE);
      // The cache now contains the newer response.
      await assert.rejects(patient.validateAccessToken(token), INACTIVE);
      assert.equal(asked(), 2);
    });

    test('a reader whose duration is 0 uses no answer of another client', async () => {
      const cache = newCache();
      const token = issuer.opaque();
      await api(cache).validateAccessToken(token);
      issuer.revoke(token);
      await assert.rejects(api(cache, { introspectionCacheDuration: 0 }).validateAccessToken(token), INACTIVE);
      assert.ok(await api(cache).validateAccessToken(token));
    });

    test('a response to one client id is not used for another', async () => {
      const cache = newCache();
      const [one, other] = [api(cache), api(cache, { clientId: 'other' })];
      await assert.rejects(one.validateAccessToken('later'), INACTIVE);
      issuer.introspected.set('later', issuer.claims());
      assert.ok(await other.validateAccessToken('later'));
      issuer.revoke('later');
      await assert.rejects(one.validateAccessToken('later'), INACTIVE);
      const nobody = backend(issuer, { cache });
      await assert.rejects(nobody.validateAccessToken('later'), { reason: 'client_id_required' });
    });

    test('an answer from the future, by a clock that went back, is asked for again', async (context) => {
      const now = Date.now();
      context.mock.timers.enable({ apis: ['Date'], now: now + 6 * SECOND });
      const cache = newCache();
      const token = issuer.opaque();
      await api(cache).validateAccessToken(token);
      context.mock.timers.setTime(now + SECOND);
      await api(cache).validateAccessToken(token);
      assert.equal(asked(), 1, 'clocks of machines differ by up to 5 seconds');
      context.mock.timers.setTime(now);
      issuer.revoke(token);
      await assert.rejects(api(cache).validateAccessToken(token), INACTIVE);
    });

    test('claims with a member of our name are returned unchanged, and not cached', async () => {
      const cache = newCache();
      const { [OBTAINED]: member } = obtained(issuer.issuer, { by: 'validation' });
      const tokens = [
        issuer.opaque({ [OBTAINED]: member }),
        issuer.opaque({ [OBTAINED]: null }),
        issuer.sign({ claims: { [OBTAINED]: member } }),
      ];
      for (const token of tokens) {
        const first = await local(cache).validateAccessToken(token);
        assert.deepEqual(await local(cache).validateAccessToken(token), first);
        assert.ok(OBTAINED in first);
      }
      assert.equal(asked(), 4);
    });

    test('our member is never in returned claims', async () => {
      const cache = newCache();
      for (const token of [issuer.opaque(), issuer.sign()]) {
        for (let round = 0; round < 4; round += 1) {
          assert.ok(!(OBTAINED in (await local(cache).validateAccessToken(token))));
        }
      }
    });
  });
}

describe('an entry', () => {
  const now = () => Date.now() / 1000;
  const claims = () => issuer.claims();
  const inactive = () => ({ active: false, exp: Math.floor(now()) + 600 });

  /** Whether a client uses an entry for an opaque token although the issuer now says the opposite. */
  async function isUsed(entry, said) {
    const token = said === 'inactive' ? issuer.opaque() : 'never-issued';
    const cache = jsonCache(new Map([[token, JSON.stringify(entry)]]));
    await api(cache)
      .validateAccessToken(token)
      .catch(() => {});
    return asked() === 0;
  }

  for (const [kind, said] of [
    ['of claims', claims],
    ['of an inactive verdict', inactive],
  ]) {
    const verdict = said === claims ? 'active' : 'inactive';
    test(`${kind} that is as a client writes it is used`, async () => {
      assert.ok(await isUsed(entryOf(issuer.issuer, said()), verdict));
    });

    for (const [what, how] of Object.entries({
      'without our member, as 1.0 wrote it': undefined,
      'with null': null,
      'with text': 'introspection',
      'with an array': ['introspection', 1, 'x'],
      'by another means': { by: 'hearsay' },
      'by a local validation': { by: 'validation' },
      'of a time that is text': { at: '1' },
      'of a time before 1970': { at: -1 },
      'of no time': { at: undefined },
      'of a client that is a number': { client: 1 },
      'of no client': { client: undefined },
      'with one member more': { more: true },
    })) {
      test(`${kind} ${what} is not used`, async () => {
        const whole = entryOf(issuer.issuer, said());
        const member =
          how !== null && typeof how === 'object' && !Array.isArray(how) ? { ...whole[OBTAINED], ...how } : how;
        assert.ok(!(await isUsed({ ...whole, [OBTAINED]: member }, verdict)));
      });
    }

    test(`${kind} ignores inherited members`, async () => {
      const { [OBTAINED]: member } = obtained(issuer.issuer);
      Object.defineProperty(Object.prototype, OBTAINED, { value: member, configurable: true });
      try {
        assert.ok(!(await isUsed(said(), verdict)));
      } finally {
        delete Object.prototype[OBTAINED];
      }
    });
  }

  test('that is not ours is neither deleted nor replaced by a local validation', async () => {
    const token = newJwt();
    for (const how of [{ clientId: 'other' }, {}]) {
      const cache = mapCache();
      const entry = entryOf(issuer.issuer, inactive(), how);
      cache.entries.set(token, entry);
      assert.ok(await local(cache).validateAccessToken(token));
      assert.deepEqual([cache.calls.set, cache.calls.delete], [[], []]);
    }
  });

  test('of an inactive verdict that has ended is replaced by a local validation', async () => {
    const token = newJwt();
    const cache = mapCache();
    cache.entries.set(token, entryOf(issuer.issuer, { active: false, exp: Math.floor(now()) - 1 }));
    assert.ok(await local(cache).validateAccessToken(token));
    assert.equal(cache.entries.get(token)[OBTAINED].by, 'validation');
  });
});
