/// <reference types="node" />
/**
 * Options of the clients and of their methods.
 *
 * `MonoCloudBackendNodeClient` also reads the environment, once, when it is constructed; a constructor value wins (`null` and `undefined` are none).
 * White space around a variable's value is ignored, and an empty variable counts as unset. A boolean variable is `true`
 * or `false` in any case, a number a base-10 integer; anything else throws, as a wrong option does.
 * `MonoCloudOidcBackendClient` reads no environment.
 *
 * An option of the wrong type, outside its range, or missing where required throws `MonoCloudValidationError` from
 * the constructor, with the option's name in the message.
 */
import type { ICache } from './cache.js';
import type { IssuerMetadataInput, JwkInput, Jwks, JwksInput } from './issuer.js';

/**
 * How the client authenticates at the introspection endpoint.
 *
 * | method | needs | |
 * |---|---|---|
 * | `client_secret_basic` | `clientSecret` | RFC 6749 §2.3.1; of both halves only white space, `%`, `+`, `:`, `&`, control characters and what is not ASCII are encoded |
 * | `client_secret_post` | `clientSecret` | RFC 6749 §2.3.1, in the body |
 * | `client_secret_jwt` | `clientSecret` | RFC 7523 §2.2; HS256, or the `alg` of an `oct` JWK |
 * | `private_key_jwt` | `clientSecret`: a private JWK | RFC 7523 §2.2 |
 * | `tls_client_auth`, `self_signed_tls_client_auth` | `clientCertificate`, `clientCertificateKey` | RFC 8705 §2 |
 * | `spiffe_jwt` | `clientSecret` | draft-ietf-oauth-spiffe-client-auth |
 * | `spiffe_x509` | `clientCertificate`, `clientCertificateKey` | draft-ietf-oauth-spiffe-client-auth |
 */
export type ClientAuthMethod =
  | 'client_secret_basic'
  | 'client_secret_post'
  | 'client_secret_jwt'
  | 'private_key_jwt'
  | 'tls_client_auth'
  | 'self_signed_tls_client_auth'
  | 'spiffe_jwt'
  | 'spiffe_x509';

/**
 * When a token's binding to a client certificate (RFC 8705 §3) is enforced: when the token carries it; always, so
 * that unbound tokens are refused; never, which lets whoever holds a stolen bound token use it.
 */
export type CertificateBindingValidation = 'when_present' | 'required' | 'dangerously_ignore';

/** How group membership is decided. */
export interface IsUserInGroupOptions {
  /**
   * The claim that holds the groups: an array of strings or of `{ id, name }` objects, matched by string, id or name.
   * Default: `groups`. Environment: `MONOCLOUD_BACKEND_GROUPS_CLAIM`.
   */
  groupsClaim?: string | undefined;
  /** Ask for every listed group, not any. Default: `false`. Environment: `MONOCLOUD_BACKEND_GROUPS_MATCH_ALL`. */
  matchAll?: boolean | undefined;
}

/**
 * Options of {@link MonoCloudOidcBackendClient}. A plain object: another object, or a member that is not listed here,
 * throws `MonoCloudValidationError` (`option_invalid`), which names the member. Only the object's own members count.
 */
