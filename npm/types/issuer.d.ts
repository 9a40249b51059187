/** What an authorization server publishes, and the parts of a token that refer to it. */

/** A JSON Web Key (RFC 7517 §4; members of RFC 7518 §6 and RFC 8037 §2). */
export interface Jwk {
  /** `RSA`, `EC`, `OKP`; `oct` only as a client secret, never for verifying a token. */
  kty: string;
  /** `sig` or absent for a key that verifies tokens. */
  use?: string;
  /** Contains `verify`, or absent, for a key that verifies tokens. */
  key_ops?: string[];
  alg?: string;
  kid?: string;
  ext?: boolean;
  x5u?: string;
  x5c?: string[];
  x5t?: string;
  'x5t#S256'?: string;
  /** `P-256`, `P-384`, `P-521`, `Ed25519`. */
  crv?: string;
  x?: string;
  y?: string;
  /** RSA modulus, 2048 to 8192 bits. */
  n?: string;
  /** RSA exponent, odd and >= 3. */
  e?: string;
  /** Private. */
  d?: string;
  /** Private. */
  p?: string;
  /** Private. */
  q?: string;
  /** Private. */
  dp?: string;
  /** Private. */
  dq?: string;
  /** Private. */
  qi?: string;
  /** Private. */
  k?: string;
}

/** A JWK Set (RFC 7517 §5). At most 100 keys are used; a key that cannot be used is passed over. */
export interface Jwks {
  keys: Jwk[];
}

/** A JWK as other libraries type it, or as a constant: any member may be absent, and lists may be `readonly`. */
export interface JwkInput extends Omit<Partial<Jwk>, 'key_ops' | 'x5c'> {
  key_ops?: readonly string[] | undefined;
  x5c?: readonly string[] | undefined;
}

/** A JWK Set as other libraries type it: `kty` may be absent there, such a key is passed over. */
export interface JwksInput {
  readonly keys: readonly JwkInput[];
}

/** The header of a signed token (RFC 7515 §4.1). */
export interface JwsHeaderParameters {
  /** RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, ES512, EdDSA or Ed25519; any other is refused. */
  alg: string;
  kid?: string;
  /** Absent, `JWT`, `at+jwt` or `application/at+jwt` in any case; any other is refused (RFC 8725 §3.11). */
  typ?: string;
  cty?: string;
  /** A token with it is refused (RFC 7515 §4.1.11). */
  crit?: string[];
  /** A token with it is refused (RFC 7797). */
  b64?: boolean;
  /** Ignored: a token does not bring its own key. */
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

/** Endpoints for clients that authenticate by certificate (RFC 8705 §5). */
export interface MtlsEndpointAliases {
  device_authorization_endpoint?: string;
  introspection_endpoint?: string;
  pushed_authorization_request_endpoint?: string;
  revocation_endpoint?: string;
  token_endpoint?: string;
  userinfo_endpoint?: string;
}

/** Authorization server metadata (OpenID Connect Discovery §3, RFC 8414 §2). Members without a comment are not used. */
export interface IssuerMetadata {
  /** Equals `tenantDomain`, one trailing `/` aside (RFC 8414 §3.3). */
  issuer: string;
  /** Where the keys are; `https`, except on loopback hosts. */
  jwks_uri?: string;
  /** RFC 7662; `https`, except on loopback hosts. */
  introspection_endpoint?: string;
  /** Used by the mutual-TLS methods (RFC 8705 §5). */
  mtls_endpoint_aliases?: MtlsEndpointAliases;
  /** Used instead of `mtls_endpoint_aliases` when `trustStoreId` is set: aliases by trust store. */
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

/** Metadata as an application gives them: lists may be `readonly`. */
export type IssuerMetadataInput = ReadonlyLists<IssuerMetadata>;

type ReadonlyLists<T> = {
  readonly [Name in keyof T]: T[Name] extends string[] | undefined ? readonly string[] | undefined : T[Name];
};
