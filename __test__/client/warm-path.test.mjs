// What does a validation cost when the keys are cached, and what does the caller get?
//
// It makes no request, uses no other thread and no other turn of the event loop. The caller gets its own object,
// equal to that of JSON.parse.

import assert from 'node:assert/strict';
import { createHook } from 'node:async_hooks';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, constants, mkdtempSync, open, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';

import { backend } from '../support/backend.mjs';
import { startIssuer } from '../support/issuer.mjs';
import { JWKS, offline, signed, signedText } from '../support/offline.mjs';

const DISCOVERY = '/.well-known/openid-configuration';
/** Algorithms verified on the main thread. The others take long enough to use another thread. */
const FAST = ['RS256', 'PS256', 'ES256', 'EdDSA'];

describe('a warm validation', () => {
  let issuer;
  let client;
  before(async () => {
    issuer = await startIssuer();
    client = backend(issuer);
    await client.validateAccessToken(issuer.sign());
  });
  after(() => issuer.close());

  test('makes no request', async () => {
    issuer.resetCounts();
    const refused = issuer.sign({ claims: { exp: 1 } });
    for (let i = 0; i < 50; i += 1) {
      await client.validateAccessToken(issuer.sign({ alg: 'EdDSA', claims: { jti: `${i}` } }));
      await assert.rejects(client.validateAccessToken(refused), { reason: 'expired' });
    }
    assert.deepEqual(issuer.counts, {});
  });

  for (const alg of FAST) {
    test(`of ${alg} starts nothing asynchronous but promises, and ends in the same turn of the event loop`, async () => {
      const tokens = [issuer.sign({ alg }), issuer.sign({ alg })];
      const started = [];
      const hook = createHook({ init: (_, type) => started.push(type) }).enable();
      try {
        let hasTurned = false;
        setImmediate(() => {
          hasTurned = true;
        });
        const own = started.splice(0);
        for (const token of [...tokens, ...tokens, ...tokens, ...tokens]) await client.validateAccessToken(token);
        assert.equal(hasTurned, false);
        assert.deepEqual(own, ['Immediate']);
        assert.deepEqual(
          started.filter((type) => type !== 'PROMISE'),
          [],
        );
      } finally {
        hook.disable();
      }
    });
  }

  test(
    'continues while every thread of the pool is busy',
    { skip: process.platform === 'win32' && 'needs mkfifo' },
    async (t) => {
      const isTaken = await takeThreadPool(t);
      for (const alg of FAST) {
        const token = issuer.sign({ alg });
        for (let i = 0; i < 5; i += 1) assert.equal((await client.validateAccessToken(token)).sub, 'user-1');
      }
      // A result from another thread would arrive only now, in another turn.
      for (let i = 0; i < 20; i += 1) await turn();
      assert.equal(isTaken(), true);
    },
  );
});

describe('the first validations', () => {
  test('of 200 callers at once cost one discovery and one JWK Set', async (t) => {
    const issuer = await startIssuer();
    t.after(() => issuer.close());
    const client = backend(issuer);
    const tokens = Array.from({ length: 200 }, (_, i) =>
      issuer.sign({ alg: FAST[i % 4], claims: { sub: `user-${i % 50}` } }),
    );
    const all = await Promise.all(tokens.map((token) => client.validateAccessToken(token)));
    assert.deepEqual(
      all.map(({ sub }) => sub),
      tokens.map((_, i) => `user-${i % 50}`),
    );
    assert.deepEqual(issuer.counts, { [DISCOVERY]: 1, '/jwks': 1 });
  });

  test('of several clients of one issuer at once cost the same', async (t) => {
    const issuer = await startIssuer();
    t.after(() => issuer.close());
    const clients = Array.from({ length: 5 }, () => backend(issuer));
    await Promise.all(
      clients.flatMap((client) => [client.validateAccessToken(issuer.sign()), client.getJwks(), client.getMetadata()]),
    );
    assert.deepEqual(issuer.counts, { [DISCOVERY]: 1, '/jwks': 1 });
  });

  test('of tokens that no key could make valid cost nothing', async () => {
    const client = offline({ jwksResolver: undefined, fetcher: () => assert.fail('nobody is asked') });
    for (const token of ['a.b.c', signedText('{').replace('.', '.='), `${signed()}=`]) {
      await assert.rejects(client.validateAccessToken(token), { name: 'MonoCloudTokenError' });
    }
    await assert.rejects(client.validateAccessToken(signed({}, { header: { alg: 'none' } })), {
      reason: 'algorithm_not_allowed',
    });
  });

  test('of slow algorithms, many at once, each get their own claims', async (t) => {
    const issuer = await startIssuer();
    t.after(() => issuer.close());
    const client = backend(issuer);
    const tokens = Array.from({ length: 24 }, (_, i) =>
      issuer.sign({ alg: i % 2 ? 'ES384' : 'ES512', claims: { sub: `s${i}` } }),
    );
    for (const round of ['first', 'again', 'remembered', 'remembered again']) {
      const all = await Promise.all(tokens.map((token) => client.validateAccessToken(token)));
      assert.deepEqual(
        all.map(({ sub }) => sub),
        tokens.map((_, i) => `s${i}`),
        round,
      );
    }
  });
});

