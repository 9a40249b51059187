// layeredCache: which of the two caches is asked, how often, and for how long does the near one keep an entry?

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { layeredCache, memoryCache } from '@monocloud/backend-node/cache';

import { ANY_CLIENT, backend } from '../support/backend.mjs';
import { jsonCache, mapCache, OBTAINED } from '../support/caches.mjs';
import { runScript } from '../support/child.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { startRedis, unavailable } from '../support/redis.mjs';
import { describeWhere } from '../support/suite.mjs';

let issuer;
before(async () => (issuer = await startIssuer()));
after(() => issuer.close());

const asked = () => issuer.counts['/introspect'] ?? 0;
const client = (cache, options) => backend(issuer, { ...ANY_CLIENT, cache, ...options });

/** A shared cache that counts its calls. */
function shared() {
  const store = jsonCache();
  const counts = { get: 0, set: 0, delete: 0 };
  const counted =
    (name) =>
    async (...parts) => {
      counts[name] += 1;
      return store[name](...parts);
    };
  return { ...store, counts, get: counted('get'), set: counted('set'), delete: counted('delete') };
}

/** Moves the clock of this process on. */
function atTime(t) {
  let now = Date.now();
  t.mock.method(Date, 'now', () => now);
  return (seconds) => (now += seconds * 1000);
}

const NEARS = { memoryCache, 'another near cache': mapCache };

for (const [name, near] of Object.entries(NEARS)) {
  describe(`a layered cache with ${name}`, () => {
    test('concurrent requests with one token make one introspection, one read and one write', async () => {
      const far = shared();
      const api = client(layeredCache(near(), far));
      const token = issuer.opaque();
      const before = asked();
      const results = await Promise.all(Array.from({ length: 50 }, () => api.validateAccessToken(token)));
      assert.ok(results.every(({ sub }) => sub === 'user-1'));
      assert.deepEqual([asked() - before, far.counts.get, far.counts.set], [1, 1, 1]);
      await api.validateAccessToken(token);
      assert.deepEqual([asked() - before, far.counts.get], [1, 1]);
    });

    test('another process reads the shared entry once, also for concurrent requests, and asks nobody', async () => {
      const far = shared();
      const token = issuer.opaque();
      await client(layeredCache(near(), far)).validateAccessToken(token);
      const before = asked();
      const other = client(layeredCache(near(), far));
      await Promise.all(Array.from({ length: 50 }, () => other.validateAccessToken(token)));
      for (let round = 0; round < 3; round += 1) await other.validateAccessToken(token);
      assert.deepEqual([asked() - before, far.counts.get, far.counts.set], [0, 2, 1]);
    });

    test('an entry says in both caches how and when it was obtained', async () => {
      const [map, far] = [mapCache(), shared()];
      const token = issuer.opaque();
      await client(layeredCache(map, far)).validateAccessToken(token);
      assert.deepEqual(map.entries.get(token), JSON.parse(far.entries.get(token)));
      assert.equal(map.entries.get(token)[OBTAINED].by, 'introspection');
      const copied = mapCache();
      await client(layeredCache(copied, far)).validateAccessToken(token);
      assert.deepEqual(copied.entries.get(token), map.entries.get(token));
      await assert.rejects(
        client(layeredCache(copied, far), { introspectionCacheDuration: 0 }).validateAccessToken(
          issuer.opaque({ exp: 1 }),
        ),
        { reason: 'expired' },
      );
    });
  });
}

describe('the near cache', () => {
  test('keeps an entry for nearSeconds, and then sees what another process wrote', async (t) => {
    const pass = atTime(t);
    const far = shared();
    const token = issuer.opaque();
    const [one, two] = [5, 60].map((nearSeconds) => client(layeredCache(memoryCache(), far, { nearSeconds })));
    for (const api of [one, two]) await api.validateAccessToken(token);
    issuer.revoke(token);
    await far.delete(token);
    pass(4.9);
    for (const api of [one, two]) assert.equal((await api.validateAccessToken(token)).sub, 'user-1');
    pass(0.2);
    await assert.rejects(one.validateAccessToken(token), { reason: 'inactive' });
    assert.equal((await two.validateAccessToken(token)).sub, 'user-1');
    pass(55);
    await assert.rejects(two.validateAccessToken(token), { reason: 'inactive' });
  });

  test('keeps no entry longer than its exp or its own expiry', async (t) => {
    atTime(t);
    const now = Date.now() / 1000;
    const near = mapCache();
    const cache = layeredCache(near, { get: () => ({ exp: now + 2 }), set() {}, delete() {} });
    await cache.get('a');
    await cache.set('b', { sub: 'x' }, now + 3);
    await cache.set('c', { sub: 'x' }, now + 300);
    assert.deepEqual(
      near.calls.set.map(([token, , until]) => [token, Math.round(until - now)]),
      [
        ['a', 2],
        ['b', 3],
        ['c', 5],
      ],
    );
  });
});

