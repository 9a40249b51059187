/** The two clients and the state that they report. */
import type { AccessTokenClaims, JwtClaims } from './claims.js';
import type { MonoCloudReason } from './errors.js';
import type { Explanation } from './explain.js';
import type { IssuerMetadata, Jwks } from './issuer.js';
import type {
  IntrospectOptions,
  MonoCloudBackendNodeClientOptions,
  MonoCloudOidcBackendClientOptions,
  ValidateAccessTokenOptions,
  ValidateJwtAccessTokenOptions,
} from './options.js';

/** Makes every option optional and allows `undefined`, also under `exactOptionalPropertyTypes`. */
type Loose<T> = { [Name in keyof T]?: T[Name] | undefined };

/** The state of one document of the authorization server. Times are in seconds and may have a fraction. */
export interface MonoCloudDocumentHealth {
  /** Seconds since the current document was fetched. `undefined` before the first fetch. */
  readonly age: number | undefined;
  /** Seconds until the next background refresh. 0 if it is due. `undefined` before the first fetch. */
  readonly nextRefresh: number | undefined;
  /** The reason why the last fetch failed. `undefined` if it succeeded or if there was none. */
  readonly lastError: MonoCloudReason | undefined;
}

/** The state of the introspection endpoint, as this client sees it. */
export interface MonoCloudIntrospectionHealth {
  /** Number of requests that failed in a row. Any response resets it to 0, also one that cannot be used. */
  readonly failures: number;
  /** The reason why the last request failed. `undefined` if it got a response or if there was none. */
  readonly lastError: MonoCloudReason | undefined;
  /**
   * `true` while the circuit breaker is open. Most requests then fail at once with `introspection_suspended`, and a few
   * per second are sent as probes. It opens after ten failures in a row of at least three different tokens. The first
   * response closes it. For ten seconds after a response, only failures of tokens that were active before count.
   */
  readonly suspended: boolean;
  /** Number of introspection requests in flight, at most 128. */
  readonly inFlight: number;
  /** Number of introspection requests that wait in the queue, at most 1000. */
  readonly queued: number;
}

/** The state of a client. It contains no secret, no token and no claim. */
export interface MonoCloudHealth {
  /**
   * `true` if the client has keys and can validate JWTs without a request to the authorization server. Use it for a
   * readiness probe. During an outage it stays `true` until `jwksMaxStale` has passed.
   */
  readonly ready: boolean;
  /** The authorization server's metadata. */
  readonly metadata: MonoCloudDocumentHealth;
  /** The issuer's keys. `count` is the number of usable keys, 0 to 100. */
  readonly keys: MonoCloudDocumentHealth & { readonly count: number };
  /** The introspection endpoint. */
  readonly introspection: MonoCloudIntrospectionHealth;
  /** Number of used DPoP proofs in memory, at most `dpop.replayCacheSize`. Clients with equal `dpop` options share it. */
  readonly rememberedProofs: number;
  /** Number of verified JWTs in memory, at most `verifiedTokenCacheSize`. */
  readonly rememberedTokens: number;
}

/**
 * Validates access tokens of one authorization server for one API.
 *
 * Create one client per process and configuration. The constructor makes no request. The client never keeps the process
 * alive.
 *
 * You may override the methods in a subclass or replace them with spies:
 *
 * - `validateAccessToken` calls an overridden `validateJwtAccessToken` with the token and the options. It calls an
 *   overridden `introspectAccessToken` with the token only.
 * - The claims that these two return are checked again. They must be a plain object. `aud` is required. `iss`, `exp` and
 *   `nbf` are checked if present. DPoP and certificate binding, `acr`, `auth_time`, scopes, groups, permissions,
 *   roles and claims rules follow.
 * - `protectApi` rejects what an overridden `validateAccessToken` returns if it is not an object. If the object has
 *   `aud`, `exp` or `iss`, it is checked in the same way, except that `aud` may be absent. Any other object is accepted
 *   without a check: the override has decided.
 *
 * The current time is `Date.now()`. If that is not a finite number of milliseconds since 1970, every validation fails
 * with `internal`.
 */
