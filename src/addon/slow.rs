//! Decisions that would hold the event loop: on libuv's thread pool.

use std::sync::Arc;

use napi::bindgen_prelude::*;

use super::outcome::{Outcome, outcome_of};
use crate::engine::error::Reason;
use crate::engine::policy::Policy;
use crate::engine::{Attempt, Call, Engine, Verdict};

/// One decision on libuv's thread pool.
pub struct SlowDecision {
    pub engine: Arc<Engine>,
    pub token: String,
    pub policy: Arc<Policy>,
    pub now: f64,
    pub certificate: Option<String>,
}

impl Task for SlowDecision {
    type Output = Verdict;
    type JsValue = Outcome;

    fn compute(&mut self) -> Result<Verdict> {
        // A panic here would end the process: libuv's threads have no guard of napi's.
        let decide = std::panic::AssertUnwindSafe(|| {
            let certificate = self.certificate.as_deref();
            let call = Call { token: &self.token, policy: &self.policy, certificate, now: self.now };
            self.engine.decide(&call, Attempt::AfterRefresh, true)
        });
        Ok(std::panic::catch_unwind(decide).unwrap_or(Verdict::Refused(Reason::Internal)))
    }

    fn resolve(&mut self, _: Env, verdict: Verdict) -> Result<Outcome> {
        Ok(outcome_of(verdict).0)
    }
}
