// Can several processes share one Redis, and is every entry validated again?
//
// A real redis-server, used through node-redis and ioredis as in an application.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { Cluster } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { redisCache } from '@monocloud/backend-node/cache';

import { ANY_CLIENT, backend, failure } from '../support/backend.mjs';
import { eventually } from '../support/eventually.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { LIBRARIES, startRedis, unavailable } from '../support/redis.mjs';
import { describeWhere } from '../support/suite.mjs';

const PATH = '/introspect';

describeWhere(unavailable, 'redisCache', () => {
  let redis;
  let admin;
  let issuer;
  const closers = [];
  before(async () => {
    redis = await startRedis();
    admin = await createClient({ url: `redis://127.0.0.1:${redis.port}` }).connect();
    issuer = await startIssuer();
  });
  after(async () => {
    admin?.destroy();
    await Promise.all([redis, issuer].map((server) => server?.close()));
  });
  beforeEach(async () => {
    await admin.flushAll();
    issuer.resetCounts();
  });
  afterEach(async () => {
    while (closers.length > 0) await closers.pop()();
  });

  async function connect(library) {
    const { client, close } = await LIBRARIES[library](redis.port);
    closers.push(close);
    return client;
  }

  const apiWith = (cache, options) => backend(issuer, { ...ANY_CLIENT, cache, ...options });

  /** The only entry: `{ key, value }`. Waits for writes in the background. */
  async function onlyEntry() {
    const [key, ...others] = await eventually(async () => {
      const keys = await admin.keys('*');
      return keys.length > 0 && keys;
    });
    assert.deepEqual(others, []);
    return { key, value: await admin.get(key) };
  }

  for (const library of Object.keys(LIBRARIES)) {
    describe(`over ${library}`, () => {
      test('an opaque token validated by one machine is answered by Redis on another', async () => {
        const token = issuer.opaque({ groups: [{ id: '1', name: 'ü' }] });
        const claims = await apiWith(redisCache(await connect(library))).validateAccessToken(token);
        await onlyEntry();
        assert.deepEqual(await apiWith(redisCache(await connect(library))).validateAccessToken(token), claims);
        assert.equal(issuer.counts[PATH], 1);
      });

      test('a JWT is cached too', async () => {
        const token = issuer.sign();
        const claims = await apiWith(redisCache(await connect(library))).validateAccessToken(token);
        await onlyEntry();
        assert.deepEqual(await apiWith(redisCache(await connect(library))).validateAccessToken(token), claims);
      });

      test('an entry ends with its token, by EXPIREAT, and contains no token', async () => {
        const exp = Math.floor(Date.now() / 1000) + 1234;
        const token = issuer.opaque({ exp });
        await apiWith(redisCache(await connect(library), { prefix: 'app:' })).validateAccessToken(token);
        const { key, value } = await onlyEntry();
        assert.equal(await admin.expireTime(key), exp);
        assert.match(key, /^app:[\w-]{43}$/);
        assert.ok(!value.includes(token));
      });

      test('an entry of a token that ends in ten to the 206 years ends in a hundred', async () => {
        const token = issuer.opaque({ exp: 2e206 });
        const api = apiWith(redisCache(await connect(library)));
        const claims = await api.validateAccessToken(token);
        const { key } = await onlyEntry();
        const years = (await admin.ttl(key)) / (365 * 86_400);
        assert.ok(years > 99.99 && years <= 100, String(years));
        assert.deepEqual(await api.validateAccessToken(token), claims);
        assert.equal(issuer.counts[PATH], 1);
      });

      for (const expiresAt of [2e206, Number.MAX_VALUE, Infinity, 2 ** 53]) {
        test(`an entry that is set until ${expiresAt} is kept`, async () => {
          const cache = redisCache(await connect(library));
          await cache.set('t', { sub: 'a' }, expiresAt);
          assert.deepEqual(await cache.get('t'), { sub: 'a' });
        });
      }

      test('an inactive verdict is cached and ends by itself', async () => {
        const api = apiWith(redisCache(await connect(library)));
        const inactive = failure('MonoCloudTokenError', 'inactive');
        await assert.rejects(api.validateAccessToken('never-issued'), inactive);
        const { key } = await onlyEntry();
        assert.ok((await admin.ttl(key)) <= 300);
        await assert.rejects(api.validateAccessToken('never-issued'), inactive);
        assert.equal(issuer.counts[PATH], 1);
      });

      test('two tenants with the same kid and the same token never see each other', async () => {
        const other = await startIssuer({ keys: 'another tenant' });
        closers.push(() => other.close());
        assert.deepEqual(
          other.jwks.keys.map(({ kid }) => kid),
          issuer.jwks.keys.map(({ kid }) => kid),
        );
        const cache = redisCache(await connect(library));
        const [ours, theirs] = [issuer, other].map((tenant) => backend(tenant, { ...ANY_CLIENT, cache }));

        issuer.introspected.set('shared-token', issuer.claims({ sub: 'ours', iss: undefined }));
        other.introspected.set('shared-token', other.claims({ sub: 'theirs', iss: undefined }));
        for (let round = 0; round < 2; round += 1) {
          assert.equal((await ours.validateAccessToken('shared-token')).sub, 'ours');
          assert.equal((await theirs.validateAccessToken('shared-token')).sub, 'theirs');
        }
        issuer.introspected.set('only-ours', issuer.claims({ iss: undefined }));
        await ours.validateAccessToken('only-ours');
        await assert.rejects(theirs.validateAccessToken('only-ours'), failure('MonoCloudTokenError', 'inactive'));

        const jwt = issuer.sign();
        await ours.validateAccessToken(jwt);
        await assert.rejects(theirs.validateAccessToken(jwt), failure('MonoCloudTokenError', 'signature_invalid'));
        // The shared token twice, `only-ours` as active and as inactive, and the JWT.
        await eventually(async () => (await admin.keys('*')).length === 5);
      });

      test('two audiences of one tenant have entries of their own', async () => {
        const cache = redisCache(await connect(library));
        const token = issuer.opaque({ aud: ['https://a.example', 'https://b.example'] });
        for (const audience of ['https://a.example', 'https://b.example']) {
          await backend(issuer, { ...ANY_CLIENT, cache, audience }).validateAccessToken(token);
        }
        assert.equal(issuer.counts[PATH], 2);
      });

      test('an entry of another key is a miss', async () => {
        const api = apiWith(redisCache(await connect(library)));
        const [rich, poor] = [issuer.opaque({ scope: 'everything' }), issuer.opaque({ scope: 'little' })];
        await api.validateAccessToken(poor);
        const { key } = await onlyEntry();
        await admin.flushAll();
        await api.validateAccessToken(rich);
        const { value } = await onlyEntry();
        await admin.set(key, value);
        assert.equal((await api.validateAccessToken(poor)).scope, 'little');
      });

      for (const [what, spoil] of [
        ['no JSON', (key) => admin.set(key, '{"claims"')],
        ['nothing', (key) => admin.set(key, '')],
        ['an array', (key) => admin.set(key, '[1]')],
        ['null', (key) => admin.set(key, 'null')],
        [
          'claims that are none',
          (key, { value }) => admin.set(key, JSON.stringify({ ...JSON.parse(value), claims: 'all' })),
        ],
        ['bare claims', (key, { value }) => admin.set(key, JSON.stringify(JSON.parse(value).claims))],
        ['expired claims', (key, { value }) => admin.set(key, value.replace(/"exp":\d+/, '"exp":1'))],
        [
          "another audience's claims",
          (key, { value }) => admin.set(key, value.replace(/"aud":"[^"]+"/, '"aud":"x:y"')),
        ],
        ['octets that are not UTF-8', (key) => admin.set(key, Buffer.from([0xff, 0xfe, 0x00]))],
        ['20 MB', (key) => admin.set(key, 'x'.repeat(20e6))],
        ['a list', async (key) => (await admin.del(key), admin.lPush(key, 'x'))],
      ]) {
        test(`a key that holds ${what} is a miss, and is written anew`, async () => {
          const api = apiWith(redisCache(await connect(library)));
          const token = issuer.opaque();
          const claims = await api.validateAccessToken(token);
          const entry = await onlyEntry();
          await spoil(entry.key, entry);
          assert.deepEqual(await api.validateAccessToken(token), claims);
          assert.equal(issuer.counts[PATH], 2);
          // Equal except for the time at which it was obtained.
          const timeless = (value) => value?.replace(/"at":[\d.]+/, '');
          await eventually(
            async () => timeless(await admin.get(entry.key).catch(() => undefined)) === timeless(entry.value),
          );
        });
      }
    });
  }

  test('Valkey GLIDE and iovalkey receive the same commands', async () => {
    const sent = [];
    const send = (words) => (sent.push(words), admin.sendCommand(words));
    const token = issuer.opaque({ exp: Math.floor(Date.now() / 1000) + 60 });
    const glide = redisCache({ customCommand: (words) => send(words) });
    const iovalkey = redisCache({ call: (...words) => send(words) });
    const claims = await apiWith(glide).validateAccessToken(token);
    const { key, value } = await onlyEntry();
    assert.deepEqual(await apiWith(iovalkey).validateAccessToken(token), claims);
    await iovalkey.scope({ issuer: issuer.issuer, audience: 'https://api.example.com' }).delete(token);
    assert.deepEqual(sent, [
      ['GET', key],
      ['SET', key, value, 'EXAT', String(claims.exp)],
      ['GET', key],
      ['DEL', key],
    ]);
    assert.equal(issuer.counts[PATH], 1);
  });

  test('a cluster is one cache, over node-redis and over ioredis', async () => {
    const node = await startRedis({ isCluster: true });
    closers.push(() => node.close());
    const one = createClient({ url: `redis://127.0.0.1:${node.port}` });
    await one.connect();
    closers.push(() => one.destroy());
    await one.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '0', '16383']);
    await eventually(async () => (await one.sendCommand(['CLUSTER', 'INFO'])).includes('cluster_state:ok'));

    const nodeRedis = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${node.port}` }] });
    await nodeRedis.connect();
    closers.push(() => nodeRedis.destroy());
    const ioredis = new Cluster([{ host: '127.0.0.1', port: node.port }]);
    closers.push(() => ioredis.disconnect());

    const tokens = Array.from({ length: 20 }, () => issuer.opaque());
    for (const token of tokens) await apiWith(redisCache(nodeRedis)).validateAccessToken(token);
    await eventually(async () => (await one.dbSize()) === tokens.length);
    for (const client of [nodeRedis, ioredis]) {
      for (const token of tokens) await apiWith(redisCache(client)).validateAccessToken(token);
    }
    assert.equal(issuer.counts[PATH], tokens.length);
  });

  test('buffers instead of text, a setting of some clients, are read', async () => {
    const octets = { customCommand: async (words) => Buffer.from((await admin.sendCommand(words)) ?? '') };
    const token = issuer.opaque();
    await apiWith(redisCache(admin)).validateAccessToken(token);
    await onlyEntry();
    await apiWith(redisCache(octets)).validateAccessToken(token);
    assert.equal(issuer.counts[PATH], 1);
  });

  test('a cache without a scope uses the token as its only key', async () => {
    const cache = redisCache(admin);
    await cache.set('t', { sub: 'a' }, Math.floor(Date.now() / 1000) + 60);
    assert.deepEqual(await cache.get('t'), { sub: 'a' });
    assert.equal(await cache.scope({ issuer: 'a', audience: 'b' }).get('t'), undefined);
    await cache.delete('t');
    assert.equal(await cache.get('t'), undefined);
  });

  test('the parts of a key cannot be confused', async () => {
    const cache = redisCache(admin);
    const until = Math.floor(Date.now() / 1000) + 60;
    const parts = [
      ['a', 'b', 'c'],
      ['ab', '', 'c'],
      ['a', 'bc', ''],
      ['', 'a', 'bc'],
      ['a","b', '', 'c'],
    ];
    for (const [tenant, audience, token] of parts) {
      await cache.scope({ issuer: tenant, audience }).set(token, {}, until);
    }
    assert.equal((await admin.keys('monocloud:*')).length, parts.length);
  });
});

test('an unknown client, or a prefix that is not text, is refused', () => {
  for (const client of [undefined, null, {}, { get() {}, set() {} }, 'redis://127.0.0.1']) {
    assert.throws(() => redisCache(client), failure('MonoCloudValidationError', 'argument_invalid'));
  }
  assert.throws(
    () => redisCache({ call() {} }, { prefix: 1 }),
    failure('MonoCloudValidationError', 'argument_invalid'),
  );
});
