//! Tests of DPoP in whole decisions: remembered, templated, cached and introspected tokens are checked on every call, and
//! a proof never says anything about a token.

use super::*;
use crate::engine::authorize::dpop::settings::DpopSettings;
use crate::engine::authorize::dpop::testing::{Sender, URL, forged};
use crate::engine::authorize::dpop::{GivenProof, Proof};
use crate::engine::memory::claims_cache::ClaimsCache;
use crate::engine::token::claims::Origin;
use crate::engine::token::compact::encode_base64url;
use crate::engine::token::header::Algorithm;

fn sender() -> Sender {
    Sender::numbered(1)
}

fn jkt(sender: &Sender) -> Value {
    json!({ "jkt": sender.thumbprint().to_base64url() })
}

fn bound_token() -> String {
    token("k", json!({ "cnf": jkt(&sender()) }))
}

fn ath(token: &str) -> String {
    encode_base64url(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, token.as_bytes()).as_ref())
}

/// A valid proof for a token, with this `jti`.
fn proof_for(token: &str, jti: &str) -> String {
    sender().proof(json!({ "jti": jti, "iat": NOW, "ath": ath(token) }))
}

fn in_mode(dpop: BindingMode) -> Policy {
    Policy { dpop, ..Policy::default() }
}

impl World {
    fn proof(&self, text: &str) -> Proof {
        Proof::new(Arc::clone(self.engine.dpop()), GivenProof::One(text.into()), "GET", vec![URL.into()])
    }

    /// Decides on a request with the scheme DPoP.
    fn with_proof(&self, token: &str, proof: &str) -> Verdict {
        self.possessing(token, &Policy::default(), Some(&self.proof(proof)))
    }

    fn possessing(&self, token: &str, policy: &Policy, proof: Option<&Proof>) -> Verdict {
        let possession = Possession { certificate: None, proof };
        self.engine.decide_warm(&Call { token, policy, possession, now: NOW })
    }
}

fn is_accepted(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Claims(_) | Verdict::Template(_) | Verdict::Remembered(_))
}

#[test]
fn a_bound_token_is_refused_as_a_bearer_token_and_accepted_with_its_proof() {
    let world = world();
    let token = bound_token();
    for round in 0..6 {
        assert_eq!(world.decide(&token), Verdict::Refused(Reason::DpopSchemeRequired), "{round}");
        assert!(is_accepted(&world.with_proof(&token, &proof_for(&token, &format!("{round}")))), "{round}");
        let again = world.with_proof(&token, &proof_for(&token, &format!("{round}")));
        assert_eq!(again, Verdict::Refused(Reason::DpopReplayed), "{round}");
    }
    assert_eq!(world.engine.remembered_tokens(), 1);
}

#[test]
fn a_screening_decides_without_a_signature_and_leaves_the_rest_to_a_second_decision() {
    let world = world();
    let token = bound_token();
    let screen = |token: &str, proof: &str| {
        let proof = Proof::screening(Arc::clone(world.engine.dpop()), proof.into(), "GET".into(), URL.into());
        world.possessing(token, &Policy::default(), Some(&proof))
    };
    let good = proof_for(&token, "screened");
    let foreign = Sender::numbered(2).proof(json!({ "iat": NOW, "ath": ath(&token) }));
    for (unknown, proof) in [(&token, &good), (&token, &foreign), (&forged(&token), &good)] {
        assert_eq!(screen(unknown, proof), Verdict::IsSlow, "a token that must be verified");
    }
    assert_eq!(screen("a.b.c", &good), Verdict::Refused(Reason::TokenMalformed));
    for jti in ["a", "b", "c"] {
        assert!(is_accepted(&world.with_proof(&token, &proof_for(&token, jti))));
    }
    assert_eq!(screen(&token, &good), Verdict::IsSlow, "a remembered token");
    assert_eq!(screen(&token, &foreign), Verdict::Refused(Reason::DpopKeyMismatch));
    assert!(is_accepted(&world.with_proof(&token, &good)), "it was not used");
}

