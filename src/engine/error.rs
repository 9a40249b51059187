//! Every failure the engine can answer, each defined once.
//!
//! A [`Reason`] is a fact about a rule; [`Reason::spec`] holds its stable word, the JavaScript class and code it
//! becomes, and its message. A [`Failure`] is a reason plus what an exchange with the issuer left behind. No message
//! is ever built from a token, a secret or a certificate.

use std::fmt;

/// The JavaScript class a failure becomes, with the `code` of `MonoCloudTokenError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `MonoCloudHttpError`: the issuer is out of reach or answered what it should not.
    Http,
    /// `MonoCloudOPError`: the issuer refused the request (RFC 6749 §5.2).
    Op,
    /// `MonoCloudTokenError`, code `inactive_token` (RFC 7662 §2.2).
    TokenInactive,
    /// `MonoCloudTokenError`, code `insufficient_groups`.
    TokenGroups,
    /// `MonoCloudTokenError`, code `invalid_token` (RFC 6750 §3.1).
    TokenInvalid,
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
            Class::TokenInactive | Class::TokenGroups | Class::TokenInvalid | Class::TokenScope => {
                "MonoCloudTokenError"
            }
        }
    }

    /// The `code` of a token error.
    pub fn code(self) -> Option<&'static str> {
        match self {
            Class::TokenInactive => Some("inactive_token"),
            Class::TokenGroups => Some("insufficient_groups"),
            Class::TokenInvalid => Some("invalid_token"),
            Class::TokenScope => Some("insufficient_scope"),
            Class::Http | Class::Op | Class::Validation => None,
        }
    }
}

/// What one reason is called and what it becomes.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    pub reason: Reason,
    /// The stable, machine-readable word (`error.reason`).
    pub word: &'static str,
    pub class: Class,
    pub message: &'static str,
    /// Whether it says that nothing could be found out about the token.
    pub is_outage: bool,
    /// Whether it may be evidence that the introspection endpoint is down. Never set for what the content of an answer
    /// can cause, nor for what ends before a request is sent.
    pub counts_for_breaker: bool,
    /// Seconds after which the caller may ask again, where the reason itself says so.
    pub retry_after_secs: Option<u32>,
}

impl Spec {
    /// A row whose columns have the values that are usual for its class.
    const fn usual(reason: Reason, word: &'static str, class: Class, message: &'static str) -> Spec {
        let is_outage = matches!(class, Class::Http);
        Spec { reason, word, class, message, is_outage, counts_for_breaker: false, retry_after_secs: None }
    }
}

macro_rules! reasons {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident, $word:literal, $class:ident, $message:literal $(, $column:ident = $value:expr)*;
    )+) => {
        /// The exact rule that failed. The order is the wire number between Rust and JavaScript.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Reason { $($(#[doc = $doc])+ $name,)+ }

        /// The catalogue: one row a reason, at the index of its number.
        pub const CATALOGUE: &[Spec] = &[
            $({
                let usual = Spec::usual(Reason::$name, $word, Class::$class, $message);
                Spec { $($column: $value,)* ..usual }
            },)+
        ];
    };
}

