/// <reference types="node" />
/**
 * Options of the clients and of their methods.
 *
 * `MonoCloudBackendNodeClient` reads the environment variables once, in its constructor. An option wins over its
 * variable. `undefined` and `null` count as not set. White space around a variable's value is ignored, and an empty
 * variable counts as not set. A boolean variable is `true` or `false`, in any case. A numeric variable is a decimal
 * integer. `MonoCloudOidcBackendClient` reads no environment variables.
 *
 * The constructor throws `MonoCloudValidationError` (`option_invalid`) if an option or a variable is missing where it is
 * required, has the wrong type, is outside its range, or is unknown. The message names the option.
 */
import type { ICache } from './cache.js';
import type { DPoPBindingValidation, DPoPOptions, DPoPProofOptions } from './dpop.js';
import type { IssuerMetadataInput, JwkInput, Jwks, JwksInput } from './issuer.js';
import type { RevocationOptions } from './revocation.js';

/**
 * How the client authenticates at the introspection endpoint.
 *
 * | method | needs | specification |
 * |---|---|---|
 * | `client_secret_basic` | `clientSecret` | RFC 6749 §2.3.1. In the id and the secret, only white space, `%`, `+`, `:`, `&`, control characters and characters that are not ASCII are percent-encoded. |
 * | `client_secret_post` | `clientSecret` | RFC 6749 §2.3.1, in the body |
 * | `client_secret_jwt` | `clientSecret` | RFC 7523 §2.2, with HS256, or with the `alg` of an `oct` JWK |
 * | `private_key_jwt` | `clientSecret`, a private JWK | RFC 7523 §2.2 |
 * | `tls_client_auth`, `self_signed_tls_client_auth` | `clientCertificate`, `clientCertificateKey` | RFC 8705 §2 |
 * | `spiffe_jwt` | `clientSecret`, a JWT-SVID | draft-ietf-oauth-spiffe-client-auth |
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
 * When a token must match the caller's certificate (RFC 8705 §3).
 *
 * - `when_present`: a bound token needs the matching certificate. Other tokens are accepted.
 * - `required`: every token must be bound to the caller's certificate.
 * - `dangerously_ignore`: binding is not checked. Anyone who holds a stolen bound token can use it.
 */
export type CertificateBindingValidation = 'when_present' | 'required' | 'dangerously_ignore';

/**
 * Names a claim: its name, or a path of 1 to 8 names from the outside in. `['realm_access', 'roles']` is the member `roles`
 * of the claim `realm_access`. A dot is part of a name. In an environment variable, the value is one name.
 */
export type ClaimName = string | readonly string[];

/**
 * What a claim must be on a route or for a call.
 *
 * - A string, a number, a boolean or `null`: the claim equals it, as with `===`.
 * - `{ in: [...] }`: the claim equals one of these values. At least one.
 * - `{ contains: 'a' }`: the claim is an array that contains this string. With an array, it contains all these strings. A
 *   claim that is a string never matches, because matching a part of a text lets in too many.
 *
 * An absent claim meets no rule.
 */
export type ClaimRule =
  | string
  | number
  | boolean
  | null
  | { readonly in: readonly (string | number | boolean | null)[] }
  | { readonly contains: string | readonly string[] };

/** Where the scopes of a token are, and what they contain. */
export interface ScopeOptions {
  /**
   * The claims that may hold the scopes, 1 to 8 of them. The first one that a token has counts, whatever its value is. A
   * string is split at spaces (RFC 6749 §3.3). In an array, each string is one scope, and a string with a space grants
   * nothing. Default: `scope`. Environment variable: `MONOCLOUD_BACKEND_SCOPES_CLAIM`, names separated by spaces.
   *
   * In contrast to `groupsClaim`, an array lists several claims. A path is an array inside that array:
   * `[['context', 'scopes']]`.
   */
  scopesClaim?: string | readonly ClaimName[] | undefined;
  /**
   * What a broader scope contains: `{ 'files:write': ['files:read'] }`. A token with `files:write` then passes where
   * `files:read` is required. Applied transitively. At most 200 scopes and 1,000 pairs. Default: none. Environment
   * variable: `MONOCLOUD_BACKEND_SCOPES_IMPLIES`, as JSON.
   */
  implies?: Readonly<Record<string, readonly string[]>> | undefined;
}

