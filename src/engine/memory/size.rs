//! How much memory does a remembered token take, in Rust and in JavaScript together?
//!
//! The memory in Rust is counted: the token or the entry, the checked claims, and a fixed part for the maps. The memory
//! in JavaScript, for the parsed claims, cannot be counted from here. It is estimated from the length of the claims' JSON
//! text. `node bench/claims-size.mjs` measures the constants:
//!
//! | claims | bytes of JSON | bytes of JavaScript | estimated |
//! |---|---|---|---|
//! | without groups | 295 | 357 | 1037 |
//! | two groups | 379 | 509 | 1247 |
//! | 200 groups with `id` and `name` | 11,735 | 24,901 | 29,637 |
//! | 200 groups as strings | 3,420 | 8,116 | 8,850 |
//! | nested: realms, roles | 755 | 1,857 | 2,187 |
//! | unique member names | 339 | 1,491 | 1,147 |
//!
//! Most tokens take less, because members that equal those of the previous token are shared.

use std::borrow::Cow;

use crate::engine::token::claims::CheckedClaims;

/// Half bytes of JavaScript heap per byte of the claims' JSON text: 5 means 2.5 bytes.
const JAVASCRIPT_HALVES_PER_BYTE: usize = 5;
/// Bytes of JavaScript heap per token, in addition: the object, its numbers and its place.
const JAVASCRIPT_PER_TOKEN: usize = 300;
/// Bytes of Rust heap per entry: the nodes of the maps and the entry itself.
const RUST_PER_ENTRY: usize = 360;
/// Bytes that an allocation takes in addition to the requested size.
const PER_ALLOCATION: usize = 16;

/// The size of a remembered token: its text, its checked claims, and its parsed claims in JavaScript.
pub fn of_token(token: &str, claims: &CheckedClaims<'_>) -> usize {
    let payload = token.split('.').nth(1).map_or(0, |part| part.len() / 4 * 3);
    RUST_PER_ENTRY + token.len() + of_checked_claims(claims) + of_parsed_claims(payload)
}

/// The size of a cache entry: its text and its parsed claims in JavaScript. The size of the checked claims is added after
/// the entry is validated.
pub fn of_entry(text: &str) -> usize {
    RUST_PER_ENTRY + text.len() + of_parsed_claims(text.len())
}

/// The heap size of checked claims.
pub fn of_checked_claims(claims: &CheckedClaims<'_>) -> usize {
    let groups = claims.groups.iter().map(|name| size_of::<Cow<'_, str>>() + name.len() + PER_ALLOCATION);
    let acr = claims.acr.as_ref().map_or(0, |acr| acr.len() + PER_ALLOCATION);
    claims.scope.len() + PER_ALLOCATION + acr + groups.sum::<usize>()
}

fn of_parsed_claims(json_bytes: usize) -> usize {
    JAVASCRIPT_PER_TOKEN + JAVASCRIPT_HALVES_PER_BYTE * json_bytes / 2
}