reasons! {
    /// RFC 8725 §3.1: `alg` is not on the allow-list.
    AlgorithmNotAllowed, "algorithm_not_allowed", TokenInvalid, "Token is signed with an algorithm that is not allowed";
    /// RFC 7519 §4.1.3: `aud` is absent, of another type, or names others.
    AudienceMismatch, "audience_mismatch", TokenInvalid, "Token was not issued for this audience";
    /// A body over 512 KiB.
    BodyTooLarge, "body_too_large", Http, "The authorization server answered with too large a body";
    /// A body that is not the JSON document it should be.
    BodyInvalid, "body_invalid", Http, "The authorization server answered with a body that could not be read";
    /// RFC 8705 §3: the certificate given cannot be read.
    CertificateInvalid, "certificate_invalid", TokenInvalid, "Client certificate could not be read";
    /// RFC 8705 §3: the token is bound to another certificate.
    CertificateMismatch, "certificate_mismatch", TokenInvalid, "Token is bound to another client certificate";
    /// RFC 8705 §3: the token is bound to a certificate and none was given.
    CertificateMissing, "certificate_missing", TokenInvalid, "Token is bound to a client certificate and none was presented";
    /// RFC 7519 §7.2: the claims are not one strict JSON object.
    ClaimsInvalid, "claims_invalid", TokenInvalid, "Token claims are not a valid JSON object";
    /// Introspection needs to know who asks.
    ClientIdRequired, "client_id_required", Validation, "clientId is required to introspect a token (option clientId, MONOCLOUD_BACKEND_CLIENT_ID)";
    /// RFC 6749 §5.2: 401 at the introspection endpoint.
    ClientRefused, "client_refused", Op, "The authorization server refused the client's credentials";
    /// The client authentication method needs a secret, key or certificate that is not configured.
    ClientSecretRequired, "client_secret_required", Validation, "clientSecret is required by the configured client authentication method (option clientSecret, MONOCLOUD_BACKEND_CLIENT_SECRET)";
    /// The client certificate or its key is missing.
    ClientCertificateRequired, "client_certificate_required", Validation, "clientCertificate and clientCertificateKey are required by the configured client authentication method";
    /// RFC 8705 §3.1: `cnf` is there and cannot be read.
    ConfirmationInvalid, "confirmation_invalid", TokenInvalid, "Token confirmation could not be read";
    /// RFC 8705 §3.1: a bound token was required.
    ConfirmationMissing, "confirmation_missing", TokenInvalid, "Token is not bound to a client certificate";
    /// The connection broke or could not be made.
    ConnectionFailed, "connection_failed", Http, "The connection to the authorization server failed", counts_for_breaker = true;
    /// Nothing listens at the issuer's address.
    ConnectionRefused, "connection_refused", Http, "The authorization server refused the connection", counts_for_breaker = true;
    /// RFC 7515 §4.1.11: `crit` or `b64` is present.
    CriticalHeader, "critical_header", TokenInvalid, "Token header asks for an extension that is not supported";
    /// Metadata that names an endpoint with another scheme than https.
    EndpointRefused, "endpoint_refused", Http, "The authorization server's metadata names an endpoint that is not safe to call";
    /// RFC 7519 §4.1.4: now is at or past `exp`.
    Expired, "expired", TokenInvalid, "Token has expired";
    /// RFC 9068 §2.2: `exp` is absent or not a finite number.
    ExpiryInvalid, "expiry_invalid", TokenInvalid, "Token has no valid expiry";
    /// The user's `fetcher` or resolver threw or gave something else.
    FetcherFailed, "fetcher_failed", Http, "The configured fetcher or resolver failed", counts_for_breaker = true;
    /// A group the route asks for is missing.
    GroupMissing, "group_missing", TokenGroups, "Token is missing required groups";
    /// RFC 7515 §4: the header is not one strict JSON object.
    HeaderInvalid, "header_invalid", TokenInvalid, "Token header is not a valid JSON object";
    /// The name does not resolve.
    HostNotFound, "host_not_found", Http, "The authorization server's host name was not found", counts_for_breaker = true;
    /// RFC 7662 §2.2: `active` is not exactly true.
    Inactive, "inactive", TokenInactive, "Token is inactive";
    /// A panic that was caught at the boundary: a defect of ours, fail closed.
    Internal, "internal", Http, "The validation engine failed", is_outage = false;
    /// RFC 6749 §5.2: 400 at the introspection endpoint.
    IntrospectionRefused, "introspection_refused", Op, "The authorization server refused the introspection request";
    /// The circuit breaker is open: ten failures in a row, of three different tokens at least.
    IntrospectionSuspended, "introspection_suspended", Http, "Introspection is suspended after repeated failures";
    /// The metadata names no introspection endpoint.
    IntrospectionEndpointMissing, "introspection_endpoint_missing", Validation, "The authorization server's metadata has no introspection endpoint", is_outage = true;
    /// RFC 7519 §4.1.6: `iat` is not a finite number at or above 0.
    IssuedAtInvalid, "issued_at_invalid", TokenInvalid, "Token has no valid time of issue";
    /// RFC 7519 §4.1.1: `iss` is absent, of another type, or another's.
    IssuerMismatch, "issuer_mismatch", TokenInvalid, "Token was issued by another issuer";
    /// RFC 8725 §3.1: more than one key fits and the token does not say which.
    KeyAmbiguous, "key_ambiguous", TokenInvalid, "Token does not say which of several keys signed it";
    /// No key of the issuer fits the header.
    KeyNotFound, "key_not_found", TokenInvalid, "Token is signed with an unknown key";
    /// A JWK Set without one usable key.
    KeysEmpty, "keys_empty", Http, "The authorization server published no usable key";
    /// RFC 8414 §3.3: the metadata's issuer is not the tenant.
    MetadataIssuerMismatch, "metadata_issuer_mismatch", Validation, "The issuer in the authorization server's metadata is not the configured tenant domain", is_outage = true;
    /// RFC 8705 §5: the mutual-TLS endpoint is not published.
    MtlsEndpointMissing, "mtls_endpoint_missing", Validation, "The authorization server publishes no mutual-TLS introspection endpoint", is_outage = true;
    /// RFC 7519 §4.1.5: `nbf` is not a finite number.
    NotBeforeInvalid, "not_before_invalid", TokenInvalid, "Token has no valid start of validity";
    /// RFC 7519 §4.1.5: now is before `nbf`.
    NotYetValid, "not_yet_valid", TokenInvalid, "Token is not valid yet";
    /// Too many requests wait for the issuer, or too many slow signatures or key derivations for a processor.
    Overloaded, "overloaded", Http, "Too many requests are waiting", retry_after_secs = Some(1);
    /// A scope the route asks for is missing.
    ScopeMissing, "scope_missing", TokenScope, "Token is missing required scopes";
    /// RFC 7515 §5.2: the signature does not verify.
    SignatureInvalid, "signature_invalid", TokenInvalid, "Token signature is invalid";
    /// RFC 7519 §4.1.2: `sub` is not a string.
    SubjectInvalid, "subject_invalid", TokenInvalid, "Token has no valid subject";
    /// The total deadline passed.
    TimedOut, "timed_out", Http, "The authorization server did not answer in time", counts_for_breaker = true;
    /// The issuer's certificate has expired or is not valid yet.
    TlsCertificateExpired, "tls_certificate_expired", Http, "The authorization server's certificate is outside its validity", counts_for_breaker = true;
    /// Any other TLS failure.
    TlsFailed, "tls_failed", Http, "The TLS handshake with the authorization server failed", counts_for_breaker = true;
    /// The issuer's certificate has no known authority.
    TlsUnknownAuthority, "tls_unknown_authority", Http, "The authorization server's certificate is not from a known authority", counts_for_breaker = true;
    /// The issuer's certificate is for another host.
    TlsWrongHost, "tls_wrong_host", Http, "The authorization server's certificate is for another host", counts_for_breaker = true;
    /// RFC 7515 §7.1, §2: not three parts of strict base64url.
    TokenMalformed, "token_malformed", TokenInvalid, "Token is malformed";
    /// Nothing to validate.
    TokenRequired, "token_required", Validation, "Token is required and must be a non-empty string";
    /// Over 16 KiB.
    TokenTooLarge, "token_too_large", TokenInvalid, "Token is too large";
    /// RFC 8725 §3.11: `typ` says this is not an access token.
    TypeNotAllowed, "type_not_allowed", TokenInvalid, "Token is not an access token";
    /// An answer with a status that has no meaning here.
    UnexpectedStatus, "unexpected_status", Http, "The authorization server answered with an unexpected status", counts_for_breaker = true;
}

