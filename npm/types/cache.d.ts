import type { AccessTokenClaims } from './claims.js';

/**
 * How and when an entry of a cache was obtained: the member `monocloud:obtained` of what {@link ICache.set} is given.
 *
 * Clients that share a cache may be configured differently, and each decides with its own options whether it uses an
 * entry. A client with `introspectJwtTokens` does not use an entry that a local validation made. Each client applies
 * its own `introspectionCacheDuration` to `at`. What the authorization server said to one client id is not used by
 * another.
 */
export interface CacheEntryOrigin {
  /** `introspection`: the authorization server said so. `validation`: a JWT was validated locally. */
  by: 'introspection' | 'validation';
  /** When, in seconds since the epoch. An entry from more than 5 seconds in the future is not used. */
  at: number;
  /** Which client obtained it: the SHA-256 of tenant and client id, as base64url. */
  client: string;
}

/**
 * A cache of validated claims, asked with the raw token: for JWTs and introspected tokens alike. Two ready-made ones
 * are in `@monocloud/backend-node/cache`.
 *
 * A hit is never believed: issuer, audience and times are checked again, then scopes, groups and certificate binding
 * of that call. A JWT is decided by its signature as ever; its entry serves only in a process that has had no keys yet
 * and cannot get them within a second. A cache that throws, rejects, gives rubbish or takes more than 250 ms is a miss,
 * never an error.
 *
 * What a cache sees are credentials. One that stores outside the process should key by a hash of the whole token. For
 * an opaque token an entry is worth as much as whoever can write to it.
 */
export interface ICache {
  /** The object `set` was given for this token, or nothing. An entry that no longer holds is deleted by the caller. */
  get(token: string): Promise<AccessTokenClaims | null | undefined>;
  /**
   * Keeps an entry: the claims and one more member, `monocloud:obtained` ({@link CacheEntryOrigin}), for example
   *
   * ```json
   * {
   *   "iss": "https://acme.us.monocloud.com", "aud": "https://api.example.com", "exp": 1764165600, "scope": "orders:read",
   *   "monocloud:obtained": { "by": "introspection", "at": 1764162000.25, "client": "lD9k…" }
   * }
   * ```
   *
   * Store the object whole, with every member. As JSON is fine. An entry without `monocloud:obtained`, such as one
   * that version 1.0 wrote, is a miss, and so is one that was changed. The claims that a caller gets never have the
   * member. Claims that have a member of this name themselves are not cached.
   *
   * An inactive verdict (RFC 7662 §2.2) arrives as `{ active: false, exp }` and that member. Claims of an introspected
   * token that name no issuer are given `iss`, so that an entry says whose it is.
   *
   * With one plain cache, a client that validates a JWT locally neither replaces nor deletes what the authorization
   * server said of it.
   *
   * @param expiresAt Whole seconds since the epoch, at most a hundred years from now; the entry is worthless from then on.
   */
  set(token: string, claims: AccessTokenClaims, expiresAt: number): Promise<void>;
  delete(token: string): Promise<void>;
  /**
   * An extension of this package. When there, it is called once by each client that is given the cache, and the
   * client uses what it returns instead of the cache itself: the place where one store shared by several tenants or
   * audiences keeps their entries apart. Without it the entries of one cache are told apart by token only, which is
   * safe (see above) but makes clients overwrite each other.
   */
  scope?(context: { issuer: string; audience: string }): ICache;
}

/** The later name of {@link ICache}. */
export interface IIntrospectionCache extends ICache {}
