//! The rules for a token, in their order: the one place to read them.

pub mod cached;
mod jwt;

#[cfg(test)]
#[path = "jwt_tests.rs"]
mod tests;
