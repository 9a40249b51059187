//! Member names of a JSON object: does the object have a duplicate member? (RFC 8259 §4, RFC 7515 §4.)

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use foldhash::fast::RandomState;
use serde::de::{Deserializer, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

/// A member name without quotes and escapes. The result is bytes, because a name may contain a lone surrogate, which Rust
/// text cannot represent. serde_json writes it as WTF-8, so different names stay different.
pub(super) fn unquoted(name: &RawValue) -> Option<Cow<'_, [u8]>> {
    let inside = name.get().strip_prefix('"')?.strip_suffix('"')?.as_bytes();
    if memchr::memchr(b'\\', inside).is_none() {
        return Some(Cow::Borrowed(inside));
    }
    // `deserialize_bytes` accepts unescaped control characters. Parsing the raw text has already rejected them.
    serde_json::Deserializer::from_str(name.get()).deserialize_bytes(Unescaped).ok()
}

struct Unescaped;

impl<'de> Visitor<'de> for Unescaped {
    type Value = Cow<'de, [u8]>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, value: &[u8]) -> Result<Self::Value, E> {
        Ok(Cow::Owned(value.to_owned()))
    }
}

#[inline]
pub(super) fn bytes_of(name: Cow<'_, str>) -> Cow<'_, [u8]> {
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(name.as_bytes()),
        Cow::Owned(name) => Cow::Owned(name.into_bytes()),
    }
}

/// The member names of one object. The first names are compared one by one, by a tag first. More names are hashed, so
/// that an object with thousands of members takes linear time.
#[derive(Default)]
pub(super) struct Names<'de> {
    tags: SmallVec<[u32; FEW]>,
    few: SmallVec<[Cow<'de, [u8]>; FEW]>,
    many: Option<HashSet<Cow<'de, [u8]>, RandomState>>,
}

const FEW: usize = 24;

impl<'de> Names<'de> {
    /// Adds a name. It is an error if the object has the name already.
    #[inline]
    pub(super) fn add<E: serde::de::Error>(&mut self, name: Cow<'de, [u8]>) -> Result<(), E> {
        if let Some(many) = &mut self.many {
            return if many.insert(name) { Ok(()) } else { Err(E::custom("duplicate member")) };
        }
        let tag = tag_of(&name);
        if self.tags.contains(&tag) && self.few.contains(&name) {
            return Err(E::custom("duplicate member"));
        }
        self.tags.push(tag);
        self.few.push(name);
        if self.few.len() > FEW {
            self.many = Some(self.few.drain(..).collect());
        }
        Ok(())
    }
}

/// The length, first byte and last byte. Most names differ in at least one of them.
fn tag_of(bytes: &[u8]) -> u32 {
    let byte = |byte: Option<&u8>| u32::from(byte.copied().unwrap_or_default());
    (bytes.len() as u32) << 16 | byte(bytes.first()) << 8 | byte(bytes.last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duplicate_name_is_refused_among_few_and_among_many_names() {
        let mut names = Names::default();
        for i in 0..100 {
            assert!(names.add::<serde_json::Error>(Cow::Owned(format!("m{i}").into_bytes())).is_ok());
        }
        assert!(names.add::<serde_json::Error>(Cow::Borrowed(b"m0")).is_err());
        assert!(names.add::<serde_json::Error>(Cow::Borrowed(b"m99")).is_err());
    }
}
