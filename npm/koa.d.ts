/// <reference types="node" />
/** `protectApi` for Koa 2 and 3, and everything that `@monocloud/backend-node` exports. Needs `@types/koa`. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Context, ExtendableContext } from 'koa';
import type {
  AccessTokenClaims,
  OptionalProtectOptions,
  ProtectApiClient,
  ProtectApiRequestOptions,
} from '../index.js';

export * from '../index.js';

/** A context of Koa with any state. */
type AnyContext = ExtendableContext & { state: any };

/**
 * The state of a context that passed `protect()`. Use it as `new Router<KoaState>()`.
 *
 * Not checked: that the claims have the type `C`.
 *
 * @typeParam C The claims that you expect. This is your assertion. Add `| undefined` for a route with `optional`.
 */
export interface KoaState<C extends object | undefined = AccessTokenClaims> {
  claims: C;
}

/**
 * The middleware that `protect()` returns. On success it sets `ctx.state.claims` and calls `next()` once. Otherwise it sets
 * the response itself and does not call `next`. It throws to reject a request only with `delegate`.
 *
 * | response | situation |
 * |---|---|
 * | 401 `{ "message": "unauthorized" }` | no token, or a rejected token or DPoP proof |
 * | 400 `{ "message": "bad request" }` | several `Authorization` headers, if `validateDPoPBinding` or `dpop` is set |
 * | 403 `{ "message": "forbidden" }` | missing scopes, groups, permissions or roles, another value of a claim, or `authorize` did not return `true` |
 * | 503 `{ "message": "service unavailable" }` | the authorization server is unreachable, overloaded or broken |
 * | 500 `{ "message": "internal server error" }` | the authorization server rejects this API's own request, or `claims` cannot be set |
 *
 * 400, 401 and 403 responses have `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1). 503 responses have `Retry-After`. If
 * the client needs a new DPoP nonce, the response, or the route's own response, has `DPoP-Nonce` and `Cache-Control:
 * no-store`.
 *
 * The type uses only members that every context has. TypeScript can therefore infer the types of the route.
 */
export type KoaMiddleware = {
  // Declared as a method, so that a test can assign a middleware with Koa's `Context` type.
  middleware(
    ctx: { readonly req: IncomingMessage; readonly res: ServerResponse; state: object },
    next: () => Promise<any>,
  ): Promise<any>;
}['middleware'];

/** The type of the `protect` factory. Call it once per route, with the requirements of the route. */
export type ProtectKoa<T = AnyContext> = (options?: OptionalProtectOptions<T>) => KoaMiddleware;

/**
 * Creates a client from environment variables and returns the `protect` factory. Call it once, at startup. Never call it
 * in a middleware: each call creates a client.
 *
 * @typeParam T The type of the contexts, which the resolvers receive.
 * @throws MonoCloudValidationError A variable is missing or invalid (`option_invalid`), or `options` is not a plain object
 *   or has an unknown member (`argument_invalid`).
 */
export function protectApi<T extends AnyContext = Context>(
  options?: ProtectApiRequestOptions<T, undefined>,
): ProtectKoa<T>;

/**
 * Returns the `protect` factory for your client.
 *
 * @typeParam T The type of the contexts, which the resolvers receive.
 * @throws MonoCloudValidationError `options` is not a plain object or has an unknown member (`argument_invalid`).
 */
export function protectApi<T extends AnyContext = Context>(
  client: ProtectApiClient,
  options?: ProtectApiRequestOptions<T, undefined>,
): ProtectKoa<T>;

export {};
