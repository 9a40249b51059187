//! Lists in claims: which scopes, groups, permissions or roles does a claim contain?

use std::borrow::Cow;

use crate::engine::token::json::{self, Value};

/// The names and ids in a groups claim.
pub type Groups<'t> = Cow<'t, [Cow<'t, str>]>;

/// Reads a scope claim: a text with spaces between the scopes (RFC 6749 §3.3), or an array with one scope in each string.
/// The result is such a text. A string with a space, any other element and any other value grant nothing.
pub fn scope_text<'de>(value: &Value<'de>) -> Cow<'de, str> {
    match value {
        Value::Text(text) => text.clone(),
        Value::Array(items) => {
            let words: Vec<&str> = texts_in(items).map(|text| &**text).filter(|word| !word.contains(' ')).collect();
            Cow::Owned(words.join(" "))
        }
        _ => Cow::Borrowed(""),
    }
}

/// Reads a groups claim: an array of strings or of `{ id, name }` objects, or one string, which is one group. Any other
/// value or element is no group.
pub fn group_names<'de>(value: &Value<'de>) -> Vec<Cow<'de, str>> {
    let groups = match value {
        Value::Text(group) => return vec![group.clone()],
        Value::Array(groups) => groups,
        _ => return Vec::new(),
    };
    let mut names = Vec::with_capacity(2 * groups.len());
    for group in groups {
        match group {
            Value::Text(name) => names.push(name.clone()),
            Value::Object(members) => names.extend(members.iter().filter_map(|(member, value)| match value {
                Value::Text(text) if member == "id" || member == "name" => Some(text.clone()),
                _ => None,
            })),
            _ => {}
        }
    }
    names
}

/// Reads a claim of permissions or roles: an array of strings, or one string. Any other value or element is none.
pub fn texts<'de>(value: &Value<'de>) -> Vec<Cow<'de, str>> {
    match value {
        Value::Text(text) => vec![text.clone()],
        Value::Array(items) => texts_in(items).cloned().collect(),
        _ => Vec::new(),
    }
}

/// The strings among the elements of an array.
pub fn texts_in<'v, 'de>(items: &'v [Value<'de>]) -> impl Iterator<Item = &'v Cow<'de, str>> {
    items.iter().filter_map(|item| match item {
        Value::Text(text) => Some(text),
        _ => None,
    })
}

/// Copies the borrowed names.
pub fn owned_groups(groups: &[Cow<'_, str>]) -> Groups<'static> {
    groups.iter().map(|name| Cow::Owned(name.clone().into_owned())).collect()
}

/// Reads the JSON text of a groups claim, for `isUserInGroup`.
pub fn group_names_of_json(text: &str) -> Vec<Cow<'_, str>> {
    let seed = json::ValueSeed { depth: json::MAX_DEPTH, keeps_nested: true };
    json::read(text.as_bytes(), seed).map(|value| group_names(&value)).unwrap_or_default()
}
