//! Tests of templates: which claims match, and what is learnt from claims. `fuzz/src/claims_templates.rs` tests with
//! mutated texts that claims have the same meaning with and without a template.

use super::*;
use crate::engine::token::claims::Origin;

const EXPECTED: Expected<'static> =
    Expected { issuer: "https://x", audience: "api", groups_claim: "groups", origin: Origin::Jwt };

/// Claims with the members that every token has, followed by these.
fn claims(more: &str) -> String {
    format!(r#"{{"iss":"https://x","aud":"api","exp":2000,{more}}}"#)
}

/// Templates that were learnt from these claims.
fn learnt_from(all: &[&str]) -> ClaimsTemplates {
    let mut templates = ClaimsTemplates::default();
    for more in all {
        learn_from(&mut templates, more);
    }
    templates
}

fn learn_from(templates: &mut ClaimsTemplates, more: &str) {
    templates.pause = 0;
    if !matches(templates, more) {
        templates.learn(claims(more).as_bytes(), &EXPECTED);
    }
}

fn matches(templates: &mut ClaimsTemplates, more: &str) -> bool {
    templates.read(claims(more).as_bytes()).is_some()
}

#[test]
fn claims_that_differ_in_a_string_match_the_template_learnt_from_two() {
    let mut templates = learnt_from(&[r#""sub":"ann""#]);
    assert!(!matches(&mut templates, r#""sub":"bob""#));
    learn_from(&mut templates, r#""sub":"bob""#);
    assert!(
        matches(&mut templates, r#""sub":"ann""#)
            && matches(&mut templates, r#""sub":"""#)
            && matches(&mut templates, r#""sub":"~ x""#)
    );
    assert_eq!(templates.known.len(), 1, "one template, with another blank");
}

#[test]
fn claims_that_differ_in_numbers_match_the_template_learnt_from_one() {
    let mut templates = learnt_from(&[r#""iat":1"#]);
    for (iat, is_match) in [
        ("0", true),
        ("999999999999", true),
        ("1000000000000", false),
        ("01", false),
        ("-1", false),
        ("1.5", false),
        ("1e3", false),
        ("1 ", false),
        ("\"1\"", false),
        ("null", false),
    ] {
        assert_eq!(matches(&mut templates, &format!("\"iat\":{iat}")), is_match, "{iat}");
    }
}

#[test]
fn a_blank_accepts_only_printable_ascii_without_escapes() {
    let mut templates = learnt_from(&[r#""sub":"a""#, r#""sub":"b""#]);
    for sub in [r#""a\"b""#, r#""a\\""#, r#""\u0061""#, "\"\u{1}\"", "\"\u{7f}\"", "\"ü\"", r#""a"b""#, "1", "null"] {
        assert!(!matches(&mut templates, &format!("\"sub\":{sub}")), "{sub}");
    }
}

#[test]
fn another_member_order_or_space_does_not_match() {
    let mut templates = learnt_from(&[r#""sub":"a","jti":"b""#, r#""sub":"b","jti":"a""#]);
    for more in [r#""jti":"a","sub":"b""#, r#""sub":"b""#, r#""sub":"b","jti":"a","x":1"#, r#""sub": "b","jti":"a""#] {
        assert!(!matches(&mut templates, more), "{more}");
    }
    assert!(templates.read(format!("{} ", claims(r#""sub":"b","jti":"a""#)).as_bytes()).is_none());
}

#[test]
fn claims_with_a_duplicate_member_are_not_learnt_and_match_nothing() {
    let mut templates = learnt_from(&[r#""sub":"a","jti":"b""#]);
    assert!(!matches(&mut templates, r#""sub":"a","sub":"b""#));
    templates.learn(claims(r#""sub":"a","sub":"b""#).as_bytes(), &EXPECTED);
    assert!(!matches(&mut templates, r#""sub":"a","sub":"b""#));
}

#[test]
fn claims_with_different_groups_have_a_template_each() {
    let mut templates =
        learnt_from(&[r#""groups":["a"],"sub":"x""#, r#""groups":["b"],"sub":"y""#, r#""groups":["a"],"sub":"z""#]);
    assert_eq!(templates.known.len(), 2);
    assert!(matches(&mut templates, r#""groups":["a"],"sub":"new""#));
    let text = claims(r#""groups":["a"],"sub":"new""#);
    let matched = templates.read(text.as_bytes()).expect("a template");
    let checked =
        matched.claims(&EXPECTED).check(&EXPECTED, &crate::engine::time::Clock::new(0.0, 0.0, 0.0).expect("a clock"));
    assert_eq!(checked.expect("good claims").groups.as_ref(), ["a"]);
}

#[test]
fn claims_with_more_numbers_than_a_template_may_have_blanks_are_not_learnt() {
    let numbers = |count: usize| (0..count).map(|i| format!("\"n{i}\":{i}")).collect::<Vec<_>>().join(",");
    // `exp` is another blank.
    assert_eq!(learnt_from(&[&numbers(MOST_BLANKS - 1)]).known.len(), 1);
    assert_eq!(learnt_from(&[&numbers(MOST_BLANKS)]).known.len(), 0);
}

#[test]
fn the_fifth_template_replaces_the_one_that_has_not_matched_for_longest() {
    let template = |i: usize| format!("\"m{i}\":true");
    let mut templates = learnt_from(&[&template(0), &template(1), &template(2), &template(3)]);
    assert!(matches(&mut templates, &template(0)));
    learn_from(&mut templates, &template(4));
    assert!(
        matches(&mut templates, &template(0))
            && matches(&mut templates, &template(4))
            && !matches(&mut templates, &template(1))
    );
    assert_eq!(templates.known.len(), MOST_TEMPLATES);
}

#[test]
fn claims_that_never_match_are_learnt_from_less_and_less_often() {
    let mut templates = ClaimsTemplates::default();
    for i in 0..100_000 {
        templates.learn(claims(&format!("\"m{i}\":true")).as_bytes(), &EXPECTED);
    }
    assert!((100..120).contains(&templates.learnt), "{}", templates.learnt);
}

#[test]
fn no_template_is_learnt_after_the_last_id_is_used() {
    let mut templates = learnt_from(&[r#""a":true"#]);
    templates.learnt = ID_LIMIT - 1;
    learn_from(&mut templates, r#""b":true"#);
    learn_from(&mut templates, r#""c":true"#);
    assert!(matches(&mut templates, r#""b":true"#) && !matches(&mut templates, r#""c":true"#));
    let text = templates.read(claims(r#""b":true"#).as_bytes()).map(|matched| matched.to_text());
    assert_eq!(text.as_deref().and_then(|text| text.get(..4)), Some("\0\x7f\x7f\x7f"));
}

#[test]
fn the_encoded_text_is_the_template_id_and_each_value() {
    let mut templates = learnt_from(&[r#""sub":"a","iat":1"#, r#""sub":"b","iat":1"#]);
    let text = claims(r#""sub":"carl","iat":258"#);
    let matched = templates.read(text.as_bytes()).map(|matched| matched.to_text());
    assert_eq!(matched.as_deref(), Some("\0\0\0\x01\0\0\0\0\x0f\x50\0\x04carl\0\0\0\0\x02\x02"));
    let described = templates.describe(1).map(|text| serde_json::from_str::<serde_json::Value>(&text).expect("JSON"));
    let blanks = serde_json::json!([
        { "name": "exp", "isText": false },
        { "name": "sub", "isText": true },
        { "name": "iat", "isText": false },
    ]);
    let described = described.expect("a template");
    assert_eq!((&described["blanks"], &described["claims"]["sub"]), (&blanks, &"b".into()));
    assert_eq!(templates.describe(0), None, "the template with fewer blanks was replaced");
}
