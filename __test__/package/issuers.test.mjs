// Does `npm run test:issuers` notice what is wrong, skip what it cannot install, and end what it starts?
//
// With servers of this process, which can be broken. The real ones are not started here.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import { checksOf } from '../../scripts/issuers/checks.mjs';
import { runServers } from '../../scripts/issuers/run.mjs';
import { servers } from '../../scripts/issuers/servers.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';

const COMMAND = fileURLToPath(new URL('../../scripts/issuers.mjs', import.meta.url));
const FOLDER = fileURLToPath(new URL('../../scripts/issuers/servers', import.meta.url));
const screen = { begin() {}, line() {}, end() {} };
const execute = promisify(execFile);

/** The doctor starts a process for each token. */
const withoutDoctor = (running) => checksOf(running).filter(({ column }) => column !== 'doctor');

/** Runs one server; returns its row. */
async function rowOf(server, checks = withoutDoctor) {
  const [row] = await runServers([{ name: 'test', title: 'Test', packages: {}, ...server }], { screen, checks });
  return row;
}

/** The columns with a failed check. */
function failedIn({ results }) {
  return [...new Set(results.filter(({ problem }) => problem).map(({ column }) => column))];
}

/** A server of this process whose introspection knows one secret. `change` breaks what `start()` returns. */
function standIn(change = () => ({})) {
  return {
    async start() {
      const issuer = await startIssuer();
      issuer.respond('/introspect', (request, response, body) => {
        const form = new URLSearchParams(body);
        if (form.get('client_secret') !== 'right') return { status: 401, body: { error: 'invalid_client' } };
        const claims = issuer.introspected.get(form.get('token'));
        return { status: 200, body: claims ? { active: true, ...claims } : { active: false } };
      });
      const running = {
        version: '1',
        issuer: issuer.issuer,
        audience: AUDIENCE,
        scopes: ['data:read'],
        tokens: [
          { grant: 'none', format: 'jwt', obtain: async () => issuer.sign() },
          { grant: 'none', format: 'opaque', obtain: async () => issuer.opaque() },
        ],
        clients: [{ method: 'client_secret_post', clientId: 'api', clientSecret: 'right' }],
        async rotate() {
          await issuer.rotate({ keepOld: true });
          return { isOldKeyPublished: true };
        },
        revoke: async (token) => issuer.revoke(token),
        stop: () => issuer.close(),
      };
      return { ...running, ...change(issuer) };
    },
  };
}

describe('a server', () => {
  test('that does everything right passes every check', async () => {
    const row = await rowOf(standIn(), checksOf);
    assert.deepEqual(failedIn(row), []);
    const columns = new Set(row.results.map(({ column }) => column));
    assert.deepEqual([...columns].sort(), [
      'clients',
      'discovery',
      'doctor',
      'jwt',
      'opaque',
      'revocation',
      'rotation',
    ]);
  });

  const tokens = (format, obtain) => [{ grant: 'none', format, obtain }];
  for (const [what, columns, change] of [
    [
      'whose metadata names another issuer',
      ['discovery'],
      (issuer) => {
        issuer.metadata.issuer = 'https://other.example.com';
        return { tokens: [], clients: [], rotate: undefined, revoke: undefined };
      },
    ],
    [
      'whose JWTs are for another API',
      ['jwt'],
      (issuer) => ({
        tokens: tokens('jwt', async () => issuer.sign({ claims: { aud: 'https://other.example.com' } })),
        clients: [],
        rotate: undefined,
      }),
    ],
    [
      'whose opaque tokens have no aud',
      ['opaque', 'clients', 'revocation'],
      (issuer) => ({ tokens: tokens('opaque', async () => issuer.opaque({ aud: undefined })), rotate: undefined }),
    ],
    ['that accepts any secret', ['clients'], (issuer) => issuer.respond('/introspect')],
    [
      'that calls a wrong secret an inactive token',
      ['clients'],
      (issuer) => {
        issuer.respond('/introspect', (request, response, body) => {
          const form = new URLSearchParams(body);
          const claims = form.get('client_secret') === 'right' && issuer.introspected.get(form.get('token'));
          return { status: 200, body: claims ? { active: true, ...claims } : { active: false } };
        });
      },
    ],
    ['that revokes nothing', ['revocation'], () => ({ revoke: async () => {} })],
    ['that keeps its key', ['rotation'], () => ({ rotate: async () => ({}) })],
    [
      'whose old key is withdrawn unexpectedly',
      ['rotation'],
      (issuer) => ({
        async rotate() {
          await issuer.rotate();
          return { isOldKeyPublished: true };
        },
      }),
    ],
  ]) {
    test(`${what} fails: ${columns.join(', ')}`, async () => {
      assert.deepEqual(failedIn(await rowOf(standIn(change))).sort(), [...columns].sort());
    });
  }

  test('that cannot be installed is skipped, with the reason, and is not started', async () => {
    const start = () => assert.fail('it was started');
    const row = await rowOf({ packages: { npm: ['file:/no/such/folder'] }, start });
    assert.match(row.skipped, /^npm install/);
    assert.deepEqual(row.results, []);
  });

  test('that does not start fails, and its processes and its folder are gone', async () => {
    let child;
    let folder;
    const row = await rowOf({
      async start(context) {
        folder = context.folder;
        // The grandchild has the same output, which closes when both have ended.
        const script =
          "require('node:child_process').spawn('sleep', ['600'], { stdio: 'inherit' }); setInterval(() => {}, 1e6)";
        child = context.launch(process.execPath, ['-e', script]);
        await once(child, 'spawn');
        throw new Error('cannot be configured');
      },
    });
    assert.deepEqual(failedIn(row), ['start']);
    if (!child.stdout.destroyed) await once(child, 'close');
    assert.equal(existsSync(folder), false);
  });

  test('that ends at once is tried twice, because its port may have been taken', async () => {
    let starts = 0;
    const row = await rowOf({
      async start({ launch, ready, origin }) {
        starts += 1;
        await ready(origin, launch(process.execPath, ['-e', '']));
      },
    });
    assert.equal(starts, 2);
    assert.match(row.results[0].problem.message, / ended\n/);
  });
});

describe('the command', () => {
  test('has each file of its folder in the list', async () => {
    const files = readdirSync(FOLDER).filter((file) => file.endsWith('.mjs'));
    // A file may have several servers: better-auth.mjs has better-auth-eddsa and better-auth-es512.
    const fileOf = ({ name }) => files.find((file) => `${name}-`.startsWith(`${file.slice(0, -'.mjs'.length)}-`));
    assert.deepEqual([...new Set(servers.map(fileOf))].sort(), files.sort());
    const { stdout } = await execute(process.execPath, [COMMAND, '--list']);
    for (const { name } of servers) assert.match(stdout, new RegExp(`^${name} `, 'm'));
  });

  test('rejects a name that is not in the list', async () => {
    await assert.rejects(execute(process.execPath, [COMMAND, 'no-such-server']), { code: 2 });
  });
});
