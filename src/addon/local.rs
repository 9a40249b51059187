//! The state of a client on its own thread, and how a call from JavaScript becomes a decision there.

use std::cell::RefCell;
use std::sync::Arc;

use napi::bindgen_prelude::*;

use super::outcome::{IS_SLOW, Outcome, code, outcome_of};
use super::proof::{GivenNativeProof, proof_for};
use super::token::TokenBuffer;
use crate::engine::authorize::dpop::Proof;
use crate::engine::authorize::policy::Policy;
use crate::engine::error::Reason;
use crate::engine::{Call, Engine, Possession, Verdict};

/// The state of a client that only its own thread uses.
#[derive(Default)]
pub struct Local {
    buffer: RefCell<TokenBuffer>,
    proof_buffer: RefCell<TokenBuffer>,
    /// The last screening. A proof of the same request takes over what it has read.
    pub screened: RefCell<Option<Proof>>,
    /// Called when a decision has left requests for JavaScript.
    pub wake: RefCell<Option<FunctionRef<(), ()>>>,
}

impl Local {
    /// Reads `(token, now, …, certificate?, proof?)` and decides. `certificate_at` is the index of the certificate.
    /// With `(token, now, …, certificate, text, method, url)`, the proof is a [`Proof::screening`]. The outcome is [`IS_SLOW`] if
    /// a decision with an object must follow: to verify the proof, or to keep the facts of its refusal.
    pub fn with_call(
        &self,
        context: &FunctionCallContext,
        certificate_at: usize,
        engine: &Engine,
        policy: &Policy,
        decide: impl FnOnce(&Call<'_>) -> Outcome,
    ) -> Result<Outcome> {
        let mut buffer = self.buffer.try_borrow_mut().map_err(|_| invalid("reentrant call"))?;
        let Some(token) = buffer.read(context.env, &context.get::<Unknown>(0)?) else {
            return Ok(outcome_of(Verdict::Refused(Reason::TokenRequired)));
        };
        let now = context.get(1)?;
        let certificate = optional::<Option<String>>(context, certificate_at)?.flatten();
        let possession = |proof| Possession { certificate: certificate.as_deref(), proof };
        let proof_at = certificate_at + 1;
        if context.length() > proof_at + 1 {
            let proof = self.screening(context, proof_at, engine)?;
            let outcome = decide(&Call { token, policy, possession: possession(Some(&proof)), now });
            let has_facts = proof.refusal().is_some();
            self.screened.replace(Some(proof));
            return Ok(if has_facts { code(IS_SLOW) } else { outcome });
        }
        let given = optional::<GivenNativeProof>(context, proof_at)?.flatten();
        let proof = proof_for(&given, engine)?.map(|proof| &**proof);
        Ok(decide(&Call { token, policy, possession: possession(proof), now }))
    }

    fn screening(&self, context: &FunctionCallContext, text_at: usize, engine: &Engine) -> Result<Proof> {
        let mut buffer = self.proof_buffer.try_borrow_mut().map_err(|_| invalid("reentrant call"))?;
        let mut text = |at| {
            let value = context.get::<Unknown>(at)?;
            buffer.read(context.env, &value).map(Box::<str>::from).ok_or_else(|| invalid("not a text"))
        };
        let (given, method, url) = (text(text_at)?, text(text_at + 1)?, text(text_at + 2)?);
        Ok(Proof::screening(Arc::clone(engine.dpop()), given, method, url))
    }
}

fn optional<T: FromNapiValue>(context: &FunctionCallContext, at: usize) -> Result<Option<T>> {
    if context.length() > at { context.get(at).map(Some) } else { Ok(None) }
}

/// An error for an argument that this package's own JavaScript never passes.
pub fn invalid(message: &str) -> Error {
    Error::new(Status::InvalidArg, message)
}
