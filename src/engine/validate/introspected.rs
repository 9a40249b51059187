//! Introspection responses: are the claims of an active token accepted? (RFC 7662 §2.2.)
//!
//! The rules are those of a JWT's claims, with three differences: `iss` and `exp` are optional, `aud` is optional if the
//! client says so, and a member that is `null` counts as absent.

use crate::engine::authorize::dpop::Progress;
use crate::engine::error::Reason;
use crate::engine::token::claims::{CheckedClaims, Claims, Origin};
use crate::engine::token::compact;
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
        let checked = self.with_own_audience(checked?, call.token)?;
        if !call.policy.accepts_audience_of(&checked) {
            return Err(NotAccepted::AudienceOfRoute);
        }
        match call.prove(&checked.confirmation, &clock, false) {
            Progress::IsSlow => Err(NotAccepted::IsSlow),
            Progress::Decided => Ok(call.authorize(&checked, &clock)?),
        }
    }

    /// The claims of a response that omits `aud`, with the `aud` of the token if the token is a JWT. The issuer called exactly
    /// this text active, so a JWT for another API must not be accepted here (RFC 9068 §4).
    pub(super) fn with_own_audience<'t>(
        &self,
        checked: CheckedClaims<'t>,
        token: &str,
    ) -> Result<CheckedClaims<'t>, Reason> {
        if !checked.audiences.is_empty() {
            return Ok(checked);
        }
        let Some(payload) = compact::decode_payload(token) else { return Ok(checked) };
        let Some(own) = Claims::read(payload.as_bytes(), &self.expected("", Origin::Jwt)) else {
            // A JWT that no rule can read, or an opaque token with two dots.
            return if payload.starts_with('{') { Err(Reason::ClaimsInvalid) } else { Ok(checked) };
        };
        match own.audiences() {
            None => Ok(checked),
            Some(audiences) if audiences.is_empty() => Err(Reason::AudienceMismatch),
            Some(audiences) => Ok(CheckedClaims { audiences, ..checked }),
        }
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