describe('claims', () => {
  const BASE = `"iss":"https://issuer.example","aud":["urn:a","https://api.example.com"],"exp":4102444800`;
  const TEXTS = {
    'in an unusual order': `{"z":{"y":1,"x":[{"b":1,"a":2}]},${BASE},"10":1,"2":2,"a":null}`,
    'with members named like those of objects': `{${BASE},"__proto__":{"admin":true},"constructor":{"prototype":1},"toString":"x","hasOwnProperty":[1]}`,
    'with __proto__ inside': `{${BASE},"a":{"__proto__":{"admin":true},"b":[{"__proto__":[{"c":1}]}]},"__proto__":7}`,
    'with numbers of every kind': `{${BASE},"n":[0,-0,1e21,1.0,-1E-7,9007199254740993,0.1,1e-400]}`,
    'with texts of every kind': `{${BASE},"s":["","\\u0000","\\ud83d\\ude00","\\u2028é","\\/\\"\\\\"],"":""}`,
    'of many members': `{${BASE}${Array.from({ length: 500 }, (_, i) => `,"m${i}":{"v":[${i}]}`).join('')}}`,
    'with groups of every kind': `{${BASE},"groups":[{"id":"1","tags":["x"]},{"id":"2"},["n",{}],"plain",null,{"groups":[{"aud":["y"]}]}]}`,
    'with aud and groups inside': `{${BASE},"groups":{"x":[1]},"inner":{"groups":[],"aud":{"aud":["z"],"other":{"a":[]}}}}`,
    'with arrays in arrays': `{${BASE},"a":[[],[[]],[[1,[2,{"b":[]}]]],{}]}`,
  };

  for (const [what, text] of Object.entries(TEXTS)) {
    test(`${what} are those of JSON.parse, at the first call and at every later one`, async () => {
      const client = offline();
      const token = signedText(text);
      const expected = JSON.parse(text);
      const handedOut = new Set();
      for (let call = 1; call <= 5; call += 1) {
        const claims = await client.validateAccessToken(token);
        assert.deepEqual(claims, expected, `call ${call}`);
        assert.equal(JSON.stringify(claims), JSON.stringify(expected), `call ${call}`);
        assert.equal(Object.getPrototypeOf(claims), Object.prototype);
        assert.deepEqual(Object.getOwnPropertyDescriptors(claims), Object.getOwnPropertyDescriptors(expected));
        for (const object of objectsIn(claims)) {
          assert.ok(!handedOut.has(object), `call ${call} shares ${JSON.stringify(object)}`);
          handedOut.add(object);
        }
      }
      assert.equal({}.admin, undefined);
    });
  }

  test('are a fresh object for each call, all the way down', async () => {
    const client = offline();
    const token = signed({ groups: [{ id: '1', name: 'a' }], deep: { list: [1, { x: 1 }] }, scope: 'a' });
    const expected = JSON.stringify(JSON.parse(Buffer.from(token.split('.')[1], 'base64url')));
    const ask = () => client.validateAccessToken(token, { scopes: ['a'], groups: ['a'] });
    const seen = [];
    for (let call = 1; call <= 5; call += 1) {
      const claims = await ask();
      assert.equal(JSON.stringify(claims), expected, `call ${call}`);
      claims.scope = 'admin';
      claims.deep.list[1].x = 2;
      claims.deep.list.push(3);
      claims.groups[0].name = 'b';
      claims.groups.length = 0;
      delete claims.iss;
      claims.added = true;
      seen.push(claims, claims.deep, claims.deep.list);
    }
    const [one, two] = await Promise.all([ask(), ask()]);
    assert.notEqual(one.deep, two.deep);
    assert.equal(new Set(seen).size, seen.length);
  });
});

