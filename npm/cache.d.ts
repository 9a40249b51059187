/** Two ready-made caches for the option `cache`. */
import type { ICache } from '../index.js';

/**
 * A cache inside this process. Entries end with their token; the least recently used gives way. Keyed by a hash: no
 * raw token stays in memory. Not shared between workers or machines.
 *
 * An eighth of the entries and of the bytes is for inactive verdicts alone (with fewer than 8 entries, none is kept), and
 * the rest is for claims: invented tokens do not push out the claims of good ones.
 */
export function memoryCache(options?: {
  /** How many entries there may be: a whole number from 1 to 1048576. Default: 10000. Else `MonoCloudValidationError`. */
  maxEntries?: number | undefined;
  /**
   * How many bytes they may take, in native memory and, as an estimate, in JavaScript's heap: a whole number from 1 to
   * 68719476736 (64 GiB). An entry that is larger on its own is not kept. Default: 33554432 (32 MiB). Else
   * `MonoCloudValidationError`.
   */
  maxBytes?: number | undefined;
}): ICache;

/** What `redisCache` uses of node-redis 5 or later: a client, a pool or a cluster. */
export interface NodeRedisClient {
  get(key: string): Promise<unknown>;
  set(key: string, value: string, options: { expiration: { type: 'EXAT'; value: number } }): Promise<unknown>;
  del(key: string): Promise<unknown>;
}

/** What `redisCache` uses of ioredis, and of iovalkey, which is like it: a client or a cluster. */
export interface IoRedisClient {
  /** Called as `call('GET', key)`, `call('SET', key, value, 'EXAT', seconds)` and `call('DEL', key)`. */
  call(command: string, ...args: string[]): Promise<unknown>;
}

/** What `redisCache` uses of Valkey GLIDE. */
export interface ValkeyGlideClient {
  /** Called with the same commands as {@link IoRedisClient.call}, each as one array. */
  customCommand(args: string[]): Promise<unknown>;
}

/**
 * A cache in Redis or Valkey, over the application's own client, shared by a fleet of machines. One entry a token,
 * which the server itself ends with the token (`EXPIREAT`). Its key is `prefix` and the SHA-256 of issuer, audience
 * and token, so that no raw token is stored and tenants and audiences never meet; its value is JSON of that key and
 * the entry ({@link ICache.set}), not encrypted: an entry under any other key is not believed. Who can write to the server can say what
 * an opaque token's claims are. Commands: `GET`, `SET … EXAT` (Redis 6.2, Valkey 7.2 or later), `DEL`.
 *
 * The application connects, closes and handles the errors of its client. Rubbish is found as nothing; a server that is
 * out of reach rejects, which a client of this package takes for a miss. While the client reconnects, or 10,000
 * commands wait for an answer, none is sent.
 *
 * @throws MonoCloudValidationError `client` is none of the known ones, or `prefix` not a string.
 */
export function redisCache(
  client: NodeRedisClient | IoRedisClient | ValkeyGlideClient,
  options?: {
    /** Put before every key. Default: `monocloud:`. */
    prefix?: string | undefined;
  },
): ICache;
