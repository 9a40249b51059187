'use strict';

/** An authorization server inside the test process. The client of this package gets its documents without a socket. */

/** @import { MonoCloudBackendNodeClientOptions } from '../types/options.js' */
/** @import { TestIssuer as TestIssuerType, TestOutage } from '../testing.js' */
/** @import { Identity } from './tokens.js' */

const { randomBytes } = require('node:crypto');

const { checkedOptions } = require('../client/arguments.js');
const { Answers } = require('./answers.js');
const { generateKey, keyOf } = require('./keys.js');
const { listen } = require('./server.js');
const { TestTokens } = require('./tokens.js');

const OPTIONS = ['issuer', 'audience', 'alg', 'claims'];
const ISSUER = 'https://issuer.test';
const AUDIENCE = 'https://api.test';
/** The environment variable that connects another process of the same test run. */
const VARIABLE = 'MONOCLOUD_TEST_ISSUER';

/** @implements {TestIssuerType} */
class TestIssuer extends TestTokens {
  #answers;
  #alg;
  #identity;
  #credentials = { clientId: 'test-api', clientSecret: randomBytes(24).toString('base64url') };

  /**
   * @param {string} alg
   * @param {Identity} identity
   */
  constructor(alg, identity) {
    super(identity);
    this.#alg = alg;
    this.#identity = identity;
    this.#answers = new Answers(this, this.#credentials, () => identity.keys);
  }

  /** @returns {MonoCloudBackendNodeClientOptions} */
  get options() {
    return {
      tenantDomain: this.issuer,
      audience: this.audience,
      ...this.#credentials,
      fetcher: (url, init) => this.#fetch(url, init),
    };
  }

  get requests() {
    return [...this.#answers.requests];
  }

  /** @param {string} token */
  revoke(token) {
    this.#answers.revoke(token);
  }

  rotateKeys() {
    this.replaceKeys(keyPair(this.#alg));
  }

  /** @param {TestOutage} [kind] */
  outage(kind = 'refused') {
    this.#answers.outage = kind;
  }

  recover() {
    this.#answers.outage = undefined;
  }

  /** @param {number} [port] */
  async listen(port = 0) {
    const server = await listen(this.#answers, port);
    this.rename(server.url);
    return { ...server, env: this.#environment() };
  }

  #environment() {
    const { clientId, clientSecret } = this.#credentials;
    const { issuer, audience, claims, keys, secret } = this.#identity;
    const shared = {
      issuer,
      audience,
      claims,
      keys: keys.map(({ kid, alg, privateKey }) => ({
        kid,
        alg,
        der: privateKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
      })),
      secret: secret.toString('base64'),
    };
    return {
      MONOCLOUD_BACKEND_TENANT_DOMAIN: issuer,
      MONOCLOUD_BACKEND_AUDIENCE: audience,
      MONOCLOUD_BACKEND_CLIENT_ID: clientId,
      MONOCLOUD_BACKEND_CLIENT_SECRET: clientSecret,
      [VARIABLE]: JSON.stringify(shared),
    };
  }

  /**
   * @param {string} url
   * @param {RequestInit} [init]
   * @returns {Promise<Response>}
   */
  async #fetch(url, { headers, body, signal } = {}) {
    const answer = this.#answers.to(url, new Headers(headers).get('authorization'), String(body ?? ''));
    if (answer === 'refused') throw new TypeError('The test issuer refuses connections');
    if (answer === 'timeout') return aborted(signal);
    return new Response(answer.body, { status: answer.status, headers: { 'content-type': 'application/json' } });
  }
}

/**
 * Waits until the caller gives up.
 *
 * @param {AbortSignal | null | undefined} signal
 * @returns {Promise<never>}
 */
function aborted(signal) {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

/** @type {typeof import('../testing.js').createTestIssuer} */
function createTestIssuer(options) {
  const given = checkedOptions('createTestIssuer()', options, OPTIONS);
  const { issuer = ISSUER, audience = AUDIENCE, alg = 'ES256', claims = {} } = given;
  return new TestIssuer(alg, {
    issuer,
    audience,
    claims: { ...claims },
    keys: keyPair(alg),
    secret: randomBytes(32),
  });
}

/** @type {typeof import('../testing.js').connectTestIssuer} */
function connectTestIssuer() {
  const text = process.env[VARIABLE];
  if (!text) throw new Error(`${VARIABLE} is not set. Does the test run use the global setup of this package?`);
  const { keys, secret, ...identity } = JSON.parse(text);
  return new TestTokens({
    ...identity,
    keys: keys.map((/** @type {{ kid: string, alg: string, der: string }} */ { kid, alg, der }) =>
      keyOf(kid, alg, Buffer.from(der, 'base64')),
    ),
    secret: Buffer.from(secret, 'base64'),
  });
}

/**
 * Two keys are published, as at an issuer that prepares its next rotation. The first one signs.
 *
 * @param {string} alg
 */
function keyPair(alg) {
  return [generateKey(alg), generateKey(alg)];
}

module.exports = { connectTestIssuer, createTestIssuer };
