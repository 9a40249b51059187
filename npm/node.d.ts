/// <reference types="node" />
/**
 * `protectApi` for requests of `node:http` and `node:http2`, and everything that `@monocloud/backend-node` exports. For
 * servers without a framework, and for frameworks that give access to the request of Node.js, such as Hapi.
 *
 * Connect, Polka and Restify take the middleware of `@monocloud/backend-node/express`.
 */
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type {
  AccessTokenClaims,
  OptionalProtectOptions,
  ProtectApiClient,
  ProtectApiRequestOptions,
  ProtectOptions,
} from '../index.js';

export * from '../index.js';

/**
 * The members of a request that a guard reads. A request of `node:http` has them, and one of the compatibility API of
 * `node:http2`. For the stream API of `node:http2`, pass such an object.
 */
export interface NodeRequest {
  readonly method?: string | undefined;
  /** The request target as received. */
  readonly url?: string | undefined;
  /** The names are in lower case. */
  readonly headers: IncomingMessage['headers'];
  /** Names and values in turn, as received. Without them, a repeated header is not noticed. */
  readonly rawHeaders?: string[];
  /** Says whether the connection uses TLS. Read only for DPoP proofs. */
  readonly socket?: object | undefined;
}

/** What a guard returns for a request that it lets through. */
export interface NodeAuthenticated<C extends object | undefined = AccessTokenClaims> {
  /**
   * The claims of the token. Each request has its own object. `undefined` for a request without a token on a
   * route with `optional`, and for a CORS preflight request that `allowPreflight` lets through.
   */
  readonly claims: C;
  /**
   * The headers for your response: `DPoP-Nonce` with `Cache-Control`, if the client needs a new nonce (RFC 9449 §8.2).
   * Empty otherwise.
   */
  readonly headers: Record<string, string>;
}

/** The response that you must send instead of yours. Only this result of a guard has `status`. */
export interface NodeRefusal {
  readonly status: number;
  /** All headers, also `Content-Type` and `Content-Length`. */
  readonly headers: Record<string, string>;
  /** JSON. */
  readonly body: string;
}

/**
 * The guard that `protect()` returns. It returns the claims, or the response that you must send instead of yours. It sends
 * nothing itself, never changes the request and never reads its body.
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
 * (`argument_invalid`). Pass the same request object to every guard that a request passes: a DPoP proof is good for one
 * request, and a copy counts as another request.
 */
export type NodeGuard = (request: NodeRequest) => Promise<NodeAuthenticated | NodeRefusal>;

/** The guard of a route with `optional`. `claims` is `undefined` for a request without a token. */
export type OptionalNodeGuard = (
  request: NodeRequest,
) => Promise<NodeAuthenticated<AccessTokenClaims | undefined> | NodeRefusal>;

/** A guard returns its refusals, so there is no error handler to give them to. */
type NodeOptions<T> = Omit<ProtectApiRequestOptions<T, undefined>, 'delegate'>;

/** The type of the `protect` factory. Call it once per route, with the requirements of the route. */
export interface ProtectNode<T = IncomingMessage | Http2ServerRequest> {
  (options?: ProtectOptions<T>): NodeGuard;
  (options: OptionalProtectOptions<T>): OptionalNodeGuard;
}

/**
 * Creates a client from environment variables and returns the `protect` factory. Call it once, at startup. Never call it
 * in a handler: each call creates a client.
 *
 * @typeParam T The type of the requests, which the resolvers receive. Use `Http2ServerRequest` for `node:http2`.
 * @throws MonoCloudValidationError A variable is missing or invalid (`option_invalid`), or `options` is not a plain object
 *   or has an unknown member (`argument_invalid`).
 */
export function protectApi<T extends IncomingMessage | Http2ServerRequest = IncomingMessage>(
  options?: NodeOptions<T>,
): ProtectNode<T>;

/**
 * Returns the `protect` factory for your client.
 *
 * @typeParam T The type of the requests, which the resolvers receive. Use `Http2ServerRequest` for `node:http2`.
 * @throws MonoCloudValidationError `options` is not a plain object or has an unknown member (`argument_invalid`).
 */
export function protectApi<T extends IncomingMessage | Http2ServerRequest = IncomingMessage>(
  client: ProtectApiClient,
  options?: NodeOptions<T>,
): ProtectNode<T>;

export {};
