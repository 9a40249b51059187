// What does a client do if its clock returns no number? It rejects every token, because comparisons with NaN are
// always false.

import assert from 'node:assert/strict';
import { afterEach, describe, mock, test } from 'node:test';

import { memoryCache, redisCache } from '@monocloud/backend-node/cache';
import { protectApi as expressApi } from '@monocloud/backend-node/express';

import { ANY_CLIENT } from '../support/backend.mjs';
import { mapCache } from '../support/caches.mjs';
import { AUDIENCE, ISSUER, JWKS, offline, signed } from '../support/offline.mjs';

const now = Math.floor(Date.now() / 1000);
const METADATA = { issuer: ISSUER, introspection_endpoint: `${ISSUER}/introspect` };

const NO_TIMES = {
  NaN: () => NaN,
  Infinity: () => Infinity,
  '-Infinity': () => -Infinity,
  'a time before 1970': () => -1,
  nothing: () => undefined,
  null: () => null,
  'a text': () => `${Date.UTC(2030, 1)}`,
  'a bigint': () => 1n,
  'an object': () => ({ valueOf: () => 0 }),
  'an exception': () => {
    throw new Error('canary');
  },
};

const internal = (error) => {
  assert.deepEqual([error.name, error.reason], ['MonoCloudHttpError', 'internal']);
  assert.doesNotMatch(error.message, /canary/);
  return true;
};

/** A client whose issuer accepts every opaque token, and the number of requests to it. */
function client(options, claims = { exp: now - 365 * 86_400 }) {
  const asked = [];
  const fetcher = async (url) => {
    asked.push(url);
    return Response.json({ active: true, iss: ISSUER, aud: AUDIENCE, sub: 'me', ...claims });
  };
  return { made: offline({ ...ANY_CLIENT, metadataResolver: () => METADATA, fetcher, ...options }), asked };
}

/** Replaces `Date.now` while `work` runs. */
async function during(clock, work) {
  mock.method(Date, 'now', clock);
  try {
    return await work();
  } finally {
    mock.restoreAll();
  }
}

afterEach(() => mock.restoreAll());

describe('a clock that gives', () => {
  for (const [what, clock] of Object.entries(NO_TIMES)) {
    test(`${what} accepts no token, valid or expired a year ago, by any method`, async () => {
      for (const exp of [now + 3600, now - 365 * 86_400]) {
        const token = signed({ exp });
        const slow = signed({ exp }, { alg: 'ES512' });
        const { made, asked } = client();
        await during(clock, async () => {
          for (let round = 0; round < 3; round += 1) {
            await assert.rejects(made.validateAccessToken(token), internal);
            await assert.rejects(made.validateAccessToken(slow), internal);
            await assert.rejects(made.validateJwtAccessToken(token), internal);
            await assert.rejects(made.validateJwtAccessToken(token, { jwks: JWKS }), internal);
            await assert.rejects(made.validateAccessToken('opaque'), internal);
            await assert.rejects(made.introspectAccessToken('opaque'), internal);
          }
        });
        assert.deepEqual([asked.length, made.health().rememberedTokens], [0, 0]);
      }
    });

    test(`${what} refuses a remembered token, but keeps it remembered`, async () => {
      const { made } = client();
      const token = signed();
      for (let i = 0; i < 3; i += 1) await made.validateAccessToken(token);
      await during(clock, () => assert.rejects(made.validateAccessToken(token), internal));
      assert.equal((await made.validateAccessToken(token)).sub, 'user-1');
      assert.equal(made.health().rememberedTokens, 1);
    });

    test(`${what} decides on no override's claims`, async () => {
      for (const [method, token] of [
        ['introspectAccessToken', 'opaque'],
        ['validateJwtAccessToken', signed()],
      ]) {
        const { made } = client();
        made[method] = async () => ({ aud: AUDIENCE, sub: 'me' });
        await during(clock, () => assert.rejects(made.validateAccessToken(token), internal));
      }
    });

    test(`${what} changes no cache and uses no entry`, async () => {
      const commands = [];
      const entries = new Map();
      const redis = {
        get: async (key) => entries.get(key) ?? null,
        set: async (key, value) => {
          commands.push('set');
          entries.set(key, value);
        },
        del: async () => {},
      };
      const map = mapCache();
      for (const [cache, writes] of [
        [map, () => map.calls.set.length],
        [redisCache(redis), () => commands.length],
        [memoryCache(), () => 0],
      ]) {
        const good = { exp: now + 3600 };
        const { made, asked } = client({ cache }, good);
        await during(clock, () => assert.rejects(made.validateAccessToken('opaque'), internal));
        assert.deepEqual([asked.length, writes()], [0, 0]);
        await made.validateAccessToken('opaque');
        await during(clock, () => assert.rejects(made.validateAccessToken('opaque'), internal));
        assert.equal((await made.validateAccessToken('opaque')).sub, 'me');
      }
    });

    test(`${what} is 503 at a route`, async () => {
      const { made } = client();
      const answers = [];
      const response = {
        setHeader: (name, value) => answers.push([name, value]),
        end() {},
        set statusCode(status) {
          answers.push(status);
        },
      };
      const token = signed();
      await made.validateAccessToken(token);
      const request = { headers: { authorization: `Bearer ${token}` }, rawHeaders: [] };
      await during(clock, () => expressApi(made)()(request, response, () => answers.push('next')));
      assert.equal(answers[0], 503);
      assert.ok(answers.some((answer) => answer[0] === 'Retry-After') && !answers.includes('next'));
    });
  }
});

test('memoryCache stores and finds nothing with an invalid clock', async () => {
  const cache = memoryCache();
  await during(
    () => NaN,
    () => cache.set('token', { sub: 'a' }, now + 3600),
  );
  assert.equal(await cache.get('token'), undefined);
  await cache.set('token', { sub: 'a' }, now + 3600);
  assert.equal(
    await during(
      () => NaN,
      () => cache.get('token'),
    ),
    undefined,
  );
});

test('memoryCache stores nothing with an invalid expiry', async () => {
  const cache = memoryCache();
  for (const expiresAt of [NaN, -Infinity, -1, 0]) {
    await cache.set('token', { sub: 'a' }, expiresAt);
    assert.equal(await cache.get('token'), undefined, expiresAt);
  }
});

test('the clock may be that of fake timers, at any time it can show', async () => {
  for (const milliseconds of [0, 1, 8.64e15]) {
    const seconds = milliseconds / 1000;
    const { made } = client();
    const token = signed({ iat: 0, exp: seconds + 1000 });
    assert.equal(
      await during(
        () => milliseconds,
        async () => (await made.validateAccessToken(token)).exp,
      ),
      seconds + 1000,
    );
  }
});
