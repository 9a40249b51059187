/** The two clients. */
import type { AccessTokenClaims, JwtClaims } from './claims.js';
import type { MonoCloudReason } from './errors.js';
import type { IssuerMetadata, Jwks } from './issuer.js';
import type {
  IntrospectOptions,
  MonoCloudBackendNodeClientOptions,
  MonoCloudOidcBackendClientOptions,
  ValidateAccessTokenOptions,
  ValidateJwtAccessTokenOptions,
} from './options.js';

/** Every option may be left out or `undefined`, also under `exactOptionalPropertyTypes`. */
type Loose<T> = { [Name in keyof T]?: T[Name] | undefined };

/** One document fetched from the authorization server, as this client sees it now. Times in seconds, fractions. */
export interface MonoCloudDocumentHealth {
  /** Since the document in use was fetched; `undefined` before the first one. */
  readonly age: number | undefined;
  /** Until it is fetched again without being asked for; 0 when that is due; `undefined` before the first one. */
  readonly nextRefresh: number | undefined;
  /** Why the last fetch failed; `undefined` when it succeeded or there was none. */
  readonly lastError: MonoCloudReason | undefined;
}

/** The introspection endpoint, as this client sees it now. */
export interface MonoCloudIntrospectionHealth {
  /**
   * How many requests failed in a row, without an answer about any token between them. An answer of any kind sets it
   * to 0, also one that cannot be used.
   */
  readonly failures: number;
  /** Why the last one failed; `undefined` when it was answered or there was none. */
  readonly lastError: MonoCloudReason | undefined;
  /**
   * The circuit breaker is open: most requests fail at once with `introspection_suspended`, and a few each second are
   * sent as probes. It opens after ten failures in a row of at least three different tokens, and the first answer
   * closes it. For ten seconds after an answer, only failures of tokens that were active before count.
   */
  readonly suspended: boolean;
  /** Introspections under way, at most 128. */
  readonly inFlight: number;
  /** Introspections that wait for one of them to end, at most 1000. */
  readonly queued: number;
}

/** The state of a client: numbers and words, no secret, no token, no claim. */
export interface MonoCloudHealth {
  /**
   * JWTs of the keys held can be decided now, without asking the authorization server. What a readiness probe needs:
   * a failing refresh does not unset it before `jwksMaxStale` has passed.
   */
  readonly ready: boolean;
  readonly metadata: MonoCloudDocumentHealth;
  /** `count`: the usable keys held, 0 to 100. */
  readonly keys: MonoCloudDocumentHealth & { readonly count: number };
  readonly introspection: MonoCloudIntrospectionHealth;
  /** Verified tokens remembered, at most `verifiedTokenCacheSize`. */
  readonly rememberedTokens: number;
}

/**
 * Validates access tokens of one authorization server for one API. One per process and configuration is enough; it
 * holds no connection that keeps a process alive. The constructor makes no request.
 *
 * Methods are ordinary ones: a subclass may override them, and `validateAccessToken` calls an overridden or spied
 * `validateJwtAccessToken` with the token and the options, and `introspectAccessToken` with the token alone. What the
 * two give is claims, not a decision. It must be a plain object, and it is checked: `aud` is required, `iss`, `exp` and
 * `nbf` are checked when present, then certificate binding, scopes and groups.
 *
 * An overridden `validateAccessToken` decides by itself. `protectApi` refuses what it gives if that is no object, and
 * checks it as above, except that `aud` may be absent, if it has `aud`, `exp` or `iss`. So an override that forgets to
 * pass the options on opens no route, and one that gives an object of its own still can.
 *
 * Time is read from `Date.now()`. If that gives no finite number of milliseconds since 1970, every validation fails
 * with `internal`.
 */
