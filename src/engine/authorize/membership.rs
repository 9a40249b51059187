//! Scopes, groups, permissions and roles: does a token have the ones that a route requires?

use std::borrow::Cow;

use crate::engine::authorize::implied_scopes::ImpliedScopes;

/// Whether a `scope` claim contains a scope. RFC 6749 §3.3: spaces separate scopes, no other character does, and the
/// comparison is case-sensitive.
fn has_scope(granted: &str, required: &str) -> bool {
    granted.split(' ').any(|scope| scope == required && !scope.is_empty())
}

/// Whether a `scope` claim contains a scope, or one that contains it.
pub(super) fn grants(granted: &str, required: &str, implied: &ImpliedScopes) -> bool {
    has_scope(granted, required) || implied.broader(required).iter().any(|broad| has_scope(granted, broad))
}

/// Whether a list in the claims has one of the required values, or all of them. An empty list requires nothing.
pub fn holds(held: &[Cow<'_, str>], required: &[Box<str>], matches_all: bool) -> bool {
    let mut holds = required.iter().map(|value| held.iter().any(|held| **held == **value));
    required.is_empty() || if matches_all { holds.all(|held| held) } else { holds.any(|held| held) }
}
