import type { AccessTokenClaims } from '../index';

/** An OAuth 2.0 access token of a user, with the scopes and resources that were requested for it. */
export interface AccessToken {
  /** The access token itself. */
  accessToken: string;
  /** When the token expires, in seconds since the epoch. */
  accessTokenExpiration: number;
  /** The requested scopes, separated by spaces. They may be more than `scopes`. */
  requestedScopes?: string;
  /** The requested resource indicators, separated by spaces (RFC 8707). */
  resource?: string;
  /** The granted scopes, separated by spaces. */
  scopes: string;
}

/** The user of a session: claims of the ID token and of the UserInfo endpoint. */
export interface MonoCloudUser {
  sub?: string;
  [claim: string]: unknown;
}

/** The session of a signed-in user. You may add members of your own. They are stored unchanged. */
export interface MonoCloudSession {
  user: MonoCloudUser;
  /** One token per combination of resource and scopes. */
  accessTokens?: AccessToken[];
  /** All scopes that were granted to the session, separated by spaces. */
  authorizedScopes?: string;
  idToken?: string;
  refreshToken?: string;
  [member: string]: unknown;
}

/** The values that you store between an authorization request and its callback. */
export interface AuthState {
  /** From `generateNonce`. Compare it with the `nonce` of the ID token (OpenID Connect Core §3.1.2.1). */
  nonce: string;
  /** The requested scopes, separated by spaces. */
  scopes: string;
  /** From `generateState`. Compare it with the `state` of the callback (RFC 6749 §10.12). */
  state: string;
  /** From `generatePKCE`. Send it to the token endpoint (RFC 7636 §4.5). */
  codeVerifier?: string;
  /** The longest allowed time since the user last signed in, in seconds (OpenID Connect Core §3.1.2.1). */
  maxAge?: number;
  /** The requested resource indicators, separated by spaces (RFC 8707). */
  resource?: string;
}

/** An authorization response, either a success or an error. The values are as received. They are not validated. */
export interface CallbackParams {
  accessToken?: string;
  code?: string;
  /** An error code of RFC 6749 §4.1.2.1 or OpenID Connect Core §3.1.2.6. */
  error?: string;
  errorDescription?: string;
  /** The lifetime of the access token in seconds. Absent if the value is not a decimal integer. */
  expiresIn?: number;
  idToken?: string;
  refreshToken?: string;
  /** The session state of OpenID Connect Session Management §3. */
  sessionState?: string;
  state?: string;
}

/** A code verifier and its challenge (RFC 7636). */
export interface PKCE {
  /** Send it with the authorization request, together with `code_challenge_method=S256`. */
  codeChallenge: string;
  /** Keep it secret until the token request. */
  codeVerifier: string;
}

/**
 * Returns whether a user is in any of `groups`, or in all of them with `matchAll`. This is the same rule as `groups` of
 * a route.
 *
 * The claim is an array of strings or of `{ id, name }` objects, or one string. A group matches by string, by id or by name,
 * case-sensitively. An empty list of groups returns `true`. If the claim is absent or has another shape, the user is in
 * no group.
 *
 * Not checked: that the claims come from a validated token, and that they are still valid.
 *
 * @param user The claims of an access token or an ID token, or the user of a session. Inherited members are ignored.
 * @param groups Names or ids of groups.
 * @param groupsClaim The claim that holds the groups: its name, or an array of names from the outside in. Default:
 *   `groups`. Empty text means the default.
 * @param matchAll `true` requires every group. Default: `false`.
 * @throws {MonoCloudValidationError} `groups` is not an array of strings, or `groupsClaim` names no claim
 *   (`argument_invalid`).
 */
export function isUserInGroup(
  user: AccessTokenClaims | MonoCloudUser,
  groups: readonly string[],
  groupsClaim?: string | readonly string[],
  matchAll?: boolean,
): boolean;

/**
 * Reads an authorization response (RFC 6749 §4.1.2, §4.2.2) from a callback.
 *
 * A string is one of these: a whole URL, a path with a query (`req.url`), `?…`, `#…`, or the parameters alone (the body of
 * a `form_post` response). The query is read if it has any parameter of `CallbackParams`. Otherwise the fragment is read.
 * The two are never mixed. Other parameters are ignored. A parameter without a value counts as absent (RFC 6749 §3.1).
 *
 * Not checked: that `state` is the one that you sent, the issuer (RFC 9207), any token, and whether the response is a
 * success or an error.
 *
 * @throws {MonoCloudValidationError} A parameter of `CallbackParams` appears twice (RFC 6749 §3.1), or the input is none of
 *   the accepted kinds (`callback_invalid`). The message names the parameter, never its value.
 */
export function parseCallbackParams(callback: URL | URLSearchParams | string): CallbackParams;

/** Returns a new `state` (RFC 6749 §10.12): 32 random bytes as base64url, 43 characters. It is not stored. */
export function generateState(): string;

/** Returns a new `nonce` (OpenID Connect Core §15.5.2): 32 random bytes as base64url, 43 characters. It is not stored. */
export function generateNonce(): string;

/**
 * Returns a new code verifier and its S256 challenge (RFC 7636 §4.1, §4.2). The verifier is 32 random bytes as base64url.
 * The challenge is the SHA-256 of the verifier as base64url. Each has 43 characters. They are not stored.
 */