export declare class MonoCloudOidcBackendClient {
  /**
   * Creates a client from its arguments. This class reads no environment variables and has no `cache`.
   *
   * @param tenantDomain The issuer: an absolute `https://` URL (`http://` for loopback hosts only), or a bare host,
   *   which gets `https://`. One trailing `/` is ignored.
   * @param audience The identifier of this API, or several. It is compared with `aud` byte for byte.
   * @param options Optional settings.
   * @throws MonoCloudValidationError An argument or option is missing, invalid or unknown (`option_invalid`). The
   *   message names it.
   */
  constructor(
    tenantDomain: string,
    audience: string | readonly string[],
    options?: Loose<MonoCloudOidcBackendClientOptions>,
  );

  /**
   * Returns the claims of a JWT **without any verification**. The signature, the times, the issuer and the audience are
   * not checked. Anyone who sends a request can choose these claims. Use them in logs and tests, never for a decision.
   *
   * @throws MonoCloudTokenError The text is not three parts of base64url (RFC 7515 §7.1), or the second part is not a
   *   JSON object (`token_malformed`).
   */
  static decodeJwt(jwt: string): JwtClaims;
  static decodeJwt<C extends object>(jwt: string): C;

  /**
   * Validates an access token. Treats three dot-separated parts as a JWT and validates it as `validateJwtAccessToken`
   * does. Introspects anything else as `introspectAccessToken` does. With `introspectJwtTokens` it introspects JWTs too.
   *
   * With a `cache`, a cache hit saves the request to the authorization server and nothing else. Issuer, audience, times,
   * the binding to a DPoP key and to a certificate, `acr`, `auth_time`, scopes, groups and the other requirements are checked on every call. A JWT
   * is verified with the issuer's keys, whatever the cache holds.
   *
   * A DPoP proof is accepted once. Pass the proof of a request to one call only.
   *
   * Not checked: revocation of a JWT (introspection and the option `revocation` check it), replay of a token, and that the claims have the type `C`.
   *
   * @typeParam C The claims that you expect. This is your assertion.
   * @returns The claims as `JSON.parse` returns them, in a new object for each call.
   * @throws MonoCloudTokenError The token is rejected. `reason` names the rule.
   * @throws MonoCloudValidationError The token is blank or not a string (`token_required`). Or `options` is not a plain
   *   object or has an unknown member (`argument_invalid`). Or the token needs introspection and `clientId` is missing
   *   (`client_id_required`). Or the issuer of the metadata is not `tenantDomain` (`metadata_issuer_mismatch`).
   * @throws MonoCloudOPError The authorization server rejected this API's introspection request.
   * @throws MonoCloudHttpError The authorization server is unreachable or its response cannot be used, or too many
   *   requests are waiting (`overloaded`), or `dpop.replayStore` failed (`replay_store_failed`).
   */
  validateAccessToken(token: string, options?: ValidateAccessTokenOptions): Promise<AccessTokenClaims>;
  validateAccessToken<C extends object>(token: string, options?: ValidateAccessTokenOptions): Promise<C>;

