// Does every process that shares one Redis see the latest cut-off of a key?
//
// A real redis-server, used through node-redis and ioredis as in an application, and through the commands of Valkey GLIDE.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Cluster, Redis } from 'ioredis';
import { createClient, createCluster } from 'redis';
import { redisRevocationStore } from '@monocloud/backend-node/cache';

import { backend } from '../support/backend.mjs';
import { runScript } from '../support/child.mjs';
import { outcomeOf } from '../support/dpop.mjs';
import { eventually } from '../support/eventually.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { startTcpProxy } from '../support/proxies.mjs';
import { CLIENTS, LIBRARIES, redisOfSuite, startRedis, unavailable } from '../support/redis.mjs';
import { describeWhere } from '../support/suite.mjs';

const EXTRA = 900;
const KEY = { issuer: 'https://acme.us.monocloud.com', kind: 'sub', value: 'user-1' };
const OTHER = { ...KEY, kind: 'sid', value: 'session-1' };
const now = () => Math.floor(Date.now() / 1000);

describeWhere(unavailable, 'redisRevocationStore', () => {
  const redis = redisOfSuite();

  for (const library of Object.keys(CLIENTS)) {
    describe(`over ${library}`, () => {
      test('every client of the server sees a cut-off, and one command reads several', async () => {
        const [first, second] = [
          redisRevocationStore(await redis.connect(library)),
          redisRevocationStore(await redis.connect(library)),
        ];
        assert.deepEqual(
          [await first.cutoff(KEY), await first.cutoffs([KEY, OTHER])],
          [undefined, [undefined, undefined]],
        );
        const at = now() - 0.25;
        await first.revoke(KEY, { at });
        await redis.admin.configResetStat();
        assert.deepEqual(await second.cutoffs([OTHER, KEY]), [undefined, at]);
        assert.equal(await second.cutoff(KEY), at);
        assert.match(await redis.admin.info('commandstats'), /cmdstat_mget:calls=2,/);
      });

      test('an earlier cut-off does not replace a later one, and a shorter time does not replace a longer one', async () => {
        const store = redisRevocationStore(await redis.connect(library));
        const at = now();
        await store.revoke(KEY, { at: at - 5, ttl: 10_000 });
        await store.revoke(KEY, { at: at - 10, ttl: 10 });
        assert.equal(await store.cutoff(KEY), at - 5);
        await store.revoke(KEY, { at, ttl: 10 });
        assert.equal(await store.cutoff(KEY), at);
        const [name] = await redis.admin.keys('*');
        const left = await redis.admin.ttl(name);
        assert.ok(left > 10_000 && left <= 10_000 + EXTRA, left);
      });

      test('the latest of 200 concurrent cut-offs stays', async () => {
        const stores = [
          redisRevocationStore(await redis.connect(library)),
          redisRevocationStore(await redis.connect(library)),
        ];
        const start = now() - 1000;
        const order = Array.from({ length: 200 }, (_, index) => start + ((index * 7919) % 200) / 4);
        await Promise.all(order.map((at, index) => stores[index % 2].revoke(KEY, { at })));
        assert.equal(await stores[0].cutoff(KEY), start + 199 / 4);
      });

      test('the key is a hash after the prefix, and nobody else is named', async () => {
        const client = await redis.connect(library);
        await redisRevocationStore(client).revoke(KEY);
        await redisRevocationStore(client, { prefix: 'a:' }).revoke(KEY);
        const names = (await redis.admin.keys('*')).sort();
        assert.match(names[0], /^a:\{revoked\}:[\w-]{43}$/);
        assert.equal(names[1], names[0].replace('a:', 'monocloud:'));
        assert.equal(await redisRevocationStore(client, { prefix: 'b:' }).cutoff(KEY), undefined);
      });

      test('a value that is no cut-off is an error, and the next revoke replaces it', async () => {
        const store = redisRevocationStore(await redis.connect(library));
        await store.revoke(KEY, { at: 5 });
        const [name] = await redis.admin.keys('*');
        for (const value of ['', 'x', '-1', '1e400', 'inf', 'nan', '0x10', '1.', ' 1', '1 ', '{}']) {
          await redis.admin.set(name, value, { expiration: { type: 'EX', value: 5 } });
          await assert.rejects(store.cutoffs([OTHER, KEY]), /no cut-off/, value);
        }
        await store.revoke(KEY, { at: 7 });
        assert.equal(await store.cutoff(KEY), 7);
      });

      test('an error of the server is passed on', async () => {
        const store = redisRevocationStore(await redis.connect(library));
        await store.revoke(KEY);
        const [name] = await redis.admin.keys('*');
        await redis.admin.del(name);
        await redis.admin.lPush(name, 'x');
        await assert.rejects(store.revoke(KEY), /WRONGTYPE/);
        await redis.admin.del(name);
        await redis.admin.configSet('maxmemory', '1');
        try {
          await assert.rejects(store.revoke(KEY), /OOM/);
        } finally {
          await redis.admin.configSet('maxmemory', '0');
        }
        await store.revoke(KEY);
      });
    });
  }

  for (const library of Object.keys(LIBRARIES)) {
    test(`a server that is cut off from ${library} is an error at once or as soon as the client notices`, async () => {
      const proxy = await startTcpProxy(redis.port);
      redis.closers.push(() => proxy.close());
      const store = redisRevocationStore(await redis.connect(library, proxy.port));
      await store.revoke(KEY);
      await proxy.close();
      await assert.rejects(async () => {
        for (;;) await store.cutoff(KEY);
      });
    });
  }

  test('a token that one process revokes is refused by another one, after a second at most', async (t) => {
    const issuer = await startIssuer();
    redis.closers.push(() => issuer.close());
    const store = redisRevocationStore(await redis.connect('node-redis'));
    const client = backend(issuer, { revocation: { store } });
    const token = issuer.sign();
    const decide = () => outcomeOf(client.validateAccessToken(token));
    assert.equal(await decide(), 'accepted');
    await runScript(
      `import { Redis } from 'ioredis';
       import { redisRevocationStore } from '@monocloud/backend-node/cache';
       const redis = new Redis(${redis.port}, '127.0.0.1');
       const key = { issuer: '${issuer.issuer}', kind: 'sub', value: 'user-1' };
       await redisRevocationStore(redis).revoke(key, { at: ${now() + 1} });
       redis.disconnect();
       console.log('true');`,
    );
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 1000 });
    assert.equal(await decide(), 'revoked');
  });

  describe('in a cluster', () => {
    let node;
    before(async () => {
      node = await startRedis({ isCluster: true });
      const one = await createClient({ url: `redis://127.0.0.1:${node.port}` }).connect();
      await one.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', '0', '16383']);
      await eventually(async () => (await one.sendCommand(['CLUSTER', 'INFO'])).includes('cluster_state:ok'));
      one.destroy();
    });
    after(() => node?.close());

    const CLUSTERS = {
      'node-redis': async (port) => {
        const client = createCluster({ rootNodes: [{ url: `redis://127.0.0.1:${port}` }] });
        client.on('error', () => {});
        await client.connect();
        return { client, close: () => client.destroy() };
      },
      ioredis: async (port) => {
        const client = new Cluster([{ host: '127.0.0.1', port }]);
        client.on('error', () => {});
        return { client, close: () => client.disconnect() };
      },
    };
    for (const [library, open] of Object.entries(CLUSTERS)) {
      test(`of ${library}, one command reads the keys, because they are in one slot`, async () => {
        const { client, close } = await open(node.port);
        redis.closers.push(close);
        const store = redisRevocationStore(client);
        const keys = Array.from({ length: 20 }, (_, index) => ({ ...KEY, value: `user-${index}` }));
        await store.revoke(keys[0], { at: 5 });
        await store.revoke(keys[3], { at: 7 });
        assert.deepEqual((await store.cutoffs(keys)).filter(Boolean), [5, 7]);
      });
    }
  });
});