export function generatePKCE(): Promise<PKCE>;

/**
 * Encrypts and authenticates a text with AES-256-GCM. The result is the base64url of salt, IV, ciphertext and tag. It is
 * different for each call.
 *
 * The key is derived from the secret with PBKDF2-HMAC-SHA256, 310,000 iterations and 16 random bytes of salt. The IV is 12
 * random bytes.
 *
 * The derivation does not block the main thread. It takes a thread of Node's pool (4 threads by default) for about 100
 * milliseconds. In each thread of JavaScript, two keys are derived at a time, and up to 64 more calls of this function and
 * the functions below wait. The newest call goes first. If more calls wait, the oldest one rejects. This limit is shared by
 * all users of your API, so limit the rate of requests with cookies that cannot be decrypted.
 *
 * Not checked: the strength of the secret. Use 32 random bytes or more. Not hidden: the length of the text.
 *
 * @param data Any text. It may be empty. Unpaired surrogates are decrypted as U+FFFD.
 * @param secret The text that the key is derived from. It must not be empty.
 * @throws {MonoCloudValidationError} `data` is not a string, or `secret` is not a non-empty string (`argument_invalid`).
 * @throws {MonoCloudHttpError} Too many key derivations are waiting (`overloaded`). This says nothing about the text. Try
 *   again after `retryAfter` seconds.
 */
export function encrypt(data: string, secret: string): Promise<string>;

/**
 * Decrypts a text that `encrypt` returned. Returns `undefined` for anything else: altered or truncated text, another
 * secret, a value that is not strict base64url (RFC 4648 §5: no padding, no white space, no `+` or `/`, no stray bits), or
 * a value that is not a string.
 *
 * Not checked: the age and the purpose of the text. Sessions and auth states (below) contain both.
 *
 * @throws {MonoCloudHttpError} Too many key derivations are waiting (`overloaded`). This says nothing about the text. Try
 *   again after `retryAfter` seconds.
 */
export function decrypt(data: string, secret: string): Promise<string | undefined>;

/**
 * Encrypts a session, as JSON, with `encrypt`.
 *
 * Not checked: the members of the session. JSON omits `undefined` and functions. Cycles and `BigInt` cause a `TypeError`.
 *
 * @param session An object.
 * @param secret The text that the key is derived from. It must not be empty.
 * @param ttl Seconds until the result expires, more than 0. Default: it never expires.
 * @throws {MonoCloudValidationError} The session is not an object (`session_invalid`, message `Invalid session data`), or `ttl`
 *   or `secret` is invalid (`argument_invalid`).
 * @throws {MonoCloudHttpError} Too many key derivations are waiting (`overloaded`). This says nothing about the session. Try
 *   again after `retryAfter` seconds.
 */
export function encryptSession<T extends object = MonoCloudSession>(
  session: T,
  secret: string,
  ttl?: number,
): Promise<string>;

/**
 * Decrypts a text that `encryptSession` returned. The text expires `ttl` seconds after it was encrypted, without a clock
 * tolerance.
 *
 * Not checked: the members of the session, its tokens, and whether the user has signed out.
 *
 * @throws {MonoCloudValidationError} The text has expired (`session_expired`, message `Session Expired`). Or it cannot be
 *   decrypted to a session: it was altered, the secret is another one, or it is an encrypted auth state
 *   (`session_invalid`, message `Invalid session data`).
 * @throws {MonoCloudHttpError} Too many key derivations are waiting (`overloaded`). This says nothing about the session. Try
 *   again after `retryAfter` seconds.
 */
export function decryptSession<T extends object = MonoCloudSession>(
  encryptedSession: string,
  secret: string,
): Promise<T>;

/**
 * Encrypts the state of an authorization request, as JSON, with `encrypt`.
 *
 * Not checked: the members of the state. JSON omits `undefined` and functions. Cycles and `BigInt` cause a `TypeError`.
 *
 * @param authState An object.
 * @param secret The text that the key is derived from. It must not be empty.
 * @param ttl Seconds until the result expires, more than 0. Default: it never expires.
 * @throws {MonoCloudValidationError} The state is not an object (`auth_state_invalid`, message `Invalid auth state`), or `ttl`
 *   or `secret` is invalid (`argument_invalid`).
 * @throws {MonoCloudHttpError} Too many key derivations are waiting (`overloaded`). This says nothing about the state. Try
 *   again after `retryAfter` seconds.
 */
export function encryptAuthState<T extends object = AuthState>(
  authState: T,
  secret: string,
  ttl?: number,
): Promise<string>;

/**
 * Decrypts a text that `encryptAuthState` returned. The text expires `ttl` seconds after it was encrypted, without a clock
 * tolerance.
 *
 * Not checked: the members of the state, whether it belongs to this callback, and whether it was used before.
 *
 * @throws {MonoCloudValidationError} The text has expired (`auth_state_expired`, message `Auth state expired`). Or it cannot
 *   be decrypted to an auth state: it was altered, the secret is another one, or it is an encrypted session
 *   (`auth_state_invalid`, message `Invalid auth state`).
 * @throws {MonoCloudHttpError} Too many key derivations are waiting (`overloaded`). This says nothing about the state. Try
 *   again after `retryAfter` seconds.
 */
export function decryptAuthState<T extends object = AuthState>(encryptedAuthState: string, secret: string): Promise<T>;
