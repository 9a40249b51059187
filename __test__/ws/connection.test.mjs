// How long does a connection live, and what does `renew` take? Time is simulated.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';

import { protectApi } from '@monocloud/backend-node/node';
import { authenticateUpgrade, closeOnExpiry } from '@monocloud/backend-node/ws';

import { ANY_CLIENT, backend } from '../support/backend.mjs';
import { boundRequest, boundToken, credentials, freshKey, proofOf } from '../support/dpop.mjs';
import { eventually } from '../support/eventually.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { JWKS, offline, signed } from '../support/offline.mjs';
import { bearer, closing, connect, tell, upgradeOf, withWebSockets } from '../support/websockets.mjs';

const ARGUMENT_INVALID = { name: 'MonoCloudValidationError', reason: 'argument_invalid' };
const NOW = 1_800_000_000;
const EXPIRED = [4401, 'token expired'];
const REJECTED = [4401, 'token rejected'];

const guardOf = (client = offline(), route = {}, options = undefined) => protectApi(client, options)(route);
/** A token that ends in so many seconds. */
const ending = (seconds, claims = {}) => signed({ iat: NOW, exp: NOW + seconds, ...claims });

/** Simulates the clock and `setTimeout`. `pass(seconds)` lets time pass, `jump(seconds)` sets the clock. */
function clock(t) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let now = NOW * 1000;
  const original = Date.now;
  Date.now = () => now;
  t.after(() => {
    Date.now = original;
  });
  return {
    jump(seconds) {
      now += seconds * 1000;
    },
    /** In steps, because a timer that is set in a step may fire in the next one. */
    pass(seconds, step = 1) {
      for (let passed = 0; passed < seconds; passed += step) {
        now += step * 1000;
        t.mock.timers.tick(step * 1000);
      }
    },
  };
}

/** Counts the timers that are set and not cleared. */
function countTimers(t) {
  const [live, waits] = [new Set(), []];
  const [set, clear] = [globalThis.setTimeout, globalThis.clearTimeout];
  globalThis.setTimeout = (callback, wait) => {
    const timer = set(() => {
      live.delete(timer);
      callback();
    }, wait);
    live.add(timer);
    waits.push(wait);
    return timer;
  };
  globalThis.clearTimeout = (timer) => {
    live.delete(timer);
    clear(timer);
  };
  t.after(() => {
    [globalThis.setTimeout, globalThis.clearTimeout] = [set, clear];
  });
  return { live, waits };
}

/** A connection without a network, and how it was closed. */
async function connected({ token, guard = guardOf(), headers = bearer(token), options, ...more }) {
  const { request, socket } = upgradeOf(headers, more);
  const auth = await authenticateUpgrade(guard)(request, socket);
  assert.ok(auth, socket.sent());
  const closed = [];
  closeOnExpiry(auth, (...args) => closed.push(args), options);
  return { auth, closed, request };
}

