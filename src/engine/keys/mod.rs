//! The issuer's metadata and signing keys: fetching them, keeping them fresh, and choosing the key of a token.
//!
//! Calls go one way: `store` calls `fetch`, and `fetch` calls `documents`. All three work on the state of the store.

pub mod documents;
mod fetch;
pub mod health;
pub mod jwk;
pub mod metadata;
pub mod refresh;
pub mod store;
pub mod unknown_kids;
pub mod wait;
