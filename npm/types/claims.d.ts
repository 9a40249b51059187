/**
 * The claims of a token (RFC 7519 §4.1, RFC 9068 §2.2).
 *
 * The values are those that `JSON.parse` returns for the token's text. Each call returns a new object, which you may
 * change.
 *
 * A method checks only the claims that its description names. No other claim is compared with its type here, nor with
 * the type argument `C` of `validateAccessToken<C>()`.
 */

/** The registered claims (RFC 7519 §4.1). You can add your own by declaration merging. */
export interface JwtClaims {
  /** Audience (RFC 7519 §4.1.3): an identifier of this API, or a list that contains one. */
  aud: string | string[];
  /**
   * Expiration time (RFC 7519 §4.1.4), in seconds since the epoch. May have a fraction. A validated JWT always has it.
   * An introspected token may lack it (RFC 7662 §2.2).
   */
  exp: number;
  /**
   * Time of issue (RFC 7519 §4.1.6), in seconds since the epoch, 0 or more. Not checked: that it is present.
   */
  iat: number;
  /**
   * Issuer (RFC 7519 §4.1.1). A validated JWT always has it. An introspected token may lack it (RFC 7662 §2.2).
   */
  iss: string;
  /** Start of validity (RFC 7519 §4.1.5), in seconds since the epoch. May have a fraction. */
  nbf?: number;
  /** Subject (RFC 7519 §4.1.2). Not checked: that it is present. */
  sub: string;
  /** All other claims. They are not checked. */
  [claim: string]: unknown;
}

/** The claims of an access token. You can add your own by declaration merging. */
export interface AccessTokenClaims extends JwtClaims {
  /** The authentication context of the user (RFC 9068 §2.2.1). Compared with the option `acr` only. */
  acr?: string;
  /** When the user signed in (RFC 9068 §2.2.1), in seconds since the epoch. Compared with the option `maxAge` only. */
  auth_time?: number;
  /** The client that the token was issued to (RFC 8693 §4.3). Not checked. */
  client_id?: string;
  /** The identifier of the token (RFC 7519 §4.1.7). Not checked: a token may be used more than once. */
  jti?: string;
  /** The granted scopes, separated by single spaces (RFC 8693 §4.2). Compared with the option `scopes` only. */
  scope?: string;
}
