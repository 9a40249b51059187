'use strict';

/**
 * What must a token satisfy for this route or this call? Creates the engine's policy from the options that
 * `call-options.js` has read. The route or the caller holds the policy.
 */

/**
 * @import { JsPolicySpec, MemoryCache, MonoCloudBackendNodeClient } from '../native/binding.js'
 * @import { SpecType } from './call-options.js'
 * @import { PossessionType } from './possession.js'
 * @import { MemoryEntries } from './validate-cached.js'
 */
/** @typedef {Policy} PolicyType The class as a type, for other files. */
/** @typedef {Pick<SpecType, 'scopes' | 'groups' | 'acr' | 'maxAge' | 'binding' | 'dpopMode' | 'audience'>} Requirements */
/** @typedef {ReturnType<MonoCloudBackendNodeClient['warm']>} Warm */

const { invalid } = require('./arguments.js');
const { NO_REQUIREMENTS } = require('./call-options.js');

/** The client keeps at most this many policies for later calls with the same options. */
const MAX_CALL_POLICIES = 1000;
/** The policy of a call is not kept if its key is longer, in characters. */
const MAX_KEY_LENGTH = 4096;

/**
 * The requirements of one route or call, for one client. It stays valid as long as somebody holds it. The engine's
 * objects and functions for it are created on first use, because JWTs and opaque tokens need different ones.
 */
class Policy {
  binding;
  dpop;
  /** Some audiences of the client, or `undefined` for all of them. */
  audience;
  #native;
  #spec;
  /** @type {Warm | undefined} */
  #warm;
  /** @type {import('../native/binding.js').Policy | undefined} */
  #handle;
  /** @type {ReturnType<MonoCloudBackendNodeClient['warmCached']> | undefined} */
  #evaluateMemoryEntry;
  /** @type {ReturnType<MonoCloudBackendNodeClient['evaluateEntry']> | undefined} */
  #evaluateEntry;

  /**
   * @param {MonoCloudBackendNodeClient} native
   * @param {Requirements} spec
   */
  constructor(native, spec) {
    this.#native = native;
    this.#spec = spec;
    this.binding = spec.binding;
    this.dpop = spec.dpopMode;
    this.audience = spec.audience;
  }

  /** The function that validates a JWT: `(token, now, certificate?, proof?)`. */
  get warm() {
    return (this.#warm ??= this.#native.warm(this.#requirements));
  }

  /** Creates the function `warm` now. */
  prepared() {
    this.#warm ??= this.#native.warm(this.#requirements);
    return this;
  }

  /** The engine's object for this policy. */
  get handle() {
    return (this.#handle ??= this.#native.policy(this.#requirements));
  }

  /**
   * What the engine reads. Every member is its own, so that no prototype is read.
   *
   * @returns {JsPolicySpec}
   */
  get #requirements() {
    const { scopes, groups, binding, dpopMode, acr, maxAge, audience } = this.#spec;
    return { scopes, groups, binding, dpop: dpopMode, acr: acr ?? [], maxAge, audience };
  }

  /**
   * Returns the function that evaluates an entry of a user's cache: `(token, now, text?, certificate?, proof?)`. Without `text`,
   * it evaluates the entry that it evaluated last for the token.
   *
   * @param {MemoryCache} evaluated The engine's store of evaluated entries.
   */
  evaluateEntry(evaluated) {
    return (this.#evaluateEntry ??= this.#native.evaluateEntry(this.handle, evaluated));
  }

  /**
   * Evaluates the entry of this client's `memoryCache()`.
   *
   * @param {string} token
   * @param {MemoryEntries} memory
   * @param {number} now
   * @param {PossessionType | undefined} possession
   */
  evaluateMemoryEntry(token, { entries, scope }, now, possession) {
    this.#evaluateMemoryEntry ??= this.#native.warmCached(this.handle, entries, scope);
    return possession === undefined
      ? this.#evaluateMemoryEntry(token, now)
      : this.#evaluateMemoryEntry(token, now, possession.certificate, possession.proof);
  }
}

class Policies {
  #native;
  #audiences;
  /**
   * Policies of calls by their key. The one used last is at the end.
   *
   * @type {Map<string, Policy>}
   */
  #kept = new Map();

  /**
   * @param {MonoCloudBackendNodeClient} native
   * @param {readonly string[]} audiences The client's audiences.
   */
  constructor(native, audiences) {
    this.#native = native;
    this.#audiences = audiences;
    /** The policy of a call without options. */
    this.none = this.route(NO_REQUIREMENTS);
  }

  /**
   * Creates the policy of a route, together with its warm function.
   *
   * @param {SpecType} spec
   */
  route(spec) {
    return this.#create(spec).prepared();
  }

  /**
   * Returns the policy of a call. Equal options share one.
   *
   * @param {SpecType} spec
   */
  call(spec) {
    if (spec.isEmpty) return this.none;
    const { key } = spec;
    const known = this.#kept.get(key);
    // The order of use matters only when the map is full.
    if (known !== undefined && this.#kept.size < MAX_CALL_POLICIES) return known;
    const policy = known ?? this.#create(spec);
    this.#keep(key, policy);
    return policy;
  }

  /**
   * A route or a call can narrow the client's audiences, and add none.
   *
   * @param {SpecType} spec
   */
  #create(spec) {
    if (spec.audience?.some((name) => !this.#audiences.includes(name))) {
      throw invalid('audience of a route or a call must list audiences of the client (its option audience)');
    }
    return new Policy(this.#native, spec);
  }

  /**
   * @param {string} key
   * @param {Policy} policy
   */
  #keep(key, policy) {
    if (key.length > MAX_KEY_LENGTH) return;
    this.#kept.delete(key);
    const [leastRecent] = this.#kept.keys();
    if (this.#kept.size >= MAX_CALL_POLICIES) this.#kept.delete(leastRecent);
    this.#kept.set(key, policy);
  }
}

module.exports = { Policies };