#[test]
fn a_remembered_bound_token_needs_a_good_proof_on_every_call_and_is_never_forgotten_for_a_bad_one() {
    let world = world();
    let token = bound_token();
    for jti in ["a", "b", "c"] {
        assert!(is_accepted(&world.with_proof(&token, &proof_for(&token, jti))));
    }
    let other = Sender::numbered(2).proof(json!({ "iat": NOW, "ath": ath(&token) }));
    for (proof, reason) in [
        (forged(&proof_for(&token, "d")), Reason::DpopSignatureInvalid),
        (other, Reason::DpopKeyMismatch),
        (proof_for("another", "d"), Reason::DpopTokenMismatch),
        (proof_for(&token, "a"), Reason::DpopReplayed),
        (sender().proof(json!({ "jti": "d", "iat": 0, "ath": ath(&token) })), Reason::DpopExpired),
        ("x".into(), Reason::DpopProofMalformed),
    ] {
        assert_eq!(world.with_proof(&token, &proof), Verdict::Refused(reason));
        assert!(reason.spec().concerns_request);
    }
    let accepted = world.with_proof(&token, &proof_for(&token, "d"));
    assert!(matches!(accepted, Verdict::Remembered(_)), "{accepted:?}");
}

#[test]
fn a_proof_is_for_one_of_two_remembered_tokens_and_never_for_the_other() {
    let world = world();
    let tokens = [bound_token(), token("k", json!({ "cnf": jkt(&sender()), "sub": "other" }))];
    for (number, token) in tokens.iter().enumerate() {
        for round in 0..3 {
            assert!(is_accepted(&world.with_proof(token, &proof_for(token, &format!("{number}-{round}")))));
        }
    }
    assert_eq!(world.engine.remembered_tokens(), 2);
    let proof = world.proof(&proof_for(&tokens[0], "one"));
    let decide = |token: &str| world.possessing(token, &Policy::default(), Some(&proof));
    for _ in 0..2 {
        assert!(is_accepted(&decide(&tokens[0])));
        assert_eq!(decide(&tokens[1]), Verdict::Refused(Reason::DpopTokenMismatch));
    }
}

#[test]
fn the_proof_of_one_request_is_used_once_by_several_decisions() {
    let world = world();
    let token = bound_token();
    let proof = world.proof(&proof_for(&token, "a"));
    for _ in 0..4 {
        assert!(is_accepted(&world.possessing(&token, &Policy::default(), Some(&proof))));
    }
    assert_eq!(world.possessing(&token, &asks_scope("c"), Some(&proof)), Verdict::Refused(Reason::ScopeMissing));
}

#[test]
fn a_proof_is_used_up_by_being_valid_although_a_scope_is_missing() {
    let world = world();
    let token = bound_token();
    let text = proof_for(&token, "a");
    let missing = world.possessing(&token, &asks_scope("c"), Some(&world.proof(&text)));
    assert_eq!(missing, Verdict::Refused(Reason::ScopeMissing));
    assert_eq!(world.with_proof(&token, &text), Verdict::Refused(Reason::DpopReplayed));
}

#[test]
fn a_proof_is_not_used_up_by_a_token_that_is_refused() {
    let world = world();
    let expired = token("k", json!({ "cnf": jkt(&sender()), "exp": 1000 }));
    let proof = world.proof(&proof_for(&expired, "a"));
    assert_eq!(world.possessing(&expired, &Policy::default(), Some(&proof)), Verdict::Refused(Reason::Expired));
    assert_eq!(proof.spent(), None);
}

