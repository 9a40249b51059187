// Is a proof accepted once, and not twice, however many requests carry it at the same time?
//
// In one process, in four worker threads, which share the memory of the process, and in two processes with a Redis.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';

import { backend } from '../support/backend.mjs';
import { boundToken, credentials, eventsOf, outcomeOf, presented, proofKey, proofOf } from '../support/dpop.mjs';
import { EXPRESS, FASTIFY } from '../support/frameworks.mjs';
import { get } from '../support/http.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { LIBRARIES, startRedis, unavailable as noRedis } from '../support/redis.mjs';
import { describeWhere } from '../support/suite.mjs';
import { startServers } from './processes.mjs';

const USES = 1000;
/** Each of two processes gets half of the uses at the same moment. */
const SOCKETS = USES / 2;
/** A busy machine can make Redis later than 250 ms. Then nobody passes, and the next attempt uses a new proof. */
const ATTEMPTS = 8;
const URL_OF_API = 'https://api.example.com/orders';

let issuer;
let key;
let other;
before(async () => {
  issuer = await startIssuer();
  [key, other] = await Promise.all([proofKey(), proofKey('ES256', 'other')]);
});
after(() => issuer.close());

const count = (list, value) => list.filter((one) => one === value).length;

/** Sends `headers` to each of the URLs in turn, `USES` times, over `sockets` connections per server; returns the statuses. */
async function flood(urls, headers, sockets = 100) {
  const agent = new http.Agent({ maxSockets: sockets });
  const status = (url) =>
    new Promise((resolve, reject) => {
      const onResponse = (response) => response.resume().once('end', () => resolve(response.statusCode));
      http.get(url, { agent, headers }, onResponse).once('error', reject);
    });
  const statuses = await Promise.all(Array.from({ length: USES }, (_, use) => status(urls[use % urls.length])));
  agent.destroy();
  return statuses;
}

describe(`${USES} uses of one proof at once`, () => {
  for (const framework of [...EXPRESS, ...FASTIFY]) {
    test(`give one 200 on ${framework.name}`, { skip: framework.skip }, async () => {
      const protect = framework.protectApi(backend(issuer, { publicUrl: new URL(URL_OF_API).origin }))();
      await framework.with({ '/orders': { protect } }, async (url) => {
        const token = boundToken(issuer, key);
        const statuses = await flood([`${url}/orders`], credentials(token, proofOf({ key, url: URL_OF_API, token })));
        assert.deepEqual([count(statuses, 200), count(statuses, 401)], [1, USES - 1]);
      });
    });
  }

  test('give one acceptance without a framework', async () => {
    const client = backend(issuer);
    const token = boundToken(issuer, key);
    const options = presented(proofOf({ key, url: URL_OF_API, token }), { url: URL_OF_API });
    const outcomes = await Promise.all(
      Array.from({ length: USES }, () => outcomeOf(client.validateAccessToken(token, options))),
    );
    assert.deepEqual([count(outcomes, 'accepted'), count(outcomes, 'dpop_replayed')], [1, USES - 1]);
  });

  test('give one acceptance in four clients of one process with the same options', async () => {
    const clients = Array.from({ length: 4 }, () => backend(issuer));
    const token = boundToken(issuer, key);
    const options = presented(proofOf({ key, url: URL_OF_API, token }), { url: URL_OF_API });
    const outcomes = await Promise.all(
      Array.from({ length: USES }, (_, use) => outcomeOf(clients[use % 4].validateAccessToken(token, options))),
    );
    assert.deepEqual([count(outcomes, 'accepted'), count(outcomes, 'dpop_replayed')], [1, USES - 1]);
  });

  test('give one acceptance in four worker threads', async (t) => {
    const token = boundToken(issuer, key);
    const presentedProof = presented(proofOf({ key, url: URL_OF_API, token }), { url: URL_OF_API });
    const options = { tenantDomain: issuer.issuer, audience: AUDIENCE };
    const workerData = { from: fileURLToPath(import.meta.url), options, token, presentedProof, uses: USES / 4 };
    const workers = Array.from({ length: 4 }, () => new Worker(USER, { eval: true, workerData }));
    t.after(() => Promise.all(workers.map((worker) => worker.terminate())));
    const messages = (event) => Promise.all(workers.map((worker) => messageOf(worker, event)));
    await messages('ready');
    const told = messages('outcomes');
    workers.forEach((worker) => worker.postMessage('go'));
    const outcomes = (await told).flatMap(({ outcomes: own }) => own);
    assert.deepEqual([count(outcomes, 'accepted'), count(outcomes, 'dpop_replayed')], [1, USES - 1]);
  });
});

