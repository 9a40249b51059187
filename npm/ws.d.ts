/// <reference types="node" />
/**
 * Tokens on WebSockets, and everything that `@monocloud/backend-node` exports. For `ws`, for every other server that
 * handles the `upgrade` event of `node:http`, and for Socket.IO 4.
 *
 * A browser sends the cookies of a site with every WebSocket, whichever page opens it. If you accept cookies, check the
 * `Origin` header yourself.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AccessTokenClaims, OptionalProtectOptions, ProtectApiClient } from '../index.js';
import type { NodeGuard, OptionalNodeGuard } from './node.js';

export * from '../index.js';

/** What is known of an authenticated connection. */
export interface ConnectionAuth<C extends object | undefined = AccessTokenClaims> {
  /**
   * The claims of the current token. `renew` and `recheck` replace the object. `undefined` if the guard has `optional` and
   * the client has sent no token yet. Such a connection never ends by itself.
   */
  readonly claims: C;
  /** The `exp` claim of the current token, in seconds since 1970. `undefined` if the token has no `exp`. */
  readonly expiresAt: number | undefined;
  /**
   * `false` once the token has ended (by `Date.now()`, after `grace`), or after `dispose()`. A peer can send messages until
   * the close handshake is over, so look at it before you act on a message.
   */
  readonly isActive: boolean;
  /** Headers for the 101 response: `DPoP-Nonce` if the client needs a new nonce (RFC 9449 §8.2). Usually empty. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * Validates a new token, which the client sent in a message, and replaces the current one. The requirements of the guard
   * apply to it. If it rejects, the current token stays in use until it ends.
   *
   * The new token must have the same `sub` (the same `client_id` if there is no `sub`) and the same issuer. If the current
   * token is bound to a DPoP key or a certificate, the new one must be bound to the same. A connection without a token takes
   * any token that the guard accepts. A `tokenResolver` is not called.
   *
   * @param proof The DPoP proof for a bound token. Its `htm` is `GET` and its `htu` is the URL of the upgrade request.
   * @throws MonoCloudTokenError The token was refused. `code` and `reason` say why.
   * @throws MonoCloudHttpError The token could not be validated, for example because the authorization server is down.
   * @throws MonoCloudValidationError Another subject or binding, a value that is not text, another renewal that has not
   *   ended, or a connection that has ended (`argument_invalid`).
   */
  renew(token: string, proof?: string): Promise<void>;
  /** Stops the timer. Call it when the connection closes. */
  dispose(): void;
}

/** Options of `authenticateUpgrade`. */
export interface UpgradeOptions {
  /**
   * `true` also reads the token from `Sec-WebSocket-Protocol: bearer, <token>`, which is all that a browser can send:
   * `new WebSocket(url, ['bearer', token])`. An `Authorization` header goes first. The token is removed from the request,
   * so the server can only answer with `bearer` or with another protocol of the client. Default: `false`.
   *
   * Proxies may log this header. The token must consist of characters that a protocol may have, as every JWT does.
   */
  subprotocol?: boolean | undefined;
}

/** Options of `closeOnExpiry`. */
export interface ExpiryOptions {
  /**
   * Seconds after `exp` until the connection closes, 0 or more. `clockSkew` and `clockTolerance` do not apply. Default:
   * 0.
   */
  grace?: number | undefined;
  /**
   * Seconds between two calls of the guard for the current token, at least 1. The connection closes if the token was
   * refused, for example because it was revoked. An outage closes nothing. Default: never.
   *
   * Only the option `revocation` and introspection notice that a token was revoked. The client may remember the result of an
   * introspection: see `introspectionCacheDuration` and `introspectJwtTokens`.
   */
  recheck?: number | undefined;
}

/** The code with which connections close. Codes from 4000 belong to applications (RFC 6455 §7.4.2). */
export type TokenCloseCode = 4401;
/** `token rejected`: the guard refused the token when it was asked again. */
export type TokenCloseReason = 'token expired' | 'token rejected';

