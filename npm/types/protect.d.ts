/** The options of `protectApi` and of `protect`, shared by every framework. */
import type { AccessTokenClaims } from './claims.js';
import type { DPoPBindingValidation } from './dpop.js';
import type { MonoCloudAuthBaseError, MonoCloudReason } from './errors.js';
import type { CertificateBindingValidation, ClaimRule } from './options.js';

/**
 * Decides whether claims may use a route. It receives the framework's request too, for example to compare the claims with
 * a parameter of the route. It may be async. There is no time limit.
 *
 * Only `true` lets the request in. `false` causes a 403 with the reason `authorize_refused`. If it throws, rejects, or
 * returns anything else, the response is 403 too, with the reason `authorize_failed`. Either is published as the event
 * `monocloud:backend:refused`.
 *
 * Not checked: that the claims have the type that your function declares.
 */
export type Authorize<T = any> = {
  // Declared as a method, so that a function may declare the claims that it expects.
  authorize(claims: AccessTokenClaims, request: T): boolean | Promise<boolean>;
}['authorize'];

/**
 * The requirements of one route. An empty list requires nothing. An unknown member throws (`argument_invalid`).
 *
 * @typeParam T The type of the request, which `authorize` receives.
 */
export interface ProtectOptions<T = any> {
  /**
   * Every listed scope must be granted by the `scope` claim (RFC 8693 §4.2), or by the claim that `scopeOptions` names. At
   * most 1,000. Default: none. If one is missing, the response is 403.
   */
  scopes?: readonly string[] | undefined;
  /**
   * One of the listed scopes is enough. 1 to 1,000. An empty list throws (`argument_invalid`). With `scopes`, both must hold. The
   * challenge of a 403 response names the first one.
   * Default: none. Otherwise the response is 403.
   */
  anyScopes?: readonly string[] | undefined;
  /**
   * One of the listed groups must be in the groups claim, or all of them with `groupOptions.matchAll`. At most 1,000.
   * Default: none. If they are missing, the response is 403.
   */
  groups?: readonly string[] | undefined;
  /**
   * Every listed permission must be in the claim that `permissionsClaim` names. At most 1,000. Default: none. Otherwise the response is 403.
   */
  permissions?: readonly string[] | undefined;
  /**
   * Every listed role must be in the claim that `rolesClaim` names. At most 1,000. Default: none. Otherwise the response is 403.
   */
  roles?: readonly string[] | undefined;
  /**
   * A rule for each named claim of the token. Every rule must hold. At most 50 rules with 1,000 values. Default: none.
   * Otherwise the response is 403. Names are those of top-level claims, and a dot is part of a name. `iss`, `aud`, `exp`,
   * `nbf`, `iat`, `cnf` and `active` throw (`argument_invalid`), because they have rules already.
   */
  claims?: Readonly<Record<string, ClaimRule>> | undefined;
  /**
   * The `acr` claim must be one of these values (RFC 9470, RFC 9068 §2.2.1). List them in order of preference. They are
   * compared byte for byte: the package knows no order of levels, so list every value that is enough. 1 to 20 strings of
   * printable ASCII without spaces, quotes and backslashes, each at most 256 characters long. Default: any `acr`, or
   * none.
   *
   * Otherwise the response is 401 with the error `insufficient_user_authentication` and these values as `acr_values`. The
   * client then sends the user to sign in again.
   *
   * Use it on routes for users only. A token of the client credentials grant has no `acr`, so its client would get a 401
   * however often it obtains a new token. Not checked: `amr`, and whether the authorization server knows these values.
   */
  acr?: readonly string[] | undefined;
  /**
   * The user must have signed in at most this many seconds ago, by the `auth_time` claim (RFC 9470, RFC 9068 §2.2.1). A
   * whole number from 1 to 31536000. Default: no limit. `clockSkew` applies. `clockTolerance` does not extend the limit.
   * It only says how far in the future `auth_time` may be.
   *
   * Otherwise the response is 401 with the error `insufficient_user_authentication` and this number as `max_age`. A
   * refreshed token keeps its `auth_time`, so the client must send the user to sign in again.
   *
   * Use it on routes for users only. A token of the client credentials grant has no `auth_time`, so it is always
   * rejected.
   */
  maxAge?: number | undefined;
  /**
   * Some of the client's audiences. The token must have one of them in `aud` (RFC 9068 §4). An introspection response
   * without `aud` is rejected. Default: any audience of the client. Throws `argument_invalid` for an empty list and for an
   * audience that the client does not have.
   */
  audience?: readonly string[] | undefined;
  /**
   * Certificate binding on this route (RFC 8705 §3). The certificate comes from `certificateResolver`. If the binding
   * fails, the response is 401. Default: the client's `validateCertificateBinding`.
   *
   * - `true` or `'required'`: the token must be bound to the caller's certificate.
   * - `'when_present'`: a bound token needs the matching certificate. Other tokens are accepted.
   * - `false` or `'dangerously_ignore'`: binding is not checked.
   */
  validateCertificateBinding?: boolean | CertificateBindingValidation | undefined;
  /**
   * DPoP on this route (RFC 9449 §7). The proof comes from the `DPoP` header. If the token or the proof is rejected, the
   * response is 401. Default: the client's `validateDPoPBinding`.
   *
   * - `true` or `'required'`: the token must be bound to a key, and come with the scheme `DPoP` and a proof of this key.
   * - `'when_present'`: a bound token needs the scheme `DPoP` and a proof. Other tokens are accepted with the scheme
   *   `Bearer`.
   * - `false` or `'dangerously_ignore'`: the route knows the scheme `Bearer` only, and accepts bound tokens with it.
   *
   * A token of a `tokenResolver` counts as a bearer token, so a bound token of a resolver is rejected.
   */
  validateDPoPBinding?: boolean | DPoPBindingValidation | undefined;
  /**
   * Asked last, with the claims of a token that passed everything else. It is asked once per request and guard, and its
   * answer is never remembered. Default: none.
   */
  authorize?: Authorize<T> | undefined;
  /** `false` requires a token. `true` makes them `OptionalProtectOptions`. Default: `false`. */
  optional?: false | undefined;
}