describe('a connection', () => {
  test('is closed with 4401 within a second after its token ended', async (t) => {
    const { pass } = clock(t);
    const { auth, closed } = await connected({ token: ending(100) });
    assert.equal(auth.expiresAt, NOW + 100);
    pass(99);
    assert.deepEqual([closed, auth.isActive], [[], true]);
    pass(1);
    assert.deepEqual([closed, auth.isActive], [[EXPIRED], false]);
    pass(1000);
    assert.equal(closed.length, 1);
  });

  test('of a real client is closed with 4401', async (t) => {
    const { pass } = clock(t);
    await withWebSockets({ guard: guardOf() }, async ({ url }) => {
      const { socket } = await connect(url, { token: ending(100) });
      assert.equal(await tell(socket, 'claims'), 'user-1');
      const ended = closing(socket);
      pass(100);
      assert.deepEqual(await ended, EXPIRED);
    });
  });

  test('stays open for the seconds of grace', async (t) => {
    const { pass } = clock(t);
    const { auth, closed } = await connected({ token: ending(10), options: { grace: 30 } });
    pass(39);
    assert.deepEqual([closed, auth.isActive], [[], true]);
    pass(1);
    assert.deepEqual(closed, [EXPIRED]);
  });

  test('whose token has ended before, within clockTolerance, is closed at once', async (t) => {
    const { pass } = clock(t);
    const { closed } = await connected({ token: ending(-10), guard: guardOf(offline({ clockTolerance: 300 })) });
    pass(1);
    assert.deepEqual(closed, [EXPIRED]);
  });

  test('is not closed early after the clock was set back, and once its token has ended', async (t) => {
    const { pass, jump } = clock(t);
    const { closed } = await connected({ token: ending(30) });
    jump(-1000);
    pass(1029);
    assert.deepEqual(closed, []);
    pass(1);
    assert.deepEqual(closed, [EXPIRED]);
  });

  test('is closed within a minute after the clock was set forward, and is not active at once', async (t) => {
    const { pass, jump } = clock(t);
    const { auth, closed } = await connected({ token: ending(86_400) });
    jump(86_400);
    assert.equal(auth.isActive, false);
    pass(60);
    assert.deepEqual(closed, [EXPIRED]);
  });

  test('whose token ends in many years has a timer that does not overflow', async (t) => {
    const { pass } = clock(t);
    const { waits } = countTimers(t);
    const { closed } = await connected({ token: ending(10_000_000_000) });
    pass(3600, 60);
    assert.deepEqual(closed, []);
    assert.ok(Math.max(...waits) <= 2 ** 31 - 1);
  });

  test('has one timer, which dispose() clears', async (t) => {
    const { pass } = clock(t);
    const { live } = countTimers(t);
    const { auth, closed } = await connected({ token: ending(1000), options: { recheck: 5 } });
    assert.equal(live.size, 1);
    pass(300);
    await auth.renew(ending(5000));
    assert.equal(live.size, 1);
    auth.dispose();
    auth.dispose();
    assert.deepEqual([live.size, auth.isActive], [0, false]);
    pass(10_000, 60);
    closeOnExpiry(auth, (...args) => closed.push(args));
    assert.deepEqual([live.size, closed], [0, []]);
    await assert.rejects(auth.renew(ending(5000)), ARGUMENT_INVALID);
  });

  test('without exp has no timer and stays open', async (t) => {
    clock(t);
    const { live } = countTimers(t);
    const { auth } = await connected({ guard: async () => ({ claims: { sub: 'a' }, headers: {} }) });
    assert.deepEqual([live.size, auth.expiresAt, auth.isActive], [0, undefined, true]);
  });

  test('whose exp is no number is closed', async (t) => {
    const { pass } = clock(t);
    for (const exp of ['9999999999', null, Number.NaN, Number.POSITIVE_INFINITY]) {
      const { closed } = await connected({ guard: async () => ({ claims: { sub: 'a', exp }, headers: {} }) });
      pass(1);
      assert.deepEqual(closed, [EXPIRED], String(exp));
    }
  });

  test('does not keep the process alive', () => {
    const source = `
      import { authenticateUpgrade, closeOnExpiry } from '@monocloud/backend-node/ws';
      import { PassThrough } from 'node:stream';
      const claims = { sub: 'a', exp: Date.now() / 1000 + 3600 };
      const guard = async () => ({ claims, headers: {} });
      const auth = await authenticateUpgrade(guard)({ method: 'GET', headers: {} }, new PassThrough());
      closeOnExpiry(auth, () => {}, { recheck: 10 });
      console.log('end');`;
    const { stdout, status } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
      encoding: 'utf8',
      timeout: 30_000,
    });
    assert.deepEqual([stdout.trim(), status], ['end', 0]);
  });

  test('whose close function throws or rejects does not end the process, and a warning says so', async (t) => {
    const { pass } = clock(t);
    const warnings = t.mock.method(process, 'emitWarning', () => {});
    for (const close of [
      () => {
        throw new Error('canary');
      },
      async () => {
        throw new Error('canary');
      },
    ]) {
      const { auth } = await connected({ token: ending(10) });
      closeOnExpiry(auth, close);
    }
    pass(10);
    await eventually(() => warnings.mock.callCount() === 2);
    assert.doesNotMatch(String(warnings.mock.calls[0].arguments), /canary/);
  });
});

