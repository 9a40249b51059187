// How does a test simulate a faulty issuer?
//
// A small issuer on loopback. A test can replace, break, count, stop and restart its metadata, keys and
// introspection, and create tokens with any header and any claims.

import http from 'node:http';
import https from 'node:https';
import { randomBytes } from 'node:crypto';

import { close, open, readBody } from './http.mjs';
import { compact, compactRaw } from './jws.mjs';
import { jwkOf, keySet, kindOf } from './keys.mjs';

export const AUDIENCE = 'https://api.example.com';

const DISCOVERY = '/.well-known/openid-configuration';

/**
 * `tls`: `{ cert, key }` of `pki.server()`, or plain HTTP without it. `keys`: the name of a key set (keys.mjs). Two
 * issuers with different names have different keys with the same `kid`s.
 */
export async function startIssuer({ tls, keys = 'issuer' } = {}) {
  const issuer = new Issuer(tls, keys);
  await issuer.start();
  return issuer;
}

class Issuer {
  /** Requests by path since the start or the last `resetCounts()`. */
  counts = {};
  /** Each request as `{ method, path, headers, body }`, in the order received. */
  requests = [];
  /** The keys that sign, by kind (keys.mjs): `{ kid, privateKey, publicKey }`. */
  keys;
  /** The documents of the three paths; assign to replace. */
  metadata;
  jwks;
  /** Active opaque tokens and their introspection responses. */
  introspected = new Map();

  #server;
  #host;
  #port;
  #origin;
  #keysName;
  #generation = 0;
  #answers = new Map();

  constructor(tls, keysName) {
    const answer = (request, response) => this.#answer(request, response);
    this.#server = tls ? https.createServer(tls, answer) : http.createServer(answer);
    this.#host = tls ? 'localhost' : '127.0.0.1';
    this.#origin = `${tls ? 'https' : 'http'}://${this.#host}`;
    this.#keysName = keysName;
  }

  get issuer() {
    return `${this.#origin}:${this.#port}`;
  }

  async start() {
    await this.rotate();
    await open(this.#server, { port: 0, host: this.#host });
    this.#port = this.#server.address().port;
    this.metadata = {
      issuer: this.issuer,
      jwks_uri: `${this.issuer}/jwks`,
      introspection_endpoint: `${this.issuer}/introspect`,
    };
  }

  /** New keys with new `kid`s; the old ones are withdrawn unless `keepOld`. Returns the old ones. */
  async rotate({ keepOld = false } = {}) {
    const [old, oldJwks] = [this.keys, this.jwks];
    this.#generation += 1;
    const suffix = this.#generation === 1 ? '' : `-${this.#generation}`;
    const pairs = await keySet(this.#keysName + suffix);
    this.keys = Object.fromEntries(
      Object.entries(pairs).map(([kind, pair]) => [kind, { kid: kind + suffix, ...pair }]),
    );
    // No `alg`: one RSA key serves RS* and PS*, as at many real issuers.
    const published = Object.values(this.keys).map(({ kid, publicKey }) => jwkOf(publicKey, { kid }));
    this.jwks = { keys: keepOld ? [...published, ...oldJwks.keys] : published };
    return old;
  }

  /**
   * An access token. A member of `header` or `claims` that is `undefined` is left out. `key`: one of `keys`, or a
   * private KeyObject.
   */
  sign({ header = {}, claims = {}, alg = header.alg ?? 'RS256', key = this.keys[kindOf(alg)] } = {}) {
    const kid = key.kid ?? this.keys[kindOf(alg)]?.kid;
    return compact({ alg, kid, typ: 'at+jwt', ...header }, this.claims(claims), key.privateKey ?? key, alg);
  }

  /** A token of any text: malformed JSON, duplicate members, octets that are not UTF-8. */
  signRaw(headerText, payloadText, key = this.keys.rsa, alg = 'RS256') {
    return compactRaw(headerText, payloadText, key.privateKey ?? key, alg);
  }

  /** The claims of a valid token that expires in an hour, with `changes`. */
  claims(changes = {}) {
    const now = Math.floor(Date.now() / 1000);
    return {
      iss: this.issuer,
      aud: AUDIENCE,
      sub: 'user-1',
      iat: now,
      exp: now + 3600,
      scope: 'data:read',
      ...changes,
    };
  }

  /** An opaque token that introspection reports as active with these claims. */
  opaque(claims = {}) {
    const token = randomBytes(32).toString('base64url');
    this.introspected.set(token, this.claims(claims));
    return token;
  }

  revoke(token) {
    this.introspected.delete(token);
  }

  /**
   * Replaces the response of `path`: `{ status, headers, body }` (a body that is not text or octets becomes JSON), or
   * a function of `(request, response, bodyText)` that returns one, writes the response itself, or never responds.
   * Without `answer` the path works as before.
   */
  respond(path, answer) {
    if (answer === undefined) {
      this.#answers.delete(path);
    } else {
      this.#answers.set(path, answer);
    }
  }

  resetCounts() {
    this.counts = {};
    this.requests = [];
  }

  /** Closes the port, so that connections are refused; `up` opens the same port again. */
  async down() {
    await close(this.#server);
  }

  async up() {
    await open(this.#server, { port: this.#port, host: this.#host });
  }

  /** Stops for good; has no effect if it is stopped already. */
  async close() {
    if (this.#server.listening) {
      await close(this.#server);
    }
  }

  async #answer(request, response) {
    const path = new URL(request.url, this.issuer).pathname;
    this.counts[path] = (this.counts[path] ?? 0) + 1;
    try {
      const body = await readBody(request);
      this.requests.push({ method: request.method, path, headers: request.headers, body });
      const answer = this.#answers.get(path) ?? this.#usual(path, body);
      send(response, typeof answer === 'function' ? await answer(request, response, body) : answer);
    } catch (error) {
      // Ignores a client that closed the connection, but reports an error of the test's handler.
      if (!request.destroyed || request.complete) {
        console.error('issuer:', error);
      }
      response.destroy();
    }
  }

  #usual(path, body) {
    switch (path) {
      case DISCOVERY:
        return { body: this.metadata };
      case '/jwks':
        return { body: this.jwks };
      case '/introspect': {
        const claims = this.introspected.get(new URLSearchParams(body).get('token'));
        return { body: claims ? { active: true, ...claims } : { active: false } };
      }
      default:
        return { status: 404, body: { error: 'not_found' } };
    }
  }
}

function send(response, answer) {
  if (answer === undefined) {
    return;
  }
  const { status = 200, headers = {}, body = '' } = answer;
  const isText = typeof body === 'string' || Buffer.isBuffer(body);
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(isText ? body : JSON.stringify(body));
}
