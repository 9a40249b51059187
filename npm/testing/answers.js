'use strict';

/** What a test issuer answers: metadata (RFC 8414), keys (RFC 7517 §5) and introspection (RFC 7662). */

/** @import { TestIssuerRequest, TestOutage } from '../testing.js' */
/** @import { SigningKey } from './keys.js' */
/** @import { TestTokensType } from './tokens.js' */
/** @typedef {'refused' | 'timeout'} NoAnswer The connection is refused, or nothing is ever sent. */
/** @typedef {{ status: number, body: string }} Answer */

const { createHash, timingSafeEqual } = require('node:crypto');

const { verifiedClaims } = require('./keys.js');

/** The issuer remembers this many requests, and forgets the oldest ones. */
const MAX_REQUESTS = 10_000;

/** @type {Record<string, TestIssuerRequest['kind']>} */
const KINDS = {
  '/.well-known/openid-configuration': 'metadata',
  '/.well-known/oauth-authorization-server': 'metadata',
  '/jwks': 'jwks',
  '/introspect': 'introspection',
};

class Answers {
  /** @type {TestIssuerRequest[]} */
  requests = [];
  /** @type {TestOutage | undefined} */
  outage;
  #tokens;
  #credentials;
  /** @type {() => SigningKey[]} */
  #keys;
  /** @type {Set<string>} */
  #revoked = new Set();

  /**
   * @param {TestTokensType} tokens
   * @param {{ clientId: string, clientSecret: string }} credentials
   * @param {() => SigningKey[]} keys The keys that are published now.
   */
  constructor(tokens, credentials, keys) {
    this.#tokens = tokens;
    this.#credentials = credentials;
    this.#keys = keys;
  }

  /** @param {string} token */
  revoke(token) {
    this.#revoked.add(token);
  }

  /**
   * Answers one request.
   *
   * @param {string} url
   * @param {string | null | undefined} authorization The header of this name.
   * @param {string} body
   * @returns {Answer | NoAnswer}
   */
  to(url, authorization, body) {
    const { pathname } = new URL(url, this.#tokens.issuer);
    const kind = Object.hasOwn(KINDS, pathname) ? KINDS[pathname] : undefined;
    if (kind === undefined) return json(404, { error: 'not_found' });
    this.requests.push({ kind, at: Date.now() });
    if (this.requests.length > MAX_REQUESTS) this.requests.shift();
    if (this.outage === 'refused' || this.outage === 'timeout') return this.outage;
    if (this.outage !== undefined) {
      return this.outage === 'rubbish' ? { status: 200, body: 'not a document' } : json(this.outage, {});
    }
    if (kind === 'jwks') return json(200, { keys: this.#keys().map(({ jwk }) => jwk) });
    return kind === 'metadata'
      ? json(200, this.#metadata())
      : this.#introspect(authorization, new URLSearchParams(body));
  }

  #metadata() {
    const { issuer } = this.#tokens;
    return {
      issuer,
      jwks_uri: `${issuer}/jwks`,
      introspection_endpoint: `${issuer}/introspect`,
      introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    };
  }

  /**
   * @param {string | null | undefined} authorization
   * @param {URLSearchParams} form
   */
  #introspect(authorization, form) {
    if (!this.#isClient(authorization, form)) return json(401, { error: 'invalid_client' });
    const token = form.get('token') ?? '';
    const claims = this.#tokens.claimsOfOpaque(token) ?? verifiedClaims(token, this.#keys());
    const isActive = claims !== undefined && !this.#revoked.has(token) && !(claims.exp <= Date.now() / 1000);
    return json(200, isActive ? { active: true, ...claims } : { active: false });
  }

  /**
   * RFC 6749 §2.3.1: the credentials are in the header or in the form.
   *
   * @param {string | null | undefined} authorization
   * @param {URLSearchParams} form
   */
  #isClient(authorization, form) {
    const { clientId, clientSecret } = this.#credentials;
    const basic = /^Basic (.+)$/i.exec(authorization ?? '')?.[1];
    const given = basic
      ? Buffer.from(basic, 'base64').toString()
      : `${form.get('client_id')}:${form.get('client_secret')}`;
    return timingSafeEqual(hashOf(given), hashOf(`${clientId}:${clientSecret}`));
  }
}

/** @param {string} text */
function hashOf(text) {
  return createHash('sha256').update(text).digest();
}

/**
 * @param {number} status
 * @param {object} body
 */
function json(status, body) {
  return { status, body: JSON.stringify(body) };
}

module.exports = { Answers };
