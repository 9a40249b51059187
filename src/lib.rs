//! `@monocloud/backend-node`: validates access tokens.
//!
//! [`engine`] contains all rules and does not depend on Node. `addon` connects it to Node through N-API. Only this file
//! imports `addon`, and `cargo test --no-default-features` builds without it.

// Only tests, benches and fuzz targets use the engine from outside, and they build without the add-on. With the add-on it
// is private, so that the compiler names what the add-on does not need.
#[cfg(feature = "addon")]
mod engine;
#[cfg(not(feature = "addon"))]
pub mod engine;

// A test binary does not run in Node, so the functions that N-API registers look unused there.
#[cfg(feature = "addon")]
#[cfg_attr(test, allow(dead_code))]
mod addon;