export declare class MonoCloudOidcBackendClient {
  /**
   * @param tenantDomain The issuer: an absolute `https://` URL (`http://` for loopback hosts only), or a bare host,
   *   which gets `https://`; one trailing `/` is ignored.
   * @param audience This API: an absolute URI, compared byte for byte with `aud`.
   * @param options The environment is not read. There is no `cache`.
   * @throws MonoCloudValidationError An argument or option is missing or invalid; its name is in the message.
   */
  constructor(tenantDomain: string, audience: string, options?: Loose<MonoCloudOidcBackendClientOptions>);

  /**
   * The claims of a JWT, read without verifying anything: neither signature nor times nor audience. Whoever can send
   * a request can choose them. For logs and tests, never for a decision.
   *
   * @throws MonoCloudTokenError Not three parts of base64url (RFC 7515 §7.1) whose second is a JSON object.
   */
  static decodeJwt(jwt: string): JwtClaims;
  static decodeJwt<C extends object>(jwt: string): C;

  /**
   * Validates an access token: three dot-separated parts as a JWT by `validateJwtAccessToken`, all else, and JWTs
   * under `introspectJwtTokens`, by `introspectAccessToken`. With a `cache`, a hit saves the question to the issuer
   * but no check of issuer, audience, times, scopes, groups or binding; a JWT is decided here whatever the cache has.
   *
   * Not checked: a JWT's revocation (introspection does), replay, and that the claims have the type `C`.
   *
   * @typeParam C The claims this API's tokens carry, an assertion by the caller.
   * @returns The claims as `JSON.parse` gives them, a fresh object for each call.
   * @throws MonoCloudTokenError The token is refused; `reason` names the rule.
   * @throws MonoCloudValidationError The token is blank or not a string; or it needs introspection and `clientId` is
   *   missing (`clientId is required …`); or the metadata's issuer is not `tenantDomain`; or `options` is no plain
   *   object or has a member that is not known (`argument_invalid`).
   * @throws MonoCloudOPError, MonoCloudHttpError The authorization server refused, failed or is out of reach.
   */
  validateAccessToken(token: string, options?: ValidateAccessTokenOptions): Promise<AccessTokenClaims>;
  validateAccessToken<C extends object>(token: string, options?: ValidateAccessTokenOptions): Promise<C>;

  /**
   * Validates a JWT access token locally. Checked, in this order, the first failure ending it:
   *
   * 1. size (16 KiB) and form (RFC 7515 §2, §7.1: strict base64url);
   * 2. header: one JSON object without duplicate members; `alg` one of RS/PS/ES 256, 384, 512 and EdDSA (RFC 8725
   *    §3.1); no `crit`, no `b64` (RFC 7515 §4.1.11); `typ` that of an access token (RFC 8725 §3.11);
   * 3. key: the issuer's, by `kid`, fitting the algorithm (RFC 7517 §4); an unknown `kid` asks for fresh keys once;
   * 4. signature (RFC 7515 §5.2);
   * 5. claims: one JSON object without duplicate members; `iss`, `aud`, `exp` (required, RFC 9068 §2.2), `nbf`, `iat`,
   *    `sub` (RFC 7519 §4.1), times against `clockSkew` and `clockTolerance`;
   * 6. certificate binding (RFC 8705 §3), scopes (RFC 8693 §4.2), groups.
   *
   * Not checked: revocation, replay (`jti`), `client_id`, and that the claims have the type `C`.
   *
   * @throws MonoCloudTokenError The token is refused; `reason` names the rule.
   * @throws MonoCloudValidationError The token is blank or not a string; the metadata's issuer is not `tenantDomain`;
   *   `options.jwks` is not a JWK Set.
   * @throws MonoCloudHttpError Keys are needed and the authorization server is out of reach; or too many ES384, ES512
   *   or large RSA signatures are waiting to be verified (`overloaded`).
   */
  validateJwtAccessToken(token: string, options?: ValidateJwtAccessTokenOptions): Promise<AccessTokenClaims>;
  validateJwtAccessToken<C extends object>(token: string, options?: ValidateJwtAccessTokenOptions): Promise<C>;

