//! Every failure of the engine, each defined once.
//!
//! A [`Reason`] is the rule that failed. [`Reason::spec`] has its stable name, its JavaScript class and code, and its
//! message. A [`Failure`] is a reason with the details of an exchange with the issuer. No message contains a token, a
//! secret or a certificate.

use std::fmt;

/// The JavaScript class of a failure, with the `code` for `MonoCloudTokenError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `MonoCloudHttpError`: the issuer could not be reached, or its response could not be used.
    Http,
    /// `MonoCloudOPError`: the issuer rejected the request (RFC 6749 §5.2).
    Op,
    /// `MonoCloudTokenError`, code `use_dpop_nonce`: the proof must be made again, with the nonce of the response (RFC 9449
    /// §9).
    DpopNonce,
    /// `MonoCloudTokenError`, code `invalid_dpop_proof` (RFC 9449 §7.1). It says nothing about the token.
    DpopProof,
    /// `MonoCloudTokenError`, code `insufficient_user_authentication` (RFC 9470 §3).
    TokenAuthentication,
    /// `MonoCloudTokenError`, code `inactive_token` (RFC 7662 §2.2).
    TokenInactive,
    /// `MonoCloudTokenError`, code `insufficient_claims`.
    TokenClaims,
    /// `MonoCloudTokenError`, code `access_denied`: the application itself denied the access.
    TokenDenied,
    /// `MonoCloudTokenError`, code `insufficient_groups`.
    TokenGroups,
    /// `MonoCloudTokenError`, code `invalid_token` (RFC 6750 §3.1).
    TokenInvalid,
    /// `MonoCloudTokenError`, code `insufficient_permissions`, for permissions and roles.
    TokenPermissions,
    /// `MonoCloudTokenError`, code `insufficient_scope` (RFC 6750 §3.1).
    TokenScope,
    /// `MonoCloudValidationError`: the caller or the configuration is wrong.
    Validation,
}

impl Class {
    /// The name of the JavaScript class.
    pub fn name(self) -> &'static str {
        match self {
            Class::Http => "MonoCloudHttpError",
            Class::Op => "MonoCloudOPError",
            Class::Validation => "MonoCloudValidationError",
            Class::DpopNonce
            | Class::DpopProof
            | Class::TokenAuthentication
            | Class::TokenInactive
            | Class::TokenClaims
            | Class::TokenDenied
            | Class::TokenGroups
            | Class::TokenInvalid
            | Class::TokenPermissions
            | Class::TokenScope => "MonoCloudTokenError",
        }
    }

    /// The `code` of a token error.
    pub fn code(self) -> Option<&'static str> {
        match self {
            Class::DpopNonce => Some("use_dpop_nonce"),
            Class::DpopProof => Some("invalid_dpop_proof"),
            Class::TokenAuthentication => Some("insufficient_user_authentication"),
            Class::TokenInactive => Some("inactive_token"),
            Class::TokenClaims => Some("insufficient_claims"),
            Class::TokenDenied => Some("access_denied"),
            Class::TokenGroups => Some("insufficient_groups"),
            Class::TokenInvalid => Some("invalid_token"),
            Class::TokenPermissions => Some("insufficient_permissions"),
            Class::TokenScope => Some("insufficient_scope"),
            Class::Http | Class::Op | Class::Validation => None,
        }
    }

    /// The HTTP status that a protected route sends, unless the row of the reason says otherwise.
    const fn status(self) -> u16 {
        match self {
            // RFC 9110 §15.6.4: nothing was decided about the token, and the caller may try again.
            Class::Http => 503,
            // The issuer rejects this API's own request. The caller can do nothing about it.
            Class::Op => 500,
            // RFC 6750 §3.1: the token is valid, and it does not give access.
            Class::TokenClaims
            | Class::TokenDenied
            | Class::TokenGroups
            | Class::TokenPermissions
            | Class::TokenScope => 403,
            // RFC 9110 §15.5.2: another credential is needed. Also the status of a class without one: it lets nobody in.
            _ => 401,
        }
    }
}

