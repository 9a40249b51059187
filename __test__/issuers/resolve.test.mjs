// When is the function `resolve` asked about an issuer, what may it answer, and how long does an answer count?

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';

import { MonoCloudBackendNodeClient, MonoCloudMultiIssuerClient } from '@monocloud/backend-node';

import { ANY_CLIENT, backend, failure } from '../support/backend.mjs';
import { outcomeOf } from '../support/dpop.mjs';
import { eventually } from '../support/eventually.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';

const { IssuerResolver } = createRequire(import.meta.url)('../../npm/client/issuer-resolver.js');

const audience = AUDIENCE;

let a;
let b;
before(async () => {
  [a, b] = await Promise.all(['tenant-a', 'tenant-b'].map((keys) => startIssuer({ keys })));
});
after(() => Promise.all([a, b].map((issuer) => issuer.close())));

/** A token that names an issuer, which nobody signed. */
const naming = (iss) => `e30.${Buffer.from(JSON.stringify({ iss })).toString('base64url')}.c2ln`;
const madeUp = (number) => naming(`https://tenant-${number}.example`);
const optionsOf = (issuer) => (iss) => (iss === issuer.issuer ? { tenantDomain: iss, audience } : null);
const outcome = (client, token) => outcomeOf(client.validateAccessToken(token));

/** A client with `resolve`, and `asked`: the issuers that it was asked about. */
function resolving(resolve, options) {
  const asked = [];
  const counted = (issuer) => {
    asked.push(issuer);
    return resolve(issuer);
  };
  return { client: new MonoCloudMultiIssuerClient({ resolve: counted, ...options }), asked };
}

/** A promise and its functions, for a function that answers when the test says so. */
function deferred() {
  const made = {};
  made.promise = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
  return made;
}

describe('resolve is asked', () => {
  for (const [how, wrap] of [
    ['synchronous', (resolve) => resolve],
    ['asynchronous', (resolve) => async (issuer) => resolve(issuer)],
  ]) {
    test(`once for an issuer, with its name as the token has it, if it is ${how}`, async () => {
      const { client, asked } = resolving(wrap(optionsOf(a)));
      const all = await Promise.all(Array.from({ length: 20 }, () => outcome(client, a.sign())));
      assert.deepEqual(new Set(all), new Set(['accepted']));
      assert.equal(await outcome(client, b.sign()), 'issuer_mismatch');
      assert.equal(await outcome(client, b.sign()), 'issuer_mismatch');
      assert.deepEqual(asked, [a.issuer, b.issuer]);
    });
  }

  test('never for a configured issuer, a call that does not allow the issuer, or text that is no issuer', async () => {
    const { client, asked } = resolving(() => assert.fail(), { clients: [backend(a)] });
    assert.equal(await outcome(client, a.sign()), 'accepted');
    const limited = client.validateAccessToken(b.sign(), { issuers: [a.issuer] });
    assert.equal(await outcomeOf(limited), 'issuer_mismatch');
    for (const iss of ['tenant', '', 'https://a\nb', 'https://a b', `https://${'a'.repeat(2048)}`, 1, [a.issuer]]) {
      assert.equal(await outcome(client, naming(iss)), 'issuer_mismatch');
    }
    assert.deepEqual(asked, []);
  });

  test('for each spelling of an issuer, so that no token makes another spelling unknown', async () => {
    const { client, asked } = resolving(optionsOf(a));
    assert.equal(await outcome(client, naming(`${a.issuer}/`)), 'issuer_mismatch');
    assert.equal(await outcome(client, a.sign()), 'accepted');
    assert.deepEqual(asked, [`${a.issuer}/`, a.issuer]);
  });

  test('and nothing is fetched but what it returned', async () => {
    const { client } = resolving(() => null);
    for (const issuer of [a, b]) issuer.resetCounts();
    assert.equal(await outcome(client, a.sign()), 'issuer_mismatch');
    assert.deepEqual(a.counts, {});
  });
});

