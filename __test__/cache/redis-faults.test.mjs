// Does validation work without Redis?
//
// Each library talks to a real redis-server through a proxy that pauses, cuts and closes connections. An unreachable
// cache is a miss.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, test } from 'node:test';

import { Redis } from 'ioredis';
import { createClient } from 'redis';
import { redisCache } from '@monocloud/backend-node/cache';

import { ANY_CLIENT, backend } from '../support/backend.mjs';
import { eventually } from '../support/eventually.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { startTcpProxy } from '../support/proxies.mjs';
import { LIBRARIES, startRedis, unavailable } from '../support/redis.mjs';
import { describeWhere } from '../support/suite.mjs';

const PATH = '/introspect';

let issuer;
before(async () => {
  issuer = await startIssuer();
});
after(() => issuer.close());
beforeEach(() => issuer.resetCounts());

for (const [library, open] of Object.entries(LIBRARIES)) {
  describeWhere(unavailable, `over ${library}`, () => {
    let redis;
    let proxy;
    let client;
    let closeClient;
    let api;
    before(async () => {
      redis = await startRedis();
    });
    after(() => redis?.close());
    beforeEach(async () => {
      proxy = await startTcpProxy(redis.port);
      ({ client, close: closeClient } = await open(proxy.port));
      api = backend(issuer, { ...ANY_CLIENT, cache: redisCache(client) });
    });
    afterEach(async () => {
      await closeClient?.();
      await proxy?.close();
    });

    /** An opaque token that is cached in Redis. */
    async function cachedToken() {
      const token = issuer.opaque();
      await eventually(async () => {
        const asked = issuer.counts[PATH];
        await api.validateAccessToken(token);
        return asked === issuer.counts[PATH];
      });
      issuer.resetCounts();
      return token;
    }

    test('a server that stops and starts again changes no result', async () => {
      const [opaque, jwt] = [await cachedToken(), issuer.sign()];
      await proxy.close();
      for (let i = 0; i < 5; i += 1) {
        assert.ok(await api.validateAccessToken(opaque));
        assert.ok(await api.validateAccessToken(jwt));
      }
      await proxy.open();
      // The library reconnects on its own schedule.
      await eventually(async () => {
        const asked = issuer.counts[PATH];
        await api.validateAccessToken(opaque);
        return asked === issuer.counts[PATH];
      });
    });

    test('a server that hangs is a miss, and a late response changes nothing', async () => {
      const [opaque, jwt] = [await cachedToken(), issuer.sign()];
      proxy.pause();
      const answers = await Promise.all([api.validateAccessToken(opaque), api.validateAccessToken(jwt)]);
      assert.ok(answers.every(({ sub }) => sub === 'user-1'));
      assert.equal(issuer.counts[PATH], 1);
      proxy.resume();
      assert.ok(await api.validateAccessToken(opaque));
    });

    test('a server that stops during a command is a miss', async () => {
      const token = await cachedToken();
      proxy.cut();
      assert.ok(await api.validateAccessToken(token));
      assert.equal(issuer.counts[PATH], 1);
    });
  });
}

describe('redisCache without a server', () => {
  for (const [what, make] of [
    ['node-redis that was never connected', () => createClient()],
    ['ioredis that nobody answers', () => new Redis({ path: '/nonexistent/redis.sock', retryStrategy: () => 20 })],
  ]) {
    test(`${what} changes no result`, async () => {
      const client = make().on('error', () => {});
      try {
        const api = backend(issuer, { ...ANY_CLIENT, cache: redisCache(client) });
        for (const token of [issuer.opaque(), issuer.sign()]) {
          for (let i = 0; i < 3; i += 1) assert.ok(await api.validateAccessToken(token));
        }
      } finally {
        client.disconnect?.();
      }
    });
  }

  for (const [what, away] of [
    ['node-redis that is not ready', { isReady: false }],
    ['ioredis that reconnects', { status: 'reconnecting' }],
    ['ioredis that has ended', { status: 'end' }],
  ]) {
    test(`${what} receives no command, and every call rejects`, async () => {
      const told = [];
      const cache = redisCache({ ...away, call: (...words) => told.push(words) });
      for (const call of [cache.get('t'), cache.set('t', {}, 1), cache.delete('t')])
        await assert.rejects(call, /out of reach/);
      assert.deepEqual(told, []);
    });
  }

  test('a server that never responds receives a bounded number of commands', async () => {
    let told = 0;
    const cache = redisCache({ call: () => ((told += 1), new Promise(() => {})) });
    const calls = Array.from({ length: 10_001 }, () => cache.get('t'));
    await assert.rejects(calls.pop(), /out of reach/);
    assert.equal(told, 10_000);
  });
});