/// The properties of one reason.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    pub reason: Reason,
    /// The stable, machine-readable name (`error.reason`).
    pub name: &'static str,
    pub class: Class,
    pub message: &'static str,
    /// The HTTP status that a protected route sends. A failed exchange with the issuer can change a 503 to 500, and
    /// the reverse: its [`Detail`] decides.
    pub status: u16,
    /// Whether it means an outage: nothing could be decided about the token.
    pub is_outage: bool,
    /// Whether it may be evidence that the introspection endpoint is down. Not set for a failure that the content of a
    /// response can cause, or that ends before a request is sent.
    pub counts_for_breaker: bool,
    /// Whether a cache may keep that the token was rejected: the issuer said so, and it holds for every request.
    pub is_cacheable: bool,
    /// Whether it concerns the request and not the token: the route's requirements, or how the caller presents the token. It
    /// never removes the token from a memory or a cache, because the token may be accepted in another request.
    pub concerns_request: bool,
    /// The seconds after which the caller may retry, if they are the same for every failure with this reason.
    pub retry_after_secs: Option<u32>,
    /// The reason that this one stands for, if the token lacks required scopes too. Callers see only that reason.
    pub lacks_scopes_and: Option<Reason>,
}

impl Spec {
    /// A row with the default values for its class.
    const fn with_defaults(reason: Reason, name: &'static str, class: Class, message: &'static str) -> Spec {
        let status = class.status();
        Spec {
            reason,
            name,
            class,
            message,
            status,
            is_outage: matches!(class, Class::Http),
            counts_for_breaker: false,
            is_cacheable: matches!(class, Class::TokenInactive),
            concerns_request: matches!(
                class,
                Class::DpopNonce
                    | Class::DpopProof
                    | Class::TokenAuthentication
                    | Class::TokenClaims
                    | Class::TokenDenied
                    | Class::TokenGroups
                    | Class::TokenPermissions
                    | Class::TokenScope
            ),
            retry_after_secs: None,
            lacks_scopes_and: None,
        }
    }
}

