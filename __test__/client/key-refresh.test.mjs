// Do many callers that wait for the same key refresh share one wait of the engine?

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { eventually } from '../faults/waiting.mjs';

const { KeyRefresh } = createRequire(import.meta.url)('../../npm/client/key-refresh.js');

/** An engine whose refreshes end on command. */
function fakeEngine() {
  const waits = [];
  return {
    waits,
    waitForKeys: (timeout) => new Promise((resolve) => { waits.push({ timeout, end: resolve }); }),
  };
}

test('a thousand callers at once share one wait, and only the first counts as the cause of the refresh', async () => {
  const engine = fakeEngine();
  const keyRefresh = new KeyRefresh(engine);
  const callers = Array.from({ length: 1000 }, () => keyRefresh.wait(true));
  assert.equal(engine.waits.length, 1);
  engine.waits[0].end(true);
  const answers = await Promise.all(callers);
  assert.deepEqual([answers[0], new Set(answers.slice(1))], [true, new Set([false])]);
});

test('callers with a deadline wait separately from callers without one', async () => {
  const engine = fakeEngine();
  const keyRefresh = new KeyRefresh(engine);
  const callers = [true, false, true, false].map((mayTimeOut) => keyRefresh.wait(mayTimeOut));
  assert.deepEqual(engine.waits.map(({ timeout }) => timeout), [1000, undefined]);
  engine.waits.forEach(({ end }) => end(false));
  assert.deepEqual(await Promise.all(callers), [false, false, false, false]);
});

test('a caller that joins late still gets almost the whole second', async () => {
  const engine = fakeEngine();
  const keyRefresh = new KeyRefresh(engine);
  const callers = [keyRefresh.wait(true), keyRefresh.wait(false)];
  const start = performance.now();
  await eventually(() => performance.now() - start > 50);
  callers.push(keyRefresh.wait(true), keyRefresh.wait(true), keyRefresh.wait(false));
  assert.deepEqual(engine.waits.map(({ timeout }) => timeout), [1000, undefined, 1000]);
  engine.waits.forEach(({ end }) => end(true));
  assert.deepEqual(await Promise.all(callers), [true, true, true, false, false]);
});

test('a finished wait is not shared with later callers', async () => {
  const engine = fakeEngine();
  const keyRefresh = new KeyRefresh(engine);
  for (let round = 1; round <= 3; round += 1) {
    const caller = keyRefresh.wait(true);
    engine.waits[round - 1].end(true);
    assert.equal(await caller, true);
    assert.equal(engine.waits.length, round);
  }
});

test('the caller that began the wait runs the user functions of the engine', async () => {
  const engine = fakeEngine();
  let drained = 0;
  const keyRefresh = new KeyRefresh(engine, { drain: () => { drained += 1; engine.waits[0].end(true); } });
  assert.deepEqual(await Promise.all([keyRefresh.wait(false), keyRefresh.wait(false)]), [true, false]);
  assert.equal(drained, 1);
});

test('a failed wait is not shared with later callers', async () => {
  const engine = { waitForKeys: () => Promise.reject(new Error('the engine is gone')) };
  const keyRefresh = new KeyRefresh(engine);
  await assert.rejects(keyRefresh.wait(true), { message: 'the engine is gone' });
  engine.waitForKeys = async () => true;
  assert.equal(await keyRefresh.wait(true), true);
});

test('an engine that throws leaves nothing to share', async () => {
  const keyRefresh = new KeyRefresh({ waitForKeys: () => { throw new Error('a panic that was caught'); } });
  for (let round = 0; round < 2; round += 1) await assert.rejects(keyRefresh.wait(true), { message: 'a panic that was caught' });
});
