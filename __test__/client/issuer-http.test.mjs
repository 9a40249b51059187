// What does the engine's own HTTP client send, and which responses does it accept?
//
// Tests servers with strict content negotiation or unrequested compression, and connections that open slowly (RFC
// 9110 §12, §8.4).

import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import { gzipSync } from 'node:zlib';

import { backend, failure } from '../support/backend.mjs';
import { close, open } from '../support/http.mjs';
import { startIssuer } from '../support/issuer.mjs';

const INTROSPECTING = { clientId: 'api', clientSecret: 'secret' };
const TRANSPORTS = [
  ['the own client', {}],
  ['a fetcher', { fetcher: (input, init) => fetch(input, init) }],
];

let issuer;
before(async () => {
  issuer = await startIssuer();
});
after(() => issuer.close());

/** A server in front of the issuer's documents for one test: `answer(request, response, body)`. */
async function inFront(t, answer) {
  const seen = [];
  const server = http.createServer(async (request, response) => {
    seen.push({ path: request.url, headers: request.headers });
    const own = await fetch(issuer.issuer + request.url, {
      method: request.method,
      body: request.method === 'POST' ? request : undefined,
      duplex: 'half',
      headers: { 'content-type': request.headers['content-type'] ?? '', accept: '*/*' },
    });
    const text = (await own.text()).replaceAll(issuer.issuer, url);
    answer(request, response, text);
  });
  await open(server, { port: 0, host: '127.0.0.1' });
  t.after(() => close(server));
  const url = `http://127.0.0.1:${server.address().port}`;
  const sign = () => issuer.sign({ claims: { iss: url } });
  const client = (options) => backend({ issuer: url }, options);
  return { url, seen, sign, client };
}

for (const [what, transport] of TRANSPORTS) {
  describe(`over ${what}`, () => {
    test('keys come from a server that offers only application/jwk-set+json', async (t) => {
      const server = await inFront(t, (request, response, text) => {
        const type = request.url === '/jwks' ? 'application/jwk-set+json' : 'application/json';
        const isAccepted = request.headers.accept.split(', ').includes(type);
        response.writeHead(isAccepted ? 200 : 406, { 'content-type': type }).end(isAccepted ? text : '');
      });
      assert.equal((await server.client(transport).validateAccessToken(server.sign())).iss, server.url);
    });

    test('every request asks for an uncompressed response', async (t) => {
      const server = await inFront(t, (request, response, text) => response.end(text));
      const client = server.client({ ...transport, ...INTROSPECTING });
      await client.validateAccessToken(server.sign());
      await client.validateAccessToken('opaque').catch(() => {});
      assert.deepEqual(
        server.seen.map(({ path, headers }) => [path, headers['accept-encoding']]),
        [
          ['/.well-known/openid-configuration', 'identity'],
          ['/jwks', 'identity'],
          ['/introspect', 'identity'],
        ],
      );
    });
  });
}

describe('a server that compresses anyway', () => {
  for (const path of ['/.well-known/openid-configuration', '/jwks', '/introspect']) {
    test(`${path} is body_invalid: an outage, and no verdict on the token`, async (t) => {
      const server = await inFront(t, (request, response, text) => {
        if (request.url !== path) return response.end(text);
        return response
          .writeHead(200, { 'content-encoding': 'gzip', 'content-type': 'application/json' })
          .end(gzipSync(text));
      });
      const client = server.client(INTROSPECTING);
      const token = path === '/introspect' ? 'opaque' : server.sign();
      await assert.rejects(
        client.validateAccessToken(token),
        failure('MonoCloudHttpError', 'body_invalid', { status: 200 }),
      );
    });
  }

  test('is read through a fetcher that decompresses, no further than 512 KiB of it', async (t) => {
    const server = await inFront(t, (request, response, text) =>
      response
        .writeHead(200, { 'content-encoding': 'gzip' })
        .end(gzipSync(request.url === '/jwks' ? text + ' '.repeat(2 ** 24) : text)),
    );
    const client = server.client({ fetcher: (input, init) => fetch(input, init) });
    assert.equal((await client.getMetadata()).issuer, server.url);
    await assert.rejects(client.getJwks(), failure('MonoCloudHttpError', 'body_too_large'));
  });
});

describe('a connection', () => {
  /** A TCP proxy that speaks HTTP CONNECT and opens a tunnel with a delay. */
  async function slowTunnel(t, milliseconds) {
    const sockets = new Set();
    const server = http.createServer();
    server.on('connect', (request, socket) => {
      sockets.add(socket);
      const [host, port] = request.url.split(':');
      const timer = setTimeout(() => {
        const onward = net.connect(Number(port), host, () => socket.write('HTTP/1.1 200 OK\r\n\r\n'));
        sockets.add(onward);
        onward.pipe(socket).pipe(onward);
        onward.on('error', () => socket.destroy());
      }, milliseconds);
      socket.on('error', () => {});
      socket.on('close', () => clearTimeout(timer));
    });
    await open(server, { port: 0, host: '127.0.0.1' });
    t.after(() => {
      sockets.forEach((socket) => socket.destroy());
      return close(server);
    });
    return `http://127.0.0.1:${server.address().port}`;
  }

  test('that takes 1.3 s to be made serves, and one that takes more than half of responseTimeout is timed_out', async (t) => {
    const secure = await startSecure(t);
    const ask = async (delay, responseTimeout) => {
      process.env.HTTPS_PROXY = await slowTunnel(t, delay);
      try {
        return backend(secure.issuer, { certificateAuthorities: secure.ca, responseTimeout });
      } finally {
        delete process.env.HTTPS_PROXY;
      }
    };
    const slow = await ask(1300, 5000);
    assert.equal((await slow.getMetadata()).issuer, secure.issuer.issuer);
    const tooSlow = await ask(60_000, 1000);
    await assert.rejects(tooSlow.getMetadata(), failure('MonoCloudHttpError', 'timed_out'));
  });

  async function startSecure(t) {
    const { createPki } = await import('../support/pki.mjs');
    const pki = await createPki();
    const secure = await startIssuer({ tls: await pki.server() });
    t.after(() => secure.close());
    return { issuer: secure, ca: pki.ca.pem };
  }
});
