/// <reference types="node" />
/**
 * A protected MCP server: its metadata (RFC 9728), and who may call its endpoint. It needs no package of MCP and works with
 * `@modelcontextprotocol/sdk` 1 and `@modelcontextprotocol/server` 2. Exports everything that `@monocloud/backend-node`
 * exports.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type {
  AccessTokenClaims,
  ClientCertificateResolver,
  MonoCloudOidcBackendClient,
  MonoCloudTokenError,
  MonoCloudValidationError,
  ProtectOptions,
  ProtectedResourceMetadata,
  UrlResolver,
} from '../index.js';

export * from '../index.js';

/** The options of `protectedResource()`. An unknown member throws (`option_invalid`). */
export interface ProtectedResourceOptions {
  /**
   * The URL of the MCP endpoint, as clients use it: `https://api.example.com/mcp`. It must be an absolute `https` URL without
   * user and fragment, or `http` for loopback. Default: the client's first `publicUrl`, otherwise the first `audience` that is one.
   *
   * The document repeats this text. Clients compare it with the URL that they use (RFC 9728 §3.3), and send it to the
   * authorization server, which puts it into the `aud` claim (RFC 8707 §2). So the client's `audience` must be the same
   * text.
   */
  resource?: string | undefined;
  /**
   * The issuers whose tokens the API accepts, at most 1,000. Default: the client's issuer. Its name comes from its
   * metadata once that was fetched. Until then, it is `tenantDomain` as it was written.
   */
  authorizationServers?: readonly string[] | undefined;
  /** The scopes that clients may ask for, at most 1,000. `offline_access` throws. Default: none are listed. */
  scopesSupported?: readonly string[] | undefined;
  /** A name to show to users. Default: none. */
  resourceName?: string | undefined;
  /** The URL of a page for developers. Default: none. */
  resourceDocumentation?: string | undefined;
  /** The URL of a page about how clients may use the data. Default: none. */
  resourcePolicyUri?: string | undefined;
  /** The URL of the terms of service. Default: none. */
  resourceTosUri?: string | undefined;
  /** The types of `authorization_details` (RFC 9396) that the API understands, at most 1,000. Default: none. */
  authorizationDetailsTypesSupported?: readonly string[] | undefined;
  /** How many seconds a document may be cached, a whole number from 0 to 31536000. Default: 3600. */
  maxAge?: number | undefined;
  /**
   * Whether `/.well-known/oauth-authorization-server` repeats the metadata of the authorization server. Clients of MCP
   * 2025-03-26 look for it there. Default: `true`.
   */
  serveAuthorizationServerMetadata?: boolean | undefined;
}

/**
 * A protected resource, and its metadata document (RFC 9728). It responds to `GET`, `HEAD` and `OPTIONS` of its path,
 * for every origin. Other methods get a 405. The query is ignored. Other paths belong to the application.
 */
export interface ProtectedResource extends ProtectedResourceMetadata {
  /** The URL of the document. Challenges name it (RFC 9728 §5.1). */
  readonly url: string;
  /** The document. */
  readonly metadata: Readonly<Record<string, unknown>>;
  /**
   * Middleware for Express and Connect, for the root of the application. It must come before `protect()`: a client has no
   * token yet when it reads the document.
   */
  middleware(): (request: IncomingMessage, response: ServerResponse, next: (error?: any) => void) => void;
  /** A Fastify plugin. Register it without a prefix, and outside of what an `onRequest` hook protects. */
  plugin(): (fastify: any) => Promise<void>;
  /** For the Fetch standard: the response, or `undefined` if the path belongs to the application. */
  respond(request: Request): Response | Promise<Response> | undefined;
}

/**
 * Describes a protected resource, with a client from environment variables. Call it once, at startup.
 *
 * @throws MonoCloudValidationError An option is invalid, or there is no `resource` and neither `publicUrl` nor
 *   `audience` of the client is an `https` URL (`option_invalid`).
 */
export function protectedResource(options?: ProtectedResourceOptions): ProtectedResource;

/**
 * Describes a protected resource, with your client. `undefined` creates a client from environment variables.
 *
 * @throws MonoCloudValidationError An option is invalid, or there is no `resource` and neither `publicUrl` nor
 *   `audience` of the client is an `https` URL (`option_invalid`).
 */
export function protectedResource(
  client: MonoCloudOidcBackendClient | undefined,
  options?: ProtectedResourceOptions,
): ProtectedResource;

