// How are the metadata documents served (RFC 9728 §3.1 to §3.3, RFC 8414 §3)?
//
// By Express, Connect, Fastify and the Fetch standard alike. The checker of RFC 9728 §3.3 is written from the RFC, and
// is stricter than the MCP clients.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import { MonoCloudBackendNodeClient, protectedResource } from '@monocloud/backend-node/mcp';

import { close, listen, open, request } from '../support/http.mjs';
import { AUDIENCE, startIssuer } from '../support/issuer.mjs';
import { describeWhere } from '../support/suite.mjs';

const WELL_KNOWN = '/.well-known/oauth-protected-resource';
const AUTHORIZATION_SERVER = '/.well-known/oauth-authorization-server';
const isOldNode = Number(process.versions.node.split('.')[0]) < 20;

let issuer;
let client;

before(async () => {
  issuer = await startIssuer();
  client = new MonoCloudBackendNodeClient({ tenantDomain: issuer.issuer, audience: AUDIENCE });
});
after(() => issuer.close());

/** Each serves the documents of a resource, and text for every other path: `{ url, close }`. */
const SERVERS = {
  express: (resource) => serveConnect('express', resource),
  'express-4': (resource) => serveConnect('express-4', resource),
  connect: (resource) => serveConnect('connect', resource),
  fastify: (resource) => serveFastify('fastify', resource),
  'fastify-4': (resource) => serveFastify('fastify-4', resource),
  web: (resource) => serveWeb(resource),
};

async function serveConnect(name, resource) {
  const { default: framework } = await import(name);
  const app = framework();
  app.use(resource.middleware());
  app.use((incoming, response) => response.end('application'));
  return listen(app);
}

async function serveFastify(name, resource) {
  const { default: framework } = await import(name);
  const app = framework();
  await app.register(resource.plugin());
  app.setNotFoundHandler((incoming, reply) => reply.code(200).send('application'));
  return listen(app);
}

/** Hono's adapter of node:http. */
async function serveWeb(resource) {
  const { getRequestListener } = await import('@hono/node-server');
  const handle = async (incoming) => (await resource.respond(incoming)) ?? new Response('application');
  const server = http.createServer(getRequestListener(handle));
  await open(server, { port: 0, host: '127.0.0.1' });
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => close(server) };
}

for (const [name, serve] of Object.entries(SERVERS)) {
  describeWhere(name === 'fastify' && isOldNode && 'Fastify 5 needs Node 20', `${name} serves`, () => {
    let server;
    let path;
    const ask = (target, options) => request(server.url + target, options);

    before(async () => {
      const resource = protectedResource(client, { resource: 'https://api.example.com/a/mcp', maxAge: 60 });
      path = `${WELL_KNOWN}/a/mcp`;
      server = await serve(resource);
    });
    after(() => server.close());

    test('the document as JSON, for every origin, with the cache time of the option', async () => {
      for (const headers of [
        {},
        { origin: 'https://other.example.com', cookie: 'a=1' },
        { authorization: 'Bearer x' },
      ]) {
        const answer = await ask(path, { headers });
        assert.equal(answer.status, 200);
        assert.equal(answer.headers['content-type'], 'application/json');
        assert.equal(answer.headers['cache-control'], 'public, max-age=60');
        assert.equal(answer.headers['access-control-allow-origin'], '*');
        assert.equal(answer.headers['access-control-allow-credentials'], undefined);
        assert.deepEqual(answer.body, {
          resource: 'https://api.example.com/a/mcp',
          authorization_servers: [issuer.issuer],
          bearer_methods_supported: ['header'],
        });
      }
    });

    test('it whatever the query is, and with a slash at its end only if the resource has one', async () => {
      assert.equal(
        (await ask(`${path}?resource=https://evil.example.com`)).body.resource,
        'https://api.example.com/a/mcp',
      );
      assert.equal((await ask(`${path}/`)).body, 'application');
    });

    test('its headers alone for HEAD', async () => {
      const [got, head] = [await ask(path), await ask(path, { method: 'HEAD' })];
      assert.equal(head.status, 200);
      assert.equal(head.body, '');
      for (const header of ['content-type', 'content-length', 'cache-control', 'access-control-allow-origin']) {
        assert.equal(head.headers[header], got.headers[header], header);
      }
    });

    test('a preflight request for every header', async () => {
      const headers = {
        origin: 'https://other.example.com',
        'access-control-request-method': 'GET',
        'access-control-request-headers': 'mcp-protocol-version',
      };
      const answer = await ask(path, { method: 'OPTIONS', headers });
      assert.equal(answer.status, 204);
      assert.equal(answer.body, '');
      assert.equal(answer.headers['access-control-allow-origin'], '*');
      assert.equal(answer.headers['access-control-allow-headers'], '*');
      assert.match(answer.headers['access-control-allow-methods'], /GET/);
    });

    test('405 with Allow for other methods, also with a body of an unknown type', async () => {
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
        const answer = await ask(path, {
          method,
          headers: { 'content-type': 'text/x-unknown', 'content-length': 1 },
          body: 'x',
        });
        assert.equal(answer.status, 405, method);
        assert.equal(answer.headers.allow, 'GET, HEAD, OPTIONS');
        assert.equal(answer.headers['access-control-allow-origin'], '*');
      }
    });

    test('no path of others', async () => {
      const others = ['/', '/a/mcp', WELL_KNOWN, `${WELL_KNOWN}/a`, `${WELL_KNOWN}/a/mcp/b`, `${WELL_KNOWN}/other`];
      for (const other of [...others, `/x${path}`, `${AUTHORIZATION_SERVER}/a/mcp`]) {
        assert.equal((await ask(other)).body, 'application', other);
      }
    });

    test('the metadata of the authorization server for old clients (MCP 2025-03-26)', async () => {
      const answer = await ask(AUTHORIZATION_SERVER);
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.body, issuer.metadata);
      assert.equal(answer.headers['access-control-allow-origin'], '*');
      assert.equal((await ask(AUTHORIZATION_SERVER, { method: 'POST' })).status, 405);
      assert.equal((await ask(AUTHORIZATION_SERVER, { method: 'HEAD' })).body, '');
    });
  });

  describeWhere(
    name === 'fastify' && isOldNode && 'Fastify 5 needs Node 20',
    `${name}, checked by RFC 9728 §3.3`,
    () => {
      for (const path of ['', '/', '/mcp', '/mcp/', '/a%20b/m:c*p', '/~user/mcp', '/a/mcp?tenant=1']) {
        test(`serves the resource with the path ${JSON.stringify(path)} where a strict client looks`, async () => {
          // The server is known by its address, so the resource needs it before it can be described.
          let target;
          const late = {
            middleware: () => (incoming, response, next) => target.middleware()(incoming, response, next),
            plugin: () => protectedResource(client, { resource: `https://placeholder.example.com${path}` }).plugin(),
            respond: (incoming) => target.respond(incoming),
          };
          const server = await serve(late);
          try {
            const origin = name.startsWith('fastify') ? 'https://placeholder.example.com' : server.url;
            target = protectedResource(client, { resource: origin + path });
            const { resource } = await strictMetadata(origin + path, server.url);
            assert.equal(resource, origin + path);
          } finally {
            await server.close();
          }
        });
      }
    },
  );
}

