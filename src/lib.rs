//! `@monocloud/backend-node`: validates access tokens in microseconds.
//!
//! [`engine`] makes the decision and does not depend on Node. `addon` gives Node access to it through N-API. Only this file
//! imports `addon`, and `cargo test --no-default-features` builds without it.

pub mod engine;

// A test binary does not register the functions with Node, so they look unused there.
#[cfg(feature = "addon")]
#[cfg_attr(test, allow(dead_code))]
mod addon;
