/** `protectApi` for Fastify 4 and 5, and everything that `@monocloud/backend-node` exports. Needs `fastify` 4 or 5. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type {
  AccessTokenClaims,
  OptionalProtectOptions,
  ProtectApiClient,
  ProtectApiRequestOptions,
} from '../index.js';

export * from '../index.js';

/** A request of Fastify with any route, server, schema, type provider, context and logger. */
type AnyRequest = FastifyRequest<any, any, any, any, any, any, any, any>;

/**
 * A request that passed `protect()`. It has `claims`.
 *
 * Not checked: that the claims have the type `C`.
 *
 * @typeParam C The claims that you expect. This is your assertion. Add `| undefined` for a route with `optional`.
 * @typeParam R The type of the request. Use `typeof request` to keep the types of its parameters, body and query. By
 *   default these are `any`, so that you can cast the request of any route.
 */
export type AuthenticatedFastifyRequest<
  C extends object | undefined = AccessTokenClaims,
  R extends AnyRequest = AnyRequest,
> = R & {
  claims: C;
};

/**
 * The hook that `protect()` returns. Use it as `onRequest` or as any later hook before the handler. On success it sets
 * `request.claims`. Otherwise it sends the response and resolves with the reply. It rejects only with `delegate`. A hook
 * that wraps it should look at `reply.sent`.
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
 * no-store`. The body is sent as text: response schemas, serializers and `preSerialization` hooks do not change it.
 * `onSend` and `onResponse` hooks run.
 *
 * The type uses only members that every server, route and version has. TypeScript can therefore infer the types of the
 * route.
 */
export type FastifyHook = {
  // Declared as a method, so that a test can assign a hook with Fastify's `FastifyRequest` and `FastifyReply` types.
  hook(
    request: { readonly headers: object; readonly id: unknown },
    reply: { readonly sent: boolean; statusCode: number },
  ): Promise<unknown>;
}['hook'];

/** The type of the `protect` factory. Call it once per route, with the requirements of the route. */
export type ProtectHook<T = AnyRequest> = (options?: OptionalProtectOptions<T>) => FastifyHook;

/**
 * Creates a client from environment variables and returns the `protect` factory. Call it once, at startup. Never call it
 * in a handler: each call creates a client.
 *
 * @throws MonoCloudValidationError A variable is missing or invalid (`option_invalid`), or `options` is not a plain object
 *   or has an unknown member (`argument_invalid`).
 */
export function protectApi<T extends AnyRequest = FastifyRequest>(
  options?: ProtectApiRequestOptions<T, FastifyReply>,
): ProtectHook<T>;

/**
 * Returns the `protect` factory for your client.
 *
 * @throws MonoCloudValidationError `options` is not a plain object or has an unknown member (`argument_invalid`).
 */
export function protectApi<T extends AnyRequest = FastifyRequest>(
  client: ProtectApiClient,
  options?: ProtectApiRequestOptions<T, FastifyReply>,
): ProtectHook<T>;

export {};
