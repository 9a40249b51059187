//! JSON documents of issuers, such as a JWK Set or an error response.
//!
//! RFC 8259 §8.2 allows an escaped lone surrogate, and `JSON.parse` accepts it. Rust text cannot represent it, so it becomes
//! U+FFFD here. Claims are not parsed with this module.

use serde_json::Value;

/// Parses a document. Returns `None` if the text is not JSON.
pub fn document(text: &str) -> Option<Value> {
    match serde_json::from_str(text) {
        Ok(value) => Some(value),
        Err(_) => serde_json::from_str(&without_lone_surrogates(text)?).ok(),
    }
}

/// Whether `JSON.parse` and `JSON.stringify` keep the meaning of a text: no object has a duplicate member at any depth, and
/// no number is too large. A lone surrogate is kept.
pub fn survives_javascript(text: &str) -> bool {
    let is_strict = |text: &str| {
        let seed = super::ValueSeed { depth: super::MAX_DEPTH, keeps_nested: true };
        super::read(text.as_bytes(), seed).is_some()
    };
    is_strict(text) || without_lone_surrogates(text).is_some_and(|text| is_strict(&text))
}

/// Replaces every lone surrogate with `\ufffd`. Returns `None` if there is none. In JSON, a backslash occurs only in
/// strings, so text that is not JSON does not become JSON.
fn without_lone_surrogates(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut is_changed = false;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let length = match (code_unit(escape), escape.get(6..).and_then(code_unit)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(0xd800..=0xdfff), _) => {
                out.push_str("\\ufffd");
                is_changed = true;
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            (Some(_), _) => 6,
            // Any other escape is the backslash and one character.
            (None, _) => 1 + escape.chars().nth(1).map_or(0, char::len_utf8),
        };
        let (escape, after) = escape.split_at_checked(length)?;
        out.push_str(escape);
        rest = after;
    }
    out.push_str(rest);
    is_changed.then_some(out)
}

/// The code unit of a `\uXXXX` at the start of a text.
fn code_unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_lone_surrogate_becomes_the_replacement_character_and_a_pair_is_kept() {
        for (text, value) in [
            (r#""a\ud83d""#, "a\u{fffd}"),
            (r#""\uDE00a""#, "\u{fffd}a"),
            (r#""\ud83d\ud83d\ude00""#, "\u{fffd}😀"),
            (r#""\ud83d\ude00\ud83d""#, "😀\u{fffd}"),
            (r#""\ud83d\n\\ud83d""#, "\u{fffd}\n\\ud83d"),
            (r#""\ud83dä""#, "\u{fffd}ä"),
        ] {
            assert_eq!(document(text), Some(json!(value)), "{text}");
        }
    }

    #[test]
    fn a_duplicate_member_at_any_depth_and_a_number_without_a_value_do_not_survive_javascript() {
        for text in [r#"{"a":1,"b":[{"a":2}]}"#, r#"{"a":"\ud800","b":"\ud800"}"#, "1.5e300", r#"{"\ud800":1,"b":2}"#] {
            assert!(survives_javascript(text), "{text}");
        }
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":[{"b":1,"\u0062":1}]}"#, "[1e400]", r#"{"a":"\ud800","b":1e400}"#] {
            assert!(!survives_javascript(text), "{text}");
        }
    }

    #[test]
    fn text_that_is_not_json_is_none() {
        for text in [
            "",
            "\\",
            "\\ud83d",
            r#""\ud83d"#,
            r#""\ud83"#,
            r#""\ud83d\"#,
            r#""\ud83dx"#,
            r#"{"a":"\ud83d"} x"#,
            r#""\ud83d\ä""#,
            r#""\u+83d""#,
        ] {
            assert_eq!(document(text), None, "{text}");
        }
    }
}
