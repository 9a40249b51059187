//! Authorization (contract 7): certificate binding, then scopes, then groups, on facts that were proved.

use std::borrow::Cow;

use crate::engine::authorize::certificate::BindingMode;
use crate::engine::error::Reason;
use crate::engine::token::claims::CheckedClaims;

/// What a route asks for. Empty lists ask for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Policy {
    pub scopes: Box<[Box<str>]>,
    pub groups: Box<[Box<str>]>,
    pub matches_all_groups: bool,
    pub binding: BindingMode,
}

impl Policy {
    /// Decides on facts. Checked on every call, also when the facts were remembered.
    pub fn check(&self, facts: &CheckedClaims<'_>, certificate: Option<&str>) -> Result<(), Reason> {
        self.binding.check(&facts.confirmation, certificate)?;
        if !self.scopes.iter().all(|scope| has_scope(&facts.scope, scope)) {
            return Err(Reason::ScopeMissing);
        }
        if !is_in_groups(&facts.groups, &self.groups, self.matches_all_groups) {
            return Err(Reason::GroupMissing);
        }
        Ok(())
    }
}

/// RFC 6749 §3.3: scopes are separated by spaces, and by nothing else; whole words, case-sensitive.
fn has_scope(granted: &str, asked: &str) -> bool {
    granted.split(' ').any(|scope| scope == asked && !scope.is_empty())
}

/// Any of the asked groups, or all of them. No group asked for is always met.
pub fn is_in_groups(held: &[Cow<'_, str>], asked: &[Box<str>], matches_all: bool) -> bool {
    let mut holds = asked.iter().map(|group| held.iter().any(|held| **held == **group));
    asked.is_empty() || if matches_all { holds.all(|held| held) } else { holds.any(|held| held) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::token::confirmation::Confirmation;

    fn facts<'t>(scope: &'t str, groups: &[&'t str]) -> CheckedClaims<'t> {
        CheckedClaims {
            expires: None,
            not_before: None,
            confirmation: Confirmation::Absent,
            scope: scope.into(),
            groups: groups.iter().map(|group| (*group).into()).collect(),
        }
    }

    fn asks(scopes: &[&str], groups: &[&str], matches_all_groups: bool) -> Policy {
        Policy {
            scopes: scopes.iter().map(|scope| (*scope).into()).collect(),
            groups: groups.iter().map(|group| (*group).into()).collect(),
            matches_all_groups,
            ..Policy::default()
        }
    }

    #[test]
    fn every_listed_scope_must_be_there() {
        assert_eq!(asks(&["a", "b"], &[], false).check(&facts("b c a", &[]), None), Ok(()));
        assert_eq!(asks(&["a", "b"], &[], false).check(&facts("a", &[]), None), Err(Reason::ScopeMissing));
    }

    #[test]
    fn a_scope_is_a_whole_word_between_single_spaces() {
        for granted in ["data:writer", "xdata:write", "data:write\tother", "data:write\u{a0}x", "DATA:WRITE", ""] {
            assert_eq!(
                asks(&["data:write"], &[], false).check(&facts(granted, &[]), None),
                Err(Reason::ScopeMissing),
                "{granted:?}"
            );
        }
        assert_eq!(asks(&["data:write"], &[], false).check(&facts("  data:write ", &[]), None), Ok(()));
    }

    #[test]
    fn a_scope_asked_for_as_empty_text_or_with_a_space_is_never_granted() {
        assert_eq!(asks(&[""], &[], false).check(&facts("a  b", &[]), None), Err(Reason::ScopeMissing));
        assert_eq!(asks(&["a b"], &[], false).check(&facts("a b", &[]), None), Err(Reason::ScopeMissing));
    }

    #[test]
    fn any_listed_group_is_enough_unless_all_are_asked_for() {
        assert_eq!(asks(&[], &["x", "b"], false).check(&facts("", &["a", "b"]), None), Ok(()));
        assert_eq!(asks(&[], &["x", "b"], true).check(&facts("", &["a", "b"]), None), Err(Reason::GroupMissing));
        assert_eq!(asks(&[], &["x"], false).check(&facts("", &[]), None), Err(Reason::GroupMissing));
    }

    #[test]
    fn an_empty_list_asks_for_nothing() {
        assert_eq!(asks(&[], &[], true).check(&facts("", &[]), None), Ok(()));
    }

    #[test]
    fn scopes_are_decided_before_groups() {
        assert_eq!(asks(&["a"], &["g"], false).check(&facts("", &[]), None), Err(Reason::ScopeMissing));
    }
}
