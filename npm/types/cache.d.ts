import type { AccessTokenClaims } from './claims.js';

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
   * Keeps claims. An inactive verdict (RFC 7662 §2.2) arrives as `{ active: false, exp }` in the place of claims. Claims
   * of an introspected token that name no issuer are given `iss`, so that an entry says whose it is.
   *
   * @param expiresAt Seconds since the epoch; the entry is worthless from then on.
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