/** Waits for keys and a first acceptance, says so, and then uses the proof many times at once. */
const USER = `
const { createRequire } = require('node:module');
const { parentPort, workerData } = require('node:worker_threads');
const { MonoCloudBackendNodeClient } = createRequire(workerData.from)('@monocloud/backend-node');
const { options, token, presentedProof, uses } = workerData;
const client = new MonoCloudBackendNodeClient(options);
const use = () => client.validateAccessToken(token, presentedProof).then(() => 'accepted', ({ reason }) => reason);
parentPort.once('message', async () => {
  parentPort.postMessage({ outcomes: await Promise.all(Array.from({ length: uses }, use)) });
});
client.warmUp().then(() => parentPort.postMessage({ ready: true }));
`;

function messageOf(worker, member) {
  return new Promise((resolve, reject) => {
    worker.on('error', reject).on('message', (message) => {
      if (message[member] !== undefined) resolve(message);
    });
  });
}

describeWhere(noRedis, `${USES} uses of one proof at once, in two processes with a Redis`, () => {
  for (const library of Object.keys(LIBRARIES)) {
    test(`give one 200 over ${library}`, async (t) => {
      const redis = await startRedis();
      t.after(() => redis.close());
      const options = {
        tenantDomain: issuer.issuer,
        audience: AUDIENCE,
        publicUrl: new URL(URL_OF_API).origin,
        // So that a Redis that does not answer in time, on a busy machine, lets nobody pass.
        dpop: { replayStoreFailure: 'refuse' },
      };
      const servers = await startServers(2, { options, redis, library });
      t.after(() => servers.close());
      const urls = servers.urls.map((url) => `${url}/orders`);
      const headers = () => {
        const token = boundToken(issuer, key);
        return credentials(token, proofOf({ key, url: URL_OF_API, token }));
      };
      for (const url of urls) assert.equal((await get(url, { headers: headers() })).status, 200);
      for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
        const statuses = await flood(urls, headers(), SOCKETS);
        const [accepted, refused, unanswered] = [200, 401, 503].map((status) => count(statuses, status));
        assert.ok(accepted <= 1, `${accepted} accepted`);
        if (unanswered > 0) continue;
        assert.deepEqual([accepted, refused], [1, USES - 1]);
        return;
      }
      assert.fail('Redis was late in every attempt');
    });
  }
});

