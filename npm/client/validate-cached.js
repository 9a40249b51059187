'use strict';

/**
 * Decides on tokens for a client that has a cache (`ICache`). Which result does the cached entry give, and when is the
 * token validated again?
 *
 * The cache is the user's JavaScript. The engine applies every rule to every entry, on every call. A cache hit can
 * replace an introspection request. It never replaces the signature check of a JWT: with keys available, the engine
 * validates the JWT itself.
 */

/**
 * @import { MemoryCache, MonoCloudBackendNodeClient } from '../native/binding.js'
 * @import { Claims } from '../native/values.js'
 * @import { ICache } from '../types/cache.js'
 * @import { CheckedClaimsType, CustomMethods, Decision } from './check-claims.js'
 * @import { Found } from './claims.js'
 * @import { ClientContext } from './events.js'
 * @import { PolicyType } from './policy.js'
 * @import { PossessionType } from './possession.js'
 */
/**
 * What a `memoryCache()` keeps in its member `NATIVE`.
 *
 * @typedef {object} MemoryEntries
 * @property {MemoryCache} entries
 * @property {InstanceType<typeof Slots>} slots
 * @property {string} scope
 */
/**
 * What the validator does for the client with a cache.
 *
 * @typedef {object} Without The validator without the cache.
 * @property {boolean} keepsIntrospected Whether introspected claims may stay in a cache.
 * @property {(token: string, policy: PolicyType, possession: PossessionType | undefined, hasCachedFallback: boolean,
 *   customMethods: CustomMethods | undefined) => Decision | Promise<Decision>} decideJwt Validates a JWT.
 * @property {(token: string, policy: PolicyType, possession: PossessionType | undefined,
 *   customMethods: CustomMethods | undefined) => Promise<CheckedClaimsType>} askIssuer Introspects a token.
 */

const { NAMES, OUTCOMES } = require('../native/constants.js');
const { memberOf, own } = require('./arguments.js');
const { Slots } = require('./claims.js');
const { FAILURES, Failure, failureOf } = require('../errors/errors.js');
const { cacheFailed } = require('./events.js');
const { hasNeverHadKeys } = require('./health.js');
const { textOf } = require('./json.js');
const { inTime } = require('./in-time.js');
const { isPending } = require('./pending.js');
const { dateNow } = require('./time.js');

/** A cache that takes longer counts as a cache miss. */
const CACHE_TIMEOUT_MS = 250;
/** Concurrent requests with one token share its operations on the cache, for this many tokens at a time. */
const MAX_SHARED = 10_000;
/**
 * Outcomes of the engine. `MISS`: the entry does not belong to this token and this client. `NOT_OURS`: it may be valid
 * for another client of the same cache. `IS_SLOW`: the DPoP proof must be verified on another thread.
 */
const { isSlow: IS_SLOW, miss: MISS, notOurs: NOT_OURS } = OUTCOMES;
/** The member of an entry that records how and when the claims were obtained. The engine writes and reads it. */
const OBTAINED = NAMES.obtainedMember;

/** The member in which `memoryCache()` keeps its `{ entries, slots, scope }`. */
const NATIVE = Symbol('native');

/** @typedef {CachedValidation} CachedValidationType The class as a type, for other files. */
/** @typedef {ICache & { [NATIVE]?: MemoryEntries }} CacheWithEntries */

class CachedValidation {
  #native;
  /** @type {CacheWithEntries} */
  #cache;
  #context;
  #decideJwt;
  #askIssuer;
  #keepsIntrospected;
  /**
   * The entries of a `memoryCache()`. The engine evaluates them without calling the cache.
   *
   * @type {MemoryEntries | undefined}
   */
  #memoryEntries;
  /** The entries of a user's cache that were evaluated before. */
  #evaluated;
  #slots;
  /**
   * The lookups in flight, by token.
   *
   * @type {Map<string, Promise<unknown>>}
   */
  #lookups = new Map();
  /**
   * By token: how many requests wait for an introspection, and the last entry that one of them has written, as text.
   *
   * @type {Map<string, { requests: number, written: string | undefined }>}
   */
  #introspecting = new Map();

