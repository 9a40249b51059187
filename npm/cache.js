'use strict';

/**
 * Two caches for the option `cache`: one inside the process, and one in the application's Redis or Valkey. `./cache/layered.js`
 * puts one in front of the other. And a store of
 * used DPoP proofs there, for the option `dpop.replayStore`.
 *
 * The caches only store entries. The engine validates every cache hit again. A cache never stores a raw token, and entries
 * of different issuers or audiences are separate.
 */

/**
 * @import { ICache } from './types/cache.js'
 * @import { IReplayStore } from './types/dpop.js'
 * @import { Claims } from './native/values.js'
 * @import { MemoryEntries } from './client/validate-cached.js'
 */
/** @typedef {{ issuer: string, audience: string }} Context */
/** @typedef {Parameters<typeof import('./cache.js').redisCache>[0]} RedisClient */
/**
 * @typedef {object} Commands
 * @property {(key: string) => Promise<unknown>} get
 * @property {(key: string, value: string, seconds: number) => Promise<unknown>} set
 * @property {(key: string, seconds: number) => Promise<unknown>} add Stores an empty value if there is none.
 * @property {(key: string) => Promise<unknown>} delete
 */

const { createHash } = require('node:crypto');

const { LIMITS } = require('./native/constants.js');
const native = require('./native/panic-guard.js');
const { Slots } = require('./client/claims.js');
const { NATIVE } = require('./client/validate-cached.js');
const { layeredCache } = require('./cache/layered.js');
const { checkedOptions, invalid, memberOf, own } = require('./client/arguments.js');
const { textOf } = require('./client/json.js');
const { dateNow } = require('./client/time.js');

const DEFAULT_MAX_ENTRIES = 10_000;
const DEFAULT_MAX_BYTES = 32 * 1024 * 1024;
const DEFAULT_PREFIX = 'monocloud:';
const DEFAULT_REPLAY_PREFIX = 'monocloud:dpop:';

/** Longer values were not written by this package: an introspection response has at most 512 KiB. */
const MAX_VALUE_LENGTH = 1024 * 1024;
/** With more unanswered commands the server hangs, and further commands would only fill the memory. */
const MAX_PENDING = 10_000;
/** States of ioredis in which it queues commands for a server that is not connected. */
const DISCONNECTED = new Set(['close', 'disconnecting', 'end', 'reconnecting']);

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
    if (reply === 'OK' || (Buffer.isBuffer(reply) && reply.toString() === 'OK')) return true;
    // A client that collects commands for a transaction, for example, has not asked the server.
    throw new Error('Redis sent an unexpected reply');
  }
}

/**
 * Redis takes a 64-bit integer. JavaScript writes a larger number as `2e+206`, which Redis rejects.
 *
 * @param {number} seconds
 */
function wholeSeconds(seconds) {
  return Math.min(seconds, Number.MAX_SAFE_INTEGER);
}

/**
 * The commands for each supported kind of client.
 *
 * @param {any} client One of `RedisClient`. Its methods tell which one.
 * @returns {Commands}
 */
function commandsOf(client) {
  /** @param {string[]} names */
  const has = (...names) => names.every((name) => typeof memberOf(client, name) === 'function');
  if (has('customCommand')) return commandsBy((...parts) => client.customCommand(parts));
  if (has('call')) return commandsBy((...parts) => client.call(...parts));
  if (has('get', 'set', 'del')) {
    return {
      get: (key) => client.get(key),
      // node-redis 4 reads `EXAT`. Without it, entries would never expire.
      set: (key, value, seconds) =>
        client.set(key, value, { expiration: { type: 'EXAT', value: seconds }, EXAT: seconds }),
      // node-redis 4 reads `NX` too. Without it, every id would look new.
      add: (key, seconds) =>
        client.set(key, '', {
          condition: 'NX',
          NX: true,
          expiration: { type: 'EXAT', value: seconds },
          EXAT: seconds,
        }),
      delete: (key) => client.del(key),
    };
  }
  throw invalid('client must be one of node-redis, ioredis, iovalkey or Valkey GLIDE');
}

/**
 * @param {(...parts: string[]) => Promise<unknown>} send
 * @returns {Commands}
 */
function commandsBy(send) {
  return {
    get: (key) => send('GET', key),
    set: (key, value, seconds) => send('SET', key, value, 'EXAT', String(seconds)),
    add: (key, seconds) => send('SET', key, '', 'NX', 'EXAT', String(seconds)),
    delete: (key) => send('DEL', key),
  };
}

/**
 * Wraps the commands: each fails at once if the server is disconnected or has stopped responding.
 *
 * @param {RedisClient} client
 * @param {Commands} commands
 * @returns {Commands}
 */
function bounded(client, commands) {
  let pending = 0;
  /**
   * @template {unknown[]} A
   * @param {(...parts: A) => Promise<unknown>} command
   * @returns {(...parts: A) => Promise<unknown>}
   */
  const wrap =
    (command) =>
    async (...parts) => {
      if (isDisconnected(client) || pending >= MAX_PENDING) throw new Error('Redis is out of reach');
      pending += 1;
      try {
        return await command(...parts);
      } finally {
        pending -= 1;
      }
    };
  return {
    get: wrap(commands.get),
    set: wrap(commands.set),
    add: wrap(commands.add),
    delete: wrap(commands.delete),
  };
}

/**
 * While a client reconnects, it queues commands without a limit or for too long.
 *
 * @param {RedisClient} client
 */
function isDisconnected(client) {
  return memberOf(client, 'isReady') === false || DISCONNECTED.has(memberOf(client, 'status'));
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

module.exports = { layeredCache, memoryCache, redisCache, redisReplayStore };