/**
 * RFC 9728 §3.1 and §3.3: inserts the well-known path, gets the document, and compares octet by octet.
 *
 * @param reachedAt Where the host of the resource is reached.
 */
async function strictMetadata(resource, reachedAt) {
  const { origin } = new URL(resource);
  const rest = resource.slice(origin.length).replace(/^\/(?=\?|$)/, '');
  const answer = await request(reachedAt + WELL_KNOWN + rest);
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^application\/json\b/);
  assert.equal(answer.body.resource, resource);
  assert.ok(answer.body.authorization_servers.length > 0);
  for (const [name, value] of Object.entries(answer.body)) assert.notDeepEqual(value, [], name);
  return answer.body;
}

describe('the metadata of the authorization server', () => {
  test('is not served if the option says so', async () => {
    const resource = protectedResource(client, {
      resource: 'https://api.example.com',
      serveAuthorizationServerMetadata: false,
    });
    assert.equal(resource.respond(new Request(`https://api.example.com${AUTHORIZATION_SERVER}`)), undefined);
  });

  test('is a 503 in an outage, never a 404', async () => {
    const failing = new MonoCloudBackendNodeClient({
      tenantDomain: 'https://down.example.com',
      audience: AUDIENCE,
      fetcher: () => Promise.reject(new Error('down')),
    });
    const resource = protectedResource(failing);
    const answer = await resource.respond(new Request(AUDIENCE + AUTHORIZATION_SERVER));
    assert.equal(answer.status, 503);
    assert.match(answer.headers.get('retry-after'), /^\d+$/);
    assert.equal(answer.headers.get('access-control-allow-origin'), '*');
    // The document of the resource does not depend on the authorization server.
    assert.equal((await resource.respond(new Request(resource.url))).status, 200);
  });
});

test('a response of the Fetch standard has no body for HEAD and OPTIONS', async () => {
  const resource = protectedResource(client, { resource: 'https://api.example.com' });
  for (const [method, status] of Object.entries({ HEAD: 200, OPTIONS: 204 })) {
    const answer = resource.respond(new Request(resource.url, { method }));
    assert.deepEqual([answer.status, answer.body], [status, null], method);
  }
});

test('a response that another part of the application sent stays as it is', () => {
  const resource = protectedResource(client, { resource: 'https://api.example.com' });
  const response = { headersSent: true, setHeader: assert.fail, end: assert.fail };
  resource.middleware()({ method: 'GET', url: WELL_KNOWN }, response, assert.fail);
});

test('a mounted middleware sees the path as the client sent it', async () => {
  const { default: express } = await import('express');
  const app = express();
  const resource = protectedResource(client, { resource: 'https://api.example.com/mcp' });
  app.use('/.well-known', resource.middleware());
  const { url, close: stop } = await listen(app);
  try {
    assert.equal((await request(`${url}${WELL_KNOWN}/mcp`)).status, 200);
  } finally {
    await stop();
  }
});