macro_rules! reasons {
    ($(
        $(#[doc = $doc:literal])+
        $variant:ident, $name:literal, $class:ident, $message:literal $(, $column:ident = $value:expr)*;
    )+) => {
        /// The exact rule that failed. The order of the variants gives their numbers in the N-API interface.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Reason { $($(#[doc = $doc])+ $variant,)+ }

        /// One row per reason, at the index of its number.
        pub const CATALOGUE: &[Spec] = &[
            $({
                let defaults = Spec::with_defaults(Reason::$variant, $name, Class::$class, $message);
                Spec { $($column: $value,)* ..defaults }
            },)+
        ];
    };
}

reasons! {
    /// RFC 9470 §3: `acr` is absent, not a string, or none of the values that the route requires.
    AcrMissing, "acr_missing", TokenAuthentication, "A different authentication level is required";
    /// RFC 9470 §3: as [`Reason::AcrMissing`], and the token lacks required scopes too.
    AcrAndScopeMissing, "acr_missing", TokenAuthentication, "A different authentication level is required", lacks_scopes_and = Some(Reason::AcrMissing);
    /// RFC 8725 §3.1: `alg` is not on the allow-list.
    AlgorithmNotAllowed, "algorithm_not_allowed", TokenInvalid, "Token is signed with an algorithm that is not allowed";
    /// RFC 7519 §4.1.3: `aud` is absent, has the wrong type, or does not contain the audience.
    AudienceMismatch, "audience_mismatch", TokenInvalid, "Token was not issued for this audience";
    /// RFC 9470 §3: `auth_time` is older than the route allows.
    AuthenticationTooOld, "authentication_too_old", TokenAuthentication, "More recent authentication is required";
    /// RFC 9470 §3: as [`Reason::AuthenticationTooOld`], and the token lacks required scopes too.
    AuthenticationTooOldAndScopeMissing, "authentication_too_old", TokenAuthentication, "More recent authentication is required", lacks_scopes_and = Some(Reason::AuthenticationTooOld);
    /// RFC 9470 §3: the route limits the age of the authentication, and `auth_time` is absent, not a number, or in the future.
    AuthTimeInvalid, "auth_time_invalid", TokenAuthentication, "Token has no valid time of authentication";
    /// RFC 9470 §3: as [`Reason::AuthTimeInvalid`], and the token lacks required scopes too.
    AuthTimeInvalidAndScopeMissing, "auth_time_invalid", TokenAuthentication, "Token has no valid time of authentication", lacks_scopes_and = Some(Reason::AuthTimeInvalid);
    /// The application's function `authorize` failed: it threw, rejected, or returned something other than a boolean.
    AuthorizeFailed, "authorize_failed", TokenDenied, "Access could not be authorized";
    /// The application's function `authorize` returned `false`.
    AuthorizeRefused, "authorize_refused", TokenDenied, "Access is not authorized";
    /// The body is larger than 512 KiB.
    BodyTooLarge, "body_too_large", Http, "The authorization server answered with too large a body";
    /// The body is not the expected JSON document.
    BodyInvalid, "body_invalid", Http, "The authorization server answered with a body that could not be read";
    /// RFC 8705 §3: the caller's certificate cannot be parsed.
    CertificateInvalid, "certificate_invalid", TokenInvalid, "Client certificate could not be read", concerns_request = true;
    /// RFC 8705 §3: the token is bound to another certificate.
    CertificateMismatch, "certificate_mismatch", TokenInvalid, "Token is bound to another client certificate", concerns_request = true;
    /// RFC 8705 §3: the token is bound to a certificate, and the caller presented none.
    CertificateMissing, "certificate_missing", TokenInvalid, "Token is bound to a client certificate and none was presented", concerns_request = true;
    /// A claim does not have a value that the route requires.
    ClaimMismatch, "claim_mismatch", TokenClaims, "Token claims do not have the required values";
    /// RFC 7519 §7.2: the claims are not a strict JSON object.
    ClaimsInvalid, "claims_invalid", TokenInvalid, "Token claims are not a valid JSON object";
    /// Introspection requires a client id.
    ClientIdRequired, "client_id_required", Validation, "clientId is required to introspect a token (option clientId, MONOCLOUD_BACKEND_CLIENT_ID)";
    /// RFC 6749 §5.2: the introspection endpoint responded with 401, or with 400 and the error `invalid_client`.
    ClientRefused, "client_refused", Op, "The authorization server refused the client's credentials";
    /// The client authentication method requires a secret or key that is not configured.
    ClientSecretRequired, "client_secret_required", Validation, "clientSecret is required by the configured client authentication method (option clientSecret, MONOCLOUD_BACKEND_CLIENT_SECRET)";
    /// The client authentication method requires a client certificate and its key.
    ClientCertificateRequired, "client_certificate_required", Validation, "clientCertificate and clientCertificateKey are required by the configured client authentication method";
    /// RFC 8705 §3.1: `cnf` is present and cannot be read.
    ConfirmationInvalid, "confirmation_invalid", TokenInvalid, "Token confirmation could not be read";
    /// RFC 8705 §3.1: the route requires a bound token.
    ConfirmationMissing, "confirmation_missing", TokenInvalid, "Token is not bound to a client certificate", concerns_request = true;
    /// The connection was lost or could not be established.
    ConnectionFailed, "connection_failed", Http, "The connection to the authorization server failed", counts_for_breaker = true;
    /// The issuer's address refused the connection.
    ConnectionRefused, "connection_refused", Http, "The authorization server refused the connection", counts_for_breaker = true;
    /// RFC 7515 §4.1.11: `crit` or `b64` is present.
    CriticalHeader, "critical_header", TokenInvalid, "Token header asks for an extension that is not supported";
    /// RFC 9449 §4.3: the algorithm of the DPoP proof is not on the allow-list.
    DpopAlgorithmNotAllowed, "dpop_algorithm_not_allowed", DpopProof, "DPoP proof is signed with an algorithm that is not allowed";
    /// RFC 9449 §7.1: the token came with the scheme DPoP, or the route requires a bound token, and it is not bound to a DPoP
    /// key.
    DpopBindingMissing, "dpop_binding_missing", TokenInvalid, "Token is not bound to a DPoP key", concerns_request = true;
    /// RFC 9449 §4.2: the claims of the DPoP proof are not a strict JSON object, or one is missing or has the wrong type.
    DpopClaimsInvalid, "dpop_claims_invalid", DpopProof, "DPoP proof claims are missing or not valid";
    /// RFC 9449 §4.3, §11.1: the DPoP proof was created too long ago, or its own `exp` has passed.
    DpopExpired, "dpop_expired", DpopProof, "DPoP proof is too old";
    /// RFC 9449 §4.2: the header of the DPoP proof is not a strict JSON object, or asks for an extension.
    DpopHeaderInvalid, "dpop_header_invalid", DpopProof, "DPoP proof header is not a valid JSON object";
    /// RFC 9449 §4.2, §4.3: the `jwk` of the DPoP proof is absent, private, unsafe, or does not fit its algorithm.
    DpopKeyInvalid, "dpop_key_invalid", DpopProof, "DPoP proof key is not valid";
    /// RFC 9449 §6.1: the token is bound to another DPoP key.
    DpopKeyMismatch, "dpop_key_mismatch", TokenInvalid, "Token is bound to another DPoP key", concerns_request = true;
    /// RFC 9449 §4.3: `htm` is not the method of the request.
    DpopMethodMismatch, "dpop_method_mismatch", DpopProof, "DPoP proof is for another HTTP method";
    /// RFC 9449 §9: the resource server asks for a nonce, and the DPoP proof has none.
    DpopNonceMissing, "dpop_nonce_missing", DpopNonce, "DPoP proof must contain the nonce of this response";
    /// RFC 9449 §8, §9: the nonce of the DPoP proof is not a recent one of this resource server.
    DpopNonceStale, "dpop_nonce_stale", DpopNonce, "DPoP proof contains a nonce that is not valid anymore";
    /// RFC 9449 §11.1: the DPoP proof was created too far in the future, or its own `nbf` is in the future.
    DpopNotYetValid, "dpop_not_yet_valid", DpopProof, "DPoP proof is not valid yet";
    /// RFC 9449 §7.1: the `DPoP` header field is not one proof of three parts of strict base64url.
    DpopProofMalformed, "dpop_proof_malformed", DpopProof, "DPoP proof is malformed";
    /// RFC 9449 §7.1: the token came with the scheme DPoP and without a proof.
    DpopProofMissing, "dpop_proof_missing", DpopProof, "DPoP proof is missing";
    /// The DPoP proof is larger than 8 KiB.
    DpopProofTooLarge, "dpop_proof_too_large", DpopProof, "DPoP proof is too large";
    /// RFC 9449 §11.1: the DPoP proof was used before.
    DpopReplayed, "dpop_replayed", DpopProof, "DPoP proof was already used";
    /// RFC 9449 §7.2: the token is bound to a DPoP key, and came with the scheme Bearer.
    DpopSchemeRequired, "dpop_scheme_required", TokenInvalid, "Token is bound to a DPoP key and came as a bearer token", concerns_request = true;
    /// RFC 9449 §4.3: the signature of the DPoP proof does not verify.
    DpopSignatureInvalid, "dpop_signature_invalid", DpopProof, "DPoP proof signature is invalid";
    /// RFC 9449 §4.3: `ath` is not the hash of the token.
    DpopTokenMismatch, "dpop_token_mismatch", DpopProof, "DPoP proof is for another token";
    /// RFC 9449 §4.2: `typ` is not `dpop+jwt`.
    DpopTypeNotAllowed, "dpop_type_not_allowed", DpopProof, "DPoP proof does not have the type dpop+jwt";
    /// RFC 9449 §4.3: `htu` is not the URL of the request.
    DpopUrlMismatch, "dpop_url_mismatch", DpopProof, "DPoP proof is for another URL";
    /// The URL of the request, with which `htu` is compared, is not known.
    DpopUrlUnknown, "dpop_url_unknown", Validation, "The URL of the request is not known, so its DPoP proof cannot be checked (option publicUrl, MONOCLOUD_BACKEND_PUBLIC_URL)", concerns_request = true;
    /// The metadata names an endpoint with another scheme than https, or with an address that must not be called.
    EndpointRefused, "endpoint_refused", Http, "The authorization server's metadata names an endpoint that is not safe to call";
    /// RFC 7519 §4.1.4: the current time is at or after `exp`.
    Expired, "expired", TokenInvalid, "Token has expired";
    /// RFC 9068 §2.2: `exp` is absent or not a finite number.
    ExpiryInvalid, "expiry_invalid", TokenInvalid, "Token has no valid expiry";
    /// The user's `fetcher` or resolver threw, or returned a value of the wrong type.
    FetcherFailed, "fetcher_failed", Http, "The configured fetcher or resolver failed", counts_for_breaker = true;
    /// The token lacks a group that the route requires.
    GroupMissing, "group_missing", TokenGroups, "Token is missing required groups";
    /// RFC 7515 §4: the header is not a strict JSON object.
    HeaderInvalid, "header_invalid", TokenInvalid, "Token header is not a valid JSON object";
    /// The issuer's host name does not resolve.
    HostNotFound, "host_not_found", Http, "The authorization server's host name was not found", counts_for_breaker = true;
    /// RFC 7662 §2.2: `active` is not exactly true.
    Inactive, "inactive", TokenInactive, "Token is inactive";
    /// The engine failed, for instance with a panic that was caught. The request is rejected.
    Internal, "internal", Http, "The validation engine failed", is_outage = false;
    /// RFC 6749 §5.2: the introspection endpoint responded with 400.
    IntrospectionRefused, "introspection_refused", Op, "The authorization server refused the introspection request";
    /// The circuit breaker is open, after ten consecutive failures of at least three different tokens.
    IntrospectionSuspended, "introspection_suspended", Http, "Introspection is suspended after repeated failures";
    /// The metadata names no introspection endpoint.
    IntrospectionEndpointMissing, "introspection_endpoint_missing", Validation, "The authorization server's metadata has no introspection endpoint", is_outage = true, status = 503;
    /// RFC 7519 §4.1.6: `iat` is not a finite number of 0 or more. Or it is absent, and `revocation.requireIat` is set.
    IssuedAtInvalid, "issued_at_invalid", TokenInvalid, "Token has no valid time of issue";
    /// RFC 7519 §4.1.1: `iss` is absent, has the wrong type, or is not the issuer.
    IssuerMismatch, "issuer_mismatch", TokenInvalid, "Token was issued by another issuer";
    /// RFC 8725 §3.1: more than one key fits, and the token does not name one of them.
    KeyAmbiguous, "key_ambiguous", TokenInvalid, "Token does not say which of several keys signed it";
    /// No key of the issuer fits the header.
    KeyNotFound, "key_not_found", TokenInvalid, "Token is signed with an unknown key";
    /// The JWK Set has no usable key.
    KeysEmpty, "keys_empty", Http, "The authorization server published no usable key";
    /// RFC 8414 §3.3: the metadata's issuer is not the tenant.
    MetadataIssuerMismatch, "metadata_issuer_mismatch", Validation, "The issuer in the authorization server's metadata is not the configured tenant domain", is_outage = true, status = 503;
    /// RFC 8705 §5: the metadata names no mutual-TLS introspection endpoint.
    MtlsEndpointMissing, "mtls_endpoint_missing", Validation, "The authorization server publishes no mutual-TLS introspection endpoint", is_outage = true, status = 503;
    /// RFC 7519 §4.1.5: `nbf` is not a finite number.
    NotBeforeInvalid, "not_before_invalid", TokenInvalid, "Token has no valid start of validity";
    /// RFC 7519 §4.1.5: the current time is before `nbf`.
    NotYetValid, "not_yet_valid", TokenInvalid, "Token is not valid yet";
    /// Too many requests wait for the issuer, or too many slow signatures or key derivations wait for
    /// a processor.
    Overloaded, "overloaded", Http, "Too many requests are waiting", retry_after_secs = Some(1);
    /// The token lacks a permission that the route requires.
    PermissionMissing, "permission_missing", TokenPermissions, "Token is missing required permissions";
    /// The shared store of used DPoP proofs failed or did not answer in time, and requests are refused then.
    ReplayStoreFailed, "replay_store_failed", Http, "The store of used DPoP proofs failed", concerns_request = true, retry_after_secs = Some(1);
    /// The store of cut-offs failed or did not answer in time, and requests are refused then.
    RevocationStoreFailed, "revocation_store_failed", Http, "The store of revoked tokens failed", retry_after_secs = Some(1);
    /// The user's revocation store has a cut-off for a claim of the token, and the token was not issued after it.
    Revoked, "revoked", TokenInactive, "Token was revoked", is_cacheable = false;
    /// The token lacks a role that the route requires.
    RoleMissing, "role_missing", TokenPermissions, "Token is missing required roles";
    /// The token lacks a scope that the route requires.
    ScopeMissing, "scope_missing", TokenScope, "Token is missing required scopes";
    /// The user's function that looks up an issuer returned a client of another issuer, or what is no client.
    ResolvedClientInvalid, "resolved_client_invalid", Validation, "The configured function for issuers returned no client of this issuer (option resolve)", is_outage = true, status = 503;
    /// RFC 7515 §5.2: the signature does not verify.
    SignatureInvalid, "signature_invalid", TokenInvalid, "Token signature is invalid";
    /// RFC 7519 §4.1.2: `sub` is not a string.
    SubjectInvalid, "subject_invalid", TokenInvalid, "Token has no valid subject";
    /// The time limit of the exchange has passed.
    TimedOut, "timed_out", Http, "The authorization server did not answer in time", counts_for_breaker = true;
    /// The issuer's certificate has expired or is not valid yet.
    TlsCertificateExpired, "tls_certificate_expired", Http, "The authorization server's certificate is outside its validity", counts_for_breaker = true;
    /// The TLS handshake failed for another reason.
    TlsFailed, "tls_failed", Http, "The TLS handshake with the authorization server failed", counts_for_breaker = true;
    /// The issuer's certificate was not issued by a trusted authority.
    TlsUnknownAuthority, "tls_unknown_authority", Http, "The authorization server's certificate is not from a known authority", counts_for_breaker = true;
    /// The issuer's certificate is for another host.
    TlsWrongHost, "tls_wrong_host", Http, "The authorization server's certificate is for another host", counts_for_breaker = true;
    /// RFC 7515 §7.1, §2: the token is not three parts of strict base64url.
    TokenMalformed, "token_malformed", TokenInvalid, "Token is malformed";
    /// The token is absent, empty, or not a string.
    TokenRequired, "token_required", Validation, "Token is required and must be a non-empty string";
    /// The token is larger than 16 KiB.
    TokenTooLarge, "token_too_large", TokenInvalid, "Token is too large";
    /// RFC 8725 §3.11: `typ` is not the type of an access token.
    TypeNotAllowed, "type_not_allowed", TokenInvalid, "Token is not an access token";
    /// The response has an unexpected status.
    UnexpectedStatus, "unexpected_status", Http, "The authorization server answered with an unexpected status", counts_for_breaker = true;
}

impl Reason {
    pub fn spec(self) -> &'static Spec {
        // The macro creates the enum and the table from the same rows, so the index always exists.
        &CATALOGUE[self as usize]
    }

    /// The reason that stands for this one and missing scopes. Without such a reason, this one.
    pub fn with_missing_scopes(self) -> Reason {
        CATALOGUE.iter().find(|spec| spec.lacks_scopes_and == Some(self)).map_or(self, |spec| spec.reason)
    }
}

