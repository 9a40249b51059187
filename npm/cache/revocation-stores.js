'use strict';

/**
 * Two stores for the option `revocation`: one in the application's Redis or Valkey, and one inside the process.
 *
 * A cut-off is never replaced by an earlier one, and is never kept for a shorter time than an earlier call asked for.
 * Otherwise a second call could accept again what the first one revoked.
 */

/**
 * @import { RevocationKey, RevocationStore, RevokeOptions } from '../types/revocation.js'
 * @import { Commands } from './redis-client.js'
 */

const { createHash } = require('node:crypto');

const { LIMITS } = require('../native/constants.js');
const { checkedOptions, invalid, own } = require('../client/arguments.js');
const { textOf } = require('../client/json.js');
const { KINDS, MAX_SECONDS_AHEAD } = require('../client/revocation.js');
const { dateNow } = require('../client/time.js');
const { bounded, commandsOf, isOk } = require('./redis-client.js');

const DEFAULT_PREFIX = 'monocloud:';

/** 30 days, in seconds. */
const DEFAULT_MAX_TTL = 2_592_000;
/** Ten years. */
const LONGEST_MAX_TTL = 315_360_000;
/**
 * Added to the time for which a cut-off is kept: `clockTolerance` accepts a token for some time after its `exp`, and clocks
 * differ.
 */
const EXTRA_SECONDS = 900;

const DEFAULT_MAX_ENTRIES = 100_000;
/** Looking for expired entries takes time. A full store does it at most this often. */
const SWEEP_SECONDS = 1;

/**
 * Stores the later of two cut-offs for the longer of two times. Redis runs a script without other commands in between.
 * Times to live are relative, so the clock of the server does not matter.
 */
const REVOKE = `
local at, ttl = ARGV[1], tonumber(ARGV[2])
local old = redis.call('GET', KEYS[1])
if old and string.match(old, '^%d+%.?%d*$') and tonumber(old) > tonumber(at) then at = old end
local left = redis.call('TTL', KEYS[1])
if left == -1 then return redis.call('SET', KEYS[1], at) end
if left > ttl then ttl = left end
return redis.call('SET', KEYS[1], at, 'EX', ttl)
`.trim();

/** @type {typeof import('../cache.js').redisRevocationStore} */
function redisRevocationStore(client, options) {
  const given = checkedOptions('redisRevocationStore()', options, ['prefix', 'maxTtl']);
  const { prefix = DEFAULT_PREFIX, maxTtl = DEFAULT_MAX_TTL } = given;
  if (typeof prefix !== 'string') throw invalid('prefix must be a string');
  checkWhole('maxTtl', maxTtl, LONGEST_MAX_TTL);
  return new RedisRevocationStore(bounded(client, commandsOf(client, 'mGet', 'eval')), prefix, maxTtl);
}

/** @type {typeof import('../cache.js').memoryRevocationStore} */
function memoryRevocationStore(options) {
  const given = checkedOptions('memoryRevocationStore()', options, ['maxEntries', 'maxTtl']);
  const { maxEntries = DEFAULT_MAX_ENTRIES, maxTtl = DEFAULT_MAX_TTL } = given;
  checkWhole('maxEntries', maxEntries, LIMITS.cacheEntries);
  checkWhole('maxTtl', maxTtl, LONGEST_MAX_TTL);
  return new MemoryRevocationStore(maxEntries, maxTtl);
}

/** @implements {RevocationStore} */
class RedisRevocationStore {
  #commands;
  #prefix;
  #maxTtl;

  /**
   * @param {Commands} commands
   * @param {string} prefix
   * @param {number} maxTtl
   */
  constructor(commands, prefix, maxTtl) {
    this.#commands = commands;
    this.#prefix = prefix;
    this.#maxTtl = maxTtl;
  }

  /** @param {RevocationKey} key */
  async cutoff(key) {
    const [cutoff] = await this.cutoffs([key]);
    return cutoff;
  }

  /** @param {readonly RevocationKey[]} keys */
  async cutoffs(keys) {
    const replies = await this.#commands.getAll(keys.map((key) => this.#name(key)));
    if (!Array.isArray(replies) || replies.length !== keys.length) throw new Error('Redis sent an unexpected reply');
    return replies.map(cutoffIn);
  }

  /**
   * @param {RevocationKey} key
   * @param {RevokeOptions} [options]
   */
  async revoke(key, options) {
    const { at, keptFor } = checkedRevocation(key, options, this.#maxTtl);
    const reply = await this.#commands.run(REVOKE, this.#name(key), [String(at), String(keptFor)]);
    // A client that collects commands for a transaction, for example, has not asked the server.
    if (!isOk(reply)) throw new Error('Redis sent an unexpected reply');
  }

  /**
   * The braces put all keys into one slot of a cluster, so that one `MGET` reads them.
   *
   * @param {RevocationKey} key
   */
  #name(key) {
    return `${this.#prefix}{revoked}:${digestOf(key)}`;
  }
}

