//! The native class of a client: it parses the options and tells what is known about the client.
//!
//! Its decisions are in [`super::decisions`], its waits for keys in [`super::key_waits`], and what it fetches for
//! JavaScript in [`super::documents`].

use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use napi::bindgen_prelude::*;
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;
use serde_json::Value;

use super::local::{Local, invalid};
use super::policy::{JsPolicySpec, NativePolicy, policy_of};
use super::proof::{GivenNativeProof, proof_for};
use super::runtime;
use crate::engine::Engine;
use crate::engine::Possession;
use crate::engine::authorize::dpop::settings::NonceMode;
use crate::engine::authorize::mode::BindingMode;
use crate::engine::config::options::Options;
use crate::engine::config::{ClientKind, Config, HostEnvironment};
use crate::engine::keys::store::{Event, KeyStore};
use crate::engine::keys::wait::KeyWaits;
use crate::engine::transport::Transport;
use crate::engine::transport::user_functions::HostTransport;

/// The engine of one client. The public JavaScript class of the same name holds an instance.
#[napi(js_name = "MonoCloudBackendNodeClient")]
pub struct NativeClient {
    pub(super) engine: Arc<Engine>,
    pub(super) host: Option<Arc<HostTransport>>,
    pub(super) local: Rc<Local>,
    /// Behind a lock: a wait that is abandoned ends on any thread.
    pub(super) key_waits: Arc<Mutex<KeyWaits>>,
}

/// What never changes about a client.
#[napi(object, object_from_js = false)]
pub struct ClientFacts {
    /// The tenant's domain. With the audiences, it identifies the client in events and in a shared cache.
    pub tenant: String,
    pub audiences: Vec<String>,
    /// Whether introspected claims may stay in a cache.
    pub caches_introspected: bool,
    /// Whether challenges offer DPoP to clients that do not use it.
    pub announces_dpop: bool,
    /// Identifies what the DPoP proofs of clients share. A proof that one of them made is a proof for the others.
    pub dpop_context: f64,
    /// Whether a response may have to give a nonce for the next DPoP proof.
    pub uses_nonces: bool,
    /// The mode of DPoP unless a route says otherwise.
    #[napi(ts_type = "DPoPBindingValidation")]
    pub dpop_mode: String,
    /// The accepted algorithms of DPoP proofs, separated by spaces.
    pub dpop_algorithms: String,
    /// Whether certificate binding is ignored unless a route says otherwise.
    pub ignores_binding: bool,
    /// Whether every token is introspected.
    pub introspects_jwts: bool,
    /// Whether events may hold values of rejected tokens.
    pub publishes_values: bool,
    /// Whether the signing keys cannot be fetched without metadata.
    pub needs_metadata: bool,
    /// Where clients reach this API.
    pub public_urls: Vec<String>,
    /// The time limit of an exchange.
    pub response_timeout_ms: f64,
}

#[napi]
impl NativeClient {
    /// Parses the options. `settings` is JSON of `{ options, environment, clientKind, hostEnvironment }`. The message of an error
    /// names the option.
    #[napi(constructor, catch_unwind)]
    pub fn new(settings: String) -> Result<NativeClient> {
        let settings: Value = serde_json::from_str(&settings).map_err(|_| invalid("settings"))?;
        let member = |name: &str| settings.get(name).unwrap_or(&Value::Null);
        let kind = if member("clientKind") == "oidc" { ClientKind::Oidc } else { ClientKind::Backend };
        let environment = HostEnvironment::from_json(member("hostEnvironment"));
        let options = Options { given: member("options"), environment: member("environment") };
        let config = Config::parse(&options, kind, &environment).map_err(|error| invalid(&error.to_string()))?;

        let has_functions = environment.has_fetcher || environment.resolves_metadata || environment.resolves_jwks;
        let host = has_functions.then(|| {
            let own = (!environment.has_fetcher).then(|| runtime::http_client(&config));
            Arc::new(HostTransport::new(own))
        });
        let (store, transport): (Arc<KeyStore>, Arc<dyn Transport>) = match &host {
            None => runtime::shared(&config),
            Some(host) => {
                let transport: Arc<dyn Transport> = Arc::clone(host) as _;
                (KeyStore::new(config.key_source.clone(), Arc::clone(&transport), runtime::clock()), transport)
            }
        };
        let dpop = runtime::dpop(&config);
        let engine = Engine::new(Arc::new(config), store, transport, runtime::clock()).with_dpop(dpop);
        let engine = Arc::new(engine);
        Ok(NativeClient { engine, host, local: Rc::default(), key_waits: Arc::default() })
    }

    /// What never changes about this client. JavaScript reads it once.
    #[napi(catch_unwind)]
    pub fn facts(&self) -> ClientFacts {
        let config = self.engine.config();
        ClientFacts {
            tenant: config.key_source.tenant.domain().to_owned(),
            audiences: config.audiences.names().map(str::to_owned).collect(),
            caches_introspected: self.engine.cache_until(None, true, 0.0).is_some(),
            announces_dpop: config.announces_dpop,
            dpop_context: self.engine.dpop().id() as f64,
            uses_nonces: config.dpop.nonce != NonceMode::Off,
            dpop_mode: config.dpop_binding.name().to_owned(),
            dpop_algorithms: config.dpop.algorithms.iter().map(|one| one.names()).collect::<Vec<_>>().join(" "),
            public_urls: config.public_urls.iter().map(|url| url.as_str().to_owned()).collect(),
            ignores_binding: config.binding == BindingMode::Ignore,
            introspects_jwts: config.introspects_jwts,
            publishes_values: config.publishes_values,
            needs_metadata: config.key_source.needs_metadata(),
            response_timeout_ms: config.network.timeout_ms as f64,
        }
    }

