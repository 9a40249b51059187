//! `@monocloud/backend-node`: validates access tokens.
//!
//! [`engine`] contains all rules and does not depend on Node. `addon` connects it to Node through N-API. Only this file
//! imports `addon`, and `cargo test --no-default-features` builds without it.

pub mod engine;

// A test binary does not run in Node, so the functions that N-API registers look unused there.
#[cfg(feature = "addon")]
#[cfg_attr(test, allow(dead_code))]
mod addon;