/** @implements {RevocationStore} */
class MemoryRevocationStore {
  #maxEntries;
  #maxTtl;
  /** @type {Map<string, { at: number, expiresAt: number }>} */
  #entries = new Map();
  #sweptAt = -Infinity;

  /**
   * @param {number} maxEntries
   * @param {number} maxTtl
   */
  constructor(maxEntries, maxTtl) {
    this.#maxEntries = maxEntries;
    this.#maxTtl = maxTtl;
  }

  /** @param {RevocationKey} key */
  cutoff(key) {
    if (this.#entries.size === 0) return undefined;
    const entry = this.#entries.get(digestOf(key));
    return entry === undefined || entry.expiresAt <= dateNow() ? undefined : entry.at;
  }

  /**
   * @param {RevocationKey} key
   * @param {RevokeOptions} [options]
   */
  async revoke(key, options) {
    const { at, keptFor } = checkedRevocation(key, options, this.#maxTtl);
    const now = dateNow();
    const id = digestOf(key);
    const old = this.#entries.get(id);
    if (old === undefined) this.#makeRoom(now);
    const entry = { at: Math.max(at, old?.at ?? 0), expiresAt: Math.max(now + keptFor, old?.expiresAt ?? 0) };
    this.#entries.set(id, entry);
  }

  /**
   * No entry is dropped before its time: its tokens would be accepted again.
   *
   * @param {number} now
   */
  #makeRoom(now) {
    if (this.#entries.size < this.#maxEntries) return;
    const sinceSweep = now - this.#sweptAt;
    if (sinceSweep < 0 || sinceSweep >= SWEEP_SECONDS) {
      this.#sweptAt = now;
      for (const [id, { expiresAt }] of this.#entries) if (expiresAt <= now) this.#entries.delete(id);
    }
    if (this.#entries.size >= this.#maxEntries) throw new Error('The revocation store is full (option maxEntries)');
  }
}

/**
 * Parses a value of Redis, which is text or a buffer, depending on the client's settings.
 *
 * @param {unknown} reply
 */
function cutoffIn(reply) {
  if (reply === null) return undefined;
  const text = Buffer.isBuffer(reply) ? reply.toString('latin1') : reply;
  if (typeof text !== 'string' || !/^\d{1,16}(?:\.\d{1,32})?$/.test(text)) {
    throw new Error('Redis has a value that is no cut-off');
  }
  return Number(text);
}

/**
 * Checks the arguments of `revoke`. `keptFor`: the seconds from now until no token is left that the cut-off revokes.
 *
 * @param {RevocationKey} key
 * @param {RevokeOptions | undefined} options
 * @param {number} maxTtl
 */
function checkedRevocation(key, options, maxTtl) {
  checkKey(key);
  const now = dateNow();
  const given = checkedOptions('revoke()', options, ['at', 'ttl']);
  const { at = Math.floor(now), ttl = maxTtl } = given;
  if (typeof at !== 'number' || !(at >= 0 && at <= now + MAX_SECONDS_AHEAD)) {
    throw invalid('revoke(): at must be a time in seconds since the epoch, at most one day from now');
  }
  // A shorter time than the caller asks for would accept the tokens again.
  checkWhole('revoke(): ttl', ttl, maxTtl);
  // `Date.now()` has milliseconds. JavaScript writes much smaller fractions with an exponent.
  return { at: Math.round(at * 1000) / 1000, keptFor: Math.ceil(Math.max(at - now, 0)) + ttl + EXTRA_SECONDS };
}

/** @param {unknown} key */
function checkKey(key) {
  const { issuer, kind, value } = /** @type {Record<string, unknown>} */ (
    checkedOptions('revoke()', key, ['issuer', 'kind', 'value'])
  );
  if (typeof issuer !== 'string' || !issuer.includes('://')) {
    throw invalid('revoke(): issuer must be the URL of the issuer');
  }
  if (!KINDS.some((known) => known === kind)) throw invalid(`revoke(): kind must be one of ${KINDS.join(', ')}`);
  if (typeof value !== 'string' || value === '') throw invalid('revoke(): value must be a string that is not empty');
}

/**
 * JSON keeps the three parts apart. As in `tenantDomain`, one trailing `/` of the issuer does not count.
 *
 * @param {RevocationKey} key
 */
function digestOf(key) {
  const [issuer, kind, value] = [own(key, 'issuer'), own(key, 'kind'), own(key, 'value')];
  const parts = [issuer.endsWith('/') ? issuer.slice(0, -1) : issuer, kind, value];
  return createHash('sha256').update(textOf(parts)).digest('base64url');
}

/**
 * @param {string} name
 * @param {unknown} value
 * @param {number} limit
 */
function checkWhole(name, value, limit) {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= limit) return;
  throw invalid(`${name} must be a whole number from 1 to ${limit}`);
}

module.exports = { memoryRevocationStore, redisRevocationStore };
