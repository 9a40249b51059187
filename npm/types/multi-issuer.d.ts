/** The client for several authorization servers. */
import type { AccessTokenClaims } from './claims.js';
import type { MonoCloudHealth, MonoCloudOidcBackendClient } from './client.js';
import type { Explanation } from './explain.js';
import type { MonoCloudBackendNodeClientOptions, ValidateAccessTokenOptions } from './options.js';

/** What {@link MonoCloudMultiIssuerOptions.resolve} returns for one issuer. `null` and `undefined`: not ours. */
export type ResolvedIssuer =
  | MonoCloudOidcBackendClient
  | { [Name in keyof MonoCloudBackendNodeClientOptions]?: MonoCloudBackendNodeClientOptions[Name] | undefined }
  | null
  | undefined;

/** The options of {@link MonoCloudMultiIssuerClient}. An unknown member throws (`option_invalid`). */
export interface MonoCloudMultiIssuerOptions {
  /**
   * The clients that are known from the start, at most 10,000. Each is an ordinary client of its own issuer. Two of them
   * must not have the same issuer. Default: none. `clients` or `resolve` is required.
   */
  clients?: readonly MonoCloudOidcBackendClient[] | undefined;
  /**
   * Returns the client of an issuer that is not among `clients`, or the options for one, or `null` if the issuer is not
   * yours. It may return a promise. Default: none. All other issuers are then rejected.
   *
   * `issuer` is the `iss` of a token that **nobody has verified**: anyone can choose it. Look it up in your own list. Never
   * build a URL, a file name or a query from it, and escape it in logs. It is a URL of at most 2,048 bytes without spaces
   * and control characters. Nothing is fetched from it, except by the client that you return.
   *
   * - Options read no environment variables, because these may hold a secret of another authorization server.
   * - The client's `tenantDomain` must be `issuer`. Otherwise the call rejects with `MonoCloudValidationError`
   *   (`resolved_client_invalid`), as for any other value.
   * - The answer counts for `resolveDuration`. A client that is in use is renewed in the background after half of this
   *   time. If the options are the same as before, the client stays, with its keys and its memory.
   * - If it throws or rejects, or takes more than 5 seconds, nothing is remembered, and the call rejects with
   *   `MonoCloudHttpError` (`fetcher_failed`, `timed_out`).
   * - It is called once at a time for an issuer. At most 16 calls run at a time, 4 of them only for issuers that were
   *   resolved before. Up to 1,000 more issuers wait. Any more reject with `MonoCloudHttpError` (`overloaded`). An answer
   *   that is no promise needs no place.
   */
  resolve?: ((issuer: string) => ResolvedIssuer | Promise<ResolvedIssuer>) | undefined;
  /**
   * The largest number of clients that `resolve` returned, 1 to 10,000. Default: 100. If there are more, a client that
   * accepted no token gives way first, and then the one that accepted no token for the longest time. Configured clients
   * are never removed.
   */
  maxClients?: number | undefined;
  /** How long an answer of `resolve` counts, a whole number of seconds from 1 to 86,400. Default: 300. */
  resolveDuration?: number | undefined;
  /**
   * The client that introspects opaque tokens. Only this one is asked: asking several would show the token to all of them.
   * Default: none. Opaque tokens are then rejected (`token_malformed`). It validates JWTs only if it is among `clients`
   * too.
   */
  opaque?: MonoCloudOidcBackendClient | undefined;
}

/** The requirements of one call of {@link MonoCloudMultiIssuerClient.validateAccessToken}. */
export interface ValidateMultiIssuerOptions extends ValidateAccessTokenOptions {
  /**
   * The issuers whose tokens are accepted, at most 10,000. One trailing `/` is ignored. Default: all. Tokens of other
   * issuers are rejected (`issuer_mismatch`), before `resolve` is called.
   */
  issuers?: readonly string[] | undefined;
}

/**
 * Validates access tokens of several authorization servers for one API. It holds an ordinary client for each issuer, with
 * keys, limits, memories and a circuit breaker of its own. A token's `iss` chooses the client, and that client validates the
 * token as always.
 *
 * `sub` is unique per issuer only (OpenID Connect Core §5.7). Identify a user by `iss` and `sub` together. The claims always
 * have `iss`, also those of an introspected token.
 *
 * A subclass may override `validateAccessToken`. `protectApi` then calls it, without DPoP.
 */
export declare class MonoCloudMultiIssuerClient {
  /**
   * @throws MonoCloudValidationError An option is missing, invalid or unknown (`option_invalid`). The message names it.
   */
  constructor(options: MonoCloudMultiIssuerOptions);

  /**
   * Validates an access token. It checks these rules in this order. The first failure ends the validation.
   *
   * 1. Size: at most 16 KiB. Form: a token of three dot-separated parts is a JWT, and its claims must be one JSON object
   *    without duplicate members at the top level. Anything else goes to `opaque`.
   * 2. `iss` is a string that equals the `tenantDomain` of a client, one trailing `/` aside, or `resolve` returns a client
   *    for it. With `issuers`, it must be one of them. Otherwise the token is rejected (`issuer_mismatch`) without a request
   *    to any authorization server.
   * 3. All rules of that client's own `validateAccessToken`, with its keys. They include `iss`: rule 2 reads it before the
   *    signature is verified, so it only chooses.
   *
   * Not checked: that the claims have the type `C`.
   *
   * @typeParam C The claims that you expect. This is your assertion.
   * @throws MonoCloudTokenError The token is rejected. `reason` names the rule.
   * @throws MonoCloudValidationError As the chosen client, or `resolve` returned no client of this issuer
   *   (`resolved_client_invalid`). If its options are invalid, `cause` says which.
   * @throws MonoCloudOPError As the chosen client.
   * @throws MonoCloudHttpError As the chosen client, or `resolve` failed (`fetcher_failed`), took too long (`timed_out`), or
   *   too many issuers wait for it (`overloaded`).
   */
  validateAccessToken(token: string, options?: ValidateMultiIssuerOptions): Promise<AccessTokenClaims>;
  validateAccessToken<C extends object>(token: string, options?: ValidateMultiIssuerOptions): Promise<C>;

  /**
   * Explains what `validateAccessToken` decides on a token, as the chosen client's `explain`. If no client is chosen,
   * the result has at most the rule that failed.
   *
   * The result contains claims of the token, which may be personal data. Do not send it in responses of a public API.
   *
   * @throws MonoCloudValidationError `options` is not a plain object or has an unknown member (`argument_invalid`).
   */
  explain(token: string, options?: ValidateMultiIssuerOptions): Promise<Explanation>;

  /**
   * Fetches metadata and keys of all issuers that are known at the moment. It waits for all of them, also if one fails.
   *
   * @throws MonoCloudHttpError The documents of an issuer could not be fetched or read. `health()` says which.
   * @throws MonoCloudValidationError The metadata is of another issuer (`metadata_issuer_mismatch`).
   */
  warmUp(): Promise<void>;

  /**
   * Returns the current state of all clients by issuer: the configured ones, the one for opaque tokens, and those that
   * `resolve` returned. It makes no request and never throws.
   */
  health(): { issuers: Record<string, MonoCloudHealth> };
}

/** A client for `protectApi`. */
export type ProtectApiClient = MonoCloudOidcBackendClient | MonoCloudMultiIssuerClient;
