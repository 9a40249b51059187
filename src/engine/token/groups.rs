//! The groups claim: whom it names.

use std::borrow::Cow;

use crate::engine::token::json::{self, Value};

/// Names and ids of the groups claim.
pub type Groups<'t> = Cow<'t, [Cow<'t, str>]>;

/// The groups claim: an array of strings or of `{ id, name }`; anything else holds no group.
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

/// The same, of their own.
pub fn owned_groups(groups: &[Cow<'_, str>]) -> Groups<'static> {
    groups.iter().map(|name| Cow::Owned(name.clone().into_owned())).collect()
}

/// The names in a groups claim's JSON text (`isUserInGroup`).
pub fn group_names_of_json(text: &str) -> Vec<Cow<'_, str>> {
    let seed = json::ValueSeed { depth: json::MAX_DEPTH, keeps_nested: true };
    json::read(text.as_bytes(), seed).map(|value| group_names(&value)).unwrap_or_default()
}
