//! The state of a client on its own thread, and how a call from JavaScript becomes a decision there.

use std::cell::RefCell;

use napi::bindgen_prelude::*;

use super::outcome::{Outcome, outcome_of};
use super::token::TokenBuffer;
use crate::engine::authorize::policy::Policy;
use crate::engine::error::Reason;
use crate::engine::{Call, Verdict};

/// The state of a client that only its own thread uses.
#[derive(Default)]
pub struct Local {
    buffer: RefCell<TokenBuffer>,
    /// Called when a decision has left requests for JavaScript.
    pub wake: RefCell<Option<FunctionRef<(), ()>>>,
}

impl Local {
    /// Reads the arguments `(token, now, …, certificate?)` and decides. `certificate_at` is the index of the certificate.
    pub fn with_call(
        &self,
        context: &FunctionCallContext,
        certificate_at: usize,
        policy: &Policy,
        decide: impl FnOnce(&Call<'_>) -> Outcome,
    ) -> Result<Outcome> {
        let mut buffer = self.buffer.try_borrow_mut().map_err(|_| invalid("reentrant call"))?;
        let Some(token) = buffer.read(context.env, &context.get::<Unknown>(0)?) else {
            return Ok(outcome_of(Verdict::Refused(Reason::TokenRequired)));
        };
        let has_certificate = context.length() > certificate_at;
        let certificate = if has_certificate { context.get::<Option<String>>(certificate_at)? } else { None };
        Ok(decide(&Call { token, policy, certificate: certificate.as_deref(), now: context.get(1)? }))
    }
}

/// An error for an argument that this package's own JavaScript never passes.
pub fn invalid(message: &str) -> Error {
    Error::new(Status::InvalidArg, message)
}