/** What the MCP SDKs know about a request. It fits `AuthInfo` of both generations. */
export interface McpAuthInfo {
  /** The access token. Never send it to another server. */
  token: string;
  /** The `client_id` claim, otherwise `azp`, otherwise empty. */
  clientId: string;
  /** The words of the `scope` claim. */
  scopes: string[];
  /** The `exp` claim, in seconds. */
  expiresAt: number;
  /** The audience that the token is for, if it is an `http` or `https` URL. */
  resource?: URL;
  /** The URL of the metadata, if the option `resource` was given. */
  resourceMetadataUrl?: string;
  /** All claims of the token. */
  extra: { claims: AccessTokenClaims };
}

/**
 * The requirements of an MCP endpoint. An unknown member throws (`argument_invalid`).
 *
 * @typeParam T The type of the request that the resolvers receive.
 */
export interface ProtectMcpOptions<T = any> extends ProtectOptions {
  /**
   * What `protectedResource()` returned. Default: none. With it, 401 and 403 responses have `resource_metadata` and
   * `scope`.
   */
  resource?: ProtectedResource | undefined;
  /** Returns the caller's certificate, as in `protectApi()`. Default: none. */
  certificateResolver?: ClientCertificateResolver<T> | undefined;
  /**
   * Returns the URL of the request for DPoP proofs, as in `protectApi()`. Default: `publicUrl`, or the framework's URL.
   */
  urlResolver?: UrlResolver<T> | undefined;
}

/** Middleware of Express and Connect. It calls `next()` once, or sends the response itself. */
export type McpMiddleware = {
  // Declared as a method, so that a test can assign a middleware with Express's `Request` and `Response` types.
  middleware(request: IncomingMessage, response: ServerResponse, next: (error?: any) => void): void | Promise<void>;
}['middleware'];

/**
 * Returns middleware that protects an MCP endpoint of Express. It sets `request.auth` (`McpAuthInfo`) and
 * `request.claims`, or sends the response itself (400, 401, 403, 500 or 503), as `protect()` does. An introspected
 * token without `exp` is rejected (`expiry_invalid`), because the SDKs need one.
 *
 * Without a client, it creates one from environment variables.
 *
 * @throws MonoCloudValidationError An option is unknown or invalid (`argument_invalid`).
 */
export function protectMcp(options?: ProtectMcpOptions): McpMiddleware;

/**
 * The same, with your client. `undefined` creates one from environment variables.
 *
 * @throws MonoCloudValidationError An option is unknown or invalid (`argument_invalid`).
 */
export function protectMcp(client: MonoCloudOidcBackendClient | undefined, options?: ProtectMcpOptions): McpMiddleware;

/**
 * The same for the Fetch standard: returns a function that resolves with `McpAuthInfo`, or with the response to send. It never
 * rejects.
 *
 * A new nonce for DPoP is not sent with a successful response, because the SDK makes it. Clients get one with the next 401.
 *
 * @throws MonoCloudValidationError An option is unknown or invalid (`argument_invalid`).
 */
export function mcpGate(options?: ProtectMcpOptions<Request>): (request: Request) => Promise<McpAuthInfo | Response>;

/**
 * The same, with your client. `undefined` creates one from environment variables.
 *
 * @throws MonoCloudValidationError An option is unknown or invalid (`argument_invalid`).
 */
export function mcpGate(
  client: MonoCloudOidcBackendClient | undefined,
  options?: ProtectMcpOptions<Request>,
): (request: Request) => Promise<McpAuthInfo | Response>;

/** The options of `mcpTokenVerifier()`. */
export interface McpTokenVerifierOptions {
  /**
   * Makes an error of the MCP SDK for a rejected token. The SDKs send a 401 or 403 only for their own errors.
   *
   * - SDK 1: `(e) => e.code === 'insufficient_scope' ? new InsufficientScopeError(e.message) : new InvalidTokenError(e.message)`
   * - SDK 2: `(e) => new OAuthError(e.code === 'insufficient_scope' ? OAuthErrorCode.InsufficientScope : OAuthErrorCode.InvalidToken, e.message)`
   */
  toError: (error: MonoCloudTokenError | MonoCloudValidationError) => Error;
  /** Scopes that every token must have, at most 1,000. Default: none. */
  scopes?: readonly string[] | undefined;
}

/**
 * Returns a token verifier for applications that stay with `requireBearerAuth` of an MCP SDK.
 *
 * An outage of the authorization server rejects with the original error. The SDKs send a 500 for it, because they have no
 * 503. DPoP proofs and client certificates are not passed on by the SDKs, so bound tokens are rejected.
 *
 * @throws MonoCloudValidationError `toError` is missing, or an option is unknown or invalid (`argument_invalid`).
 */
export function mcpTokenVerifier(
  client: MonoCloudOidcBackendClient | undefined,
  options: McpTokenVerifierOptions,
): { verifyAccessToken(token: string): Promise<McpAuthInfo> };

export {};
