// How does the engine identify a policy? By an object that its route holds. A number or another object is never
// accepted instead.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';

import { gc } from '../faults/gc.mjs';
import { AUDIENCE, ISSUER, offline, signed } from '../support/offline.mjs';

const native = createRequire(import.meta.url)('../../npm/native/load.js');
const load = createRequire(import.meta.url);
const { callSpec, routeSpec } = load('../../npm/client/call-options.js');
const { Policies } = load('../../npm/client/policy.js');

const SETTINGS = JSON.stringify({
  options: { tenantDomain: ISSUER, audience: AUDIENCE },
  environment: {},
  clientKind: 'backend',
  hostEnvironment: {},
});
const NOTHING = { scopes: [], groups: [], binding: undefined, acr: [], maxAge: undefined };
const engine = () => new native.MonoCloudBackendNodeClient(SETTINGS);

test('anything else in the place of a policy is refused, whatever its prototype says, and ends no process', () => {
  const own = engine();
  const policy = own.policy(NOTHING);
  const prototype = Object.getPrototypeOf(policy);
  const cache = new native.MemoryCache(1, 1000);
  const foreign = [
    undefined,
    null,
    0,
    1,
    'policy',
    true,
    Symbol('policy'),
    1n,
    {},
    [],
    () => {},
    new Proxy(policy, {}),
    Object.create(policy),
    cache,
    own,
    engine().policy(NOTHING),
    Object.setPrototypeOf({}, prototype),
    Object.setPrototypeOf(new native.MemoryCache(1, 1000), prototype),
    Object.setPrototypeOf(engine(), prototype),
  ];
  const entries = {
    decide: (given) => own.decide('a.b.c', given, 1000),
    decideOnPool: (given) => own.decideOnPool('a.b.c', given, 1000),
    decideWithJwks: (given) => own.decideWithJwks('a.b.c', given, 1000, undefined, '{"keys":[]}'),
    decideIntrospected: (given) => own.decideIntrospected('a', given, 1000, undefined, '{}', true),
    evaluateEntry: (given) => own.evaluateEntry(given, own.evaluatedEntries()),
    warmCached: (given) => own.warmCached(given, cache, ''),
  };
  for (const [name, entry] of Object.entries(entries)) {
    for (const given of foreign) assert.throws(() => entry(given), Error, name);
    assert.notEqual(entry(policy), undefined, name);
  }
});

test('only a client can make a policy, and an invalid binding mode or age makes none', () => {
  assert.throws(() => new native.Policy());
  for (const wrong of ['', 'ignore', 'Required']) {
    assert.throws(() => engine().policy({ ...NOTHING, binding: wrong }));
    assert.throws(() => engine().warm({ ...NOTHING, binding: wrong }));
  }
  for (const wrong of [0, -1, 0.5, 1.5, 31_536_001, 2 ** 32, 2 ** 32 + 1, NaN, Infinity, -Infinity, '1']) {
    assert.throws(() => engine().policy({ ...NOTHING, maxAge: wrong }), Error, String(wrong));
    assert.throws(() => engine().warm({ ...NOTHING, maxAge: wrong }), Error, String(wrong));
  }
  for (const missing of ['scopes', 'groups', 'acr']) {
    assert.throws(() => engine().policy({ ...NOTHING, [missing]: undefined }), Error, missing);
  }
});

test('a policy is freed together with its owner, also in the engine', async () => {
  const own = engine();
  const evaluated = own.evaluatedEntries();
  const policies = new Policies(own);
  const spec = routeSpec({ scopes: ['a'.repeat(1000)] });
  const gone = [];
  for (let i = 0; i < 500; i += 1) {
    const policy = policies.route(spec);
    const evaluateEntry = policy.evaluateEntry(evaluated);
    evaluateEntry('opaque', 1000, undefined);
    gone.push(new WeakRef(policy), new WeakRef(policy.handle), new WeakRef(policy.warm), new WeakRef(evaluateEntry));
  }
  for (let i = 0; i < 10; i += 1) {
    await turn();
    gc();
  }
  // A register of the loop may still hold the last one.
  assert.ok(gone.filter((held) => held.deref() !== undefined).length <= 4);
});

test('a thousand policies of calls are cached, and a removed one still works for its owner', () => {
  const policies = new Policies(engine());
  const of = (scope) => policies.call(callSpec('', { scopes: [scope] }));
  const [first, second] = [of('first'), of('second')];
  for (let i = 0; i < 998; i += 1) of(`s${i}`);
  assert.ok(of('first') === first && of('second') === second);
  for (let i = 0; i < 999; i += 1) {
    of(`t${i}`);
    assert.equal(of('second'), second);
  }
  assert.notEqual(of('first'), first);
  assert.equal(typeof first.warm('a.b.c', 1000), 'number');
  assert.equal(policies.call(callSpec('', { scopes: [], groups: [] })), policies.none);
});

test('very long requirements of a call are not cached, and are applied all the same', async () => {
  const client = offline();
  const scopes = Array.from({ length: 500 }, (_, i) => `scope-number-${i}`);
  assert.equal((await client.validateAccessToken(signed({ scope: scopes.join(' ') }), { scopes })).sub, 'user-1');
  await assert.rejects(client.validateAccessToken(signed({ scope: 'x' }), { scopes }), { reason: 'scope_missing' });
});
