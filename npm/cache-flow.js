'use strict';

/**
 * A client with an `ICache`: ask it first, bounded; believe nothing; validate anew what it cannot answer (contract 11).
 *
 * The cache is the user's JavaScript, called from JavaScript. What it returns is decided on by the engine, with every
 * rule, on every call. It may spare a question to the issuer, never a signature: whatever an entry says of a JWT, the
 * engine decides on the JWT.
 */

const { Slots } = require('./copy.js');
const { FAILURES, Failure, failureOf } = require('./errors.js');
const { cacheFailed } = require('./events.js');
const { Patience } = require('./patience.js');
const { isPending } = require('./pending.js');

/** How long a cache may take, in milliseconds, before it counts as having nothing. */
const PATIENCE = 250;
/** The engine's number for an entry that is none of this token for this client. */
const MISS = -3;

/** Where `memoryCache()` keeps its native `{ entries, scope }`. */
const NATIVE = Symbol('native');

class CacheFlow {
  #core;
  #native;
  #cache;
  #keepsIntrospected;
  /** Decides on an entry; `judgeOwn` on what a `memoryCache()` has, without asking it. */
  #judge;
  #judgeOwn;
  #own;
  #slots = new Slots();
  #ownSlots = new Slots();
  #patience = new Patience(PATIENCE);

  constructor(core, native, cache) {
    this.#core = core;
    this.#native = native;
    this.#cache = typeof cache.scope === 'function' ? cache.scope(core.context) : cache;
    // Where nothing is kept, nothing is asked for: another client of the same cache may keep it.
    this.#keepsIntrospected = this.#until(undefined, true, 0) !== undefined;
    this.#judge = native.judge();
    this.#own = this.#keepsIntrospected ? this.#cache[NATIVE] : undefined;
    if (this.#own) this.#judgeOwn = native.warmCached(this.#own.entries, this.#own.scope);
  }

  /** @param override Validates instead of the engine: see `Core.decide`. */
  decide(token, policy, certificate, override) {
    const hit = this.#fromOwn(token, policy, certificate);
    if (hit === undefined) return this.#decideSlowly(token, policy, certificate, override);
    return this.#isLocal(token)
      ? this.#confirm(hit, this.#validateJwt(token, policy, certificate, override, true))
      : hit;
  }

  /** Most opaque tokens have no dots: the engine need not be asked about them. */
  #isLocal(token) {
    return token.includes('.') && this.#core.isLocal(token);
  }

  /** What a `memoryCache()` has is decided on at once. */
  #fromOwn(token, policy, certificate) {
    if (!this.#own) return undefined;
    try {
      const outcome = this.#judgeOwn(token, this.#core.policies.numberOf(policy), Date.now() / 1000, certificate);
      if (outcome === MISS) return undefined;
      if (outcome < 0 || typeof outcome === 'string') return this.#conclude(outcome);
      return this.#ownSlots.claims(outcome, () =>
        withoutActive(this.#own.entries.get(this.#own.scope, token, Date.now() / 1000)),
      );
    } catch {
      // A panic that was caught: nothing is known of the entry.
      return undefined;
    }
  }

  /** The engine's own verdict on a JWT; what the cache has only where there were no keys yet to decide by. */
  #confirm(hit, own) {
    if (isPending(own)) return own.then((ended) => this.#confirm(hit, ended));
    return own instanceof Failure && own.isOutage && this.#core.hadNoKeys() ? hit : own;
  }

  async #decideSlowly(token, policy, certificate, override) {
    if (token.trim() === '') return FAILURES.token_required;
    const isLocal = this.#isLocal(token);
    const entry = this.#keepsIntrospected || isLocal ? await this.#get(token) : undefined;
    const isEntry = typeof entry === 'object' && entry !== null;
    const hit = isEntry ? this.#decideOn(entry, token, policy, certificate) : undefined;
    if (isEntry && hit === undefined) this.#delete(token);
    if (!isLocal) return hit ?? this.#validateOpaque(token, policy, certificate, override);

    const own = await this.#validateJwt(token, policy, certificate, override, hit !== undefined);
    if (hit !== undefined) return this.#confirm(hit, own);
    if (!(own instanceof Failure)) this.#set(token, own, false);
    return own;
  }

  /**
   * Claims, a failure, or nothing when the entry is of no use. What is decided on is the entry's text, and the claims
   * come from it: what the cache keeps of its object, or changes in it, is its own.
   */
  #decideOn(entry, token, policy, certificate) {
    try {
      const number = this.#core.policies.numberOf(policy);
      // An entry that was judged before need not be written out again to be known.
      const again = this.#judgeText(token, number, undefined, certificate);
      const known = again >= 0 ? this.#slots.sameClaims(again, entry) : undefined;
      if (known !== undefined) return known;

      const text = JSON.stringify(entry);
      if (typeof text !== 'string') return undefined;
      const outcome = this.#judgeText(token, number, text, certificate);
      if (outcome >= 0) return this.#slots.claims(outcome, () => withoutActive(text));
      return outcome === MISS ? undefined : this.#conclude(outcome);
    } catch {
      // No JSON, or a panic that was caught.
      return undefined;
    }
  }

  #judgeText(token, number, text, certificate) {
    const now = Date.now() / 1000;
    return certificate === undefined
      ? this.#judge(token, number, now, text)
      : this.#judge(token, number, now, text, certificate);
  }

  #conclude(outcome) {
    return typeof outcome === 'string' ? withoutActive(outcome) : failureOf(outcome);
  }

  #validateJwt(token, policy, certificate, override, hasStandIn) {
    return override ? override(true) : this.#core.decideJwt(token, policy, certificate, hasStandIn);
  }

  async #validateOpaque(token, policy, certificate, override) {
    const { claims, failure } = override
      ? { claims: await override(false) }
      : await this.#core.askIssuer(token, policy, certificate);
    if (claims) this.#set(token, claims, true);
    else if (failure === FAILURES.inactive) this.#setInactive(token);
    return failure ?? claims;
  }

  /** What the cache has: nothing when it throws, in whatever way, or takes too long. */
  async #get(token) {
    try {
      const pending = this.#cache.get(token);
      return typeof pending?.then === 'function' ? await this.#patience.within(pending) : pending;
    } catch {
      cacheFailed(this.#core.context, 'get');
      return undefined;
    }
  }

  #set(token, claims, isIntrospected) {
    // A copy: the caller may change the claims it is given. It says whose it is, for a cache may be shared.
    this.#start('set', () => {
      const exp = typeof claims?.exp === 'number' ? claims.exp : undefined;
      const until = this.#until(exp, isIntrospected, Date.now() / 1000);
      if (until === undefined) return undefined;
      const copy = structuredClone(claims);
      if (isIntrospected && copy.iss === undefined) copy.iss = this.#native.issuer();
      return this.#cache.set(token, copy, until);
    });
  }

  #setInactive(token) {
    this.#start('set', () => {
      const until = this.#until(undefined, true, Date.now() / 1000);
      return until === undefined ? undefined : this.#cache.set(token, { active: false, exp: until }, until);
    });
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

/** The claims of a text. An entry may be an introspection answer as it came. */
function withoutActive(text) {
  if (typeof text !== 'string') return undefined;
  const claims = JSON.parse(text);
  delete claims.active;
  return claims;
}

module.exports = { CacheFlow, NATIVE };
