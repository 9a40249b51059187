/**
 * What a token carries (RFC 7519 §4.1, RFC 9068 §2.2). The values are those `JSON.parse` gives for the token's text,
 * in an object that is the caller's own.
 *
 * A type is a promise of the token's maker: beyond what a method says it checks, no claim is compared with its type
 * here, also not with the type argument `C` of `validateAccessToken<C>()`.
 */

/** The registered claims. An application may add its own by declaration merging. */
export interface JwtClaims {
  /** Audience (RFC 7519 §4.1.3): this API alone, or a list that contains it. */
  aud: string | string[];
  /**
   * Expiry (RFC 7519 §4.1.4), seconds since the epoch, fractions allowed. Always there in a validated JWT; an
   * introspected token may lack it (RFC 7662 §2.2).
   */
  exp: number;
  /** Time of issue (RFC 7519 §4.1.6), seconds since the epoch, >= 0. Its presence is not checked. */
  iat: number;
  /**
   * Issuer (RFC 7519 §4.1.1). Always there in a validated JWT; an introspected token may lack it (RFC 7662 §2.2).
   */
  iss: string;
  /** Start of validity (RFC 7519 §4.1.5), seconds since the epoch, fractions allowed. */
  nbf?: number;
  /** Subject (RFC 7519 §4.1.2). Its presence is not checked. */
  sub: string;
  /** Everything else the token carries, unread. */
  [claim: string]: unknown;
}

/** The claims of an access token. An application may add its own by declaration merging. */
export interface AccessTokenClaims extends JwtClaims {
  /** The client the token was issued to (RFC 8693 §4.3). Not checked. */
  client_id?: string;
  /** The token's identifier (RFC 7519 §4.1.7). Not checked: a token may be used more than once. */
  jti?: string;
  /** What was granted, separated by single spaces (RFC 8693 §4.2). Checked against `scopes` only. */
  scope?: string;
}
