//! The requirements of a route: does a token with valid claims give access to it?
//!
//! The order of the checks is part of the API, because the first failure is the reason that is reported: the audience
//! (RFC 9068 §4), then the binding to a DPoP key (RFC 9449 §7), then that to a certificate (RFC 8705 §3), then the user's
//! authentication (RFC 9470), then scopes (RFC 6749 §3.3), then groups, permissions and roles, then the claims rules.

use std::sync::Arc;

use crate::engine::authorize::claim_requirements::ClaimRequirements;
use crate::engine::authorize::dpop::{Progress, Proof};
use crate::engine::authorize::implied_scopes::ImpliedScopes;
use crate::engine::authorize::membership::{grants, holds};
use crate::engine::authorize::mode::BindingMode;
use crate::engine::authorize::step_up::StepUp;
use crate::engine::error::Reason;
use crate::engine::time::Clock;
use crate::engine::token::audience::AudienceSet;
use crate::engine::token::claims::CheckedClaims;
use crate::engine::token::confirmation::{Binding, Confirmation};

/// What a route requires. An empty list requires nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// The audiences that a token must have one of. `None`: any audience of the client, which every valid token has.
    pub audiences: Option<AudienceSet>,
    pub scopes: Box<[Box<str>]>,
    /// One of these is enough. An empty list requires nothing.
    pub any_scopes: Box<[Box<str>]>,
    pub implied_scopes: Arc<ImpliedScopes>,
    pub groups: Box<[Box<str>]>,
    pub matches_all_groups: bool,
    pub binding: BindingMode,
    pub dpop: BindingMode,
    pub step_up: StepUp,
    /// What is required of claims that only some routes read.
    pub claims: Option<ClaimRequirements>,
}

/// How the caller shows that the token is its own.
#[derive(Clone, Copy, Default)]
pub struct Possession<'c> {
    /// The client certificate, as the certificate resolver returned it.
    pub certificate: Option<&'c str>,
    /// Present exactly if the token came with the scheme DPoP. Without one, it came with the scheme Bearer.
    pub proof: Option<&'c Proof>,
}

impl Policy {
    /// Checks the requirements before [`Self::claims`]. Every call does this, also for a remembered token, after
    /// [`Self::prove`].
    pub fn check(
        &self,
        claims: &CheckedClaims<'_>,
        token: &str,
        possession: Possession<'_>,
        clock: &Clock,
    ) -> Result<(), Reason> {
        if !self.accepts_audience_of(claims) {
            return Err(Reason::AudienceMismatch);
        }
        self.check_key(&claims.confirmation, token, possession.proof)?;
        self.binding.check(&claims.confirmation.certificate, possession.certificate)?;
        // RFC 9470 §3: the response to a step-up failure also names the scopes, if the token lacks some.
        self.step_up
            .check(claims, clock)
            .map_err(|reason| if self.has_scopes(claims) { reason } else { reason.with_missing_scopes() })?;
        if !self.has_scopes(claims) {
            return Err(Reason::ScopeMissing);
        }
        if !holds(&claims.groups, &self.groups, self.matches_all_groups) {
            return Err(Reason::GroupMissing);
        }
        Ok(())
    }

    /// Whether a token has an audience that the route accepts. A route that asks for one rejects an introspection response
    /// without `aud`.
    pub fn accepts_audience_of(&self, claims: &CheckedClaims<'_>) -> bool {
        self.audiences.is_none_or(|accepted| accepted.meets(claims.audiences))
    }

    /// Verifies the DPoP proof of a call, if [`Self::check`] will ask for the result. This takes time, so no lock should be
    /// held.
    pub fn prove(
        &self,
        confirmation: &Confirmation,
        token: &str,
        possession: Possession<'_>,
        clock: &Clock,
        allows_slow: bool,
    ) -> Progress {
        match (self.dpop, possession.proof, &confirmation.key) {
            (BindingMode::Required | BindingMode::WhenPresent, Some(proof), Binding::Bound(key)) => {
                proof.prove(token, confirmation.token_hash.as_ref(), key, clock.now(), allows_slow)
            }
            _ => Progress::Decided,
        }
    }

