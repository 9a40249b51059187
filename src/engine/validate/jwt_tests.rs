//! Tests of whole decisions: remembered tokens get the same verdicts, missing keys are requested, and no token is
//! remembered wrongly.

use serde_json::{Value, json};

use crate::engine::authorize::mode::BindingMode;
use crate::engine::authorize::step_up::StepUp;
use crate::engine::config::options::Options;
use crate::engine::config::{ClientKind, HostEnvironment};
use crate::engine::testing::{AUDIENCE, FakeIssuer, ISSUER, set_of, sign, token};
use crate::engine::time::ManualMonotonic;
use crate::engine::*;

const NOW: f64 = 1000.0;

struct World {
    engine: Engine,
    issuer: Arc<FakeIssuer>,
}

fn world_with(more: Value) -> World {
    let mut given = json!({ "tenantDomain": ISSUER, "audience": AUDIENCE, "clockTolerance": 0, "clientId": "id", "clientSecret": "s" });
    for (name, value) in more.as_object().expect("an object") {
        given[name] = value.clone();
    }
    let options = Options { given: &given, environment: &Value::Null };
    let config = Config::parse(&options, ClientKind::Backend, &HostEnvironment::default()).ok().expect("a config");
    let issuer = Arc::new(FakeIssuer::default());
    let clock: Arc<dyn Monotonic> = Arc::new(ManualMonotonic::default());
    let transport: Arc<dyn Transport> = Arc::clone(&issuer) as _;
    let store = KeyStore::new(config.key_source.clone(), Arc::clone(&transport), Arc::clone(&clock));
    World { engine: Engine::new(Arc::new(config), store, transport, clock), issuer }
}

fn world() -> World {
    let world = world_with(json!({}));
    world.refresh("k");
    world
}

impl World {
    fn refresh(&self, kid: &str) {
        self.engine.wait_for_keys(Box::new(|| {}));
        self.issuer.serve(&set_of(kid));
    }

    fn at(&self, token: &str, policy: &Policy, now: f64) -> Verdict {
        self.engine.decide(&Call { token, policy, possession: Possession::default(), now }, Attempt::First, false)
    }

    /// Verifies a token twice, so that it is remembered.
    fn remember(&self, token: &str) {
        assert!(is_claims(&self.decide(token)) && is_claims(&self.decide(token)));
        assert!(matches!(self.decide(token), Verdict::Remembered(_)));
    }

    fn decide(&self, token: &str) -> Verdict {
        self.at(token, &Policy::default(), NOW)
    }
}

fn is_claims(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Claims(_))
}

fn asks_scope(scope: &str) -> Policy {
    Policy { scopes: [scope.into()].into(), ..Policy::default() }
}

#[test]
fn a_remembered_token_ages_past_max_age_and_stays_remembered_for_a_route_that_requires_less() {
    let world = world();
    let token = token("k", json!({ "acr": "gold", "auth_time": 990 }));
    let requires = |acr: &[&str], max_age| Policy {
        step_up: StepUp::new(acr.iter().map(|acr| (*acr).into()).collect(), max_age).expect("in range"),
        ..Policy::default()
    };
    world.remember(&token);
    let at = |policy: &Policy, now| world.at(&token, policy, now);
    assert!(matches!(at(&requires(&["tin", "gold"], Some(10)), 1000.0), Verdict::Remembered(_)));
    assert_eq!(at(&requires(&["gold"], Some(10)), 1000.5), Verdict::Refused(Reason::AuthenticationTooOld));
    assert_eq!(at(&requires(&["tin"], None), 1000.5), Verdict::Refused(Reason::AcrMissing));
    let scopes = Policy { scopes: ["z".into()].into(), ..requires(&["tin"], None) };
    assert_eq!(at(&scopes, 1000.5), Verdict::Refused(Reason::AcrAndScopeMissing));
    assert!(matches!(at(&Policy::default(), 1001.0), Verdict::Remembered(_)));
}

#[test]
fn a_valid_token_gives_its_claims_text_twice_and_then_a_slot() {
    let world = world();
    let token = token("k", json!({}));
    let Verdict::Claims(text) = world.decide(&token) else { panic!("claims") };
    assert!(is_claims(&world.decide(&token)), "verified for the second time");
    let Verdict::Remembered(slot) = world.decide(&token) else { panic!("a slot") };
    assert_eq!(world.engine.recall_claims(&token, slot), Some(text));
    assert_eq!(world.engine.recall_claims(&token, slot + 1), None);
    assert_eq!(world.engine.recall_claims("a.b.c", slot), None);
}

#[test]
fn an_altered_token_is_never_taken_for_the_remembered_one() {
    let world = world();
    let token = token("k", json!({}));
    world.remember(&token);
    for position in (0..token.len()).step_by(3) {
        let mut altered = token.clone().into_bytes();
        altered[position] = if altered[position] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).expect("text");
        assert!(matches!(world.decide(&altered), Verdict::Refused(_) | Verdict::NeedsKeys), "{position}");
    }
}

#[test]
fn every_rule_whose_result_can_change_is_checked_again_for_a_remembered_token() {
    let world = world();
    let token = token("k", json!({ "nbf": 900 }));
    world.remember(&token);
    assert_eq!(world.at(&token, &asks_scope("c"), NOW), Verdict::Refused(Reason::ScopeMissing));
    let bound = Policy { binding: BindingMode::Required, ..Policy::default() };
    assert_eq!(world.at(&token, &bound, NOW), Verdict::Refused(Reason::ConfirmationMissing));
    assert_eq!(world.at(&token, &Policy::default(), 899.0), Verdict::Refused(Reason::NotYetValid));
    assert_eq!(world.at(&token, &Policy::default(), 2000.0), Verdict::Refused(Reason::Expired));
    world.engine.set_clock_skew(1000.0);
    assert_eq!(world.decide(&token), Verdict::Refused(Reason::Expired));
    world.engine.set_clock_tolerance(1.0);
    assert!(is_claims(&world.decide(&token)));
}

