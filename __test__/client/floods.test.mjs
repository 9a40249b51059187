// How much can one caller slow down all others?
//
// Garbage opaque tokens, forged tokens with slow signatures, and forged sealed texts each have a limit. Requests
// beyond it are rejected with `Retry-After`. The order of waiting tokens is tested in virtual time:
// tests/faults/introspection_load.rs and src/engine/load_limit_tests.rs.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import crypto from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, mock, test } from 'node:test';

import express from 'express';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
import { protectApi } from '@monocloud/backend-node/express';

import { eventually } from '../support/eventually.mjs';
import { get, listen } from '../support/http.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';

const OVERLOADED = { name: 'MonoCloudHttpError', reason: 'overloaded', retryAfter: 1, status: undefined };
/** How many of the 128 introspections are kept for known tokens. */
const FOR_UNKNOWN_TOKENS = 128 - 16;
const QUEUE = 1000;

const numbers = (count) => Array.from({ length: count }, (_, number) => number);
const isOverloaded = (error) => error?.reason === 'overloaded';

let issuer;
before(async () => {
  issuer = await startIssuer();
});
after(() => issuer.close());

function client(options) {
  return new MonoCloudBackendNodeClient({
    tenantDomain: issuer.issuer,
    audience: AUDIENCE,
    clientId: 'api',
    clientSecret: 'secret',
    ...options,
  });
}

/**
 * The endpoint holds its response to `isHeld` tokens until `release`. Returns `{ release, held }`; `held` counts the
 * open requests now and at most.
 */
function holdIntrospection(isHeld) {
  let release;
  const released = new Promise((resolve) => {
    release = resolve;
  });
  const held = { now: 0, most: 0 };
  issuer.respond('/introspect', async (_request, _response, body) => {
    const token = new URLSearchParams(body).get('token');
    const active = { active: true, iss: issuer.issuer, aud: AUDIENCE, sub: token };
    if (!isHeld(token)) return { body: active };
    held.now += 1;
    held.most = Math.max(held.most, held.now);
    await released;
    held.now -= 1;
    return { body: { active: false } };
  });
  return { release, held };
}

describe('a flood of garbage opaque tokens', () => {
  const makers = { "the engine's own requests": {}, 'a fetcher': { fetcher: (url, init) => fetch(url, init) } };
  for (const [what, options] of Object.entries(makers)) {
    test(`opens at most 128 requests by ${what}, queues 1000, and delays no known token`, async () => {
      const { release, held } = holdIntrospection((token) => token.startsWith('garbage'));
      const made = client({ responseTimeout: 60_000, ...options });
      assert.equal((await made.validateAccessToken('known')).sub, 'known');
      const flood = numbers(1500).map((number) =>
        made.validateAccessToken(`garbage-${number}`).catch((error) => error),
      );
      await eventually(() => held.now === FOR_UNKNOWN_TOKENS);
      const { inFlight, queued } = made.health().introspection;
      assert.deepEqual([inFlight, queued], [FOR_UNKNOWN_TOKENS, QUEUE]);
      assert.equal((await made.validateAccessToken('known')).sub, 'known');
      release();
      const outcomes = await Promise.all(flood);
      const overloaded = outcomes.filter(isOverloaded);
      assert.equal(overloaded.length, 1500 - FOR_UNKNOWN_TOKENS - QUEUE);
      assert.ok(overloaded.every((error) => Object.keys(OVERLOADED).every((name) => error[name] === OVERLOADED[name])));
      assert.equal(outcomes.filter(({ reason }) => reason === 'inactive').length, FOR_UNKNOWN_TOKENS + QUEUE);
      assert.ok(held.most <= 128, `${held.most} at once`);
      assert.deepEqual(made.health().introspection, {
        failures: 0,
        lastError: undefined,
        suspended: false,
        inFlight: 0,
        queued: 0,
      });
    });
  }

  test('is answered with 503 and Retry-After: 1 beyond the queue', async () => {
    const { release, held } = holdIntrospection((token) => token.startsWith('garbage'));
    const made = client({ responseTimeout: 60_000 });
    const app = express().get('/', protectApi(made)(), (_request, response) => response.end());
    const api = await listen(app);
    try {
      const first = numbers(FOR_UNKNOWN_TOKENS).map((number) => made.validateAccessToken(`garbage-${number}`));
      const request = get(api.url, { token: 'garbage-of-the-request' });
      await eventually(() => held.now === FOR_UNKNOWN_TOKENS && made.health().introspection.queued === 1);
      const later = numbers(QUEUE).map((number) => made.validateAccessToken(`garbage-too-${number}`));
      const answer = await request;
      assert.deepEqual([answer.status, answer.headers['retry-after']], [503, '1']);
      assert.deepEqual(answer.body, { message: 'service unavailable' });
      release();
      await Promise.allSettled([...first, ...later]);
    } finally {
      await api.close();
    }
  });

  test('that waits in the queue is rejected at responseTimeout', async () => {
    const { release } = holdIntrospection((token) => token.startsWith('garbage'));
    const made = client({ responseTimeout: 1000 });
    assert.equal((await made.validateAccessToken('known')).sub, 'known');
    const flood = numbers(500).map((number) => made.validateAccessToken(`garbage-${number}`).catch((error) => error));
    const outcomes = await Promise.all(flood);
    release();
    assert.deepEqual([...new Set(outcomes.map(({ reason }) => reason))], ['timed_out']);
  });
});

