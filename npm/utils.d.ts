import type { AccessTokenClaims } from '../index';

/** An OAuth 2.0 access token held for a user, with what was asked for when it was obtained. */
export interface AccessToken {
  /** The access token itself. */
  accessToken: string;
  /** When it expires, in epoch seconds. */
  accessTokenExpiration: number;
  /** The scopes asked for, space-separated. May be more than `scopes`. */
  requestedScopes?: string;
  /** The resource indicators it was asked for, space-separated (RFC 8707). */
  resource?: string;
  /** The scopes granted, space-separated. */
  scopes: string;
}

/** The user of a session: claims of the ID token and of the UserInfo endpoint. */
export interface MonoCloudUser {
  sub?: string;
  [claim: string]: unknown;
}

/** What an application keeps of a signed-in user. Further members of the application's own are kept as they are. */
export interface MonoCloudSession {
  user: MonoCloudUser;
  /** One for each pair of resource and scopes. */
  accessTokens?: AccessToken[];
  /** Every scope granted to the session, space-separated. */
  authorizedScopes?: string;
  idToken?: string;
  refreshToken?: string;
  [member: string]: unknown;
}

/** What has to survive between an authorization request and its callback. */
export interface AuthState {
  /** From `generateNonce`; to be compared with the ID token's `nonce` (OpenID Connect Core §3.1.2.1). */
  nonce: string;
  /** The scopes asked for, space-separated. */
  scopes: string;
  /** From `generateState`; to be compared with the callback's `state` (RFC 6749 §10.12). */
  state: string;
  /** From `generatePKCE`; to be sent to the token endpoint (RFC 7636 §4.5). */
  codeVerifier?: string;
  /** The greatest age of the user's last authentication, in seconds. */
  maxAge?: number;
  /** The resource indicators asked for, space-separated (RFC 8707). */
  resource?: string;
}

/** An authorization response, success or error. All members are as sent: nothing here is validated. */
export interface CallbackParams {
  accessToken?: string;
  code?: string;
  /** An error code of RFC 6749 §4.1.2.1 or OpenID Connect Core §3.1.2.6. */
  error?: string;
  errorDescription?: string;
  /** The access token's lifetime in seconds, when the value is a base-10 integer. */
  expiresIn?: number;
  idToken?: string;
  refreshToken?: string;
  /** OpenID Connect Session Management §3. */
  sessionState?: string;
  state?: string;
}

/** A PKCE pair (RFC 7636). */
export interface PKCE {
  /** Sent with the authorization request, with `code_challenge_method=S256`. */
  codeChallenge: string;
  /** Kept secret until the token request. */
  codeVerifier: string;
}

/**
 * Says whether a user is in any of `groups`, or in all of them with `matchAll`. The rule is the engine's, the same as
 * for the `groups` of a route: the claim is an array of strings or of `{ id, name }` objects, and a group matches by
 * string, id or name, case-sensitively. An empty list requires nothing: `true`. A claim that is absent or of another
 * shape holds no group.
 *
 * Not checked: that the claims come from a validated token, or are still valid.
 *
 * @param user The claims of an access token, of an ID token, or a session's user. Only own members count.
 * @param groups Names or ids of groups.
 * @param groupsClaim The claim that holds the groups. Default `groups`; an empty name means the default.
 * @param matchAll Whether every group is required. Default `false`.
 * @throws {MonoCloudValidationError} `groups` is not an array of strings; reason `argument_invalid`.
 */
export function isUserInGroup(
  user: AccessTokenClaims | MonoCloudUser,
  groups: readonly string[],
  groupsClaim?: string,
  matchAll?: boolean,
): boolean;

/**
 * Reads an authorization response (RFC 6749 §4.1.2, §4.2.2) out of a callback.
 *
 * A string is a whole URL, a path with a query (`req.url`), `?…`, `#…`, or the bare parameters (the body of a
 * `form_post` response). Of a URL or a string, the query is read when it holds any of the parameters of
 * `CallbackParams`, else the fragment; the two are never mixed. Other parameters are ignored. A parameter without a
 * value counts as not sent (RFC 6749 §3.1); an `expires_in` that is no base-10 integer is left out.
 *
 * Not checked: `state` against the one that was sent, the issuer (RFC 9207), any token, and whether the response is a
 * success or an error.
 *
 * @throws {MonoCloudValidationError} A parameter of `CallbackParams` appears twice (RFC 6749 §3.1), or the input is
 * none of the accepted kinds; reason `callback_invalid`. The message names the parameter, never its value.
 */
export function parseCallbackParams(callback: URL | URLSearchParams | string): CallbackParams;

/** Makes a `state` (RFC 6749 §10.12): 32 random bytes in base64url, 43 characters. Not kept. */
export function generateState(): string;

/** Makes a `nonce` (OpenID Connect Core §15.5.2): 32 random bytes in base64url, 43 characters. Not kept. */
export function generateNonce(): string;

/**
 * Makes a PKCE pair with the method S256 (RFC 7636 §4.1, §4.2): a verifier of 32 random bytes in base64url, and the
 * base64url of its SHA-256, 43 characters each.
 */
