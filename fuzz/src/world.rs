//! The engine under test: an issuer that responds at once, a fixed time, and keys.
//!
//! Tokens of one Ed25519 key are signed here, from a public seed. Those in `fixtures/signed.txt` were signed with
//! keys that were deleted.

use std::cell::RefCell;
use std::sync::{Arc, Mutex};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use monocloud_backend_node::engine::authorize::policy::{Policy, Possession};
use monocloud_backend_node::engine::config::options::Options;
use monocloud_backend_node::engine::config::{ClientKind, Config, HostEnvironment};
use monocloud_backend_node::engine::keys::store::KeyStore;
use monocloud_backend_node::engine::time::ManualMonotonic;
use monocloud_backend_node::engine::token::compact::encode_base64url;
use monocloud_backend_node::engine::transport::{Done, Request, Response, Transport};
use monocloud_backend_node::engine::{Call, Engine};
use serde_json::{Value, json};

pub const ISSUER: &str = "https://tenant.example";
pub const AUDIENCE: &str = "https://api.example.com";
/// The time of every decision.
pub const NOW: f64 = 2_000_000_000.0;
/// The default of the option `clockTolerance`.
pub const TOLERANCE: f64 = 300.0;

/// Valid tokens, one per line, each with another algorithm or shape.
pub const SIGNED: &str = include_str!("../fixtures/signed.txt");
/// Their public keys.
const JWKS: &str = include_str!("../fixtures/jwks.json");

pub struct World {
    pub engine: Engine,
    issuer: Arc<Issuer>,
    pair: Ed25519KeyPair,
}

/// Responds at once with metadata, keys, and the chosen introspection response.
struct Issuer {
    jwks: String,
    introspection: Mutex<Response>,
}

impl Transport for Issuer {
    fn send(&self, request: Request, done: Done) {
        let Request::Http(http) = request else { return };
        let answer = match http.url.path() {
            "/.well-known/openid-configuration" => Response::resolved(metadata().to_string()),
            "/jwks" => Response::resolved(self.jwks.clone()),
            _ => self.introspection.lock().expect("a lock").clone(),
        };
        done(Ok(answer));
    }
}

fn metadata() -> Value {
    json!({
        "issuer": ISSUER,
        "jwks_uri": format!("{ISSUER}/jwks"),
        "introspection_endpoint": format!("{ISSUER}/introspect"),
    })
}

impl World {
    /// An engine that has its metadata and keys.
    pub fn new() -> World {
        let world = World::unacquainted();
        world.engine.wait_for_keys(Box::new(|| {}));
        world
    }

    /// An engine that has not fetched anything.
    pub fn unacquainted() -> World {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key");
        let mut jwks: Value = serde_json::from_str(JWKS).expect("a JWK Set");
        let x = encode_base64url(pair.public_key().as_ref());
        let own = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "own", "x": x });
        jwks["keys"].as_array_mut().expect("keys").push(own);

        let given = json!({
            "tenantDomain": ISSUER,
            "audience": AUDIENCE,
            "clientId": "api",
            "clientSecret": "secret",
            "verifiedTokenCacheSize": 8,
        });
        let options = Options { given: &given, environment: &Value::Null };
        let config =
            Config::parse(&options, ClientKind::Backend, &HostEnvironment::default()).expect("a configuration");
        let clock = Arc::new(ManualMonotonic::default());
        let issuer = Arc::new(Issuer { jwks: jwks.to_string(), introspection: Mutex::default() });
        let transport: Arc<dyn Transport> = Arc::clone(&issuer) as _;
        let store = KeyStore::new(config.key_source.clone(), Arc::clone(&transport), Arc::clone(&clock) as _);
        let engine = Engine::new(Arc::new(config), store, transport, clock);
        World { engine, issuer, pair }
    }

    /// Sets the next introspection response.
    pub fn will_say(&self, response: Response) {
        *self.issuer.introspection.lock().expect("a lock") = response;
    }

    /// A signed token with these claims.
    pub fn sign(&self, claims: &[u8]) -> String {
        let input = format!("{}.{}", encode_base64url(br#"{"alg":"EdDSA","kid":"own"}"#), encode_base64url(claims));
        let signature = self.pair.sign(input.as_bytes());
        format!("{input}.{}", encode_base64url(signature.as_ref()))
    }
}

impl Default for World {
    fn default() -> Self {
        World::new()
    }
}

/// A call without certificate or requirements, at the fixed time.
pub fn call<'c>(token: &'c str, policy: &'c Policy) -> Call<'c> {
    Call { token, policy, possession: Possession::default(), now: NOW }
}

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new());
}

/// Uses this thread's engine.
pub fn with<T>(work: impl FnOnce(&World) -> T) -> T {
    WORLD.with_borrow(work)
}
