//! The order of the rules, and the state of a proof: what is used when, and what is kept.

use std::sync::Arc;

use serde_json::json;

use super::context::{DpopContext, MAX_KEYS};
use super::settings::{DpopSettings, NonceMode};
use super::testing::{NOW, Sender, TOKEN, URL, context, context_with, decide, forged, request};
use super::{GivenProof, Progress, Proof};
use crate::engine::error::Reason;
use crate::engine::token::header::Algorithm;

fn sender() -> Sender {
    Sender::numbered(1)
}

/// Whether a good proof with this `jti` is accepted: it was not used before.
fn is_unused(context: &Arc<DpopContext>, jti: &str) -> bool {
    let proof = request(context, &sender().proof(json!({ "jti": jti })));
    decide(&proof, TOKEN, &sender().thumbprint(), NOW) == Ok(())
}

#[test]
fn a_proof_that_fails_any_rule_is_not_used_up() {
    let (context, key) = (context(), sender().thumbprint());
    let good = sender().proof(json!({ "jti": "j" }));
    let forged = forged(&good);
    let wrong = |changes: serde_json::Value| sender().proof(changes);
    for (proof, token, bound_to, reason) in [
        (wrong(json!({ "jti": "j", "htm": "POST" })), TOKEN, key, Reason::DpopMethodMismatch),
        (wrong(json!({ "jti": "j", "htu": "https://other" })), TOKEN, key, Reason::DpopUrlMismatch),
        (good.clone(), "other", key, Reason::DpopTokenMismatch),
        (good.clone(), TOKEN, Sender::numbered(2).thumbprint(), Reason::DpopKeyMismatch),
        (forged, TOKEN, key, Reason::DpopSignatureInvalid),
        (wrong(json!({ "jti": "j", "iat": NOW - 61.0 })), TOKEN, key, Reason::DpopExpired),
        (wrong(json!({ "jti": "j", "iat": NOW + 31.0 })), TOKEN, key, Reason::DpopNotYetValid),
    ] {
        let proof = request(&context, &proof);
        assert_eq!(decide(&proof, token, &bound_to, NOW), Err(reason));
        assert_eq!(proof.spent(), None);
    }
    assert!(is_unused(&context, "j") && !is_unused(&context, "j"));
}

#[test]
fn a_proof_that_is_asked_for_a_nonce_is_not_used_up() {
    let context = context_with(DpopSettings { nonce: NonceMode::Required, ..DpopSettings::default() });
    let first = request(&context, &sender().proof(json!({})));
    assert_eq!(decide(&first, TOKEN, &sender().thumbprint(), NOW), Err(Reason::DpopNonceMissing));
    let second = request(&context, &sender().proof(json!({ "nonce": first.nonce() })));
    assert_eq!(decide(&second, TOKEN, &sender().thumbprint(), NOW), Ok(()), "with the same jti");
}

#[test]
fn a_rehearsed_proof_is_checked_and_not_used_up() {
    let (context, key) = (context(), sender().thumbprint());
    let text = sender().proof(json!({ "jti": "j" }));
    let rehearse = |context: &Arc<DpopContext>, text: &str| {
        let proof = request(context, text).rehearsed();
        let result = decide(&proof, TOKEN, &key, NOW);
        assert_eq!(proof.spent(), None, "no store may be asked about it");
        result
    };
    assert_eq!(rehearse(&context, &text), Ok(()));
    assert_eq!(rehearse(&context, &text), Ok(()));
    assert_eq!(rehearse(&context, &sender().proof(json!({ "iat": NOW - 3600.0 }))), Err(Reason::DpopExpired));
    assert!(is_unused(&context, "j"));
    assert_eq!(rehearse(&context, &text), Err(Reason::DpopReplayed));
    // A sender that was only told about a nonce need not use one.
    let lenient = context_with(DpopSettings { nonce: NonceMode::WhenStale, ..DpopSettings::default() });
    assert_eq!(rehearse(&lenient, &sender().proof(json!({ "iat": NOW - 3600.0 }))), Err(Reason::DpopNonceMissing));
    assert!(is_unused(&lenient, "k"));
}