#[test]
fn a_token_that_a_route_refused_is_remembered_and_still_refused_there() {
    let world = world();
    let token = token("k", json!({}));
    for _ in 0..2 {
        assert_eq!(world.at(&token, &asks_scope("c"), NOW), Verdict::Refused(Reason::ScopeMissing));
    }
    assert!(matches!(world.decide(&token), Verdict::Remembered(_)));
    assert_eq!(world.at(&token, &asks_scope("c"), NOW), Verdict::Refused(Reason::ScopeMissing));
}

#[test]
fn a_token_is_forgotten_when_its_key_is_withdrawn() {
    let world = world();
    let token = token("k", json!({}));
    world.remember(&token);
    world.refresh("other");
    assert_eq!(world.decide(&token), Verdict::NeedsKeys);
    assert_eq!(world.engine.remembered_tokens(), 0);
    world.refresh("other");
    let call = Call { token: &token, policy: &Policy::default(), possession: Possession::default(), now: NOW };
    assert_eq!(world.engine.decide(&call, Attempt::AfterRefresh, false), Verdict::Refused(Reason::KeyNotFound));
}

#[test]
fn with_a_cache_size_of_0_no_token_is_remembered() {
    let world = world_with(json!({ "verifiedTokenCacheSize": 0 }));
    world.refresh("k");
    let token = token("k", json!({}));
    for _ in 0..4 {
        assert!(is_claims(&world.decide(&token)));
    }
}

#[test]
fn no_request_is_sent_for_a_token_that_is_invalid_with_any_key() {
    let world = world_with(json!({}));
    for (bad, reason) in [
        ("a.b.c".to_owned(), Reason::TokenMalformed),
        (sign(r#"{"alg":"none"}"#, "{}"), Reason::AlgorithmNotAllowed),
        (sign(r#"{"alg":"EdDSA","crit":[]}"#, "{}"), Reason::CriticalHeader),
    ] {
        assert_eq!(world.decide(&bad), Verdict::Refused(reason));
    }
    assert_eq!(world.decide(&token("k", json!({}))), Verdict::NeedsKeys);
    assert_eq!(world.issuer.sent(), 0);
}

#[test]
fn malformed_parts_are_refused_before_the_header_is_checked() {
    let world = world();
    let good = token("k", json!({}));
    let none = sign(r#"{"alg":"none"}"#, "{}");
    let with_bad_signature = format!("{none}=");
    assert_eq!(world.decide(&with_bad_signature), Verdict::Refused(Reason::TokenMalformed));
    let parts: Vec<_> = good.split('.').collect();
    let with_bad_payload = format!("{}.{}=.{}", parts[0], parts[1], parts[2]);
    assert_eq!(world.decide(&with_bad_payload), Verdict::Refused(Reason::TokenMalformed));
}

#[test]
fn the_signature_is_checked_before_the_claims() {
    let world = world();
    let expired = token("k", json!({ "exp": 1 }));
    let (input, _) = expired.rsplit_once('.').expect("a signature");
    let forged = format!("{input}.{}", compact::encode_base64url(&[0; 64]));
    assert_eq!(world.decide(&forged), Verdict::Refused(Reason::SignatureInvalid));
    assert_eq!(world.decide(&expired), Verdict::Refused(Reason::Expired));
}

#[test]
fn an_issuer_out_of_reach_is_a_failure_and_never_a_refusal() {
    let world = world_with(json!({}));
    world.engine.wait_for_keys(Box::new(|| {}));
    world.issuer.fail();
    let outage = Failure::from(Reason::ConnectionRefused).into_outage();
    assert_eq!(world.decide(&token("k", json!({}))), Verdict::Failed(outage));
}

#[test]
fn the_callers_own_keys_replace_the_issuers_and_nothing_is_remembered() {
    let world = world_with(json!({}));
    let token = token("mine", json!({}));
    let call = Call { token: &token, policy: &Policy::default(), possession: Possession::default(), now: NOW };
    assert!(is_claims(&world.engine.decide_with_jwks(&call, &set_of("mine"))));
    assert_eq!(world.engine.decide_with_jwks(&call, &set_of("x")), Verdict::Refused(Reason::KeyNotFound));
    assert_eq!(world.engine.decide_with_jwks(&call, "[]"), Verdict::Refused(Reason::KeyNotFound));
    assert_eq!((world.engine.remembered_tokens(), world.issuer.sent()), (0, 0));
}

#[test]
fn only_tokens_of_three_parts_are_local_and_none_when_jwts_are_introspected() {
    let world = world();
    assert!(world.engine.is_local("a.b.c") && !world.engine.is_local("a.b") && !world.engine.is_local("a.b.c.d"));
    assert!(!world_with(json!({ "introspectJwtTokens": true })).engine.is_local("a.b.c"));
}

#[path = "cached_tests.rs"]
mod cached;

#[path = "template_tests.rs"]
mod with_templates;

#[path = "clock_tests.rs"]
mod without_a_valid_time;

#[path = "dpop_tests.rs"]
mod with_dpop;

#[path = "audience_tests.rs"]
mod audience;
