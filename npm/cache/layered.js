'use strict';

/**
 * A cache near the application, such as `memoryCache()`, in front of one that several processes share. Which of the two
 * is read, and for how long does the near one keep an entry?
 *
 * An entry is passed on as it is, so it still says how and when it was obtained. The engine validates it on every call.
 */

/**
 * @import { ICache } from '../types/cache.js'
 * @import { ClientContext } from '../client/events.js'
 */

const { checkedOptions, invalid, memberOf, own } = require('../client/arguments.js');
const { dateNow } = require('../client/time.js');
const { NATIVE, memoryEntriesOf } = require('../client/validate-cached.js');

/** In seconds. A revocation that another process wrote to the far cache goes unnoticed that long. */
const DEFAULT_NEAR_SECONDS = 5;
const MAX_NEAR_SECONDS = 3600;

/** @type {typeof import('../cache.js').layeredCache} */
function layeredCache(near, far, options) {
  const { nearSeconds = DEFAULT_NEAR_SECONDS } = checkedOptions('layeredCache()', options, ['nearSeconds']);
  for (const [name, cache] of Object.entries({ near, far })) {
    const isCache = ['get', 'set', 'delete'].every((method) => typeof memberOf(cache, method) === 'function');
    if (!isCache) throw invalid(`layeredCache(): ${name} must be a cache with get, set and delete`);
  }
  if (typeof nearSeconds !== 'number' || !(nearSeconds > 0 && nearSeconds <= MAX_NEAR_SECONDS)) {
    throw invalid(`nearSeconds must be a number above 0, at most ${MAX_NEAR_SECONDS}`);
  }
  return new LayeredCache(near, far, nearSeconds);
}

/** @implements {ICache} */
class LayeredCache {
  #near;
  #far;
  #nearSeconds;

  /**
   * @param {ICache} near
   * @param {ICache} far
   * @param {number} nearSeconds
   */
  constructor(near, far, nearSeconds) {
    this.#near = near;
    this.#far = far;
    this.#nearSeconds = nearSeconds;
    const entries = memoryEntriesOf(near);
    // A hit in a `memoryCache()` is one synchronous call into the engine, also behind this cache.
    if (entries !== undefined) Object.defineProperty(this, NATIVE, { __proto__: null, value: entries });
  }

  /** @param {ClientContext} context */
  scope(context) {
    return new LayeredCache(scoped(this.#near, context), scoped(this.#far, context), this.#nearSeconds);
  }

  /** @param {string} token */
  async get(token) {
    const known = await this.#getNear(token);
    if (isEntry(known)) return known;
    const entry = await this.#far.get(token);
    if (isEntry(entry)) {
      const exp = own(/** @type {Record<string, any>} */ (entry), 'exp');
      // A near cache that fails costs another read of the far one, and nothing else.
      this.#setNear(token, entry, typeof exp === 'number' ? exp : Infinity).catch(() => {});
    }
    return entry;
  }

  /**
   * @param {string} token
   * @param {any} claims
   * @param {number} expiresAt
   */
  async set(token, claims, expiresAt) {
    await both(this.#setNear(token, claims, expiresAt), () => this.#far.set(token, claims, expiresAt));
  }

  /** @param {string} token */
  async delete(token) {
    const near = (async () => this.#near.delete(token))();
    await both(near, () => this.#far.delete(token));
  }

  /** @param {string} token */
  async #getNear(token) {
    try {
      return await this.#near.get(token);
    } catch {
      return undefined;
    }
  }

  /**
   * @param {string} token
   * @param {any} claims
   * @param {number} expiresAt
   */
  async #setNear(token, claims, expiresAt) {
    const until = Math.min(expiresAt, dateNow() + this.#nearSeconds);
    await this.#near.set(token, claims, until);
  }
}

/**
 * Waits for both, also if one fails. Then rejects with the failure.
 *
 * @param {Promise<unknown>} near
 * @param {() => unknown} far
 */
async function both(near, far) {
  const results = await Promise.allSettled([near, (async () => far())()]);
  const failed = results.find(({ status }) => status === 'rejected');
  if (failed !== undefined) throw /** @type {PromiseRejectedResult} */ (failed).reason;
}

/**
 * @param {ICache} cache
 * @param {ClientContext} context
 */
function scoped(cache, context) {
  return typeof memberOf(cache, 'scope') === 'function' && cache.scope ? cache.scope(context) : cache;
}

/** @param {unknown} entry */
function isEntry(entry) {
  return typeof entry === 'object' && entry !== null;
}

module.exports = { layeredCache };
