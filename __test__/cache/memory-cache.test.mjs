// What does the cache inside the process store, and what does it never store?

import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import { inspect } from 'node:util';

import { memoryCache } from '@monocloud/backend-node/cache';

import { failure } from '../support/backend.mjs';

const A = { issuer: 'https://a.example', audience: 'https://api.example.com' };
const B = { issuer: 'https://b.example', audience: 'https://api.example.com' };

let later;
before(() => {
  later = Math.floor(Date.now() / 1000) + 3600;
});

let cache;
beforeEach(() => {
  cache = memoryCache();
});

/** The tokens that have an entry. Reading an entry counts as a use. */
async function held(of, ...tokens) {
  const found = await Promise.all(tokens.map((token) => of.get(token)));
  return tokens.filter((_, index) => found[index] !== undefined);
}

test('an entry is what was set, as a fresh object each time, until it is deleted', async () => {
  const claims = { sub: 'a', nested: { list: [1, { ü: null }] } };
  await cache.set('t', claims, later);
  claims.sub = 'changed';
  const first = await cache.get('t');
  first.nested.list.push('changed');
  assert.deepEqual(await cache.get('t'), { sub: 'a', nested: { list: [1, { ü: null }] } });
  await cache.delete('t');
  assert.equal(await cache.get('t'), undefined);
  await cache.delete('t');
});

test('an entry is replaced by another of its token', async () => {
  await cache.set('t', { sub: 'a' }, later);
  await cache.set('t', { sub: 'b' }, later);
  assert.deepEqual(await cache.get('t'), { sub: 'b' });
});

test('an entry is there before its second and gone at it', async (context) => {
  const start = later * 1000 - 60_000;
  context.mock.timers.enable({ apis: ['Date'], now: start });
  await cache.set('t', {}, later);
  context.mock.timers.setTime(later * 1000 - 1);
  assert.deepEqual(await cache.get('t'), {});
  context.mock.timers.setTime(later * 1000);
  assert.equal(await cache.get('t'), undefined);
});

for (const expiresAt of [0, 1, -1, Number.NaN, Number.NEGATIVE_INFINITY]) {
  test(`an entry that ends at ${expiresAt} is not kept, and replaces what was there`, async () => {
    await cache.set('t', {}, later);
    await cache.set('t', {}, expiresAt);
    assert.equal(await cache.get('t'), undefined);
  });
}

test('the least recently used entry is removed beyond maxEntries', async () => {
  const small = memoryCache({ maxEntries: 2 });
  await small.set('a', {}, later);
  await small.set('b', {}, later);
  await small.get('a');
  await small.set('c', {}, later);
  assert.deepEqual(await held(small, 'a', 'b', 'c'), ['a', 'c']);
});

test('scopes of one cache share its limits and not its entries', async () => {
  const small = memoryCache({ maxEntries: 2 });
  const [a, b] = [small.scope(A), small.scope(B)];
  await a.set('t', { of: 'a' }, later);
  await b.set('t', { of: 'b' }, later);
  assert.deepEqual([await a.get('t'), await b.get('t'), await small.get('t')], [{ of: 'a' }, { of: 'b' }, undefined]);
  await b.delete('t');
  assert.deepEqual([await held(a, 't'), await held(b, 't')], [['t'], []]);
  await b.set('u', {}, later);
  await b.set('v', {}, later);
  assert.deepEqual([await held(a, 't'), await held(b, 'u', 'v')], [[], ['u', 'v']]);
});

test('the parts of a scope and the token cannot be confused', async () => {
  await cache.scope({ issuer: 'a', audience: 'bc' }).set('t', {}, later);
  for (const [issuer, audience, token] of [
    ['ab', 'c', 't'],
    ['a', 'b', 'ct'],
    ['', 'abc', 't'],
    ['a","bc', '', 't'],
  ]) {
    assert.equal(await cache.scope({ issuer, audience }).get(token), undefined);
  }
});

