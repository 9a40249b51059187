'use strict';

/**
 * `doctor --ui`: one page on this machine that explains a token. Who may talk to it?
 *
 * Only the browser that was given the printed URL. The server listens on 127.0.0.1 alone. The URL has a secret in its
 * fragment, which no request contains. The page exchanges it once for a cookie. A request must name this host and port
 * exactly, so that a foreign domain that resolves to 127.0.0.1 reaches nothing, and must come from the page itself.
 */

/**
 * @import { IncomingMessage, ServerResponse } from 'node:http'
 */
/** @typedef {(body: unknown) => Promise<unknown>} Answer */
/** @typedef {{ url: string, ended: Promise<'idle' | 'closed'>, close(): void }} Inspector */

const { createHash, randomBytes, timingSafeEqual } = require('node:crypto');
const { readFileSync } = require('node:fs');
const http = require('node:http');
const { join } = require('node:path');

const IDLE_MS = 15 * 60 * 1000;
/** A token has at most 16 KiB and a proof 8 KiB. */
const MAX_BODY_BYTES = 65_536;
const MAX_CONNECTIONS = 20;
/** 128 bits. */
const SECRET_BYTES = 16;

/** @type {Record<string, readonly [file: string, type: string]>} */
const FILES = {
  '/': ['page.html', 'text/html; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/page.js': ['page.js', 'text/javascript; charset=utf-8'],
};

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'none'; " +
    "frame-ancestors 'none'; base-uri 'none'",
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
};

/** A request that gets no answer of its own. Its text is for the page. */
class Refused extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * Starts the server.
 *
 * @param {Answer} answer What `POST /inspect` answers. It must not throw what it was given.
 * @param {{ idleMs?: number }} [settings]
 * @returns {Promise<Inspector>}
 */
async function startInspector(answer, { idleMs = IDLE_MS } = {}) {
  const server = http.createServer();
  server.maxConnections = MAX_CONNECTIONS;
  server.headersTimeout = 5000;
  server.requestTimeout = 10_000;
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(undefined));
  });
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const session = new Session(port);

  /** @type {(why: 'idle' | 'closed') => void} */
  let end = () => {};
  /** @type {Promise<'idle' | 'closed'>} */
  const ended = new Promise((resolve) => {
    end = (why) => {
      clearTimeout(timer);
      server.close();
      server.closeAllConnections?.();
      resolve(why);
    };
  });
  let timer = setTimeout(end, idleMs, 'idle');
  const wasUsed = () => {
    clearTimeout(timer);
    timer = setTimeout(end, idleMs, 'idle');
  };
  server.on('request', (request, response) => {
    respond(request, response, { session, answer, wasUsed }).catch((error) => {
      // The text of any other error may contain what was pasted.
      const { status, message } = error instanceof Refused ? error : new Refused(500, 'The inspector failed.');
      if (!response.headersSent) send(response, status, JSON.stringify({ error: message }), { Connection: 'close' });
    });
  });
  return { url: `http://127.0.0.1:${port}/#${session.secret}`, ended, close: () => end('closed') };
}

/** The secret, the cookie and the address of one run. */
class Session {
  #host;
  #cookieName;
  #cookie = randomBytes(SECRET_BYTES).toString('base64url');
  #isExchanged = false;
  secret = randomBytes(SECRET_BYTES).toString('base64url');

  /** @param {number} port */
  constructor(port) {
    this.#host = `127.0.0.1:${port}`;
    // Cookies do not depend on the port, so that two inspectors need two names.
    this.#cookieName = `monocloud_inspector_${port}`;
  }

  /**
   * Refuses a request that does not come from the page, or from the address line for the page itself.
   *
   * @param {IncomingMessage} request
   */
  checkOrigin({ headers, rawHeaders, method, url }) {
    const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host');
    if (hosts.length !== 1 || headers.host !== this.#host) throw new Refused(403, 'Wrong Host.');
    if (headers.origin !== undefined && headers.origin !== `http://${this.#host}`) {
      throw new Refused(403, 'Wrong Origin.');
    }
    const site = headers['sec-fetch-site'];
    const isPage = method === 'GET' && url === '/';
    if (site === 'same-origin' || (isPage && (site === 'none' || site === undefined))) return;
    throw new Refused(403, 'Not a request of the page.');
  }

  /**
   * Returns the cookie for the secret, which is good once.
   *
   * @param {unknown} given
   */
  exchange(given) {
    if (!isSame(given, this.secret) || this.#isExchanged) {
      throw new Refused(403, 'This needs the URL that the doctor printed. It is good for one browser.');
    }
    this.#isExchanged = true;
    return `${this.#cookieName}=${this.#cookie}; HttpOnly; SameSite=Strict; Path=/`;
  }

  /** @param {IncomingMessage} request */
  isKnown({ headers }) {
    const pairs = (headers.cookie ?? '').split(/; */);
    const value = pairs.find((pair) => pair.startsWith(`${this.#cookieName}=`));
    return isSame(value?.slice(this.#cookieName.length + 1), this.#cookie);
  }
}

/**
 * Compares in constant time.
 *
 * @param {unknown} given
 * @param {string} expected
 */
function isSame(given, expected) {
  /** @param {string} text */
  const digest = (text) => createHash('sha256').update(text).digest();
  return typeof given === 'string' && timingSafeEqual(digest(given), digest(expected));
}

/**
 * @param {IncomingMessage} request
 * @param {ServerResponse} response
 * @param {{ session: Session, answer: Answer, wasUsed: () => void }} inspector
 */
async function respond(request, response, { session, answer, wasUsed }) {
  session.checkOrigin(request);
  const { method, url = '' } = request;
  if (method === 'GET' && Object.hasOwn(FILES, url)) {
    const [file, type] = FILES[url];
    send(response, 200, readFileSync(join(__dirname, 'ui', file)), { 'Content-Type': type });
    return;
  }
  if (url !== '/session' && url !== '/inspect') throw new Refused(404, 'There is nothing here.');
  if (method !== 'POST') throw new Refused(405, 'Only POST.');
  const isKnown = session.isKnown(request);
  if (url === '/inspect' && !isKnown) throw new Refused(403, 'This needs the URL that the doctor printed.');
  const body = await bodyOf(request);
  if (url === '/session') {
    const cookie = isKnown ? undefined : session.exchange(Object(body).secret);
    send(response, 200, '{}', cookie === undefined ? {} : { 'Set-Cookie': cookie });
  } else send(response, 200, JSON.stringify(await answer(body)));
  wasUsed();
}

/**
 * @param {IncomingMessage} request
 * @returns {Promise<unknown>}
 */
async function bodyOf(request) {
  if (request.headers['content-type'] !== 'application/json') throw new Refused(415, 'Only application/json.');
  /** @type {Buffer[]} */
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    // The rest is read and dropped, so that the browser sees the answer.
    if (length <= MAX_BODY_BYTES) chunks.push(chunk);
    else if (length > 16 * MAX_BODY_BYTES * 2) break;
  }
  if (length > MAX_BODY_BYTES) {
    throw new Refused(413, 'This is too large. A token has at most 16 KiB, and a proof at most 8 KiB.');
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new Refused(400, 'Not JSON.');
  }
}

/**
 * @param {ServerResponse} response
 * @param {number} status
 * @param {string | Buffer} body
 * @param {Record<string, string>} [more]
 */
function send(response, status, body, more = {}) {
  response.writeHead(status, { ...HEADERS, 'Content-Type': 'application/json', ...more });
  response.end(body);
}

module.exports = { startInspector };
