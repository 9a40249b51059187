// What does a client do if its revocation store is slow, throws, hangs or lies, and how often does it ask the store?

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';

import { protectApi } from '@monocloud/backend-node/web';
import { protectApi as expressApi } from '@monocloud/backend-node/express';
import { memoryCache } from '@monocloud/backend-node/cache';

import { ANY_CLIENT, backend } from '../support/backend.mjs';
import { boundToken, eventsOf, outcomeOf, presented, proofKey, proofOf } from '../support/dpop.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { FAILING, FAILING_BATCHES, recordingStore } from '../support/revocation.mjs';

const NOW = 1_764_165_600;
const IDS = { jti: 'token-1', sid: 'session-1', sub: 'user-1', client_id: 'app-1' };
const URL_OF_API = 'https://api.example.com/';

let issuer;
before(async () => {
  issuer = await startIssuer();
});
after(() => issuer.close());

const clientWith = (revocation, options) => backend(issuer, { ...ANY_CLIENT, revocation, ...options });
const request = (token) => new Request(URL_OF_API, { headers: { authorization: `Bearer ${token}` } });

describe('a store', () => {
  for (const [what, store] of Object.entries({ ...FAILING, ...FAILING_BATCHES })) {
    test(`${what} refuses with revocation_store_failed, by default`, async () => {
      for (const onFailure of [undefined, 'refuse']) {
        const client = clientWith({ store, onFailure });
        const token = issuer.sign({ claims: IDS });
        const failed = await eventsOf('revocation.failed', async () => {
          const error = await client.validateAccessToken(token).catch((thrown) => thrown);
          assert.deepEqual(
            [error.name, error.reason, error.retryAfter],
            ['MonoCloudHttpError', 'revocation_store_failed', 1],
            inspect(error),
          );
          assert.doesNotMatch(inspect(error, { showHidden: true, depth: 8 }), /canary|user-1/);
        });
        assert.ok(failed.length > 0);
        assert.deepEqual(failed[0], { issuer: issuer.issuer, audience: AUDIENCE });
      }
    });

    test(`${what} lets the token in if onFailure is allow, and publishes the event`, async () => {
      const client = clientWith({ store, onFailure: 'allow' });
      const failed = await eventsOf('revocation.failed', async () => {
        assert.equal(await outcomeOf(client.validateAccessToken(issuer.sign({ claims: IDS }))), 'accepted');
      });
      assert.ok(failed.length > 0);
    });
  }

  test('that fails is 503 with Retry-After: 1, and never 401', async () => {
    const client = clientWith({ store: FAILING['that never answers'] });
    const response = await protectApi(client)()(request(issuer.sign()));
    assert.equal(response.status, 503);
    assert.equal(response.headers.get('retry-after'), '1');
    assert.equal(response.headers.get('www-authenticate'), null);
    assert.deepEqual(await response.json(), { message: 'service unavailable' });
  });

  test('that fails leaves the refusal of the route as it is', async () => {
    for (const onFailure of ['refuse', 'allow']) {
      const client = clientWith({ store: FAILING['that rejects'], onFailure });
      assert.equal(await outcomeOf(client.validateAccessToken(issuer.sign(), { scopes: ['x'] })), 'scope_missing');
      assert.equal(await outcomeOf(client.validateAccessToken('a.b.c')), 'token_malformed');
    }
  });

  test('that fails for one claim and revokes another one has revoked the token', async () => {
    const cutoff = ({ kind }) => (kind === 'jti' ? Promise.reject(new Error('down')) : NOW * 2);
    for (const onFailure of ['refuse', 'allow']) {
      const client = clientWith({ store: { cutoff }, onFailure });
      assert.equal(await outcomeOf(client.validateAccessToken(issuer.sign({ claims: IDS }))), 'revoked');
    }
  });

  test('that failed once is asked again by the next request', async () => {
    let isDown = true;
    const client = clientWith({ store: { cutoff: async () => (isDown ? NaN : undefined) } });
    const decide = () => outcomeOf(client.validateAccessToken(issuer.sign({ claims: IDS })));
    assert.equal(await decide(), 'revocation_store_failed');
    isDown = false;
    assert.equal(await decide(), 'accepted');
  });

  test('that fails refuses a bound token too, whose proof then counts as used', async () => {
    const key = await proofKey();
    const token = boundToken(issuer, key);
    const client = clientWith({ store: FAILING['that rejects'] });
    const proof = proofOf({ key, token, url: URL_OF_API });
    const decide = () => outcomeOf(client.validateAccessToken(token, presented(proof, { url: URL_OF_API })));
    assert.equal(await decide(), 'revocation_store_failed');
    assert.equal(await decide(), 'dpop_replayed');
  });

  test('may return any thenable', async () => {
    // oxlint-disable-next-line unicorn/no-thenable
    const thenable = (value) => ({ then: (resolve) => resolve(value) });
    const decide = (value) =>
      outcomeOf(clientWith({ store: { cutoff: () => thenable(value) } }).validateAccessToken(issuer.sign()));
    assert.deepEqual(await Promise.all([undefined, NOW * 2, 'x'].map(decide)), [
      'accepted',
      'revoked',
      'revocation_store_failed',
    ]);
  });

  test('that answers at once keeps the decision in the same turn, and one that answers later does not', async () => {
    for (const [isAsync, expected] of [
      [false, ['accepted', 'called']],
      [true, ['called']],
    ]) {
      const client = clientWith({ store: recordingStore({ isAsync }) });
      await client.warmUp();
      const order = [];
      const incoming = { headers: { authorization: `Bearer ${issuer.sign()}` }, method: 'GET', url: '/' };
      const ended = new Promise((resolve) => {
        expressApi(client)()(incoming, {}, () => resolve(order.push('accepted')));
      });
      order.push('called');
      assert.deepEqual(order, expected);
      await ended;
      assert.equal(incoming.claims.sub, 'user-1');
    }
  });

  test('whose answers are used again keeps the decision in the same turn too', async () => {
    const client = clientWith({ store: recordingStore({ isAsync: true }) });
    await client.validateAccessToken(issuer.sign());
    const incoming = { headers: { authorization: `Bearer ${issuer.sign()}` }, method: 'GET', url: '/' };
    let isAccepted = false;
    expressApi(client)()(incoming, {}, () => (isAccepted = true));
    assert.equal(isAccepted, true);
  });
});

