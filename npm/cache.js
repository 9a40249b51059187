'use strict';

/**
 * Two caches for the option `cache`: one inside the process, and one in the application's Redis or Valkey. And a store of
 * used DPoP proofs there, for the option `dpop.replayStore`. `cache/` has the cache in front of another one, and the
 * stores for the option `revocation`.
 *
 * The caches only store entries. The engine validates every cache hit again. A cache never stores a raw token, and entries
 * of different issuers or audiences are separate.
 */

/**
 * @import { Commands } from './cache/redis-client.js'
 * @import { ICache } from './types/cache.js'
 * @import { IReplayStore } from './types/dpop.js'
 * @import { Claims } from './native/values.js'
 * @import { MemoryEntries } from './client/validate-cached.js'
 */
/** @typedef {{ issuer: string, audience: string }} Context */

const { createHash } = require('node:crypto');

const { LIMITS } = require('./native/constants.js');
const native = require('./native/panic-guard.js');
const { Slots } = require('./client/claims.js');
const { NATIVE } = require('./client/validate-cached.js');
const { layeredCache } = require('./cache/layered.js');
const { checkedOptions, invalid, own } = require('./client/arguments.js');
const { textOf } = require('./client/json.js');
const { dateNow } = require('./client/time.js');
const { bounded, commandsOf, isOk, wholeSeconds } = require('./cache/redis-client.js');
const { memoryRevocationStore, redisRevocationStore } = require('./cache/revocation-stores.js');

const DEFAULT_MAX_ENTRIES = 10_000;
const DEFAULT_MAX_BYTES = 32 * 1024 * 1024;
const DEFAULT_PREFIX = 'monocloud:';
const DEFAULT_REPLAY_PREFIX = 'monocloud:dpop:';

/** Longer values were not written by this package: an introspection response has at most 512 KiB. */
const MAX_VALUE_LENGTH = 1024 * 1024;

/** @type {typeof import('./cache.js').memoryCache} */
function memoryCache(options) {
  const given = checkedOptions('memoryCache()', options, ['maxEntries', 'maxBytes']);
  const { maxEntries = DEFAULT_MAX_ENTRIES, maxBytes = DEFAULT_MAX_BYTES } = given;
  checkLimit('maxEntries', maxEntries, LIMITS.cacheEntries);
  checkLimit('maxBytes', maxBytes, LIMITS.cacheBytes);
  const entries = new native.MemoryCache(maxEntries, maxBytes);
  return new MemoryCache({ entries, slots: new Slots(() => entries.released()) }, '');
}

/**
 * @param {string} name
 * @param {number} value
 * @param {number} limit
 */
function checkLimit(name, value, limit) {
  if (!Number.isInteger(value) || value < 1 || value > limit) {
    throw invalid(`${name} must be a whole number from 1 to ${limit}`);
  }
}

/** @type {typeof import('./cache.js').redisCache} */
function redisCache(client, options) {
  const { prefix = DEFAULT_PREFIX } = checkedOptions('redisCache()', options, ['prefix']);
  if (typeof prefix !== 'string') throw invalid('prefix must be a string');
  return new RedisCache(bounded(client, commandsOf(client)), prefix, []);
}

/**
 * The replay stores by client and prefix. Two clients of this package that pass one request ask an equal store once, and
 * so it must be one object.
 *
 * @type {WeakMap<object, Map<string, RedisReplayStore>>}
 */
const REPLAY_STORES = new WeakMap();

/** @type {typeof import('./cache.js').redisReplayStore} */
function redisReplayStore(client, options) {
  const { prefix = DEFAULT_REPLAY_PREFIX } = checkedOptions('redisReplayStore()', options, ['prefix']);
  if (typeof prefix !== 'string') throw invalid('prefix must be a string');
  const commands = commandsOf(client);
  const stores = REPLAY_STORES.get(client) ?? new Map();
  const store = stores.get(prefix) ?? new RedisReplayStore(bounded(client, commands), prefix);
  REPLAY_STORES.set(client, stores.set(prefix, store));
  return store;
}

/** @implements {ICache} */
class MemoryCache {
  #store;
  #entries;
  #scope;