  /**
   * @param {MonoCloudBackendNodeClient} native
   * @param {ICache} cache
   * @param {ClientContext} context `{ issuer, audience }` of the client.
   * @param {Without} validator
   */
  constructor(native, cache, context, { keepsIntrospected, decideJwt, askIssuer }) {
    this.#native = native;
    this.#cache = typeof memberOf(cache, 'scope') === 'function' && cache.scope ? cache.scope(context) : cache;
    this.#context = context;
    this.#decideJwt = decideJwt;
    this.#askIssuer = askIssuer;
    // A client that keeps no introspected claims does not read those of other clients either.
    this.#keepsIntrospected = keepsIntrospected;
    this.#evaluated = native.evaluatedEntries();
    this.#slots = new Slots(() => this.#evaluated.released());
    this.#memoryEntries = this.#keepsIntrospected ? this.#cache[NATIVE] : undefined;
  }

  /**
   * Decides on a token.
   *
   * @param {string} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @param {CustomMethods | undefined} customMethods As those of `Validator.decide`.
   */
  decide(token, policy, possession, customMethods) {
    const hit = this.#fromMemory(token, policy, possession);
    // A number is `IS_SLOW`.
    if (typeof hit === 'number') return this.#afterProof(token, policy, possession, customMethods);
    if (hit === undefined) return this.#decideByCache(token, policy, possession, customMethods);
    return this.#isLocal(token)
      ? this.#withFallback(hit, this.#decideJwt(token, policy, possession, true, customMethods))
      : hit;
  }

