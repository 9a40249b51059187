/**
 * The errors of this package: four classes and their base class. `reason` names the exact rule that failed. `message`
 * describes it and never contains a token, a secret or a certificate.
 *
 * | class | what failed | `protectApi` sends |
 * |---|---|---|
 * | `MonoCloudTokenError` | the token or its DPoP proof | 401; 403 for `insufficient_scope`, `insufficient_groups`, `insufficient_permissions`, `insufficient_claims` and `access_denied` |
 * | `MonoCloudValidationError` | the call or the configuration | 401; 503 if the server's metadata does not fit the configuration, or `resolve` returned no client of its issuer |
 * | `MonoCloudOPError` | the authorization server rejected this API's own request | 500 |
 * | `MonoCloudHttpError` | the authorization server could not be reached or understood, this process is overloaded, or `dpop.replayStore` or `revocation.store` failed | 503; 500 if introspection returns a status other than 200, 400, 401, 429 or 5xx |
 */

// --- reasons -------------------------------------------------------------------------------------------------------

/**
 * The exact rule that failed. A reason is never renamed within a major version. Any release may add new reasons, so
 * treat an unknown one like its class.
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
  | 'dpop_binding_missing'
  | 'dpop_key_mismatch'
  | 'dpop_scheme_required'
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
  // MonoCloudTokenError, `invalid_dpop_proof`
  | 'dpop_algorithm_not_allowed'
  | 'dpop_claims_invalid'
  | 'dpop_expired'
  | 'dpop_header_invalid'
  | 'dpop_key_invalid'
  | 'dpop_method_mismatch'
  | 'dpop_not_yet_valid'
  | 'dpop_proof_malformed'
  | 'dpop_proof_missing'
  | 'dpop_proof_too_large'
  | 'dpop_replayed'
  | 'dpop_signature_invalid'
  | 'dpop_token_mismatch'
  | 'dpop_type_not_allowed'
  | 'dpop_url_mismatch'
  // MonoCloudTokenError, `use_dpop_nonce`
  | 'dpop_nonce_missing'
  | 'dpop_nonce_stale'
  // MonoCloudTokenError, `insufficient_user_authentication`
  | 'acr_missing'
  | 'auth_time_invalid'
  | 'authentication_too_old'
  // MonoCloudTokenError, `access_denied`
  | 'authorize_failed'
  | 'authorize_refused'
  // MonoCloudTokenError, `insufficient_scope`, `insufficient_groups`, `insufficient_permissions`, `insufficient_claims`,
  // `inactive_token`
  | 'claim_mismatch'
  | 'group_missing'
  | 'inactive'
  | 'permission_missing'
  | 'revoked'
  | 'role_missing'
  | 'scope_missing'
  // MonoCloudValidationError
  | 'argument_invalid'
  | 'auth_state_expired'
  | 'auth_state_invalid'
  | 'callback_invalid'
  | 'client_certificate_required'
  | 'client_id_required'
  | 'client_secret_required'
  | 'dpop_url_unknown'
  | 'introspection_endpoint_missing'
  | 'metadata_issuer_mismatch'
  | 'mtls_endpoint_missing'
  | 'option_invalid'
  | 'resolved_client_invalid'
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
  | 'replay_store_failed'
  | 'revocation_store_failed'
  | 'timed_out'
  | 'tls_certificate_expired'
  | 'tls_failed'
  | 'tls_unknown_authority'
  | 'tls_wrong_host'
  | 'unexpected_status'
  | (string & {});

// --- end of reasons ------------------------------------------------------------------------------------------------

/** The kind of a `MonoCloudTokenError` (RFC 6750 §3.1, RFC 7662 §2.2, RFC 9449 §7.1, RFC 9470 §3). */
export type MonoCloudTokenErrorCode =
  /** The token is malformed, forged, expired, for another audience, bound to another certificate or key, and so on. */
  | 'invalid_token'
  /** The token is valid but lacks a required scope. */
  | 'insufficient_scope'
  /** The token is valid, and `authorize` of the route did not let it in. */
  | 'access_denied'
  /** The token is valid but lacks the required groups. */
  | 'insufficient_groups'
  /** The token is valid but lacks a required permission or role. */
  | 'insufficient_permissions'
  /** The token is valid, but a claim does not have a required value. */
  | 'insufficient_claims'
  /**
   * The token is valid, but the user must sign in again: more recently, or with another authentication context (RFC 9470
   * §3).
   */
  | 'insufficient_user_authentication'
  /**
   * The authorization server reports that the token is not active: it expired, was revoked or was never issued. Or
   * `revocation.store` has a cut-off that revokes it.
   */
  | 'inactive_token'
  /**
   * The DPoP proof is missing, malformed, too old, for another request, or was used before (RFC 9449 §7.1). The token
   * itself may be valid: the caller must repeat the request with a new proof.
   */
  | 'invalid_dpop_proof'
  /**
   * The DPoP proof must contain the nonce of this API (RFC 9449 §9). `dpopNonce` of the error is this nonce. The caller
   * must repeat the request with a new proof that contains it.
   */
  | 'use_dpop_nonce';