describe('remembered tokens', () => {
  test('are decided on afresh: scopes, groups, binding and time', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: 1_700_000_000_000 });
    const client = offline({ clockTolerance: 0 });
    const token = signed({ scope: 'read', groups: ['g'], exp: 1_700_000_100 });
    await client.validateAccessToken(token, { scopes: ['read'], groups: ['g'] });
    await assert.rejects(client.validateAccessToken(token, { scopes: ['write'] }), { code: 'insufficient_scope' });
    await assert.rejects(client.validateAccessToken(token, { groups: ['h'] }), { code: 'insufficient_groups' });
    await assert.rejects(client.validateAccessToken(token, { validateCertificateBinding: true }), {
      reason: 'confirmation_missing',
    });
    assert.equal((await client.validateAccessToken(token)).scope, 'read');
    t.mock.timers.tick(100_000);
    await assert.rejects(client.validateAccessToken(token), { reason: 'expired' });
  });

  test('that a route refused first are validated in the same way elsewhere', async () => {
    const client = offline();
    const token = signed({ scope: 'read' });
    for (let i = 0; i < 3; i += 1) {
      await assert.rejects(client.validateAccessToken(token, { scopes: ['write'] }), { reason: 'scope_missing' });
    }
    assert.equal((await client.validateAccessToken(token, { scopes: ['read'] })).scope, 'read');
  });

  test('are never confused, even with only one different character', async () => {
    const client = offline();
    const token = signed();
    await client.validateAccessToken(token);
    const others = [
      `${token.slice(0, -1)}${token.endsWith('A') ? 'Q' : 'A'}`,
      `${token}A`,
      token.toUpperCase(),
      `${token} `,
    ];
    for (const other of others) await assert.rejects(client.validateAccessToken(other), { code: 'invalid_token' });
  });

  test('push each other out of a small memory without mixing up', async () => {
    const client = offline({ verifiedTokenCacheSize: 3 });
    const tokens = Array.from({ length: 8 }, (_, i) => signed({ sub: `u${i}`, at: [i] }));
    for (let i = 0; i < 200; i += 1) {
      const at = (i * 7 + (i % 3)) % tokens.length;
      const {
        sub,
        at: [own],
      } = await client.validateAccessToken(tokens[at]);
      assert.deepEqual([sub, own], [`u${at}`, at]);
    }
  });
});

describe('policies', () => {
  test('of 2500 distinct group lists are each decided on rightly, also after they were dropped', async () => {
    const client = offline();
    const token = signed({ groups: ['team-7', 'team-2400'] });
    const verdicts = async (team) =>
      client.validateAccessToken(token, { groups: [`team-${team}`] }).then(
        () => true,
        ({ reason }) => reason,
      );
    for (let team = 0; team < 2500; team += 1) {
      assert.equal(await verdicts(team), team === 7 || team === 2400 ? true : 'group_missing', `team ${team}`);
    }
    assert.equal(await verdicts(7), true);
    assert.equal(await verdicts(8), 'group_missing');
  });

  test('that were removed from the cache still apply to calls that wait for keys', async () => {
    let give;
    const keys = new Promise((resolve) => {
      give = resolve;
    });
    const client = offline({ jwksResolver: () => keys });
    const token = signed({ groups: ['team-0'] });
    const calls = Array.from({ length: 1200 }, (_, team) =>
      client.validateAccessToken(token, { groups: [`team-${team}`] }),
    );
    const settled = Promise.allSettled(calls);
    give(JWKS);
    const outcomes = (await settled).map(({ status, reason }) => reason?.reason ?? status);
    assert.deepEqual([outcomes[0], new Set(outcomes.slice(1))], ['fulfilled', new Set(['group_missing'])]);
  });

  test('are read when the call is made: a list that changes later changes nothing', async () => {
    const client = offline({ jwksResolver: async () => JWKS });
    const scopes = ['missing'];
    const call = client.validateAccessToken(signed({ scope: 'a' }), { scopes });
    scopes[0] = 'a';
    await assert.rejects(call, { reason: 'scope_missing' });
  });
});

/**
 * Blocks every thread of libuv's pool; returns a function that says whether one of its jobs still waits for a thread.
 */
async function takeThreadPool(t) {
  const folder = mkdtempSync(join(tmpdir(), 'monocloud-pool-'));
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  // Opening a FIFO for reading blocks until somebody writes.
  const size = Number(process.env.UV_THREADPOOL_SIZE) || 4;
  const opening = Array.from(
    { length: size },
    () =>
      new Promise((resolve, reject) => {
        open(fifo, constants.O_RDONLY, (error, descriptor) => (error ? reject(error) : resolve(descriptor)));
      }),
  );
  let isTaken = true;
  const waiting = new Promise((resolve) => {
    randomBytes(1, () => {
      isTaken = false;
      resolve();
    });
  });
  t.after(async () => {
    const writer = openSync(fifo, constants.O_RDWR);
    for (const descriptor of await Promise.all(opening)) closeSync(descriptor);
    await waiting;
    closeSync(writer);
    rmSync(folder, { recursive: true });
  });
  return () => isTaken;
}

/** A value and everything nested in it. */
function objectsIn(value) {
  if (typeof value !== 'object' || value === null) return [];
  return [value, ...Reflect.ownKeys(value).flatMap((name) => objectsIn(value[name]))];
}
