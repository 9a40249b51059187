/**
 * Where a client's certificate really is: resolvers for `certificateResolver`, the same for Express and Fastify.
 *
 * A header is trusted only behind a proxy that strips it from outside requests and sets it itself: whoever can reach
 * this API past the proxy can otherwise present anyone's certificate, for a certificate is public.
 *
 * Each header resolver refuses a header that is sent more than once, one that is accompanied by its look-alike with
 * `_` for `-`, and a value over 16 KiB: the request then counts as one without a certificate. None of them checks
 * the certificate's validity or issuer; the proxy or TLS does.
 */
import type { ClientCertificateResolver } from '../index.js';

/** What the resolvers read of a request of Express, Fastify or `node:http`. */
export interface CertificateRequest {
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  /** Names and values in turn, as received. */
  readonly rawHeaders?: readonly string[];
  readonly socket: object;
  /** Fastify: the request of `node:http`. */
  readonly raw?: { readonly rawHeaders: readonly string[] };
}

/**
 * The certificate of the TLS connection itself, for an API that ends TLS in Node: a server with `requestCert: true`.
 * With `rejectUnauthorized: false` self-signed certificates pass, which is right for
 * `self_signed_tls_client_auth` (RFC 8705 §2.2) alone.
 */
export function fromSocket(): ClientCertificateResolver<CertificateRequest>;

/**
 * A header with the PEM, URL-encoded or not: nginx `proxy_set_header X-Client-Cert $ssl_client_escaped_cert`.
 *
 * @param name The header's name, in any case.
 * @throws MonoCloudValidationError `name` is not a header name (RFC 9110 §5.1).
 */
export function fromHeader(name: string): ClientCertificateResolver<CertificateRequest>;

/**
 * `Cert` of Envoy's `x-forwarded-client-cert`. A list of several elements counts as no certificate: Envoy needs
 * `forward_client_cert_details: SANITIZE_SET`.
 */
export function fromXfcc(): ClientCertificateResolver<CertificateRequest>;

/** `Client-Cert` (RFC 9440 §2.2): the DER between colons. `Client-Cert-Chain` is not read. */
export function fromClientCert(): ClientCertificateResolver<CertificateRequest>;

/**
 * `x-amzn-mtls-clientcert` of an AWS Application Load Balancer in passthrough mode: the URL-encoded chain, whose leaf
 * is used. For verify mode: `fromHeader('x-amzn-mtls-clientcert-leaf')`.
 */
export function fromAlb(): ClientCertificateResolver<CertificateRequest>;