#[test]
fn each_mode_treats_each_scheme_and_binding_as_rfc_9449_section_7_says() {
    let world = world();
    let (unbound, bound) = (token("k", json!({})), bound_token());
    let unreadable = token("k", json!({ "cnf": { "jkt": "short" } }));
    let string = token("k", json!({ "cnf": "x" }));
    let bearer = |token: &str, mode| world.possessing(token, &in_mode(mode), None);
    let dpop = |token: &str, mode, jti: &str| {
        world.possessing(token, &in_mode(mode), Some(&world.proof(&proof_for(token, jti))))
    };
    for mode in [BindingMode::WhenPresent, BindingMode::Required] {
        assert_eq!(bearer(&bound, mode), Verdict::Refused(Reason::DpopSchemeRequired));
        assert_eq!(bearer(&unreadable, mode), Verdict::Refused(Reason::ConfirmationInvalid));
        assert_eq!(bearer(&string, mode), Verdict::Refused(Reason::ConfirmationInvalid));
        assert!(is_accepted(&dpop(&bound, mode, &format!("{mode:?}"))));
    }
    assert!(is_accepted(&bearer(&unbound, BindingMode::WhenPresent)));
    assert_eq!(bearer(&unbound, BindingMode::Required), Verdict::Refused(Reason::DpopBindingMissing));
    for accepted in [&unbound, &bound, &unreadable] {
        assert!(is_accepted(&bearer(accepted, BindingMode::Ignore)));
    }
    for mode in [BindingMode::WhenPresent, BindingMode::Required, BindingMode::Ignore] {
        assert_eq!(dpop(&unbound, mode, "x"), Verdict::Refused(Reason::DpopBindingMissing));
        assert_eq!(dpop(&unreadable, mode, "x"), Verdict::Refused(Reason::ConfirmationInvalid));
    }
    let ignored = world.proof("not a proof");
    assert!(is_accepted(&world.possessing(&bound, &in_mode(BindingMode::Ignore), Some(&ignored))));
    assert_eq!(ignored.spent(), None);
}

#[test]
fn a_token_with_both_confirmations_must_satisfy_both_and_dpop_comes_first() {
    let world = world();
    let mut cnf = jkt(&sender());
    cnf["x5t#S256"] = json!("A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0");
    let token = token("k", json!({ "cnf": cnf }));
    let pem = include_str!("../../../__test__/vectors/rfc8705.pem");
    let decide = |certificate, proof: Option<&Proof>| {
        let possession = Possession { certificate, proof };
        world.engine.decide_warm(&Call { token: &token, policy: &Policy::default(), possession, now: NOW })
    };
    assert_eq!(decide(Some(pem), None), Verdict::Refused(Reason::DpopSchemeRequired));
    let proof = |jti| world.proof(&proof_for(&token, jti));
    assert_eq!(decide(None, Some(&proof("a"))), Verdict::Refused(Reason::CertificateMissing));
    assert!(is_accepted(&decide(Some(pem), Some(&proof("b")))));
    assert_eq!(decide(None, Some(&world.proof("x"))), Verdict::Refused(Reason::DpopProofMalformed));
}

#[test]
fn the_time_of_a_proof_is_shifted_by_the_skew_and_not_widened_by_the_tolerance() {
    let world = world();
    let token = bound_token();
    let at = |iat: f64| {
        world.with_proof(&token, &sender().proof(json!({ "jti": format!("{iat}"), "iat": iat, "ath": ath(&token) })))
    };
    world.engine.set_clock_tolerance(300.0);
    assert_eq!(at(NOW - 61.0), Verdict::Refused(Reason::DpopExpired));
    world.engine.set_clock_skew(10.0);
    assert_eq!(at(NOW - 51.0), Verdict::Refused(Reason::DpopExpired));
    assert!(is_accepted(&at(NOW - 50.0)) && is_accepted(&at(NOW + 40.0)));
    assert_eq!(at(NOW + 41.0), Verdict::Refused(Reason::DpopNotYetValid));
}

