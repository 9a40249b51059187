//! The engine on `__test__/vectors/jwt.json`, the same tokens as in `__test__/vectors/jwt-vectors.test.mjs`.
//!
//! Each token is validated with the caller's keys, and three times with the issuer's keys, because a token that is
//! verified twice is remembered. The clock is the file's.
//!
//! `cargo test --no-default-features --test jwt_vectors`

#![allow(clippy::expect_used, clippy::panic)]

#[path = "jwt_vectors/file.rs"]
mod file;
#[path = "jwt_vectors/signer.rs"]
mod signer;
#[path = "jwt_vectors/token.rs"]
mod token;

use std::collections::HashSet;
use std::sync::Arc;

use monocloud_backend_node::engine::authorize::claim_requirements::ClaimRequirements;
use monocloud_backend_node::engine::authorize::mode::BindingMode;
use monocloud_backend_node::engine::authorize::policy::{Policy, Possession};
use monocloud_backend_node::engine::authorize::step_up::StepUp;
use monocloud_backend_node::engine::config::options::Options;
use monocloud_backend_node::engine::config::{ClientKind, Config, HostEnvironment};
use monocloud_backend_node::engine::error::{CATALOGUE, Class, Reason};
use monocloud_backend_node::engine::keys::store::KeyStore;
use monocloud_backend_node::engine::time::{ManualMonotonic, Monotonic};
use monocloud_backend_node::engine::transport::{Done, Request, Response, Transport};
use monocloud_backend_node::engine::{Attempt, Call, Engine, Verdict};
use serde_json::{Value, json};

use file::{File, Vector};
use signer::Signers;
use token::Token;

