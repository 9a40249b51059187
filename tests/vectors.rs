//! The engine against vectors of other projects: Wycheproof, the JOSE cookbook (RFC 7520, 8037, 7797) and RFC 8705.
//!
//! The files are in `__test__/vectors/third-party`, with their licences. A missing file is a failure.
//!
//! `cargo test --no-default-features --test vectors`

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "vectors/examples.rs"]
mod examples;
#[path = "vectors/jws.rs"]
mod jws;
#[path = "vectors/keys.rs"]
mod keys;
#[path = "vectors/signatures.rs"]
mod signatures;
#[path = "vectors/support.rs"]
mod support;
