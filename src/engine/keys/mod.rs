//! The issuer's signing keys and metadata: how they are fetched, kept fresh, and chosen.

pub mod jwk;
pub mod metadata;
pub mod refresh;
pub mod store;
pub mod unknown_kids;
pub mod wait;
