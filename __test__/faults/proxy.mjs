// How does a test inject faults between the package and its issuer?
//
// A reverse proxy on loopback whose origin is the issuer's name. It has no fault by default. Each path can get a
// fault, and the port and its certificate can fail too. It counts the requests and the octets that it writes.

import http from 'node:http';
import https from 'node:https';

import { close, open, readBody } from '../support/http.mjs';
import { send } from './bodies.mjs';

export const DISCOVERY = '/.well-known/openid-configuration';
/** RFC 8414 §3.1: requested when the first address responds with 404. */
export const OAUTH_DISCOVERY = '/.well-known/oauth-authorization-server';

/** `tls`: `{ cert, key }` of `pki.server()`, or plain HTTP without it. */
export async function startFaultProxy({ tls } = {}) {
  const proxy = new FaultProxy(tls);
  await proxy.up();
  return proxy;
}

class FaultProxy {
  /** Requests by path. */
  counts = {};
  /** Octets of body written to the client, by path, until the connection ended. */
  written = {};
  /** Where requests without a fault go: an origin of plain HTTP. */
  upstream;

  #server;
  #scheme;
  #host;
  #port = 0;
  #faults = new Map();
  #closings = new Map();
  /** The requested paths on each connection. */
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
   * From now on `path` fails with one of `faults` (bodies.mjs), every time or the next `times`. Without a fault it
   * works again. `*` means every path without its own fault.
   */
  fault(path, fault, { times = Infinity } = {}) {
    if (fault === undefined) this.#faults.delete(path);
    else this.#faults.set(path, { fault, left: times });
  }

  /** Removes all faults. */
  heal() {
    this.#faults.clear();
  }

  /** Other keys and certificates for new connections. */
  present(tls) {
    this.#server.setSecureContext(tls);
    this.#server.closeIdleConnections();
  }

  async up() {
    await open(this.#server, { port: this.#port, host: this.#host });
    this.#port = this.#server.address().port;
  }

  /** Refuses new connections and cuts open ones. */
  async down() {
    if (this.#server.listening) await close(this.#server);
  }

  /** Resolves when the next connection ends on which `path` was requested. */
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
      await (fault
        ? fault({ request, response, body, path, wrote, proxy: this })
        : this.forward(request, response, body));
    } catch (error) {
      // A client that closes its connection is not an error here.
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

  /** Responds as the issuer behind it would. */
  async forward(request, response, body) {
    const answer = await this.fetch(request, body);
    await send(response, answer);
  }

  /** The response of the issuer behind it: `{ status, headers, body }`. */
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
