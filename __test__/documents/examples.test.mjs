/** Do the applications in `examples/` work? Each is started as its README says, with an issuer of this process. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { X509Certificate, createHash } from 'node:crypto';
import { cp, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

import { startNginx, unavailable as withoutNginx } from '../examples/nginx.mjs';
import { startExample } from '../examples/run.mjs';
import { eventually } from '../support/eventually.mjs';
import { get, request } from '../support/http.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { createPki } from '../support/pki.mjs';
import { startRedis, unavailable as withoutRedis } from '../support/redis.mjs';
import { describeWhere, needsCommand } from '../support/suite.mjs';

const EXAMPLES = fileURLToPath(new URL('../../examples', import.meta.url));
/** The sources that have another name than `server.js`. */
const SOURCES = { nextjs: 'app/api/posts/route.js', sveltekit: 'src/hooks.server.js', 'aws-lambda': 'handler.js' };
/** A reader can take in an example at once. */
const MAX_LINES = 65;

let issuer;

before(async () => {
  issuer = await startIssuer();
});
after(() => issuer.close());

const sign = (claims) => issuer.sign({ claims });
const variables = (more = {}) => ({ TENANT_DOMAIN: issuer.issuer, AUDIENCE, ...more });
const send = (method, url, token, body) =>
  request(url, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body ? { 'content-type': 'application/json' } : {}) },
    body: body && JSON.stringify(body),
  });

/** Runs `body` with a started example, and always ends it. */
async function withExample(name, options, body) {
  const example = await startExample(name, options);
  try {
    return await body(example);
  } finally {
    await example.close();
  }
}

describe('express', () => {
  it('answers by token, scope and group, and is ready once it has the keys', async () => {
    await withExample('express', { variables: variables() }, async ({ url }) => {
      assert.equal((await get(`${url}/api/me`)).status, 401);
      const me = await get(`${url}/api/me`, { token: sign() });
      assert.deepEqual([me.status, me.body], [200, { subject: 'user-1' }]);
      assert.deepEqual((await get(`${url}/ready`)).body, { ready: true });

      assert.equal((await send('POST', `${url}/api/posts`, sign(), { text: 'x' })).status, 403);
      const created = await send('POST', `${url}/api/posts`, sign({ scope: 'posts:write' }), { text: 'hello' });
      assert.deepEqual([created.status, created.body], [201, { id: '1', author: 'user-1', text: 'hello' }]);

      const remove = (token) => send('DELETE', `${url}/api/posts/1`, token);
      assert.equal((await remove(sign({ groups: ['staff'] }))).status, 403);
      assert.equal((await remove(sign({ groups: ['admin'] }))).status, 204);
      assert.equal((await remove(sign({ groups: ['admin'] }))).status, 404);
    });
  });

  it('does not start without its configuration, and says which variable is missing', async () => {
    await assert.rejects(
      startExample('express', { variables: { TENANT_DOMAIN: issuer.issuer } }),
      /MONOCLOUD_BACKEND_AUDIENCE/,
    );
  });
});

describe('mcp', () => {
  it('is found by an MCP client, and asks for the scope of a tool', async () => {
    const { Client } = await import('@modelcontextprotocol/sdk/client/index.js');
    const { StreamableHTTPClientTransport } = await import('@modelcontextprotocol/sdk/client/streamableHttp.js');
    const audience = 'https://api.example.com/mcp';
    await withExample('mcp', { variables: variables({ AUDIENCE: audience }) }, async ({ url }) => {
      const none = await request(`${url}/mcp`, { method: 'POST' });
      assert.equal(none.status, 401);
      const [, metadata] = /resource_metadata="([^"]+)"/.exec(none.headers['www-authenticate']);
      const { body } = await get(url + new URL(metadata).pathname);
      assert.deepEqual([body.resource, body.authorization_servers], [audience, [issuer.issuer]]);
      assert.equal((await get(`${url}/mcp`, { token: sign({ aud: audience }) })).status, 405);

      const connect = async (scope) => {
        const headers = { authorization: `Bearer ${sign({ aud: audience, scope })}` };
        const client = new Client({ name: 'test', version: '1.0.0' });
        await client.connect(new StreamableHTTPClientTransport(new URL(`${url}/mcp`), { requestInit: { headers } }));
        return client;
      };
      const call = async (client, name) => JSON.parse((await client.callTool({ name })).content[0].text);
      const [reader, writer] = [await connect('notes:read'), await connect('notes:read notes:write')];
      assert.deepEqual(await call(reader, 'list'), []);
      await assert.rejects(call(reader, 'add'), { code: 403 });
      assert.equal((await call(writer, 'add')).author, 'user-1');
      assert.equal((await call(reader, 'list')).length, 1);
      await Promise.all([reader.close(), writer.close()]);
    });
  });
});