/// A reason, with the details of the exchange with the issuer if there was one.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub reason: Reason,
    pub detail: Option<Box<Detail>>,
}

/// The details of an exchange, for `raw`, `status`, `error` and `Retry-After`.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    pub status: Option<u16>,
    pub status_text: String,
    /// The names are in lower case. `set-cookie` is left out.
    #[serde(serialize_with = "as_object")]
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// RFC 6749 §5.2 `error`.
    pub error: Option<String>,
    pub error_description: Option<String>,
    /// The seconds after which the caller may retry.
    #[serde(rename = "retryAfter")]
    pub retry_after_secs: Option<u64>,
    /// The issuer's metadata or keys could not be fetched. This is an outage whatever the reason and the status are, and
    /// nothing was decided about the token.
    pub is_outage: bool,
}

fn as_object<S: serde::Serializer>(headers: &[(String, String)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(headers.iter().map(|(name, value)| (name, value)))
}

impl Failure {
    /// Marks the failure as an outage, because it concerns a document that every decision needs.
    pub fn into_outage(mut self) -> Failure {
        self.detail.get_or_insert_default().is_outage = true;
        self
    }

    /// Whether this may be evidence that the introspection endpoint is down. Of the statuses, only 429 and 5xx count. A
    /// token can make a working endpoint respond with another status, such as the 403 of a firewall.
    pub fn counts_for_breaker(&self) -> bool {
        let status = self.detail.as_ref().and_then(|detail| detail.status);
        // A failure to fetch metadata is not a failure of the endpoint. It has its own back-off.
        let is_document_failure = self.detail.as_ref().is_some_and(|detail| detail.is_outage);
        !is_document_failure
            && self.reason.spec().counts_for_breaker
            && status.is_none_or(|status| matches!(status, 429 | 500..))
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Self {
        Failure { reason, detail: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.spec().message)
    }
}

#[cfg(test)]
#[path = "error_tests.rs"]
mod tests;
