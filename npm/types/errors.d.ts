/**
 * Every failure is one of four classes over one base. `reason` names the exact rule; `message` says it in words that
 * never contain a token, a secret or a certificate.
 *
 * | class | what failed | `protectApi` answers |
 * |---|---|---|
 * | `MonoCloudTokenError` | the token | 401; 403 for `insufficient_scope` and `insufficient_groups` |
 * | `MonoCloudValidationError` | the call or the configuration | 401; 503 for metadata that does not fit it |
 * | `MonoCloudOPError` | the authorization server refused this API's request | 500 |
 * | `MonoCloudHttpError` | the authorization server could not be reached or understood | 503; 500 for other statuses of introspection |
 */

// --- reasons -------------------------------------------------------------------------------------------------------

/**
 * The exact rule that failed, stable across releases. New words may join in any release: treat an unknown one as its
 * class says.
 */
export type MonoCloudReason =
  // MonoCloudTokenError, `invalid_token`
  | 'algorithm_not_allowed'
  | 'audience_mismatch'
  | 'certificate_invalid'
  | 'certificate_mismatch'
  | 'certificate_missing'
  | 'claims_invalid'
  | 'confirmation_invalid'
  | 'confirmation_missing'
  | 'critical_header'
  | 'expired'
  | 'expiry_invalid'
  | 'header_invalid'
  | 'issued_at_invalid'
  | 'issuer_mismatch'
  | 'key_ambiguous'
  | 'key_not_found'
  | 'not_before_invalid'
  | 'not_yet_valid'
  | 'signature_invalid'
  | 'subject_invalid'
  | 'token_malformed'
  | 'token_too_large'
  | 'type_not_allowed'
  // MonoCloudTokenError, `insufficient_scope`, `insufficient_groups`, `inactive_token`
  | 'group_missing'
  | 'inactive'
  | 'scope_missing'
  // MonoCloudValidationError
  | 'argument_invalid'
  | 'auth_state_expired'
  | 'auth_state_invalid'
  | 'callback_invalid'
  | 'client_certificate_required'
  | 'client_id_required'
  | 'client_secret_required'
  | 'introspection_endpoint_missing'
  | 'metadata_issuer_mismatch'
  | 'mtls_endpoint_missing'
  | 'option_invalid'
  | 'session_expired'
  | 'session_invalid'
  | 'token_required'
  // MonoCloudOPError
  | 'client_refused'
  | 'introspection_refused'
  // MonoCloudHttpError
  | 'body_invalid'
  | 'body_too_large'
  | 'connection_failed'
  | 'connection_refused'
  | 'endpoint_refused'
  | 'fetcher_failed'
  | 'host_not_found'
  | 'internal'
  | 'introspection_suspended'
  | 'keys_empty'
  | 'overloaded'
  | 'timed_out'
  | 'tls_certificate_expired'
  | 'tls_failed'
  | 'tls_unknown_authority'
  | 'tls_wrong_host'
  | 'unexpected_status'
  | (string & {});

// --- end of reasons ------------------------------------------------------------------------------------------------

/** What a `MonoCloudTokenError` means for the caller (RFC 6750 §3.1, RFC 7662 §2.2). */
export type MonoCloudTokenErrorCode =
  /** Malformed, forged, expired, for another audience, bound to another certificate … */
  | 'invalid_token'
  /** Valid, but without every scope asked for. */
  | 'insufficient_scope'
  /** Valid, but without the groups asked for. */
  | 'insufficient_groups'
  /** The authorization server says it is not active: expired, revoked or never issued. */
  | 'inactive_token';

/** The authorization server's response, as received. */
export interface MonoCloudRawResponse {
  readonly status: number;
  /** The status's usual phrase; with a `fetcher` what it gave. */
  readonly statusText: string;
  /** Lower-case names; `set-cookie` is left out. */
  readonly headers: Readonly<Record<string, string>>;
  /** The first 1024 characters; empty for a 200, which may hold claims. */
  readonly body: string;
}

/**
 * What every error of this package is; also `instanceof Error`.
 *
 * Of every class, the first parameters are those of the published package; `reason` and `code` come behind them. What
 * decides on the response of `protect()` is an error's `name` with its `code` or `status`, never `instanceof`: an error
 * of another copy of this package is answered alike.
 */
export declare class MonoCloudAuthBaseError extends Error {
  constructor(message: string, raw?: MonoCloudRawResponse, reason?: MonoCloudReason);
  /** The name of the class. */
  readonly name: string;
  /** The exact rule that failed. `undefined` only in an error that your own code made without one. */
  readonly reason: MonoCloudReason | undefined;
  /** The authorization server's response; `undefined` when none was received. */
  readonly raw: MonoCloudRawResponse | undefined;
}

/** The call or the configuration is wrong: a bad option, no token, an introspection without `clientId` … */
export declare class MonoCloudValidationError extends MonoCloudAuthBaseError {
  constructor(message: string, raw?: MonoCloudRawResponse, reason?: MonoCloudReason);
  readonly name: 'MonoCloudValidationError';
}

/** The token is refused. */
export declare class MonoCloudTokenError extends MonoCloudAuthBaseError {
  /**
   * @param reason Default: that of the failure with this message, for example `scope_missing` for `Token is missing
   *   required scopes`; `undefined` for any other message.
   * @param code Default: that of the failure with this message; `invalid_token` for any other message.
   */
  constructor(message: string, raw?: MonoCloudRawResponse, reason?: MonoCloudReason, code?: MonoCloudTokenErrorCode);
  readonly name: 'MonoCloudTokenError';
  readonly code: MonoCloudTokenErrorCode;
}

/**
 * The authorization server answered 400 or 401: it refuses this API's request (RFC 6749 §5.2), not the token. The
 * message is `error`, unless a server sent something else than a plain word there.
 */
export declare class MonoCloudOPError extends MonoCloudAuthBaseError {
  constructor(
    error: string,
    errorDescription?: string | undefined,
    raw?: MonoCloudRawResponse,
    reason?: MonoCloudReason,
  );
  readonly name: 'MonoCloudOPError';
  /** `error` of the body; without one `introspection_failed` (400) or `invalid_client` (401). */
  readonly error: string;
  /** `error_description` of the body. */
  readonly errorDescription: string | undefined;
}

/**
 * The authorization server could not be reached, did not answer in time, or answered with something else than it
 * should; or too much work is waiting in this process (`overloaded`). Says nothing about the token: trying again later is right, dropping the token is not.
 */
export declare class MonoCloudHttpError extends MonoCloudAuthBaseError {
  constructor(message: string, raw?: MonoCloudRawResponse, reason?: MonoCloudReason);
  readonly name: 'MonoCloudHttpError';
  /** `undefined` when there was no response. */
  readonly status: number | undefined;
  /** `undefined` when there was no response. */
  readonly statusText: string | undefined;
  /**
   * Seconds after which to try again: what the server asked for, at most 300; 1 for `overloaded`; else `undefined`.
   */
  readonly retryAfter: number | undefined;
}
