import type { webcrypto } from 'node:crypto';

import type { Jwk, Jwks, JwksInput, JwsHeaderParameters } from '../index';
import type { AccessToken } from './utils';

/**
 * Finds the first token that was obtained for exactly these resources and scopes, in any order (RFC 8707).
 *
 * Not checked: expiry, and the tokens themselves.
 *
 * @param tokens A session's access tokens.
 * @param resource Resource indicators, space-separated. Left out, only a token without a resource is found: a token
 * for another API is never given out unasked.
 * @param scopes Scopes, space-separated, compared with the token's `requestedScopes`, or with its `scopes` when it has
 * none. Left out, the scopes are not compared.
 */
export function findToken(
  tokens: readonly AccessToken[] | undefined,
  resource?: string,
  scopes?: string,
): AccessToken | undefined;

/**
 * Chooses the public key that fits a token's header and imports it for verification with Web Crypto, not extractable.
 *
 * The choice is the engine's, the same as for `validateAccessToken`: by `kid` among the keys whose `kty`, `crv`,
 * `alg`, `use` and `key_ops` fit the header's `alg` (RFC 7517 §4); without `kid`, the only fitting key. Only RS, PS
 * and ES 256, 384, 512 and EdDSA (Ed25519). A bad entry in the set does not spoil the others.
 *
 * Not checked: a signature, where the set comes from, and the header's other members. `jwk` and the like in the header
 * are ignored.
 *
 * @param jwks The issuer's JWK Set, or its `keys`.
 * @param header A token's decoded header.
 * @throws {MonoCloudTokenError} No key fits, or more than one and no `kid`; code `invalid_token`, reason
 * `key_not_found`.
 */
export function getPublicSigKeyFromIssuerJwks(
  jwks: readonly Jwk[] | Jwks | JwksInput,
  header: JwsHeaderParameters,
): Promise<webcrypto.CryptoKey>;

/**
 * Reads a boolean from an environment value: `true` or `false` in any case. Anything else, also with spaces around it,
 * is `undefined`.
 */
export function getBoolean(value: string | undefined): boolean | undefined;

/**
 * Reads an integer from an environment value: base-10 digits, with or without a sign. Anything else is `undefined`:
 * nothing, spaces, fractions, exponents, hexadecimals, and integers past 2^53 - 1, which a number cannot hold.
 *
 * Not checked: any range.
 */
export function getNumber(value: string | undefined): number | undefined;

/** The time of `Date.now()` in whole epoch seconds, rounded down. */
export function now(): number;

/**
 * Splits a list such as `scope` at U+0020 and at nothing else (RFC 6749 §3.3). Empty items are dropped; order and
 * duplicates are kept. What is not a string is `undefined`.
 */
export function parseSpaceSeparated(value: string): string[];
export function parseSpaceSeparated(value: string | undefined): string[] | undefined;
