//! Which values does an explanation of a decision name? The options that the rules compare a token with, and no secret.

use serde_json::{Value, json};

use super::Config;
use crate::engine::token::claim_names::ClaimPath;

impl Config {
    /// The options by their names. A claim is the list of the names of its path.
    pub fn shown(&self) -> Value {
        let path = |path: &ClaimPath| json!(path.names().collect::<Vec<_>>());
        let names = &self.claim_names;
        json!({
            "audience": self.audiences.names().collect::<Vec<_>>(),
            "introspectionAudience": if self.lets_audience_be_absent { "when_present" } else { "required" },
            "validateCertificateBinding": self.binding.name(),
            "validateDPoPBinding": self.dpop_binding.name(),
            "dpop.algorithms": self.dpop.algorithms.iter().map(|one| one.names()).collect::<Vec<_>>().join(" "),
            "dpop.maxAge": self.dpop.max_age_secs,
            "dpop.leeway": self.dpop.leeway_secs,
            "dpop.nonceSecret": self.dpop.nonce_secret.is_some(),
            "scopeOptions.scopesClaim": names.scopes.iter().map(path).collect::<Vec<_>>(),
            "groupOptions.groupsClaim": path(&names.groups),
            "groupOptions.matchAll": self.matches_all_groups,
            "permissionsClaim": path(&names.permissions),
            "rolesClaim": path(&names.roles),
            "clockSkew": self.clock_skew,
            "clockTolerance": self.clock_tolerance,
        })
    }
}