describe('a proof', () => {
  const decide = (client, token, proof) =>
    outcomeOf(client.validateAccessToken(token, presented(proof, { url: URL_OF_API })));

  for (const framework of [...EXPRESS, ...FASTIFY]) {
    test(
      `is spent once by the two protect() of one request on ${framework.name}`,
      { skip: framework.skip },
      async () => {
        const protect = framework.protectApi(backend(issuer, { publicUrl: new URL(URL_OF_API).origin }));
        const configure = (app) =>
          app.inject === undefined ? app.use(protect()) : void app.addHook('onRequest', protect());
        await framework.with(
          { '/orders': { protect: protect({ scopes: ['data:read'] }) } },
          async (url) => {
            const token = boundToken(issuer, key);
            const headers = credentials(token, proofOf({ key, url: URL_OF_API, token }));
            assert.equal((await get(`${url}/orders`, { headers })).status, 200);
            assert.equal((await get(`${url}/orders`, { headers })).status, 401);
          },
          configure,
        );
      },
    );
  }

  for (const framework of [...EXPRESS, ...FASTIFY]) {
    test(
      `is spent once by the protect() of two clients that one request passes on ${framework.name}`,
      { skip: framework.skip },
      async () => {
        const [app, route] = ['when_present', 'required'].map((validateDPoPBinding) =>
          framework.protectApi(backend(issuer, { publicUrl: new URL(URL_OF_API).origin, validateDPoPBinding }))(),
        );
        const configure = (server) =>
          server.inject === undefined ? server.use(app) : void server.addHook('onRequest', app);
        await framework.with(
          { '/orders': { protect: route } },
          async (url) => {
            const token = boundToken(issuer, key);
            const headers = credentials(token, proofOf({ key, url: URL_OF_API, token }));
            assert.equal((await get(`${url}/orders`, { headers })).status, 200);
            assert.equal((await get(`${url}/orders`, { headers })).status, 401);
          },
          configure,
        );
      },
    );
  }

  test('that was used at one client is a replay at another one, whatever their modes are', async () => {
    const MODES = [undefined, 'when_present', 'required'];
    for (const [first, second] of MODES.flatMap((one) => MODES.map((two) => [one, two]))) {
      const clients = [first, second].map((validateDPoPBinding) => backend(issuer, { validateDPoPBinding }));
      const token = boundToken(issuer, key);
      const proof = proofOf({ key, url: URL_OF_API, token });
      const outcomes = [];
      for (const client of clients) outcomes.push(await decide(client, token, proof));
      assert.deepEqual(outcomes, ['accepted', 'dpop_replayed'], `${first}, ${second}`);
    }
  });

  test('that was used at one client is new to a client of another audience', async () => {
    const audience = 'https://another-api.example.com';
    const clients = [backend(issuer), backend(issuer, { audience })];
    const token = boundToken(issuer, key, { aud: [AUDIENCE, audience] });
    const proof = proofOf({ key, url: URL_OF_API, token });
    for (const client of clients) {
      assert.equal(await decide(client, token, proof), 'accepted');
      assert.equal(await decide(client, token, proof), 'dpop_replayed');
    }
  });

  test('is one proof for a client that passes its request on to a client with the same options', async () => {
    const token = boundToken(issuer, key);
    const decisionOf = async (next) => {
      class Chain extends MonoCloudBackendNodeClient {
        async validateJwtAccessToken(jwt, options) {
          await super.validateJwtAccessToken(jwt, options);
          return next.validateJwtAccessToken(jwt, options);
        }
      }
      const client = new Chain({ tenantDomain: issuer.issuer, audience: AUDIENCE });
      return decide(client, token, proofOf({ key, url: URL_OF_API, token }));
    };
    assert.equal(await decisionOf(backend(issuer, { validateDPoPBinding: 'required' })), 'accepted');
    // This one has its own memory, so it takes the proof for itself.
    assert.equal(await decisionOf(backend(issuer, { dpop: { maxAge: 59 } })), 'accepted');
  });

  test('of one sender does not use up the jti of another sender', async () => {
    const client = backend(issuer);
    const jti = randomUUID();
    for (const sender of [key, other]) {
      const token = boundToken(issuer, sender);
      assert.equal(await decide(client, token, proofOf({ key: sender, url: URL_OF_API, token, jti })), 'accepted');
    }
  });

  test('uses up its jti for every token, URL, method and time of its sender', async () => {
    const client = backend(issuer);
    const jti = randomUUID();
    const [token, another] = [boundToken(issuer, key), boundToken(issuer, key, { sub: 'user-2' })];
    assert.equal(await decide(client, token, proofOf({ key, url: URL_OF_API, token, jti })), 'accepted');
    assert.equal(
      await decide(client, another, proofOf({ key, url: URL_OF_API, token: another, jti })),
      'dpop_replayed',
    );
  });

  test('that lacks only a scope is spent all the same', async () => {
    const client = backend(issuer);
    const token = boundToken(issuer, key);
    const options = presented(proofOf({ key, url: URL_OF_API, token }), { url: URL_OF_API });
    const first = client.validateAccessToken(token, { ...options, scopes: ['data:write'] });
    assert.equal(await outcomeOf(first), 'scope_missing');
    assert.equal(await outcomeOf(client.validateAccessToken(token, options)), 'dpop_replayed');
  });

  test('is never accepted twice, however many others follow, and a late one is refused instead', async (t) => {
    const NOW = 2_000_000_000;
    t.mock.timers.enable({ apis: ['Date'], now: NOW * 1000 });
    const client = backend(issuer, { dpop: { replayCacheSize: 1024 } });
    const token = boundToken(issuer, key);
    const proofs = Array.from({ length: 1500 }, (_, number) =>
      proofOf({ key, url: URL_OF_API, token, iat: NOW - 59 + (number % 60) }),
    );
    const first = [];
    const full = await eventsOf('replay.full', async () => {
      for (const proof of proofs) first.push(await decide(client, token, proof));
    });
    assert.ok(count(first, 'accepted') >= 1024);
    assert.deepEqual([...new Set(first)].sort(), ['accepted', 'dpop_expired']);
    assert.ok(full.length > 0);
    for (const proof of proofs) {
      assert.match(await decide(client, token, proof), /^dpop_(?:replayed|expired)$/);
    }
  });
});
