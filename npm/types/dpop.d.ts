/**
 * DPoP (RFC 9449): when a token must come with a proof of its key, which proofs are accepted, and how each is used once.
 */

/**
 * When a token must come with a DPoP proof (RFC 9449 §7).
 *
 * - `when_present`: a token that is bound to a key (`cnf.jkt`, RFC 9449 §6) needs the scheme `DPoP` and a proof of this
 *   key. Other tokens are accepted as bearer tokens.
 * - `required`: every token must be bound to a key and come with a proof.
 * - `dangerously_ignore`: binding is not checked. Anyone who holds a stolen bound token can use it as a bearer token.
 *
 * In every mode, a token that is not bound to a key is rejected with the scheme `DPoP` (RFC 9449 §7.1).
 */
export type DPoPBindingValidation = 'when_present' | 'required' | 'dangerously_ignore';

/**
 * A signature algorithm of proofs (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2.2). `EdDSA` and `Ed25519` are two names of
 * one algorithm. Either of them accepts both.
 */
export type DPoPAlgorithm =
  'ES256' | 'ES384' | 'ES512' | 'EdDSA' | 'Ed25519' | 'PS256' | 'PS384' | 'PS512' | 'RS256' | 'RS384' | 'RS512';

/**
 * Which DPoP proofs are accepted (RFC 9449 §4.3). It must be a plain object without unknown members. Anything else throws
 * `MonoCloudValidationError` (`option_invalid`) from the constructor.
 */
export interface DPoPOptions {
  /**
   * The signature algorithms of proofs, without duplicates. They are published as `algs` in the `WWW-Authenticate` header.
   * Default: `ES256`, `EdDSA`, `Ed25519`, `PS256`, `RS256`. Environment variable: `MONOCLOUD_BACKEND_DPOP_ALGORITHMS`,
   * separated by spaces.
   */
  algorithms?: readonly DPoPAlgorithm[] | undefined;
  /**
   * Seconds that a proof is accepted after its `iat`, a whole number from 1 to 600. Default: 60. Environment variable:
   * `MONOCLOUD_BACKEND_DPOP_MAX_AGE`.
   *
   * `clockSkew` applies to proofs. `clockTolerance` does not.
   */
  maxAge?: number | undefined;
  /**
   * Seconds that `iat` of a proof may be in the future, a whole number from 0 to 60. Default: 30. Environment variable:
   * `MONOCLOUD_BACKEND_DPOP_LEEWAY`.
   */
  leeway?: number | undefined;
  /**
   * When a proof must contain a nonce of this API (RFC 9449 §9). Default: `off`, and `when_stale` with `nonceSecret`.
   * Environment variable: `MONOCLOUD_BACKEND_DPOP_NONCE`.
   *
   * - `off`: never. A nonce is ignored.
   * - `when_stale`: if the `iat` of a proof is too old or too new, the caller is asked for a nonce. So callers whose clocks
   *   are wrong can still use the API. A caller that was asked must send a nonce as long as that one is accepted.
   * - `required`: always.
   *
   * A proof with a nonce is judged by its nonce, and its `iat` may be off by up to 24 hours. If the nonce is not a recent
   * one of this API, the proof is rejected, also if its `iat` is recent.
   *
   * Set `nonceSecret` too if more than one process serves the API. Otherwise a caller is asked for a new nonce by each
   * process in turn.
   */
  nonce?: 'off' | 'when_stale' | 'required' | undefined;
  /**
   * The secret of the nonces: 32 to 1024 bytes, in base64url without padding or in hex. It must be the same in every
   * process behind one URL. `openssl rand -hex 32` makes one. Default: a random secret that only this process knows.
   * Environment variable: `MONOCLOUD_BACKEND_DPOP_NONCE_SECRET`.
   *
   * No error message, no output of `util.inspect(client)` and no `health()` contains it.
   */
  nonceSecret?: string | undefined;
  /**
   * Seconds that a nonce is the current one, a whole number from 10 to 3600. A nonce is accepted while it is the current
   * or the previous one, and while it is the next one, because the clocks of two machines may differ. Default: 60.
   * Environment variable: `MONOCLOUD_BACKEND_DPOP_NONCE_ROTATION`.
   */
  nonceRotation?: number | undefined;
  /**
   * How many accepted proofs this process remembers, a whole number from 1024 to 16777216. Default: 262144, which is 2,900
   * proofs per second for 90 seconds. A proof takes 28 to 32 bytes. Environment variable:
   * `MONOCLOUD_BACKEND_DPOP_REPLAY_CACHE_SIZE`.
   *
   * No proof is accepted twice, even if the memory is full. It then forgets its oldest proofs, and rejects every proof
   * that is as old as they are or older. Clients with the same issuer, audience and settings share one memory, also in
   * worker threads. It is lost when the process ends.
   */
  replayCacheSize?: number | undefined;
  /**
   * A store of used proofs that several processes share. `redisReplayStore()` of `@monocloud/backend-node/cache` makes
   * one. Default: none. Each process then accepts a proof once.
   *
   * The store is asked last, once per request, and only about proofs that pass every other rule and are new to this
   * process.
   */
  replayStore?: IReplayStore | undefined;
  /**
   * What happens if `replayStore` fails or takes over 250 ms. `local`: the memory of this process decides alone.
   * `refuse`: the call fails with `MonoCloudHttpError` (`replay_store_failed`). Default: `local`.
   */
  replayStoreFailure?: 'local' | 'refuse' | undefined;
}

/** The DPoP proof of a request, for a caller that uses no `protectApi`. An unknown member throws (`argument_invalid`). */
export interface DPoPProofOptions {
  /**
   * The value of the `DPoP` header. `undefined` or `null` if the request has no such header. An array of all values, at
   * most 16, if it has several: two proofs are rejected.
   */
  proof: string | readonly string[] | null | undefined;
  /** The method of the request, as it was received. It is compared with `htm` byte for byte (RFC 9110 §9.1). */
  method: string;
  /**
   * The URL that the client sent the request to, as the client sees it, with everything that a proxy removed. It is
   * compared with `htu` after the normalization of RFC 3986 §6.2.2 and §6.2.3. Query and fragment do not count.
   * `publicUrl` has no effect on it.
   *
   * Not checked: where the URL comes from. A URL from headers that the client can set is the client's own choice.
   */
  url: string | URL;
}

/** Remembers used proofs for several processes. */
export interface IReplayStore {
  /**
   * Stores an id until it expires. Resolves with `true` if the id was not stored before, and with `false` if it was. It
   * must be atomic: of several concurrent calls with one id, exactly one resolves with `true`.
   *
   * @param id A hash of the sender's key and of the proof's `jti`, in base64url. It contains no secret.
   * @param expiresAt When the id can be forgotten, in whole seconds since the epoch.
   */
  add(id: string, expiresAt: number): Promise<boolean>;
}
