//! How and when was an entry of a cache obtained?
//!
//! Several clients may share one cache. Some validate JWTs locally and some introspect them, and each has its own bound
//! for the age of an introspection answer. So an entry carries, beside its claims, a member that says how its content
//! was obtained, when, and by which client. An entry without that member, as version 1.0 wrote it, is a miss. Claims
//! that have a member of this name themselves are never cached, so that an issuer's claims are never read as ours.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::engine::time::NumericDate;

/// The member's name.
pub const MEMBER: &str = "monocloud:obtained";

/// How far ahead of ours another machine's clock may be, in seconds. An entry from further in the future is not used.
pub const MAX_CLOCK_DIFFERENCE: f64 = 5.0;

/// How an entry's content was obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Means {
    Introspection,
    Validation,
}

/// The member's value. A member that we do not know may restrict the entry, so it is refused.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Obtained {
    pub by: Means,
    pub at: NumericDate,
    /// Who obtained it: a digest of tenant and client id.
    pub client: Box<str>,
}

/// What an entry says of itself.
#[derive(Debug, Default, PartialEq)]
pub struct Entry {
    /// Nothing when the member is absent, malformed, or there twice.
    pub obtained: Option<Obtained>,
    /// `active` is exactly `false` (RFC 7662 §2.2).
    pub is_inactive: bool,
}

impl Obtained {
    /// The JSON text of an object with this one member.
    pub fn to_text(&self) -> String {
        serde_json::json!({ MEMBER: self }).to_string()
    }

    fn is_well_formed(&self) -> bool {
        self.at.is_finite() && self.at >= 0.0
    }
}

impl Entry {
    pub fn read(text: &str) -> Entry {
        serde_json::from_str(text).unwrap_or_default()
    }

    pub fn is_by(&self, means: Means) -> bool {
        self.obtained.as_ref().is_some_and(|obtained| obtained.by == means)
    }
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry of a cache")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entry = Entry::default();
        let mut members = 0;
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            match &*name {
                MEMBER => {
                    members += 1;
                    let value: Value = map.next_value()?;
                    let obtained =
                        value.is_object().then_some(value).and_then(|value| serde_json::from_value(value).ok());
                    entry.obtained = obtained.filter(Obtained::is_well_formed);
                }
                "active" => entry.is_inactive = map.next_value::<Value>()? == Value::Bool(false),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if members > 1 {
            entry.obtained = None;
        }
        Ok(entry)
    }
}

/// Whether an entry's text is a JWT's payload with our member behind it and nothing else: so it is written mostly.
pub fn is_payload_with_member(entry: &str, payload: &str) -> bool {
    let value = payload
        .strip_suffix('}')
        .and_then(|members| entry.strip_prefix(members)?.strip_suffix('}'))
        .and_then(|rest| rest.strip_prefix(",\"")?.strip_prefix(MEMBER)?.strip_prefix("\":"));
    value.is_some_and(|value| serde_json::from_str::<Obtained>(value).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"by":"introspection","at":1000.5,"client":"c"}"#;

    fn obtained(member: &str) -> Option<Obtained> {
        Entry::read(&format!(r#"{{"sub":"a","monocloud:obtained":{member}}}"#)).obtained
    }

    #[test]
    fn the_member_is_read_as_it_is_written() {
        let expected = Obtained { by: Means::Introspection, at: 1000.5, client: "c".into() };
        assert_eq!(obtained(GOOD), Some(expected.clone()));
        assert_eq!(Entry::read(&expected.to_text()).obtained, Some(expected));
    }

    #[test]
    fn a_member_of_another_form_is_none() {
        for malformed in [
            "null",
            "true",
            "[]",
            r#"["introspection",1000.5,"c"]"#,
            "{}",
            "\"introspection\"",
            r#"{"by":"introspection","at":1000.5}"#,
            r#"{"by":"introspection","client":"c"}"#,
            r#"{"at":1000.5,"client":"c"}"#,
            r#"{"by":"hearsay","at":1000.5,"client":"c"}"#,
            r#"{"by":"Introspection","at":1000.5,"client":"c"}"#,
            r#"{"by":"introspection","at":"1000.5","client":"c"}"#,
            r#"{"by":"introspection","at":null,"client":"c"}"#,
            r#"{"by":"introspection","at":-1,"client":"c"}"#,
            r#"{"by":"introspection","at":1000.5,"client":1}"#,
            r#"{"by":"introspection","at":1000.5,"client":"c","only":"on Mondays"}"#,
        ] {
            assert_eq!(obtained(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn a_member_that_is_there_twice_is_none() {
        let twice = format!(r#"{{"monocloud:obtained":{GOOD},"a":1,"monocloud:obtained":{GOOD}}}"#);
        assert_eq!(Entry::read(&twice).obtained, None);
        assert_eq!(Entry::read(&twice.replacen("monocloud:", "\\u006donocloud:", 1)).obtained, None);
    }

    #[test]
    fn a_member_deeper_in_the_entry_says_nothing() {
        assert_eq!(Entry::read(&format!(r#"{{"claims":{{"monocloud:obtained":{GOOD}}}}}"#)), Entry::default());
        assert_eq!(Entry::read(&format!(r#"[{{"monocloud:obtained":{GOOD}}}]"#)), Entry::default());
    }

    #[test]
    fn only_false_is_inactive() {
        for (active, is_inactive) in [("false", true), ("true", false), ("null", false), ("0", false), ("\"\"", false)]
        {
            assert_eq!(Entry::read(&format!(r#"{{"active":{active}}}"#)).is_inactive, is_inactive, "{active}");
        }
    }

    #[test]
    fn a_payload_with_the_member_behind_it_is_recognised_and_nothing_like_it() {
        let is_same = |entry: &str| is_payload_with_member(entry, r#"{"sub":"a","n":1}"#);
        assert!(is_same(&format!(r#"{{"sub":"a","n":1,"monocloud:obtained":{GOOD}}}"#)));
        for other in [
            r#"{"sub":"a","n":1}"#.to_owned(),
            format!(r#"{{"sub":"a","n":12,"monocloud:obtained":{GOOD}}}"#),
            format!(r#"{{"sub":"a","n":1,"x":2,"monocloud:obtained":{GOOD}}}"#),
            format!(r#"{{"sub":"a","n":1,"monocloud:obtained":{GOOD},"x":2}}"#),
            format!(r#"{{"sub":"a","n":1,"monocloud:obtained":{GOOD}}},"x":{{}}}}"#),
            r#"{"sub":"a","n":1,"monocloud:obtained":{"by":"validation"}}"#.to_owned(),
        ] {
            assert!(!is_same(&other), "{other}");
        }
    }
}
