//! The native class of a client. It parses the options, creates the warm functions, and starts asynchronous work.

use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::*;
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi_derive::napi;
use serde_json::Value;

use super::local::{Local, invalid};
use super::memory_cache::MemoryCache;
use super::outcome::{
    JsAnswer, NOT_A_JWT, Outcome, answer, code, outcome_of, outcome_of_cached, reason_code, released_slots,
};
use super::policy::{JsPolicySpec, NativePolicy, policy_of};
use super::runtime;
use super::slow::SlowDecision;
use crate::engine::authorize::certificate::BindingMode;
use crate::engine::config::options::Options;
use crate::engine::config::{ClientKind, Config, HostEnvironment};
use crate::engine::error::{Failure, Reason};
use crate::engine::keys::store::{Event, KeyStore};
use crate::engine::keys::wait::{End, KeyWaits, Step, Wait};
use crate::engine::memory::claims_cache::key_of;
use crate::engine::token::compact::has_three_parts;
use crate::engine::transport::Transport;
use crate::engine::transport::user_functions::HostTransport;
use crate::engine::{Attempt, Call, Engine, Verdict};

/// The engine of one client. The public JavaScript class of the same name holds an instance.
#[napi(js_name = "MonoCloudBackendNodeClient")]
pub struct NativeClient {
    engine: Arc<Engine>,
    pub(super) host: Option<Arc<HostTransport>>,
    local: Rc<Local>,
    /// Behind a lock: a wait that is abandoned ends on any thread.
    key_waits: Arc<Mutex<KeyWaits>>,
}

/// What never changes about a client.
#[napi(object, object_from_js = false)]
pub struct ClientFacts {
    /// The tenant's domain. With the audience, it identifies the client in events and in a shared cache.
    pub tenant: String,
    pub audience: String,
    /// Whether introspected claims may stay in a cache.
    pub caches_introspected: bool,
    /// Whether certificate binding is ignored unless a route says otherwise.
    pub ignores_binding: bool,
    /// Whether every token is introspected.
    pub introspects_jwts: bool,
    /// Whether the signing keys cannot be fetched without metadata.
    pub needs_metadata: bool,
    /// The time limit of an exchange.
    pub response_timeout_ms: f64,
}

