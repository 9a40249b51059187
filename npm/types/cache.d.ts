import type { AccessTokenClaims } from './claims.js';

/**
 * How and when a cache entry was obtained. {@link ICache.set} receives this object as the member `monocloud:obtained`.
 *
 * Clients that share a cache may have different options. Each client applies its own options to an entry:
 *
 * - A client with `introspectJwtTokens` ignores entries that a local validation made.
 * - Each client applies its own `introspectionCacheDuration` to `at`.
 * - A client ignores introspection results that another client id obtained.
 */
export interface CacheEntryOrigin {
  /**
   * `introspection`: the authorization server returned the claims. `validation`: a client validated a JWT locally.
   */
  by: 'introspection' | 'validation';
  /**
   * When the entry was obtained, in seconds since the epoch. An entry that is more than 5 seconds in the future is
   * ignored.
   */
  at: number;
  /** The client that obtained the entry: the SHA-256 of tenant and client id, as base64url. */
  client: string;
}

/**
 * A cache of validated claims, for JWTs and for introspected tokens. `@monocloud/backend-node/cache` has two ready-made
 * caches.
 *
 * Cache hits are validated again: issuer, audience and times, then the DPoP proof, certificate binding, `acr`,
 * `auth_time`, scopes and groups of this call.
 * A JWT is always verified with the issuer's keys. Its entry is used only if the process has never had keys, cannot get
 * them within one second, and the entry equals the JWT's claims.
 *
 * A cache that throws, rejects, returns something unreadable or takes more than 250 ms counts as a miss. It never
 * causes an error.
 *
 * The token is a credential. If your cache stores entries outside the process, use a hash of the whole token as the
 * key. Whoever can write to the cache can vouch for an opaque token.
 */
export interface ICache {
  /**
   * Returns the object that `set` received for this token, or `null` or `undefined`. The client deletes an entry that
   * is no longer valid.
   */
  get(token: string): Promise<AccessTokenClaims | null | undefined>;
  /**
   * Stores an entry: the claims and one more member, `monocloud:obtained` ({@link CacheEntryOrigin}). For example:
   *
   * ```json
   * {
   *   "iss": "https://acme.us.monocloud.com", "aud": "https://api.example.com", "exp": 1764165600, "scope": "orders:read",
   *   "monocloud:obtained": { "by": "introspection", "at": 1764162000.25, "client": "lD9k…" }
   * }
   * ```
   *
   * Store the whole object, with every member. You may store it as JSON. An entry that lacks `monocloud:obtained`, such
   * as one that version 1.0 wrote, is a miss. So is an entry that was changed. The claims that a caller receives never
   * have this member. If a token's own claims have a member of this name, they are not cached.
   *
   * An inactive result (RFC 7662 §2.2) is stored as `{ active: false, exp }` and `monocloud:obtained`. If the claims of
   * an introspected token have no `iss`, the client adds it, so that the entry names its issuer.
   *
   * A client that validates a JWT locally neither replaces nor deletes an introspection result for that JWT.
   *
   * @param expiresAt When the entry expires, in whole seconds since the epoch. At most 100 years from now. The entry is
   *   worthless from then on.
   */
  set(token: string, claims: AccessTokenClaims, expiresAt: number): Promise<void>;
  /** Removes the entry of this token, if there is one. */
  delete(token: string): Promise<void>;
  /**
   * Optional. Each client calls it once and uses the returned cache instead of this one. Use it to separate the entries
   * of several tenants or audiences in one store.
   *
   * `audience` is one text: several audiences of a client are separated by spaces.
   *
   * Without it, entries are distinguished by their token only. Clients of different issuers, audiences or client ids
   * then overwrite each other's entries. They never use them.
   */
  scope?(context: { issuer: string; audience: string }): ICache;
}

/** Another name for {@link ICache}. */
export interface IIntrospectionCache extends ICache {}
