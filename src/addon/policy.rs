//! What a route or a call asks for, as an object that JavaScript holds.
//!
//! The route holds its policy, and the garbage collector frees both: there is no number to reuse and no table to look
//! up. N-API tags the object's type, so that any other object in its place is refused, whatever its prototype says.

use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::local::invalid;
use crate::engine::Engine;
use crate::engine::authorize::certificate::BindingMode;
use crate::engine::authorize::policy::Policy;

/// A policy of one client. It has no methods: only that client's entries can use it.
#[napi(js_name = "Policy")]
pub struct NativePolicy {
    policy: Arc<Policy>,
    /// The number of the client's engine.
    owner: u64,
}

impl NativePolicy {
    pub fn new(policy: Arc<Policy>, engine: &Engine) -> Self {
        NativePolicy { policy, owner: engine.id() }
    }

    /// The policy, for the client that made it: another client's lists and modes mean something else.
    pub fn for_engine(&self, engine: &Engine) -> Result<&Arc<Policy>> {
        if self.owner == engine.id() { Ok(&self.policy) } else { Err(invalid("a policy of another client")) }
    }
}

/// A policy under a client's settings. `binding`: a mode's word, or nothing for the client's own mode.
pub fn policy_of(
    engine: &Engine,
    scopes: Vec<String>,
    groups: Vec<String>,
    binding: Option<&str>,
) -> Result<Arc<Policy>> {
    let config = engine.config();
    let boxed = |list: Vec<String>| list.into_iter().map(String::into_boxed_str).collect();
    let binding = match binding {
        None => config.binding,
        Some(word) => BindingMode::named(word).ok_or_else(|| invalid("binding"))?,
    };
    let matches_all_groups = config.matches_all_groups;
    Ok(Arc::new(Policy { scopes: boxed(scopes), groups: boxed(groups), matches_all_groups, binding }))
}
