/// <reference types="node" />
/**
 * `protectApi` for the Fetch standard, and everything that `@monocloud/backend-node` exports. For Hono, h3, Next.js route
 * handlers, SvelteKit, GraphQL Yoga, `Bun.serve`, `Deno.serve` and every other server whose handlers take a `Request`.
 *
 * The runtime must be able to load a native add-on: Node.js, Bun or Deno. Edge runtimes cannot.
 */
import type {
  AccessTokenClaims,
  OptionalProtectOptions,
  ProtectApiClient,
  ProtectApiRequestOptions,
  ProtectOptions,
} from '../index.js';

export * from '../index.js';

/**
 * What a guard returns for a request that it lets through.
 *
 * Not checked: that the claims have the type `C`.
 *
 * @typeParam C The claims that you expect. This is your assertion.
 */
export interface Authenticated<C extends object | undefined = AccessTokenClaims> {
  /**
   * The claims of the token. Each request has its own object. `undefined` for a request without a token on a
   * route with `optional`, and for a CORS preflight request that `allowPreflight` lets through.
   */
  readonly claims: C;
  /**
   * The headers for your response: `DPoP-Nonce` with `Cache-Control`, if the client needs a new nonce (RFC 9449 §8.2).
   * Empty otherwise. `withAuth` sets them.
   */
  readonly headers: Headers;
}

/**
 * The guard that `protect()` returns. It returns the claims, or the `Response` that you must send instead of yours. It
 * never changes the request and never reads its body.
 *
 * | response | situation |
 * |---|---|
 * | 401 `{ "message": "unauthorized" }` | no token, or a rejected token or DPoP proof |
 * | 400 `{ "message": "bad request" }` | several `Authorization` headers, if `validateDPoPBinding` or `dpop` is set |
 * | 403 `{ "message": "forbidden" }` | missing scopes, groups, permissions or roles, another value of a claim, or `authorize` did not return `true` |
 * | 503 `{ "message": "service unavailable" }` | the authorization server is unreachable, overloaded or broken |
 * | 500 `{ "message": "internal server error" }` | the authorization server rejects this API's own request |
 *
 * 400, 401 and 403 responses have `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1). 503 responses have `Retry-After`. A
 * response has `DPoP-Nonce` and `Cache-Control: no-store` if the client needs a new DPoP nonce.
 *
 * Every method is guarded, also `HEAD` and `OPTIONS`. The promise rejects only if the argument is not a request
 * (`argument_invalid`). Pass the same `Request` object to every guard that a request passes: a DPoP proof is good for one
 * request, and a copy counts as another request.
 */
export type WebGuard = (request: Request) => Promise<Authenticated | Response>;

/** The guard of a route with `optional`. `claims` is `undefined` for a request without a token. */
export type OptionalWebGuard = (request: Request) => Promise<Authenticated<AccessTokenClaims | undefined> | Response>;

/** A guard returns its refusals, so there is no error handler to give them to. */
type WebOptions = Omit<ProtectApiRequestOptions<Request, undefined>, 'delegate'>;

/** The type of the `protect` factory. Call it once per route, with the requirements of the route. */
export interface ProtectWeb<T = Request> {
  (options?: ProtectOptions<T>): WebGuard;
  (options: OptionalProtectOptions<T>): OptionalWebGuard;
}

/**
 * Creates a client from environment variables and returns the `protect` factory. Call it once, at startup. Never call it
 * in a handler: each call creates a client.
 *
 * @throws MonoCloudValidationError A variable is missing or invalid (`option_invalid`), or `options` is not a plain object
 *   or has an unknown member (`argument_invalid`).
 */
export function protectApi(options?: WebOptions): ProtectWeb<Request>;

/**
 * Returns the `protect` factory for your client.
 *
 * @throws MonoCloudValidationError `options` is not a plain object or has an unknown member (`argument_invalid`).
 */
export function protectApi(client: ProtectApiClient, options?: WebOptions): ProtectWeb<Request>;

/**
 * Returns a handler that runs yours only for a request that the guard lets through. Further arguments, such as the context
 * of a Next.js route, are passed on. The guard's headers are set on your response, unless your response has them.
 *
 * @typeParam R The type of the request, such as `NextRequest`.
 * @typeParam A The further arguments.
 */
export function withAuth<R extends Request = Request, A extends unknown[] = []>(
  guard: WebGuard,
  handler: (request: R, auth: Authenticated, ...rest: A) => Response | Promise<Response>,
): (request: R, ...rest: A) => Promise<Response>;

/** The same for the guard of a route with `optional`. */
export function withAuth<R extends Request = Request, A extends unknown[] = []>(
  guard: OptionalWebGuard,
  handler: (request: R, auth: Authenticated<AccessTokenClaims | undefined>, ...rest: A) => Response | Promise<Response>,
): (request: R, ...rest: A) => Promise<Response>;

/**
 * Returns the claims of a request that passed a guard, or `undefined`. Works only with the same `Request` object. Some
 * adapters create a new one for the handler, for example with `new Request(request)` or `request.clone()`. In that case,
 * pass the claims on yourself.
 *
 * Not checked: that the claims have the type `C`.
 *
 * @typeParam C The claims that you expect. This is your assertion.
 */
export function claimsOf<C extends object = AccessTokenClaims>(request: Request): C | undefined;

export {};