#[test]
fn introspected_and_cached_claims_are_checked_on_every_call() {
    let world = world();
    let claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "active": true, "cnf": jkt(&sender()) }).to_string();
    let entry = |claims: &str| {
        let member = world.engine.obtained(true, NOW);
        format!("{},{}", claims.strip_suffix('}').expect("an object"), &member[1..])
    };
    let mut evaluated = ClaimsCache::new(8, 1 << 20);
    let mut cached = |claims: &str, proof: Option<&Proof>| {
        let possession = Possession { certificate: None, proof };
        let call = Call { token: "opaque", policy: &Policy::default(), possession, now: NOW };
        world.engine.decide_cached(&mut evaluated, &entry(claims), &call)
    };
    let introspected = |claims: &str, proof: Option<&Proof>| {
        let possession = Possession { certificate: None, proof };
        world.engine.decide_introspected(
            claims,
            Origin::Introspection,
            &Call { token: "opaque", policy: &Policy::default(), possession, now: NOW },
        )
    };
    let proof = |jti: &str| world.proof(&proof_for("opaque", jti));
    assert_eq!(introspected(&claims, Some(&proof("a"))), Ok(()));
    assert_eq!(introspected(&claims, None), Err(Reason::DpopSchemeRequired.into()));
    assert!(matches!(cached(&claims, Some(&proof("b"))), CachedVerdict::Claims(_)));
    assert!(matches!(cached(&claims, Some(&proof("c"))), CachedVerdict::Slot(_)));
    assert_eq!(cached(&claims, Some(&proof("c"))), CachedVerdict::Refused(Reason::DpopReplayed));
    assert_eq!(cached(&claims, Some(&world.proof("x"))), CachedVerdict::Refused(Reason::DpopProofMalformed));
    assert_eq!(cached(&claims, None), CachedVerdict::Refused(Reason::DpopSchemeRequired));
    assert!(matches!(cached(&claims, Some(&proof("d"))), CachedVerdict::Slot(_)), "the entry is still good");
    let typed = |cnf: Value| {
        let claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "active": true, "token_type": "DPoP", "cnf": cnf });
        claims.to_string()
    };
    let without_key = typed(json!({}));
    assert_eq!(introspected(&without_key, None), Err(Reason::ConfirmationInvalid.into()));
    assert_eq!(introspected(&without_key, Some(&proof("e"))), Err(Reason::ConfirmationInvalid.into()));
    assert_eq!(cached(&without_key, None), CachedVerdict::Refused(Reason::ConfirmationInvalid));
    assert_eq!(introspected(&typed(jkt(&sender())), Some(&proof("e"))), Ok(()));
}

#[test]
fn a_decision_with_the_callers_own_keys_checks_the_proof_too() {
    let world = world();
    let token = bound_token();
    let decide = |proof: Option<&Proof>| {
        let possession = Possession { certificate: None, proof };
        let call = Call { token: &token, policy: &Policy::default(), possession, now: NOW };
        world.engine.decide_with_jwks(&call, &set_of("k"))
    };
    assert_eq!(decide(None), Verdict::Refused(Reason::DpopSchemeRequired));
    assert!(is_claims(&decide(Some(&world.proof(&proof_for(&token, "a"))))));
    assert_eq!(decide(Some(&world.proof(&proof_for(&token, "a")))), Verdict::Refused(Reason::DpopReplayed));
}

