/// <reference types="node" />
/**
 * `protectApi` for Express 4 and 5, also for Connect, Polka and Restify, and everything that `@monocloud/backend-node`
 * exports. Needs `@types/express` 4 or 5.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request, Response } from 'express';
import type {
  AccessTokenClaims,
  OptionalProtectOptions,
  ProtectApiClient,
  ProtectApiRequestOptions,
} from '../index.js';

export * from '../index.js';

/** A request of Express with any parameters, bodies, query and locals. */
type AnyRequest = Request<any, any, any, any, any>;

/**
 * A request that passed `protect()`. It has `claims`.
 *
 * Not checked: that the claims have the type `C`.
 *
 * @typeParam C The claims that you expect. This is your assertion. Add `| undefined` for a route with `optional`.
 * @typeParam R The type of the request. Use `typeof req` to keep the types of its parameters, body and query. By default
 *   these are `any`, so that you can cast the request of any route.
 */
export type AuthenticatedExpressRequest<
  C extends object | undefined = AccessTokenClaims,
  R extends AnyRequest = AnyRequest,
> = R & {
  claims: C;
};

/**
 * The middleware that `protect()` returns. On success it sets `request.claims` and calls `next()` once. Otherwise it sends
 * the response itself and does not call `next`. It calls `next(error)` to reject a request only with `delegate`.
 *
 * | response | situation |
 * |---|---|
 * | 401 `{ "message": "unauthorized" }` | no token, or a rejected token or DPoP proof |
 * | 400 `{ "message": "bad request" }` | several `Authorization` headers, if `validateDPoPBinding` or `dpop` is set |
 * | 403 `{ "message": "forbidden" }` | missing scopes, groups, permissions or roles, another value of a claim, or `authorize` did not return `true` |
 * | 503 `{ "message": "service unavailable" }` | the authorization server is unreachable, overloaded or broken |
 * | 500 `{ "message": "internal server error" }` | the authorization server rejects this API's own request, or `claims` cannot be set |
 *
 * 400, 401 and 403 responses have `WWW-Authenticate` (RFC 6750 §3, RFC 9449 §7.1). 503 responses have `Retry-After`. If the
 * client needs a new DPoP nonce, the response, or the route's own response, has `DPoP-Nonce` and `Cache-Control: no-store`.
 *
 * The middleware returns nothing if it decides at once. Otherwise it returns a promise that resolves after `next()` was
 * called or the response was sent. If `next()` throws in that case, the middleware passes the error to `next(error)`. If
 * `next` declares no parameter, the promise rejects with the error instead. In Restify it returns nothing, because Restify
 * runs the route when a promise resolves.
 *
 * The type uses the requests of `node:http`. TypeScript can therefore infer the types of the route, and the middleware
 * also fits Connect.
 */
export type ExpressMiddleware = {
  // Declared as a method, so that a test can assign a middleware with Express's `Request` and `Response` types.
  middleware(request: IncomingMessage, response: ServerResponse, next: (error?: any) => void): void | Promise<void>;
}['middleware'];

/** The type of the `protect` factory. Call it once per route, with the requirements of the route. */
export type ProtectMiddleware<T = AnyRequest> = (options?: OptionalProtectOptions<T>) => ExpressMiddleware;

/**
 * Creates a client from environment variables and returns the `protect` factory. Call it once, at startup. Never call it
 * in a handler: each call creates a client.
 *
 * @throws MonoCloudValidationError A variable is missing or invalid (`option_invalid`), or `options` is not a plain object
 *   or has an unknown member (`argument_invalid`).
 */
export function protectApi<T extends AnyRequest = Request>(
  options?: ProtectApiRequestOptions<T, Response>,
): ProtectMiddleware<T>;

/**
 * Returns the `protect` factory for your client.
 *
 * @throws MonoCloudValidationError `options` is not a plain object or has an unknown member (`argument_invalid`).
 */
export function protectApi<T extends AnyRequest = Request>(
  client: ProtectApiClient,
  options?: ProtectApiRequestOptions<T, Response>,
): ProtectMiddleware<T>;

export {};
