//! Strict JSON: can a text be interpreted in only one way? (RFC 8259 §4, RFC 7515 §4.)
//!
//! A text is one value, with bounded nesting and without duplicate members where they matter. Rust checks claims, and
//! JavaScript receives the same text. So a member must never have one meaning in Rust and another in `JSON.parse`. The
//! parsers read the text once and borrow from it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// The maximum nesting of arrays and objects. The outermost object is level 1.
pub const MAX_DEPTH: u8 = 32;

/// Reads a member name or a string. Borrows it if it contains no escape.
pub struct Text;

impl<'de> DeserializeSeed<'de> for Text {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Text {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_owned()))
    }
}

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'de> {
    Null,
    Flag(bool),
    Number(f64),
    Text(Cow<'de, str>),
    Array(Vec<Value<'de>>),
    Object(Vec<(Cow<'de, str>, Value<'de>)>),
}

impl Value<'_> {
    /// Copies the borrowed text.
    pub fn into_owned(self) -> Value<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Value::Null => Value::Null,
            Value::Flag(flag) => Value::Flag(flag),
            Value::Number(number) => Value::Number(number),
            Value::Text(text) => Value::Text(own(text)),
            Value::Array(items) => Value::Array(items.into_iter().map(Value::into_owned).collect()),
            Value::Object(members) => {
                Value::Object(members.into_iter().map(|(name, value)| (own(name), value.into_owned())).collect())
            }
        }
    }

    /// Borrows all text from this value.
    pub fn borrowed(&self) -> Value<'_> {
        match self {
            Value::Null => Value::Null,
            Value::Flag(flag) => Value::Flag(*flag),
            Value::Number(number) => Value::Number(*number),
            Value::Text(text) => Value::Text(Cow::Borrowed(text)),
            Value::Array(items) => Value::Array(items.iter().map(Value::borrowed).collect()),
            Value::Object(members) => {
                Value::Object(members.iter().map(|(name, value)| (Cow::Borrowed(&**name), value.borrowed())).collect())
            }
        }
    }
}

/// Reads one value that a rule uses. The nesting is always checked. Nested values are kept only with `keeps_nested`, and
/// then a duplicate member in a nested object is an error.
#[derive(Clone, Copy)]
pub struct ValueSeed {
    /// How many more levels may be opened.
    pub depth: u8,
    pub keeps_nested: bool,
}

