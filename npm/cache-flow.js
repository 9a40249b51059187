'use strict';

/**
 * A client with an `ICache`: ask it first, bounded; believe nothing; validate anew what it cannot answer (contract 11).
 *
 * The cache is the user's JavaScript, called from JavaScript. What it returns is decided on by the engine, with every
 * rule, on every call.
 */

const { isDeepStrictEqual } = require('node:util');

const { decodeClaims } = require('./native.js');
const { FAILURES, Failure, failureOf } = require('./errors.js');
const { cacheFailed } = require('./events.js');

// Taken before a test's fake timers replace it.
const { setTimeout, clearTimeout } = globalThis;

/** How long a cache may take, in milliseconds, before it counts as having nothing. */
const PATIENCE = 250;
/** The engine's verdicts on an entry. */
const ACCEPTED = 0;
const UNUSABLE = 1;

/** Where `memoryCache()` keeps its native `{ entries, scope }`. */
const NATIVE = Symbol('native');

class CacheFlow {
  #core;
  #native;
  #cache;
  #keepsIntrospected;

  constructor(core, native, cache) {
    this.#core = core;
    this.#native = native;
    this.#cache = typeof cache.scope === 'function' ? cache.scope(core.context) : cache;
    // Where nothing is kept, nothing is asked for: another client of the same cache may keep it.
    this.#keepsIntrospected = this.#until(undefined, true, 0) !== undefined;
  }

  /** @param override Validates instead of the engine: see `Core.decide`. */
  async decide(token, policy, certificate, override) {
    if (token.trim() === '') return FAILURES.token_required;
    const isLocal = this.#core.isLocal(token);
    const entry = isLocal || this.#keepsIntrospected ? await this.#get(token) : undefined;
    if (typeof entry === 'object' && entry !== null) {
      const outcome = this.#judge(entry, token, policy, certificate, isLocal && !override);
      if (outcome !== undefined) return outcome;
      this.#delete(token);
    }
    return this.#validate(token, policy, certificate, isLocal, override);
  }

  /**
   * Claims, a failure, or nothing when the entry is of no use.
   *
   * @param isVerbatim The claims can only be the JWT's own: nobody changed them on their way into the cache.
   */
  #judge(entry, token, policy, certificate, isVerbatim) {
    let text;
    try {
      text = JSON.stringify(entry);
    } catch {
      return undefined;
    }
    if (typeof text !== 'string') return undefined;
    // From the text that is decided on: what the cache keeps of its object, or changes in it, is its own.
    const claims = JSON.parse(text);
    if (isVerbatim && !isDeepStrictEqual(claims, JSON.parse(decodeClaims(token) ?? 'null'))) return undefined;
    const number = this.#core.policies.numberOf(policy);
    const verdict = this.#native.decideCached(token, number, Date.now() / 1000, certificate, text);
    if (verdict === UNUSABLE) return undefined;
    if (verdict !== ACCEPTED) return failureOf(verdict);
    delete claims.active;
    return claims;
  }

  async #validate(token, policy, certificate, isLocal, override) {
    if (isLocal || override) {
      const outcome = await (override ? override(isLocal) : this.#core.decideJwt(token, policy, certificate));
      if (!(outcome instanceof Failure)) this.#set(token, outcome, !isLocal);
      return outcome;
    }
    const { claims, failure } = await this.#core.askIssuer(token, policy, certificate);
    if (claims) this.#set(token, claims, true);
    else if (failure === FAILURES.inactive) this.#setInactive(token);
    return failure ?? claims;
  }

  async #get(token) {
    try {
      const pending = this.#cache.get(token);
      return typeof pending?.then === 'function' ? await within(PATIENCE, pending) : pending;
    } catch {
      cacheFailed(this.#core.context, 'get');
      return undefined;
    }
  }

  #set(token, claims, isIntrospected) {
    const exp = typeof claims?.exp === 'number' ? claims.exp : undefined;
    const until = this.#until(exp, isIntrospected, Date.now() / 1000);
    // A copy: the caller may change the claims it is given.
    if (until !== undefined) this.#start('set', () => this.#cache.set(token, structuredClone(claims), until));
  }

  #setInactive(token) {
    const until = this.#until(undefined, true, Date.now() / 1000);
    if (until !== undefined) this.#start('set', () => this.#cache.set(token, { active: false, exp: until }, until));
  }

  /** Until when an entry may stay (seconds since the epoch), if at all. */
  #until(exp, isIntrospected, now) {
    return this.#native.cacheUntil(exp, isIntrospected, now) ?? undefined;
  }

  #delete(token) {
    this.#start('delete', () => this.#cache.delete(token));
  }

  /** Starts what nobody waits for; that it fails changes nothing. */
  async #start(operation, work) {
    try {
      await work();
    } catch {
      cacheFailed(this.#core.context, operation);
    }
  }
}

function within(milliseconds, promise) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(reject, milliseconds, new Error('cache is slow'));
    const settle = (end) => (value) => {
      clearTimeout(timer);
      end(value);
    };
    promise.then(settle(resolve), settle(reject));
  });
}

module.exports = { CacheFlow, NATIVE };
