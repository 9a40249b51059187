// How much of a document is read, for how long is Retry-After honoured, and which addresses does the
// engine never call?

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, afterEach, before, describe, test } from 'node:test';

import express from 'express';

import { protectApi } from '@monocloud/backend-node/express';

import { ANY_CLIENT } from '../support/backend.mjs';
import { close, get, listen, open } from '../support/http.mjs';
import { createPki } from '../support/pki.mjs';
import { endless, redirect, rewrite, status, text } from './bodies.mjs';
import { alone, startIssuerBehindProxy } from './issuers.mjs';
import { DISCOVERY } from './proxy.mjs';
import { rejection, within } from './waiting.mjs';

const LIMIT = 512 * 1024;
/** What the socket buffers of both ends may hold of an unread body. */
const SOCKET_BUFFERS = 16 * 1024 * 1024;

let pki;
let server;
before(async () => {
  pki = await createPki();
  server = await startIssuerBehindProxy({ tls: await pki.server() });
});
afterEach(() => {
  server.proxy.heal();
  server.proxy.counts = {};
  server.proxy.written = {};
});
after(() => server.close());

const fresh = (options) => alone(server, { certificateAuthorities: pki.ca.pem, ...options });

async function warm(options) {
  const client = fresh(options);
  await client.warmUp();
  return client;
}

const padded = (document, length) => JSON.stringify(document).padEnd(length);
const keys = (count) => ({
  keys: Array.from({ length: count }, (_, index) => ({ ...server.behind.jwks.keys.at(-1), kid: `${index}` })),
});

