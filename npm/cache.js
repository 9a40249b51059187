'use strict';

/**
 * Two ready-made caches for the option `cache`: inside the process, and in the application's own Redis or Valkey.
 *
 * They keep and find; whether what they found still holds is decided by the engine, on every call. Neither keeps a raw
 * token, and entries of different issuers or audiences never meet.
 */

const { createHash } = require('node:crypto');

const native = require('./native/panic-guard.js');
const { Slots } = require('./client/claims.js');
const { NATIVE } = require('./client/validate-cached.js');
const { checkedOptions, invalid, memberOf, own } = require('./client/arguments.js');
const { textOf } = require('./client/json.js');
const { dateNow } = require('./client/time.js');

const DEFAULT_MAX_ENTRIES = 10_000;
/** The places of the engine's memory. */
const MOST_ENTRIES = 2 ** 20;
const DEFAULT_MAX_BYTES = 32 * 1024 * 1024;
/** 64 GiB, as for verified tokens. */
const MOST_BYTES = 2 ** 36;
const DEFAULT_PREFIX = 'monocloud:';

/** A value over this is none of ours: an introspection answer is at most 512 KiB. */
const MAX_VALUE_LENGTH = 1024 * 1024;
/** More commands without an answer mean a server that hangs: another one would only fill the memory. */
const MAX_PENDING = 10_000;
/** States of ioredis in which a command waits for a server that is gone. */
const AWAY = new Set(['close', 'disconnecting', 'end', 'reconnecting']);

function memoryCache(options) {
  const given = checkedOptions('memoryCache()', options, ['maxEntries', 'maxBytes']);
  const { maxEntries = DEFAULT_MAX_ENTRIES, maxBytes = DEFAULT_MAX_BYTES } = given;
  checkLimit('maxEntries', maxEntries, MOST_ENTRIES);
  checkLimit('maxBytes', maxBytes, MOST_BYTES);
  const entries = new native.MemoryCache(maxEntries, maxBytes);
  return new MemoryCache({ entries, slots: new Slots(() => entries.released()) }, '');
}

function checkLimit(name, value, most) {
  if (!Number.isInteger(value) || value < 1 || value > most) {
    throw invalid(`${name} must be a whole number from 1 to ${most}`);
  }
}

function redisCache(client, options) {
  const { prefix = DEFAULT_PREFIX } = checkedOptions('redisCache()', options, ['prefix']);
  if (typeof prefix !== 'string') throw invalid('prefix must be a string');
  return new RedisCache(bounded(client, commandsOf(client)), prefix, []);
}

class MemoryCache {
  #store;
  #entries;
  #scope;

  constructor(store, scope) {
    this.#store = store;
    this.#entries = store.entries;
    this.#scope = scope;
    // For the client, which need not wait for what is in its own process. All clients of one cache share the claims
    // that are kept by slot, so that they are kept once.
    Object.defineProperty(this, NATIVE, { __proto__: null, value: { ...store, scope } });
  }

  scope({ issuer, audience }) {
    return new MemoryCache(this.#store, textOf([issuer, audience]));
  }

  async get(token) {
    return claimsIn(this.#entries.get(this.#scope, token, dateNow()));
  }

  async set(token, claims, expiresAt) {
    this.#entries.set(this.#scope, token, textOf(claims), expiresAt, dateNow());
  }

  async delete(token) {
    this.#entries.delete(this.#scope, token);
  }
}

class RedisCache {
  #commands;
  #prefix;
  #scope;

  constructor(commands, prefix, scope) {
    this.#commands = commands;
    this.#prefix = prefix;
    this.#scope = scope;
  }

  scope({ issuer, audience }) {
    return new RedisCache(this.#commands, this.#prefix, [issuer, audience]);
  }

  async get(token) {
    const key = this.#key(token);
    const entry = objectIn(await this.#commands.get(key));
    // An entry names its key: one that was copied from elsewhere is another token's.
    return entry !== undefined && own(entry, 'key') === key ? asObject(own(entry, 'claims')) : undefined;
  }

  async set(token, claims, expiresAt) {
    const key = this.#key(token);
    // Redis takes a 64-bit integer: a larger number would be written as `2e+206`, which it refuses.
    const seconds = Math.min(Math.floor(expiresAt), Number.MAX_SAFE_INTEGER);
    await this.#commands.set(key, textOf({ key, claims }), seconds);
  }

  async delete(token) {
    await this.#commands.delete(this.#key(token));
  }

  /** As JSON the three cannot run into each other. */
  #key(token) {
    return this.#prefix + createHash('sha256').update(textOf([...this.#scope, token])).digest('base64url');
  }
}

/** The three commands, in the words of whichever client it is. */
function commandsOf(client) {
  const has = (...names) => names.every((name) => typeof memberOf(client, name) === 'function');
  if (has('customCommand')) return commandsBy((...words) => client.customCommand(words));
  if (has('call')) return commandsBy((...words) => client.call(...words));
  if (has('get', 'set', 'del')) {
    return {
      get: (key) => client.get(key),
      // `EXAT` is what node-redis 4 reads; without it, entries would stay there for ever.
      set: (key, value, seconds) =>
        client.set(key, value, { expiration: { type: 'EXAT', value: seconds }, EXAT: seconds }),
      delete: (key) => client.del(key),
    };
  }
  throw invalid('client must be one of node-redis, ioredis, iovalkey or Valkey GLIDE');
}

function commandsBy(send) {
  return {
    get: (key) => send('GET', key),
    set: (key, value, seconds) => send('SET', key, value, 'EXAT', String(seconds)),
    delete: (key) => send('DEL', key),
  };
}

/** The same commands, never sent to a server that is known to be away or has stopped to answer. */
function bounded(client, commands) {
  let pending = 0;
  const wrap = (command) => async (...words) => {
    if (isAway(client) || pending >= MAX_PENDING) throw new Error('Redis is out of reach');
    pending += 1;
    try {
      return await command(...words);
    } finally {
      pending -= 1;
    }
  };
  return Object.fromEntries(Object.entries(commands).map(([name, command]) => [name, wrap(command)]));
}

/** While they reconnect, clients queue what they are told: without end, or until a request has long been answered. */
function isAway(client) {
  return memberOf(client, 'isReady') === false || AWAY.has(memberOf(client, 'status'));
}

/** The object of a reply: text, or octets where the client is set to give those. */
function objectIn(reply) {
  const text = Buffer.isBuffer(reply) ? reply.toString('utf8') : reply;
  if (typeof text !== 'string' || text.length > MAX_VALUE_LENGTH) return undefined;
  try {
    return asObject(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function claimsIn(text) {
  return typeof text === 'string' ? asObject(JSON.parse(text)) : undefined;
}

function asObject(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined;
}

module.exports = { memoryCache, redisCache };
