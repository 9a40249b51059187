//! Where in a text are the values that may become the blanks of a claims template?

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::engine::token::json::{self, Text, Value};

/// RFC 7800 §3.1: the claim whose members may be blanks too.
pub const CNF: &str = "cnf";

/// A member of the claims or of `cnf`, with the range of its value in the text.
pub struct Member<'t> {
    pub name: Cow<'t, str>,
    pub is_in_cnf: bool,
    pub value: Range<usize>,
}

/// The members of the claims, in order. The members of a `cnf` that has some stand in its place.
pub fn members_of(text: &str) -> Option<Vec<Member<'_>>> {
    let mut members = Vec::new();
    for member in json::read(text.as_bytes(), MembersSeed { text, is_in_cnf: false })? {
        let inside = if member.name == CNF { members_of_cnf(text, &member.value) } else { None };
        match inside.filter(|inside| !inside.is_empty()) {
            Some(inside) => members.extend(inside),
            None => members.push(member),
        }
    }
    Some(members)
}

fn members_of_cnf<'t>(text: &'t str, cnf: &Range<usize>) -> Option<Vec<Member<'t>>> {
    json::read(text.get(cnf.clone())?.as_bytes(), MembersSeed { text, is_in_cnf: true })
}

/// The members of an object, with their values.
pub type ObjectMembers<'t> = Vec<(Cow<'t, str>, Value<'t>)>;

/// The members of the `cnf` in claims.
pub fn cnf_of(text: &str) -> Option<ObjectMembers<'static>> {
    let members = json::read(text.as_bytes(), MembersSeed { text, is_in_cnf: false })?;
    let cnf = members.into_iter().find(|member| member.name == CNF)?;
    let seed = json::ValueSeed { depth: json::MAX_DEPTH - 1, keeps_nested: true };
    match json::read(text.get(cnf.value)?.as_bytes(), seed)?.into_owned() {
        Value::Object(members) => Some(members),
        _ => None,
    }
}

struct MembersSeed<'t> {
    /// The text of the claims. Ranges count from its start.
    text: &'t str,
    is_in_cnf: bool,
}

impl<'t> DeserializeSeed<'t> for MembersSeed<'t> {
    type Value = Vec<Member<'t>>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'t> Visitor<'t> for MembersSeed<'t> {
    type Value = Vec<Member<'t>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key_seed(Text)? {
            let raw = map.next_value::<&'t RawValue>()?.get();
            let start = raw.as_ptr().addr().wrapping_sub(self.text.as_ptr().addr());
            let value = start..start.wrapping_add(raw.len());
            members.push(Member { name, is_in_cnf: self.is_in_cnf, value });
        }
        Ok(members)
    }
}