describe('resolve may return', () => {
  test('a client, which decides', async () => {
    const own = backend(a);
    const { client } = resolving(() => own);
    assert.equal(await outcome(client, a.sign()), 'accepted');
    assert.equal(own.health().ready, true);
  });

  test('options with a cache', async () => {
    const entries = new Map();
    const cache = {
      get: async (key) => entries.get(key),
      set: async (key, value) => void entries.set(key, value),
      delete: async (key) => void entries.delete(key),
    };
    const introspectJwtTokens = true;
    const { client } = resolving((tenantDomain) => ({
      tenantDomain,
      audience,
      cache,
      introspectionCacheDuration: 60,
      introspectJwtTokens,
      ...ANY_CLIENT,
    }));
    const token = a.sign();
    a.introspected.set(token, a.claims());
    assert.equal(await outcome(client, token), 'accepted');
    assert.equal(entries.size, 1);
  });

  test('null and undefined for an issuer that is not ours', async () => {
    for (const nothing of [null, undefined]) {
      const { client } = resolving(async () => nothing);
      assert.equal(await outcome(client, a.sign()), 'issuer_mismatch');
    }
  });

  for (const [what, answer] of [
    ['a client of another issuer', () => backend(b)],
    ['options of another issuer', () => ({ tenantDomain: b.issuer, audience })],
    ['options of a part of the issuer', () => ({ tenantDomain: a.issuer.slice(0, -1), audience })],
    ['options without an audience', () => ({ tenantDomain: a.issuer })],
    ['options with an unknown member', () => ({ tenantDomain: a.issuer, audience, audiences: [] })],
    ['text', () => a.issuer],
    ['true', () => true],
    ['a function', () => () => null],
    ['an array', () => []],
    ['a client of several issuers', () => new MonoCloudMultiIssuerClient({ clients: [backend(a)] })],
    ['a mock', () => ({ validateAccessToken: async () => ({}) })],
  ]) {
    test(`nothing else: ${what} is a MonoCloudValidationError, an outage, and is asked for again`, async () => {
      for (const wrap of [answer, async () => answer()]) {
        const { client, asked } = resolving(wrap);
        for (let round = 1; round <= 2; round += 1) {
          const expected = failure('MonoCloudValidationError', 'resolved_client_invalid', { isOutage: true });
          await assert.rejects(client.validateAccessToken(a.sign()), expected);
          assert.equal(asked.length, round);
        }
      }
    });
  }

  test('options that are invalid, and the cause names the option', async () => {
    const { client } = resolving((tenantDomain) => ({ tenantDomain }));
    await assert.rejects(client.validateAccessToken(a.sign()), ({ cause }) => /option audience/.test(cause.message));
  });

  test('options alone: the environment may have a secret of another issuer', async () => {
    process.env.MONOCLOUD_BACKEND_AUDIENCE = audience;
    process.env.MONOCLOUD_BACKEND_INTROSPECT_JWT_TOKENS = 'true';
    try {
      assert.ok(new MonoCloudBackendNodeClient({ tenantDomain: a.issuer }));
      const { client } = resolving((tenantDomain) => ({ tenantDomain }));
      assert.equal(await outcome(client, a.sign()), 'resolved_client_invalid');
      const complete = resolving(optionsOf(a));
      assert.equal(await outcome(complete.client, a.sign()), 'accepted');
    } finally {
      delete process.env.MONOCLOUD_BACKEND_AUDIENCE;
      delete process.env.MONOCLOUD_BACKEND_INTROSPECT_JWT_TOKENS;
    }
  });
});

describe('resolve that fails', () => {
  for (const [what, fail] of [
    ['throws', () => { throw new Error('the database is down: my-secret'); }], // prettier-ignore
    ['rejects', () => Promise.reject(new Error('the database is down: my-secret'))],
    ['rejects with nothing', () => Promise.reject()],
    ['returns an object whose `then` throws', () => ({ get then() { throw new Error('my-secret'); } })], // prettier-ignore
  ]) {
    test(`because it ${what} is an outage, and is asked again`, async () => {
      let isDown = true;
      const { client } = resolving((issuer) => (isDown ? fail() : optionsOf(a)(issuer)));
      await assert.rejects(client.validateAccessToken(a.sign()), (error) => {
        assert.equal(error.name, 'MonoCloudHttpError');
        assert.equal(error.reason, 'fetcher_failed');
        assert.doesNotMatch(error.stack + error.cause, /my-secret/);
        return true;
      });
      isDown = false;
      assert.equal(await outcome(client, a.sign()), 'accepted');
    });
  }
});