export function generatePKCE(): Promise<PKCE>;

/**
 * Encrypts and authenticates a text with AES-256-GCM. The key is made of the secret by PBKDF2-HMAC-SHA256 with 310,000
 * iterations and 16 random bytes of salt; the IV is 12 random bytes. The result is the base64url of salt, IV,
 * ciphertext and tag, different on every call.
 *
 * The key is derived off the main thread. It takes a thread of Node's pool (4 by default) about 100 milliseconds, so two
 * keys are derived at a time, and up to 64 more calls of this and the functions below wait. The newest goes first. This
 * is a limit on the process, not on each client: limit the rate of requests with cookies that cannot be decrypted.
 *
 * Not checked: the strength of the secret; take 32 random bytes or more. Not hidden: the length of the text.
 *
 * @param data Any text, also an empty one. Unpaired surrogates come back as U+FFFD.
 * @param secret The text to make the key of; not empty.
 * @throws {MonoCloudValidationError} `data` is not a string, or `secret` not a non-empty string; reason
 * `argument_invalid`.
 * @throws {MonoCloudHttpError} Too many key derivations are waiting, which says nothing of the text: try again after
 * `retryAfter` seconds; reason `overloaded`.
 */
export function encrypt(data: string, secret: string): Promise<string>;

/**
 * Decrypts what `encrypt` made. Whatever is wrong with the text gives `undefined`, never an error and never a part of the text:
 * altered or cut text, another secret, no strict base64url (RFC 4648 §5: padding, whitespace, `+`, `/` and stray
 * trailing bits are refused), no string at all.
 *
 * Not checked: age and purpose of the text. The sessions and states below carry both.
 *
 * @throws {MonoCloudHttpError} Too many key derivations are waiting, which says nothing of the text: try again after
 * `retryAfter` seconds; reason `overloaded`.
 */
export function decrypt(data: string, secret: string): Promise<string | undefined>;

/**
 * Encrypts a session, as JSON, with `encrypt`.
 *
 * Not checked: the session's members. What JSON cannot carry is lost (`undefined`, functions) or a `TypeError`
 * (cycles, `BigInt`).
 *
 * @param session An object.
 * @param secret The text to make the key of; not empty.
 * @param ttl Seconds, > 0, until the result expires. Left out, it never does.
 * @throws {MonoCloudValidationError} `Invalid session data` (reason `session_invalid`) when the session is not an
 * object; reason `argument_invalid` for another `ttl` or secret.
 * @throws {MonoCloudHttpError} Too many key derivations are waiting, which says nothing of the session: try again after
 * `retryAfter` seconds; reason `overloaded`.
 */
export function encryptSession<T extends object = MonoCloudSession>(
  session: T,
  secret: string,
  ttl?: number,
): Promise<string>;

/**
 * Decrypts what `encryptSession` made.
 *
 * Not checked: the session's members, its tokens, and whether it was ended by a sign-out.
 *
 * @throws {MonoCloudValidationError} `Session Expired` (reason `session_expired`) at or after the moment of expiry,
 * `ttl` seconds after it was made: no clock tolerance. `Invalid session data` (reason `session_invalid`) for
 * everything else: altered text, another secret, a sealed auth state.
 * @throws {MonoCloudHttpError} Too many key derivations are waiting, which says nothing of the session: try again after
 * `retryAfter` seconds; reason `overloaded`.
 */
export function decryptSession<T extends object = MonoCloudSession>(
  encryptedSession: string,
  secret: string,
): Promise<T>;

/**
 * Encrypts the state of an authorization request, as JSON, with `encrypt`.
 *
 * Not checked: the state's members. What JSON cannot carry is lost (`undefined`, functions) or a `TypeError`
 * (cycles, `BigInt`).
 *
 * @param authState An object.
 * @param secret The text to make the key of; not empty.
 * @param ttl Seconds, > 0, until the result expires. Left out, it never does.
 * @throws {MonoCloudValidationError} `Invalid auth state` (reason `auth_state_invalid`) when the state is not an
 * object; reason `argument_invalid` for another `ttl` or secret.
 * @throws {MonoCloudHttpError} Too many key derivations are waiting, which says nothing of the state: try again after
 * `retryAfter` seconds; reason `overloaded`.
 */
export function encryptAuthState<T extends object = AuthState>(
  authState: T,
  secret: string,
  ttl?: number,
): Promise<string>;

/**
 * Decrypts what `encryptAuthState` made.
 *
 * Not checked: the state's members, whether it belongs to the callback at hand, and whether it was used before.
 *
 * @throws {MonoCloudValidationError} `Auth state expired` (reason `auth_state_expired`) at or after the moment of
 * expiry, `ttl` seconds after it was made: no clock tolerance. `Invalid auth state` (reason `auth_state_invalid`) for
 * everything else: altered text, another secret, a sealed session.
 * @throws {MonoCloudHttpError} Too many key derivations are waiting, which says nothing of the state: try again after
 * `retryAfter` seconds; reason `overloaded`.
 */
export function decryptAuthState<T extends object = AuthState>(
  encryptedAuthState: string,
  secret: string,
): Promise<T>;
