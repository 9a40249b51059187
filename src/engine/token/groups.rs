//! The groups claim: which groups does it contain?

use std::borrow::Cow;

use crate::engine::token::json::{self, Value};

/// The names and ids in a groups claim.
pub type Groups<'t> = Cow<'t, [Cow<'t, str>]>;

/// Reads a groups claim: an array of strings or of `{ id, name }` objects. Any other value or element is no group.
pub fn group_names<'de>(value: &Value<'de>) -> Vec<Cow<'de, str>> {
    let Value::Array(groups) = value else {
        return Vec::new();
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

/// Copies the borrowed names.
pub fn owned_groups(groups: &[Cow<'_, str>]) -> Groups<'static> {
    groups.iter().map(|name| Cow::Owned(name.clone().into_owned())).collect()
}

/// Reads the JSON text of a groups claim, for `isUserInGroup`.
pub fn group_names_of_json(text: &str) -> Vec<Cow<'_, str>> {
    let seed = json::ValueSeed { depth: json::MAX_DEPTH, keeps_nested: true };
    json::read(text.as_bytes(), seed).map(|value| group_names(&value)).unwrap_or_default()
}