    /// The options that an explanation names, as JSON by the names of the options. No secret is among them.
    #[napi(catch_unwind, ts_return_type = "Json<ShownOptions>")]
    pub fn shown_options(&self) -> String {
        self.engine.config().shown().to_string()
    }

    /// How often the memory of used DPoP proofs was full and gave up proofs.
    #[napi(catch_unwind)]
    pub fn times_replay_memory_was_full(&self) -> f64 {
        self.engine.dpop().replay().times_full() as f64
    }

    /// The issuer's name from its metadata, or the tenant without metadata.
    #[napi(catch_unwind)]
    pub fn issuer(&self) -> String {
        self.engine.issuer()
    }

    /// Calls `report` with JSON of `{ keys, leftOut? }` or `{ reason }`, and of `duration` in seconds, after each refresh of the keys. The registration does
    /// not keep the process alive. `report` must not hold the client, because it outlives the client.
    #[napi(catch_unwind, ts_args_type = "report: (event: Json<KeysEvent>) => void")]
    pub fn observe(&self, report: Function<'_, String, ()>) -> Result<()> {
        let report = report.build_threadsafe_function::<String>().weak::<true>().build()?;
        let observer = move |event: Event, took: Duration| {
            let mut message = match event {
                Event::Refreshed { keys, left_out } if left_out.is_empty() => serde_json::json!({ "keys": keys }),
                Event::Refreshed { keys, left_out } => {
                    let left_out: serde_json::Map<_, _> =
                        left_out.into_iter().map(|(flaw, count)| (flaw.to_owned(), count.into())).collect();
                    serde_json::json!({ "keys": keys, "leftOut": left_out })
                }
                Event::RefreshFailed { reason } => serde_json::json!({ "reason": reason.spec().name }),
            };
            message["duration"] = took.as_secs_f64().into();
            report.call(message.to_string(), ThreadsafeFunctionCallMode::NonBlocking);
        };
        self.engine.store().observe(self.engine.id(), Box::new(observer));
        Ok(())
    }

    /// Creates a policy.
    #[napi(catch_unwind)]
    pub fn policy(&self, spec: JsPolicySpec) -> Result<NativePolicy> {
        Ok(NativePolicy::new(policy_of(&self.engine, spec)?, &self.engine))
    }

    /// Whether a token is validated as a JWT. All others are introspected.
    #[napi(catch_unwind)]
    pub fn is_local(&self, token: String) -> bool {
        self.engine.is_local(&token)
    }

    /// The scopes that the JSON text of claims grants. Scopes that they imply are not added.
    #[napi(catch_unwind)]
    pub fn granted_scopes(&self, claims: String) -> Vec<String> {
        self.engine.granted_scopes(&claims)
    }

    /// Whether there are keys that may be used, however old.
    #[napi(catch_unwind)]
    pub fn has_usable_keys(&self) -> bool {
        self.engine.store().has_usable_keys()
    }

    /// The time (epoch seconds) until which claims may stay in a cache, or `None` if they must not be cached.
    #[napi(catch_unwind)]
    pub fn cache_until(&self, expires: Option<f64>, is_introspected: bool, now: f64) -> Option<f64> {
        self.engine.cache_until(expires, is_introspected, now)
    }

    /// JSON of an object whose member tells how and when (epoch seconds) an entry of a cache was obtained.
    #[napi(catch_unwind, ts_return_type = "Json<ObtainedMember>")]
    pub fn obtained(&self, is_introspected: bool, at: f64) -> String {
        self.engine.obtained(is_introspected, at)
    }

    #[napi(catch_unwind)]
    pub fn set_clock_skew(&self, seconds: f64) {
        self.engine.set_clock_skew(seconds);
    }

    #[napi(catch_unwind)]
    pub fn set_clock_tolerance(&self, seconds: f64) {
        self.engine.set_clock_tolerance(seconds);
    }

    /// JSON of ages (in seconds), counts, and the reasons of the last failures. Contains no secrets.
    #[napi(catch_unwind, ts_return_type = "Json<Health>")]
    pub fn health(&self) -> String {
        self.engine.health()
    }
}

impl NativeClient {
    pub(super) fn possession<'c>(
        &self,
        certificate: &'c Option<String>,
        proof: &'c GivenNativeProof<'_>,
    ) -> Result<Possession<'c>> {
        let proof = proof_for(proof, &self.engine)?.map(|proof| &**proof);
        Ok(Possession { certificate: certificate.as_deref(), proof })
    }
}

impl Drop for NativeClient {
    fn drop(&mut self) {
        self.engine.abandon();
        if let Some(host) = &self.host {
            host.abandon();
            self.engine.store().abandon();
        }
    }
}
