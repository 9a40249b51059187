//! What belongs to a client's own thread, and how a call from JavaScript becomes a decision there.

use std::cell::RefCell;

use napi::bindgen_prelude::*;

use super::outcome::{Outcome, outcome_of};
use super::token::TokenBuffer;
use crate::engine::authorize::policy::Policy;
use crate::engine::error::{Failure, Reason};
use crate::engine::{Call, Verdict};

/// What belongs to the client's thread.
#[derive(Default)]
pub struct Local {
    buffer: RefCell<TokenBuffer>,
    /// Called when a decision left requests for JavaScript to perform.
    pub wake: RefCell<Option<FunctionRef<(), ()>>>,
    /// What the last failed outcome left behind.
    pub failure: RefCell<Option<Failure>>,
}

impl Local {
    /// Reads the arguments `(token, now, …, certificate?)` and decides; the certificate is the last one, when there is
    /// one.
    pub fn with_call(
        &self,
        context: &FunctionCallContext,
        certificate_at: usize,
        policy: &Policy,
        decide: impl FnOnce(&Call<'_>) -> Outcome,
    ) -> Result<Outcome> {
        let mut buffer = self.buffer.try_borrow_mut().map_err(|_| invalid("reentrant call"))?;
        let Some(token) = buffer.read(context.env, &context.get::<Unknown>(0)?) else {
            return Ok(self.outcome(Verdict::Refused(Reason::TokenRequired)));
        };
        let has_certificate = context.length() > certificate_at;
        let certificate = if has_certificate { context.get::<Option<String>>(certificate_at)? } else { None };
        Ok(decide(&Call { token, policy, certificate: certificate.as_deref(), now: context.get(1)? }))
    }

    pub fn outcome(&self, verdict: Verdict) -> Outcome {
        let (outcome, failure) = outcome_of(verdict);
        if failure.is_some() {
            *self.failure.borrow_mut() = failure;
        }
        outcome
    }
}

/// An argument that no shim gives.
pub fn invalid(message: &str) -> Error {
    Error::new(Status::InvalidArg, message)
}