describe('fastify', () => {
  it('answers by token and scope, and a plugin asks for its group on each of its routes', async () => {
    await withExample('fastify', { variables: variables() }, async ({ url }) => {
      assert.equal((await get(`${url}/api/me`)).status, 401);
      assert.deepEqual((await get(`${url}/api/me`, { token: sign() })).body, { subject: 'user-1' });
      assert.equal((await send('POST', `${url}/api/posts`, sign(), { text: 'x' })).status, 403);
      const created = await send('POST', `${url}/api/posts`, sign({ scope: 'posts:write' }), { text: 'hello' });
      assert.deepEqual([created.status, created.body.text], [201, 'hello']);
      const remove = (token) => send('DELETE', `${url}/api/admin/posts/1`, token);
      assert.equal((await remove(sign())).status, 403);
      assert.equal((await remove(sign({ groups: ['admin'] }))).status, 204);
    });
  });
});

describe('node-http', () => {
  it('maps each error to its answer and challenge', async () => {
    await withExample('node-http', { variables: variables() }, async ({ url }) => {
      const me = await get(`${url}/api/me`, { token: sign() });
      assert.deepEqual([me.status, me.body], [200, { subject: 'user-1' }]);
      const bare = await get(`${url}/api/me`);
      assert.deepEqual([bare.status, bare.headers['www-authenticate']], [401, 'Bearer']);
      const expired = await get(`${url}/api/me`, { token: sign({ exp: 1 }) });
      assert.deepEqual(
        [expired.status, expired.headers['www-authenticate']],
        [401, 'Bearer error="invalid_token", error_description="Token has expired"'],
      );
      const poor = await get(`${url}/api/report`, { token: sign() });
      assert.deepEqual(
        [poor.status, poor.headers['www-authenticate']],
        [403, 'Bearer error="insufficient_scope", scope="report:read"'],
      );
      assert.equal((await get(`${url}/api/report`, { token: sign({ scope: 'report:read' }) })).status, 200);
      assert.equal((await get(`${url}/elsewhere`)).status, 404);
    });
  });

  it('answers 503, not 401, while the authorization server is out of reach', async () => {
    const gone = await startIssuer();
    await gone.close();
    await withExample('node-http', { variables: variables({ TENANT_DOMAIN: gone.issuer }) }, async ({ url }) => {
      const answer = await get(`${url}/api/me`, { token: gone.sign() });
      assert.deepEqual([answer.status, answer.headers['retry-after']], [503, '5']);
    });
  });
});

describeWhere(withoutRedis, 'express-redis', () => {
  it('finds in one process what the other had introspected', async () => {
    const redis = await startRedis();
    try {
      const options = {
        variables: variables({ CLIENT_ID: 'api', CLIENT_SECRET: 'secret' }),
        env: { REDIS_URL: `redis://127.0.0.1:${redis.port}` },
      };
      await withExample('express-redis', options, async ({ url, said }) => {
        const token = issuer.opaque();
        const first = await get(`${url}/api/me`, { token });
        assert.deepEqual([first.status, first.body.subject], [200, 'user-1'], said.join(''));
        assert.ok(issuer.counts['/introspect'] > 0);
        // Cache writes are not awaited, and a process may still be connecting. Eventually one round needs no issuer.
        let round;
        const until = Date.now() + 10_000;
        do round = await tenRequests(url, token);
        while ((round.introspections > 0 || round.processes < 2) && Date.now() < until);
        assert.deepEqual(round, { processes: 2, introspections: 0 });
      });
    } finally {
      await redis.close();
    }
  });

  /** Connections go to the processes in turn, and each request opens one. */
  async function tenRequests(url, token) {
    issuer.resetCounts();
    const processes = new Set();
    for (let count = 0; count < 10; count += 1) {
      processes.add((await get(`${url}/api/me`, { token })).body.process);
    }
    return { processes: processes.size, introspections: issuer.counts['/introspect'] ?? 0 };
  }

  it('goes on without Redis', async () => {
    const redis = await startRedis();
    await redis.close();
    const options = { variables: variables(), env: { REDIS_URL: `redis://127.0.0.1:${redis.port}` } };
    await withExample('express-redis', options, async ({ url }) => {
      assert.equal((await get(`${url}/api/me`, { token: sign() })).status, 200);
    });
  });
});

describeWhere(withoutRedis, 'express-logout', () => {
  it('refuses the tokens of a user who logged out, and no others', async () => {
    const redis = await startRedis();
    try {
      const options = { variables: variables(), env: { REDIS_URL: `redis://127.0.0.1:${redis.port}` } };
      await withExample('express-logout', options, async ({ url }) => {
        const past = Math.floor(Date.now() / 1000) - 60;
        const [token, other] = ['user-1', 'user-2'].map((sub) => sign({ sub, iat: past }));
        const statusOf = async (of) => (await get(`${url}/api/me`, { token: of })).status;
        // The example does not wait for Redis at its start.
        await eventually(async () => (await statusOf(token)) === 200);
        assert.equal((await send('POST', `${url}/api/logout`, token)).status, 204);
        await eventually(async () => (await statusOf(token)) === 401);
        assert.equal(await statusOf(other), 200);
        assert.equal(await statusOf(sign({ iat: Math.floor(Date.now() / 1000) + 2 })), 200);
      });
    } finally {
      await redis.close();
    }
  });
});

