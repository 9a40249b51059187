'use strict';

/**
 * How long is a connection authenticated? Until its token ends, unless a message brings a new one.
 *
 * Each connection has at most one timer, which never keeps the process alive. It decides by `Date.now()` when it fires, so
 * a clock that was set back closes nothing too early.
 */

/**
 * @import { NodeAuthenticated, NodeGuard } from '../node.js'
 *
 * @typedef {(code: 4401, reason: 'token expired' | 'token rejected') => unknown} Close
 */

const { checkedOptions, checkedSeconds, invalid, own } = require('../client/arguments.js');
const { renewalOf } = require('../protect/renewal.js');
const { ask, errorOf, isAccepted, isOutage } = require('./refusal.js');

/** The close code for an ended token. Codes from 4000 are the application's (RFC 6455 §7.4.2). */
const ENDED = 4401;
/**
 * A timer waits at most a minute, so that a clock that was set forward is noticed. A timer of more than 2^31-1 ms would
 * fire at once.
 */
const MAX_WAIT_MS = 60_000;

class ConnectionAuth {
  #guard;
  #original;
  /** @type {object} */
  #request;
  /** @type {Record<string, any> | undefined} `undefined` as long as the client has sent no token. */
  #claims;
  #headers;
  #endsAtMs = 0;
  #graceMs = 0;
  #recheckMs = Infinity;
  #recheckAtMs = Infinity;
  /** @type {Close | undefined} */
  #close;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #isOver = false;
  #isRenewing = false;

  /**
   * @param {NodeGuard} guard
   * @param {object} request
   * @param {NodeAuthenticated} result
   */
  constructor(guard, request, { claims, headers }) {
    this.#guard = guard;
    this.#original = request;
    this.#headers = headers;
    this.#request = request;
    this.#claims = claims;
    this.#adopt(request, claims);
  }

  get claims() {
    return this.#claims;
  }

  get headers() {
    return this.#headers;
  }

