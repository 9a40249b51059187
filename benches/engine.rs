//! The parts of a validation, one by one: `cargo bench --no-default-features`.

#![allow(clippy::expect_used, clippy::panic)]

use std::hint::black_box;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaKeyPair,
};
use criterion::{Criterion, criterion_group, criterion_main};
use monocloud_backend_node::engine::authorize::policy::{Policy, Possession};
use monocloud_backend_node::engine::config::options::Options;
use monocloud_backend_node::engine::config::{ClientKind, Config, HostEnvironment};
use monocloud_backend_node::engine::keys::jwk::KeySet;
use monocloud_backend_node::engine::keys::store::KeyStore;
use monocloud_backend_node::engine::time::{Clock, Monotonic, SystemMonotonic};
use monocloud_backend_node::engine::token::claims::{Claims, Expected, Origin};
use monocloud_backend_node::engine::token::compact::{Compact, decode_base64url, encode_base64url};
use monocloud_backend_node::engine::token::header::Header;
use monocloud_backend_node::engine::transport::{Done, Request, Response, Transport};
use monocloud_backend_node::engine::{Attempt, Call, Engine, Verdict};
use serde_json::{Value, json};

const ISSUER: &str = "https://x";
const AUDIENCE: &str = "https://api.example.com";
const NOW: f64 = 1000.0;

/// Responds at once: metadata, then the JWK Set.
struct Ready(String);

impl Transport for Ready {
    fn send(&self, request: Request, done: Done) {
        let is_discovery = matches!(&request, Request::Http(http) if http.url.path().contains("well-known"));
        let metadata = r#"{"issuer":"https://x","jwks_uri":"https://x/jwks"}"#;
        done(Ok(Response::resolved(if is_discovery { metadata.to_owned() } else { self.0.clone() })));
    }
}

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// Signs, and has a public key.
struct Signer {
    alg: &'static str,
    jwk: Value,
    sign: Sign,
}

fn signers() -> Vec<Signer> {
    let ed = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key");
    let x = encode_base64url(ed.public_key().as_ref());
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let point = p256.public_key().as_ref().to_vec();
    let rsa = Arc::new(RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("a key"));
    let modulus = encode_base64url(rsa.public_key().modulus().big_endian_without_leading_zero());
    let rsa_jwk = |alg: &str| json!({ "kty": "RSA", "kid": alg, "alg": alg, "n": modulus, "e": "AQAB" });
    let rsa_sign = |padding: &'static dyn aws_lc_rs::signature::RsaEncoding| -> Sign {
        let rsa = Arc::clone(&rsa);
        Box::new(move |input: &[u8]| -> Vec<u8> {
            let mut signature = vec![0; rsa.public_modulus_len()];
            rsa.sign(padding, &SystemRandom::new(), input, &mut signature).expect("a signature");
            signature
        })
    };
    vec![
        Signer { alg: "RS256", jwk: rsa_jwk("RS256"), sign: rsa_sign(&RSA_PKCS1_SHA256) },
        Signer { alg: "PS256", jwk: rsa_jwk("PS256"), sign: rsa_sign(&RSA_PSS_SHA256) },
        Signer {
            alg: "ES256",
            jwk: json!({ "kty": "EC", "crv": "P-256", "kid": "ES256", "x": encode_base64url(&point[1..33]), "y": encode_base64url(&point[33..]) }),
            sign: Box::new(move |input| p256.sign(&SystemRandom::new(), input).expect("a signature").as_ref().to_vec()),
        },
        Signer {
            alg: "EdDSA",
            jwk: json!({ "kty": "OKP", "crv": "Ed25519", "kid": "EdDSA", "x": x }),
            sign: Box::new(move |input| ed.sign(input).as_ref().to_vec()),
        },
    ]
}

impl Signer {
    /// A token of about 900 bytes with RS256.
    fn token(&self, number: usize) -> String {
        let claims = json!({
            "iss": ISSUER, "aud": [AUDIENCE], "sub": "auth0|5f7c8ec7c33c6c004bbafe82", "iat": 900, "nbf": 900,
            "exp": 2000, "jti": format!("{number:032}"), "client_id": "client-1", "scope": "openid profile data:read",
            "groups": ["engineering", "support"], "tenant": "acme", "sid": "d5b1c7c5-8c0e-4c8a-9d0a-0b8b7a6f5e4d",
        });
        let header = json!({ "alg": self.alg, "kid": self.jwk["kid"], "typ": "at+jwt" }).to_string();
        let input =
            format!("{}.{}", encode_base64url(header.as_bytes()), encode_base64url(claims.to_string().as_bytes()));
        format!("{input}.{}", encode_base64url(&(self.sign)(input.as_bytes())))
    }
}