/** The requirements of a route that also takes requests without a token. */
export interface OptionalProtectOptions<T = any> extends Omit<ProtectOptions<T>, 'optional'> {
  /**
   * `true` lets a request without credentials pass, with `claims` set to `undefined`. `authorize` is not asked about it.
   * Default: `false`.
   *
   * A request with a token that is expired, malformed or otherwise bad is rejected as ever, and so is one with several
   * `Authorization` headers. Credentials of another scheme, such as `Basic`, and a DPoP proof without a token count as
   * none.
   */
  optional?: boolean | undefined;
}

/**
 * Returns the token of a request. If it returns blank text, `null` or `undefined`, the `Authorization` header is used
 * (RFC 6750 §2.1).
 *
 * If it throws, rejects, or returns something other than text, the response is 401 and the event
 * `monocloud:backend:refused` has the reason `resolver_failed`.
 *
 * Not checked: where the token comes from. A token in a cookie needs a defense against cross-site request forgery.
 */
export type TokenResolver<T> = (request: T) => Promise<string | null | undefined> | string | null | undefined;

/**
 * Returns the caller's certificate as PEM, with or without delimiters, URL-encoded or not. If it returns a chain, the
 * leaf must be first. Only the leaf is used. If it returns `null` or `undefined`, there is no certificate. It is called
 * only when a binding could apply. `@monocloud/backend-node/certificates` has ready-made resolvers.
 *
 * If it throws, rejects, or returns something other than text, the response is 401 and the event
 * `monocloud:backend:refused` has the reason `resolver_failed`.
 *
 * Not checked: that the caller has the certificate's key. TLS checks that. Trust a certificate header only behind a
 * proxy that removes this header from incoming requests.
 */
export type ClientCertificateResolver<T> = (
  request: T,
) => Promise<string | null | undefined> | string | null | undefined;

/**
 * Returns the URL that the client sent the request to, as the client sees it: scheme, host, maybe port, and the path with
 * everything that a proxy removed. Query and fragment do not count. A DPoP proof must name this URL (RFC 9449 §4.2).
 *
 * If it returns `null` or `undefined`, the URL is unknown, and DPoP proofs are rejected.
 *
 * It must be synchronous. If it throws, or returns something other than a URL, the response is 401 and the event
 * `monocloud:backend:refused` has the reason `resolver_failed`.
 *
 * Not checked: where the URL comes from. A URL from headers that the client can set is the client's own choice.
 */
export type UrlResolver<T> = (request: T) => string | URL | null | undefined;