    /// Checks the binding to a DPoP key.
    pub fn check_key(&self, confirmation: &Confirmation, token: &str, proof: Option<&Proof>) -> Result<(), Reason> {
        match (self.dpop, proof, &confirmation.key) {
            // RFC 9449 §7.1: the scheme DPoP is for bound tokens only. A route may require a bound token, too.
            (_, Some(_), Binding::Absent) | (BindingMode::Required, None, Binding::Absent) => {
                Err(Reason::DpopBindingMissing)
            }
            (_, Some(_), Binding::Unreadable) => Err(Reason::ConfirmationInvalid),
            (BindingMode::Ignore, ..) => Ok(()),
            (_, Some(proof), Binding::Bound(key)) => proof.outcome(token, confirmation.token_hash.as_ref(), key),
            (_, None, Binding::Unreadable) => Err(Reason::ConfirmationInvalid),
            // RFC 9449 §7.2.
            (_, None, Binding::Bound(_)) => Err(Reason::DpopSchemeRequired),
            (BindingMode::WhenPresent, None, Binding::Absent) => Ok(()),
        }
    }

    fn has_scopes(&self, claims: &CheckedClaims<'_>) -> bool {
        let grants = |scope: &str| grants(&claims.scope, scope, &self.implied_scopes);
        self.scopes.iter().all(|scope| grants(scope))
            && (self.any_scopes.is_empty() || self.any_scopes.iter().any(|scope| grants(scope)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::token::audience::Audiences;

    const CLOCK: Clock = Clock::new(1000.0, 0.0, 0.0).unwrap();

    fn claims<'t>(scope: &'t str, groups: &[&'t str]) -> CheckedClaims<'t> {
        CheckedClaims {
            scope: scope.into(),
            groups: groups.iter().map(|group| (*group).into()).collect(),
            ..CheckedClaims::default()
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
    fn a_route_accepts_some_audiences_or_all_and_rejects_before_any_other_rule() {
        let all = Audiences::new(&["a".to_owned(), "b".to_owned()]).expect("audiences");
        let set = |name: &str| all.subset(&[name.to_owned()]);
        let token = |name: &str| CheckedClaims { audiences: set(name).unwrap_or_default(), ..claims("", &[]) };
        let check = |audiences: Option<AudienceSet>, name: &str, scopes: &[&str]| {
            Policy { audiences, ..policy(scopes, &[], false) }.check(&token(name), "", Possession::default(), &CLOCK)
        };
        assert_eq!(check(set("a"), "a", &[]), Ok(()));
        assert_eq!(check(set("a"), "b", &["x"]), Err(Reason::AudienceMismatch));
        assert_eq!(check(set("a"), "absent", &[]), Err(Reason::AudienceMismatch), "a response without aud");
        assert_eq!((check(None, "b", &[]), check(None, "absent", &[])), (Ok(()), Ok(())));
    }

    #[test]
    fn every_required_scope_must_be_granted() {
        assert_eq!(
            policy(&["a", "b"], &[], false).check(&claims("b c a", &[]), "", Possession::default(), &CLOCK),
            Ok(())
        );
        assert_eq!(
            policy(&["a", "b"], &[], false).check(&claims("a", &[]), "", Possession::default(), &CLOCK),
            Err(Reason::ScopeMissing)
        );
    }

    #[test]
    fn a_scope_is_a_whole_word_between_spaces() {
        for granted in ["data:writer", "xdata:write", "data:write\tother", "data:write\u{a0}x", "DATA:WRITE", ""] {
            assert_eq!(
                policy(&["data:write"], &[], false).check(&claims(granted, &[]), "", Possession::default(), &CLOCK),
                Err(Reason::ScopeMissing),
                "{granted:?}"
            );
        }
        assert_eq!(
            policy(&["data:write"], &[], false).check(&claims("  data:write ", &[]), "", Possession::default(), &CLOCK),
            Ok(())
        );
    }

    #[test]
    fn a_required_scope_that_is_empty_or_has_a_space_is_never_granted() {
        assert_eq!(
            policy(&[""], &[], false).check(&claims("a  b", &[]), "", Possession::default(), &CLOCK),
            Err(Reason::ScopeMissing)
        );
        assert_eq!(
            policy(&["a b"], &[], false).check(&claims("a b", &[]), "", Possession::default(), &CLOCK),
            Err(Reason::ScopeMissing)
        );
    }

    #[test]
    fn one_required_group_is_enough_unless_all_are_required() {
        assert_eq!(
            policy(&[], &["x", "b"], false).check(&claims("", &["a", "b"]), "", Possession::default(), &CLOCK),
            Ok(())
        );
        assert_eq!(
            policy(&[], &["x", "b"], true).check(&claims("", &["a", "b"]), "", Possession::default(), &CLOCK),
            Err(Reason::GroupMissing)
        );
        assert_eq!(
            policy(&[], &["x"], false).check(&claims("", &[]), "", Possession::default(), &CLOCK),
            Err(Reason::GroupMissing)
        );
    }

    #[test]
    fn an_empty_list_requires_nothing() {
        assert_eq!(policy(&[], &[], true).check(&claims("", &[]), "", Possession::default(), &CLOCK), Ok(()));
    }

    #[test]
    fn one_of_any_scopes_is_enough_and_all_of_scopes_are_required_as_well() {
        let boxed = |list: &[&str]| list.iter().map(|scope| (*scope).into()).collect();
        let any = Policy { any_scopes: boxed(&["x", "y"]), ..policy(&["a"], &[], false) };
        for (granted, is_granted) in [("a y", true), ("x a", true), ("a", false), ("x y", false), ("a xy", false)] {
            let checked = any.check(&claims(granted, &[]), "", Possession::default(), &CLOCK);
            assert_eq!(checked.is_ok(), is_granted, "{granted}");
            assert!(is_granted || checked == Err(Reason::ScopeMissing), "{granted}");
        }
        let never = Policy { any_scopes: boxed(&["", "x y"]), ..Policy::default() };
        assert!(never.check(&claims(" x y ", &[]), "", Possession::default(), &CLOCK).is_err());
    }

    #[test]
    fn a_scope_that_contains_a_required_one_grants_it_and_not_the_reverse() {
        let pairs = vec![("write".to_owned(), vec!["read".to_owned()])];
        let implied_scopes = Arc::new(ImpliedScopes::new(pairs).expect("valid"));
        let requires = |scope: &str| Policy { implied_scopes: implied_scopes.clone(), ..policy(&[scope], &[], false) };
        let check = |policy: &Policy, granted: &'static str| {
            policy.check(&claims(granted, &[]), "", Possession::default(), &CLOCK)
        };
        assert_eq!(check(&requires("read"), "write"), Ok(()));
        assert_eq!(check(&requires("write"), "read"), Err(Reason::ScopeMissing));
        let any = Policy { any_scopes: ["read".into(), "z".into()].into(), scopes: [].into(), ..requires("read") };
        assert_eq!((check(&any, "write"), check(&any, "writes")), (Ok(()), Err(Reason::ScopeMissing)));
    }

    #[test]
    fn scopes_are_checked_before_groups() {
        assert_eq!(
            policy(&["a"], &["g"], false).check(&claims("", &[]), "", Possession::default(), &CLOCK),
            Err(Reason::ScopeMissing)
        );
    }

    #[test]
    fn step_up_is_checked_after_the_binding_and_before_scopes() {
        let strong = |binding| Policy {
            binding,
            step_up: StepUp::new(["gold".into()].into(), None).expect("in range"),
            ..policy(&["a"], &["g"], false)
        };
        let check =
            |policy: &Policy, scope: &'static str| policy.check(&claims(scope, &[]), "", Possession::default(), &CLOCK);
        assert_eq!(check(&strong(BindingMode::Required), "a"), Err(Reason::ConfirmationMissing));
        assert_eq!(check(&strong(BindingMode::WhenPresent), "a"), Err(Reason::AcrMissing));
        assert_eq!(check(&strong(BindingMode::WhenPresent), "b"), Err(Reason::AcrAndScopeMissing));
    }
}

#[cfg(test)]
#[path = "policy_property_tests.rs"]
mod property_tests;
