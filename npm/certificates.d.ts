/**
 * Resolvers for the option `certificateResolver` of `protectApi`. They work with every framework that has `protectApi`.
 * `fromSocket` needs the connection, so it does not work with a `Request` of the Fetch standard.
 *
 * Certificates are public. Anyone who reaches your API without passing the proxy can send any certificate in a header.
 * Use a header resolver only behind a proxy that removes the header from incoming requests and sets it itself.
 *
 * A header counts as no certificate if it is sent more than once, if it is larger than 16 KiB, or if it arrives with an
 * underscore-spelled duplicate (`x_client_cert` beside `x-client-cert`).
 *
 * Not checked: the certificate's validity and issuer, and that the caller has its key. TLS or the proxy checks these.
 */
import type { ClientCertificateResolver } from '../index.js';

/** The members that the header resolvers read from a request. A request of every framework has them. */
export interface CertificateHeaders {
  /** An object with names in lower case, or the `Headers` of the Fetch standard. */
  readonly headers: object;
  /** Header names and values in turn, as received. */
  readonly rawHeaders?: readonly string[] | undefined;
  /** In Fastify, the request of `node:http`. */
  readonly raw?: { readonly rawHeaders: readonly string[] } | undefined;
  /** In Koa, the request of `node:http`. */
  readonly req?: { readonly rawHeaders: readonly string[] } | undefined;
}

/** The members that `fromSocket` reads from a request of Express, Fastify, Koa or `node:http`. */
export interface CertificateRequest extends CertificateHeaders {
  readonly socket: object;
}

/**
 * Reads the certificate of the TLS connection. Use it if TLS ends in Node, in a server with `requestCert: true`.
 *
 * With `rejectUnauthorized: false`, self-signed certificates are accepted too. Use that only for
 * `self_signed_tls_client_auth` (RFC 8705 §2.2).
 */
export function fromSocket(): ClientCertificateResolver<CertificateRequest>;

/**
 * Reads a header with PEM, URL-encoded or not. For example nginx:
 * `proxy_set_header X-Client-Cert $ssl_client_escaped_cert`.
 *
 * @param name The name of the header, in any case.
 * @throws MonoCloudValidationError `name` is not a header name (RFC 9110 §5.1, `argument_invalid`).
 */
export function fromHeader(name: string): ClientCertificateResolver<CertificateHeaders>;

/**
 * Reads `Cert` in Envoy's `x-forwarded-client-cert`. A list of several elements counts as no certificate, so configure
 * Envoy with `forward_client_cert_details: SANITIZE_SET`.
 */
export function fromXfcc(): ClientCertificateResolver<CertificateHeaders>;

/** Reads `Client-Cert` (RFC 9440 §2.2). `Client-Cert-Chain` is not read. */
export function fromClientCert(): ClientCertificateResolver<CertificateHeaders>;

/**
 * Reads `x-amzn-mtls-clientcert` of an AWS Application Load Balancer in passthrough mode: a URL-encoded chain. The leaf
 * is used. In verify mode, use `fromHeader('x-amzn-mtls-clientcert-leaf')`.
 */
export function fromAlb(): ClientCertificateResolver<CertificateHeaders>;
