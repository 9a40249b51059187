//! The decisions of a client about tokens and about entries of a cache.

use std::rc::Rc;
use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::client::NativeClient;
use super::memory_cache::MemoryCache;
use super::outcome::{
    AUDIENCE_OF_ROUTE, IS_SLOW, NOT_A_JWT, Outcome, code, outcome_of, outcome_of_cached, reason_code, released_slots,
};
use super::policy::{JsPolicySpec, NativePolicy, policy_of};
use super::proof::{NativeProof, proof_for};
use super::runtime::Resolver;
use super::slow::SlowDecision;
use crate::engine::error::Reason;
use crate::engine::memory::claims_cache::key_of;
use crate::engine::token::claims::Origin;
use crate::engine::token::compact::has_three_parts;
use crate::engine::{Attempt, Call, NotAccepted, Possession, Verdict};

#[napi]
impl NativeClient {
    /// Creates the warm function of a policy: `(token, now, certificate?, proof?)`, which returns an [`Outcome`].
    /// It holds the policy, so that a call neither passes it nor looks it up.
    #[napi(
        catch_unwind,
        ts_return_type = "(token: string, now: number, certificate?: string, proof?: Proof) => Outcome"
    )]
    pub fn warm<'env>(&self, env: &'env Env, spec: JsPolicySpec) -> Result<Unknown<'env>> {
        let policy = policy_of(&self.engine, spec)?;
        let (engine, host, local) = (Arc::clone(&self.engine), self.host.clone(), Rc::clone(&self.local));
        let warm = env.create_function_from_closure::<(), Outcome, _>("warm", move |context| {
            let outcome = local.with_call(&context, 2, &engine, &policy, |call| {
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
    #[napi(
        catch_unwind,
        ts_return_type = "(token: string, now: number, certificate?: string, proof?: Proof) => string | number"
    )]
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
            local.with_call(&context, 2, &engine, &policy, |call| {
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

    /// Creates the function that decides on an entry of a user's cache: `(token, now, entry, certificate?, proof?)`, with the same
    /// results as the warm function. Without an entry, it decides on the entry that was evaluated before. The returned slot
    /// tells the caller which entry that was.
    #[napi(
        catch_unwind,
        ts_return_type = "(token: string, now: number, entry?: string, certificate?: string, proof?: Proof) => string | number"
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
            local.with_call(&context, 3, &engine, &policy, |call| {
                let mut evaluated = evaluated.borrow_mut();
                outcome_of_cached(match &entry {
                    Some(entry) => engine.decide_cached(&mut evaluated, entry, call),
                    None => engine.decide_in_cache(&mut evaluated, &key_of("", call.token), call),
                })
            })
        })?;
        Ok(evaluate.to_unknown())
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

    /// Decides again after a wait for the keys.
    #[napi(catch_unwind)]
    pub fn decide(
        &self,
        token: String,
        policy: &NativePolicy,
        now: f64,
        certificate: Option<String>,
        proof: Option<ClassInstance<'_, NativeProof>>,
    ) -> Result<Outcome> {
        let policy = policy.for_engine(&self.engine)?;
        let call = Call { token: &token, policy, possession: self.possession(&certificate, &proof)?, now };
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
        proof: Option<ClassInstance<'_, NativeProof>>,
    ) -> Result<Object<'env>> {
        let policy = Arc::clone(policy.for_engine(&self.engine)?);
        let proof = proof_for(&proof, &self.engine)?.cloned();
        let (deferred, promise) = env.create_deferred::<Outcome, Resolver<Outcome>>()?;
        let settle = Box::new(move |verdict| deferred.resolve(Box::new(move |_| Ok(outcome_of(verdict)))));
        let (engine, slow) = (Arc::clone(&self.engine), token.clone());
        let decide = Box::new(move || {
            let possession = Possession { certificate: certificate.as_deref(), proof: proof.as_deref() };
            engine.decide(&Call { token: &slow, policy: &policy, possession, now }, Attempt::AfterRefresh, true)
        });
        SlowDecision { token, decide, settle }.submit();
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
        proof: Option<ClassInstance<'_, NativeProof>>,
    ) -> Result<Outcome> {
        let policy = policy.for_engine(&self.engine)?;
        let call = Call { token: &token, policy, possession: self.possession(&certificate, &proof)?, now };
        Ok(outcome_of(self.engine.decide_with_jwks(&call, &jwks)))
    }

    /// Decides on the claims of an active token. Returns 0 or a negative code, also that of a slow DPoP proof or of a route
    /// that accepts no audience of the token. `is_response` is false for a custom method that says what a JWT contains.
    #[allow(clippy::too_many_arguments, reason = "an object would cost more than its members")]
    #[napi(catch_unwind)]
    pub fn decide_introspected(
        &self,
        token: String,
        policy: &NativePolicy,
        now: f64,
        certificate: Option<String>,
        claims: String,
        is_response: bool,
        proof: Option<ClassInstance<'_, NativeProof>>,
    ) -> Result<i32> {
        let policy = policy.for_engine(&self.engine)?;
        let call = Call { token: &token, policy, possession: self.possession(&certificate, &proof)?, now };
        let origin = if is_response { Origin::Introspection } else { Origin::CustomMethod };
        Ok(match self.engine.decide_introspected(&claims, origin, &call) {
            Ok(()) => 0,
            Err(NotAccepted::AudienceOfRoute) => AUDIENCE_OF_ROUTE,
            Err(NotAccepted::IsSlow) => IS_SLOW,
            Err(NotAccepted::Refused(reason)) => reason_code(reason),
        })
    }
}