describe('an answer counts', () => {
  const SECOND = 1000;

  test('for resolveDuration if it was null, and then resolve is asked again', async (context) => {
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() });
    const { client, asked } = resolving(() => null, { resolveDuration: 60 });
    for (const [seconds, calls] of [
      [0, 1],
      [59, 1],
      [1, 2],
      [59, 2],
      [1, 3],
    ]) {
      context.mock.timers.tick(seconds * SECOND);
      assert.equal(await outcome(client, a.sign()), 'issuer_mismatch');
      assert.equal(asked.length, calls);
    }
  });

  test('for resolveDuration if it was a client, and is renewed in the background after half of it', async (context) => {
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() });
    const answers = [];
    const { client, asked } = resolving(
      () => {
        answers.push(deferred());
        return answers.at(-1).promise;
      },
      { resolveDuration: 60 },
    );
    const first = outcome(client, a.sign());
    answers[0].resolve({ tenantDomain: a.issuer, audience });
    assert.equal(await first, 'accepted');

    context.mock.timers.tick(29 * SECOND);
    assert.equal(await outcome(client, a.sign()), 'accepted');
    assert.equal(asked.length, 1);
    context.mock.timers.tick(SECOND);
    // The known answer counts while the next one is awaited.
    for (let i = 0; i < 3; i += 1) assert.equal(await outcome(client, a.sign()), 'accepted');
    assert.equal(asked.length, 2);
    context.mock.timers.tick(29 * SECOND);
    assert.equal(await outcome(client, a.sign()), 'accepted');
    // And not a second longer.
    context.mock.timers.tick(SECOND);
    const waiting = outcome(client, a.sign());
    answers[1].resolve(null);
    assert.equal(await waiting, 'issuer_mismatch');
    assert.equal(asked.length, 2);
  });

  test('until its end if renewals fail, which are tried again every five seconds', async (context) => {
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() });
    let isDown = false;
    const resolve = async (issuer) => {
      if (isDown) throw new Error('down');
      return optionsOf(a)(issuer);
    };
    const { client, asked } = resolving(resolve, { resolveDuration: 60 });
    assert.equal(await outcome(client, a.sign()), 'accepted');
    isDown = true;
    for (let seconds = 0; seconds < 59; seconds += 1) {
      context.mock.timers.tick(SECOND);
      assert.equal(await outcome(client, a.sign()), 'accepted');
    }
    assert.equal(asked.length, 1 + 6);
    context.mock.timers.tick(SECOND);
    assert.equal(await outcome(client, a.sign()), 'fetcher_failed');
    isDown = false;
    assert.equal(await outcome(client, a.sign()), 'accepted');
  });

  test('no longer after the clock was set back', async (context) => {
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() });
    const { client, asked } = resolving(() => null);
    const known = resolving(optionsOf(a));
    assert.equal(await outcome(client, b.sign()), 'issuer_mismatch');
    assert.equal(await outcome(known.client, a.sign()), 'accepted');
    context.mock.timers.setTime(Date.now() - SECOND);
    assert.equal(await outcome(client, b.sign()), 'issuer_mismatch');
    assert.equal(await outcome(known.client, a.sign()), 'accepted');
    assert.deepEqual([asked.length, known.asked.length], [2, 2]);
  });

  test('for the same client, with its keys and its memory, if the options are equal', async (context) => {
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() });
    let options = (tenantDomain) => ({ tenantDomain, audience, jwksResolver });
    let fetches = 0;
    const jwksResolver = () => {
      fetches += 1;
      return a.jwks;
    };
    const { client, asked } = resolving((issuer) => options(issuer), { resolveDuration: 60 });
    const next = async () => {
      context.mock.timers.tick(61 * SECOND);
      assert.equal(await outcome(client, a.sign()), 'accepted');
    };
    for (let i = 0; i < 3; i += 1) await next();
    assert.deepEqual([asked.length, fetches], [3, 1]);
    options = (tenantDomain) => ({ tenantDomain, audience, jwksResolver, clockTolerance: 1 });
    await next();
    assert.deepEqual([asked.length, fetches], [4, 2]);
  });
});