#[test]
fn the_first_rule_that_fails_is_the_reason() {
    // Each proof fails one rule more than the next one.
    let other = Sender::numbered(2);
    let all = json!({ "htm": "POST", "htu": "https://other", "ath": "x", "iat": 0, "jti": "" });
    let header = json!({ "typ": "JWT", "alg": "none", "crit": [], "jwk": {} });
    let mut proof = (header, all);
    let mut expect = |change: fn(&mut serde_json::Value, &mut serde_json::Value), reason: Reason| {
        let text = other.proof_with(proof.0.clone(), proof.1.clone());
        let proven = request(&context(), &forged(&text));
        assert_eq!(decide(&proven, TOKEN, &sender().thumbprint(), NOW), Err(reason));
        change(&mut proof.0, &mut proof.1);
    };
    expect(|header, _| header["typ"] = json!("dpop+jwt"), Reason::DpopTypeNotAllowed);
    expect(|header, _| header["alg"] = json!("EdDSA"), Reason::DpopAlgorithmNotAllowed);
    expect(|header, _| header["crit"] = json!(null), Reason::DpopHeaderInvalid);
    expect(|header, _| *header = json!({}), Reason::DpopKeyInvalid);
    expect(|_, claims| claims["jti"] = json!("j"), Reason::DpopClaimsInvalid);
    expect(|_, claims| claims["ath"] = json!(super::testing::ATH), Reason::DpopTokenMismatch);
    expect(|_, claims| claims["htm"] = json!("GET"), Reason::DpopMethodMismatch);
    expect(|_, claims| claims["htu"] = json!(URL), Reason::DpopUrlMismatch);
    expect(|_, _| {}, Reason::DpopKeyMismatch);
    let proven = request(&context(), &forged(&sender().proof(json!({ "iat": 0 }))));
    assert_eq!(decide(&proven, TOKEN, &sender().thumbprint(), NOW), Err(Reason::DpopSignatureInvalid));
}

#[test]
fn no_signature_is_verified_before_the_key_is_known_to_be_the_tokens() {
    let (context, other) = (context(), Sender::numbered(2).thumbprint());
    let proof = request(&context, &sender().proof(json!({})));
    assert_eq!(decide(&proof, TOKEN, &other, NOW), Err(Reason::DpopKeyMismatch));
    proof.verify_slow();
    assert_eq!(proof.lock().signature, None);
    assert_eq!(proof.check_request(TOKEN), Ok(()));
    proof.verify_slow();
    assert_eq!(proof.lock().signature, None);
    assert_eq!(context.kept_keys(), 0);
}

#[test]
fn a_proof_that_is_decided_on_twice_for_one_request_passes_twice_and_is_used_once() {
    let (context, key) = (context(), sender().thumbprint());
    let proof = request(&context, &sender().proof(json!({})));
    assert_eq!(decide(&proof, TOKEN, &key, NOW), Ok(()));
    let spent = proof.spent();
    assert_eq!(decide(&proof, TOKEN, &key, NOW + 3600.0), Ok(()), "the request began before");
    assert_eq!(proof.spent(), spent);
    assert_eq!(decide(&proof, "another token", &key, NOW), Err(Reason::DpopTokenMismatch));
    assert_eq!(decide(&proof, TOKEN, &Sender::numbered(2).thumbprint(), NOW), Err(Reason::DpopKeyMismatch));
    assert_eq!(decide(&proof, TOKEN, &key, NOW), Ok(()));
}

#[test]
fn a_refusal_stays_for_the_request() {
    let (context, key) = (context(), sender().thumbprint());
    let proof = request(&context, &sender().proof(json!({ "iat": NOW + 40.0 })));
    assert_eq!(decide(&proof, TOKEN, &key, NOW), Err(Reason::DpopNotYetValid));
    assert_eq!(decide(&proof, TOKEN, &key, NOW + 40.0), Err(Reason::DpopNotYetValid));
}