/** How group membership is checked. */
export interface IsUserInGroupOptions {
  /**
   * The claim that holds the user's groups: an array of strings or of `{ id, name }` objects, or one string, which is one
   * group. A group matches by string, by id or by name. Default: `groups`. Environment variable:
   * `MONOCLOUD_BACKEND_GROUPS_CLAIM`.
   */
  groupsClaim?: ClaimName | undefined;
  /**
   * `true` requires every listed group. `false` requires any one of them. Default: `false`. Environment variable:
   * `MONOCLOUD_BACKEND_GROUPS_MATCH_ALL`.
   */
  matchAll?: boolean | undefined;
}

/**
 * Options of {@link MonoCloudOidcBackendClient}. They must be a plain object without unknown members. Anything else
 * throws `MonoCloudValidationError` (`option_invalid`), and the message names the member. Inherited members are ignored.
 */
export interface MonoCloudOidcBackendClientOptions {
  /**
   * The client that introspects tokens. Default: none. Without it, tokens that need introspection are rejected with
   * `MonoCloudValidationError` (`client_id_required`). Environment variable: `MONOCLOUD_BACKEND_CLIENT_ID`.
   */
  clientId?: string;
  /**
   * The secret of that client: text, or a private JWK as an object or as JSON text. Default: none. No error message and
   * no output of `util.inspect(client)` contains it. Environment variable: `MONOCLOUD_BACKEND_CLIENT_SECRET`.
   *
   * Checked if `clientId` is set: that the secret fits `clientAuthMethod`. Not checked: that the authorization server
   * accepts it.
   */
  clientSecret?: string | JwkInput;
  /**
   * How the client authenticates at the introspection endpoint. Default: `client_secret_post` for
   * `MonoCloudBackendNodeClient` and `client_secret_basic` for `MonoCloudOidcBackendClient`. Environment variable:
   * `MONOCLOUD_BACKEND_CLIENT_AUTH_METHOD`.
   */
  clientAuthMethod?: ClientAuthMethod;
  /**
   * The `aud` of a client assertion, for `client_secret_jwt` and `private_key_jwt`. `issuer` sends the issuer's name.
   * `endpoint` sends the URL of the introspection endpoint. Any other text is sent as it is. Default: `issuer`.
   * Environment variable: `MONOCLOUD_BACKEND_ASSERTION_AUDIENCE`.
   *
   * RFC 7523 §3 allows all of these values. Its revision (draft-ietf-oauth-rfc7523bis) allows the issuer only, because an
   * assertion for an endpoint can be replayed at another server. Change this option only for a server that rejects the
   * issuer.
   */
  assertionAudience?: 'issuer' | 'endpoint' | (string & {});
  /**
   * Whether an introspection response needs `aud`, which RFC 7662 §2.2 makes optional. Default: `required`. Environment
   * variable: `MONOCLOUD_BACKEND_INTROSPECTION_AUDIENCE`.
   *
   * `when_present` accepts a response without `aud`. Then this API accepts every active token of the authorization server
   * that it reports without `aud`, also one for another API. Require scopes that only this API uses. An `aud` that is
   * present must match in any case. A JWT that is validated locally always needs `aud`, and so does every token of a route
   * or a call with `audience`.
   */
  introspectionAudience?: 'required' | 'when_present';
  /** How `groups` are checked. */
  groupOptions?: IsUserInGroupOptions;
  /** How `scopes` and `anyScopes` are checked. */
  scopeOptions?: ScopeOptions;
  /**
   * The claim that holds the permissions: an array of strings, or one string. Default: `permissions`. Environment variable:
   * `MONOCLOUD_BACKEND_PERMISSIONS_CLAIM`.
   */
  permissionsClaim?: ClaimName;
  /**
   * The claim that holds the roles: an array of strings, or one string. Default: `roles`. Environment variable:
   * `MONOCLOUD_BACKEND_ROLES_CLAIM`.
   */
  rolesClaim?: ClaimName;
  /**
   * Seconds that are added to this machine's clock before times are checked, 0 or more: `exp`, `nbf`, `auth_time`, and
   * `iat` of a DPoP proof. Default: 0. Environment variable: `MONOCLOUD_BACKEND_CLOCK_SKEW`.
   */
  clockSkew?: number;
  /**
   * Seconds by which `exp` and `nbf` may be off, 0 or more. A token is accepted that much longer than its `exp` says.
   * Default: 300. Environment variable: `MONOCLOUD_BACKEND_CLOCK_TOLERANCE`.
   */
  clockTolerance?: number;
  /**
   * `true` introspects JWTs too, instead of validating them locally. Then it notices that a JWT was revoked. `revocation` is another way.
   * Default: `false`. Environment variable: `MONOCLOUD_BACKEND_INTROSPECT_JWT_TOKENS`.
   */
  introspectJwtTokens?: boolean;
  /**
   * Seconds that the issuer's keys are used before they are fetched again, 0 or more. The client refreshes them in the
   * background after 72 to 80 % of this time. Default: 300. Environment variable:
   * `MONOCLOUD_BACKEND_JWKS_CACHE_DURATION`.
   */
  jwksCacheDuration?: number;
  /**
   * Seconds that old keys and old metadata are used after their duration while they cannot be fetched, 0 or more. After
   * that, calls fail with `MonoCloudHttpError`. Keys and metadata may always be used for one second after they arrive.
   * Default: 86400. Environment variable: `MONOCLOUD_BACKEND_JWKS_MAX_STALE`.
   */
  jwksMaxStale?: number;
  /**
   * Seconds that the issuer's metadata is used before it is fetched again, 0 or more. Default: 300. Environment variable:
   * `MONOCLOUD_BACKEND_METADATA_CACHE_DURATION`.
   */
  metadataCacheDuration?: number;
  /**
   * How many verified JWTs are remembered: a whole number from 0 to 1048576. 0 disables this cache. Default: 10000.
   * Environment variable: `MONOCLOUD_BACKEND_VERIFIED_TOKEN_CACHE_SIZE`.
   *
   * A JWT is remembered when it is verified for the second time. From then on, validation skips the signature check and
   * nothing else: the key must still be published, and claims, times and authorization are checked on every call. If the
   * cache is full, the least recently used JWT is removed.
   */
  verifiedTokenCacheSize?: number;
  /**
   * How many bytes the remembered JWTs may use: a whole number from 0 to 68719476736 (64 GiB). 0 disables this cache.
   * Default: 33554432 (32 MiB). Environment variable: `MONOCLOUD_BACKEND_VERIFIED_TOKEN_CACHE_BYTES`.
   *
   * The limit counts the tokens in native memory and an estimate of their claims in JavaScript's heap. If it is reached,
   * the least recently used JWT is removed. A token that is larger than the limit is not remembered. With a `cache`, the
   * client's copies of cache entries may use the same number of bytes again.
   */
  verifiedTokenCacheBytes?: number;
  /**
   * The time limit in milliseconds of one whole exchange with the authorization server, 1000 or more. Making a connection
   * may take half of it. After that, the call fails with `MonoCloudHttpError` (`timed_out`). Default: 5000. Environment
   * variable: `MONOCLOUD_BACKEND_RESPONSE_TIMEOUT`.
   */
  responseTimeout?: number;
  /**
   * When a token must match the caller's certificate (RFC 8705 §3). A call or a route can override it with its own
   * `validateCertificateBinding`. Default: `when_present`. Environment variable:
   * `MONOCLOUD_BACKEND_VALIDATE_CERTIFICATE_BINDING`.
   */
  validateCertificateBinding?: CertificateBindingValidation;
  /**
   * When a token must come with a DPoP proof (RFC 9449 §7). A call or a route can override it with its own
   * `validateDPoPBinding`. Default: `when_present`. Environment variable: `MONOCLOUD_BACKEND_VALIDATE_DPOP_BINDING`.
   */
  validateDPoPBinding?: DPoPBindingValidation;
  /**
   * What events say about a rejected token. `reasons`: which rule failed. `values`: also the key ID, and the value that
   * the rule expected and received. Such a value comes from a token that was not accepted, so anyone can choose it.
   * Default: `reasons`. Environment variable: `MONOCLOUD_BACKEND_DIAGNOSTICS`.
   */
  diagnostics?: 'reasons' | 'values';
  /** Which DPoP proofs are accepted, and how each is used once. Default: the defaults of its members. */
  dpop?: DPoPOptions;
  /**
   * Where clients reach this API: one to 16 absolute `https://` or `http://` URLs without user, query or fragment. Behind
   * a proxy that strips a path prefix, include the prefix: `https://api.example.com/svc1`. One trailing `/` is ignored.
   * Default: the URL that the framework reports. Environment variable: `MONOCLOUD_BACKEND_PUBLIC_URL`, several separated
   * by spaces.
   *
   * The `htu` of a DPoP proof must be one of these URLs, followed by the path of the request. Both are normalized first
   * (RFC 3986 §6.2.2 and §6.2.3). Query and fragment are ignored (RFC 9449 §4.3).
   */
  publicUrl?: string | readonly string[];
  /**
   * Which mutual-TLS endpoints to use, if the server publishes several sets. The methods that authenticate with a
   * certificate then use `mtls_additional_endpoint_aliases[trustStoreId]` instead of `mtls_endpoint_aliases`. If the
   * metadata does not have this id, introspection fails with `MonoCloudValidationError` (`mtls_endpoint_missing`).
   * Default: none. Environment variable: `MONOCLOUD_BACKEND_TRUST_STORE_ID`.
   */
  trustStoreId?: string;
  /**
   * The certificate that this API presents to the introspection endpoint, leaf first: PEM text, or the path of a PEM
   * file, which the constructor reads once. It is not used with a `fetcher`, which has its own TLS settings. Default:
   * none. Environment variable: `MONOCLOUD_BACKEND_CLIENT_CERTIFICATE`.
   */
  clientCertificate?: string;
  /**
   * The private key of `clientCertificate`, not encrypted: PEM text, or the path of a PEM file. Default: none.
   * Environment variable: `MONOCLOUD_BACKEND_CLIENT_CERTIFICATE_KEY`.
   */
  clientCertificateKey?: string;
  /**
   * The only authorities trusted for the authorization server's certificate: PEM text, or the path of a PEM file.
   * Default: the system's authorities, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR` instead, plus
   * `NODE_EXTRA_CA_CERTS`. Environment variable: `MONOCLOUD_BACKEND_CERTIFICATE_AUTHORITIES`.
   */
  certificateAuthorities?: string;
  /**
   * Makes every request to the authorization server instead of the built-in HTTP client: the global `fetch` or a function
   * like it. It is called with the URL as a string. If it throws or rejects, the call fails with `MonoCloudHttpError`
   * (`fetcher_failed`). Default: none. The built-in client uses `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`.
   *
   * The limits on size, time and redirects still apply. The TLS options and the proxy variables do not.
   */
  fetcher?: (input: string, init?: RequestInit) => Promise<Response>;
  /**
   * Returns the metadata. It replaces discovery and is called as often as discovery would be. The result is checked like
   * a fetched document. If it throws or rejects, that counts as a failed fetch. Default: none.
   */
  metadataResolver?: () => IssuerMetadataInput | Promise<IssuerMetadataInput>;
  /**
   * Returns the JWK Set. It replaces the request to the issuer's `jwks_uri` and is called as often as that request would
   * be made. If it throws or rejects, that counts as a failed fetch. JWT validation then needs no metadata, and the issuer
   * is `tenantDomain`. Default: none.
   */
  jwksResolver?: () => Jwks | JwksInput | Promise<Jwks | JwksInput>;
  /** Rejects tokens that were revoked. Default: none, and only introspection notices that a token was revoked. */
  revocation?: RevocationOptions | undefined;
}

