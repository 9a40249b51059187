//! Introspection responses: are the claims of an active token accepted? (RFC 7662 §2.2.)
//!
//! The rules are those of a JWT's claims, with three differences: `iss` and `exp` are optional, `aud` is optional if the
//! client says so, and a member that is `null` counts as absent.

use crate::engine::authorize::claim_requirements::ClaimsText;
use crate::engine::authorize::dpop::Progress;
use crate::engine::error::Reason;
use crate::engine::token::claims::{CheckedClaims, Claims, Origin};
use crate::engine::token::compact;
use crate::engine::token::confirmation::{Binding, Confirmation};
use crate::engine::{Call, Engine, NotAccepted};

impl Engine {
    /// Decides on the claims of an active token. They come from the issuer, or from a method that a subclass overrides.
    ///
    /// `origin` is [`Origin::CustomMethod`] for a method that says what a JWT contains.
    pub fn decide_introspected(&self, claims: &str, origin: Origin, call: &Call<'_>) -> Result<(), NotAccepted> {
        let clock = self.clock(call.now)?;
        let mut checked = Err(Reason::IssuerMismatch);
        for issuer in self.issuers() {
            checked = self.check_claims(claims.as_bytes(), &issuer, origin, &clock);
            if checked != Err(Reason::IssuerMismatch) {
                break;
            }
        }
        let checked = self.with_own_claims(checked?, origin, call.token)?;
        if !call.policy.accepts_audience_of(&checked) {
            return Err(NotAccepted::AudienceOfRoute);
        }
        match call.prove(&checked.confirmation, &clock, false) {
            Progress::IsSlow => Err(NotAccepted::IsSlow),
            Progress::Decided => {
                let text = claims.as_bytes();
                let is_response = origin == Origin::Introspection;
                let text = if is_response { ClaimsText::Response(text) } else { ClaimsText::Json(text) };
                Ok(call.authorize(&checked, text, None, &clock)?)
            }
        }
    }

    /// The claims of a response, with what the response omits and the token contains, if the token is a JWT: `aud`, and the
    /// members of `cnf`. The issuer called exactly this text active. So a JWT for another API, or one that is bound to
    /// another key, must not be accepted because the response is short (RFC 9068 §4, RFC 8705 §3, RFC 9449 §7).
    pub(super) fn with_own_claims<'t>(
        &self,
        checked: CheckedClaims<'t>,
        origin: Origin,
        token: &str,
    ) -> Result<CheckedClaims<'t>, Reason> {
        let Confirmation { certificate, key, .. } = checked.confirmation;
        let omits = checked.audiences.is_empty() || certificate == Binding::Absent || key == Binding::Absent;
        if !omits || !matches!(origin, Origin::Introspection | Origin::Cache) {
            return Ok(checked);
        }
        let Some(payload) = compact::decode_payload(token) else { return Ok(checked) };
        let Some(own) = Claims::read(payload.as_bytes(), &self.expected("", Origin::Jwt)) else {
            // A JWT that no rule can read, or an opaque token with two dots.
            return if payload.starts_with('{') { Err(Reason::ClaimsInvalid) } else { Ok(checked) };
        };
        let audiences = match own.audiences() {
            Some(audiences) if checked.audiences.is_empty() && audiences.is_empty() => {
                return Err(Reason::AudienceMismatch);
            }
            Some(audiences) if checked.audiences.is_empty() => audiences,
            _ => checked.audiences,
        };
        let own = own.confirmation();
        let or_own = |binding, own| if binding == Binding::Absent { own } else { binding };
        let confirmation = Confirmation {
            certificate: or_own(certificate, own.certificate),
            key: or_own(key, own.key),
            ..checked.confirmation
        };
        Ok(CheckedClaims { audiences, confirmation, ..checked })
    }

    /// The allowed values of `iss` in claims that have no signature. Before the metadata is fetched, the tenant's domain
    /// is allowed with and without a trailing slash.
    pub(super) fn issuers(&self) -> Vec<String> {
        let domain = self.config.key_source.tenant.domain();
        match self.store.metadata() {
            Ok(metadata) => vec![metadata.issuer.clone()],
            Err(_) => vec![domain.to_owned(), format!("{domain}/")],
        }
    }
}