#[test]
fn a_slow_proof_is_slow_on_the_main_thread_for_every_kind_of_decision() {
    let world = world();
    let settings = DpopSettings { algorithms: [Algorithm::Es384].into(), ..DpopSettings::default() };
    let dpop = Arc::new(DpopContext::new(settings, ISSUER, AUDIENCE));
    let World { engine, issuer } = world;
    let world = World { engine: engine.with_dpop(dpop), issuer };
    let slow = Sender::es384();
    let jwt = token("k", json!({ "cnf": jkt(&slow) }));
    let claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "active": true, "cnf": jkt(&slow) }).to_string();
    let proof_of =
        |token: &str, jti: &str| world.proof(&slow.proof(json!({ "jti": jti, "iat": NOW, "ath": ath(token) })));
    for jti in ["a", "b", "c", "d"] {
        let proof = proof_of(&jwt, jti);
        let possession = Possession { certificate: None, proof: Some(&proof) };
        let call = Call { token: &jwt, policy: &Policy::default(), possession, now: NOW };
        assert_eq!(world.engine.decide_warm(&call), Verdict::IsSlow, "{jti}");
        assert_eq!(world.engine.decide_with_jwks(&call, &set_of("k")), Verdict::IsSlow);
        assert!(is_accepted(&world.engine.decide(&call, Attempt::AfterRefresh, true)), "{jti}");
        assert!(is_accepted(&world.engine.decide_warm(&call)), "the same request");
    }
    let proof = proof_of("opaque", "e");
    let possession = Possession { certificate: None, proof: Some(&proof) };
    let call = Call { token: "opaque", policy: &Policy::default(), possession, now: NOW };
    assert_eq!(world.engine.decide_introspected(&claims, Origin::Introspection, &call), Err(NotAccepted::IsSlow));
    let member = world.engine.obtained(true, NOW);
    let entry = format!("{},{}", claims.strip_suffix('}').expect("an object"), &member[1..]);
    let mut evaluated = ClaimsCache::new(8, 1 << 20);
    assert_eq!(world.engine.decide_cached(&mut evaluated, &entry, &call), CachedVerdict::IsSlow);
    proof.verify_slow();
    assert_eq!(world.engine.decide_introspected(&claims, Origin::Introspection, &call), Ok(()));
    assert!(matches!(world.engine.decide_cached(&mut evaluated, &entry, &call), CachedVerdict::Slot(_)));
}

#[test]
fn a_token_that_another_thread_verifies_meanwhile_is_accepted_with_its_proof() {
    let world = world();
    for number in 0..3000 {
        let token = token("k", json!({ "cnf": jkt(&sender()), "number": number }));
        world.decide(&token);
        let (text, start) = (proof_for(&token, &number.to_string()), std::sync::Barrier::new(2));
        let verdict = std::thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                world.decide(&token)
            });
            start.wait();
            world.with_proof(&token, &text)
        });
        assert!(is_accepted(&verdict), "{number}: {verdict:?}");
    }
}

#[test]
fn a_bound_jwt_needs_its_proof_also_if_the_response_about_it_omits_cnf() {
    let world = world_with(json!({ "introspectJwtTokens": true }));
    world.refresh("k");
    let claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "active": true }).to_string();
    let entry = format!("{},{}", claims.trim_end_matches('}'), &world.engine.obtained(true, NOW)[1..]);
    let decide = |token: &str, proof: Option<&Proof>| {
        let possession = Possession { certificate: None, proof };
        let call = Call { token, policy: &Policy::default(), possession, now: NOW };
        let decided = world.engine.decide_introspected(&claims, Origin::Introspection, &call);
        let cached = world.engine.decide_cached(&mut ClaimsCache::new(8, 1 << 20), &entry, &call);
        let is_accepted = matches!(cached, CachedVerdict::Claims(_));
        assert_eq!(decided.is_ok(), is_accepted, "the cache decides as the issuer's response");
        decided
    };
    let bound = bound_token();
    assert_eq!(decide(&bound, None), Err(Reason::DpopSchemeRequired.into()));
    assert_eq!(decide(&bound, Some(&world.proof(&proof_for(&bound, "a")))), Ok(()));
    assert_eq!(decide(&token("k", json!({})), None), Ok(()));
    let certificate = token("k", json!({ "cnf": { "x5t#S256": "A".repeat(43) } }));
    assert_eq!(decide(&certificate, None), Err(Reason::CertificateMissing.into()));
    let unreadable = token("k", json!({ "cnf": 7 }));
    assert_eq!(decide(&unreadable, None), Err(Reason::ConfirmationInvalid.into()));
}
