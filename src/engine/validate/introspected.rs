//! Introspection responses: are the claims of an active token accepted? (RFC 7662 §2.2.)
//!
//! The rules are those of a JWT's claims, with one difference: `iss` and `exp` are optional.

use crate::engine::authorize::claim_requirements::ClaimsText;
use crate::engine::authorize::dpop::Progress;
use crate::engine::error::Reason;
use crate::engine::token::claims::Origin;
use crate::engine::{Call, Engine, NotAccepted};

impl Engine {
    /// Decides on the claims of an active token. They come from the issuer, or from a method that a subclass overrides.
    pub fn decide_introspected(&self, claims: &str, call: &Call<'_>) -> Result<(), NotAccepted> {
        let clock = self.clock(call.now)?;
        let mut checked = Err(Reason::IssuerMismatch);
        for issuer in self.issuers() {
            checked = self.check_claims(claims.as_bytes(), &issuer, Origin::Introspection, &clock);
            if checked != Err(Reason::IssuerMismatch) {
                break;
            }
        }
        let checked = checked?;
        match call.prove(&checked.confirmation, &clock, false) {
            Progress::IsSlow => Err(NotAccepted::IsSlow),
            Progress::Decided => Ok(call.authorize(&checked, ClaimsText::Json(claims.as_bytes()), None, &clock)?),
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