impl Reason {
    pub fn spec(self) -> &'static Spec {
        // The macro writes the enum and the table from the same rows, so the index always exists.
        &CATALOGUE[self as usize]
    }
}

/// A reason, and what the exchange with the issuer left behind.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    pub reason: Reason,
    pub detail: Option<Box<Detail>>,
}

/// What an exchange left behind, for `raw`, `status`, `error` and `Retry-After`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Detail {
    pub status: Option<u16>,
    pub status_text: String,
    /// Lower-case names; `set-cookie` left out.
    pub headers: Vec<(String, String)>,
    pub body: String,
    /// RFC 6749 §5.2 `error`.
    pub error: Option<String>,
    pub error_description: Option<String>,
    /// Seconds after which asking again makes sense.
    pub retry_after_secs: Option<u64>,
    /// The issuer's metadata or keys could not be had: an outage, whatever the reason and the status say. Nothing was
    /// decided about the token.
    pub is_outage: bool,
}

impl Failure {
    /// The same failure, of a document that every decision needs.
    pub fn into_outage(mut self) -> Failure {
        self.detail.get_or_insert_default().is_outage = true;
        self
    }

    /// Whether this may be evidence that the introspection endpoint is down. Of the statuses only those that say so do:
    /// a token can make an endpoint that works answer with another one, such as the 403 of a firewall.
    pub fn counts_for_breaker(&self) -> bool {
        let status = self.detail.as_ref().and_then(|detail| detail.status);
        // A failure to get metadata is no failure of the endpoint, and has a back-off of its own.
        let is_of_document = self.detail.as_ref().is_some_and(|detail| detail.is_outage);
        !is_of_document
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
mod tests {
    use super::*;

    #[test]
    fn every_reason_stands_at_the_index_of_its_number() {
        for (index, spec) in CATALOGUE.iter().enumerate() {
            assert_eq!(spec.reason as usize, index);
            assert_eq!(spec.reason.spec().word, spec.word);
        }
    }

    #[test]
    fn what_the_content_of_an_answer_can_cause_never_counts_for_the_breaker() {
        for spec in CATALOGUE.iter().filter(|spec| spec.counts_for_breaker) {
            assert!(spec.is_outage, "{}", spec.word);
        }
        let counts = |reason: Reason| reason.spec().counts_for_breaker;
        assert!(!counts(Reason::BodyInvalid) && !counts(Reason::BodyTooLarge) && !counts(Reason::Internal));
        let answered = |status| {
            let detail = Detail { status: Some(status), ..Detail::default() };
            Failure { reason: Reason::UnexpectedStatus, detail: Some(Box::new(detail)) }.counts_for_breaker()
        };
        assert!([429, 500, 503, 599].into_iter().all(answered));
        assert!(![200, 201, 302, 403, 404, 413, 499].into_iter().any(answered));
    }

    #[test]
    fn every_word_is_distinct_and_lower_snake_case() {
        let mut words: Vec<_> = CATALOGUE.iter().map(|spec| spec.word).collect();
        assert!(words.iter().all(|w| w.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), CATALOGUE.len());
    }
}