describe('renew', () => {
  test('takes a new token, and the connection lives until that ends', async (t) => {
    const { pass } = clock(t);
    await withWebSockets({ guard: guardOf() }, async ({ url, connections }) => {
      const { socket } = await connect(url, { token: ending(100) });
      pass(90);
      assert.equal(await tell(socket, `renew ${ending(300, { scope: 'more' })}`), 'renewed');
      assert.deepEqual([connections[0].auth.claims.scope, connections[0].auth.expiresAt], ['more', NOW + 300]);
      const ended = closing(socket);
      pass(209);
      assert.equal(await tell(socket, 'claims'), 'user-1');
      pass(1);
      assert.deepEqual(await ended, EXPIRED);
    });
  });

  test('takes a token that ends earlier, too', async (t) => {
    const { pass } = clock(t);
    const { auth, closed } = await connected({ token: ending(100) });
    await auth.renew(ending(20));
    pass(20);
    assert.deepEqual(closed, [EXPIRED]);
  });

  test('that is refused leaves the connection as it is, and says why', async (t) => {
    const { pass } = clock(t);
    let isUp = true;
    const client = offline({ jwksResolver: () => (isUp ? JWKS : Promise.reject(new Error('down'))) });
    const { auth, closed } = await connected({
      token: ending(100, { scope: 'a' }),
      guard: guardOf(client, { scopes: ['a'] }),
    });
    const { claims } = auth;
    for (const [token, code, reason] of [
      ['a.b.c', 'invalid_token', 'token_malformed'],
      [ending(-1000, { scope: 'a' }), 'invalid_token', 'expired'],
      [ending(300), 'insufficient_scope', 'scope_missing'],
      ['a b', 'unauthorized', 'token_required'],
    ]) {
      await assert.rejects(auth.renew(token), { name: 'MonoCloudTokenError', code, reason });
    }
    isUp = false;
    const unknown = signed({ iat: NOW, exp: NOW + 300, scope: 'a' }, { header: { kid: 'unknown' } });
    await assert.rejects(auth.renew(unknown), { name: /MonoCloud(?:Http|Token)Error/ });
    assert.equal(auth.claims, claims);
    pass(100);
    assert.deepEqual(closed, [EXPIRED]);
  });

  test('says that an outage is one, and not that the token is bad', async (t) => {
    clock(t);
    const answers = [
      { claims: { sub: 'a', exp: NOW + 100 }, headers: {} },
      { status: 503, headers: { 'Retry-After': '5' }, body: '' },
    ];
    const { auth } = await connected({ guard: async () => answers.shift() });
    await assert.rejects(auth.renew('any'), { name: 'MonoCloudHttpError', reason: 'internal' });
    assert.equal(auth.isActive, true);
  });

  for (const [what, before_, after_, isSame] of [
    ['the same subject', { sub: 'a' }, { sub: 'a' }, true],
    ['another subject', { sub: 'a' }, { sub: 'b' }, false],
    ['no subject', { sub: 'a' }, {}, false],
    ['another issuer', { sub: 'a', iss: 'x' }, { sub: 'a', iss: 'y' }, false],
    ['an issuer that is left out', { sub: 'a', iss: 'x' }, { sub: 'a' }, true],
    ['the same client, without subjects', { client_id: 'c' }, { client_id: 'c' }, true],
    ['another client, without subjects', { client_id: 'c' }, { client_id: 'd' }, false],
    ['a subject, after a token of a client', { client_id: 'c' }, { client_id: 'd', sub: 'c' }, false],
    ['nobody, after a token of nobody', {}, {}, false],
    ['the same key', { sub: 'a', cnf: { jkt: 'k' } }, { sub: 'a', cnf: { jkt: 'k' } }, true],
    ['another key', { sub: 'a', cnf: { jkt: 'k' } }, { sub: 'a', cnf: { jkt: 'l' } }, false],
    ['no key, after a bound one', { sub: 'a', cnf: { jkt: 'k' } }, { sub: 'a' }, false],
    ['a key, after an unbound one', { sub: 'a' }, { sub: 'a', cnf: { jkt: 'k' } }, true],
    ['another certificate', { sub: 'a', cnf: { 'x5t#S256': 'k' } }, { sub: 'a', cnf: { 'x5t#S256': 'l' } }, false],
    ['a certificate instead of a key', { sub: 'a', cnf: { jkt: 'k' } }, { sub: 'a', cnf: { 'x5t#S256': 'k' } }, false],
  ]) {
    test(`${isSame ? 'takes' : 'refuses'} a token of ${what}`, async (t) => {
      clock(t);
      const answers = [before_, after_].map((claims) => ({ claims: { exp: NOW + 100, ...claims }, headers: {} }));
      const { auth } = await connected({ guard: async () => answers.shift() });
      if (isSame) await auth.renew('any');
      else await assert.rejects(auth.renew('any'), ARGUMENT_INVALID);
      assert.equal(auth.claims.sub, before_.sub);
    });
  }

  test('runs once at a time, and is void when the connection ended meanwhile', async (t) => {
    clock(t);
    let finish;
    const answer = () => ({ claims: { sub: 'a', exp: NOW + 100 }, headers: {} });
    const guard = async () => (finish === undefined ? answer() : new Promise((resolve) => (finish = resolve)));
    const { auth } = await connected({ guard });
    finish = null;
    const first = auth.renew('any');
    await assert.rejects(auth.renew('any'), ARGUMENT_INVALID);
    await eventually(() => finish);
    finish(answer());
    await first;
    finish = null;
    const second = auth.renew('any');
    await eventually(() => finish);
    auth.dispose();
    finish(answer());
    await assert.rejects(second, ARGUMENT_INVALID);
  });

  test('refuses what is no text', async (t) => {
    clock(t);
    const { auth } = await connected({ token: ending(100) });
    for (const wrong of [undefined, null, '', 1, {}, ['a']]) await assert.rejects(auth.renew(wrong), ARGUMENT_INVALID);
    for (const wrong of [null, '', 1, {}]) await assert.rejects(auth.renew('a', wrong), ARGUMENT_INVALID);
  });

  test('does not ask the tokenResolver, which would find the old token, and asks for the certificate', async (t) => {
    clock(t);
    let calls = 0;
    const tokenResolver = (request) => {
      calls += 1;
      return request.headers.cookie;
    };
    const guard = guardOf(offline(), {}, { tokenResolver });
    const { auth } = await connected({ guard, headers: { cookie: ending(100) } });
    await auth.renew(ending(300));
    assert.deepEqual([calls, auth.expiresAt], [1, NOW + 300]);
    await assert.rejects(auth.renew('a.b.c'), { reason: 'token_malformed' });
  });
});