  /**
   * Validates a JWT access token locally. It checks these rules in this order. The first failure ends the validation.
   *
   * 1. Size: at most 16 KiB. Form: three parts of strict base64url (RFC 7515 §2, §7.1).
   * 2. Header: one JSON object without duplicate members. `alg` is RS, PS or ES with 256, 384 or 512, or EdDSA
   *    (RFC 8725 §3.1). `crit` and `b64` are absent (RFC 7515 §4.1.11, RFC 7797). `typ` is absent or the type of an
   *    access token (RFC 8725 §3.11).
   * 3. Key: one of the issuer's keys, chosen by `kid`, that fits the algorithm (RFC 7517 §4). An unknown `kid` triggers
   *    one refresh of the keys.
   * 4. Signature (RFC 7515 §5.2).
   * 5. Claims: one JSON object without duplicate members at the top level or in a member that a rule reads. `iss`,
   *    `aud`, `exp` (required, RFC 9068 §2.2), `nbf`, `iat` and `sub` (RFC 7519 §4.1). `clockSkew` and `clockTolerance`
   *    apply to the times.
   * 6. DPoP (RFC 9449 §7): a token with `cnf.jkt` needs the scheme `dpop` and a proof of its key. The proof must have the
   *    right form, header and claims, and be for this token, method and URL (RFC 9449 §4.3). Its key must be the token's
   *    (RFC 9449 §6.1). Then its signature, its nonce or time, and that it is new (RFC 9449 §11.1) are checked.
   * 7. Certificate binding (RFC 8705 §3), then `acr` and `auth_time` (RFC 9470), then scopes (RFC 8693 §4.2), then
   *    groups, permissions, roles, and the claims rules.
   *
   * Not checked: revocation (the option `revocation` checks it), replay of a token (`jti`), `client_id`, and that the claims have the type `C`.
   *
   * @throws MonoCloudTokenError The token is rejected. `reason` names the rule.
   * @throws MonoCloudValidationError The token is blank or not a string (`token_required`). Or `options` is not a plain
   *   object, has an unknown member, or `options.jwks` is not a JWK Set (`argument_invalid`). Or the issuer of the
   *   metadata is not `tenantDomain` (`metadata_issuer_mismatch`).
   * @throws MonoCloudHttpError Keys are needed and cannot be fetched. Or too many ES384, ES512 or large RSA signatures
   *   are waiting (`overloaded`). Or `dpop.replayStore` failed (`replay_store_failed`).
   */
  validateJwtAccessToken(token: string, options?: ValidateJwtAccessTokenOptions): Promise<AccessTokenClaims>;
  validateJwtAccessToken<C extends object>(token: string, options?: ValidateJwtAccessTokenOptions): Promise<C>;

  /**
   * Asks the authorization server about a token (RFC 7662 §2). It does not use the `cache`.
   *
   * Concurrent calls for one token share one request. A client has at most 128 requests in flight, and at most 1000
   * more wait. The waiting time counts toward `responseTimeout`. A token over 16 KiB, or with a character outside
   * %x20-7E (RFC 6749 A.12), is rejected without a request.
   *
   * Checked: that `active` is exactly `true`. Then the claims, the binding to a DPoP key and to a certificate, `acr`,
   * `auth_time`, scopes, groups and the other requirements as for a JWT, except that `exp` and `iss` may be absent (RFC 7662 §2.2). A DPoP proof of
   * another request or token is rejected without a request.
   *
   * Not checked: a signature of the response (RFC 9701), and that the claims have the type `C`.
   *
   * @returns The response without `active`.
   * @throws MonoCloudTokenError The token is inactive (code `inactive_token`) or rejected. `reason` names the rule.
   * @throws MonoCloudValidationError The token is blank or not a string (`token_required`). Or `options` is not a plain
   *   object or has an unknown member (`argument_invalid`). Or `clientId` is missing (`client_id_required`), or
   *   something that `clientAuthMethod` needs. Or the authorization server publishes no introspection endpoint, or no
   *   mutual-TLS one when the method needs it.
   * @throws MonoCloudOPError The response has the status 400 or 401: the server rejected this API's credentials or
   *   request.
   * @throws MonoCloudHttpError The response has another status, the connection failed, the time limit passed, or the
   *   body is unreadable or over 512 KiB. Or too many requests are waiting (`overloaded`), or the circuit breaker is
   *   open (`introspection_suspended`). Or `dpop.replayStore` failed (`replay_store_failed`).
   */
  introspectAccessToken(token: string, options?: IntrospectOptions): Promise<AccessTokenClaims>;
  introspectAccessToken<C extends object>(token: string, options?: IntrospectOptions): Promise<C>;