type Resolver<T> = Box<dyn FnOnce(Env) -> Result<T> + Send>;
/// Settles a promise. Called once, from any thread.
type Settle = Box<dyn FnOnce(std::result::Result<String, Failure>) + Send>;

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
        let engine = Arc::new(Engine::new(Arc::new(config), store, transport, runtime::clock()));
        Ok(NativeClient { engine, host, local: Rc::default(), key_waits: Arc::default() })
    }

    /// Creates the warm function of a policy: `(token, now, certificate?)`, which returns an [`Outcome`].
    /// It holds the policy, so that a call neither passes it nor looks it up.
    #[napi(catch_unwind, ts_return_type = "(token: string, now: number, certificate?: string) => Outcome")]
    pub fn warm<'env>(&self, env: &'env Env, spec: JsPolicySpec) -> Result<Unknown<'env>> {
        let policy = policy_of(&self.engine, spec)?;
        let (engine, host, local) = (Arc::clone(&self.engine), self.host.clone(), Rc::clone(&self.local));
        let warm = env.create_function_from_closure::<(), Outcome, _>("warm", move |context| {
            let outcome = local.with_call(&context, 2, &policy, |call| {
                let verdict = engine.decide_warm(call);
                // Only a rejected token is checked for another format, so that the check costs an accepted token nothing.
                if verdict == Verdict::Refused(Reason::TokenMalformed) && !has_three_parts(call.token) {
                    return code(NOT_A_JWT);
                }
                outcome_of(verdict)
            })?;
            if host.as_ref().is_some_and(|host| host.is_waiting())
                && let Some(wake) = &*local.wake.borrow()
            {
                wake.borrow_back(context.env)?.call(())?;
            }
            Ok(outcome)
        })?;
        Ok(warm.to_unknown())
    }

    /// Sets the function that is called when a warm function has left requests for JavaScript.
    #[napi(catch_unwind)]
    pub fn on_requests(&self, wake: Function<'_, (), ()>) -> Result<()> {
        self.local.wake.replace(Some(wake.create_ref()?));
        Ok(())
    }

    /// Creates the warm function of a policy for a client with a `memoryCache()`. It decides on the entry in the cache, and
    /// returns `MISS` without one.
    #[napi(catch_unwind, ts_return_type = "(token: string, now: number, certificate?: string) => string | number")]
    pub fn warm_cached<'env>(
        &self,
        env: &'env Env,
        policy: &NativePolicy,
        cache: &MemoryCache,
        scope: String,
    ) -> Result<Unknown<'env>> {
        let policy = Arc::clone(policy.for_engine(&self.engine)?);
        let (engine, entries, local) = (Arc::clone(&self.engine), Rc::clone(&cache.entries), Rc::clone(&self.local));
        let warm = env.create_function_from_closure::<(), Outcome, _>("warmCached", move |context| {
            local.with_call(&context, 2, &policy, |call| {
                let mut entries = entries.borrow_mut();
                outcome_of_cached(engine.decide_in_cache(&mut entries, &key_of(&scope, call.token), call))
            })
        })?;
        Ok(warm.to_unknown())
    }

    /// Creates the memory for entries of a user's cache that were evaluated before, with the limits for verified tokens.
    #[napi(catch_unwind)]
    pub fn evaluated_entries(&self) -> MemoryCache {
        let config = self.engine.config();
        MemoryCache::of(config.verified_tokens, config.verified_token_bytes)
    }

    /// Creates the function that decides on an entry of a user's cache: `(token, now, entry, certificate?)`, with the same
    /// results as the warm function. Without an entry, it decides on the entry that was evaluated before. The returned slot
    /// tells the caller which entry that was.
    #[napi(
        catch_unwind,
        ts_return_type = "(token: string, now: number, entry?: string, certificate?: string) => string | number"
    )]
    pub fn evaluate_entry<'env>(
        &self,
        env: &'env Env,
        policy: &NativePolicy,
        evaluated: &MemoryCache,
    ) -> Result<Unknown<'env>> {
        let policy = Arc::clone(policy.for_engine(&self.engine)?);
        let (engine, evaluated, local) =
            (Arc::clone(&self.engine), Rc::clone(&evaluated.entries), Rc::clone(&self.local));
        let evaluate = env.create_function_from_closure::<(), Outcome, _>("evaluateEntry", move |context| {
            let entry = context.get::<Option<String>>(2)?;
            local.with_call(&context, 3, &policy, |call| {
                let mut evaluated = evaluated.borrow_mut();
                outcome_of_cached(match &entry {
                    Some(entry) => engine.decide_cached(&mut evaluated, entry, call),
                    None => engine.decide_in_cache(&mut evaluated, &key_of("", call.token), call),
                })
            })
        })?;
        Ok(evaluate.to_unknown())
    }

    /// What never changes about this client. JavaScript reads it once.
    #[napi(catch_unwind)]
    pub fn facts(&self) -> ClientFacts {
        let config = self.engine.config();
        ClientFacts {
            tenant: config.key_source.tenant.domain().to_owned(),
            audience: config.audience.to_string(),
            caches_introspected: self.engine.cache_until(None, true, 0.0).is_some(),
            ignores_binding: config.binding == BindingMode::Ignore,
            introspects_jwts: config.introspects_jwts,
            needs_metadata: config.key_source.needs_metadata(),
            response_timeout_ms: config.network.timeout_ms as f64,
        }
    }

    /// The issuer's name from its metadata, or the tenant without metadata.
    #[napi(catch_unwind)]
    pub fn issuer(&self) -> String {
        self.engine.issuer()
    }

    /// Calls `report` with JSON of `{ keys, leftOut? }` or `{ reason }` after each refresh of the keys. The registration does
    /// not keep the process alive. `report` must not hold the client, because it outlives the client.
    #[napi(catch_unwind, ts_args_type = "report: (event: Json<KeysEvent>) => void")]
    pub fn observe(&self, report: Function<'_, String, ()>) -> Result<()> {
        let report = report.build_threadsafe_function::<String>().weak::<true>().build()?;
        let observer = move |event: Event| {
            let text = match event {
                Event::Refreshed { keys, left_out } if left_out.is_empty() => serde_json::json!({ "keys": keys }),
                Event::Refreshed { keys, left_out } => {
                    let left_out: serde_json::Map<_, _> =
                        left_out.into_iter().map(|(flaw, count)| (flaw.to_owned(), count.into())).collect();
                    serde_json::json!({ "keys": keys, "leftOut": left_out })
                }
                Event::RefreshFailed { reason } => serde_json::json!({ "reason": reason.spec().name }),
            };
            report.call(text.to_string(), ThreadsafeFunctionCallMode::NonBlocking);
        };
        self.engine.store().observe(self.engine.id(), Box::new(observer));
        Ok(())
    }

    /// Creates a policy.
    #[napi(catch_unwind)]
    pub fn policy(&self, spec: JsPolicySpec) -> Result<NativePolicy> {
        Ok(NativePolicy::new(policy_of(&self.engine, spec)?, &self.engine))
    }

    /// The claims' text of a remembered token, for the first use of its slot.
    #[napi(catch_unwind, ts_return_type = "Json<Claims> | null")]
    pub fn claims(&self, token: String, slot: f64) -> Option<String> {
        self.engine.recall_claims(&token, slot as u64)
    }

    /// The slots that were released since the last call: JavaScript no longer needs to keep their claims. `None` without
    /// any.
    #[napi(catch_unwind)]
    pub fn released(&self) -> Option<Vec<f64>> {
        released_slots(self.engine.released_slots())
    }

    /// A claims template, for its first use: JSON of `{ claims, blanks: [{ name, isText, isInCnf }] }`.
    #[napi(catch_unwind, ts_return_type = "Json<ClaimsTemplate> | null")]
    pub fn claims_template(&self, id: u32) -> Option<String> {
        self.engine.claims_template(id)
    }

    /// Whether a token is validated as a JWT. All others are introspected.
    #[napi(catch_unwind)]
    pub fn is_local(&self, token: String) -> bool {
        self.engine.is_local(&token)
    }

    /// The next step of a caller that needs newer keys; `null` when the caller gives up. `round` counts its waits, from 1.
    ///
    /// `{ wait, ended }`: the caller began this wait. The promise resolves to whether the keys were refreshed for it.
    /// `{ wait, isRefreshed }`: the caller joins the wait with this number, and then decides by `isRefreshed`.
    #[napi(catch_unwind, ts_return_type = "KeyWait | null")]
    pub fn wait_for_keys<'env>(
        &self,
        env: &'env Env,
        round: u32,
        has_cached_fallback: bool,
    ) -> Result<Option<Object<'env>>> {
        let has_fallback = has_cached_fallback || self.engine.store().has_usable_keys();
        let mut next = Object::new(env)?;
        let step = lock(&self.key_waits).step(round, has_fallback, runtime::clock().now());
        match step {
            Step::Begin(wait) => {
                let open = OpenWait { wait, waits: Arc::clone(&self.key_waits) };
                next.set("wait", wait.number as f64)?;
                next.set("ended", self.begin_wait(env, open)?)?;
            }
            Step::Join { number, attempt } => {
                next.set("wait", number as f64)?;
                next.set("isRefreshed", attempt == Attempt::AfterRefresh)?;
            }
            Step::GiveUp => return Ok(None),
        }
        Ok(Some(next))
    }

    /// Whether there are keys that may be used, however old.
    #[napi(catch_unwind)]
    pub fn has_usable_keys(&self) -> bool {
        self.engine.store().has_usable_keys()
    }

    /// Decides again after a wait for the keys.
    #[napi(catch_unwind)]
    pub fn decide(
        &self,
        token: String,
        policy: &NativePolicy,
        now: f64,
        certificate: Option<String>,
    ) -> Result<Outcome> {
        let policy = policy.for_engine(&self.engine)?;
        let call = Call { token: &token, policy, certificate: certificate.as_deref(), now };
        Ok(outcome_of(self.engine.decide(&call, Attempt::AfterRefresh, false)))
    }

    /// Decides on another thread, for signatures that would block the event loop.
    #[napi(catch_unwind, ts_return_type = "Promise<Outcome>")]
    pub fn decide_on_pool<'env>(
        &self,
        env: &'env Env,
        token: String,
        policy: &NativePolicy,
        now: f64,
        certificate: Option<String>,
    ) -> Result<Object<'env>> {
        let policy = Arc::clone(policy.for_engine(&self.engine)?);
        let (deferred, promise) = env.create_deferred::<Outcome, Resolver<Outcome>>()?;
        let settle = Box::new(move |verdict| deferred.resolve(Box::new(move |_| Ok(outcome_of(verdict)))));
        let engine = Arc::clone(&self.engine);
        SlowDecision { engine, token, policy, now, certificate, settle }.submit();
        Ok(promise)
    }

    /// Decides against the caller's own JWK Set.
    #[napi(catch_unwind)]
    pub fn decide_with_jwks(
        &self,
        token: String,
        policy: &NativePolicy,
        now: f64,
        certificate: Option<String>,
        jwks: String,
    ) -> Result<Outcome> {
        let policy = policy.for_engine(&self.engine)?;
        let call = Call { token: &token, policy, certificate: certificate.as_deref(), now };
        Ok(outcome_of(self.engine.decide_with_jwks(&call, &jwks)))
    }

    /// Introspects a token. Resolves to the claims as JSON text, or to the failure.
    #[napi(catch_unwind, ts_return_type = "Promise<Json<IntrospectionResponse> | JsFailure>")]
    pub fn introspect<'env>(&self, env: &'env Env, token: String, now: f64) -> Result<Object<'env>> {
        let (settle, promise) = promise_of_answer(env)?;
        self.engine.introspect(&token, now, Box::new(move |result| settle(result.map(|text| text.to_string()))));
        let introspection = self.engine.introspection();
        if introspection.needs_watch() {
            let introspection = Arc::clone(introspection);
            runtime::repeat(move || introspection.expire());
        }
        Ok(promise)
    }

    /// Decides on the claims of an active token. Returns 0, or the code of a reason.
    #[napi(catch_unwind)]
    pub fn decide_introspected(
        &self,
        token: String,
        policy: &NativePolicy,
        now: f64,
        certificate: Option<String>,
        claims: String,
    ) -> Result<i32> {
        let policy = policy.for_engine(&self.engine)?;
        let call = Call { token: &token, policy, certificate: certificate.as_deref(), now };
        Ok(self.engine.decide_introspected(&claims, &call).map_or_else(reason_code, |()| 0))
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

    /// Resolves to the text of the metadata, or to the failure.
    #[napi(catch_unwind, ts_return_type = "Promise<Json<IssuerMetadata> | JsFailure>")]
    pub fn metadata<'env>(&self, env: &'env Env, is_forced: bool) -> Result<Object<'env>> {
        let (settle, promise) = promise_of_answer(env)?;
        self.engine
            .store()
            .with_metadata(is_forced, Box::new(move |result| settle(result.map(|metadata| metadata.text.clone()))));
        Ok(promise)
    }

    /// Resolves to the text of the JWK Set, or to the failure.
    #[napi(catch_unwind, ts_return_type = "Promise<Json<Jwks> | JsFailure>")]
    pub fn jwks<'env>(&self, env: &'env Env, is_forced: bool) -> Result<Object<'env>> {
        let (settle, promise) = promise_of_answer(env)?;
        self.engine
            .store()
            .with_keys(is_forced, Box::new(move |result| settle(result.map(|published| published.text.clone()))));
        Ok(promise)
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
    fn begin_wait<'env>(&self, env: &'env Env, open: OpenWait) -> Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred::<bool, Resolver<bool>>()?;
        let wait = open.wait;
        let waiting = Arc::new(Mutex::new(Some((deferred, open))));
        let settle = move |end: End| {
            if let Some((deferred, open)) = lock(&waiting).take() {
                let is_refreshed = wait.attempt(end) == Attempt::AfterRefresh;
                deferred.resolve(Box::new(move |_| {
                    // On the client's thread, before any caller goes on.
                    drop(open);
                    Ok(is_refreshed)
                }));
            }
        };
        let starts = Arc::new(AtomicBool::new(false));
        let (is_own, on_end) = (Arc::clone(&starts), settle.clone());
        let on_refreshed = move || on_end(End::Refreshed { is_own: is_own.load(Ordering::SeqCst) });
        starts.store(self.engine.wait_for_keys(Box::new(on_refreshed)), Ordering::SeqCst);
        if let Some(limit) = wait.time_limit {
            runtime::after(limit, move || settle(End::OutOfTime));
        }
        Ok(promise)
    }
}

/// A wait that other callers may join until this is dropped: at its end, or when it could not be begun.
struct OpenWait {
    wait: Wait,
    waits: Arc<Mutex<KeyWaits>>,
}

impl Drop for OpenWait {
    fn drop(&mut self) {
        lock(&self.waits).end(self.wait.number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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

/// A promise, with the function that settles it.
fn promise_of_answer(env: &Env) -> Result<(Settle, Object<'_>)> {
    let (deferred, promise) = env.create_deferred::<JsAnswer, Resolver<JsAnswer>>()?;
    Ok((Box::new(move |result| deferred.resolve(Box::new(move |_| Ok(answer(result))))), promise))
}
