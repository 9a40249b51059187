// What do threads share, and what do they leave behind if they are terminated during a request?

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { after, afterEach, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';

import { backend } from '../support/backend.mjs';
import { readBody } from '../support/http.mjs';
import { AUDIENCE } from '../support/issuer.mjs';
import { hang, status } from './bodies.mjs';
import { startIssuerBehindProxy } from './issuers.mjs';
import { DISCOVERY } from './proxy.mjs';

const MEGABYTE = 1024 * 1024;
const isLong = Boolean(process.env.TEST_LONG);
/** Fifty threads reveal a large leak; a thousand (`npm run test:long`) also one of 5 KB per thread. */
const WORKERS = isLong ? 1000 : 50;
/** After this many more threads the process has allocated what it keeps for threads in general. */
const WARM_UP = isLong ? 400 : 50;
const ALLOWED = 5 * MEGABYTE;
const DEADLINE_MS = 300_000;

let server;
/** The threads of the current test. */
const started = [];
before(async () => {
  server = await startIssuerBehindProxy();
});
afterEach(async () => {
  // After a failed test, threads would keep this process alive for ever.
  await Promise.all(started.splice(0).map((worker) => worker.terminate()));
  server.proxy.heal();
  server.proxy.counts = {};
});
after(() => server.close());

/** Validates each token that it receives; sends its subject or the reason. */
const VALIDATOR = `
const { createRequire } = require('node:module');
const { parentPort, workerData } = require('node:worker_threads');
const { MonoCloudBackendNodeClient } = createRequire(workerData.from)('@monocloud/backend-node');
const client = new MonoCloudBackendNodeClient(workerData.options);
parentPort.on('message', async (token) => {
  if (token === null) return parentPort.close();
  parentPort.postMessage(await client.validateAccessToken(token).then(({ sub }) => sub, ({ reason }) => reason));
});
parentPort.postMessage('ready');
`;

/** Threads with one client each. `ask` sends a token to all of them at once, `end` returns their exit codes. */
async function threads(all) {
  const from = fileURLToPath(import.meta.url);
  const workers = all.map((options) => new Worker(VALIDATOR, { eval: true, workerData: { from, options } }));
  started.push(...workers);
  const each = (event) =>
    Promise.all(
      workers.map(
        (worker) =>
          new Promise((resolve, reject) => {
            worker.once(event, resolve).once('error', reject);
          }),
      ),
    );
  const tell = (event, message) => {
    const heard = each(event);
    workers.forEach((worker) => worker.postMessage(message));
    return heard;
  };
  await each('message');
  return { ask: (token) => tell('message', token), end: () => tell('exit', null) };
}

const options = (changes) => ({ tenantDomain: server.issuer, audience: AUDIENCE, ...changes });

describe('worker threads of one process', () => {
  test('with the same options make one request for the keys and one for the metadata', async () => {
    const four = await threads(Array(4).fill(options({ responseTimeout: 20_000 })));
    const token = server.sign();
    for (let round = 0; round < 3; round += 1) assert.deepEqual(await four.ask(token), Array(4).fill('user-1'));
    assert.deepEqual([server.proxy.count('/jwks'), server.proxy.count(DISCOVERY)], [1, 1]);
    assert.deepEqual(await four.end(), [0, 0, 0, 0]);
  });

  test('share the keys with the main thread, and a rotation costs one request for all', async () => {
    const client = backend(server, { responseTimeout: 21_000 });
    await client.warmUp();
    const four = await threads(Array(4).fill(options({ responseTimeout: 21_000 })));
    assert.deepEqual(await four.ask(server.sign()), Array(4).fill('user-1'));
    assert.equal(server.proxy.count('/jwks'), 1);
    await server.behind.rotate();
    assert.deepEqual(await four.ask(server.sign()), Array(4).fill('user-1'));
    // A thread that looked just before the new keys arrived asks once more.
    const requests = server.proxy.count('/jwks');
    assert.ok(requests === 2 || requests === 3, `${requests} requests`);
    assert.ok(await client.validateAccessToken(server.sign()));
    assert.equal(server.proxy.count('/jwks'), requests);
    assert.deepEqual(await four.end(), [0, 0, 0, 0]);
  });

  test('with other options have keys of their own', async () => {
    const durations = [100, 200, 300, 400];
    const four = await threads(
      durations.map((jwksCacheDuration) => options({ jwksCacheDuration, responseTimeout: 22_000 })),
    );
    assert.deepEqual(await four.ask(server.sign()), Array(4).fill('user-1'));
    assert.equal(server.proxy.count('/jwks'), 4);
    await four.end();
  });

  test('that end leave the others their keys', async () => {
    const all = Array(2).fill(options({ responseTimeout: 23_000 }));
    const [going, staying] = await Promise.all([threads(all), threads(all)]);
    const token = server.sign();
    await Promise.all([going.ask(token), staying.ask(token)]);
    await going.end();
    await server.proxy.down();
    try {
      assert.deepEqual(await staying.ask(server.sign({ claims: { sub: 'user-2' } })), ['user-2', 'user-2']);
    } finally {
      await server.proxy.up();
    }
    await staying.end();
  });
});

test(
  'a worker thread that ends closes its connections long before its deadline; one with the same options does not',
  { timeout: 20_000 },
  async (context) => {
    const exchanges = new EventEmitter();
    server.proxy.fault('/introspect', ({ response }) => {
      exchanges.emit('begun', response);
    });
    const workerData = {
      from: fileURLToPath(import.meta.url),
      options: options({ clientId: 'api', clientSecret: 'secret', responseTimeout: 60_000 }),
    };
    const introspecting = async () => {
      const begun = once(exchanges, 'begun');
      const worker = new Worker(VALIDATOR, { eval: true, workerData });
      context.after(() => worker.terminate());
      worker.once('message', () => worker.postMessage('opaque'));
      const [response] = await begun;
      return { worker, response };
    };
    const going = await introspecting();
    const staying = await introspecting();
    const hungUp = once(going.response, 'close', { signal: context.signal });
    await going.worker.terminate();
    await hungUp;
    const answered = once(staying.worker, 'message', { signal: context.signal });
    staying.response.setHeader('content-type', 'application/json');
    staying.response.end(JSON.stringify({ active: true, sub: 'user-1', aud: AUDIENCE }));
    assert.deepEqual(await answered, ['user-1']);
  },
);

test(`${WORKERS} worker threads, each ended in the middle of its requests, crash nothing and leave nothing`, async () => {
  let asked = 0;
  // A response, a failure and no response in turn, so that threads end before, during and after a response.
  server.proxy.fault('/jwks', (exchange) => {
    asked += 1;
    const { proxy, request, response, body } = exchange;
    return [() => proxy.forward(request, response, body), () => status(500)(exchange), () => hang()(exchange)][
      asked % 3
    ]();
  });
  server.proxy.fault('/introspect', hang());
  const tokens = [server.sign(), server.sign({ alg: 'ES512' }), server.sign({ header: { kid: 'unknown' } })];
  // V8 may keep up to 8 MB of an emptied young generation. With the smallest one this does not disturb the result.
  const child = spawn(
    process.execPath,
    ['--max-semi-space-size=1', fileURLToPath(new URL('workers.child.mjs', import.meta.url))],
    {
      env: {
        PATH: process.env.PATH,
        // One arena for all threads. With several, chance decides which one keeps freed memory (only glibc reads this
        // variable).
        MALLOC_ARENA_MAX: '1',
        ISSUER: server.issuer,
        TOKENS: JSON.stringify(tokens),
        WORKERS: String(WORKERS),
        WARM_UP: String(WARM_UP),
        ALLOWED: String(ALLOWED),
      },
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: DEADLINE_MS,
    },
  );
  const ended = new Promise((resolve) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  const output = await readBody(child.stdout);
  assert.deepEqual(await ended, { code: 0, signal: null });
  const { made, grown } = JSON.parse(output);
  assert.equal(made, WARM_UP + WORKERS);
  assert.ok(asked > 0 && server.proxy.count('/introspect') > 0);
  assert.ok(grown <= ALLOWED, `${(grown / MEGABYTE).toFixed(1)} MB`);
});
