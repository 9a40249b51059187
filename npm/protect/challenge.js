'use strict';

/**
 * Builds `WWW-Authenticate` (RFC 9110 §11.6.1): which schemes the API accepts, and why it rejected a request (RFC 6750
 * §3, RFC 9449 §7.1, RFC 9470 §3, RFC 9728 §5.1).
 *
 * All challenges stand in one field. `fetch` joins several fields anyway, and some clients read only the first word and
 * its parameters.
 */

/** @typedef {'bearer' | 'dpop'} Scheme */
/** @typedef {Record<string, string | number | undefined>} Params Those whose value is `undefined` are left out. */
/** @typedef {{ scheme: string, params: Params }} Challenge */
/**
 * @typedef {object} ChallengeSettings
 * @property {string} [algorithms] The algorithms of DPoP proofs, separated by spaces. Without it, the API ignores DPoP.
 * @property {boolean} [requiresDpop] Whether the API accepts no bearer tokens.
 * @property {string} [realm] RFC 9110 §11.5. It is the first parameter of every challenge.
 * @property {string} [resourceMetadata] RFC 9728 §5.1, the URL of the metadata document. It is a parameter of the first
 *   challenge. MCP clients of SDK 1 read only that one, and only if it begins with `Bearer` and a space.
 * @property {readonly string[]} [scopes] What the route requires. With `resourceMetadata`, a first challenge without a
 *   `scope` of its own has them, so that a client asks for enough at once (MCP, "Scope Selection Strategy").
 */

const { own } = require('../client/arguments.js');

const BEARER = 'Bearer';
const DPOP = 'DPoP';

/** RFC 9449 §7.2, Figure 19. */
const MULTIPLE = { error: 'invalid_request', error_description: 'Multiple methods used to include access token' };

/**
 * Returns the value of one `WWW-Authenticate` field.
 *
 * @param {Challenge[]} challenges
 */
function lineOf(challenges) {
  return challenges.map(textOf).join(', ');
}

/** @param {Challenge} challenge */
function textOf({ scheme, params }) {
  const given = Object.keys(params).filter((name) => params[name] !== undefined);
  const list = given.map((name) => `${name}=${quoted(params[name])}`).join(', ');
  return list === '' ? scheme : `${scheme} ${list}`;
}

/**
 * RFC 9110 §5.6.4: a quoted string. A character that a header must not contain becomes a space, so that no value can
 * end the field.
 *
 * @param {unknown} value
 */
function quoted(value) {
  const text = String(value).replace(/[^\x20-\x7e]/g, ' ');
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/**
 * RFC 6750 §3: the characters of a scope. A scope with another one cannot be asked for.
 *
 * @param {readonly string[]} [list]
 */
function wordsOf(list = []) {
  return list.filter((word) => /^[\x21\x23-\x5b\x5d-\x7e]+$/.test(word)).join(' ') || undefined;
}

/**
 * The scopes that a client needs for a route. One of `anyScopes` is enough, and a challenge cannot say "or", so the first
 * one is named.
 *
 * @param {readonly string[]} [scopes]
 * @param {readonly string[]} [anyScopes]
 * @returns {readonly string[]}
 */
function neededScopes(scopes = [], anyScopes = []) {
  return anyScopes.length === 0 || scopes.includes(anyScopes[0]) ? scopes : [...scopes, anyScopes[0]];
}

/** The errors that no other scope of the route would prevent, or whose challenge has its own `scope`. */
const ERRORS_WITHOUT_SCOPE = ['insufficient_scope', 'invalid_request'];

/** The challenges of one `protectApi`. */
class Challenges {
  #algorithms;
  #requiresDpop;
  #realm;
  #resourceMetadata;
  #scope;

  /** @param {ChallengeSettings} settings */
  constructor(settings = {}) {
    this.#algorithms = own(settings, 'algorithms');
    this.#requiresDpop = this.knowsDpop && own(settings, 'requiresDpop') === true;
    this.#realm = own(settings, 'realm');
    this.#resourceMetadata = own(settings, 'resourceMetadata');
    this.#scope = this.#resourceMetadata === undefined ? undefined : wordsOf(own(settings, 'scopes'));
  }

  /** Whether the API knows the scheme `DPoP`. */
  get knowsDpop() {
    return this.#algorithms !== undefined;
  }

  /** For a request without credentials (RFC 9449, Figures 15 and 17). */
  withoutCredentials() {
    return this.#line({}, this.#dpop({}));
  }

  /** For a request with more than one access token (RFC 9449, Figure 19). */
  multipleCredentials() {
    return this.#line(MULTIPLE, { algs: this.#algorithms, ...MULTIPLE });
  }

  /**
   * For a request with a token that was rejected (RFC 9449, Figures 16, 18 and 24).
   *
   * @param {Scheme} scheme The scheme of the request.
   * @param {Params} params Why it was rejected.
   * @param {boolean} offersDpop Whether the response to a bearer token also offers `DPoP`. If the token is valid and lacks only a
   *   scope, the other scheme does not help.
   */
  rejected(scheme, params, offersDpop = true) {
    if (scheme === 'dpop' || this.#requiresDpop) return this.#line(undefined, this.#dpop(params));
    return this.#line(params, offersDpop ? this.#dpop({}) : undefined);
  }

  /** @param {Params} params */
  #dpop(params) {
    return this.knowsDpop ? { ...params, algs: this.#algorithms } : undefined;
  }

  /**
   * @param {Params | undefined} bearer The parameters of the challenge `Bearer`, or `undefined` for no such challenge.
   * @param {Params | undefined} dpop
   */
  #line(bearer, dpop) {
    const isBearerFirst = bearer !== undefined || this.#resourceMetadata !== undefined;
    /** @type {Challenge[]} */
    const challenges = [];
    if (isBearerFirst && !this.#requiresDpop) challenges.push({ scheme: BEARER, params: bearer ?? {} });
    if (dpop !== undefined) challenges.push({ scheme: DPOP, params: dpop });
    const error = own(bearer ?? {}, 'error') ?? own(dpop ?? {}, 'error');
    const scope = ERRORS_WITHOUT_SCOPE.includes(String(error)) ? undefined : this.#scope;
    return lineOf(
      challenges.map(({ scheme, params }, index) => {
        const first =
          index === 0 ? { scope: own(params, 'scope') ?? scope, resource_metadata: this.#resourceMetadata } : {};
        return { scheme, params: { realm: this.#realm, ...params, ...first } };
      }),
    );
  }
}

module.exports = { Challenges, lineOf, neededScopes, wordsOf };
