//! How, when and by which client was a cache entry obtained?
//!
//! Several clients may share one cache. Some validate JWTs locally and some introspect them, and each client has its own
//! maximum age of introspection responses. So an entry has a member ([`MEMBER`]) in addition to its claims. An entry
//! without this member is a miss. Version 1.0 wrote such entries. Claims that contain a member of this name are never
//! cached, so that a claim of the issuer is never read as this member.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::engine::time::NumericDate;

/// The member's name.
pub const MEMBER: &str = "monocloud:obtained";

/// How far the clock of another machine may be ahead, in seconds. An entry from further in the future is not used.
pub const MAX_CLOCK_DIFFERENCE: f64 = 5.0;

/// How an entry's content was obtained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Means {
    Introspection,
    Validation,
}

/// The value of the member. An unknown field is an error, because a later version may restrict the entry with it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Obtained {
    pub by: Means,
    pub at: NumericDate,
    /// The client that obtained the entry: a digest of tenant and client id.
    pub client: Box<str>,
}

/// What an entry says about itself.
#[derive(Debug, Default, PartialEq)]
pub struct EntryInfo {
    /// `None` if the member is absent, malformed or duplicated.
    pub obtained: Option<Obtained>,
    /// `active` is exactly `false` (RFC 7662 §2.2).
    pub is_inactive: bool,
}

impl Obtained {
    /// The JSON text of an object with only this member.
    pub fn to_text(&self) -> String {
        serde_json::json!({ MEMBER: self }).to_string()
    }

    fn is_well_formed(&self) -> bool {
        self.at.is_finite() && self.at >= 0.0
    }
}

impl EntryInfo {
    pub fn read(text: &str) -> EntryInfo {
        serde_json::from_str(text).unwrap_or_default()
    }

    pub fn is_by(&self, means: Means) -> bool {
        self.obtained.as_ref().is_some_and(|obtained| obtained.by == means)
    }
}

impl<'de> Deserialize<'de> for EntryInfo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(EntryVisitor)
    }
}

struct EntryVisitor;

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = EntryInfo;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entry of a cache")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut entry = EntryInfo::default();
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

/// Whether an entry is the payload of a JWT, followed by [`MEMBER`] and nothing else. Most entries are written like this.
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
        EntryInfo::read(&format!(r#"{{"sub":"a","monocloud:obtained":{member}}}"#)).obtained
    }

    #[test]
    fn the_member_is_read_as_it_is_written() {
        let expected = Obtained { by: Means::Introspection, at: 1000.5, client: "c".into() };
        assert_eq!(obtained(GOOD), Some(expected.clone()));
        assert_eq!(EntryInfo::read(&expected.to_text()).obtained, Some(expected));
    }

    #[test]
    fn a_malformed_member_is_none() {
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
    fn a_duplicated_member_is_none() {
        let twice = format!(r#"{{"monocloud:obtained":{GOOD},"a":1,"monocloud:obtained":{GOOD}}}"#);
        assert_eq!(EntryInfo::read(&twice).obtained, None);
        assert_eq!(EntryInfo::read(&twice.replacen("monocloud:", "\\u006donocloud:", 1)).obtained, None);
    }

    #[test]
    fn a_nested_member_is_ignored() {
        assert_eq!(EntryInfo::read(&format!(r#"{{"claims":{{"monocloud:obtained":{GOOD}}}}}"#)), EntryInfo::default());
        assert_eq!(EntryInfo::read(&format!(r#"[{{"monocloud:obtained":{GOOD}}}]"#)), EntryInfo::default());
    }

    #[test]
    fn an_entry_is_inactive_only_when_active_is_false() {
        for (active, is_inactive) in [("false", true), ("true", false), ("null", false), ("0", false), ("\"\"", false)]
        {
            assert_eq!(EntryInfo::read(&format!(r#"{{"active":{active}}}"#)).is_inactive, is_inactive, "{active}");
        }
    }

    #[test]
    fn only_the_exact_payload_followed_by_the_member_is_recognised() {
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