/** The authorization server's response. */
export interface MonoCloudRawResponse {
  /** The status code. */
  readonly status: number;
  /** The usual reason phrase of the status. With a `fetcher`, the phrase that it returned. */
  readonly statusText: string;
  /** The headers, with names in lower case. `set-cookie` is left out. */
  readonly headers: Readonly<Record<string, string>>;
  /** The first 1024 characters of the body. Empty for a 200 response, because its body may contain claims. */
  readonly body: string;
}

/**
 * The base class of every error of this package.
 *
 * The first parameters of each constructor are those of the published JavaScript package. `reason` and `code` come after
 * them.
 *
 * `protect()` chooses its response by the `name` of an error and its `code` or `status`, never by `instanceof`. An error
 * of another copy of this package therefore causes the same response.
 */
export declare class MonoCloudAuthBaseError extends Error {
  constructor(message: string, raw?: MonoCloudRawResponse, reason?: MonoCloudReason);
  /** The name of the class. */
  readonly name: string;
  /** The exact rule that failed. `undefined` only if your own code created the error without a reason. */
  readonly reason: MonoCloudReason | undefined;
  /** The authorization server's response. `undefined` if there was none. Not enumerable. */
  readonly raw: MonoCloudRawResponse | undefined;
}

/** The call or the configuration is wrong, for example an invalid option, a blank token or a missing `clientId`. */
export declare class MonoCloudValidationError extends MonoCloudAuthBaseError {
  constructor(message: string, raw?: MonoCloudRawResponse, reason?: MonoCloudReason);
  readonly name: 'MonoCloudValidationError';
}

/** The token, or the DPoP proof that came with it, is rejected. */
export declare class MonoCloudTokenError extends MonoCloudAuthBaseError {
  /**
   * @param reason Default: the reason that belongs to `message`, for example `scope_missing` for `Token is missing
   *   required scopes`. `undefined` for a message that this package does not use.
   * @param code Default: the code that belongs to `message`. `invalid_token` for a message that this package does not
   *   use.
   */
  constructor(message: string, raw?: MonoCloudRawResponse, reason?: MonoCloudReason, code?: MonoCloudTokenErrorCode);
  readonly name: 'MonoCloudTokenError';
  /** The kind of the error. */
  readonly code: MonoCloudTokenErrorCode;
  /**
   * The nonce that the caller's next DPoP proof must contain, for the `DPoP-Nonce` header of your response (RFC 9449 §9).
   * Send `Cache-Control: no-store` with it. It is set if `code` is `use_dpop_nonce`, and otherwise only if the proof
   * contained an older nonce. Not enumerable.
   */
  readonly dpopNonce?: string | undefined;
}

/**
 * The authorization server responded to an introspection request with 400 or 401. It rejected this API's request or
 * credentials (RFC 6749 §5.2), not the token. `message` is the value of `error`, or a fixed text if the server's value
 * is not a plain word.
 */
export declare class MonoCloudOPError extends MonoCloudAuthBaseError {
  constructor(
    error: string,
    errorDescription?: string | undefined,
    raw?: MonoCloudRawResponse,
    reason?: MonoCloudReason,
  );
  readonly name: 'MonoCloudOPError';
  /** `error` of the response. Default: `introspection_failed` for a 400 and `invalid_client` for a 401. */
  readonly error: string;
  /** `error_description` of the response, if there is one. */
  readonly errorDescription: string | undefined;
}

/**
 * The authorization server could not be reached, did not respond in time, or sent a response that cannot be used. Or too
 * much work is waiting in this process (`overloaded`). Or `dpop.replayStore` failed (`replay_store_failed`).
 *
 * This error says nothing about the token. Try again later. Do not discard the token.
 */
export declare class MonoCloudHttpError extends MonoCloudAuthBaseError {
  constructor(message: string, raw?: MonoCloudRawResponse, reason?: MonoCloudReason);
  readonly name: 'MonoCloudHttpError';
  /** The status code. `undefined` if there was no response. */
  readonly status: number | undefined;
  /** The reason phrase. `undefined` if there was no response. */
  readonly statusText: string | undefined;
  /**
   * Seconds to wait before you try again: the server's `Retry-After`, at most 300, or 1 for `overloaded` and
   * `replay_store_failed`. Otherwise `undefined`.
   */
  readonly retryAfter: number | undefined;
}