  get expiresAt() {
    return expiryOf(this.#claims);
  }

  get isActive() {
    return !this.#isOver && (this.#endsAtMs === Infinity || Date.now() < this.#endsAtMs + this.#graceMs);
  }

  /**
   * @param {string} token
   * @param {string} [proof]
   */
  async renew(token, proof) {
    checkText('token', token);
    if (proof !== undefined) checkText('proof', proof);
    if (!this.isActive) throw invalid('renew() was called after the connection ended');
    // One at a time, so that the last one wins, and messages of one client do not queue up.
    if (this.#isRenewing) throw invalid('renew() was called before the renewal before it ended');
    this.#isRenewing = true;
    try {
      const request = renewalOf(this.#original, token, proof);
      const result = await ask(this.#guard, request);
      if (!isAccepted(result)) throw errorOf(result);
      if (!this.isActive) throw invalid('The connection ended before renew() did');
      if (result.claims === undefined) throw invalid('renew() needs a guard that validates the token');
      if (!isSameHolder(this.#claims, result.claims)) {
        throw invalid('renew() needs a token of the same subject, bound to the same key or certificate');
      }
      this.#adopt(request, result.claims);
      this.#arm();
    } finally {
      this.#isRenewing = false;
    }
  }

  dispose() {
    this.#isOver = true;
    this.#close = undefined;
    clearTimeout(this.#timer);
  }

  /**
   * Called by `closeOnExpiry`. A second call replaces the first.
   *
   * @param {ConnectionAuth} auth
   * @param {Close} close
   * @param {{ grace: number, recheck: number | undefined }} options
   */
  static watch(auth, close, { grace, recheck }) {
    if (auth.#isOver) return;
    auth.#close = close;
    auth.#graceMs = grace * 1000;
    auth.#recheckMs = recheck === undefined ? Infinity : recheck * 1000;
    auth.#recheckAtMs = Date.now() + auth.#recheckMs;
    auth.#arm();
  }

  /**
   * @param {unknown} value
   * @returns {value is ConnectionAuth}
   */
  static isOne(value) {
    return typeof value === 'object' && value !== null && #claims in value;
  }

  /**
   * @param {object} request
   * @param {Record<string, any> | undefined} claims
   */
  #adopt(request, claims) {
    const exp = expiryOf(claims);
    this.#request = request;
    this.#claims = claims;
    // An `exp` that is no number comes from a client of another kind. Such a token has ended.
    this.#endsAtMs = exp === undefined ? Infinity : Number.isFinite(exp) ? exp * 1000 : 0;
  }

  #arm() {
    clearTimeout(this.#timer);
    const endsAtMs = this.#endsAtMs + this.#graceMs;
    const isEndless = endsAtMs === Infinity && this.#recheckMs === Infinity;
    // Without a token, nothing ends and nothing can be checked again.
    if (this.#close === undefined || isEndless || this.#claims === undefined) return;
    const now = Date.now();
    // After the clock was set back, the next check is no later than it would have been.
    this.#recheckAtMs = Math.min(this.#recheckAtMs, now + this.#recheckMs);
    const waitMs = Math.min(Math.max(endsAtMs - now, 0), Math.max(this.#recheckAtMs - now, 0), MAX_WAIT_MS);
    this.#timer = setTimeout(() => this.#wake(), Math.ceil(waitMs));
    this.#timer.unref?.();
  }

  #wake() {
    if (!this.isActive) {
      this.#end('token expired');
      return;
    }
    if (Date.now() >= this.#recheckAtMs) {
      this.#recheckAtMs = Date.now() + this.#recheckMs;
      void this.#recheck();
    }
    this.#arm();
  }

  /** Asks the guard about the same request again. An outage says nothing about the token. */
  async #recheck() {
    const request = this.#request;
    const result = await ask(this.#guard, request);
    // The connection ended, or a renewal was faster.
    if (this.#isOver || request !== this.#request) return;
    if (!isAccepted(result)) {
      if (!isOutage(result)) this.#end('token rejected');
      return;
    }
    if (!isSameHolder(this.#claims, result.claims)) {
      this.#end('token rejected');
      return;
    }
    this.#adopt(request, result.claims);
    this.#arm();
  }

  /** @param {'token expired' | 'token rejected'} reason */
  #end(reason) {
    const close = this.#close;
    this.dispose();
    void closed(close, reason);
  }
}

/**
 * An error of the application in a timer would end the process.
 *
 * @param {Close | undefined} close
 * @param {'token expired' | 'token rejected'} reason
 */
async function closed(close, reason) {
  try {
    await close?.(ENDED, reason);
  } catch {
    process.emitWarning('The function that was passed to closeOnExpiry() threw. The connection may still be open');
  }
}

/** @param {Record<string, any> | undefined} claims */
const expiryOf = (claims) => (claims === undefined ? undefined : own(claims, 'exp'));

/**
 * Whether a token belongs to the holder of the connection: the same subject (or the same client, for a token without a
 * subject) of the same issuer, and no weaker binding. Nobody moves a connection to another user, or to an unbound token. A connection without a token has no
 * holder yet, and one with a token never loses it.
 *
 * @param {Record<string, any> | undefined} before
 * @param {Record<string, any> | undefined} after
 */
function isSameHolder(before, after) {
  if (before === undefined) return true;
  if (after === undefined) return false;
  const known = ['sub', 'client_id'].find((name) => own(before, name) !== undefined);
  if (known === undefined || own(before, known) !== own(after, known)) return false;
  const [old, other] = [own(before, 'iss'), own(after, 'iss')];
  // An introspection response may leave out the issuer. A client of several issuers adds it, and others have only one.
  if (old !== undefined && other !== undefined && old !== other) return false;
  const [bound, rebound] = [own(before, 'cnf'), own(after, 'cnf')];
  return ['jkt', 'x5t#S256'].every((name) => {
    const key = memberOfBinding(bound, name);
    return key === undefined || key === memberOfBinding(rebound, name);
  });
}

/**
 * @param {any} cnf
 * @param {string} name
 */
function memberOfBinding(cnf, name) {
  return typeof cnf === 'object' && cnf !== null ? own(cnf, name) : undefined;
}

/**
 * @param {string} name
 * @param {unknown} text
 */
function checkText(name, text) {
  if (typeof text !== 'string' || text === '') throw invalid(`renew() takes the ${name} as text`);
}

/** @type {typeof import('../ws.js').closeOnExpiry} */
function closeOnExpiry(auth, close, options) {
  if (!ConnectionAuth.isOne(auth)) throw invalid('closeOnExpiry() takes what authenticateUpgrade() returned');
  if (typeof close !== 'function') throw invalid('closeOnExpiry() takes a function that closes the connection');
  ConnectionAuth.watch(auth, close, expiryOptions(checkedOptions('closeOnExpiry()', options, ['grace', 'recheck'])));
}

/**
 * @param {any} options Those of `closeOnExpiry`, each member known.
 * @returns {{ grace: number, recheck: number | undefined }}
 */
function expiryOptions({ grace, recheck }) {
  checkedSeconds('grace', grace ?? 0);
  if (recheck !== undefined && checkedSeconds('recheck', recheck) < 1) {
    throw invalid('recheck must be a number of seconds, 1 or more');
  }
  return { grace: grace ?? 0, recheck };
}

module.exports = { ConnectionAuth, closeOnExpiry, expiryOptions };
