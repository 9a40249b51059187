/**
 * Two ready-made caches for the option `cache`, a store of used DPoP proofs for the option `dpop.replayStore`, and two stores
 * of cut-offs for the option `revocation`.
 */
import type { ICache, IReplayStore, RevocationStore } from '../index.js';

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

/** The methods that `redisRevocationStore` uses of node-redis 5 or later: a client, a pool or a cluster. */
export interface NodeRedisRevocationClient extends NodeRedisClient {
  mGet(keys: string[]): Promise<unknown>;
  eval(script: string, options: { keys: string[]; arguments: string[] }): Promise<unknown>;
}

/**
 * Creates a store of cut-offs in Redis or Valkey for the option `revocation`. It uses your own client. Every process of the
 * API shares what one process revokes.
 *
 * There is one entry per key: `prefix`, `{revoked}:` and the SHA-256 of issuer, kind and value. The value is the cut-off. The
 * braces put all entries of a cluster into one slot. The commands are one `MGET` per token, and `EVAL` of a script with
 * `GET`, `TTL` and `SET` per `revoke` (Redis 6.2 or later, Valkey 7.2 or later). With ioredis, iovalkey and Valkey GLIDE,
 * they are sent with the method that {@link redisCache} uses.
 *
 * The client uses an answer again for one second, so a process may accept a token for one second after `revoke`.
 *
 * You connect and close the client and handle its errors. If the server is unreachable, the methods reject, and
 * `revocation.onFailure` decides. No command is sent while your client reconnects or while 10,000 commands wait for a
 * response.
 *
 * Not covered: a server that loses entries. Do not use an eviction policy that removes entries before they expire, and do not
 * read from replicas, which may be behind. Whoever can write to the server can revoke tokens, and can undo it.
 *
 * @throws MonoCloudValidationError `client` is not one of the supported kinds, an option is invalid, or `options` is not a
 *   plain object or has an unknown member (`argument_invalid`).
 */
export function redisRevocationStore(
  client: NodeRedisRevocationClient | IoRedisClient | ValkeyGlideClient,
  options?: {
    /** The text before every key. Default: `monocloud:`. */
    prefix?: string | undefined;
    /**
     * The longest lifetime of an access token in seconds, a whole number from 1 to 315360000. A cut-off is kept for this time
     * and 15 minutes more, for clocks that differ and for `clockTolerance`. Default: 2592000 (30 days).
     */
    maxTtl?: number | undefined;
  },
): RevocationStore;

/**
 * Creates a store of cut-offs in the memory of this thread, for tests and for an API that has one process. Other threads,
 * processes and machines do not see it, and a restart empties it. A call of `revoke` has an effect at once.
 *
 * If the store is full, `revoke` rejects, because dropping a cut-off would accept its tokens again.
 *
 * @throws MonoCloudValidationError An option is invalid, or `options` is not a plain object or has an unknown member
 *   (`argument_invalid`).
 */
export function memoryRevocationStore(options?: {
  /** How many cut-offs the store may hold: a whole number from 1 to 1048576. Default: 100000, which takes about 20 MB. */
  maxEntries?: number | undefined;
  /** As that of {@link redisRevocationStore}. */
  maxTtl?: number | undefined;
}): RevocationStore;
