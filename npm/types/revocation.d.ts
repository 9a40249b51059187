/**
 * Revocation: which tokens are rejected although they have not expired. A token is revoked by a *cut-off*: a time, stored
 * for a claim of the token. It revokes every token with this claim that was issued until then.
 */

/**
 * A claim by which tokens can be revoked.
 *
 * - `jti`: one token (RFC 7519 §4.1.7).
 * - `sid`: the tokens of one session at the authorization server (OpenID Connect Back-Channel Logout 1.0 §2.1).
 * - `sub`: the tokens of one user (RFC 7519 §4.1.2). Some authorization servers give each client another `sub` for one user
 *   (OpenID Connect Core 1.0 §8.1, `pairwise`). Revoke each of them then.
 * - `client_id`: the tokens of one client application (RFC 8693 §4.3).
 */
export type RevocationKind = 'jti' | 'sid' | 'sub' | 'client_id';

/** What a cut-off is stored for. */
export interface RevocationKey {
  /** `tenantDomain` of the client, without a trailing `/`. */
  issuer: string;
  kind: RevocationKind;
  /** The value of the claim. */
  value: string;
}

/** Stores cut-offs. `@monocloud/backend-node/cache` has `redisRevocationStore()` and `memoryRevocationStore()`. */
export interface IRevocationStore {
  /**
   * Returns the cut-off of a key, in seconds since the epoch: a finite number of 0 or more. `undefined` or `null` if there is
   * none. Anything else counts as a failure of the store, and so does an answer that takes over 250 ms.
   *
   * - A token whose `iat` is earlier than the cut-off, or equal to it, is revoked.
   * - If the cut-off of a `sub` or a `sid` has a fraction, tokens whose `iat` is the whole second of the cut-off are not
   *   revoked. Most authorization servers write `iat` in whole seconds. With a fraction, a sign-in in the same second as
   *   the cut-off gives a working token, and a token that was issued in this second before the cut-off stays valid.
   * - A token without `iat`, or whose `iat` is more than a day in the future, is revoked by every cut-off.
   *
   * An answer that comes as a promise is used again for one second. An answer that is no promise is not.
   */
  cutoff(key: RevocationKey): Promise<number | null | undefined> | number | null | undefined;
  /**
   * Optional. Returns the cut-offs of several keys, in their order. If it is there, the client calls it once per token
   * instead of `cutoff` once per claim.
   */
  cutoffs?(
    keys: readonly RevocationKey[],
  ): Promise<ReadonlyArray<number | null | undefined>> | ReadonlyArray<number | null | undefined>;
}

/** Rejects tokens that were revoked. It must be a plain object without unknown members. */
export interface RevocationOptions {
  /**
   * Where the cut-offs are. The store is asked on every call, also for remembered and cached tokens. It is asked only about
   * tokens that are valid: the signature or the introspection result, the claims, the times and what the token is bound to
   * were checked before.
   */
  store: IRevocationStore;
  /** The claims that are looked up. Default: all four. A token with none of them cannot be revoked. */
  kinds?: readonly RevocationKind[] | undefined;
  /**
   * What happens if the store fails or takes over 250 ms. Default: `refuse`.
   *
   * - `refuse`: the call rejects with `MonoCloudHttpError` (`revocation_store_failed`), and `protectApi` sends 503. So an
   *   outage of the store is an outage of the whole API.
   * - `allow`: the token is accepted, also if it was revoked.
   *
   * In both cases the event `monocloud:backend:revocation.failed` is published.
   */
  onFailure?: 'refuse' | 'allow' | undefined;
  /**
   * `true` rejects tokens without `iat` (`MonoCloudTokenError`, reason `issued_at_invalid`). Default: `false`. Such a token
   * is accepted until there is any cut-off for one of its claims.
   */
  requireIat?: boolean | undefined;
}

/** When tokens are revoked, and for how long. */
export interface RevokeOptions {
  /**
   * The cut-off, in seconds since the epoch, at most one day from now. It is kept in milliseconds. Default: the current
   * second. It revokes the tokens of this whole second.
   *
   * `Date.now() / 1000` has a fraction. It keeps the tokens of the current second for `sub` and `sid`: use it if a user may
   * sign in again at once, such as after a change of the password. If the clock of the authorization server is ahead of
   * yours, add the difference.
   */
  at?: number | undefined;
  /**
   * Seconds for which the cut-off is kept, a whole number from 1 to `maxTtl` of the store. It must be at least the longest
   * lifetime of an access token: a token that outlives it is accepted again. Default: `maxTtl`.
   */
  ttl?: number | undefined;
}

/** A store of this package. */
export interface RevocationStore extends IRevocationStore {
  /**
   * Stores a cut-off. A later cut-off that is stored already stays, and so does a longer time to keep it.
   *
   * @throws MonoCloudValidationError An argument is missing, wrong or unknown (`argument_invalid`).
   */
  revoke(key: RevocationKey, options?: RevokeOptions): Promise<void>;
}