describe('a cache that fails', () => {
  const broken = () => {
    throw new Error('down');
  };
  const BROKEN = { get: broken, set: broken, delete: broken };

  test('far: entries of the near one are used, and new tokens are introspected', async () => {
    const api = client(layeredCache(memoryCache(), BROKEN));
    const token = issuer.opaque();
    const before = asked();
    for (let round = 0; round < 3; round += 1) assert.equal((await api.validateAccessToken(token)).sub, 'user-1');
    assert.equal(asked() - before, 1);
  });

  test('near: the far one is used, and both are written and deleted', async () => {
    const far = shared();
    const cache = layeredCache(BROKEN, far);
    const api = client(cache);
    const token = issuer.opaque();
    const before = asked();
    for (let round = 0; round < 3; round += 1) assert.equal((await api.validateAccessToken(token)).sub, 'user-1');
    assert.equal(asked() - before, 1);
    await assert.rejects(cache.delete(token), { message: 'down' });
    assert.equal(far.entries.size, 0);
  });
});

describe('the arguments', () => {
  const wrong = { name: 'MonoCloudValidationError', reason: 'argument_invalid' };
  test('are two caches', () => {
    for (const other of [undefined, null, {}, 'x', { get() {}, set() {} }, Object.create({})]) {
      assert.throws(() => layeredCache(other, mapCache()), wrong);
      assert.throws(() => layeredCache(mapCache(), other), wrong);
    }
  });

  test('nearSeconds is above 0 and at most 3600', () => {
    for (const nearSeconds of [0, -1, 3600.1, NaN, Infinity, '5', null, 5n]) {
      assert.throws(() => layeredCache(mapCache(), mapCache(), { nearSeconds }), wrong, String(nearSeconds));
    }
    for (const nearSeconds of [0.1, 3600, undefined]) assert.ok(layeredCache(mapCache(), mapCache(), { nearSeconds }));
    assert.throws(() => layeredCache(mapCache(), mapCache(), { seconds: 1 }), wrong);
  });
});

describeWhere(unavailable, 'processes that share a Redis', () => {
  let redis;
  before(async () => (redis = await startRedis()));
  after(() => redis.close());

  test('ask the issuer once per token, and each of them asks Redis once', async () => {
    const token = issuer.opaque();
    const before = asked();
    const script = `
      import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
      import { layeredCache, memoryCache, redisCache } from '@monocloud/backend-node/cache';
      import { createClient } from 'redis';
      const redis = createClient({ url: 'redis://127.0.0.1:${redis.port}' });
      await redis.connect();
      let reads = 0;
      const far = { get: (key) => (reads += 1, redis.get(key)), set: (...parts) => redis.set(...parts), del: (key) => redis.del(key) };
      const cache = layeredCache(memoryCache(), redisCache(far), { nearSeconds: 600 });
      const options = { tenantDomain: '${issuer.issuer}', audience: '${AUDIENCE}', clientId: 'api', clientSecret: 's', cache };
      const client = new MonoCloudBackendNodeClient(options);
      const validate = () => client.validateAccessToken('${token}');
      const all = await Promise.all(Array.from({ length: 50 }, validate));
      for (let round = 0; round < 5; round += 1) all.push(await validate());
      console.log(JSON.stringify({ reads, accepted: all.filter(({ sub }) => sub === 'user-1').length }));
      await redis.close();
    `;
    const results = [await runScript(script), ...(await Promise.all([runScript(script), runScript(script)]))];
    for (const result of results) assert.deepEqual(result, { reads: 1, accepted: 55 });
    assert.equal(asked() - before, 1);
  });
});
