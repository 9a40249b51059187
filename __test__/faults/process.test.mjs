// Does a process end at the right time and in the right way?
//
// Each case is a separate process whose issuer accepts requests and never responds. The deadline is one minute, so a
// process that ends earlier was not kept alive by the request.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { readBody } from '../support/http.mjs';
import { hang } from './bodies.mjs';
import { startIssuerBehindProxy } from './issuers.mjs';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
/** The documented value is 100 milliseconds. A busy machine needs more, but never the minute. */
const PATIENCE_MS = 15_000;

let hanging;
let whole;
before(async () => {
  [hanging, whole] = await Promise.all([startIssuerBehindProxy(), startIssuerBehindProxy()]);
  hanging.proxy.fault('*', hang());
});
after(() => Promise.all([hanging.close(), whole.close()]));

/** The start of every script. It must print `asked` when a request is in progress. */
const PRELUDE = `
import { MonoCloudBackendNodeClient } from '@monocloud/backend-node';
const { ISSUER: tenantDomain, JWT: jwt, SLOW: slow, OPAQUE: opaque } = process.env;
const options = { tenantDomain, audience: 'https://api.example.com', clientId: 'api', clientSecret: 'secret', responseTimeout: 60000 };
const make = (more) => new MonoCloudBackendNodeClient({ ...options, ...more });
const asked = () => process.stdout.write('asked\\n');
const ignore = () => {};
`;

/** Runs a script to its end: `{ code, signal, output, errors, waited }`. Sends `signal` after `asked`. */
async function run(script, { server = hanging, signal } = {}) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', PRELUDE + script], {
    cwd: PROJECT,
    env: {
      PATH: process.env.PATH,
      ISSUER: server.issuer,
      JWT: server.sign(),
      SLOW: server.sign({ alg: 'ES512' }),
      OPAQUE: server.opaque(),
    },
  });
  const ended = new Promise((resolve) => {
    child.once('close', (code, by) => resolve({ code, signal: by }));
  });
  const errors = readBody(child.stderr);
  let output = '';
  let since = performance.now();
  child.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    since = performance.now();
    if (signal && text.includes('asked')) child.kill(signal);
  });
  const held = setTimeout(() => child.kill('SIGKILL'), 50_000);
  const end = await ended;
  clearTimeout(held);
  return { ...end, output, errors: await errors, waited: performance.now() - since };
}

function endsAs({ code, signal, waited, errors }, expected) {
  assert.deepEqual({ code, signal }, { code: null, signal: null, ...expected }, errors);
  assert.ok(waited < PATIENCE_MS, `${waited} ms`);
}

/** The operations that may be in progress when a process ends. */
const REQUESTS = {
  'fetching keys': 'make().validateAccessToken(jwt).catch(ignore);',
  introspecting:
    'make({ introspectJwtTokens: true }).validateAccessToken(jwt).catch(ignore); make().validateAccessToken(opaque).catch(ignore);',
  'warming up': 'make().warmUp().catch(ignore);',
  'asking a cache':
    'make({ cache: { get: () => new Promise(ignore), set: async () => {}, delete: async () => {} } }).validateAccessToken(jwt).catch(ignore);',
  'asking a fetcher': 'make({ fetcher: () => new Promise(ignore) }).validateAccessToken(jwt).catch(ignore);',
  'verifying on the thread pool': `
    const own = make({ jwksResolver: async () => JSON.parse(process.env.KEYS ?? '{"keys":[]}') });
    for (let count = 0; count < 100; count += 1) own.validateAccessToken(slow).catch(ignore);`,
};