describe('a store', () => {
  const storeThatGets = (reply) => redisRevocationStore({ call: async () => reply });

  test('takes only an array of the right length for cut-offs, and OK for a revocation', async () => {
    assert.deepEqual(await storeThatGets(['5', null]).cutoffs([KEY, OTHER]), [5, undefined]);
    assert.deepEqual(await storeThatGets([Buffer.from('5.25'), null]).cutoffs([KEY, OTHER]), [5.25, undefined]);
    const wrong = [
      undefined,
      null,
      'QUEUED',
      [],
      ['5'],
      ['5', null, null],
      {},
      [5, null],
      [undefined, '5'],
      [['5'], null],
    ];
    for (const reply of wrong) {
      await assert.rejects(storeThatGets(reply).cutoffs([KEY, OTHER]), Error, String(reply));
    }
    await storeThatGets('OK').revoke(KEY);
    for (const reply of [undefined, null, 'QUEUED', 1, ['OK'], {}]) {
      await assert.rejects(storeThatGets(reply).revoke(KEY), /unexpected reply/, String(reply));
    }
  });

  test('asks the client for nothing while it reconnects', async () => {
    const store = redisRevocationStore({ status: 'reconnecting', call: () => assert.fail('asked') });
    await assert.rejects(store.cutoff(KEY), /out of reach/);
    await assert.rejects(store.revoke(KEY), /out of reach/);
  });

  test('needs a client of a supported library, a prefix that is a string and a maxTtl in its range', () => {
    const isRefused = { name: 'MonoCloudValidationError', reason: 'argument_invalid' };
    const incomplete = { get() {}, set() {}, del() {} };
    for (const client of [undefined, null, 'redis://localhost', {}, new Map(), incomplete]) {
      assert.throws(() => redisRevocationStore(client), isRefused);
    }
    const client = new Redis({ lazyConnect: true });
    for (const prefix of [1, {}, null]) assert.throws(() => redisRevocationStore(client, { prefix }), isRefused);
    for (const maxTtl of [0, 1.5, '60', 315_360_001]) {
      assert.throws(() => redisRevocationStore(client, { maxTtl }), isRefused);
    }
    assert.throws(() => redisRevocationStore(client, { prefx: 'a' }), isRefused);
  });
});
