// What does a client ask its `replayStore`, and what does it do if the store throws, hangs or lies?

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { inspect } from 'node:util';

import { MonoCloudBackendNodeClient, protectApi } from '@monocloud/backend-node/web';

import { backend, failure } from '../support/backend.mjs';
import {
  boundToken,
  credentials,
  eventsOf,
  LEEWAY,
  MAX_AGE,
  nowSeconds,
  outcomeOf,
  presented,
  proofKey,
  proofOf,
} from '../support/dpop.mjs';
import { EXPRESS, FASTIFY, partsOf } from '../support/frameworks.mjs';
import { get } from '../support/http.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { REFUSALS } from './refusals.mjs';
import { FAILING, mapStore } from './stores.mjs';

const URL_OF_API = 'https://api.example.com/orders/7';

let issuer;
let key;
let other;
before(async () => {
  issuer = await startIssuer();
  [key, other] = await Promise.all([proofKey(), proofKey('ES256', 'other')]);
});
after(() => issuer.close());

const clientWith = (dpop) => backend(issuer, { dpop });
const use = (client, token, proof, options) =>
  client.validateAccessToken(token, { ...presented(proof, { url: URL_OF_API }), ...options });

describe('a replay store', () => {
  test('is asked once for a proof, with a hash and the time from which nobody accepts it', async (t) => {
    t.mock.timers.enable({ apis: ['Date'], now: Math.floor(Date.now() / 1000) * 1000 });
    const store = mapStore();
    const token = boundToken(issuer, key);
    const [jti, iat] = [randomUUID(), nowSeconds() - 10];
    const proof = proofOf({ key, url: URL_OF_API, token, jti, iat });
    const client = clientWith({ replayStore: store });
    assert.equal(await outcomeOf(use(client, token, proof)), 'accepted');
    const [[id, expiresAt], ...more] = store.calls;
    assert.deepEqual(more, []);
    assert.equal(expiresAt, iat + MAX_AGE + LEEWAY + 1);
    assert.match(id, /^[\w-]{22,64}$/);
    for (const part of [jti, key.jkt, token, proof]) assert.ok(!part.includes(id) && !id.includes(part));
    // This process remembers the proof itself.
    assert.equal(await outcomeOf(use(client, token, proof)), 'dpop_replayed');
    assert.equal(store.calls.length, 1);
  });

  test('that two machines share lets each proof pass once', async () => {
    const ids = new Set();
    // Other options, so that the two clients share no memory of this process.
    const [one, two] = [59, 60].map((maxAge) => clientWith({ maxAge, replayStore: mapStore(ids) }));
    const token = boundToken(issuer, key);
    const proof = proofOf({ key, url: URL_OF_API, token });
    assert.equal(await outcomeOf(use(one, token, proof)), 'accepted');
    assert.equal(await outcomeOf(use(two, token, proof)), 'dpop_replayed');
  });

  test('is asked once by two clients that one request passes', async () => {
    const framework = EXPRESS[0];
    for (const store of [mapStore(), FAILING['that rejects']]) {
      const protectOf = (replayStoreFailure) =>
        framework.protectApi(
          backend(issuer, {
            publicUrl: new URL(URL_OF_API).origin,
            dpop: { replayStore: store, replayStoreFailure },
          }),
        )();
      const [app, route, refusing] = [protectOf('local'), protectOf('local'), protectOf('refuse')];
      await framework.with(
        { '/orders/7': { protect: route }, '/orders/8': { protect: refusing } },
        async (url) => {
          const statusOf = async (path) => {
            const token = boundToken(issuer, key);
            const proof = proofOf({ key, url: new URL(path, URL_OF_API).href, token });
            return (await get(url + path, { headers: credentials(token, proof) })).status;
          };
          assert.equal(await statusOf('/orders/7'), 200);
          // Each client decides itself what the failure of the store means.
          assert.equal(await statusOf('/orders/8'), store.calls === undefined ? 503 : 200);
        },
        (server) => server.use(app),
      );
      if (store.calls !== undefined) assert.equal(store.calls.length, 2);
    }
  });

  test('separates the senders: nobody uses up the jti of another one', async () => {
    const store = mapStore();
    const client = clientWith({ replayStore: store });
    const jti = randomUUID();
    for (const sender of [key, other]) {
      const token = boundToken(issuer, sender);
      const proof = proofOf({ key: sender, url: URL_OF_API, token, jti });
      assert.equal(await outcomeOf(use(client, token, proof)), 'accepted');
    }
    assert.equal(new Set(store.calls.map(([id]) => id)).size, 2);
  });

  test('is not asked about a proof that any other rule refuses', async () => {
    const store = mapStore();
    const client = clientWith({ replayStore: store });
    for (const rows of Object.values(REFUSALS)) {
      for (const [, spoil] of rows) {
        const token = boundToken(issuer, key, { jti: randomUUID() });
        const request = { key, other, method: 'GET', url: URL_OF_API, token, jti: randomUUID() };
        assert.notEqual(await outcomeOf(use(client, token, await spoil(request))), 'accepted');
      }
    }
    assert.deepEqual(store.calls, []);
  });

  test('is not asked about a bearer token, nor about a token that is refused itself', async () => {
    const store = mapStore();
    const client = clientWith({ replayStore: store });
    assert.ok(await client.validateAccessToken(issuer.sign()));
    const expired = boundToken(issuer, key, { exp: nowSeconds() - 3600 });
    const proof = proofOf({ key, url: URL_OF_API, token: expired });
    assert.equal(await outcomeOf(use(client, expired, proof)), 'expired');
    assert.deepEqual(store.calls, []);
  });

  test('that says that a new proof was used is believed', async () => {
    const client = clientWith({ replayStore: { add: async () => false } });
    const token = boundToken(issuer, key);
    const proof = proofOf({ key, url: URL_OF_API, token });
    assert.equal(await outcomeOf(use(client, token, proof)), 'dpop_replayed');
  });

  test('that says twice that a proof is new lets it pass once', async () => {
    const client = clientWith({ replayStore: { add: async () => true } });
    const token = boundToken(issuer, key);
    const proof = proofOf({ key, url: URL_OF_API, token });
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => outcomeOf(use(client, token, proof))));
    assert.equal(outcomes.filter((outcome) => outcome === 'accepted').length, 1);
    assert.equal(outcomes.filter((outcome) => outcome === 'dpop_replayed').length, 49);
  });

  for (const [what, replayStore] of Object.entries(FAILING)) {
    test(`${what} leaves the decision to this process, by default`, async () => {
      for (const replayStoreFailure of [undefined, 'local']) {
        const client = clientWith({ replayStore, replayStoreFailure });
        const token = boundToken(issuer, key);
        const proof = proofOf({ key, url: URL_OF_API, token });
        assert.equal(await outcomeOf(use(client, token, proof)), 'accepted');
        assert.equal(await outcomeOf(use(client, token, proof)), 'dpop_replayed');
      }
    });

    test(`${what} refuses with replay_store_failed if replayStoreFailure is refuse`, async () => {
      const client = clientWith({ replayStore, replayStoreFailure: 'refuse' });
      const token = boundToken(issuer, key);
      const events = await eventsOf('refused', async () => {
        const error = await use(client, token, proofOf({ key, url: URL_OF_API, token })).catch((thrown) => thrown);
        assert.deepEqual(
          [error.name, error.reason, error.retryAfter],
          ['MonoCloudHttpError', 'replay_store_failed', 1],
          inspect(error),
        );
        assert.doesNotMatch(inspect(error, { showHidden: true, depth: 8 }), /canary/);
      });
      assert.deepEqual(
        events.map(({ reason }) => reason),
        ['replay_store_failed'],
      );
      assert.doesNotMatch(inspect(events), /canary/);
    });
  }

  for (const framework of [...EXPRESS, ...FASTIFY]) {
    test(`that fails is 503 with Retry-After: 1 on ${framework.name}`, { skip: framework.skip }, async () => {
      const dpop = { replayStore: FAILING['that never answers'], replayStoreFailure: 'refuse' };
      const client = backend(issuer, { publicUrl: 'https://api.example.com', dpop });
      await framework.with({ '/orders/7': { protect: framework.protectApi(client)() } }, async (url) => {
        const token = boundToken(issuer, key);
        const headers = credentials(token, proofOf({ key, url: URL_OF_API, token }));
        assert.deepEqual(partsOf(await get(`${url}/orders/7`, { headers })), {
          status: 503,
          body: { message: 'service unavailable' },
          challenge: undefined,
          retryAfter: '1',
        });
        // The outage is of the store alone.
        assert.equal((await get(`${url}/orders/7`, { token: issuer.sign() })).status, 200);
      });
    });

    test(
      `is asked once for the two protect() of one request on ${framework.name}`,
      { skip: framework.skip },
      async () => {
        const store = mapStore();
        const client = backend(issuer, { publicUrl: 'https://api.example.com', dpop: { replayStore: store } });
        const protect = framework.protectApi(client);
        const configure = (app) =>
          app.inject === undefined ? app.use(protect()) : void app.addHook('onRequest', protect());
        await framework.with(
          { '/orders/7': { protect: protect() } },
          async (url) => {
            const token = boundToken(issuer, key);
            const headers = credentials(token, proofOf({ key, url: URL_OF_API, token }));
            assert.equal((await get(`${url}/orders/7`, { headers })).status, 200);
            assert.equal(store.calls.length, 1);
          },
          configure,
        );
      },
    );
  }

  test('lets a proof pass once if a subclass decides on the token itself', async () => {
    class Own extends MonoCloudBackendNodeClient {
      async validateAccessToken(token) {
        return Own.decodeJwt(token);
      }
    }
    const token = boundToken(issuer, key);
    const headers = credentials(token, proofOf({ key, url: URL_OF_API, token }));
    const ids = new Set();
    // Other options, so that the two clients share no memory of this process.
    const statuses = [59, 60].map(async (maxAge) => {
      const dpop = { maxAge, replayStore: mapStore(ids) };
      const protect = protectApi(new Own({ tenantDomain: issuer.issuer, audience: AUDIENCE, dpop }));
      const result = await protect()(new Request(URL_OF_API, { headers }));
      return result instanceof Response ? result.status : 'accepted';
    });
    assert.deepEqual((await Promise.all(statuses)).sort(), [401, 'accepted']);
  });

  test('must have add, and replayStoreFailure one of its two values', () => {
    for (const dpop of [{ replayStore: {} }, { replayStore: () => true }, { replayStoreFailure: 'ignore' }]) {
      assert.throws(() => clientWith(dpop), failure('MonoCloudValidationError', 'option_invalid'));
    }
  });
});