#[test]
fn the_result_is_an_internal_error_before_the_proof_was_checked() {
    let proof = request(&context(), &sender().proof(json!({})));
    assert_eq!(proof.outcome(TOKEN, None, &sender().thumbprint()), Err(Reason::Internal));
}

#[test]
fn a_sender_cannot_use_up_the_jti_of_another() {
    let context = context();
    for number in [1, 2] {
        let sender = Sender::numbered(number);
        let proof = request(&context, &sender.proof(json!({ "jti": "same" })));
        assert_eq!(decide(&proof, TOKEN, &sender.thumbprint(), NOW), Ok(()));
    }
}

#[test]
fn of_many_requests_with_one_proof_at_a_time_exactly_one_passes() {
    let (context, key) = (context(), sender().thumbprint());
    let text = sender().proof(json!({}));
    let passed: usize = std::thread::scope(|scope| {
        let run = || (0..25).filter(|_| decide(&request(&context, &text), TOKEN, &key, NOW) == Ok(())).count();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
        threads.into_iter().map(|thread| thread.join().expect("a count")).sum()
    });
    assert_eq!(passed, 1);
}

#[test]
fn of_many_decisions_on_one_request_at_a_time_all_pass() {
    let (context, key) = (context(), sender().thumbprint());
    let proof = request(&context, &sender().proof(json!({})));
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..25).for_each(|_| assert_eq!(decide(&proof, TOKEN, &key, NOW), Ok(()))));
        }
    });
    let again = Proof::new(context, proof.given.clone(), "GET", vec![URL.into()]);
    assert_eq!(decide(&again, TOKEN, &key, NOW), Err(Reason::DpopReplayed));
}

#[test]
fn a_slow_signature_is_verified_only_where_it_is_allowed_and_only_once() {
    let settings = DpopSettings { algorithms: [Algorithm::Es384].into(), ..DpopSettings::default() };
    let (context, sender) = (context_with(settings), Sender::es384());
    let key = sender.thumbprint();
    let proof = request(&context, &sender.proof(json!({})));
    assert_eq!(proof.prove(TOKEN, None, &key, NOW, false), Progress::IsSlow);
    assert_eq!(proof.prove(TOKEN, None, &key, NOW, false), Progress::IsSlow);
    assert_eq!(
        proof.prove(TOKEN, None, &Sender::numbered(2).thumbprint(), NOW, false),
        Progress::Decided,
        "not its key"
    );
    proof.verify_slow();
    assert_eq!(proof.spent(), None, "it is used by the decision");
    assert_eq!(proof.prove(TOKEN, None, &key, NOW, false), Progress::Decided);
    assert_eq!(proof.outcome(TOKEN, None, &key), Ok(()));
}

fn screening(context: &Arc<DpopContext>, proof: &str) -> Proof {
    Proof::screening(Arc::clone(context), proof.into(), "GET".into(), URL.into())
}

#[test]
fn a_screening_refuses_for_the_same_reason_what_fails_before_the_signature() {
    let (context, key) = (context(), sender().thumbprint());
    let good = sender().proof(json!({}));
    let wrong = |changes: serde_json::Value| sender().proof(changes);
    for (proof, token, bound_to) in [
        ("a.b".to_owned(), TOKEN, key),
        (sender().proof_with(json!({ "typ": "JWT" }), json!({})), TOKEN, key),
        (wrong(json!({ "jti": null })), TOKEN, key),
        (wrong(json!({ "htm": "POST" })), TOKEN, key),
        (wrong(json!({ "htu": "https://other" })), TOKEN, key),
        (good.clone(), "other", key),
        (good, TOKEN, Sender::numbered(2).thumbprint()),
    ] {
        let refused = decide(&request(&context, &proof), token, &bound_to, NOW);
        assert!(refused.is_err());
        assert_eq!(decide(&screening(&context, &proof), token, &bound_to, NOW), refused);
    }
}