/** Options of {@link MonoCloudBackendNodeClient}. The required options may come from the environment. */
export interface MonoCloudBackendNodeClientOptions extends MonoCloudOidcBackendClientOptions {
  /**
   * The issuer: an absolute `https://` URL without user, query or fragment (`http://` for loopback hosts only). One
   * trailing `/` is ignored. It is compared with the `issuer` of the metadata (RFC 8414 §3.3) and, through it, with the
   * `iss` of every token (RFC 7519 §4.1.1). Required. Environment variable: `MONOCLOUD_BACKEND_TENANT_DOMAIN`.
   */
  tenantDomain: string;
  /**
   * The identifier of this API: a URL, or any other text without white space and control characters, such as a GUID, a
   * client id or a bare name. Or a list of 1 to 16 of them without duplicates. The `aud` of every token must contain one
   * of them (RFC 7519 §4.1.3, RFC 9068 §4). They are compared byte for byte: a trailing `/` counts. Required.
   * Environment variable: `MONOCLOUD_BACKEND_AUDIENCE`, in which spaces separate several.
   *
   * `audience` of a route or a call accepts some of them only.
   */
  audience: string | readonly string[];
  /** Stores validated claims until the token expires. Default: none. */
  cache?: ICache;
  /**
   * The longest time in seconds that an introspection result stays in `cache`, 0 or more. During this time, a revocation
   * goes unnoticed. Default: until `exp`, and 300 for tokens without `exp` and for inactive tokens. Environment variable:
   * `MONOCLOUD_BACKEND_INTROSPECTION_CACHE_DURATION`.
   *
   * 0 disables caching of introspection results: none is stored, and none that another client stored is used. Clients
   * that share a cache each apply their own value to the time when the entry was obtained.
   */
  introspectionCacheDuration?: number;
}

