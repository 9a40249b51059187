// Keys are added, withdrawn and requested by attackers; the clock steps.
//
// A hundred rotations and a minute of flood take virtual time: tests/faults/rotation.rs and flood.rs.

import assert from 'node:assert/strict';
import { after, before, beforeEach, describe, mock, test } from 'node:test';

import { alone, startIssuerBehindProxy } from './issuers.mjs';
import { DISCOVERY } from './proxy.mjs';
import { status } from './bodies.mjs';
import { eventually, rejection } from './waiting.mjs';

let server;
before(async () => {
  server = await startIssuerBehindProxy();
});
beforeEach(async () => {
  await server.behind.rotate();
  server.proxy.heal();
  server.proxy.counts = {};
});
after(() => server.close());

async function warm(options) {
  const client = alone(server, options);
  await client.warmUp();
  return client;
}

const times = (count, make) => Array.from({ length: count }, (_, index) => make(index));
const token = (index = 0) => server.sign({ claims: { jti: `${index}` } });
const forged = (index) => server.sign({ header: { kid: `unknown-${index}` } });

describe('a key', () => {
  test('that is announced before it signs costs no valid token, whatever the load', async () => {
    const client = await warm();
    const accepted = [];
    let isLoaded = true;
    const load = times(10, async () => {
      for (let index = 0; isLoaded; index += 1) {
        accepted.push((await client.validateAccessToken(token(index))).jti);
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
      }
    });
    // Announced: the new key is published beside the old one. From the next turn on it signs tokens.
    await server.behind.rotate({ keepOld: true });
    const announced = accepted.length;
    try {
      await eventually(() => accepted.length > announced + 500);
    } finally {
      isLoaded = false;
    }
    await Promise.all(load);
    assert.equal(server.proxy.count('/jwks'), 2);
  });

  test('that comes as a surprise is accepted at once, and a hundred calls for it cost one request', async () => {
    const client = await warm();
    await server.behind.rotate();
    const claims = await Promise.all(times(100, (index) => client.validateAccessToken(token(index))));
    assert.deepEqual(
      claims.map(({ jti }) => jti),
      times(100, String),
    );
    assert.equal(server.proxy.count('/jwks'), 2);
  });

  test('that comes as a surprise twice in a row is accepted at once both times', async () => {
    const client = await warm();
    for (const count of [2, 3]) {
      await server.behind.rotate();
      assert.ok(await client.validateAccessToken(token()));
      assert.equal(server.proxy.count('/jwks'), count);
    }
  });

  test('that comes as a surprise under a flood of unknown ones is accepted in the end', async () => {
    const client = await warm();
    const known = token();
    let count = 0;
    const flood = async () => {
      const outcomes = await Promise.allSettled(times(200, () => client.validateAccessToken(forged((count += 1)))));
      for (const { reason } of outcomes) assert.equal(reason.reason, 'key_not_found');
      assert.ok(await client.validateAccessToken(known));
    };
    for (let round = 0; round < 5; round += 1) await flood();
    assert.equal(server.proxy.count('/jwks'), 3, 'one to begin with, and the two of the bucket');
    await server.behind.rotate({ keepOld: true });
    await eventually(async () => {
      await flood();
      return client.validateAccessToken(token()).catch(() => false);
    });
  });

  test('whose refresh fails during a short fault is accepted soon after it', async () => {
    const client = await warm();
    await server.behind.rotate();
    server.proxy.fault('/jwks', status(500), { times: 1 });
    const error = await rejection(client.validateAccessToken(token()));
    assert.equal(error.name, 'MonoCloudHttpError', 'an outage, and no verdict');
    assert.ok(await eventually(() => client.validateAccessToken(token()).catch(() => false)));
    assert.equal(server.proxy.count('/jwks'), 3);
  });

  test('that is withdrawn takes with it what was validated by it, at the next refresh', async () => {
    const client = await warm();
    const tokens = times(50, token);
    for (const each of [...tokens, ...tokens]) await client.validateAccessToken(each);
    await server.behind.rotate();
    await client.getJwks(true);
    for (const each of tokens) {
      assert.equal((await rejection(client.validateAccessToken(each))).reason, 'key_not_found');
    }
    assert.ok(await client.validateAccessToken(token()));
  });

  test('that is withdrawn is refused also if a cache contained its tokens, once the cache is empty', async () => {
    const entries = new Map();
    const cache = {
      get: async (key) => entries.get(key),
      set: async (key, claims) => void entries.set(key, claims),
      delete: async (key) => void entries.delete(key),
    };
    const client = await warm({ cache });
    const old = token();
    await client.validateAccessToken(old);
    await eventually(() => entries.has(old));
    await server.behind.rotate();
    await client.getJwks(true);
    entries.clear();
    assert.equal((await rejection(client.validateAccessToken(old))).reason, 'key_not_found');
  });
});

describe('a clock set by an hour', () => {
  for (const step of [3_600_000, -3_600_000]) {
    test(`${step > 0 ? 'forth' : 'back'} costs no fetch and no valid token`, async () => {
      const client = await warm();
      const long = server.sign({ claims: { exp: Math.floor(Date.now() / 1000) + 86_400 } });
      assert.ok(await client.validateAccessToken(long));
      const before = { ...server.proxy.counts };
      mock.timers.enable({ apis: ['Date'], now: Date.now() + step });
      try {
        for (let round = 0; round < 20; round += 1) {
          assert.ok(await client.validateAccessToken(long));
          const { age } = client.health().keys;
          assert.ok(age >= 0 && age < 60, `${age}`);
        }
      } finally {
        mock.timers.reset();
      }
      assert.ok(await client.validateAccessToken(long));
      assert.deepEqual(server.proxy.counts, before);
      assert.equal(server.proxy.count(DISCOVERY), 1);
    });
  }

  test('forth expires a token that was validated before, and back makes it valid again', async () => {
    const client = await warm({ clockTolerance: 0 });
    const short = server.sign({ claims: { exp: Math.floor(Date.now() / 1000) + 1800 } });
    assert.ok(await client.validateAccessToken(short));
    mock.timers.enable({ apis: ['Date'], now: Date.now() + 3_600_000 });
    try {
      assert.equal((await rejection(client.validateAccessToken(short))).reason, 'expired');
    } finally {
      mock.timers.reset();
    }
    assert.ok(await client.validateAccessToken(short));
  });
});