#[test]
fn a_screening_verifies_no_signature_and_uses_no_proof() {
    let (context, key) = (context(), sender().thumbprint());
    let good = sender().proof(json!({ "jti": "j" }));
    for proof in [good.clone(), forged(&good), sender().proof(json!({ "iat": 0 }))] {
        let screened = screening(&context, &proof);
        for allows_slow in [false, true] {
            assert_eq!(screened.prove(TOKEN, None, &key, NOW, allows_slow), Progress::IsSlow);
            assert_eq!(screened.outcome(TOKEN, None, &key), Err(Reason::Internal));
        }
        assert_eq!((screened.spent(), context.kept_keys()), (None, 0));
    }
    assert!(is_unused(&context, "j"));
}

#[test]
fn a_proof_takes_over_what_a_screening_of_the_same_request_has_read_and_nothing_else() {
    let (context, key) = (context(), sender().thumbprint());
    let (good, other) = (sender().proof(json!({ "jti": "j" })), sender().proof(json!({ "jti": "k" })));
    let screened = |proof: &str| {
        let screened = screening(&context, proof);
        assert_eq!(screened.prove(TOKEN, None, &key, NOW, true), Progress::IsSlow);
        Some(screened)
    };
    let after = request(&context, &good).after(screened(&good));
    assert!(after.lock().read.is_some());
    assert_eq!(decide(&after, TOKEN, &key, NOW), Ok(()));
    assert!(request(&context, &good).after(screened(&other)).lock().read.is_none());
    assert!(request(&context, &good).after(None).lock().read.is_none());
    let posted = Proof::new(Arc::clone(&context), GivenProof::One(good.as_str().into()), "POST", vec![URL.into()]);
    assert_eq!(decide(&posted.after(screened(&good)), TOKEN, &key, NOW), Err(Reason::DpopMethodMismatch));
    let again = request(&context, &good).after(screened(&good));
    assert_eq!(decide(&again, TOKEN, &key, NOW), Err(Reason::DpopReplayed));
    let elsewhere = request(&super::testing::context(), &good).after(screened(&good));
    assert!(elsewhere.lock().read.is_none(), "of another context");
}

#[test]
fn only_a_key_that_has_verified_a_signature_is_kept_and_1024_at_most() {
    let context = context();
    let forge = |number: u16| {
        let sender = Sender::numbered(number);
        let proof = request(&context, &forged(&sender.proof(json!({}))));
        assert_eq!(decide(&proof, TOKEN, &sender.thumbprint(), NOW), Err(Reason::DpopSignatureInvalid));
    };
    (0..50).for_each(forge);
    assert_eq!(context.kept_keys(), 0);
    for number in 0..=MAX_KEYS.get() as u16 {
        let sender = Sender::numbered(number);
        let proof = request(&context, &sender.proof(json!({})));
        assert_eq!(decide(&proof, TOKEN, &sender.thumbprint(), NOW), Ok(()));
    }
    assert_eq!(context.kept_keys(), MAX_KEYS.get());
    let is_kept = |number| context.known_key(&Sender::numbered(number).thumbprint()).is_some();
    assert!(!is_kept(0) && is_kept(1) && is_kept(MAX_KEYS.get() as u16));
    let sender = Sender::numbered(1);
    let again = request(&context, &sender.proof(json!({ "jti": "b" })));
    assert_eq!(decide(&again, TOKEN, &sender.thumbprint(), NOW), Ok(()), "with the kept key");
}

#[test]
fn the_facts_before_an_introspection_are_those_of_the_request_only() {
    let context = context();
    let check = |proof: &Proof| proof.check_request(TOKEN);
    assert_eq!(check(&request(&context, &sender().proof(json!({ "iat": 0 })))), Ok(()), "the time is checked later");
    assert_eq!(check(&request(&context, "x")), Err(Reason::DpopProofMalformed));
    let missing = Proof::new(context, GivenProof::Missing, "GET", vec![URL.into()]);
    assert_eq!(check(&missing), Err(Reason::DpopProofMissing));
}
