//! What holds for every failure, and which failures are which.

use super::*;

#[test]
fn every_reason_stands_at_the_index_of_its_number() {
    for (index, spec) in CATALOGUE.iter().enumerate() {
        assert_eq!(spec.reason as usize, index);
        assert_eq!(spec.reason.spec().name, spec.name);
    }
}

#[test]
fn what_the_content_of_an_answer_can_cause_never_counts_for_the_breaker() {
    for spec in CATALOGUE.iter().filter(|spec| spec.counts_for_breaker) {
        assert!(spec.is_outage, "{}", spec.name);
    }
    let counts = |reason: Reason| reason.spec().counts_for_breaker;
    assert!(!counts(Reason::BodyInvalid) && !counts(Reason::BodyTooLarge) && !counts(Reason::Internal));
    let answered = |status| {
        let detail = Detail { status: Some(status), ..Detail::default() };
        Failure { reason: Reason::UnexpectedStatus, detail: Some(Box::new(detail)) }.counts_for_breaker()
    };
    assert!([429, 500, 503, 599].into_iter().all(answered));
    assert!(![200, 201, 302, 403, 404, 413, 499].into_iter().any(answered));
}

#[test]
fn a_failure_that_concerns_the_request_is_no_outage_and_is_never_cached() {
    let concerns_request = |reason: Reason| reason.spec().concerns_request;
    let of_the_request = [
        Reason::CertificateInvalid,
        Reason::CertificateMismatch,
        Reason::CertificateMissing,
        Reason::ConfirmationMissing,
        Reason::GroupMissing,
        Reason::ScopeMissing,
    ];
    assert!(of_the_request.into_iter().all(concerns_request));
    let of_the_token = [Reason::AudienceMismatch, Reason::ConfirmationInvalid, Reason::Expired, Reason::Inactive];
    assert!(!of_the_token.into_iter().any(concerns_request));
    // A store of used proofs that fails is the one outage that concerns the request.
    let is_store = |spec: &Spec| spec.reason == Reason::ReplayStoreFailed;
    let of_requests = || CATALOGUE.iter().filter(|spec| spec.concerns_request);
    assert!(of_requests().all(|spec| !spec.is_cacheable && (!spec.is_outage || is_store(spec))));
}

#[test]
fn only_a_token_that_the_issuer_called_inactive_is_cached_as_rejected() {
    let cacheable: Vec<_> = CATALOGUE.iter().filter(|spec| spec.is_cacheable).map(|spec| spec.reason).collect();
    assert_eq!(cacheable, [Reason::Inactive]);
}

#[test]
fn an_outage_is_never_answered_with_401_and_a_rejected_token_never_with_503() {
    for spec in CATALOGUE {
        let is_about_the_token = spec.class.code().is_some();
        assert!(!is_about_the_token || spec.status < 500, "{}", spec.name);
        assert!(!spec.is_outage || spec.status == 503, "{}", spec.name);
        assert!([400, 401, 403, 500, 503].contains(&spec.status), "{}", spec.name);
    }
    let statuses = [Reason::ScopeMissing, Reason::GroupMissing, Reason::ClientRefused, Reason::ClientIdRequired];
    assert_eq!(statuses.map(|reason| reason.spec().status), [403, 403, 500, 401]);
}

#[test]
fn every_name_is_distinct_and_lower_snake_case() {
    let listed = || CATALOGUE.iter().filter(|spec| spec.lacks_scopes_and.is_none());
    let mut names: Vec<_> = listed().map(|spec| spec.name).collect();
    assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), listed().count());
}

#[test]
fn every_step_up_reason_has_one_with_missing_scopes_that_callers_cannot_tell_apart() {
    for spec in CATALOGUE.iter().filter(|spec| spec.class == Class::TokenAuthentication) {
        let with_scopes = spec.reason.with_missing_scopes();
        match spec.lacks_scopes_and {
            Some(reason) => assert_eq!(reason.with_missing_scopes(), spec.reason),
            None => assert_ne!(with_scopes, spec.reason),
        }
        let other = with_scopes.spec();
        assert_eq!((spec.name, spec.class, spec.message), (other.name, other.class, other.message));
    }
    assert_eq!(Reason::Expired.with_missing_scopes(), Reason::Expired);
}
