//! The rules for a token, in their order: JWTs, introspection responses and cached results.

pub mod cached;
mod introspected;
mod jwt;

#[cfg(test)]
#[path = "jwt_tests.rs"]
mod tests;
