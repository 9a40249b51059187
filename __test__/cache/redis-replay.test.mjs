// Is a DPoP proof new exactly once for all processes that share one Redis?
//
// A real redis-server, used through node-redis and ioredis as in an application, and through the commands of Valkey GLIDE.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';

import { Redis } from 'ioredis';
import { redisReplayStore } from '@monocloud/backend-node/cache';

import { startTcpProxy } from '../support/proxies.mjs';
import { CLIENTS, LIBRARIES, redisOfSuite, unavailable } from '../support/redis.mjs';
import { describeWhere } from '../support/suite.mjs';

const ID = '3q2-7wAAAAAAAAAAAAAAAA';
const KEY = `monocloud:dpop:${ID}`;
const later = () => Math.floor(Date.now() / 1000) + 120;

describeWhere(unavailable, 'redisReplayStore', () => {
  const redis = redisOfSuite();

  for (const library of Object.keys(CLIENTS)) {
    describe(`over ${library}`, () => {
      test('an id is new once, for every client of the server', async () => {
        const [first, second] = [
          redisReplayStore(await redis.connect(library)),
          redisReplayStore(await redis.connect(library)),
        ];
        assert.equal(await first.add(ID, later()), true);
        assert.equal(await first.add(ID, later()), false);
        assert.equal(await second.add(ID, later()), false);
        assert.equal(await second.add(`${ID}x`, later()), true);
      });

      test('of 500 concurrent calls by two clients exactly one is told that the id is new', async () => {
        const stores = [redisReplayStore(await redis.connect(library)), redisReplayStore(await redis.connect(library))];
        const expiresAt = later();
        const answers = await Promise.all(
          Array.from({ length: 500 }, (_, index) => stores[index % 2].add(ID, expiresAt)),
        );
        assert.deepEqual([answers.filter((isNew) => isNew === true).length, answers.length], [1, 500]);
        assert.ok(answers.every((isNew) => typeof isNew === 'boolean'));
      });

      test('the server removes the id at expiresAt, rounded up, and a second use does not move that time', async () => {
        const store = redisReplayStore(await redis.connect(library));
        const expiresAt = later();
        await store.add(ID, expiresAt + 0.25);
        await store.add(ID, expiresAt + 1000);
        assert.deepEqual(await redis.admin.keys('*'), [KEY]);
        assert.deepEqual([await redis.admin.get(KEY), await redis.admin.expireTime(KEY)], ['', expiresAt + 1]);
      });

      test('an id that has expired is new again', async () => {
        const store = redisReplayStore(await redis.connect(library));
        await store.add(ID, later());
        await redis.admin.expireAt(KEY, 1);
        assert.equal(await store.add(ID, later()), true);
      });

      test('a prefix separates the applications of one server', async () => {
        const client = await redis.connect(library);
        const [first, second] = [
          redisReplayStore(client, { prefix: 'a:' }),
          redisReplayStore(client, { prefix: 'b:' }),
        ];
        assert.deepEqual([await first.add(ID, later()), await second.add(ID, later())], [true, true]);
        assert.deepEqual((await redis.admin.keys('*')).sort(), [`a:${ID}`, `b:${ID}`]);
      });

      test('an error of the server is passed on and does not count as new', async () => {
        const store = redisReplayStore(await redis.connect(library));
        await redis.admin.configSet('maxmemory', '1');
        try {
          await assert.rejects(store.add(ID, later()), /OOM/);
        } finally {
          await redis.admin.configSet('maxmemory', '0');
        }
        assert.equal(await store.add(ID, later()), true);
      });

      test('a time that is no number is an error of the server or of the client', async () => {
        const store = redisReplayStore(await redis.connect(library));
        for (const wrong of [NaN, undefined, 'x', 0, -1]) await assert.rejects(store.add(ID, wrong), String(wrong));
        assert.deepEqual(await redis.admin.keys('*'), []);
      });
    });
  }

  for (const library of Object.keys(LIBRARIES)) {
    test(`a server that is cut off from ${library} is an error at once or as soon as the client notices`, async () => {
      const proxy = await startTcpProxy(redis.port);
      redis.closers.push(() => proxy.close());
      const store = redisReplayStore(await redis.connect(library, proxy.port));
      assert.equal(await store.add(ID, later()), true);
      await proxy.close();
      await assert.rejects(async () => {
        for (;;) await store.add(ID, later());
      });
    });
  }
});

describe('a store', () => {
  const storeThatGets = (reply) => redisReplayStore({ call: async () => reply });

  test('takes OK for new, null for used, and every other reply for an error', async () => {
    assert.equal(await storeThatGets('OK').add(ID, later()), true);
    assert.equal(await storeThatGets(Buffer.from('OK')).add(ID, later()), true);
    assert.equal(await storeThatGets(null).add(ID, later()), false);
    for (const reply of [undefined, 'QUEUED', '', 'ok', 1, 0, true, false, ['OK'], {}, Buffer.from('')]) {
      await assert.rejects(storeThatGets(reply).add(ID, later()), /unexpected reply/, String(reply));
    }
  });

  test('is one object for a client and a prefix, so that a request which two guards check asks it once', () => {
    const client = { call: async () => 'OK' };
    const store = redisReplayStore(client);
    assert.equal(redisReplayStore(client, { prefix: 'monocloud:dpop:' }), store);
    assert.notEqual(redisReplayStore(client, { prefix: 'a:' }), store);
    assert.notEqual(redisReplayStore({ ...client }), store);
  });

  test('asks the client for nothing while it reconnects', async () => {
    const client = { status: 'reconnecting', call: () => assert.fail('asked') };
    await assert.rejects(redisReplayStore(client).add(ID, later()), /out of reach/);
  });

  test('needs a client of a supported library and a prefix that is a string', () => {
    const isRefused = { name: 'MonoCloudValidationError', reason: 'argument_invalid' };
    for (const client of [undefined, null, 'redis://localhost', {}, new Map(), { get() {}, set() {} }]) {
      assert.throws(() => redisReplayStore(client), isRefused);
    }
    const client = new Redis({ lazyConnect: true });
    for (const prefix of [1, {}, null]) assert.throws(() => redisReplayStore(client, { prefix }), isRefused);
    assert.throws(() => redisReplayStore(client, { prefx: 'a' }), isRefused);
  });
});
