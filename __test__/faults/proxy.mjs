// What can go wrong between the package and its issuer, on purpose?
//
// A reverse proxy on loopback whose origin is the issuer's name. Whole by
// default; each path can be given a fault, and the port and its certificate
// can fail on their own. It counts what it is asked and what it writes.

import http from 'node:http';
import https from 'node:https';

import { close, open, readBody } from '../support/http.mjs';
import { send } from './bodies.mjs';

export const DISCOVERY = '/.well-known/openid-configuration';
/** RFC 8414 §3.1: asked when the first place answers 404. */
export const OAUTH_DISCOVERY = '/.well-known/oauth-authorization-server';

/** `tls`: `{ cert, key }` of `pki.server()`, else plain HTTP. */
export async function startFaultProxy({ tls } = {}) {
  const proxy = new FaultProxy(tls);
  await proxy.up();
  return proxy;
}

class FaultProxy {
  /** Requests by path. */
  counts = {};
  /** Octets of body written to the one who asked, by path, until the connection ended. */
  written = {};
  /** Where what is not faulty goes: an origin of plain HTTP. */
  upstream;

  #server;
  #scheme;
  #host;
  #port = 0;
  #faults = new Map();
  #closings = new Map();
  /** What was asked for on each connection. */
  #paths = new WeakMap();

  constructor(tls) {
    const answer = (request, response) => this.#answer(request, response);
    this.#server = tls ? https.createServer(tls, answer) : http.createServer(answer);
    this.#scheme = tls ? 'https' : 'http';
    this.#host = tls ? 'localhost' : '127.0.0.1';
  }

  get origin() {
    return `${this.#scheme}://${this.#host}:${this.#port}`;
  }

  count(path) {
    return this.counts[path] ?? 0;
  }

  /**
   * From now on `path` fails as told by one of `faults` (bodies.mjs), every time, or the next `times`; without a
   * fault it is whole again. `*` is every path that has no fault of its own.
   */
  fault(path, fault, { times = Infinity } = {}) {
    if (fault === undefined) this.#faults.delete(path);
    else this.#faults.set(path, { fault, left: times });
  }

  /** Everything is whole again. */
  heal() {
    this.#faults.clear();
  }

  /** Other keys and certificates for the connections made from now on. */
  present(tls) {
    this.#server.setSecureContext(tls);
    this.#server.closeIdleConnections();
  }

  async up() {
    await open(this.#server, { port: this.#port, host: this.#host });
    this.#port = this.#server.address().port;
  }

  /** Connections are refused, those that are open are cut. */
  async down() {
    if (this.#server.listening) await close(this.#server);
  }

  /** Resolves when the next connection ends on which `path` was asked for. */
  closing(path) {
    return new Promise((resolve) => {
      this.#closings.set(path, resolve);
    });
  }

  async #answer(request, response) {
    const [path] = request.url.split('?');
    this.counts[path] = this.count(path) + 1;
    this.#pathsOf(request.socket).add(path);
    response.on('error', () => {});
    try {
      const body = await readBody(request);
      const fault = this.#take(path);
      const wrote = (octets) => {
        this.written[path] = (this.written[path] ?? 0) + octets;
      };
      await (fault ? fault({ request, response, body, path, wrote, proxy: this }) : this.forward(request, response, body));
    } catch (error) {
      // One who hung up is its own affair.
      if (!request.destroyed) console.error('proxy:', error);
      response.destroy();
    }
  }

  #pathsOf(socket) {
    if (!this.#paths.has(socket)) {
      const paths = new Set();
      this.#paths.set(socket, paths);
      socket.once('close', () => paths.forEach((path) => this.#closings.get(path)?.()));
    }
    return this.#paths.get(socket);
  }

  #take(path) {
    const key = this.#faults.has(path) ? path : '*';
    const entry = this.#faults.get(key);
    if (!entry) return undefined;
    entry.left -= 1;
    if (entry.left <= 0) this.#faults.delete(key);
    return entry.fault;
  }

  /** Answers as the issuer behind would. */
  async forward(request, response, body) {
    const answer = await this.fetch(request, body);
    await send(response, answer);
  }

  /** The answer of the issuer behind: `{ status, headers, body }`. */
  fetch({ method, url, headers }, body) {
    return new Promise((resolve, reject) => {
      const options = { method, agent: false, headers: { ...headers, 'x-forwarded-proto': this.#scheme } };
      const onward = http.request(this.upstream + url, options, (answer) => {
        const { statusCode: status, headers: given } = answer;
        readBody(answer).then((text) => resolve({ status, headers: given, body: text }), reject);
      });
      onward.once('error', reject);
      onward.end(body);
    });
  }
}
