//! Test helpers that several modules share: tokens, and an issuer that responds when the test tells it to.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use crate::engine::error::{Failure, Reason};
use crate::engine::token::compact::encode_base64url;
use crate::engine::transport::{Done, Request, Response, Transport};

pub const ISSUER: &str = "https://x";
pub const AUDIENCE: &str = "https://api.example.com";
pub const METADATA: &str =
    r#"{"issuer":"https://x","jwks_uri":"https://x/jwks","introspection_endpoint":"https://x/introspect"}"#;

fn key_pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key")
}

/// A JWK Set with the test key, under this `kid`.
pub fn set_of(kid: &str) -> String {
    let x = encode_base64url(key_pair().public_key().as_ref());
    json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x }] }).to_string()
}

/// A signed token with valid claims, some of them replaced. Null removes a claim.
pub fn token(kid: &str, changes: Value) -> String {
    let mut claims = json!({ "iss": ISSUER, "aud": AUDIENCE, "sub": "user", "exp": 2000, "scope": "a b" });
    for (name, value) in changes.as_object().expect("an object") {
        claims[name] = value.clone();
    }
    let claims: serde_json::Map<_, _> =
        claims.as_object().expect("an object").clone().into_iter().filter(|(_, value)| !value.is_null()).collect();
    sign(&json!({ "alg": "EdDSA", "kid": kid }).to_string(), &Value::Object(claims).to_string())
}

/// Signs a header and a payload.
pub fn sign(header: &str, payload: &str) -> String {
    let input = format!("{}.{}", encode_base64url(header.as_bytes()), encode_base64url(payload.as_bytes()));
    let signature = key_pair().sign(input.as_bytes());
    format!("{input}.{}", encode_base64url(signature.as_ref()))
}

/// A transport that keeps requests until the test answers them.
#[derive(Default)]
pub struct FakeIssuer {
    pending: Mutex<VecDeque<(Request, Done)>>,
    sent: AtomicUsize,
}

impl Transport for FakeIssuer {
    fn send(&self, request: Request, done: Done) {
        self.sent.fetch_add(1, Ordering::SeqCst);
        self.pending.lock().expect("lock").push_back((request, done));
    }
}

impl FakeIssuer {
    /// Answers the oldest request.
    pub fn answer(&self, outcome: Result<Response, Failure>) -> Request {
        let (request, done) = self.pending.lock().expect("lock").pop_front().expect("a request");
        done(outcome);
        request
    }

    /// Answers all requests, also those that follow from an answer: with the metadata, or with this JWK Set.
    pub fn serve(&self, set: &str) {
        loop {
            let Some((request, done)) = self.pending.lock().expect("lock").pop_front() else { return };
            let is_discovery = matches!(&request, Request::Http(http) if http.url.path().contains("well-known"));
            done(Ok(Response::resolved(if is_discovery { METADATA } else { set }.to_owned())));
        }
    }

    /// Removes and returns the pending requests, oldest first.
    pub fn take(&self) -> Vec<(Request, Done)> {
        std::mem::take(&mut *self.pending.lock().expect("lock")).into()
    }

    /// Fails all requests, also those that follow from a failure.
    pub fn fail(&self) {
        while !self.pending.lock().expect("lock").is_empty() {
            self.answer(Err(Reason::ConnectionRefused.into()));
        }
    }

    pub fn is_asked(&self) -> bool {
        !self.pending.lock().expect("lock").is_empty()
    }

    pub fn sent(&self) -> usize {
        self.sent.load(Ordering::SeqCst)
    }

    pub fn asks_only(&self, is_expected: impl Fn(&Request) -> bool) -> bool {
        self.pending.lock().expect("lock").iter().all(|(request, _)| is_expected(request))
    }
}