describe('calls of resolve', () => {
  test('for made-up issuers run 12 at a time, and their end starts the next', async () => {
    const answers = new Map();
    const { client, asked } = resolving((issuer) => {
      answers.set(issuer, deferred());
      return answers.get(issuer).promise;
    });
    const pending = Array.from({ length: 30 }, (_, i) => outcome(client, madeUp(i)));
    assert.equal(asked.length, 12);
    answers.get(asked[3]).resolve(null);
    answers.get(asked[5]).reject(new Error('down'));
    assert.equal(await pending[3], 'issuer_mismatch');
    assert.equal(await pending[5], 'fetcher_failed');
    assert.equal(asked.length, 14);
    for (let next = 0; next < 30; next += 1) {
      await eventually(() => asked.length > next);
      answers.get(asked[next]).resolve(null);
    }
    assert.deepEqual(new Set((await Promise.all(pending)).slice(6)), new Set(['issuer_mismatch']));
  });

  test('that never end refuse no token of a known issuer, not even when its answer has ended', async (context) => {
    context.mock.timers.enable({ apis: ['Date'], now: Date.now() });
    const never = new Promise(() => {});
    const { client, asked } = resolving(
      async (issuer) => ([a.issuer, b.issuer].includes(issuer) ? { tenantDomain: issuer, audience } : never),
      { clients: [backend(b)], resolveDuration: 60 },
    );
    assert.equal(await outcome(client, a.sign()), 'accepted');
    for (let i = 0; i < 2000; i += 1) void outcome(client, madeUp(i));
    assert.equal(await outcome(client, a.sign()), 'accepted');
    assert.equal(await outcome(client, b.sign()), 'accepted');
    context.mock.timers.tick(61_000);
    assert.equal(await outcome(client, a.sign()), 'accepted');
    assert.equal(asked.filter((issuer) => issuer === a.issuer).length, 2);
    assert.equal(asked.length, 2 + 12);
  });

  test('wait for each other up to 1,000, and more are refused as an overload', async () => {
    const { client } = resolving(() => new Promise(() => {}));
    for (let i = 0; i < 1012; i += 1) void outcome(client, madeUp(i));
    await assert.rejects(client.validateAccessToken(madeUp(1012)), (error) => {
      assert.deepEqual([error.name, error.reason, error.retryAfter], ['MonoCloudHttpError', 'overloaded', 1]);
      return true;
    });
  });

  test('end after their time limit, and free their places; a late answer counts for nobody', async () => {
    const adopted = [];
    const answers = [];
    const resolve = () => {
      answers.push(deferred());
      return answers.at(-1).promise;
    };
    const resolver = new IssuerResolver(resolve, (issuer, answer) => adopted.push([issuer, answer]), 300, 20);
    const asks = Array.from({ length: 14 }, (_, i) => resolver.ask(`https://${i}.example`, false));
    const reasons = (await Promise.all(asks)).map(({ spec }) => spec.reason);
    assert.deepEqual(reasons.slice(0, 12), Array(12).fill('timed_out'));
    // The two that waited had no time left, or were called when places became free.
    assert.ok(reasons.slice(12).every((reason) => ['overloaded', 'timed_out'].includes(reason)));
    for (const answer of answers) answer.resolve('late');
    const [again] = [resolver.ask('https://0.example', false)];
    assert.deepEqual(adopted, []);
    answers.at(-1).resolve('in time');
    await again;
    assert.deepEqual(adopted, [['https://0.example', 'in time']]);
  });

  test('keep no process alive', () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const { client } = resolving(() => new Promise(() => {}));
    const before = timers();
    for (let i = 0; i < 20; i += 1) void outcome(client, madeUp(i));
    assert.equal(timers(), before);
  });

  test('that are synchronous take no place', async () => {
    const { client, asked } = resolving(() => null);
    const all = await Promise.all(Array.from({ length: 5000 }, (_, i) => outcome(client, madeUp(i))));
    assert.deepEqual([new Set(all), asked.length], [new Set(['issuer_mismatch']), 5000]);
  });
});
