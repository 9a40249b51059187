// Which cut-offs does `memoryRevocationStore()` keep, for how long, and which arguments are refused?
//
// `redis-revocation.test.mjs` has the same rules for Redis.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { memoryRevocationStore, redisRevocationStore } from '@monocloud/backend-node/cache';

const NOW = 1_764_165_600;
const DAY = 86_400;
const EXTRA = 900;
const KEY = { issuer: 'https://acme.us.monocloud.com', kind: 'sub', value: 'user-1' };

const isRefused = { name: 'MonoCloudValidationError', reason: 'argument_invalid' };
const atNow = (t, seconds = NOW) => {
  if (t.timersAreMocked) return t.mock.timers.setTime(seconds * 1000);
  t.timersAreMocked = true;
  return t.mock.timers.enable({ apis: ['Date'], now: seconds * 1000 });
};

describe('memoryRevocationStore', () => {
  test('answers at once, with the current second as the default cut-off', async (t) => {
    atNow(t, NOW + 0.75);
    const store = memoryRevocationStore();
    assert.equal(store.cutoff(KEY), undefined);
    const revoked = store.revoke(KEY);
    assert.equal(store.cutoff(KEY), NOW);
    assert.equal(await revoked, undefined);
  });

  test('keeps at in milliseconds', async (t) => {
    atNow(t);
    for (const [at, kept] of [
      [NOW, NOW],
      [NOW - 0.75, NOW - 0.75],
      [NOW - 0.123, NOW - 0.123],
      [NOW - 0.0001, NOW],
      [0, 0],
      [1e-9, 0],
      [0.001, 0.001],
      [NOW + DAY, NOW + DAY],
    ]) {
      const store = memoryRevocationStore();
      await store.revoke(KEY, { at });
      assert.equal(store.cutoff(KEY), kept);
    }
  });

  test('an earlier cut-off does not replace a later one, and a shorter time does not replace a longer one', async (t) => {
    atNow(t);
    const store = memoryRevocationStore();
    await store.revoke(KEY, { at: NOW - 5, ttl: 1000 });
    await store.revoke(KEY, { at: NOW - 10, ttl: 10 });
    assert.equal(store.cutoff(KEY), NOW - 5);
    await store.revoke(KEY, { at: NOW, ttl: 10 });
    assert.equal(store.cutoff(KEY), NOW);
    atNow(t, NOW + 1000 + EXTRA - 1);
    assert.equal(store.cutoff(KEY), NOW);
    atNow(t, NOW + 1000 + EXTRA);
    assert.equal(store.cutoff(KEY), undefined);
  });

  test('a cut-off is kept for ttl and 15 minutes, from now or from a later at', async (t) => {
    for (const [options, end] of [
      [{}, NOW + 30 * DAY],
      [{ ttl: 60 }, NOW + 60],
      [{ ttl: 60, at: NOW - 3600 }, NOW + 60],
      [{ ttl: 60, at: NOW + 3600 }, NOW + 3660],
    ]) {
      atNow(t);
      const store = memoryRevocationStore();
      await store.revoke(KEY, options);
      atNow(t, end + EXTRA - 0.001);
      assert.notEqual(store.cutoff(KEY), undefined);
      atNow(t, end + EXTRA);
      assert.equal(store.cutoff(KEY), undefined);
    }
  });

  test('the parts of a key cannot be confused', async () => {
    const store = memoryRevocationStore();
    await store.revoke(KEY);
    for (const other of [
      { value: 'user-2' },
      { value: 'User-1' },
      { kind: 'sid' },
      { issuer: 'https://acme.us.monocloud.com/x' },
      { issuer: 'https://other.example' },
      { value: `user-1"]` },
    ]) {
      assert.equal(store.cutoff({ ...KEY, ...other }), undefined, JSON.stringify(other));
    }
    assert.notEqual(store.cutoff({ ...KEY, issuer: `${KEY.issuer}/` }), undefined);
  });

  test('a full store refuses a new key, keeps the old ones, and takes a new one when one has expired', async (t) => {
    atNow(t);
    const store = memoryRevocationStore({ maxEntries: 2 });
    const keyOf = (value) => ({ ...KEY, value });
    await store.revoke(keyOf('a'), { ttl: 10 });
    await store.revoke(keyOf('b'), { ttl: 1000 });
    await assert.rejects(store.revoke(keyOf('c')), /full/);
    await store.revoke(keyOf('b'), { at: NOW + 1, ttl: 10 });
    assert.deepEqual(
      [store.cutoff(keyOf('a')), store.cutoff(keyOf('b')), store.cutoff(keyOf('c'))],
      [NOW, NOW + 1, undefined],
    );
    atNow(t, NOW + 10 + EXTRA);
    await store.revoke(keyOf('c'));
    assert.equal(store.cutoff(keyOf('c')), NOW + 10 + EXTRA);
    assert.equal(store.cutoff(keyOf('b')), NOW + 1);
    await assert.rejects(store.revoke(keyOf('d')), /full/);
  });

  test('takes limits in their ranges', () => {
    for (const options of [
      { maxEntries: 1, maxTtl: 1 },
      { maxEntries: 1_048_576, maxTtl: 3650 * DAY },
      undefined,
      null,
    ]) {
      memoryRevocationStore(options);
    }
    for (const wrong of [0, -1, 1.5, NaN, Infinity, '1', null, {}]) {
      assert.throws(() => memoryRevocationStore({ maxEntries: wrong }), isRefused);
      assert.throws(() => memoryRevocationStore({ maxTtl: wrong }), isRefused);
    }
    for (const options of [{ maxEntries: 1_048_577 }, { maxTtl: 3650 * DAY + 1 }, { max: 1 }, 5, []]) {
      assert.throws(() => memoryRevocationStore(options), isRefused);
    }
  });
});