  /**
   * @param {Omit<MemoryEntries, 'scope'>} store
   * @param {string} scope
   */
  constructor(store, scope) {
    this.#store = store;
    this.#entries = store.entries;
    this.#scope = scope;
    // The client uses this member to read the cache synchronously. All clients of one cache share the parsed claims
    // by slot, so each object is stored once.
    Object.defineProperty(this, NATIVE, { __proto__: null, value: { ...store, scope } });
  }

  /** @param {Context} context */
  scope({ issuer, audience }) {
    return new MemoryCache(this.#store, textOf([issuer, audience]));
  }

  /** @param {string} token */
  async get(token) {
    return claimsIn(this.#entries.get(this.#scope, token, dateNow()));
  }

  /**
   * @param {string} token
   * @param {Claims} claims
   * @param {number} expiresAt
   */
  async set(token, claims, expiresAt) {
    this.#entries.set(this.#scope, token, textOf(claims), expiresAt, dateNow());
  }

  /** @param {string} token */
  async delete(token) {
    this.#entries.delete(this.#scope, token);
  }
}

/** @implements {ICache} */
class RedisCache {
  #commands;
  #prefix;
  #scope;

  /**
   * @param {Commands} commands
   * @param {string} prefix
   * @param {string[]} scope
   */
  constructor(commands, prefix, scope) {
    this.#commands = commands;
    this.#prefix = prefix;
    this.#scope = scope;
  }

  /** @param {Context} context */
  scope({ issuer, audience }) {
    return new RedisCache(this.#commands, this.#prefix, [issuer, audience]);
  }

  /** @param {string} token */
  async get(token) {
    const key = this.#key(token);
    const entry = objectIn(await this.#commands.get(key));
    // An entry contains its key, so a copy under another token's key is ignored.
    return entry !== undefined && own(entry, 'key') === key ? asObject(own(entry, 'claims')) : undefined;
  }

  /**
   * @param {string} token
   * @param {Claims} claims
   * @param {number} expiresAt
   */
  async set(token, claims, expiresAt) {
    const key = this.#key(token);
    await this.#commands.set(key, textOf({ key, claims }), wholeSeconds(Math.floor(expiresAt)));
  }

  /** @param {string} token */
  async delete(token) {
    await this.#commands.delete(this.#key(token));
  }

  /**
   * JSON keeps issuer, audience and token apart.
   *
   * @param {string} token
   */
  #key(token) {
    return (
      this.#prefix +
      createHash('sha256')
        .update(textOf([...this.#scope, token]))
        .digest('base64url')
    );
  }
}

/** @implements {IReplayStore} */
class RedisReplayStore {
  #commands;
  #prefix;

  /**
   * @param {Commands} commands
   * @param {string} prefix
   */
  constructor(commands, prefix) {
    this.#commands = commands;
    this.#prefix = prefix;
  }

  /**
   * One command, so that of several processes with one id exactly one stores it.
   *
   * @param {string} id
   * @param {number} expiresAt
   */
  async add(id, expiresAt) {
    const reply = await this.#commands.add(this.#prefix + id, wholeSeconds(Math.ceil(expiresAt)));
    if (reply === null) return false;
    if (isOk(reply)) return true;
    // A client that collects commands for a transaction, for example, has not asked the server.
    throw new Error('Redis sent an unexpected reply');
  }
}

/**
 * Parses a reply, which is text or a buffer, depending on the client's settings.
 *
 * @param {unknown} reply
 */
function objectIn(reply) {
  const text = Buffer.isBuffer(reply) ? reply.toString('utf8') : reply;
  if (typeof text !== 'string' || text.length > MAX_VALUE_LENGTH) return undefined;
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** @param {string | null} text */
function claimsIn(text) {
  return typeof text === 'string' ? asObject(JSON.parse(text)) : undefined;
}

/**
 * @param {any} value What `JSON.parse` returned.
 * @returns {any}
 */
function asObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
}

module.exports = {
  layeredCache,
  memoryCache,
  memoryRevocationStore,
  redisCache,
  redisReplayStore,
  redisRevocationStore,
};