describe('a token that is bound to a key', () => {
  let issuer;
  before(async () => {
    issuer = await startIssuer();
  });
  after(() => issuer.close());

  const url = 'http://api.example/';
  const host = { host: 'api.example' };

  test('is renewed with a proof of the same key for the URL of the upgrade request, once', async () => {
    const [key, other] = [await freshKey(), await freshKey()];
    const token = boundToken(issuer, key);
    const headers = { ...host, ...boundRequest({ key, token, url }) };
    const { auth } = await connected({ guard: guardOf(backend(issuer)), headers });
    const renewed = boundToken(issuer, key, { scope: 'more' });
    const proof = proofOf({ key, token: renewed, url });
    await auth.renew(renewed, proof);
    assert.equal(auth.claims.scope, 'more');
    for (const [what, ...args] of [
      ['without a proof', renewed],
      ['with a spent proof', renewed, proof],
      ['with a proof for another URL', renewed, proofOf({ key, token: renewed, url: 'http://other.example/' })],
      ['with the proof of another key', renewed, proofOf({ key: other, token: renewed, url })],
      [
        'with the token of another key',
        boundToken(issuer, other),
        proofOf({ key: other, token: boundToken(issuer, other), url }),
      ],
    ]) {
      await assert.rejects(auth.renew(...args), { name: 'MonoCloudTokenError' }, what);
    }
    const foreign = boundToken(issuer, other);
    await assert.rejects(auth.renew(foreign, proofOf({ key: other, token: foreign, url })), ARGUMENT_INVALID);
    await assert.rejects(auth.renew(issuer.sign()), ARGUMENT_INVALID);
    auth.dispose();
  });

  test('is checked again although its proof was spent', async (t) => {
    const key = await freshKey();
    const token = boundToken(issuer, key);
    const headers = { ...host, ...credentials(token, proofOf({ key, token, url })) };
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const now = Date.now();
    let passed = 0;
    t.mock.method(Date, 'now', () => now + passed);
    const client = backend(issuer);
    let calls = 0;
    const inner = guardOf(client);
    const results = [];
    const guard = async (request) => {
      calls += 1;
      results.push(await inner(request));
      return results.at(-1);
    };
    const { closed } = await connected({ guard, headers, options: { recheck: 120 } });
    for (let step = 0; step < 3; step += 1) {
      passed += 60_000;
      t.mock.timers.tick(60_000);
    }
    await eventually(() => results.length === 2);
    assert.deepEqual([calls, closed, results[1].claims?.sub], [2, [], 'user-1']);
  });
});