describeWhere(withoutNginx, 'mtls-nginx', () => {
  it('lets a bound token pass with its certificate alone, and no header of the caller in its place', async () => {
    const pki = await createPki();
    const [server, own, other] = await Promise.all([
      pki.server(),
      pki.client({ commonName: 'own' }),
      pki.client({ commonName: 'other' }),
    ]);
    const bound = sign({ cnf: { 'x5t#S256': own.thumbprint } });
    await withExample('mtls-nginx', { variables: variables() }, async ({ folder, port }) => {
      await writeFile(join(folder, 'server.pem'), server.cert);
      await writeFile(join(folder, 'server-key.pem'), server.key);
      await writeFile(join(folder, 'clients-ca.pem'), pki.ca.pem);
      const nginx = await startNginx(folder, port);
      try {
        const ask = (path, token, pair = {}, headers = {}) => {
          const { cert, key } = pair;
          return get(nginx.url + path, { token, headers, ca: pki.ca.pem, cert, key });
        };
        const good = await ask('/api/payments', bound, own);
        assert.deepEqual([good.status, good.body], [200, { subject: 'user-1', certificate: own.thumbprint }]);
        assert.equal((await ask('/api/me', bound, own)).status, 200);
        assert.equal((await ask('/api/me', sign())).status, 200);
        const statuses = await Promise.all([
          ask('/api/payments', bound, other),
          ask('/api/payments', bound),
          ask('/api/me', bound),
          // An unbound token, where a bound one is required.
          ask('/api/payments', sign(), own),
          // A certificate is public. A caller that sends it as a header proves nothing.
          ask('/api/payments', bound, other, { 'X-Client-Cert': encodeURIComponent(own.cert) }),
          ask('/api/payments', bound, {}, { 'X-Client-Cert': encodeURIComponent(own.cert) }),
          ask('/api/payments', bound, {}, { X_Client_Cert: encodeURIComponent(own.cert) }),
        ]);
        assert.deepEqual(
          statuses.map(({ status }) => status),
          Array(7).fill(401),
        );
      } finally {
        await nginx.close();
      }
    });
  });
});

describeWhere(needsCommand('openssl', 'version'), 'mtls-nginx/certificates.sh', () => {
  it('makes what nginx.conf names, and prints the thumbprint that a token is bound to', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'monocloud-certificates-'));
    try {
      await cp(join(EXAMPLES, 'mtls-nginx'), folder, { recursive: true });
      const { status, stdout, stderr } = spawnSync('sh', ['certificates.sh'], { cwd: folder, encoding: 'utf8' });
      assert.equal(status, 0, stderr);
      const read = async (name) => new X509Certificate(await readFile(join(folder, name)));
      const [client, authority, server] = await Promise.all(['client.pem', 'clients-ca.pem', 'server.pem'].map(read));
      assert.ok(client.verify(authority.publicKey));
      assert.equal(server.checkHost('localhost'), 'localhost');
      assert.equal(stdout.trim(), createHash('sha256').update(client.raw).digest('base64url'));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('every example', () => {
  it('has a README that the index names, a manifest, and a sample environment without values', async () => {
    const index = await readFile(join(EXAMPLES, 'README.md'), 'utf8');
    const names = await foldersOf(EXAMPLES);
    assert.deepEqual([...index.matchAll(/^\| \[[\w-]+\]\(([\w-]+)\)/gm)].map(([, name]) => name).sort(), names.sort());
    for (const name of names) {
      const source = SOURCES[name] ?? 'server.js';
      for (const file of ['README.md', 'package.json', source, '.env.example']) {
        assert.ok((await stat(join(EXAMPLES, name, file))).size > 0, `${name}/${file}`);
      }
      const lines = (await readFile(join(EXAMPLES, name, source), 'utf8')).trimEnd().split('\n');
      assert.ok(lines.length <= MAX_LINES, `${name}: ${lines.length} lines`);
    }
  });

  it('is run by a test', async () => {
    const here = fileURLToPath(new URL('..', import.meta.url));
    const files = (await readdir(here, { recursive: true })).filter((name) => name.endsWith('.test.mjs'));
    const sources = await Promise.all(files.map((name) => readFile(join(here, name), 'utf8')));
    const calls = /(?:startExample|importExample|withExample|started|imported)\(\s*'([\w-]+)'/g;
    const run = new Set(sources.flatMap((source) => [...source.matchAll(calls)].map(([, name]) => name)));
    assert.deepEqual([...run].sort(), (await foldersOf(EXAMPLES)).sort());
  });
});

async function foldersOf(path) {
  const entries = await readdir(path, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