export interface MonoCloudOidcBackendClientOptions {
  /**
   * Who asks at the introspection endpoint. Default: none, then every token that needs introspection rejects with
   * `MonoCloudValidationError` (`client_id_required`). Environment: `MONOCLOUD_BACKEND_CLIENT_ID`.
   */
  clientId?: string;
  /**
   * A secret, or a private JWK as an object or as its JSON text. Default: none. Never part of an error or of
   * `util.inspect(client)`. Checked, when `clientId` is set: that it fits `clientAuthMethod`; not: that the authorization server accepts it.
   * Environment: `MONOCLOUD_BACKEND_CLIENT_SECRET`.
   */
  clientSecret?: string | JwkInput;
  /**
   * Default: `client_secret_post` for `MonoCloudBackendNodeClient`, `client_secret_basic` for
   * `MonoCloudOidcBackendClient`. Environment: `MONOCLOUD_BACKEND_CLIENT_AUTH_METHOD`.
   */
  clientAuthMethod?: ClientAuthMethod;
  /**
   * The `aud` of a client assertion (`client_secret_jwt`, `private_key_jwt`): `issuer` is the issuer's name, `endpoint`
   * the URL of the introspection endpoint, and any other text is used as it is. RFC 7523 allows all of them; its revision
   * (draft-ietf-oauth-rfc7523bis) allows the issuer alone, because an assertion for an endpoint can be replayed elsewhere.
   * Use another value only for a server that refuses the issuer. Default: `issuer`.
   * Environment: `MONOCLOUD_BACKEND_ASSERTION_AUDIENCE`.
   */
  assertionAudience?: 'issuer' | 'endpoint' | (string & {});
  /** How `groups` are checked. */
  groupOptions?: IsUserInGroupOptions;
  /**
   * Seconds added to the machine's clock before `exp` and `nbf` are checked, >= 0. Default: 0.
   * Environment: `MONOCLOUD_BACKEND_CLOCK_SKEW`.
   */
  clockSkew?: number;
  /**
   * Seconds by which `exp` and `nbf` may miss, >= 0. A token lives that much longer than its `exp` says. Default: 300.
   * Environment: `MONOCLOUD_BACKEND_CLOCK_TOLERANCE`.
   */
  clockTolerance?: number;
  /**
   * Ask the authorization server about JWTs too, instead of validating them locally: the only way to notice a JWT's
   * revocation. Default: `false`. Environment: `MONOCLOUD_BACKEND_INTROSPECT_JWT_TOKENS`.
   */
  introspectJwtTokens?: boolean;
  /**
   * Seconds a JWK Set is used before it is fetched again, >= 0. From 72 to 80 % of it the fetch happens in the background.
   * Default: 300. Environment: `MONOCLOUD_BACKEND_JWKS_CACHE_DURATION`.
   */
  jwksCacheDuration?: number;
  /**
   * Seconds past its duration for which a JWK Set (and metadata) is still used while fetching it anew fails, >= 0; a second
   * after it came it always is. Afterwards `MonoCloudHttpError`. Default: 86400. Environment: `MONOCLOUD_BACKEND_JWKS_MAX_STALE`.
   */
  jwksMaxStale?: number;
  /**
   * Seconds the issuer's metadata is used before it is fetched again, >= 0. Default: 300.
   * Environment: `MONOCLOUD_BACKEND_METADATA_CACHE_DURATION`.
   */
  metadataCacheDuration?: number;
  /**
   * How many verified JWTs are remembered, a whole number from 0 to 1048576; the least recently used gives way. A token
   * is remembered when it is verified for the second time. A remembered token skips the
   * signature's arithmetic, and nothing else: the key must still be published, times and authorization are checked
   * on every call. 0: none. Default: 10000. Environment: `MONOCLOUD_BACKEND_VERIFIED_TOKEN_CACHE_SIZE`.
   */
  verifiedTokenCacheSize?: number;
  /**
   * How many bytes the remembered JWTs may take, a whole number from 0 to 68719476736 (64 GiB). It counts the tokens in
   * native memory and an estimate of their claims in JavaScript's heap; the least recently used gives way. A token that
   * is larger than this on its own is not remembered. With a `cache`, what the client remembers of its entries has the
   * same bound again. 0: no token is remembered. Default: 33554432 (32 MiB).
   * Environment: `MONOCLOUD_BACKEND_VERIFIED_TOKEN_CACHE_BYTES`.
   */
  verifiedTokenCacheBytes?: number;
  /**
   * Milliseconds for one whole exchange with the authorization server, connecting included, >= 1000. Afterwards
   * `MonoCloudHttpError` (`timed_out`). Default: 5000. Environment: `MONOCLOUD_BACKEND_RESPONSE_TIMEOUT`.
   */
  responseTimeout?: number;
  /**
   * Default: `when_present`. A call or route overrides it by its own `validateCertificateBinding`.
   * Environment: `MONOCLOUD_BACKEND_VALIDATE_CERTIFICATE_BINDING`.
   */
  validateCertificateBinding?: CertificateBindingValidation;
  /**
   * Picks `mtls_additional_endpoint_aliases[trustStoreId]` instead of `mtls_endpoint_aliases` for the methods that
   * authenticate by certificate. Default: none. An id the metadata does not name rejects with
   * `MonoCloudValidationError` (`mtls_endpoint_missing`). Environment: `MONOCLOUD_BACKEND_TRUST_STORE_ID`.
   */
  trustStoreId?: string;
  /**
   * The certificate this API presents to the authorization server, leaf first: PEM text, or a file's path, read once
   * by the constructor. Default: none. With a `fetcher` it is not used: TLS is then the fetcher's.
   * Environment: `MONOCLOUD_BACKEND_CLIENT_CERTIFICATE`.
   */
  clientCertificate?: string;
  /**
   * The private key of `clientCertificate`, not encrypted: PEM text or a file's path.
   * Environment: `MONOCLOUD_BACKEND_CLIENT_CERTIFICATE_KEY`.
   */
  clientCertificateKey?: string;
  /**
   * The only authorities trusted for the authorization server: PEM text or a file's path. Default: the system's roots
   * (or those of `SSL_CERT_FILE`, as OpenSSL has it) and `NODE_EXTRA_CA_CERTS`.
   * Environment: `MONOCLOUD_BACKEND_CERTIFICATE_AUTHORITIES`.
   */
  certificateAuthorities?: string;
  /**
   * Makes every request to the authorization server instead of the engine's own HTTP client: the global `fetch`, or
   * any function like it. Called with the URL as a string. What it rejects with becomes `MonoCloudHttpError`
   * (`fetcher_failed`). Limits of size and time still hold; proxy variables and TLS options do not, they are the
   * fetcher's. Default: none; the own client honours `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
   */
  fetcher?: (input: string, init?: RequestInit) => Promise<Response>;
  /**
   * Gives the metadata instead of discovery. Called as often as discovery would be; checked like its answer; throwing
   * or rejecting counts as a failed fetch. Default: none.
   */
  metadataResolver?: () => IssuerMetadataInput | Promise<IssuerMetadataInput>;
  /**
   * Gives the JWK Set instead of the issuer's `jwks_uri`. Called as often as that would be fetched; throwing or
   * rejecting counts as a failed fetch. JWTs then need no metadata, and their issuer is `tenantDomain`. Default: none.
   */
  jwksResolver?: () => Jwks | JwksInput | Promise<Jwks | JwksInput>;
}

