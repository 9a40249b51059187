'use strict';

/**
 * A client with an `ICache`: ask it first, bounded; believe nothing; validate anew what it cannot answer (contract 11).
 *
 * The cache is the user's JavaScript, called from JavaScript. What it returns is decided on by the engine, with every
 * rule, on every call. It may spare a question to the issuer, never a signature: whatever an entry says of a JWT, the
 * engine decides on the JWT.
 */

const { memberOf, own } = require('./arguments.js');
const { Slots } = require('./claims.js');
const { FAILURES, Failure, failureOf } = require('../errors/errors.js');
const { cacheFailed } = require('./events.js');
const { textOf } = require('./json.js');
const { Deadline } = require('./deadline.js');
const { isPending } = require('./pending.js');
const { dateNow } = require('./time.js');

/** How long a cache may take, in milliseconds, before it counts as having nothing. */
const PATIENCE = 250;
/** The engine's number for an entry that is none of this token for this client. */
const MISS = -3;
/** The engine's number for an entry that may be good for another client. */
const NOT_OURS = -5;
/** The member of an entry that says how and when it was obtained. The engine writes and reads it. */
const OBTAINED = 'monocloud:obtained';

/** Where `memoryCache()` keeps its `{ entries, slots, scope }`. */
const NATIVE = Symbol('native');

class CachedValidation {
  #core;
  #native;
  #cache;
  #keepsIntrospected;
  /** Where a `memoryCache()` keeps its entries: these are decided on without asking it. */
  #own;
  /** What is remembered of a user's cache. */
  #judged;
  #slots;
  #deadline = new Deadline(PATIENCE);

  constructor(core, native, cache) {
    this.#core = core;
    this.#native = native;
    this.#cache = typeof memberOf(cache, 'scope') === 'function' ? cache.scope(core.context) : cache;
    // Where nothing is kept, nothing is asked for: another client of the same cache may keep it.
    this.#keepsIntrospected = this.#until(undefined, true, 0) !== undefined;
    this.#judged = native.judged();
    this.#slots = new Slots(() => this.#judged.released());
    this.#own = this.#keepsIntrospected ? this.#cache[NATIVE] : undefined;
  }

  /** @param overrides Validate instead of the engine: see `Core.decide`. */
  decide(token, policy, certificate, overrides) {
    const hit = this.#fromOwn(token, policy, certificate);
    if (hit === undefined) return this.#decideSlowly(token, policy, certificate, overrides);
    return this.#isLocal(token)
      ? this.#confirm(hit, this.#core.decideJwt(token, policy, certificate, true, overrides))
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
      const outcome = policy.recall(token, this.#own, dateNow(), certificate);
      if (outcome === MISS || outcome === NOT_OURS) return undefined;
      if (outcome < 0 || typeof outcome === 'string') return this.#conclude(outcome);
      const { entries, scope, slots } = this.#own;
      return slots.claims(outcome, () => {
        const text = entries.handOut(scope, token, outcome, dateNow());
        return text === null ? undefined : { claims: claimsOf(text) };
      });
    } catch {
      // A panic that was caught: nothing is known of the entry.
      return undefined;
    }
  }

  /** The engine's own verdict on a JWT; what the cache has only where there were no keys yet to decide by. */
  #confirm(hit, outcome) {
    if (isPending(outcome)) return outcome.then((ended) => this.#confirm(hit, ended));
    return outcome instanceof Failure && outcome.isOutage && this.#core.hadNoKeys() ? hit : outcome;
  }

  async #decideSlowly(token, policy, certificate, overrides) {
    if (token.trim() === '') return FAILURES.token_required;
    const isLocal = this.#isLocal(token);
    const entry = this.#keepsIntrospected || isLocal ? await this.#get(token) : undefined;
    const isEntry = typeof entry === 'object' && entry !== null;
    const found = isEntry ? this.#decideOn(entry, token, policy, certificate) : undefined;
    const hit = found === NOT_OURS ? undefined : found;
    if (isEntry && found === undefined) this.#delete(token);
    if (!isLocal) return hit ?? this.#validateOpaque(token, policy, certificate, overrides);

