// How does a test send requests, and serve an API?
//
// With node:http(s) instead of `fetch`, because a test selects the trusted authority and the client certificate per
// request. No connection is kept alive, so that none outlives the test.

import http from 'node:http';
import https from 'node:https';

const DEADLINE_MS = 10_000;

/** GET `url`; `token` becomes a Bearer credential (RFC 6750 §2.1). */
export function get(url, { token, headers = {}, ...options } = {}) {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return request(url, { ...options, headers: { ...authorization, ...headers } });
}

/** POST `form` as application/x-www-form-urlencoded. */
export function post(url, form, { headers = {}, ...options } = {}) {
  return request(url, {
    ...options,
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body: new URLSearchParams(form).toString(),
  });
}

/**
 * Returns `{ status, headers, body }`; the body is parsed if it is JSON, and text otherwise. `ca`, `cert`, `key`
 * (PEM) and `servername` are those of node:tls.
 */
export function request(url, { method = 'GET', headers, body, ...tls } = {}) {
  const { request: open } = url.startsWith('https:') ? https : http;
  const signal = AbortSignal.timeout(DEADLINE_MS);
  return new Promise((resolve, reject) => {
    const outgoing = open(url, { method, headers, signal, agent: false, ...tls }, (response) => {
      const answer = async () => ({
        status: response.statusCode,
        headers: response.headers,
        body: valueOf(response, await readBody(response)),
      });
      answer().then(resolve, reject);
    });
    outgoing.once('error', reject);
    outgoing.end(body);
  });
}

/** The whole body of a request or response, as text. */
export async function readBody(message) {
  const chunks = [];
  for await (const chunk of message) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** A body with a JSON content type that is not JSON stays text: some tests use broken servers. */
function valueOf(response, text) {
  if (!/^application\/(?:[\w.+-]+\+)?json\b/.test(response.headers['content-type'] ?? '')) {
    return text;
  }
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * Serves an Express (4, 5) or Fastify (4, 5) app on a free port of loopback: `{ url, close }`. `tls`
 * (`{ cert, key, ca, requestCert }`) makes it HTTPS for Express; Fastify takes its own `https` option when it is
 * created.
 */
export async function listen(app, { tls } = {}) {
  if (typeof app.inject === 'function') {
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    return { url, close: () => app.close() };
  }
  const server = tls ? https.createServer(tls, app) : http.createServer(app);
  await open(server, { port: 0, host: '127.0.0.1' });
  return {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${server.address().port}`,
    close: () => close(server),
  };
}

/** Ports that servers of this process used before. */
const used = new Set();

/**
 * Resolves when `server` listens at `address`, rejects if it cannot. A free port is one that this process has not
 * used before, because the engine identifies issuers by address and remembers failures.
 */
export async function open(server, address) {
  await listening(server, address);
  const { port } = server.address();
  if (address.port === 0 && used.has(port)) {
    await close(server);
    return open(server, address);
  }
  used.add(port);
  return server;
}

function listening(server, address) {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(address, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Frees the port and drops every connection, also during a request. */
export function close(server) {
  return new Promise((resolve, reject) => {
    server.close((error) => (error ? reject(error) : resolve()));
    server.closeAllConnections?.();
  });
}