describe('a flood of forged tokens with slow signatures', () => {
  /** Well-formed tokens of a known key with an invalid signature. */
  const forged = (token, number) => {
    const [header, , signature] = token.split('.');
    const payload = Buffer.from(JSON.stringify({ sub: `forged-${number}` })).toString('base64url');
    return `${header}.${payload}.${signature}`;
  };
  /** More threads may verify faster than one thread of JavaScript can send. */
  const hasFewProcessors = availableParallelism() <= 8;

  /** Blocks every thread of libuv's pool with a read from a pipe. Returns a function that frees them. */
  async function holdThreadPool() {
    const folder = mkdtempSync(join(tmpdir(), 'floods-'));
    const pipes = numbers(Number(process.env.UV_THREADPOOL_SIZE ?? 4)).map((number) => join(folder, `${number}`));
    for (const pipe of pipes) execFileSync('mkfifo', [pipe]);
    const opened = pipes.map((pipe) => open(pipe, 'r'));
    return async () => {
      const writers = pipes.map((pipe) => openSync(pipe, 'w'));
      for (const reader of await Promise.all(opened)) await reader.close();
      writers.forEach((writer) => closeSync(writer));
      rmSync(folder, { recursive: true });
    };
  }

  test(
    'holds neither remembered tokens nor the thread pool of Node',
    { skip: process.platform === 'win32' },
    async () => {
      const made = client();
      const [token, next] = [issuer.sign({ alg: 'ES512' }), issuer.sign({ alg: 'ES512', claims: { sub: 'user-2' } })];
      // Twice: a token is stored when it is verified for the second time.
      for (let i = 0; i < 2; i += 1) assert.equal((await made.validateAccessToken(token)).sub, 'user-1');
      assert.equal(made.health().rememberedTokens, 1);
      const free = await holdThreadPool();
      try {
        const flood = numbers(1000).map((number) =>
          made.validateAccessToken(forged(token, number)).catch((error) => error),
        );
        assert.equal((await made.validateAccessToken(token)).sub, 'user-1');
        const reasons = (await Promise.all(flood)).map(({ reason }) => reason);
        const count = (wanted) => reasons.filter((reason) => reason === wanted).length;
        assert.equal(count('signature_invalid') + count('overloaded'), flood.length);
        assert.ok(count('signature_invalid') >= 256);
        assert.equal((await made.validateAccessToken(next)).sub, 'user-2', 'a token that nobody has seen');
      } finally {
        await free();
      }
    },
  );

  test('rejects with a Retry-After of one second', { skip: !hasFewProcessors }, async () => {
    const made = client();
    const token = issuer.sign({ alg: 'ES512' });
    await made.validateAccessToken(token);
    const flood = numbers(3000).map((number) =>
      made.validateAccessToken(forged(token, number)).catch((error) => error),
    );
    const error = (await Promise.all(flood)).find(isOverloaded);
    for (const [name, value] of Object.entries(OVERLOADED)) assert.equal(error[name], value);
  });
});

describe('a flood of forged sealed texts', () => {
  /** A copy of the module in which key derivations end on command. */
  function load() {
    const require = createRequire(import.meta.url);
    const path = require.resolve('../../npm/client/sealed.js');
    const running = [];
    const derive = (secret, salt, _iterations, length, _digest, done) => {
      running.push(() => {
        running.splice(running.indexOf(end), 1);
        done(null, Buffer.alloc(length));
      });
      const end = running.at(-1);
    };
    const faked = mock.method(crypto, 'pbkdf2', derive);
    const kept = require.cache[path];
    delete require.cache[path];
    try {
      return { sealed: require(path), running };
    } finally {
      require.cache[path] = kept;
      if (kept === undefined) delete require.cache[path];
      faked.mock.restore();
    }
  }

  const text = (number) => Buffer.concat([Buffer.alloc(60, number)]).toString('base64url');
  const turn = () =>
    new Promise((resolve) => {
      setImmediate(resolve);
    });

  test('has two keys derived at a time and 64 calls waiting, and the oldest beyond that is overloaded', async () => {
    const { sealed, running } = load();
    const outcomes = numbers(200).map((number) => sealed.decrypt(text(number), 'secret').catch((error) => error));
    await turn();
    assert.equal(running.length, 2);
    // The last 64 wait. Earlier ones, except the two that run, were rejected.
    const turnedAway = await Promise.all(outcomes.slice(2, 136));
    for (const error of turnedAway) {
      for (const [name, value] of Object.entries(OVERLOADED)) assert.equal(error[name], value);
    }
    for (let ended = 0; ended < 66; ended += 1) {
      assert.equal(running.length, Math.min(2, 66 - ended));
      running[0]();
      await turn();
    }
    assert.deepEqual(
      new Set(await Promise.all([...outcomes.slice(0, 2), ...outcomes.slice(136)])),
      new Set([undefined]),
    );
  });

  test('serves the newest text next', async () => {
    const { sealed, running } = load();
    const flood = numbers(60).map((number) => sealed.decrypt(text(number), 'secret').catch((error) => error));
    let isDone = false;
    const encrypted = sealed.encrypt('session', 'secret').finally(() => {
      isDone = true;
    });
    await turn();
    running[0]();
    await turn();
    running[1]();
    await turn();
    assert.equal(isDone, true);
    assert.match(await encrypted, /^[\w-]+$/);
    while (running.length > 0) {
      running[0]();
      await turn();
    }
    await Promise.all(flood);
  });

  test('overloaded is not session_invalid: the session may be valid', async () => {
    const { sealed, running } = load();
    const flood = numbers(67).map((number) => sealed.decryptSession(text(number), 'secret').catch((error) => error));
    assert.equal((await flood[2]).reason, 'overloaded');
    while (running.length > 0) {
      running[0]();
      await turn();
    }
    assert.equal((await flood[66]).reason, 'session_invalid');
  });
});
