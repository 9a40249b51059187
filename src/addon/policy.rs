//! The policy of a route or a call, as an object that JavaScript holds.
//!
//! The route holds its policy, and the garbage collector frees both. No handle can be reused, and no table is searched.
//! N-API tags the type of the object, so that any other object in its place is rejected, whatever its prototype is.

use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::local::invalid;
use crate::engine::Engine;
use crate::engine::authorize::certificate::BindingMode;
use crate::engine::authorize::dpop::settings::DpopMode;
use crate::engine::authorize::policy::Policy;

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

/// A policy with the settings of a client. `binding` and `dpop` are names of modes. The defaults are the modes of the client.
pub fn policy_of(
    engine: &Engine,
    scopes: Vec<String>,
    groups: Vec<String>,
    binding: Option<&str>,
    dpop: Option<&str>,
) -> Result<Arc<Policy>> {
    let config = engine.config();
    let boxed = |list: Vec<String>| list.into_iter().map(String::into_boxed_str).collect();
    let binding = match binding {
        None => config.binding,
        Some(name) => BindingMode::named(name).ok_or_else(|| invalid("binding"))?,
    };
    let dpop = match dpop {
        None => config.dpop.binding,
        Some(name) => DpopMode::named(name).ok_or_else(|| invalid("dpop"))?,
    };
    let matches_all_groups = config.matches_all_groups;
    Ok(Arc::new(Policy {
        scopes: boxed(scopes),
        groups: boxed(groups),
        matches_all_groups,
        binding,
        dpop,
        ..Policy::default()
    }))
}