    const outcome = await this.#core.decideJwt(token, policy, certificate, hit !== undefined, overrides);
    if (hit !== undefined) return this.#confirm(hit, outcome);
    // What the issuer said to another client is not replaced by a local validation.
    if (!(outcome instanceof Failure) && found !== NOT_OURS) this.#set(token, outcome, false, dateNow());
    return outcome;
  }

  /**
   * Claims, a failure, `NOT_OURS`, or nothing when the entry is of no use. What is decided on is the entry's text, and the claims
   * come from it: what the cache keeps of its object, or changes in it, is its own.
   */
  #decideOn(entry, token, policy, certificate) {
    try {
      // An entry that was judged before need not be written out again to be known.
      const again = this.#judgeText(token, policy, undefined, certificate);
      const known = again >= 0 ? this.#slots.sameClaims(again, entry) : undefined;
      if (known !== undefined) return known;

      const text = textOf(entry);
      if (typeof text !== 'string') return undefined;
      const outcome = this.#judgeText(token, policy, text, certificate);
      if (outcome >= 0) return this.#slots.claims(outcome, () => partsOf(text));
      if (outcome === NOT_OURS) return NOT_OURS;
      return outcome === MISS ? undefined : this.#conclude(outcome);
    } catch {
      // No JSON, or a panic that was caught.
      return undefined;
    }
  }

  #judgeText(token, policy, text, certificate) {
    return certificate === undefined
      ? policy.judge(this.#judged)(token, dateNow(), text)
      : policy.judge(this.#judged)(token, dateNow(), text, certificate);
  }

  #conclude(outcome) {
    return typeof outcome === 'string' ? claimsOf(outcome) : failureOf(outcome);
  }

  async #validateOpaque(token, policy, certificate, overrides) {
    // Before the question: the answer is not older than that.
    const at = dateNow();
    const { claims, failure } = await this.#core.askIssuer(token, policy, certificate, overrides);
    if (claims) this.#set(token, claims, true, at);
    else if (failure === FAILURES.inactive) this.#setInactive(token, at);
    return failure ?? claims;
  }

  /** What the cache has: nothing when it throws, in whatever way, or takes too long. */
  async #get(token) {
    try {
      const pending = this.#cache.get(token);
      return typeof pending?.then === 'function' ? await this.#deadline.within(pending) : pending;
    } catch {
      cacheFailed(this.#core.context, 'get');
      return undefined;
    }
  }

  /** @param at When the claims were obtained, in seconds since the epoch. */
  #set(token, claims, isIntrospected, at) {
    // A copy: the caller may change the claims it is given. It says whose it is, for a cache may be shared.
    this.#start('set', () => {
      // A claim of that name would be read as ours.
      if (Object.hasOwn(claims, OBTAINED)) return undefined;
      const exp = own(claims, 'exp');
      const until = this.#until(typeof exp === 'number' ? exp : undefined, isIntrospected, at);
      if (until === undefined) return undefined;
      const copy = structuredClone(claims);
      if (isIntrospected && own(copy, 'iss') === undefined) copy.iss = this.#native.issuer();
      return this.#cache.set(token, this.#entryOf(copy, isIntrospected, at), until);
    });
  }

  #setInactive(token, at) {
    this.#start('set', () => {
      const until = this.#until(undefined, true, at);
      if (until === undefined) return undefined;
      return this.#cache.set(token, this.#entryOf({ active: false, exp: until }, true, at), until);
    });
  }

  /** What is cached: the claims, and how and when they were obtained. */
  #entryOf(claims, isIntrospected, at) {
    return { ...claims, ...JSON.parse(this.#native.obtained(isIntrospected, at)) };
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

/** The claims of an entry's text. */
function claimsOf(text) {
  return partsOf(text).claims;
}

/** The claims of an entry's text, and the entry made from them again. An introspected entry may say `active`. */
function partsOf(text) {
  const { [OBTAINED]: obtained, ...claims } = JSON.parse(text);
  if (obtained.by === 'introspection') delete claims.active;
  return { claims, entry: (same) => ({ ...same, [OBTAINED]: obtained }) };
}

module.exports = { CachedValidation, NATIVE };