describe('an answer of the store', () => {
  const [second, half] = [1000, 500];

  for (const isBatched of [false, true]) {
    describe(isBatched ? 'of cutoffs()' : 'of cutoff()', () => {
      test('that was waited for is used again for less than one second', async (t) => {
        t.mock.timers.enable({ apis: ['Date'], now: NOW * 1000 });
        for (const [token, cache] of [[issuer.sign({ claims: IDS })], [issuer.opaque(IDS), memoryCache()]]) {
          t.mock.timers.setTime(NOW * 1000);
          const store = recordingStore({ isAsync: true, isBatched });
          const client = clientWith({ store }, { cache });
          const decide = () => outcomeOf(client.validateAccessToken(token));
          for (let i = 0; i < 3; i += 1) assert.equal(await decide(), 'accepted');
          const once = store.asked.length;
          assert.equal(once, isBatched ? 1 : 4);
          store.revoke('sub', 'user-1', NOW + 1);
          t.mock.timers.setTime(NOW * 1000 + second - 1);
          assert.equal(await decide(), 'accepted');
          assert.equal(store.asked.length, once);
          t.mock.timers.setTime(NOW * 1000 + second);
          assert.equal(await decide(), 'revoked');
          assert.equal(store.asked.length, 2 * once);
          // A cut-off that was found is used again too.
          assert.equal(await decide(), 'revoked');
          assert.equal(store.asked.length, 2 * once);
        }
      });

      test('that was there at once is not used again', async () => {
        const store = recordingStore({ isBatched });
        const client = clientWith({ store });
        const decide = () => outcomeOf(client.validateAccessToken(issuer.sign({ claims: IDS })));
        assert.equal(await decide(), 'accepted');
        store.revoke('sub', 'user-1', Date.now() / 1000 + 60);
        assert.equal(await decide(), 'revoked');
      });

      test('is read once for concurrent requests', async () => {
        const store = recordingStore({ isAsync: true, isBatched });
        const client = clientWith({ store });
        await client.warmUp();
        const tokens = Array.from({ length: 100 }, (_, index) =>
          issuer.sign({ alg: 'ES256', claims: { ...IDS, jti: `${index}` } }),
        );
        const outcomes = await Promise.all(tokens.map((token) => outcomeOf(client.validateAccessToken(token))));
        assert.deepEqual([...new Set(outcomes)], ['accepted']);
        const keys = store.asked.flat().map(({ kind, value }) => `${kind}:${value}`);
        assert.deepEqual([keys.length, new Set(keys).size], [103, 103]);
      });
    });
  }

  test('counts from when the store was asked, so that a slow one is not older than a second', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: NOW * 1000 });
    const answers = [];
    const cutoff = () => new Promise((resolve) => answers.push(resolve));
    const client = clientWith({ store: { cutoff }, kinds: ['sub'] });
    await client.warmUp();
    const token = issuer.sign();
    const decide = async (answer) => {
      const outcome = outcomeOf(client.validateAccessToken(token));
      answer?.();
      return outcome;
    };
    const slow = decide(() => t.mock.timers.setTime(NOW * 1000 + half));
    answers.pop()(undefined);
    assert.equal(await slow, 'accepted');
    t.mock.timers.setTime(NOW * 1000 + second - 1);
    assert.equal(await decide(), 'accepted');
    t.mock.timers.setTime(NOW * 1000 + second);
    assert.equal(await decide(() => answers.pop()(NOW + 1)), 'revoked');
  });

  test('is not used again after the clock was set back', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: NOW * 1000 });
    const store = recordingStore({ isAsync: true });
    const client = clientWith({ store, kinds: ['sub'] });
    const token = issuer.sign();
    await client.validateAccessToken(token);
    t.mock.timers.setTime((NOW - 60) * 1000);
    await client.validateAccessToken(token);
    assert.equal(store.asked.length, 2);
  });

  test('for one kind is no answer for another kind, also of long values', async () => {
    for (const value of ['same', 'x'.repeat(200), `sub:${'x'.repeat(200)}`]) {
      const store = recordingStore({ isAsync: true, cutoffs: { [`sub:${value}`]: NOW * 2 } });
      const client = clientWith({ store });
      for (let i = 0; i < 2; i += 1) {
        const of = (claims) => outcomeOf(client.validateAccessToken(issuer.sign({ claims: { sub: 'a', ...claims } })));
        assert.equal(await of({ jti: value, sid: value, client_id: value }), 'accepted');
        assert.equal(await of({ sub: value }), 'revoked');
        assert.equal(await of({ sub: `${value}y` }), 'accepted');
        assert.equal(await of({ sub: value.slice(1) }), 'accepted');
      }
      assert.ok(store.asked.length <= 7);
    }
  });

  test('takes bounded memory: of 10,001 keys the oldest is asked about again', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: NOW * 1000 });
    const store = recordingStore({ isAsync: true });
    const client = custom(store);
    const decide = (sub) => client.validateAccessToken(sub);
    for (let i = 0; i <= 10_000; i += 1) await decide(`user-${i}`);
    assert.equal(store.asked.length, 10_001);
    await decide('user-1');
    await decide('user-10000');
    assert.equal(store.asked.length, 10_001);
    await decide('user-0');
    assert.equal(store.asked.length, 10_002);
  });
});

/** A client whose tokens are the names of users. */
function custom(store) {
  const client = clientWith({ store, kinds: ['sub'] });
  client.introspectAccessToken = async (sub) => issuer.claims({ sub });
  return client;
}
