//! The DPoP proof of a request, as an object that JavaScript holds as long as the request.
//!
//! It remembers that it was used, so a request may be decided on more than once, also by several clients that share which
//! proofs were used. N-API tags the type of the object, so
//! that any other object in its place is rejected, whatever its prototype is.

use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::client::NativeClient;
use super::outcome::reason_code;
use super::slow::SlowDecision;
use crate::engine::authorize::dpop::{GivenProof, Proof};
use crate::engine::{Engine, Verdict};

/// The proof of one request.
#[napi(js_name = "Proof")]
pub struct NativeProof {
    proof: Arc<Proof>,
}

/// A proof that JavaScript passes to a decision. It is absent exactly if the token came with the scheme Bearer.
pub type GivenNativeProof<'p> = Option<ClassInstance<'p, NativeProof>>;

/// The proof, if it was made for this engine, or for one that shares its [`DpopContext`].
///
/// [`DpopContext`]: crate::engine::authorize::dpop::context::DpopContext
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
    /// How old the proof is, or how far in the future.
    pub seconds: Option<f64>,
    /// A text for the response, instead of the reason's message.
    pub description: Option<String>,
}

#[napi]
impl NativeProof {
    /// The proof of a request to a client: the values of its `DPoP` header fields, its method, and the URLs that it may have
    /// been sent to. Nothing is parsed yet.
    #[napi(constructor, catch_unwind)]
    pub fn new(
        client: &NativeClient,
        given: Option<Either<String, Vec<String>>>,
        method: String,
        urls: Vec<String>,
    ) -> NativeProof {
        let given = match given {
            None => GivenProof::Missing,
            Some(Either::A(one)) => GivenProof::One(one.into()),
            Some(Either::B(values)) => match <[String; 1]>::try_from(values) {
                Ok([one]) => GivenProof::One(one.into()),
                Err(values) if values.is_empty() => GivenProof::Missing,
                Err(_) => GivenProof::Several,
            },
        };
        let context = Arc::clone(client.engine.dpop());
        NativeProof { proof: Arc::new(Proof::new(context, given, &method, urls)) }
    }

    /// Checks every rule that does not need the token's key, before an opaque token is introspected. Returns 0, or the code of
    /// a reason.
    #[napi(catch_unwind)]
    pub fn check_request(&self, token: String) -> i32 {
        self.proof.check_request(&token).map_or_else(reason_code, |()| 0)
    }

    /// Verifies the signature on another thread, after a decision was slow. Resolves to 0, and then the caller decides
    /// again, or to the code of a reason.
    #[napi(catch_unwind, ts_return_type = "Promise<number>")]
    pub fn verify_on_pool<'env>(&self, env: &'env Env, token: String) -> Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred::<i32, Box<dyn FnOnce(Env) -> Result<i32> + Send>>()?;
        let settle = Box::new(move |verdict| {
            let code = match verdict {
                Verdict::Failed(failure) => reason_code(failure.reason),
                Verdict::Refused(reason) => reason_code(reason),
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
            seconds: refusal.seconds.map(|seconds| seconds as f64),
            description: refusal.description,
        })
    }

    /// The value of `DPoP-Nonce` in the response, if it must have one.
    #[napi(catch_unwind)]
    pub fn nonce(&self) -> Option<String> {
        self.proof.nonce()
    }
}