impl<'de> DeserializeSeed<'de> for ValueSeed {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ValueSeed {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Flag(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let seed = self.level_below()?;
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(seed)? {
            if self.keeps_nested {
                items.push(item);
            }
        }
        Ok(Value::Array(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let seed = self.level_below()?;
        let mut members = Vec::new();
        let mut names = self.keeps_nested.then(Names::default);
        while let Some(name) = map.next_key_seed(Text)? {
            let value = map.next_value_seed(seed)?;
            if let Some(names) = &mut names {
                names.add(bytes_of(name.clone()))?;
                members.push((name, value));
            }
        }
        Ok(Value::Object(members))
    }
}

impl ValueSeed {
    fn level_below<E: serde::de::Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(ValueSeed { depth, ..self })
    }
}

/// Reads the members of one object in order. A duplicate name is an error, and so is any text or number that Rust cannot
/// represent. `keeps_nested` says for which members nested values are kept.
pub fn visit_members<'de, A: MapAccess<'de>>(
    mut map: A,
    keeps_nested: impl Fn(&str) -> bool,
    mut on_member: impl FnMut(&str, Value<'de>),
) -> Result<(), A::Error> {
    let mut names = Names::default();
    while let Some(name) = map.next_key_seed(Text)? {
        let keeps_nested = keeps_nested(&name);
        let value = map.next_value_seed(ValueSeed { depth: MAX_DEPTH - 1, keeps_nested })?;
        on_member(&name, value);
        names.add(bytes_of(name))?;
    }
    Ok(())
}

/// How [`visit_read_members`] reads a member.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// Only its nesting is checked.
    Skipped,
    /// A value that Rust cannot represent counts as absent.
    Lenient,
    /// A value that Rust cannot represent is an error.
    Strict,
}

/// Passes only members that a rule uses to `on_member`. Of the others only the nesting is checked: they may hold what Rust
/// cannot represent, such as a lone surrogate or `1e400`. This takes half as long again, so it is used only for texts that
/// [`visit_members`] rejects.
pub fn visit_read_members<'de, A: MapAccess<'de>>(
    mut map: A,
    reading: impl Fn(&str) -> Reading,
    keeps_nested: impl Fn(&str) -> bool,
    mut on_member: impl FnMut(&str, Value<'de>),
) -> Result<(), A::Error> {
    let mut names = Names::default();
    while let Some(raw) = map.next_key::<&'de RawValue>()? {
        let octets = unquoted(raw).ok_or_else(|| A::Error::custom("a name that is no string"))?;
        let name = std::str::from_utf8(&octets).ok();
        let seed = |name| ValueSeed { depth: MAX_DEPTH - 1, keeps_nested: keeps_nested(name) };
        match name.map(|name| (name, reading(name))) {
            Some((name, Reading::Strict)) => on_member(name, map.next_value_seed(seed(name))?),
            other => {
                let raw = map.next_value::<&'de RawValue>()?.get().as_bytes();
                if !is_within_depth(raw, MAX_DEPTH - 1) {
                    return Err(A::Error::custom("nested too deeply"));
                }
                if let Some((name, Reading::Lenient)) = other
                    && let Some(value) = read(raw, seed(name))
                {
                    on_member(name, value);
                }
            }
        }
        names.add(octets)?;
    }
    Ok(())
}

/// Whether a valid JSON value opens at most `max` levels.
fn is_within_depth(json: &[u8], max: u8) -> bool {
    if !matches!(json.first(), Some(b'[' | b'{')) {
        return true;
    }
    let (mut depth, mut is_string, mut is_escaped) = (0u8, false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => is_string = !is_string,
            _ if is_string => {}
            b'[' | b'{' if depth == max => return false,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    true
}

/// Whether bytes are one strict JSON object without duplicate members at its top level.
pub fn is_object(bytes: &[u8]) -> bool {
    struct Object;

    impl<'de> DeserializeSeed<'de> for Object {
        type Value = ();

        fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
            deserializer.deserialize_map(self)
        }
    }

    impl<'de> Visitor<'de> for Object {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
            visit_read_members(map, |_| Reading::Skipped, |_| false, |_, _| {})
        }
    }

    read(bytes, Object).is_some()
}

/// Reads bytes as one strict JSON value. Returns `None` for anything else, also if text follows the value.
pub fn read<'de, S: DeserializeSeed<'de>>(bytes: &'de [u8], seed: S) -> Option<S::Value> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(value)
}

#[path = "json_document.rs"]
mod document;
#[path = "json_names.rs"]
mod names;
pub use document::{document, survives_javascript};
use names::{Names, bytes_of, unquoted};

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: ValueSeed = ValueSeed { depth: MAX_DEPTH, keeps_nested: false };

    fn nested(depth: usize) -> Vec<u8> {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth)).into_bytes()
    }

    #[test]
    fn nesting_at_the_limit_is_accepted_and_one_more_level_is_not() {
        assert!(read(&nested(32), ANY).is_some());
        assert!(read(&nested(33), ANY).is_none());
        assert!(read(&nested(10_000), ANY).is_none());
    }

    #[test]
    fn nested_values_are_kept_only_when_requested() {
        let kept = read(br#"[1,{"a":true}]"#, ValueSeed { keeps_nested: true, ..ANY });
        let object = Value::Object(vec![("a".into(), Value::Flag(true))]);
        assert_eq!(kept, Some(Value::Array(vec![Value::Number(1.0), object])));
        assert_eq!(read(br#"[1,{"a":true}]"#, ANY), Some(Value::Array(vec![])));
    }

    #[test]
    fn text_after_the_value_is_refused() {
        assert!(read(b"{} {}", ANY).is_none());
        assert!(read(b"{} \n", ANY).is_some());
    }

    #[test]
    fn bytes_that_are_not_utf_8_a_bom_and_a_lone_surrogate_are_refused() {
        assert!(read(b"\"\xff\"", ANY).is_none());
        assert!(read(b"\xef\xbb\xbf{}", ANY).is_none());
        assert!(read(br#""\ud800""#, ANY).is_none());
    }
}
