/** The options of `protectApi`, shared by `@monocloud/backend-node/express` and `@monocloud/backend-node/fastify`. */
import type { CertificateBindingValidation } from './options.js';

/** What one route asks of a token. */
export interface ProtectOptions {
  /** Every one is required in the `scope` claim. Default: none. Else 403. */
  scopes?: readonly string[] | undefined;
  /** Any one is required in the groups claim; all with `groupOptions.matchAll`. Default: none. Else 403. */
  groups?: readonly string[] | undefined;
  /**
   * Certificate binding on this route (RFC 8705 §3): `true` or `'required'` also refuses tokens that are not bound,
   * `'when_present'` enforces it on tokens that are, `false` or `'dangerously_ignore'` ignores binding. Default: the
   * client's `validateCertificateBinding`. The certificate comes from `certificateResolver`. Else 401.
   */
  validateCertificateBinding?: boolean | CertificateBindingValidation | undefined;
}

/**
 * Finds the token of a request. If it returns blank text, `null` or `undefined`, the `Authorization` header is read
 * instead (RFC 6750 §2.1). If it throws, rejects, or returns a value that is not text, the response is a 401 and the
 * event `monocloud:backend:refused` says `resolver_failed`.
 *
 * Not checked here: where the token comes from. In a cookie, it needs a defence against cross-site request forgery.
 */
export type TokenResolver<T> = (
  request: T,
) => Promise<string | null | undefined> | string | null | undefined;

/**
 * Finds the client's certificate: PEM with or without its delimiters, URL-encoded or not, the leaf first; only the
 * leaf is read. `null` or `undefined`: there is none. Called only when binding could apply. If it throws, rejects, or
 * returns a value that is not text, the response is a 401 and the event `monocloud:backend:refused` says
 * `resolver_failed`. Ready-made ones are in `@monocloud/backend-node/certificates`.
 *
 * Not checked here: that the client holds the certificate's key. TLS proves that, and a header is trustworthy only
 * behind a proxy that strips it from outside requests.
 */
export type ClientCertificateResolver<T> = (
  request: T,
) => Promise<string | null | undefined> | string | null | undefined;

/** Where `protectApi` looks for credentials in a request of type `T`. */
export interface ProtectApiRequestOptions<T> {
  /** Default: the `Authorization` header alone. */
  tokenResolver?: TokenResolver<T> | undefined;
  /** Default: none, so a certificate-bound token is refused unless binding is ignored. */
  certificateResolver?: ClientCertificateResolver<T> | undefined;
  /**
   * Passes CORS preflights on without a token and without `claims`, for applications whose CORS middleware runs after
   * `protect()`. A preflight is an `OPTIONS` request with the headers `Origin` and `Access-Control-Request-Method` and
   * with neither credentials nor content. Every other request, a plain `OPTIONS` too, is protected as ever. Default:
   * `false`. If you can, register the CORS middleware before `protect()` instead, and leave this out.
   */
  allowPreflight?: boolean | undefined;
}