  /**
   * Decides again after a slow DPoP proof was verified on another thread.
   *
   * @param {string} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @param {CustomMethods | undefined} customMethods
   * @returns {Promise<Decision>}
   */
  async #afterProof(token, policy, possession, customMethods) {
    const code = await possession?.proof?.verifyOnPool(token);
    if (code === 0) return this.decide(token, policy, possession, customMethods);
    return code === undefined ? FAILURES.internal : failureOf(code);
  }

  /**
   * Most opaque tokens have no dots. Those need no call into the engine.
   *
   * @param {string} token
   */
  #isLocal(token) {
    return token.includes('.') && this.#native.isLocal(token);
  }

  /**
   * Evaluates the entry of a `memoryCache()`, synchronously.
   *
   * @param {string} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @returns {Decision | typeof IS_SLOW | undefined}
   */
  #fromMemory(token, policy, possession) {
    if (!this.#memoryEntries) return undefined;
    try {
      const outcome = policy.evaluateMemoryEntry(token, this.#memoryEntries, dateNow(), possession);
      if (outcome === MISS || outcome === NOT_OURS) return undefined;
      if (outcome === IS_SLOW) return IS_SLOW;
      if (typeof outcome === 'string' || outcome < 0) return this.#resultOf(outcome);
      const { entries, scope, slots } = this.#memoryEntries;
      return slots.claims(outcome, () => {
        const text = entries.handOut(scope, token, outcome, dateNow());
        return text === null ? undefined : { claims: claimsOf(text) };
      });
    } catch {
      // An internal error of the engine counts as a cache miss.
      return undefined;
    }
  }

  /**
   * The result of validating a JWT. A cache hit replaces it only in an outage, if the client has never had keys.
   *
   * @param {Decision} hit
   * @param {Decision | Promise<Decision>} outcome
   * @returns {Decision | Promise<Decision>}
   */
  #withFallback(hit, outcome) {
    if (isPending(outcome)) return outcome.then((ended) => this.#withFallback(hit, ended));
    return outcome instanceof Failure && outcome.isOutage && hasNeverHadKeys(this.#native) ? hit : outcome;
  }

  /**
   * @param {string} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @param {CustomMethods | undefined} customMethods
   * @returns {Promise<Decision>}
   */
  async #decideByCache(token, policy, possession, customMethods) {
    if (token.trim() === '') return FAILURES.token_required;
    const isLocal = this.#isLocal(token);
    const entry = this.#keepsIntrospected || isLocal ? await this.#getShared(token) : undefined;
    // Meanwhile, a layered cache or another request may have put an entry into the memory.
    const late = isLocal ? undefined : this.#fromMemory(token, policy, possession);
    if (typeof late === 'number') return this.#afterProof(token, policy, possession, customMethods);
    if (late !== undefined) return late;
    const isEntry = typeof entry === 'object' && entry !== null;
    const found = isEntry ? this.#evaluate(entry, token, policy, possession) : undefined;
    if (found === IS_SLOW) return this.#afterProof(token, policy, possession, customMethods);
    // A number is `NOT_OURS`.
    const hit = typeof found === 'number' ? undefined : found;
    if (isEntry && found === undefined) this.#delete(token);
    if (!isLocal) return hit ?? this.#introspect(token, policy, possession, customMethods);

    const outcome = await this.#decideJwt(token, policy, possession, hit !== undefined, customMethods);
    if (hit !== undefined) return this.#withFallback(hit, outcome);
    // A local validation does not overwrite what the issuer answered to another client.
    if (!(outcome instanceof Failure) && found !== NOT_OURS) this.#set(token, outcome, false, dateNow());
    return outcome;
  }

  /**
   * Returns claims, a failure, `NOT_OURS`, `IS_SLOW`, or `undefined` for an unusable entry.
   *
   * The entry is serialized once. The engine evaluates that text, and the claims are parsed from it. So the cache can
   * keep or change its object without any effect on the result.
   *
   * @param {object} entry
   * @param {string} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @returns {Decision | typeof NOT_OURS | typeof IS_SLOW | undefined}
   */
  #evaluate(entry, token, policy, possession) {
    try {
      // An entry that equals one that was evaluated before is not serialized again.
      const slot = this.#evaluateText(token, policy, undefined, possession);
      const known = typeof slot === 'number' && slot >= 0 ? this.#slots.sameClaims(slot, entry) : undefined;
      if (known !== undefined) return known;

      const text = textOf(entry);
      if (typeof text !== 'string') return undefined;
      const outcome = this.#evaluateText(token, policy, text, possession);
      if (outcome === NOT_OURS || outcome === IS_SLOW) return outcome;
      if (outcome === MISS) return undefined;
      if (typeof outcome === 'string' || outcome < 0) return this.#resultOf(outcome);
      return this.#slots.claims(outcome, () => partsOf(text));
    } catch {
      // The entry has no JSON text, or the engine had an internal error.
      return undefined;
    }
  }

  /**
   * @param {string} token
   * @param {PolicyType} policy
   * @param {string | undefined} text
   * @param {PossessionType | undefined} possession
   */
  #evaluateText(token, policy, text, possession) {
    const evaluateEntry = policy.evaluateEntry(this.#evaluated);
    return possession === undefined
      ? evaluateEntry(token, dateNow(), text)
      : evaluateEntry(token, dateNow(), text, possession.certificate, possession.proof);
  }

  /**
   * @param {string | number} outcome
   * @returns {Decision}
   */
  #resultOf(outcome) {
    return typeof outcome === 'string' ? claimsOf(outcome) : failureOf(outcome);
  }

  /**
   * @param {string} token
   * @param {PolicyType} policy
   * @param {PossessionType | undefined} possession
   * @param {CustomMethods | undefined} customMethods
   */
  async #introspect(token, policy, possession, customMethods) {
    const shared = this.#introspecting.get(token) ?? { requests: 0, written: undefined };
    if (this.#introspecting.size < MAX_SHARED) this.#introspecting.set(token, shared);
    shared.requests += 1;
    try {
      // The time before the request: the response is never older than that.
      const obtainedAt = dateNow();
      const checked = await this.#askIssuer(token, policy, possession, customMethods);
      const { claims, failure } = checked;
      if (claims) this.#set(token, claims, true, obtainedAt);
      else if (failure?.spec.isCacheable) this.#setInactive(token, obtainedAt);
      return checked.decision;
    } finally {
      shared.requests -= 1;
      if (shared.requests === 0) this.#introspecting.delete(token);
    }
  }

  /**
   * Reads the cache once for all concurrent requests with this token.
   *
   * @param {string} token
   */
  #getShared(token) {
    const known = this.#lookups.get(token);
    if (known !== undefined || this.#lookups.size >= MAX_SHARED) return known ?? this.#get(token);
    const lookup = this.#lookup(token);
    this.#lookups.set(token, lookup);
    return lookup;
  }

  /** @param {string} token */
  async #lookup(token) {
    // The lookup is in the map before it ends.
    await undefined;
    try {
      return await this.#get(token);
    } finally {
      this.#lookups.delete(token);
    }
  }

  /**
   * Reads the cache. A cache that throws, rejects or takes too long counts as a cache miss.
   *
   * @param {string} token
   * @returns {Promise<unknown>}
   */
  async #get(token) {
    try {
      const pending = this.#cache.get(token);
      return typeof pending?.then === 'function' ? await inTime(pending, CACHE_TIMEOUT_MS) : pending;
    } catch {
      cacheFailed(this.#context, 'get');
      return undefined;
    }
  }

  /**
   * @param {string} token
   * @param {Claims} claims
   * @param {boolean} isIntrospected
   * @param {number} obtainedAt When the claims were obtained, in seconds since the epoch.
   */
  #set(token, claims, isIntrospected, obtainedAt) {
    this.#start('set', () => {
      // A claim with this name would be read as our own member.
      if (Object.hasOwn(claims, OBTAINED)) return undefined;
      const exp = own(claims, 'exp');
      const expiresAt = this.#expiresAt(typeof exp === 'number' ? exp : undefined, isIntrospected, obtainedAt);
      if (expiresAt === undefined) return undefined;
      // The caller may change the claims that it receives, so the cache gets a copy.
      const copy = structuredClone(claims);
      if (isIntrospected) {
        // In a response, a member that is null counts as absent. In an entry, the engine rejects it.
        for (const name of Object.keys(copy)) if (copy[name] === null) delete copy[name];
        // Clients of several issuers may share the cache, so each entry names its issuer.
        if (own(copy, 'iss') === undefined) copy.iss = this.#native.issuer();
      }
      const entry = this.#entryOf(copy, isIntrospected, obtainedAt);
      return this.#write(token, String(textOf(copy)), () => this.#cache.set(token, entry, expiresAt));
    });
  }

  /**
   * @param {string} token
   * @param {number} obtainedAt
   */
  #setInactive(token, obtainedAt) {
    this.#start('set', () => {
      const expiresAt = this.#expiresAt(undefined, true, obtainedAt);
      if (expiresAt === undefined) return undefined;
      const entry = this.#entryOf({ active: false, exp: expiresAt }, true, obtainedAt);
      return this.#write(token, 'inactive', () => this.#cache.set(token, entry, expiresAt));
    });
  }

  /**
   * Writes an entry, unless a request that waited for the same introspection has written an equal one.
   *
   * @param {string} token
   * @param {string} text
   * @param {() => unknown} set
   */
  #write(token, text, set) {
    const shared = this.#introspecting.get(token);
    if (shared?.written === text) return undefined;
    if (shared !== undefined) shared.written = text;
    return set();
  }

  /**
   * Returns the entry to store: the claims, and how and when they were obtained.
   *
   * @param {object} claims
   * @param {boolean} isIntrospected
   * @param {number} obtainedAt
   * @returns {any} An entry, as `ICache.set` takes it.
   */
  #entryOf(claims, isIntrospected, obtainedAt) {
    return { ...claims, ...JSON.parse(this.#native.obtained(isIntrospected, obtainedAt)) };
  }

  /**
   * When an entry expires, in seconds since the epoch. `undefined` if it may not be cached.
   *
   * @param {number | undefined} exp
   * @param {boolean} isIntrospected
   * @param {number} obtainedAt
   */
  #expiresAt(exp, isIntrospected, obtainedAt) {
    return this.#native.cacheUntil(exp, isIntrospected, obtainedAt) ?? undefined;
  }

  /** @param {string} token */
  #delete(token) {
    this.#start('delete', () => this.#cache.delete(token));
  }

  /**
   * Starts a cache operation that nobody waits for. Its failure is published and has no other effect.
   *
   * @param {'get' | 'set' | 'delete'} operation
   * @param {() => unknown} work
   */
  async #start(operation, work) {
    try {
      await work();
    } catch {
      cacheFailed(this.#context, operation);
    }
  }
}

/** @param {string} text */
function claimsOf(text) {
  return partsOf(text).claims;
}

/**
 * Returns the claims of an entry's text, and a function that builds the entry from them again. The claims of an
 * introspected entry omit `active`.
 *
 * @param {string} text
 * @returns {Required<Found>}
 */
function partsOf(text) {
  const { [OBTAINED]: obtained, ...claims } = JSON.parse(text);
  if (obtained.by === 'introspection') delete claims.active;
  return { claims, entry: (same) => ({ ...same, [OBTAINED]: obtained }) };
}

/**
 * The entries of a `memoryCache()`, or `undefined` for any other cache.
 *
 * @param {CacheWithEntries} cache
 */
function memoryEntriesOf(cache) {
  return cache[NATIVE];
}

module.exports = { CachedValidation, NATIVE, memoryEntriesOf };
