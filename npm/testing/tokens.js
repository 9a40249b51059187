'use strict';

/** The tokens of a test issuer: good ones, opaque ones, and those that must be rejected. */

/** @import { DPoPAlgorithm } from '../types/dpop.js' */
/** @import { TestClaims, TestTokenOptions } from '../testing.js' */
/** @import { SigningKey } from './keys.js' */
/**
 * What makes the tokens of one issuer. It can be passed to another process.
 *
 * @typedef {object} Identity
 * @property {string} issuer
 * @property {string} audience
 * @property {Record<string, unknown>} claims The defaults of every token.
 * @property {SigningKey[]} keys The first one signs. All are published.
 * @property {Buffer} secret Authenticates opaque tokens.
 */
/** @typedef {TestTokens} TestTokensType The class as a type, for other files. */

const { createHmac, randomUUID, timingSafeEqual } = require('node:crypto');

const { badToken } = require('./bad.js');
const { createCertificate } = require('./certificate.js');
const { createHolder } = require('./dpop.js');
const { compact, encoded } = require('./keys.js');

const LIFETIME_SECONDS = 3600;

class TestTokens {
  /** @type {Identity} */
  #identity;
  /**
   * Keys that signed before `rotateKeys()`, by `kid`.
   *
   * @type {Map<string, SigningKey>}
   */
  #withdrawn = new Map();

  /** @param {Identity} identity */
  constructor(identity) {
    this.#identity = identity;
  }

  get issuer() {
    return this.#identity.issuer;
  }

  get audience() {
    return this.#identity.audience;
  }

  /**
   * @param {TestClaims} [claims]
   * @param {TestTokenOptions} [options]
   */
  token(claims, { expiresIn, header, key: kid } = {}) {
    const key = this.#keyOf(kid);
    return compact({ alg: key.alg, typ: 'at+jwt', kid: key.kid, ...header }, this.#claims(claims, expiresIn), key);
  }

  /** @param {TestClaims} [claims] */
  opaque(claims) {
    // The token contains its claims, so that a test in another process can create one. Only the issuer reads them.
    const body = encoded(this.#claims(claims));
    return `${body}~${this.#macOf(body)}`;
  }

  /** @param {TestClaims} [claims] */
  bearer(claims) {
    return { authorization: `Bearer ${this.token(claims)}` };
  }

  /** @param {string} reason */
  bad(reason) {
    const [key] = this.#identity.keys;
    return badToken(reason, {
      claims: this.#claims(),
      required: this.#claims(undefined, undefined, {}),
      key,
      good: (claims, options) => this.token(claims, options),
    });
  }

  /** @param {{ alg?: DPoPAlgorithm | undefined }} [options] */
  dpop({ alg } = {}) {
    return createHolder(alg);
  }

  certificate() {
    return createCertificate();
  }

  /**
   * The claims of an opaque token of this issuer. `undefined` for any other text.
   *
   * @param {string} token
   * @returns {Record<string, any> | undefined}
   */
  claimsOfOpaque(token) {
    const [body, mac] = token.split('~');
    const [given, good] = [Buffer.from(mac ?? ''), Buffer.from(this.#macOf(body))];
    if (given.length !== good.length || !timingSafeEqual(given, good)) return undefined;
    return JSON.parse(Buffer.from(body, 'base64url').toString());
  }

  /** @param {SigningKey[]} keys */
  replaceKeys(keys) {
    for (const key of this.#identity.keys) this.#withdrawn.set(key.kid, key);
    this.#identity.keys = keys;
  }

  /** @param {string} issuer */
  rename(issuer) {
    this.#identity.issuer = issuer;
  }

  /**
   * @param {TestClaims} [claims]
   * @param {number} [expiresIn]
   * @param {Record<string, unknown>} [defaults]
   */
  #claims(claims, expiresIn = LIFETIME_SECONDS, defaults = this.#identity.claims) {
    const now = Math.floor(Date.now() / 1000);
    return {
      iss: this.issuer,
      aud: this.audience,
      sub: 'test-user',
      client_id: 'test-client',
      jti: randomUUID(),
      iat: now,
      exp: now + expiresIn,
      ...defaults,
      ...claims,
    };
  }

  /** @param {string | undefined} kid */
  #keyOf(kid) {
    const { keys } = this.#identity;
    const key = kid === undefined ? keys[0] : (keys.find((one) => one.kid === kid) ?? this.#withdrawn.get(kid));
    if (key === undefined) throw new TypeError('key must be the kid of a key of this issuer');
    return key;
  }

  /** @param {string} body */
  #macOf(body) {
    return createHmac('sha256', this.#identity.secret).update(body).digest('base64url');
  }
}

module.exports = { TestTokens };
