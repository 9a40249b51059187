// Callers that wait for newer keys: the engine decides who waits, and many callers at once cost it one waiter.
//
// How long a caller waits and until when a wait is shared: `src/engine/keys/wait_tests.rs`, in virtual time.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import native from '../../npm/native/panic-guard.js';
import { AUDIENCE } from '../support/issuer.mjs';

const { KeyRefresh } = createRequire(import.meta.url)('../../npm/client/key-refresh.js');

const REFRESHED = { isRefreshed: true, isRefreshedForJoined: false, isRefreshedForLast: true };
const OUT_OF_TIME = { ...REFRESHED, isRefreshedForJoined: true };

/** An engine of its own whose requests are for the user's functions, so that its first refresh ends when told to. */
function realEngine(name) {
  const settings = {
    options: { tenantDomain: `https://${name}.example`, audience: AUDIENCE },
    environment: {},
    clientKind: 'backend',
    hostEnvironment: { hasFetcher: true },
  };
  const engine = new native.MonoCloudBackendNodeClient(JSON.stringify(settings));
  const fail = () => JSON.parse(engine.takeRequests()).forEach(({ id }) => engine.fail(id, 'fetcher_failed'));
  return { engine, fail };
}

/** An engine that gives these steps, one per call. */
function scriptedEngine(...steps) {
  const calls = [];
  return {
    calls,
    waitForKeys: (...call) => {
      calls.push(call);
      const step = steps.shift();
      if (step instanceof Error) throw step;
      return step;
    },
  };
}

/** A wait to begin, and what ends it. */
function wait(number) {
  let end;
  const ended = new Promise((resolve, reject) => {
    end = { resolve, reject };
  });
  return { step: { wait: number, ended }, ...end };
}

test('a thousand callers at once leave one waiter', async () => {
  const { engine, fail } = realEngine('one-waiter');
  const steps = Array.from({ length: 1000 }, () => engine.waitForKeys(1, false));
  const [first, ...others] = steps;
  assert.deepEqual(others, Array(999).fill({ wait: first.wait, isLast: false }));
  fail();
  assert.deepEqual(await first.ended, REFRESHED);
  const next = engine.waitForKeys(1, false);
  assert.ok(next.wait > first.wait && next.ended instanceof Promise);
});

test('each of a thousand callers goes on when the one wait ends, and only the first decides with what is there', async () => {
  const { engine, fail } = realEngine('thousand');
  const keyRefresh = new KeyRefresh(engine, { drain: () => {} });
  const callers = Array.from({ length: 1000 }, () => keyRefresh.wait(1, false));
  fail();
  const answers = await Promise.all(callers);
  assert.deepEqual([answers[0], new Set(answers.slice(1))], [true, new Set([false])]);
});

test('after the third wait everyone decides with what is there, and nobody waits a fourth time', async () => {
  const { engine, fail } = realEngine('rounds');
  const keyRefresh = new KeyRefresh(engine, { drain: () => {} });
  const callers = [2, 3, 3].map((round) => keyRefresh.wait(round, false));
  assert.equal(keyRefresh.wait(4, false), undefined);
  assert.equal(keyRefresh.wait(4, true), undefined);
  fail();
  assert.deepEqual(await Promise.all(callers), [true, true, true]);
});

test('the engine is told the round, and whether the caller has a cached fallback', () => {
  const engine = scriptedEngine(wait(1).step, { wait: 1, isLast: false }, null);
  const keyRefresh = new KeyRefresh(engine);
  keyRefresh.wait(1, true);
  keyRefresh.wait(2, false);
  keyRefresh.wait(4, true);
  assert.deepEqual(engine.calls, [
    [1, true],
    [2, false],
    [4, true],
  ]);
});

test('callers wait for the wait that the engine names', async () => {
  const [one, two] = [wait(1), wait(2)];
  const keyRefresh = new KeyRefresh(
    scriptedEngine(one.step, two.step, { wait: 1, isLast: false }, { wait: 2, isLast: true }),
  );
  const ended = [];
  const callers = Array.from({ length: 4 }, async (_, index) => {
    const isRefreshed = await keyRefresh.wait(1, true);
    ended.push([index, isRefreshed]);
  });
  two.resolve({ ...REFRESHED, isRefreshed: false });
  await Promise.all([callers[1], callers[3]]);
  assert.deepEqual(ended, [
    [1, false],
    [3, true],
  ]);
  one.resolve(REFRESHED);
  await Promise.all(callers);
  assert.deepEqual(ended.slice(2), [
    [0, true],
    [2, false],
  ]);
});

test('everyone who shares a wait decides with what is there when its time is up', async () => {
  const one = wait(1);
  const keyRefresh = new KeyRefresh(scriptedEngine(one.step, { wait: 1, isLast: false }, { wait: 1, isLast: true }));
  const callers = [keyRefresh.wait(1, true), keyRefresh.wait(1, true), keyRefresh.wait(3, true)];
  one.resolve(OUT_OF_TIME);
  assert.deepEqual(await Promise.all(callers), [true, true, true]);
});

test('what the engine left for the host to do is done by who began the wait', async () => {
  const one = wait(1);
  let drained = 0;
  const host = {
    drain: () => {
      drained += 1;
      one.resolve(REFRESHED);
    },
  };
  const keyRefresh = new KeyRefresh(scriptedEngine(one.step, { wait: 1, isLast: false }), host);
  assert.deepEqual(await Promise.all([keyRefresh.wait(1, false), keyRefresh.wait(1, false)]), [true, false]);
  assert.equal(drained, 1);
});

test('a caller that joins starts the requests that the first caller failed to start', async () => {
  const one = wait(1);
  const host = {
    drain: () => {
      throw new Error('a panic that was caught');
    },
  };
  const joined = { wait: 1, isLast: false };
  const keyRefresh = new KeyRefresh(scriptedEngine(one.step, joined, joined), host);
  assert.throws(() => keyRefresh.wait(1, false), { message: 'a panic that was caught' });
  await assert.rejects(keyRefresh.wait(1, false), { message: 'a panic that was caught' });
  host.drain = () => one.resolve(REFRESHED);
  assert.equal(await keyRefresh.wait(1, false), false);
});

test('a wait that fails fails for everyone in it', async () => {
  const one = wait(1);
  const keyRefresh = new KeyRefresh(scriptedEngine(one.step, { wait: 1, isLast: false }));
  const callers = [keyRefresh.wait(1, true), keyRefresh.wait(1, true)];
  one.reject(new Error('the engine is gone'));
  for (const caller of callers) await assert.rejects(caller, { message: 'the engine is gone' });
});

test('an engine that throws leaves nothing to join', async () => {
  const one = wait(1);
  const keyRefresh = new KeyRefresh(scriptedEngine(new Error('a panic that was caught'), one.step));
  assert.throws(() => keyRefresh.wait(1, true), { message: 'a panic that was caught' });
  one.resolve(REFRESHED);
  assert.equal(await keyRefresh.wait(1, true), true);
});
