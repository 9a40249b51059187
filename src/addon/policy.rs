//! The policy of a route or a call, as an object that JavaScript holds.
//!
//! The route holds its policy, and the garbage collector frees both. No handle can be reused, and no table is searched.
//! N-API tags the type of the object, so that any other object in its place is rejected, whatever its prototype is.

use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::local::invalid;
use crate::engine::Engine;
use crate::engine::authorize::mode::BindingMode;
use crate::engine::authorize::policy::Policy;
use crate::engine::authorize::step_up::StepUp;

/// A policy of one client. It has no methods, and only the methods of that client can use it.
#[napi(js_name = "Policy")]
pub struct NativePolicy {
    policy: Arc<Policy>,
    /// The id of the client's engine.
    engine_id: u64,
}

impl NativePolicy {
    pub fn new(policy: Arc<Policy>, engine: &Engine) -> Self {
        NativePolicy { policy, engine_id: engine.id() }
    }

    /// The policy, if this engine created it. A policy depends on the settings of its client.
    pub fn for_engine(&self, engine: &Engine) -> Result<&Arc<Policy>> {
        if self.engine_id == engine.id() { Ok(&self.policy) } else { Err(invalid("a policy of another client")) }
    }
}

/// What a route or a call requires, as `npm/client/policy.js` read it from the options.
#[napi(object, object_to_js = false)]
pub struct JsPolicySpec {
    pub scopes: Vec<String>,
    pub groups: Vec<String>,
    /// The name of a mode. The default is the mode of the client.
    #[napi(ts_type = "CertificateBindingValidation")]
    pub binding: Option<String>,
    /// The name of a mode of DPoP. The default is the mode of the client.
    #[napi(ts_type = "DPoPBindingValidation")]
    pub dpop: Option<String>,
    pub acr: Vec<String>,
    /// In seconds.
    pub max_age: Option<f64>,
    /// Some audiences of the client. Absent: all of them.
    pub audience: Option<Vec<String>>,
}

/// A policy with the settings of a client.
pub fn policy_of(engine: &Engine, spec: JsPolicySpec) -> Result<Arc<Policy>> {
    let config = engine.config();
    let boxed = |list: Vec<String>| list.into_iter().map(String::into_boxed_str).collect();
    let mode = |given: Option<String>, default: BindingMode, what: &str| match given {
        None => Ok(default),
        Some(name) => BindingMode::named(&name).ok_or_else(|| invalid(what)),
    };
    let binding = mode(spec.binding, config.binding, "binding")?;
    let dpop = mode(spec.dpop, config.dpop_binding, "dpop")?;
    // A number that is not whole or not in the range of u32 becomes 0, which is out of range.
    let seconds = |number: f64| if number.fract() == 0.0 { number as u32 } else { 0 };
    let step_up = StepUp::new(boxed(spec.acr), spec.max_age.map(seconds)).ok_or_else(|| invalid("maxAge"))?;
    let subset = |names: Vec<String>| config.audiences.subset(&names).ok_or_else(|| invalid("audience"));
    let audiences = spec.audience.map(subset).transpose()?;
    let matches_all_groups = config.matches_all_groups;
    Ok(Arc::new(Policy {
        audiences,
        scopes: boxed(spec.scopes),
        groups: boxed(spec.groups),
        matches_all_groups,
        binding,
        dpop,
        step_up,
    }))
}