/** Options of {@link MonoCloudBackendNodeClient}. The required ones may come from the environment. */
export interface MonoCloudBackendNodeClientOptions extends MonoCloudOidcBackendClientOptions {
  /**
   * The tenant, an absolute `https://` URL (`http://` for loopback hosts only); one trailing `/` is ignored. Compared
   * with the metadata's `issuer`, and through it with every token's `iss`. Required.
   * Environment: `MONOCLOUD_BACKEND_TENANT_DOMAIN`.
   */
  tenantDomain: string;
  /**
   * This API, an absolute URI. Compared byte for byte with `aud`: a trailing `/` counts. Required.
   * Environment: `MONOCLOUD_BACKEND_AUDIENCE`.
   */
  audience: string;
  /** Where validated claims are kept until the token expires. Default: none. */
  cache?: ICache;
  /**
   * Seconds an introspected token stays in `cache` at most, >= 0: for so long its revocation goes unnoticed. Clients
   * that share a cache apply each its own value, to the time the entry was obtained. 0: never cached, and nothing that
   * another client cached is used. Default: until `exp`; 300 for tokens without `exp` and for inactive verdicts.
   * Environment: `MONOCLOUD_BACKEND_INTROSPECTION_CACHE_DURATION`.
   */
  introspectionCacheDuration?: number;
}

/**
 * What one call asks of a token. A plain object: another object, or a member that is not listed here, rejects with
 * `MonoCloudValidationError` (`argument_invalid`), which names the member.
 */
export interface ValidateAccessTokenOptions {
  /**
   * Every one is required in the space-separated `scope` claim. At most 1,000. Default: none. Else
   * `MonoCloudTokenError`, code `insufficient_scope`, message `Token is missing required scopes`.
   */
  scopes?: readonly string[] | undefined;
  /**
   * Any one is required in the groups claim; all with `groupOptions.matchAll`. At most 1,000. Default: none. Else
   * `MonoCloudTokenError`, code `insufficient_groups`, message `Token is missing required groups`.
   */
  groups?: readonly string[] | undefined;
  /**
   * When the token must be bound to `clientCertificate` (RFC 8705 §3), for this call only. `true` is `required`: a
   * token that is not bound is refused too. `false` is `dangerously_ignore`: binding is not checked. Default: the
   * client's `validateCertificateBinding`. Else `MonoCloudTokenError`, code `invalid_token`.
   */
  validateCertificateBinding?: boolean | CertificateBindingValidation | undefined;
  /**
   * The certificate the caller of this API presented: PEM with or without its delimiters, URL-encoded or not. Only
   * its SHA-256 thumbprint is compared; its validity, issuer and possession are the business of TLS.
   */
  clientCertificate?: string | null | undefined;
}

/** What one call asks of a JWT. */
export interface ValidateJwtAccessTokenOptions extends ValidateAccessTokenOptions {
  /** Used instead of the issuer's keys, which are then not fetched. */
  jwks?: Jwks | JwksInput | undefined;
}

/** What one call asks of an introspected token. */
export interface IntrospectOptions extends ValidateAccessTokenOptions {}
