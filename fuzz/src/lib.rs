//! Properties that hold for any octets: one module per target, each with a `check` that panics if the property fails.
//!
//! The same checks run in three ways: with libFuzzer (`fuzz_targets/`, `npm run fuzz -- TARGET SECONDS`), on the
//! corpus, and on 100,000 mutations of it on the stable toolchain (`tests/fuzz_corpus.rs` of the main crate, which
//! includes this file by its path).

pub mod cache_entry;
pub mod certificate;
pub mod certificate_headers;
pub mod claims;
pub mod claims_templates;
pub mod introspection;
pub mod jwk_set;
pub mod metadata;
pub mod mutate;
pub mod token;
pub mod world;

/// A target: its name, which is also its folder in `corpus/`, and its check.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("cache_entry", cache_entry::check),
    ("certificate", certificate::check),
    ("certificate_headers", certificate_headers::check),
    ("claims", claims::check),
    ("claims_templates", claims_templates::check),
    ("introspection", introspection::check),
    ("jwk_set", jwk_set::check),
    ("metadata", metadata::check),
    ("token", token::check),
];