test('a hundred thousand entries stay within maxEntries, an eighth of which is for inactive verdicts', async () => {
  const small = memoryCache({ maxEntries: 1000 });
  for (let i = 0; i < 100_000; i += 1) await small.set(`t${i}`, { i }, later);
  const tokens = Array.from({ length: 2000 }, (_, i) => `t${98_000 + i}`);
  assert.deepEqual(await held(small, ...tokens), tokens.slice(1125));
});

test('a value that is not an object or not JSON is not stored', async () => {
  const circular = {};
  circular.self = circular;
  await assert.rejects(cache.set('t', circular, later), TypeError);
  await assert.rejects(cache.set('t', undefined, later));
  await cache.set('t', [1], later);
  assert.equal(await cache.get('t'), undefined);
});

test('neither token nor claims are in what inspect and JSON show', async () => {
  const scoped = cache.scope(A);
  await scoped.set('the-raw-token', { sub: 'the-subject' }, later);
  const shown = inspect([cache, scoped], { depth: Infinity, showHidden: true }) + JSON.stringify([cache, scoped]);
  assert.doesNotMatch(shown, /the-raw-token|the-subject/);
});

test('a flood of inactive verdicts pushes no claims out, and keeps to an eighth', async () => {
  const small = memoryCache({ maxEntries: 16 });
  const good = Array.from({ length: 14 }, (_, i) => `good${i}`);
  for (const token of good) await small.set(token, { sub: token }, later);
  for (let i = 0; i < 1000; i += 1) await small.set(`bad${i}`, { active: false, exp: later }, later);
  assert.deepEqual(await held(small, ...good, 'bad997', 'bad998', 'bad999'), [...good, 'bad998', 'bad999']);
});

test('valid claims push out no inactive verdict', async () => {
  const small = memoryCache({ maxEntries: 16 });
  await small.set('bad', { active: false, exp: later }, later);
  for (let i = 0; i < 1000; i += 1) await small.set(`good${i}`, {}, later);
  assert.deepEqual(await held(small, 'bad'), ['bad']);
});

test('entries stay within maxBytes, and one that is larger is not kept and pushes nobody out', async () => {
  const small = memoryCache({ maxBytes: 400_000 });
  const large = { text: 'x'.repeat(20_000) };
  for (let i = 0; i < 20; i += 1) await small.set(`t${i}`, large, later);
  const kept = await held(small, ...Array.from({ length: 20 }, (_, i) => `t${i}`));
  assert.ok(kept.length >= 2 && kept.length <= 10, String(kept.length));
  assert.equal(kept.at(-1), 't19');
  await small.set('too large', { text: 'x'.repeat(400_000) }, later);
  assert.deepEqual(await held(small, 'too large', ...kept), kept);
});

for (const maxBytes of [0, -1, 1.5, Number.NaN, Infinity, 2 ** 36 + 1, '10', null]) {
  test(`maxBytes ${inspect(maxBytes)} is refused`, () => {
    assert.throws(() => memoryCache({ maxBytes }), {
      ...failure('MonoCloudValidationError', 'argument_invalid'),
      message: /^maxBytes/,
    });
  });
}

for (const maxEntries of [0, -1, 1.5, Number.NaN, Infinity, 2 ** 20 + 1, '10', null]) {
  test(`maxEntries ${inspect(maxEntries)} is refused`, () => {
    assert.throws(() => memoryCache({ maxEntries }), {
      ...failure('MonoCloudValidationError', 'argument_invalid'),
      message: /^maxEntries/,
    });
  });
}

test('maxEntries is 10000 without options, and the maximum costs nothing until it is used', async () => {
  assert.ok(memoryCache({ maxEntries: 2 ** 20 }));
  for (let i = 0; i < 8751; i += 1) await cache.set(`t${i}`, {}, later);
  assert.deepEqual(await held(cache, 't0', 't1', 't8750'), ['t1', 't8750']);
});
