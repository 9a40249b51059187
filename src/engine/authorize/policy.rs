//! The requirements of a route: does a token with valid claims give access to it?
//!
//! The order of the checks is part of the API, because the first failure is the reason that is reported: certificate
//! binding (RFC 8705 §3), then scopes (RFC 6749 §3.3), then groups.

use crate::engine::authorize::certificate::BindingMode;
use crate::engine::authorize::membership::{has_scope, is_in_groups};
use crate::engine::error::Reason;
use crate::engine::token::claims::CheckedClaims;

/// What a route requires. An empty list requires nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Policy {
    pub scopes: Box<[Box<str>]>,
    pub groups: Box<[Box<str>]>,
    pub matches_all_groups: bool,
    pub binding: BindingMode,
}

impl Policy {
    /// Checks the requirements. Every call does this, also for a remembered token.
    pub fn check(&self, claims: &CheckedClaims<'_>, certificate: Option<&str>) -> Result<(), Reason> {
        self.binding.check(&claims.confirmation, certificate)?;
        if !self.scopes.iter().all(|scope| has_scope(&claims.scope, scope)) {
            return Err(Reason::ScopeMissing);
        }
        if !is_in_groups(&claims.groups, &self.groups, self.matches_all_groups) {
            return Err(Reason::GroupMissing);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::token::confirmation::Confirmation;

    fn claims<'t>(scope: &'t str, groups: &[&'t str]) -> CheckedClaims<'t> {
        CheckedClaims {
            expires: None,
            not_before: None,
            confirmation: Confirmation::Absent,
            scope: scope.into(),
            groups: groups.iter().map(|group| (*group).into()).collect(),
        }
    }

    fn policy(scopes: &[&str], groups: &[&str], matches_all_groups: bool) -> Policy {
        Policy {
            scopes: scopes.iter().map(|scope| (*scope).into()).collect(),
            groups: groups.iter().map(|group| (*group).into()).collect(),
            matches_all_groups,
            ..Policy::default()
        }
    }

    #[test]
    fn every_required_scope_must_be_granted() {
        assert_eq!(policy(&["a", "b"], &[], false).check(&claims("b c a", &[]), None), Ok(()));
        assert_eq!(policy(&["a", "b"], &[], false).check(&claims("a", &[]), None), Err(Reason::ScopeMissing));
    }

    #[test]
    fn a_scope_is_a_whole_word_between_spaces() {
        for granted in ["data:writer", "xdata:write", "data:write\tother", "data:write\u{a0}x", "DATA:WRITE", ""] {
            assert_eq!(
                policy(&["data:write"], &[], false).check(&claims(granted, &[]), None),
                Err(Reason::ScopeMissing),
                "{granted:?}"
            );
        }
        assert_eq!(policy(&["data:write"], &[], false).check(&claims("  data:write ", &[]), None), Ok(()));
    }

    #[test]
    fn a_required_scope_that_is_empty_or_has_a_space_is_never_granted() {
        assert_eq!(policy(&[""], &[], false).check(&claims("a  b", &[]), None), Err(Reason::ScopeMissing));
        assert_eq!(policy(&["a b"], &[], false).check(&claims("a b", &[]), None), Err(Reason::ScopeMissing));
    }

    #[test]
    fn one_required_group_is_enough_unless_all_are_required() {
        assert_eq!(policy(&[], &["x", "b"], false).check(&claims("", &["a", "b"]), None), Ok(()));
        assert_eq!(policy(&[], &["x", "b"], true).check(&claims("", &["a", "b"]), None), Err(Reason::GroupMissing));
        assert_eq!(policy(&[], &["x"], false).check(&claims("", &[]), None), Err(Reason::GroupMissing));
    }

    #[test]
    fn an_empty_list_requires_nothing() {
        assert_eq!(policy(&[], &[], true).check(&claims("", &[]), None), Ok(()));
    }

    #[test]
    fn scopes_are_checked_before_groups() {
        assert_eq!(policy(&["a"], &["g"], false).check(&claims("", &[]), None), Err(Reason::ScopeMissing));
    }
}
