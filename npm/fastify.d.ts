/** `protectApi` for Fastify 4 and 5, and everything of `@monocloud/backend-node`. Needs `fastify`, 4 or 5. */
import type { FastifyRequest } from 'fastify';
import type {
  AccessTokenClaims,
  MonoCloudOidcBackendClient,
  ProtectApiRequestOptions,
  ProtectOptions,
} from '../index.js';

export * from '../index.js';

/** Any request of Fastify, whatever its route, server, schema, type provider, context and logger. */
type AnyRequest = FastifyRequest<any, any, any, any, any, any, any, any>;

/**
 * A request that passed `protect()`: `claims` is set.
 *
 * @typeParam C The claims this API's tokens carry, an assertion by the caller.
 * @typeParam R The request, to keep the types of its parameters, body and query: `typeof request`. By default they
 *   are `any`, so that the request of any route can be cast.
 */
export type AuthenticatedFastifyRequest<
  C extends object = AccessTokenClaims,
  R extends AnyRequest = AnyRequest,
> = R & { claims: C };

/**
 * What `protect()` gives, a hook for `onRequest` or any later hook before the handler: sets `request.claims`, or sends
 * the response and resolves with the reply. It never rejects. A hook that wraps it looks at `reply.sent`. Typed by
 * members that requests and replies of every server, route and version have, so that it leaves the route's types to
 * be inferred. A function that takes Fastify's own types fits as well.
 *
 * | response | when |
 * |---|---|
 * | 401 `{ "message": "unauthorized" }` | no token, or one that is refused |
 * | 403 `{ "message": "forbidden" }` | scopes or groups are missing |
 * | 503 `{ "message": "service unavailable" }` | the authorization server is out of reach |
 * | 500 `{ "message": "internal server error" }` | the authorization server refuses this API, or `claims` cannot be set |
 *
 * 401 and 403 carry `WWW-Authenticate` (RFC 6750 §3), 503 carries `Retry-After`. The body is sent as text: response
 * schemas, serializers and `preSerialization` hooks do not see it. `onSend` and `onResponse` hooks run.
 */
export type FastifyHook = {
  // As a method, so that a hook typed by Fastify's `FastifyRequest` and `FastifyReply`, a test's stand-in, fits too.
  hook(
    request: { readonly headers: object; readonly id: unknown },
    reply: { readonly sent: boolean; statusCode: number },
  ): Promise<unknown>;
}['hook'];

/** The type of `protect`: a factory, called once for each route with what the route asks of a token. */
export type ProtectHook = (options?: ProtectOptions) => FastifyHook;

/**
 * Gives `protect`, a factory of hooks, with a client configured from the environment and built at once. Call it at
 * startup, not in a handler: each call makes a client.
 *
 * @throws MonoCloudValidationError The environment lacks a required variable or holds an invalid one.
 */
export function protectApi<T extends AnyRequest = FastifyRequest>(
  options?: ProtectApiRequestOptions<T>,
): ProtectHook;

/** Gives `protect`, a factory of hooks, with the given client. */
export function protectApi<T extends AnyRequest = FastifyRequest>(
  client: MonoCloudOidcBackendClient,
  options?: ProtectApiRequestOptions<T>,
): ProtectHook;

export {};
