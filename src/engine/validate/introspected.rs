//! Introspection responses: are the claims of an active token accepted? (RFC 7662 §2.2.)
//!
//! The rules are those of a JWT's claims, with three differences: `iss` and `exp` are optional, `aud` is optional if the
//! client says so, and a member that is `null` counts as absent.

use crate::engine::authorize::dpop::Progress;
use crate::engine::error::Reason;
use crate::engine::token::claims::Origin;
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
        let checked = checked?;
        if !call.policy.accepts_audience_of(&checked) {
            return Err(NotAccepted::AudienceOfRoute);
        }
        match call.prove(&checked.confirmation, &clock, false) {
            Progress::IsSlow => Err(NotAccepted::IsSlow),
            Progress::Decided => Ok(call.authorize(&checked, &clock)?),
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