#[test]
fn every_vector_is_decided_as_it_says_whatever_keys_it_is_held_against() {
    let file = File::read();
    let signers = Signers::read();
    let mut wrong = Vec::new();
    for rule in &file.rules {
        for vector in &rule.vectors {
            wrong.extend(faults(&file, &signers, vector).into_iter().map(|fault| format!("{}: {fault}", vector.name)));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_rule_is_shown_on_both_sides_and_every_reason_for_which_a_jwt_is_refused() {
    let file = File::read();
    for rule in &file.rules {
        let (good, bad): (Vec<_>, Vec<_>) = rule.vectors.iter().partition(|vector| vector.expect == "ok");
        assert!(!good.is_empty() && !bad.is_empty(), "{}", rule.rule);
    }
    let expected: HashSet<_> = file.vectors().map(|vector| vector.expect.as_str()).collect();
    let is_for_jwts = |class| {
        !matches!(class, Class::Http | Class::Op | Class::Validation)
            && !matches!(class, Class::DpopNonce | Class::DpopProof | Class::TokenDenied | Class::TokenInactive)
    };
    // Reasons of the scheme DPoP. A vector comes with the scheme Bearer.
    let is_of_dpop = |reason| matches!(reason, Reason::DpopBindingMissing | Reason::DpopKeyMismatch);
    let missing: Vec<_> = CATALOGUE
        .iter()
        .filter(|spec| is_for_jwts(spec.class) && !is_of_dpop(spec.reason) && !expected.contains(spec.name))
        .collect();
    assert!(missing.is_empty(), "no vector expects {missing:?}");
}

#[test]
fn every_vector_has_its_own_name() {
    let file = File::read();
    let names: HashSet<_> = file.vectors().map(|vector| vector.name.as_str()).collect();
    assert_eq!(names.len(), file.vectors().count());
}

/// A difference between the engine's result and a vector.
fn faults(file: &File, signers: &Signers, vector: &Vector) -> Vec<String> {
    let Token { text, claims } = token::build(file, signers, vector);
    let mut faults = Vec::new();
    if vector.bytes.is_some_and(|bytes| bytes != text.len()) {
        faults.push(format!("is {} bytes long", text.len()));
    }
    let jwks = token::jwks(file, signers, vector);
    let engine = engine(file, vector, jwks.clone());
    let policy = policy(&engine, vector);
    let certificate = token::certificate(vector);
    let now = vector.now.unwrap_or(file.now);
    let call = Call {
        token: &text,
        policy: &policy,
        possession: Possession { certificate: certificate.as_deref(), proof: None },
        now,
    };
    let expected = expectation(vector, claims);

    engine.wait_for_keys(Box::new(|| {}));
    for (way, verdict) in [
        ("the caller's keys", engine.decide_with_jwks(&call, &jwks)),
        ("the issuer's keys", engine.decide(&call, Attempt::AfterRefresh, true)),
        ("the issuer's keys, again", engine.decide(&call, Attempt::AfterRefresh, true)),
        ("what is remembered", remembered(&engine, &call)),
    ] {
        if verdict != expected {
            faults.push(format!("{way}: expected {expected:?}, got {verdict:?}"));
        }
    }
    faults
}

/// The third result. Remembered claims must equal the token's own; those of another token would be detected.
fn remembered(engine: &Engine, call: &Call<'_>) -> Verdict {
    match engine.decide(call, Attempt::AfterRefresh, true) {
        Verdict::Remembered(slot) => engine.recall_claims(call.token, slot).map_or(Verdict::NeedsKeys, Verdict::Claims),
        // A valid token that is not remembered is verified again each time.
        Verdict::Claims(_) => Verdict::NeedsKeys,
        verdict => verdict,
    }
}

fn expectation(vector: &Vector, claims: Vec<u8>) -> Verdict {
    if vector.expect == "ok" {
        return Verdict::Claims(String::from_utf8(claims).expect("good claims are UTF-8"));
    }
    let reason = CATALOGUE.iter().find(|spec| spec.name == vector.expect).map(|spec| spec.reason);
    let reason = reason.unwrap_or_else(|| panic!("{}: no such reason: {}", vector.name, vector.expect));
    // No token of a vector has a scope that the vector requires and fails at an earlier rule.
    Verdict::Refused(if vector.scopes.is_empty() { reason } else { reason.with_missing_scopes() })
}

fn engine(file: &File, vector: &Vector, jwks: String) -> Engine {
    let given = json!({
        "tenantDomain": file.issuer,
        "audience": file.audience,
        "clockSkew": vector.clock_skew,
        "clockTolerance": vector.clock_tolerance,
        "groupOptions": { "groupsClaim": vector.groups_claim },
        "scopeOptions": { "scopesClaim": vector.scopes_claim, "implies": vector.implies },
        "permissionsClaim": vector.permissions_claim,
        "rolesClaim": vector.roles_claim,
    });
    let around = HostEnvironment { resolves_jwks: true, ..HostEnvironment::default() };
    let options = Options { given: &given, environment: &Value::Null };
    let config = Config::parse(&options, ClientKind::Backend, &around).unwrap_or_else(|error| panic!("{error}"));
    let clock: Arc<dyn Monotonic> = Arc::new(ManualMonotonic::default());
    let transport: Arc<dyn Transport> = Arc::new(Resolver(jwks));
    let store = KeyStore::new(config.key_source.clone(), Arc::clone(&transport), Arc::clone(&clock));
    Engine::new(Arc::new(config), store, transport, clock)
}

fn policy(engine: &Engine, vector: &Vector) -> Policy {
    let boxed = |list: &[String]| list.iter().map(|item| item.as_str().into()).collect();
    Policy {
        audiences: None,
        scopes: boxed(&vector.scopes),
        any_scopes: boxed(&vector.any_scopes),
        implied_scopes: Arc::clone(&engine.config().implied_scopes),
        groups: boxed(&vector.groups),
        matches_all_groups: vector.match_all,
        dpop: BindingMode::default(),
        binding: match vector.binding.as_deref() {
            None => BindingMode::WhenPresent,
            Some("required") => BindingMode::Required,
            Some("ignore") => BindingMode::Ignore,
            Some(other) => panic!("no such binding: {other}"),
        },
        step_up: StepUp::new(boxed(&vector.acr), vector.max_age).expect("in range"),
        claims: ClaimRequirements::new(
            &engine.config().claim_names,
            boxed(&vector.permissions),
            boxed(&vector.roles),
            vector.rules.as_ref().map(Value::to_string).as_deref(),
        )
        .expect("rules"),
    }
}

/// Returns one JWK Set at once, and nothing else.
struct Resolver(String);

impl Transport for Resolver {
    fn send(&self, request: Request, done: Done) {
        done(match request {
            Request::ResolveJwks => Ok(Response::resolved(self.0.clone())),
            _ => Err(Reason::Internal.into()),
        });
    }
}
