//! How much memory does a remembered token take, in Rust and in JavaScript together?
//!
//! The Rust side is counted: the length of the token or of the entry, what the claims' facts hold on the heap, and a
//! fixed part for the maps. The JavaScript side, the parsed claims, cannot be counted from here. It is estimated from
//! the length of the claims' JSON text, by constants that `node bench/claims-size.mjs` measures:
//!
//! | claims | bytes of JSON | bytes of JavaScript | estimated |
//! |---|---|---|---|
//! | without groups | 295 | 357 | 1037 |
//! | two groups | 379 | 509 | 1247 |
//! | 200 groups with `id` and `name` | 11,735 | 24,901 | 29,637 |
//! | 200 groups as strings | 3,420 | 8,116 | 8,850 |
//! | nested: realms, roles | 755 | 1,857 | 2,187 |
//! | members whose names no other token has | 339 | 1,491 | 1,147 |
//!
//! Members that equal those of the token before are shared, so most tokens take less.

use std::borrow::Cow;

use crate::engine::token::claims::CheckedClaims;

/// Half bytes of JavaScript heap for each byte of the claims' JSON text.
const JAVASCRIPT_HALVES_PER_BYTE: usize = 5;
/// Bytes of JavaScript heap for each token, whatever its claims: the object, its numbers, its place.
const JAVASCRIPT_PER_TOKEN: usize = 300;
/// Bytes of Rust heap for each entry: the nodes of the maps, the entry itself.
const RUST_PER_ENTRY: usize = 320;
/// What an allocation takes beyond what was asked for.
const PER_ALLOCATION: usize = 16;

/// A verified token that is remembered: its text, its facts, and its claims in JavaScript.
pub fn of_token(token: &str, facts: &CheckedClaims<'_>) -> usize {
    let payload = token.split('.').nth(1).map_or(0, |part| part.len() / 4 * 3);
    RUST_PER_ENTRY + token.len() + of_facts(facts) + of_javascript(payload)
}

/// An entry of a cache: its text and its claims in JavaScript. The facts are added when they are known.
pub fn of_entry(text: &str) -> usize {
    RUST_PER_ENTRY + text.len() + of_javascript(text.len())
}

/// What facts hold on the heap.
pub fn of_facts(facts: &CheckedClaims<'_>) -> usize {
    let groups = facts.groups.iter().map(|name| size_of::<Cow<'_, str>>() + name.len() + PER_ALLOCATION);
    facts.scope.len() + PER_ALLOCATION + groups.sum::<usize>()
}

fn of_javascript(json_bytes: usize) -> usize {
    JAVASCRIPT_PER_TOKEN + JAVASCRIPT_HALVES_PER_BYTE * json_bytes / 2
}