/**
 * Returns the issuers whose tokens a request may use, for example by its host. `undefined` and `null` mean all. An empty list
 * means none. One trailing `/` is ignored. A token of another issuer gets a 401 (`issuer_mismatch`), before any lookup or
 * request for its issuer. It is called for every request that has a token.
 *
 * It must be synchronous. If it throws, or returns something other than a list of at most 10,000 strings, the response is
 * 401 and the event `monocloud:backend:refused` has the reason `resolver_failed`.
 *
 * Not checked: where the request data comes from. A client can choose the `Host` header, unless your proxy checks it.
 */
export type IssuersResolver<T> = (request: T) => readonly string[] | null | undefined;

/** The members that `fromForwarded()` reads from a request of Express, Fastify, `node:http` or the Fetch standard. */
export interface ForwardedRequest {
  readonly headers: object;
  /** The request target as received, where the framework has one. */
  readonly originalUrl?: string | undefined;
  readonly url?: string | undefined;
}

/**
 * Creates a `urlResolver` that reads the `Forwarded` header (RFC 7239). It takes `proto` and `host` of the last element,
 * which the proxy next to this process added, and the path of the request.
 *
 * The URL is unknown, and DPoP proofs are rejected, if the header is absent, malformed or longer than 8 KiB, or if its last
 * element lacks `proto` or `host`.
 *
 * Use it only behind a proxy that adds an element to every request. A client that can reach your API without the proxy
 * can send any URL.
 */
export function fromForwarded(): (request: ForwardedRequest) => string | undefined;

/** A metadata document (RFC 9728). `protectedResource()` of `@monocloud/backend-node/mcp` returns one. */
export interface ProtectedResourceMetadata {
  /** The URL of the document. */
  readonly url: string;
}

/** A refused request, as `onRefused` is told of it. It contains no token. */
export interface Refusal {
  /** The status of the response. Nothing changes it. */
  readonly status: 400 | 401 | 403 | 500 | 503;
  /** The headers of the response, such as `WWW-Authenticate` and `Retry-After`. The object is frozen. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * The rule that failed. `token_required` for a request without a token, `multiple_tokens` for one with several, and
   * `resolver_failed` if a resolver failed. `undefined` if a client of another kind gave none.
   */
  readonly reason: MonoCloudReason | undefined;
  /** The error that the client's methods throw for the token. `undefined` if there was no token to validate. */
  readonly error: MonoCloudAuthBaseError | undefined;
}

/** How `onRefused` changes a response. Other members, such as a status, are ignored. */
export interface RefusedResponse {
  /**
   * The body: text (`text/plain`), or a value that is sent as JSON. Set `Content-Type` in `headers` for another type.
   * Default: the usual body.
   */
  body?: unknown;
  /**
   * More headers, which replace headers of the same name. A `WWW-Authenticate` header is added to the usual one. The usual
   * `DPoP-Nonce` and its `Cache-Control` cannot be replaced. Headers of the connection, such as `Content-Length`, are not
   * allowed.
   */
  headers?: Readonly<Record<string, string>> | undefined;
}

/**
 * Is told of each refused request before the response is sent. It may return another body and more headers. Where the
 * framework has a response object (Express, Connect, Fastify), it may send the response itself: then nothing else is sent.
 * In Koa, set `ctx.respond = false` and write to `ctx.res`. The response must have begun when the function returns, or
 * when its promise resolves. Return the `reply` of Fastify only if you have sent it, because its promise waits for the end
 * of the response.
 *
 * It cannot let a request in. If it throws, rejects, or returns a header or a body that cannot be sent, the usual response
 * is sent and the event `monocloud:backend:hook.failed` is published. There is no time limit: the client waits for its
 * promise.
 *
 * @typeParam T The type of the request.
 * @typeParam R The type of the framework's response. `undefined` where there is none.
 */
export type OnRefused<T = any, R = any> = {
  // Declared as a method, so that a function may declare the request that it expects.
  onRefused(refusal: Refusal, request: T, response: R): RefusedResponse | void | Promise<RefusedResponse | void>;
}['onRefused'];

/**
 * The error that `delegate` gives to the framework's error handler. It has the members that `http-errors` gives its errors.
 */
