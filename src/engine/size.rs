//! How much memory does a remembered token take, in Rust and in JavaScript together?
//!
//! The Rust side is counted: the length of the token or of the entry, what the claims' facts hold on the heap, and a
//! fixed part for the maps. The JavaScript side, the parsed claims, cannot be counted from here. It is estimated from
//! the length of the claims' JSON text by the two constants below, which `npm run bench:memory -- --sizes` measures.

use std::borrow::Cow;

use super::claims::Facts;

/// Bytes of JavaScript heap for each byte of the claims' JSON text.
pub const JAVASCRIPT_PER_BYTE: usize = 4;
/// Bytes of JavaScript heap for each token, whatever its claims: the object, its numbers, its place.
pub const JAVASCRIPT_PER_TOKEN: usize = 400;
/// Bytes of Rust heap for each entry: the nodes of the maps, the entry itself.
const RUST_PER_ENTRY: usize = 320;
/// What an allocation takes beyond what was asked for.
const PER_ALLOCATION: usize = 16;

/// A verified token that is remembered: its text, its facts, and its claims in JavaScript.
pub fn of_token(token: &str, facts: &Facts<'_>) -> usize {
    let payload = token.split('.').nth(1).map_or(0, |part| part.len() / 4 * 3);
    RUST_PER_ENTRY + token.len() + of_facts(facts) + of_javascript(payload)
}

/// An entry of a cache: its text and its claims in JavaScript. The facts are added when they are known.
pub fn of_entry(text: &str) -> usize {
    RUST_PER_ENTRY + text.len() + of_javascript(text.len())
}

/// What facts hold on the heap.
pub fn of_facts(facts: &Facts<'_>) -> usize {
    let groups = facts.groups.iter().map(|name| size_of::<Cow<'_, str>>() + name.len() + PER_ALLOCATION);
    facts.scope.len() + PER_ALLOCATION + groups.sum::<usize>()
}

fn of_javascript(json_bytes: usize) -> usize {
    JAVASCRIPT_PER_TOKEN + JAVASCRIPT_PER_BYTE * json_bytes
}