describe('a process', { concurrency: 2 }, () => {
  for (const [what, request] of Object.entries(REQUESTS)) {
    test(`that exits while ${what} ends at once with its code`, async () => {
      endsAs(await run(`${request} asked(); setImmediate(() => process.exit(7));`), { code: 7 });
    });

    test(`that is ended by SIGTERM while ${what} ends at once, by it`, async () => {
      const script = `${request} setTimeout(asked, 20); setInterval(ignore, 1000);`;
      endsAs(await run(script, { signal: 'SIGTERM' }), { signal: 'SIGTERM' });
    });

    test(`that throws while ${what} ends at once with 1 and says why`, async () => {
      const end = await run(`${request} asked(); setImmediate(() => { throw new Error('the end of it'); });`);
      endsAs(end, { code: 1 });
      assert.match(end.errors, /the end of it/);
    });
  }

  test('that leaves a rejection unhandled while fetching keys ends at once with 1', async () => {
    const end = await run(
      `${REQUESTS['fetching keys']} asked(); setImmediate(() => Promise.reject(new Error('the end of it')));`,
    );
    endsAs(end, { code: 1 });
    assert.match(end.errors, /the end of it/);
  });

  for (const [what, script] of Object.entries({
    'in its fetcher': 'make({ fetcher: () => process.exit(9) }).validateAccessToken(jwt).catch(ignore);',
    'in its cache':
      'make({ cache: { get: () => process.exit(9), set: async () => {}, delete: async () => {} } }).validateAccessToken(jwt).catch(ignore);',
    'in its resolver': 'make({ jwksResolver: () => process.exit(9) }).validateAccessToken(jwt).catch(ignore);',
    'in a listener': `
      const { subscribe } = await import('node:diagnostics_channel');
      subscribe('monocloud:backend:refused', () => process.exit(9));
      make().validateAccessToken('a.b.c').catch(ignore);`,
  })) {
    test(`that exits ${what} ends at once with its code`, async () => {
      endsAs(await run(`asked(); ${script}`), { code: 9 });
    });
  }

  test('that closes its server at SIGTERM ends with its own code while keys are fetched in the background', async () => {
    const script = `
      import { createServer } from 'node:http';
      const server = createServer().listen(0);
      process.once('SIGTERM', () => { process.exitCode = 3; server.close(); });
      const client = make({ jwksCacheDuration: 0, metadataCacheDuration: 0 });
      await client.validateAccessToken(jwt);
      await fetch(tenantDomain + '/break');
      await client.validateAccessToken(jwt);
      asked();`;
    // From the second request for keys on there is no response, and the caller uses the old keys.
    whole.proxy.fault('/break', ({ response }) => {
      whole.proxy.fault('/jwks', hang());
      response.end();
    });
    try {
      endsAs(await run(script, { server: whole, signal: 'SIGTERM' }), { code: 3 });
    } finally {
      whole.proxy.heal();
    }
  });
});

describe('a finished script', { concurrency: 2 }, () => {
  for (const [what, script] of Object.entries({
    'that validated': 'await make().validateAccessToken(jwt);',
    'that introspected': 'await make().validateAccessToken(opaque);',
    'that verified on the thread pool': 'await make().validateAccessToken(slow);',
    'that refused': 'await make().validateAccessToken("a.b.c").catch(ignore);',
    'that warmed up and looked at its health': 'const client = make(); await client.warmUp(); client.health();',
    'with a cache':
      'const entries = new Map(); const client = make({ cache: { get: async (key) => entries.get(key), set: async (key, value) => void entries.set(key, value), delete: async () => {} } }); await client.validateAccessToken(jwt); await client.validateAccessToken(jwt);',
    'with a fetcher':
      'await make({ fetcher: (url, init) => fetch(url, { ...init, headers: { ...init.headers, connection: "close" } }) }).validateAccessToken(jwt);',
    'with listeners':
      'const { subscribe } = await import("node:diagnostics_channel"); subscribe("monocloud:backend:keys.refreshed", ignore); await make().warmUp();',
    'with middleware': 'const { protectApi } = await import("@monocloud/backend-node/express"); protectApi(make())();',
    'with clients that did nothing': 'make(); make({ jwksResolver: () => ({ keys: [] }) });',
  })) {
    test(`${what} is not kept alive by the package`, async () => {
      // The child prints the result itself before it ends. Its other output does not matter.
      const left = `
        asked();
        await new Promise((resolve) => { setImmediate(resolve); });
        process.stdout.write(JSON.stringify(process.getActiveResourcesInfo().filter((name) => !/^(Pipe|TTY|Immediate|TCPSocket|TLS)/.test(name))));
        process.exitCode = 5;`;
      const end = await run(script + left, { server: whole });
      endsAs(end, { code: 5 });
      assert.equal(end.output, 'asked\n[]');
    });
  }
});