fn engine(signers: &[Signer]) -> Engine {
    let given = json!({ "tenantDomain": ISSUER, "audience": AUDIENCE });
    let options = Options { given: &given, environment: &Value::Null };
    let config = Config::parse(&options, ClientKind::Backend, &HostEnvironment::default()).ok().expect("a config");
    let keys: Vec<_> = signers.iter().map(|signer| &signer.jwk).collect();
    let transport: Arc<dyn Transport> = Arc::new(Ready(json!({ "keys": keys }).to_string()));
    let clock: Arc<dyn Monotonic> = Arc::new(SystemMonotonic::default());
    let store = KeyStore::new(config.key_source.clone(), Arc::clone(&transport), Arc::clone(&clock));
    let engine = Engine::new(Arc::new(config), store, transport, clock);
    engine.wait_for_keys(Box::new(|| {}));
    engine
}

fn decisions(criterion: &mut Criterion) {
    let signers = signers();
    let engine = engine(&signers);
    let policy = Policy::default();
    let decide = |token: &str| {
        engine.decide(
            &Call { token, policy: &policy, possession: Possession::default(), now: NOW },
            Attempt::First,
            false,
        )
    };
    for signer in &signers {
        let set = KeySet::parse(&json!({ "keys": [signer.jwk] }).to_string()).expect("a set");
        let token = signer.token(0);
        let compact = Compact::split(&token).expect("three parts");
        let header = Header::parse(compact.header).expect("a header");
        let signature = decode_base64url(compact.signature.as_bytes()).expect("base64url");
        let key = set.select(&header).ok().expect("the key");
        criterion.bench_function(&format!("{}: raw verify", signer.alg), |bencher| {
            bencher.iter(|| key.verify(header.algorithm, black_box(compact.signing_input.as_bytes()), &signature));
        });
        // More tokens than are remembered, in turn: each is new when it comes.
        let tokens: Vec<_> = (0..12_000).map(|number| signer.token(number)).collect();
        let mut next = tokens.iter().cycle();
        criterion.bench_function(&format!("{}: decision on a distinct token", signer.alg), |bencher| {
            bencher.iter(|| {
                let verdict = decide(next.next().expect("a token"));
                assert!(matches!(verdict, Verdict::Claims(_)));
                verdict
            });
        });
    }
    let token = signers[0].token(0);
    for _ in 0..2 {
        decide(&token);
    }
    criterion.bench_function("memory hit", |bencher| {
        bencher.iter(|| {
            let verdict = decide(black_box(&token));
            assert!(matches!(verdict, Verdict::Remembered(_)));
            verdict
        });
    });
    criterion.bench_function("malformed token", |bencher| bencher.iter(|| decide(black_box("a.b.c"))));
}

fn parts(criterion: &mut Criterion) {
    let signers = signers();
    let token = signers[0].token(0);
    let compact = Compact::split(&token).expect("three parts");
    criterion.bench_function("split", |bencher| bencher.iter(|| Compact::split(black_box(&token)).map(|c| c.payload)));
    criterion.bench_function("header", |bencher| bencher.iter(|| Header::parse(black_box(compact.header))));
    criterion.bench_function("base64url of the payload", |bencher| {
        bencher.iter(|| decode_base64url(black_box(compact.payload.as_bytes())));
    });
    let payload = decode_base64url(compact.payload.as_bytes()).expect("base64url");
    let expected = Expected {
        issuer: ISSUER,
        audience: AUDIENCE,
        lets_audience_be_absent: false,
        groups_claim: "groups",
        origin: Origin::Jwt,
    };
    let clock = Clock::new(NOW, 0.0, 300.0).expect("a clock");
    criterion.bench_function("claims", |bencher| {
        bencher.iter(|| Claims::read(black_box(&payload), &expected).expect("claims").check(&expected, &clock));
    });
    for size in [1, 10, 100] {
        let keys: Vec<_> = (0..size)
            .map(|number| {
                let mut jwk = signers[2].jwk.clone();
                jwk["kid"] = json!(format!("key-{number}"));
                jwk
            })
            .collect();
        let set = KeySet::parse(&json!({ "keys": keys }).to_string()).expect("a set");
        let header = Header {
            algorithm: Header::parse(Compact::split(&signers[2].token(0)).expect("parts").header)
                .expect("a header")
                .algorithm,
            kid: Some(format!("key-{}", size - 1).into()),
        };
        criterion.bench_function(&format!("key among {size}"), |bencher| {
            bencher.iter(|| set.select(black_box(&header)).map(|key| key.index));
        });
    }
}

criterion_group!(benches, decisions, parts);
criterion_main!(benches);
