/** Two ready-made caches for the option `cache`, and a store of used DPoP proofs for the option `dpop.replayStore`. */
import type { ICache, IReplayStore } from '../index.js';

/**
 * Creates a cache in the memory of this thread. Other threads, processes and machines do not see it.
 *
 * Entries expire with their token. If the cache is full, the least recently used entry is removed. The keys are SHA-256
 * hashes, so no token is stored.
 *
 * One eighth of the entries and of the bytes is reserved for inactive results, and inactive results use nothing else.
 * Invented tokens therefore do not remove valid entries. With fewer than 8 entries, no inactive result is stored.
 *
 * @throws MonoCloudValidationError A limit is outside its range, or `options` is not a plain object or has an unknown
 *   member (`argument_invalid`).
 */
export function memoryCache(options?: {
  /** How many entries the cache may hold: a whole number from 1 to 1048576. Default: 10000. */
  maxEntries?: number | undefined;
  /**
   * How many bytes the entries may use: a whole number from 1 to 68719476736 (64 GiB). Default: 33554432 (32 MiB). The
   * limit counts native memory and an estimate of the claims in JavaScript's heap. An entry that is larger than the limit
   * is not stored.
   */
  maxBytes?: number | undefined;
}): ICache;

/**
 * Puts a cache of this process, such as `memoryCache()`, in front of one that several processes share, such as
 * `redisCache()`.
 *
 * A lookup reads `near` first, then `far`. What it finds in `far` is put into `near` for `nearSeconds`, or until its `exp` if
 * that is sooner. Writes and deletions go to both. If `far` fails, entries of `near` are still used, and the failure is
 * published as `monocloud:backend:cache.failed`.
 *
 * @throws MonoCloudValidationError `near` or `far` is no cache, `nearSeconds` is outside its range, or `options` is not a
 *   plain object or has an unknown member (`argument_invalid`).
 */
export function layeredCache(
  near: ICache,
  far: ICache,
  options?: {
    /**
     * How many seconds an entry stays in `near`: a number above 0, at most 3600. Default: 5. A process notices that long
     * later that another process has deleted or replaced an entry.
     */
    nearSeconds?: number | undefined;
  },
): ICache;

/** The methods that `redisCache` and `redisReplayStore` use of node-redis 5 or later: a client, a pool or a cluster. */
export interface NodeRedisClient {
  get(key: string): Promise<unknown>;
  set(
    key: string,
    value: string,
    options: { expiration: { type: 'EXAT'; value: number }; condition?: 'NX' },
  ): Promise<unknown>;
  del(key: string): Promise<unknown>;
}

/** The method that `redisCache` and `redisReplayStore` use of ioredis and iovalkey: a client or a cluster. */
export interface IoRedisClient {
  /**
   * Called as `call('GET', key)`, `call('SET', key, value, 'EXAT', seconds)`, `call('DEL', key)` and
   * `call('SET', key, '', 'NX', 'EXAT', seconds)`.
   */
  call(command: string, ...args: string[]): Promise<unknown>;
}

/** The method that `redisCache` and `redisReplayStore` use of Valkey GLIDE. */
export interface ValkeyGlideClient {
  /** Called with the same commands as {@link IoRedisClient.call}, each as one array. */
  customCommand(args: string[]): Promise<unknown>;
}

/**
 * Creates a cache in Redis or Valkey that several machines can share. It uses your own client.
 *
 * There is one entry per token, and the server removes it when the token expires. The key is `prefix` and the SHA-256 of
 * issuer, audience and token. No token is stored, and tenants and audiences never see each other's entries. The value is
 * readable JSON of the key and the entry ({@link ICache.set}). An entry that was copied to another key is ignored.
 *
 * The commands are `GET`, `SET … EXAT` (Redis 6.2 or later, Valkey 7.2 or later) and `DEL`.
 *
 * You connect and close the client and handle its errors. An unreadable value counts as a miss. If the server is
 * unreachable, the methods reject, which the client of this package treats as a miss. No command is sent while your
 * client reconnects or while 10,000 commands wait for a response.
 *
 * Not checked: who wrote an entry. Whoever can write to the server can vouch for an opaque token.
 *
 * @throws MonoCloudValidationError `client` is not one of the supported kinds, `prefix` is not a string, or `options` is
 *   not a plain object or has an unknown member (`argument_invalid`).
 */
export function redisCache(
  client: NodeRedisClient | IoRedisClient | ValkeyGlideClient,
  options?: {
    /** The text before every key. Default: `monocloud:`. */
    prefix?: string | undefined;
  },
): ICache;

/**
 * Creates a store of used DPoP proofs in Redis or Valkey, so that several processes accept a proof once (RFC 9449 §11.1).
 * It uses your own client.
 *
 * There is one key per proof: `prefix` and a hash of the sender's key and of the proof's `jti`. The value is empty. The
 * server removes the key when the proof expires. The command is `SET … NX EXAT` (Redis 6.2 or later, Valkey 7.2 or
 * later), which is atomic.
 *
 * You connect and close the client and handle its errors. If the server is unreachable, `add` rejects, and
 * `dpop.replayStoreFailure` decides. No command is sent while your client reconnects or while 10,000 commands wait for a
 * response.
 *
 * Not checked: that the server's clock is right. A server whose clock is ahead removes keys too early. Not covered: a
 * server that loses keys. Do not use an eviction policy that removes keys before they expire, and keep in mind that a
 * replica that takes over may lack the last keys.
 *
 * @throws MonoCloudValidationError `client` is not one of the supported kinds, `prefix` is not a string, or `options` is
 *   not a plain object or has an unknown member (`argument_invalid`).
 */
export function redisReplayStore(
  client: NodeRedisClient | IoRedisClient | ValkeyGlideClient,
  options?: {
    /** The text before every key. Default: `monocloud:dpop:`. */
    prefix?: string | undefined;
  },
): IReplayStore;