describe('recheck', () => {
  let issuer;
  before(async () => {
    issuer = await startIssuer();
  });
  after(() => issuer.close());

  test('closes a connection whose token was revoked, and an outage closes none', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const client = backend(issuer, { ...ANY_CLIENT, introspectionCacheDuration: 0 });
    const results = [];
    const inner = guardOf(client);
    const guard = async (request) => {
      const result = await inner(request);
      results.push(result.status ?? 200);
      return result;
    };
    const now = Date.now();
    let passed = 0;
    t.mock.method(Date, 'now', () => now + passed);
    const token = issuer.opaque();
    const { closed } = await connected({ guard, token, options: { recheck: 10 } });
    const next = async (expected) => {
      const { length } = results;
      passed += 10_000;
      t.mock.timers.tick(10_000);
      await eventually(() => results.length > length);
      assert.equal(results.at(-1), expected);
      await new Promise((resolve) => setImmediate(resolve));
    };
    await next(200);
    issuer.respond('/introspect', () => ({ status: 503 }));
    await next(503);
    assert.deepEqual(closed, []);
    issuer.respond('/introspect', () => ({ body: { active: false } }));
    await next(401);
    await eventually(() => closed.length > 0);
    assert.deepEqual(closed, [REJECTED]);
  });

  for (const [what, answer, expected] of [
    ['refuses', { status: 403, headers: {}, body: '' }, [REJECTED]],
    ['finds another subject', { claims: { sub: 'b', exp: NOW + 1000 }, headers: {} }, [REJECTED]],
    ['fails', { status: 500, headers: {}, body: '' }, []],
    ['accepts', { claims: { sub: 'a', exp: NOW + 1000 }, headers: {} }, []],
  ]) {
    test(`that ${what} ${expected.length ? 'closes the connection' : 'keeps it'}`, async (t) => {
      const { pass } = clock(t);
      const answers = [{ claims: { sub: 'a', exp: NOW + 1000 }, headers: {} }, answer];
      const { closed } = await connected({ guard: async () => answers.shift(), options: { recheck: 5 } });
      pass(5);
      await eventually(() => answers.length === 0);
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(closed, expected);
    });
  }

  test('whose result comes after a renewal changes nothing', async (t) => {
    const { pass } = clock(t);
    const waiting = [];
    const answers = [{ claims: { sub: 'a', exp: NOW + 1000 }, headers: {} }];
    const guard = async () => answers.shift() ?? new Promise((resolve) => waiting.push(resolve));
    const { auth, closed } = await connected({ guard, options: { recheck: 5 } });
    pass(5);
    await eventually(() => waiting.length === 1);
    answers.push({ claims: { sub: 'a', exp: NOW + 2000 }, headers: {} });
    await auth.renew('any');
    waiting[0]({ status: 401, headers: {}, body: '' });
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual([closed, auth.expiresAt], [[], NOW + 2000]);
  });
});

describe('closeOnExpiry', () => {
  test('refuses what is no connection, no function, and invalid options', async (t) => {
    clock(t);
    const { auth } = await connected({ token: ending(100) });
    for (const wrong of [undefined, null, {}, { claims: { exp: 1 } }]) {
      assert.throws(() => closeOnExpiry(wrong, () => {}), ARGUMENT_INVALID);
    }
    assert.throws(() => closeOnExpiry(auth), ARGUMENT_INVALID);
    for (const wrong of [{ grace: -1 }, { grace: '1' }, { recheck: 0 }, { recheck: Number.NaN }, { every: 1 }, 5]) {
      assert.throws(() => closeOnExpiry(auth, () => {}, wrong), ARGUMENT_INVALID, JSON.stringify(wrong));
    }
  });
});