export interface RefusalError extends Error {
  readonly name: 'MonoCloudRefusalError';
  /** What the client may know: `unauthorized`, `forbidden` and so on. */
  readonly message: string;
  /** The status that your error handler must send. */
  status: number;
  /** The same. */
  statusCode: number;
  /** The headers that your error handler must send. They are already set on the response, except in Koa. */
  headers: Record<string, string>;
  /** `true`: the message may be sent to the client. */
  expose: true;
  /** The body that would have been sent: an object, or what `onRefused` gave. */
  body: unknown;
  /** As in `Refusal`. */
  reason: MonoCloudReason | undefined;
  /** The error that the client's methods throw for the token, if there was one. */
  cause?: unknown;
}

/**
 * Options of `protectApi` for requests of type `T`. An unknown member throws (`argument_invalid`).
 *
 * @typeParam T The type of the request.
 * @typeParam R The type of the framework's response.
 */
export interface ProtectApiRequestOptions<T, R = any> {
  /** Returns the token. Default: none. The `Authorization` header is used. */
  tokenResolver?: TokenResolver<T> | undefined;
  /**
   * Returns the caller's certificate. Default: none. A certificate-bound token is then rejected, unless binding is
   * ignored.
   */
  certificateResolver?: ClientCertificateResolver<T> | undefined;
  /**
   * Returns the URL of the request, which a DPoP proof must name. It must be synchronous, and it wins over `publicUrl`.
   * Default: none. The client's `publicUrl` counts. Without `publicUrl`, the framework's URL counts: protocol, host and
   * path, with the proxy settings of the framework. `fromForwarded()` is a ready-made resolver.
   */
  urlResolver?: UrlResolver<T> | undefined;
  /**
   * Returns the issuers whose tokens a request may use: by host, path or tenant. Default: none. All issuers of the client
   * count. With a client of one issuer, it decides whether that client's tokens count. It needs a client of this package.
   */
  issuers?: IssuersResolver<T> | undefined;
  /**
   * The metadata document of this API, or its URL. Default: none. With it, every `WWW-Authenticate` header has
   * `resource_metadata` (RFC 9728 §5.1) in its first challenge, where MCP clients look for it. The first challenge is
   * `Bearer`, unless the API requires DPoP. The challenge of a 401 response also lists the scopes of the route.
   */
  resourceMetadata?: ProtectedResourceMetadata | string | undefined;
  /**
   * `true` lets CORS preflight requests pass, without a token and without `claims`. Default: `false`. Use it only if your
   * CORS middleware must run after `protect()`.
   *
   * A preflight request is an `OPTIONS` request that has `Origin` and `Access-Control-Request-Method` (Fetch standard,
   * "CORS-preflight fetch"). It has neither `Authorization`, nor `Cookie`, nor content, nor a header that overrides the
   * method. All other requests stay protected, also other `OPTIONS` requests.
   */
  allowPreflight?: boolean | undefined;
  /**
   * The name of the protection space (RFC 9110 §11.5), the first parameter of every challenge. 1 to 256 characters of
   * printable ASCII. Default: none.
   */
  realm?: string | undefined;
  /**
   * The body of responses to refused requests.
   *
   * - `'message'`: `{ "message": "unauthorized" }`.
   * - `'problem'`: `{ "type": "about:blank", "title": "Unauthorized", "status": 401, "code": "invalid_token" }` as
   *   `application/problem+json` (RFC 9457). `code` is that of a `MonoCloudTokenError`, `unauthorized` without a token,
   *   `invalid_request` for 400, `temporarily_unavailable` for 503, and `server_error` for 500.
   *
   * Default: `'message'`.
   */
  body?: 'message' | 'problem' | undefined;
  /**
   * `true` adds `reason` to problems below 500. It tells an attacker which rule a forged token failed. Use it only for
   * clients that you know. Default: `false`. It needs `body: 'problem'`.
   */
  exposeReason?: boolean | undefined;
  /** Is told of each refused request, and may change the response. Default: none. */
  onRefused?: OnRefused<T, R> | undefined;
  /**
   * `true` hands refusals to the framework's error handler: `next(error)` in Express, Connect, Polka and Restify, and a
   * thrown error in Fastify and Koa. The error is a `RefusalError`. In NestJS, refusals always are exceptions, and
   * `delegate` adds their `cause`. Guards of `./web` and `./node` return refusals, so `protectApi` throws there. Default:
   * `false`.
   *
   * `onRefused` is told first. What it returns is on the error.
   *
   * An error handler that ignores `status` sends 500. An error handler of Express that calls `next()` **lets the request
   * go on** to the handlers after it, without `claims`.
   */
  delegate?: boolean | undefined;
}