describe('revoke()', () => {
  const STORES = {
    memoryRevocationStore: () => memoryRevocationStore({ maxTtl: 100 }),
    redisRevocationStore: () => redisRevocationStore({ call: () => assert.fail('sent') }, { maxTtl: 100 }),
  };
  for (const [name, make] of Object.entries(STORES)) {
    test(`of ${name} refuses a wrong key, time or option, and stores nothing`, async (t) => {
      atNow(t);
      const store = make();
      const keys = [
        undefined,
        null,
        'user-1',
        {},
        { ...KEY, issuer: undefined },
        { ...KEY, issuer: 'acme.us.monocloud.com' },
        { ...KEY, issuer: '' },
        { ...KEY, kind: 'iss' },
        { ...KEY, kind: 'SUB' },
        { ...KEY, kind: undefined },
        { ...KEY, value: '' },
        { ...KEY, value: 7 },
        { ...KEY, value: undefined },
        { ...KEY, tenant: 'x' },
        Object.create(KEY),
      ];
      for (const key of keys) await assert.rejects(store.revoke(key), isRefused, JSON.stringify(key));
      const options = [
        // Milliseconds would refuse every sign-in until the year 57,000.
        { at: NOW * 1000 },
        { at: NOW + DAY + 1 },
        { at: -1 },
        { at: NaN },
        { at: Infinity },
        { at: String(NOW) },
        { at: null },
        { at: new Date() },
        { ttl: 101 },
        { ttl: 0 },
        { ttl: 1.5 },
        { ttl: '60' },
        { ttl: NaN },
        { tll: 60 },
        60,
        NOW,
      ];
      for (const option of options) await assert.rejects(store.revoke(KEY, option), isRefused, JSON.stringify(option));
      if (name === 'memoryRevocationStore') assert.equal(store.cutoff(KEY), undefined);
    });
  }

  test('refuses if the clock cannot be read', async (t) => {
    t.mock.method(Date, 'now', () => NaN);
    await assert.rejects(memoryRevocationStore().revoke(KEY), isRefused);
  });
});
