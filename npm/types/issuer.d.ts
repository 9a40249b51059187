/** The documents that an authorization server publishes, and the header of a token. */

/** A JSON Web Key (RFC 7517 §4; members of RFC 7518 §6 and RFC 8037 §2). */
export interface Jwk {
  /** Key type: `RSA`, `EC` or `OKP`. `oct` is accepted only as a client secret, never to verify a token. */
  kty: string;
  /** Must be `sig` or absent in a key that verifies tokens (RFC 7517 §4.2). */
  use?: string;
  /** Must contain `verify` or be absent in a key that verifies tokens (RFC 7517 §4.3). */
  key_ops?: string[];
  /** If present, the only algorithm that the key is used for (RFC 7517 §4.4). */
  alg?: string;
  /** Key id. Compared with the `kid` of a token (RFC 7517 §4.5). */
  kid?: string;
  ext?: boolean;
  x5u?: string;
  x5c?: string[];
  x5t?: string;
  'x5t#S256'?: string;
  /** Curve: `P-256`, `P-384`, `P-521` or `Ed25519`. */
  crv?: string;
  x?: string;
  y?: string;
  /** RSA modulus, 2048 to 8192 bits. */
  n?: string;
  /** RSA public exponent, odd, 3 or more. */
  e?: string;
  /** Private. A published key that has this member is never used. */
  d?: string;
  /** Private, as `d`. */
  p?: string;
  /** Private, as `d`. */
  q?: string;
  /** Private, as `d`. */
  dp?: string;
  /** Private, as `d`. */
  dq?: string;
  /** Private, as `d`. */
  qi?: string;
  /** Secret of an `oct` key. A published symmetric key is never used. */
  k?: string;
}

/** A JWK Set (RFC 7517 §5). At most 100 keys are used. A key that cannot be used is left out. The others still work. */
export interface Jwks {
  keys: Jwk[];
}

/** A JWK as other libraries type it. Any member may be absent, and lists may be `readonly`. */
export interface JwkInput extends Omit<Partial<Jwk>, 'key_ops' | 'x5c'> {
  key_ops?: readonly string[] | undefined;
  x5c?: readonly string[] | undefined;
}

/** A JWK Set as other libraries type it. A key without `kty` is left out. */
export interface JwksInput {
  readonly keys: readonly JwkInput[];
}

/** The header of a signed token (RFC 7515 §4.1). */
export interface JwsHeaderParameters {
  /**
   * RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA or Ed25519. A token with another algorithm is
   * rejected (RFC 8725 §3.1).
   */
  alg: string;
  /** The id of the key that signed the token. */
  kid?: string;
  /**
   * Absent, `JWT`, `at+jwt` or `application/at+jwt`, in any case. A token with another type is rejected (RFC 8725 §3.11).
   */
  typ?: string;
  cty?: string;
  /** A token with this parameter is rejected (RFC 7515 §4.1.11). */
  crit?: string[];
  /** A token with this parameter is rejected (RFC 7797). */
  b64?: boolean;
  /** Ignored. A token cannot supply its own key. */
  jwk?: Jwk;
  /** Ignored. */
  jku?: string;
  /** Ignored. */
  x5c?: string[];
  /** Ignored. */
  x5u?: string;
  x5t?: string;
  'x5t#S256'?: string;
  [parameter: string]: unknown;
}

/** Endpoints for clients that authenticate with a certificate (RFC 8705 §5). Only `introspection_endpoint` is used. */
export interface MtlsEndpointAliases {
  device_authorization_endpoint?: string;
  introspection_endpoint?: string;
  pushed_authorization_request_endpoint?: string;
  revocation_endpoint?: string;
  token_endpoint?: string;
  userinfo_endpoint?: string;
}

/**
 * Authorization server metadata (OpenID Connect Discovery §3, RFC 8414 §2). Members without a description are not used
 * and not checked.
 */
export interface IssuerMetadata {
  /** Must equal `tenantDomain`, except for one trailing `/` (RFC 8414 §3.3). */
  issuer: string;
  /** URL of the JWK Set. Must be `https`. `http` is allowed if this host and the tenant are loopback hosts. */
  jwks_uri?: string;
  /**
   * URL of the introspection endpoint (RFC 7662 §2). Must be `https`. `http` is allowed if this host and the tenant are
   * loopback hosts.
   */
  introspection_endpoint?: string;
  /** Endpoints for the mutual-TLS methods (RFC 8705 §5). */
  mtls_endpoint_aliases?: MtlsEndpointAliases;
  /** Endpoints by trust store. Used instead of `mtls_endpoint_aliases` if `trustStoreId` is set. */
  mtls_additional_endpoint_aliases?: Record<string, MtlsEndpointAliases>;
  authorization_endpoint?: string;
  claims_supported?: string[];
  code_challenge_methods_supported?: string[];
  end_session_endpoint?: string;
  grant_types_supported?: string[];
  id_token_signing_alg_values_supported?: string[];
  introspection_endpoint_auth_methods_supported?: string[];
  introspection_endpoint_auth_signing_alg_values_supported?: string[];
  pushed_authorization_request_endpoint?: string;
  response_types_supported?: string[];
  revocation_endpoint?: string;
  scopes_supported?: string[];
  tls_client_certificate_bound_access_tokens?: boolean;
  token_endpoint?: string;
  token_endpoint_auth_methods_supported?: string[];
  userinfo_endpoint?: string;
  [member: string]: unknown;
}

/** Metadata that your own code returns. Lists may be `readonly`. */
export type IssuerMetadataInput = ReadonlyLists<IssuerMetadata>;

type ReadonlyLists<T> = {
  readonly [Name in keyof T]: T[Name] extends string[] | undefined ? readonly string[] | undefined : T[Name];
};
