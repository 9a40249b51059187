//! `@monocloud/backend-node`: decides, in microseconds, whether an access token lets a request in.
//!
//! [`engine`] is the whole of the decision and knows nothing of Node; `addon` hands it to Node through N-API. Nothing
//! imports `addon` but this file, and `cargo test --no-default-features` builds without it.

pub mod engine;

// A test binary has no Node to register with, so there its entries look unused.
#[cfg(feature = "addon")]
#[cfg_attr(test, allow(dead_code))]
mod addon;