describe('a document', () => {
  test('of 512 KiB is read, and of one octet more is not', async () => {
    server.proxy.fault('/jwks', text(padded(server.behind.jwks, LIMIT)));
    const client = await warm();
    assert.ok(await client.validateAccessToken(server.sign()));
    server.proxy.fault('/jwks', text(padded(server.behind.jwks, LIMIT + 1)));
    assert.equal((await rejection(client.getJwks(true))).reason, 'body_too_large');
    assert.ok(await client.validateAccessToken(server.sign()));
  });

  test('without end is left as soon as it is too long', async () => {
    const client = await warm();
    // One octet too many, and then silence: the client does not wait for the end of the body.
    server.proxy.fault('/jwks', ({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write(' '.repeat(LIMIT + 1));
    });
    const closed = server.proxy.closing('/jwks');
    assert.equal((await rejection(within(15_000, client.getJwks(true)))).reason, 'body_too_large');
    await within(15_000, closed);
  });

  for (const isDeclared of [false, true]) {
    test(`of 200 MB, ${isDeclared ? 'declared' : 'in chunks'}, is left after what the sockets hold`, async () => {
      const client = await warm();
      for (const path of ['/jwks', DISCOVERY]) {
        server.proxy.fault(path, endless({ isDeclared }));
        const closed = server.proxy.closing(path);
        const asked = path === '/jwks' ? client.getJwks(true) : client.getMetadata(true);
        assert.equal((await rejection(within(15_000, asked))).reason, 'body_too_large');
        await within(15_000, closed);
        assert.ok(server.proxy.written[path] <= LIMIT + SOCKET_BUFFERS, `${server.proxy.written[path]}`);
      }
      assert.ok(await client.validateAccessToken(server.sign()));
    });
  }

  test('of 3,000 keys gives 100, and of 10,000 is too long', async () => {
    const client = await warm();
    const own = server.behind.jwks.keys;
    server.proxy.fault('/jwks', text(JSON.stringify({ keys: [...own, ...keys(3000).keys] })));
    await client.getJwks(true);
    assert.equal(client.health().keys.count, 100);
    assert.ok(await client.validateAccessToken(server.sign()));
    server.proxy.fault('/jwks', text(JSON.stringify(keys(10_000))));
    assert.equal((await rejection(client.getJwks(true))).reason, 'body_too_large');
    assert.ok(await client.validateAccessToken(server.sign()));
  });

  for (const [what, body, reason] of [
    ['an empty set', '{"keys":[]}', 'keys_empty'],
    ['a set of secrets', '{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}', 'keys_empty'],
    ['no set', '{"key":[]}', 'body_invalid'],
    ['a set that is an object', '{"keys":{}}', 'body_invalid'],
  ]) {
    test(`with ${what} replaces no keys`, async () => {
      const client = await warm();
      server.proxy.fault('/jwks', text(body));
      assert.equal((await rejection(client.getJwks(true))).reason, reason);
      assert.ok(await client.validateAccessToken(server.sign()));
    });
  }
});

describe('Retry-After', () => {
  // `most` applies while every token has a known key; `urgent` applies to a token that only new keys can validate.
  for (const [code, wish, most, urgent] of [
    [503, '20', 20, 20],
    [503, '60', 60, 30],
    [429, '60', 60, 30],
    [503, '1e9', 300, 30],
    [429, '1000000000', 300, 30],
  ]) {
    test(`of ${wish} with ${code} at the start is honoured for ${urgent} seconds, and passed on`, async () => {
      server.proxy.fault(DISCOVERY, status(code, { headers: { 'retry-after': wish } }));
      const app = express();
      app.get('/', protectApi(fresh())(), (_request, response) => response.end());
      const api = await listen(app);
      try {
        for (let count = 0; count < 10; count += 1) {
          const answer = await get(api.url, { token: server.sign() });
          assert.deepEqual([answer.status, answer.headers['retry-after']], [503, String(urgent)]);
          server.proxy.heal();
        }
        assert.equal(server.proxy.count(DISCOVERY), 1);
      } finally {
        await api.close();
      }
    });

    test(`of ${wish} with ${code} for new keys leaves the old ones in use, and unknown ones an outage`, async () => {
      const client = await warm();
      server.proxy.fault('/jwks', status(code, { headers: { 'retry-after': wish } }));
      await rejection(client.getJwks(true));
      server.proxy.heal();
      assert.ok(await client.validateAccessToken(server.sign()));
      const isWithin = (seconds) => {
        const { nextRefresh } = client.health().keys;
        assert.ok(nextRefresh > seconds - 10 && nextRefresh <= seconds, `${nextRefresh} of ${seconds}`);
      };
      isWithin(most);
      const error = await rejection(client.validateAccessToken(server.sign({ header: { kid: 'unknown' } })));
      assert.deepEqual([error.name, error.status], ['MonoCloudHttpError', code]);
      assert.equal(server.proxy.count('/jwks'), 2);
      isWithin(urgent);
    });
  }
});

describe('a redirect', () => {
  for (const code of [301, 302, 303, 307, 308]) {
    test(`of ${code} is not followed, to the same host, to another, or to plain http`, async () => {
      const plain = http.createServer((_request, response) => response.end('{}'));
      let reached = 0;
      plain.on('request', () => {
        reached += 1;
      });
      await open(plain, { port: 0, host: '127.0.0.1' });
      const { port } = plain.address();
      try {
        for (const location of ['/elsewhere', `http://127.0.0.1:${port}/`, `http://localhost:${port}/`]) {
          for (const path of [DISCOVERY, '/jwks', '/introspect']) {
            server.proxy.fault(path, redirect(location, code));
            const client = fresh(ANY_CLIENT);
            const token = path === '/introspect' ? server.opaque() : server.sign();
            const error = await rejection(client.validateAccessToken(token));
            assert.deepEqual([error.reason, error.status], ['unexpected_status', code]);
            server.proxy.heal();
          }
        }
        assert.equal(server.proxy.count('/elsewhere'), 0);
        assert.equal(reached, 0);
      } finally {
        await close(plain);
      }
    });
  }
});

describe('metadata of an https issuer', () => {
  test('that names an endpoint of plain http causes no request to it', async () => {
    let reached = 0;
    const plain = http.createServer((_request, response) => response.end('{}'));
    plain.on('connection', () => {
      reached += 1;
    });
    await open(plain, { port: 0, host: '127.0.0.1' });
    const base = `http://127.0.0.1:${plain.address().port}`;
    try {
      server.proxy.fault(
        DISCOVERY,
        rewrite((metadata) => ({
          ...metadata,
          jwks_uri: `${base}/jwks`,
          introspection_endpoint: `${base}/introspect`,
        })),
      );
      const client = fresh(ANY_CLIENT);
      assert.equal((await rejection(client.validateAccessToken(server.sign()))).reason, 'endpoint_refused');
      assert.equal((await rejection(client.validateAccessToken(server.opaque()))).reason, 'endpoint_refused');
      assert.equal(reached, 0);
    } finally {
      await close(plain);
    }
  });

  test('of another issuer is not used', async () => {
    server.proxy.fault(
      DISCOVERY,
      rewrite((metadata) => ({ ...metadata, issuer: 'https://elsewhere.example' })),
    );
    const error = await rejection(fresh().validateAccessToken(server.sign()));
    assert.deepEqual([error.name, error.reason], ['MonoCloudValidationError', 'metadata_issuer_mismatch']);
    assert.equal(server.proxy.count('/jwks'), 0);
  });
});