/**
 * Returns a function for the `upgrade` event. It resolves with what is known of the connection. It resolves with
 * `undefined` if the request was refused: the HTTP response was written to the socket, and the socket ended. It never
 * rejects. A token in the query is never read.
 *
 * Complete the handshake at once, before you await anything else.
 *
 * @param guard A guard that `protect()` of `@monocloud/backend-node/node` returned.
 * @throws MonoCloudValidationError An argument is invalid (`argument_invalid`).
 */
export function authenticateUpgrade<C extends object = AccessTokenClaims>(
  guard: NodeGuard,
  options?: UpgradeOptions,
): (request: IncomingMessage, socket: Duplex) => Promise<ConnectionAuth<C> | undefined>;

/** The same for a guard with `optional`. A request without a token opens a connection without claims. */
export function authenticateUpgrade<C extends object = AccessTokenClaims>(
  guard: OptionalNodeGuard,
  options?: UpgradeOptions,
): (request: IncomingMessage, socket: Duplex) => Promise<ConnectionAuth<C | undefined> | undefined>;

/**
 * Closes a connection when its token ends, at most a minute late if the clock was set forward. Call `auth.dispose()` when
 * the connection closes. There is one timer per connection, which never keeps the process alive.
 *
 * @param close Called once, for example `(code, reason) => socket.close(code, reason)`.
 * @throws MonoCloudValidationError An argument is invalid (`argument_invalid`).
 */
export function closeOnExpiry(
  auth: ConnectionAuth<any>,
  close: (code: TokenCloseCode, reason: TokenCloseReason) => unknown,
  options?: ExpiryOptions,
): void;

/** Options of `socketIoMiddleware` with a guard. */
export interface SocketIoConnectionOptions extends ExpiryOptions {
  /** `false` keeps a connection whose token ended. Default: `true`. */
  closeOnExpiry?: boolean | undefined;
}

/** Options of `socketIoMiddleware` with a client, or without one. */
export interface SocketIoOptions extends OptionalProtectOptions<IncomingMessage>, SocketIoConnectionOptions {}

/** The members of a socket of Socket.IO that the middleware uses. */
export interface SocketIoSocket {
  readonly handshake: { readonly auth: { [name: string]: any } };
  readonly request: IncomingMessage;
  data: any;
}

/** `error.data` of `connect_error`, which the client receives. */
export interface SocketIoRefusal {
  /** The status of the HTTP response to such a request: 401, 403, 503 and so on. */
  status: number;
  /** `invalid_token`, `insufficient_scope` and so on; `unauthorized` without a token, `temporarily_unavailable` for 503. */
  code: string;
  /** A `MonoCloudReason`. Absent if this API itself has failed. */
  reason?: string;
  /** The nonce that the next DPoP proof must contain (RFC 9449 §8). Absent if the client needs none. */
  nonce?: string;
}

/** A middleware for `io.use()` or `namespace.use()`. */
export type SocketIoMiddleware = (socket: SocketIoSocket, next: (error?: any) => void) => Promise<void>;

/**
 * Returns a middleware for Socket.IO 4. It reads `auth.token` of the handshake, then the `Authorization` header. On success
 * it sets `socket.data.auth` to a `ConnectionAuth`, which it disposes when the socket disconnects. Otherwise it calls
 * `next` with an error whose `data` is a `SocketIoRefusal`.
 *
 * When the token ends, the server disconnects the socket and its connection. With `connectionStateRecovery`, also set
 * `skipMiddlewares: false`: a recovered socket that skipped the middleware is disconnected.
 *
 * @param options Those of `protect()`, and of the connection.
 * @throws MonoCloudValidationError An argument is invalid (`argument_invalid`).
 */
export function socketIoMiddleware(options?: SocketIoOptions): SocketIoMiddleware;

/**
 * @param client Your client. `undefined` creates one from environment variables.
 * @throws MonoCloudValidationError An argument is invalid (`argument_invalid`).
 */
export function socketIoMiddleware(client: ProtectApiClient | undefined, options?: SocketIoOptions): SocketIoMiddleware;

/**
 * @param guard A guard of `@monocloud/backend-node/node`, with its own requirements and resolvers.
 * @throws MonoCloudValidationError An argument is invalid (`argument_invalid`).
 */
export function socketIoMiddleware(
  guard: NodeGuard | OptionalNodeGuard,
  options?: SocketIoConnectionOptions,
): SocketIoMiddleware;

export {};