  /**
   * Explains what `validateAccessToken` decides on a token with these options: each rule, the one that fails, the values,
   * and the fix. It resolves also for a rejected token.
   *
   * It uses nothing up: a DPoP proof is checked and stays good for its request, and `dpop.replayStore` is not asked. It
   * publishes no `validated` and no `refused` event. An opaque token is introspected, and once more if its claims are
   * the reason. So a call may cost two requests: do not let anonymous callers call it.
   *
   * The result contains claims of the token, which may be personal data. Do not send it in responses of a public API.
   *
   * @throws MonoCloudValidationError `options` is not a plain object or has an unknown member (`argument_invalid`).
   */
  explain(token: string, options?: ValidateAccessTokenOptions): Promise<Explanation>;

  /**
   * Returns the authorization server's metadata, from memory while it is fresh. Concurrent calls share one request.
   *
   * The document comes from `/.well-known/openid-configuration` (OpenID Connect Discovery §4). If the server responds
   * with 404 there, it comes from `/.well-known/oauth-authorization-server` (RFC 8414 §3.1). If the first document lacks
   * a needed endpoint, the client also reads the second one, but this method does not return it.
   *
   * Checked: that `issuer` is `tenantDomain` (RFC 8414 §3.3). Other members are checked where they are used.
   *
   * @param forceRefresh `true` fetches the document now. Default: `false`.
   * @throws MonoCloudHttpError The document could not be fetched or read, and it is not in memory or the refresh was
   *   forced.
   * @throws MonoCloudValidationError The document is of another issuer (`metadata_issuer_mismatch`). Or `forceRefresh`
   *   is not a boolean (`argument_invalid`).
   */
  getMetadata(forceRefresh?: boolean): Promise<IssuerMetadata>;

  /**
   * Returns the issuer's JWK Set as it was published, from memory while it is fresh. It includes keys that cannot be
   * used. Concurrent calls share one request.
   *
   * @param forceRefresh `true` fetches the set now. Default: `false`.
   * @throws MonoCloudHttpError The set could not be fetched or read, and it is not in memory or the refresh was forced.
   * @throws MonoCloudValidationError The metadata is of another issuer (`metadata_issuer_mismatch`). Or `forceRefresh`
   *   is not a boolean (`argument_invalid`).
   */
  getJwks(forceRefresh?: boolean): Promise<Jwks>;

  /**
   * Changes `clockSkew` from the next call on.
   *
   * @param seconds 0 or more.
   * @throws MonoCloudValidationError The value is not a finite number of 0 or more.
   */
  setClockSkew(seconds: number): void;

  /**
   * Changes `clockTolerance` from the next call on.
   *
   * @param seconds 0 or more.
   * @throws MonoCloudValidationError The value is not a finite number of 0 or more.
   */
  setClockTolerance(seconds: number): void;

  /**
   * Fetches metadata and keys, so that the first request does not wait for them. Resolves at once if both are fresh.
   *
   * Not checked: the credentials for introspection. A client that was not warmed up fetches with its first token.
   *
   * @throws MonoCloudHttpError Metadata or keys could not be fetched or read.
   * @throws MonoCloudValidationError The metadata is of another issuer (`metadata_issuer_mismatch`).
   */
  warmUp(): Promise<void>;

  /** Returns the current state of this client. It makes no request and never throws. */
  health(): MonoCloudHealth;
}

/**
 * A {@link MonoCloudOidcBackendClient} that also reads its options from the environment and can use a cache.
 */
export declare class MonoCloudBackendNodeClient extends MonoCloudOidcBackendClient {
  /**
   * Creates a client from `options` and from the `MONOCLOUD_BACKEND_*` environment variables.
   *
   * @param options An option wins over its variable. If an option is absent, `undefined` or `null`, the variable is
   *   used.
   * @throws MonoCloudValidationError An option is missing, invalid or unknown (`option_invalid`). The message names the
   *   option and, if it has one, the variable. It never contains the value.
   */
  constructor(options?: Loose<MonoCloudBackendNodeClientOptions>);
}

export {};
