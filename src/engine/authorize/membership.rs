//! Scopes and groups: does a token have the ones that a route requires?

use std::borrow::Cow;

/// Whether a `scope` claim contains a scope. RFC 6749 §3.3: spaces separate scopes, no other character does, and the
/// comparison is case-sensitive.
pub(super) fn has_scope(granted: &str, required: &str) -> bool {
    granted.split(' ').any(|scope| scope == required && !scope.is_empty())
}

/// Whether a user is in one of the required groups, or in all of them. An empty list requires nothing.
pub fn is_in_groups(held: &[Cow<'_, str>], required: &[Box<str>], matches_all: bool) -> bool {
    let mut holds = required.iter().map(|group| held.iter().any(|held| **held == **group));
    required.is_empty() || if matches_all { holds.all(|held| held) } else { holds.any(|held| held) }
}