/**
 * The requirements of one call. They must be a plain object without unknown members. Anything else rejects with
 * `MonoCloudValidationError` (`argument_invalid`), and the message names the member.
 */
export interface ValidateAccessTokenOptions {
  /**
   * Every listed scope must be granted by the `scope` claim (RFC 8693 §4.2), or by the claim that `scopeOptions` names. At
   * most 1,000. Default: none. If one is missing, the call rejects with `MonoCloudTokenError`, code `insufficient_scope`, message `Token is missing
   * required scopes`.
   */
  scopes?: readonly string[] | undefined;
  /**
   * One of the listed scopes is enough. 1 to 1,000. An empty list throws (`argument_invalid`). With `scopes`, both must hold.
   * Default: none. Otherwise the call rejects with `MonoCloudTokenError`, code `insufficient_scope`.
   */
  anyScopes?: readonly string[] | undefined;
  /**
   * One of the listed groups must be in the groups claim, or all of them with `groupOptions.matchAll`. At most 1,000.
   * Default: none. If they are missing, the call rejects with `MonoCloudTokenError`, code `insufficient_groups`, message
   * `Token is missing required groups`.
   */
  groups?: readonly string[] | undefined;
  /**
   * Every listed permission must be in the claim that `permissionsClaim` names. At most 1,000. Default: none. Otherwise the call rejects with `MonoCloudTokenError`, code `insufficient_permissions`.
   */
  permissions?: readonly string[] | undefined;
  /**
   * Every listed role must be in the claim that `rolesClaim` names. At most 1,000. Default: none. Otherwise the call rejects with `MonoCloudTokenError`, code `insufficient_permissions`.
   */
  roles?: readonly string[] | undefined;
  /**
   * A rule for each named claim of the token. Every rule must hold. At most 50 rules with 1,000 values. Default: none.
   * Otherwise the call rejects with `MonoCloudTokenError`, code `insufficient_claims`. Names are those of top-level claims, and a dot is part of a name. `iss`, `aud`, `exp`,
   * `nbf`, `iat`, `cnf` and `active` throw (`argument_invalid`), because they have rules already.
   */
  claims?: Readonly<Record<string, ClaimRule>> | undefined;
  /**
   * The `acr` claim must be one of these values (RFC 9470, RFC 9068 §2.2.1), compared byte for byte. There is no order of
   * levels, so list every value that is enough. 1 to 20 strings of printable ASCII without spaces, quotes and
   * backslashes, each at most 256 characters long. Default: any `acr`, or none. Otherwise the call rejects with
   * `MonoCloudTokenError`, code `insufficient_user_authentication`, reason `acr_missing`.
   *
   * Use it for tokens of users only. A token of the client credentials grant has no `acr`.
   */
  acr?: readonly string[] | undefined;
  /**
   * The user must have signed in at most this many seconds ago, by the `auth_time` claim (RFC 9470, RFC 9068 §2.2.1). A
   * whole number from 1 to 31536000. Default: no limit. `clockSkew` applies. `clockTolerance` does not extend the limit.
   * Otherwise the call rejects with `MonoCloudTokenError`, code `insufficient_user_authentication`, reason
   * `authentication_too_old`. If `auth_time` is absent, not a number, or in the future by more than `clockTolerance`, the
   * reason is `auth_time_invalid`.
   *
   * Use it for tokens of users only. A token of the client credentials grant has no `auth_time`.
   */
  maxAge?: number | undefined;
  /**
   * Some of the client's audiences. The token must have one of them in `aud` (RFC 9068 §4). An introspection response
   * without `aud` is rejected. Default: any audience of the client. Throws `argument_invalid` for an empty list and for an
   * audience that the client does not have.
   */
  audience?: readonly string[] | undefined;
  /**
   * When the token must match `clientCertificate` (RFC 8705 §3), for this call only. `true` means `required`, and `false`
   * means `dangerously_ignore`. Default: the client's `validateCertificateBinding`. If the binding fails, the call rejects
   * with `MonoCloudTokenError`, code `invalid_token`.
   */
  validateCertificateBinding?: boolean | CertificateBindingValidation | undefined;
  /**
   * The certificate that the caller of your API presented: PEM with or without delimiters, URL-encoded or not. Default:
   * none.
   *
   * Checked: its SHA-256 thumbprint (RFC 8705 §3.1). Not checked: its validity, its issuer, and that the caller has its
   * key. TLS checks these.
   */
  clientCertificate?: string | null | undefined;
  /**
   * When the token must be bound to a key and come with a DPoP proof (RFC 9449 §7), for this call only. `true` means
   * `required`, and `false` means `dangerously_ignore`. Default: the client's `validateDPoPBinding`. If the token or
   * the proof is rejected, the call rejects with `MonoCloudTokenError`, code `invalid_token`, `invalid_dpop_proof` or
   * `use_dpop_nonce`.
   */
  validateDPoPBinding?: boolean | DPoPBindingValidation | undefined;
  /**
   * The scheme of the `Authorization` header that the token came in, in lower case. Default: `bearer`. With `dpop`, the
   * option `dpop` is required. Read it from the request, and never from the token: with `bearer`, a token that is bound
   * to a key is rejected (`dpop_scheme_required`).
   */
  scheme?: 'bearer' | 'dpop' | undefined;
  /**
   * The DPoP proof of the request, with its method and its URL. With the scheme `bearer` it is ignored, because clients
   * may send a proof with every request. Default: none.
   *
   * A proof is accepted once. Pass each request to one call only. If a call rejects with the code `use_dpop_nonce`, send
   * the nonce in `error.dpopNonce` to the caller.
   */
  dpop?: DPoPProofOptions | undefined;
}

/** The requirements of one call that validates a JWT locally. */
export interface ValidateJwtAccessTokenOptions extends ValidateAccessTokenOptions {
  /** Replaces the issuer's keys, which are then not fetched. Default: none. */
  jwks?: Jwks | JwksInput | undefined;
}

/** The requirements of one call that introspects a token. */
export interface IntrospectOptions extends ValidateAccessTokenOptions {}
