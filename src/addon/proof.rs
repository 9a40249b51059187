//! The DPoP proof of a request, as an object that JavaScript holds as long as the request.
//!
//! It remembers that it was used, so a request may be decided on more than once, also by several clients that share which
//! proofs were used. N-API tags its type, so any other object is rejected, whatever its prototype is.

use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::client::NativeClient;
use super::outcome::reason_code;
use super::slow::SlowDecision;
use crate::engine::authorize::dpop::Proof;
use crate::engine::error::Failure;
use crate::engine::{Engine, Verdict};

#[napi(js_name = "Proof")]
pub struct NativeProof {
    proof: Arc<Proof>,
}

/// A proof that JavaScript passes to a decision. It is absent exactly if the token came with the scheme Bearer.
pub type GivenNativeProof<'p> = Option<ClassInstance<'p, NativeProof>>;

/// The proof, if it was made for this engine, or for one that shares its `DpopContext`.
pub fn proof_for<'p>(given: &'p GivenNativeProof<'_>, engine: &Engine) -> Result<Option<&'p Arc<Proof>>> {
    match given {
        None => Ok(None),
        Some(native) if Arc::ptr_eq(native.proof.context(), engine.dpop()) => Ok(Some(&native.proof)),
        Some(_) => Err(super::local::invalid("a proof of a client that shares no used proofs")),
    }
}

/// What a store that several processes share must remember.
#[napi(object)]
pub struct SpentProof {
    pub id: String,
    /// Epoch seconds.
    pub expires_at: f64,
}

/// The facts of a refusal.
#[napi(object)]
pub struct ProofRefusal {
    pub expected: Option<String>,
    pub got: Option<String>,
    /// A text for the response, instead of the reason's message.
    pub description: Option<String>,
}

#[napi]
impl NativeProof {
    /// The values of the `DPoP` header fields of a request, its method, and the URLs that it may have been sent to. A
    /// rehearsed proof is checked and not used.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        client: &NativeClient,
        given: Option<Either<String, Vec<String>>>,
        method: String,
        urls: Vec<String>,
        is_rehearsed: Option<bool>,
    ) -> NativeProof {
        let values = given.map_or_else(Vec::new, |given| match given {
            Either::A(one) => vec![one],
            Either::B(values) => values,
        });
        let proof = Proof::new(Arc::clone(client.engine.dpop()), values.into(), &method, urls);
        let proof = proof.after(client.local.screened.take());
        NativeProof { proof: Arc::new(if is_rehearsed == Some(true) { proof.rehearsed() } else { proof }) }
    }

    /// Checks the rules that do not need the token's key. Returns 0, or the code of a reason.
    #[napi(catch_unwind)]
    pub fn check_request(&self, token: String) -> i32 {
        self.proof.check_request(&token).map_or_else(reason_code, |()| 0)
    }

    /// Verifies the signature on another thread. Resolves to 0, or to the code of a reason.
    #[napi(catch_unwind, ts_return_type = "Promise<number>")]
    pub fn verify_on_pool<'env>(&self, env: &'env Env, token: String) -> Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred::<i32, Box<dyn FnOnce(Env) -> Result<i32> + Send>>()?;
        let settle = Box::new(move |verdict| {
            let code = match verdict {
                Verdict::Failed(Failure { reason, .. }) | Verdict::Refused(reason) => reason_code(reason),
                _ => 0,
            };
            deferred.resolve(Box::new(move |_| Ok(code)));
        });
        let proof = Arc::clone(&self.proof);
        let decide = Box::new(move || {
            proof.verify_slow();
            Verdict::IsSlow
        });
        SlowDecision { token, decide, settle }.submit();
        Ok(promise)
    }

    /// `null` until the proof was used.
    #[napi(catch_unwind)]
    pub fn spent(&self) -> Option<SpentProof> {
        self.proof.spent().map(|spent| SpentProof { id: spent.id, expires_at: spent.expires_at as f64 })
    }

    /// The facts of the last refusal, if it has any.
    #[napi(catch_unwind)]
    pub fn refusal(&self) -> Option<ProofRefusal> {
        self.proof.refusal().map(|refusal| ProofRefusal {
            expected: refusal.expected,
            got: refusal.got,
            description: refusal.description,
        })
    }

    /// The value of `DPoP-Nonce` in the response, if it must have one.
    #[napi(catch_unwind)]
    pub fn nonce(&self) -> Option<String> {
        self.proof.nonce()
    }
}
