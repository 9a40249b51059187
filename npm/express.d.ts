/// <reference types="node" />
/** `protectApi` for Express 4 and 5, and everything of `@monocloud/backend-node`. Needs `@types/express`, 4 or 5. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Request } from 'express';
import type {
  AccessTokenClaims,
  MonoCloudOidcBackendClient,
  ProtectApiRequestOptions,
  ProtectOptions,
} from '../index.js';

export * from '../index.js';

/** Any request of Express, whatever its parameters, bodies, query and locals. */
type AnyRequest = Request<any, any, any, any, any>;

/**
 * A request that passed `protect()`: `claims` is set.
 *
 * @typeParam C The claims this API's tokens carry, an assertion by the caller.
 * @typeParam R The request, to keep the types of its parameters, body and query: `typeof req`. By default they are `any`,
 *   so that the request of any route can be cast.
 */
export type AuthenticatedExpressRequest<
  C extends object = AccessTokenClaims,
  R extends AnyRequest = AnyRequest,
> = R & { claims: C };

/**
 * What `protect()` gives: sets `request.claims` and calls `next()` once, or sends the response itself and does not call
 * `next`. It never calls `next(error)` for a refusal. Typed by Node's own requests, so that it leaves the route's types
 * to be inferred and also fits Connect. A function that takes Express's own types fits as well.
 *
 * | response | when |
 * |---|---|
 * | 401 `{ "message": "unauthorized" }` | no token, or one that is refused |
 * | 403 `{ "message": "forbidden" }` | scopes or groups are missing |
 * | 503 `{ "message": "service unavailable" }` | the authorization server is out of reach |
 * | 500 `{ "message": "internal server error" }` | the authorization server refuses this API, or `claims` cannot be set |
 *
 * 401 and 403 carry `WWW-Authenticate` (RFC 6750 §3), 503 carries `Retry-After`.
 *
 * Returns nothing when it decides at once. Otherwise it returns a promise that resolves after `next()` was called or
 * the response was sent. If `next()` throws then, the middleware passes that error to `next(error)`, as Express does
 * for handlers; if `next` declares no parameter, the promise rejects with it.
 */
export type ExpressMiddleware = {
  // As a method, so that a middleware typed by Express's `Request` and `Response`, a test's stand-in, can be assigned.
  middleware(request: IncomingMessage, response: ServerResponse, next: (error?: any) => void): void | Promise<void>;
}['middleware'];

/** The type of `protect`: a factory, called once for each route with what the route asks of a token. */
export type ProtectMiddleware = (options?: ProtectOptions) => ExpressMiddleware;

/**
 * Gives `protect`, a factory of middleware, with a client configured from the environment and built at once. Call it
 * at startup, not in a handler: each call makes a client.
 *
 * @throws MonoCloudValidationError The environment lacks a required variable or holds an invalid one.
 */
export function protectApi<T extends AnyRequest = Request>(
  options?: ProtectApiRequestOptions<T>,
): ProtectMiddleware;

/** Gives `protect`, a factory of middleware, with the given client. */
export function protectApi<T extends AnyRequest = Request>(
  client: MonoCloudOidcBackendClient,
  options?: ProtectApiRequestOptions<T>,
): ProtectMiddleware;

export {};