  /**
   * Asks the authorization server about a token (RFC 7662 §2). Concurrent calls for one token share one request. A
   * client has at most 128 requests under way; up to 1000 more wait, as part of `responseTimeout`. What
   * cannot be an access token (over 16 KiB, or with anything but %x20-7E, RFC 6749 A.12) is refused without one.
   * Checked: that the response is `active: true` and nothing like it; then claims, binding, scopes and groups as for
   * a JWT, except that `exp` and `iss` may be absent (RFC 7662 §2.2).
   *
   * Not checked: that the response is signed (RFC 9701), and that the claims have the type `C`.
   *
   * @returns The response without `active`.
   * @throws MonoCloudTokenError Not active (code `inactive_token`), or refused; `reason` names the rule.
   * @throws MonoCloudValidationError `clientId`, or what `clientAuthMethod` needs, is missing; the authorization
   *   server publishes no (mutual-TLS) introspection endpoint.
   * @throws MonoCloudOPError 400 or 401: this API's credentials or request are refused.
   * @throws MonoCloudHttpError Any other status, no connection, a timeout, an unreadable body or one over 512 KiB; or
   *   too many requests are waiting (`overloaded`), or the endpoint keeps failing (`introspection_suspended`).
   */
  introspectAccessToken(token: string, options?: IntrospectOptions): Promise<AccessTokenClaims>;
  introspectAccessToken<C extends object>(token: string, options?: IntrospectOptions): Promise<C>;

  /**
   * The authorization server's metadata, from memory while fresh: the document at the OpenID place (OpenID Connect
   * Discovery §4), or the one at the RFC 8414 §3.1 place if the first place answers 404. The client asks the RFC 8414
   * place by itself for an endpoint that the first document lacks; this method does not show that document.
   * Concurrent calls share one request. Checked: that `issuer` is `tenantDomain` (RFC 8414 §3.3); other members are
   * checked where they are used.
   *
   * @param forceRefresh Fetch it now. Default: `false`.
   * @throws MonoCloudHttpError It could not be fetched or read, and was forced or is not in memory.
   * @throws MonoCloudValidationError It is another issuer's.
   */
  getMetadata(forceRefresh?: boolean): Promise<IssuerMetadata>;

  /**
   * The issuer's JWK Set, from memory while fresh, as published: keys that cannot be used are still in it. Concurrent
   * calls share one request.
   *
   * @param forceRefresh Fetch it now. Default: `false`.
   * @throws MonoCloudHttpError It could not be fetched or read, and was forced or is not in memory.
   * @throws MonoCloudValidationError The metadata is another issuer's.
   */
  getJwks(forceRefresh?: boolean): Promise<Jwks>;

  /**
   * Sets `clockSkew` from the next call on.
   *
   * @param seconds >= 0.
   * @throws MonoCloudValidationError Not a finite number >= 0.
   */
  setClockSkew(seconds: number): void;

  /**
   * Sets `clockTolerance` from the next call on.
   *
   * @param seconds >= 0.
   * @throws MonoCloudValidationError Not a finite number >= 0.
   */
  setClockTolerance(seconds: number): void;

  /**
   * Fetches metadata and keys ahead of traffic, so that the first request does not wait. Resolves at once when both
   * are fresh. Does not try credentials. A client that was not warmed up, or failed to, fetches with its first token.
   *
   * @throws MonoCloudHttpError They could not be fetched or read.
   * @throws MonoCloudValidationError The metadata is another issuer's.
   */
  warmUp(): Promise<void>;

  /** The state of this client now, without any request. Never throws. */
  health(): MonoCloudHealth;
}

/**
 * {@link MonoCloudOidcBackendClient} with a cache and with options from the environment.
 */
export declare class MonoCloudBackendNodeClient extends MonoCloudOidcBackendClient {
  /**
   * @param options Win over `MONOCLOUD_BACKEND_*`; an option left out or `undefined` is read from there.
   * @throws MonoCloudValidationError An option is missing or invalid; its name, and for `tenantDomain` and `audience`
   *   the variable's, is in the message.
   */
  constructor(options?: Loose<MonoCloudBackendNodeClientOptions>);
}

export {};
