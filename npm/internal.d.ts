import type { webcrypto } from 'node:crypto';

import type { Jwk, Jwks, JwksInput, JwsHeaderParameters } from '../index';
import type { AccessToken } from './utils';

/**
 * Returns the first token that was obtained for exactly these resources (RFC 8707) and scopes, in any order.
 *
 * Not checked: the expiry, and the tokens themselves.
 *
 * @param tokens The access tokens of a session.
 * @param resource Resource indicators, separated by spaces. If it is absent, only a token without a resource is returned.
 * @param scopes Scopes, separated by spaces. They are compared with the token's `requestedScopes`, or with its `scopes` if
 *   it has no `requestedScopes`. If this is absent, scopes are not compared.
 */
export function findToken(
  tokens: readonly AccessToken[] | undefined,
  resource?: string,
  scopes?: string,
): AccessToken | undefined;

/**
 * Chooses the public key that fits a token's header and imports it into Web Crypto. The key can only verify and cannot be
 * extracted.
 *
 * The rule is the same as for `validateAccessToken`. The key is chosen by `kid` among the keys whose `kty`, `crv`, `alg`,
 * `use` and `key_ops` fit the header's `alg` (RFC 7517 §4). Without `kid`, it is the only key that fits. The algorithms are
 * RS, PS and ES with 256, 384 or 512, and EdDSA (Ed25519). A key that cannot be used is left out. The others still work.
 *
 * Not checked: the signature, the source of the set, and the other members of the header. Keys in the header (`jwk`,
 * `jku`, `x5u`, `x5c`) are ignored.
 *
 * @param jwks The issuer's JWK Set, or its `keys`.
 * @param header The decoded header of a token.
 * @throws {MonoCloudTokenError} No key fits, or several keys fit and the header has no `kid` (code `invalid_token`, reason
 *   `key_not_found`).
 */
export function getPublicSigKeyFromIssuerJwks(
  jwks: readonly Jwk[] | Jwks | JwksInput,
  header: JwsHeaderParameters,
): Promise<webcrypto.CryptoKey>;

/**
 * Reads a boolean: `true` or `false`, in any case. Anything else returns `undefined`, also a value with spaces around it.
 */
export function getBoolean(value: string | undefined): boolean | undefined;

/**
 * Reads an integer: decimal digits, with or without a sign. Anything else returns `undefined`: empty text, spaces,
 * fractions, exponents, hexadecimal numbers, and integers beyond 2^53 - 1, which a number cannot hold exactly.
 *
 * Not checked: any range.
 */
export function getNumber(value: string | undefined): number | undefined;

/** Returns `Date.now()` in whole seconds since the epoch, rounded down. */
export function now(): number;

/**
 * Splits a list such as `scope` at spaces (U+0020) only (RFC 6749 §3.3). Removes empty items. Keeps the order and
 * duplicates. Returns `undefined` if the value is not a string.
 */
export function parseSpaceSeparated(value: string): string[];
export function parseSpaceSeparated(value: string | undefined): string[] | undefined;
