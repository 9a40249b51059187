//! Tests of templates: which claims match, and what is learnt from claims. `fuzz/src/claims_templates.rs` tests with
//! mutated texts that claims have the same meaning with and without a template.

use super::*;
use crate::engine::token::claims::{CheckedClaims, Origin};
use crate::engine::token::confirmation::Binding;

const EXPECTED: Expected<'static> = Expected {
    issuer: "https://x",
    audience: "api",
    lets_audience_be_absent: false,
    groups_claim: "groups",
    origin: Origin::Jwt,
};

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
        { "name": "exp", "isText": false, "isInCnf": false },
        { "name": "sub", "isText": true, "isInCnf": false },
        { "name": "iat", "isText": false, "isInCnf": false },
    ]);
    let described = described.expect("a template");
    assert_eq!((&described["blanks"], &described["claims"]["sub"]), (&blanks, &"b".into()));
    assert_eq!(templates.describe(0), None, "the template with fewer blanks was replaced");
}

/// A `cnf` with the thumbprint of a key and a thumbprint of a certificate, each 32 times one octet.
fn bound_to(jkt: u8, x5t: u8) -> String {
    let text = |octet| crate::engine::token::compact::encode_base64url(&[octet; 32]);
    format!(r#""cnf":{{"jkt":"{}","x5t#S256":"{}"}}"#, text(jkt), text(x5t))
}

fn checked(templates: &mut ClaimsTemplates, more: &str) -> Option<CheckedClaims<'static>> {
    let text = claims(more);
    let matched = templates.read(text.as_bytes())?;
    let clock = crate::engine::time::Clock::new(0.0, 0.0, 0.0).expect("a clock");
    let checked = matched.claims(&EXPECTED).check(&EXPECTED, &clock);
    let read = Claims::read(text.as_bytes(), &EXPECTED).expect("strict claims").check(&EXPECTED, &clock);
    assert_eq!(checked, read, "{more}");
    Some(checked.expect("good claims").into_owned())
}

#[test]
fn claims_bound_to_another_key_and_certificate_match_the_template_learnt_from_two() {
    let of = |jkt, x5t, auth_time: u32| format!(r#""sub":"a",{},"auth_time":{auth_time}"#, bound_to(jkt, x5t));
    let mut templates = learnt_from(&[&of(1, 1, 10), &of(2, 2, 20)]);
    assert_eq!(templates.known.len(), 1, "one template, with two more blanks");
    let third = checked(&mut templates, &of(3, 4, 30)).expect("a match");
    assert_eq!(third.auth_time, Some(30.0));
    let plain = claims(&of(3, 4, 30));
    let clock = crate::engine::time::Clock::new(0.0, 0.0, 0.0).expect("a clock");
    let plain =
        Claims::read(plain.as_bytes(), &EXPECTED).expect("claims").check(&EXPECTED, &clock).expect("good claims");
    assert_eq!(third.confirmation, plain.confirmation, "the confirmation is the one of the third token");
}

#[test]
fn a_thumbprint_that_is_no_thumbprint_is_unreadable_also_when_it_fills_a_blank() {
    let of = |x5t: &str| format!(r#""cnf":{{"x5t#S256":"{x5t}"}}"#);
    let mut templates = learnt_from(&[&bound_to(1, 1), &bound_to(2, 2), &of("a"), &of("b")]);
    for text in ["", "short", "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0=", " "] {
        let checked = checked(&mut templates, &of(text)).expect("a match");
        assert_eq!(checked.confirmation.certificate, Binding::Unreadable, "{text:?}");
    }
}

#[test]
fn a_cnf_with_another_structure_does_not_match() {
    let mut templates = learnt_from(&[r#""cnf":{"jkt":"a"},"x":1"#, r#""cnf":{"jkt":"b"},"x":1"#]);
    assert!(matches(&mut templates, r#""cnf":{"jkt":"c"},"x":1"#));
    for more in [
        r#""cnf":{"jkt":"c","kid":"d"},"x":1"#,
        r#""cnf":{"kid":"c"},"x":1"#,
        r#""cnf":{"jkt":["c"]},"x":1"#,
        r#""cnf":{"jkt":{"a":"c"}},"x":1"#,
        r#""cnf":{"jkt":"c","jkt":"d"},"x":1"#,
        r#""cnf":{"jkt":"c"},"cnf":{"jkt":"d"},"x":1"#,
        r#""cnf":{"jkt":"c\u0022"},"x":1"#,
        r#""cnf":{"jkt":"c"}},"x":1"#,
        r#""cnf":{},"x":1"#,
        r#""cnf":"c","x":1"#,
        r#""cnf":[{"jkt":"c"}],"x":1"#,
        r#""jkt":"c","x":1"#,
        r#""other":{"jkt":"c"},"x":1"#,
    ] {
        assert!(!matches(&mut templates, more), "{more}");
    }
}

#[test]
fn only_members_of_cnf_are_blanks_and_no_other_nested_members() {
    let mut templates = learnt_from(&[r#""act":{"sub":"a"}"#, r#""act":{"sub":"b"}"#]);
    assert!(!matches(&mut templates, r#""act":{"sub":"c"}"#));
    let mut templates = learnt_from(&[r#""cnf":{"jwk":{"x":"a"}}"#, r#""cnf":{"jwk":{"x":"b"}}"#]);
    assert!(!matches(&mut templates, r#""cnf":{"jwk":{"x":"c"}}"#));
}

#[test]
fn a_member_of_the_claims_and_one_of_cnf_with_the_same_name_are_different_blanks() {
    let of = |scope, inner| format!(r#""scope":"{scope}","cnf":{{"scope":"{inner}","exp":1}}"#);
    let mut templates = learnt_from(&[&of("a", "x"), &of("a", "y")]);
    assert!(!matches(&mut templates, &of("b", "z")), "the scope of the claims is no blank yet");
    let checked = checked(&mut templates, &of("a", "z")).expect("a match");
    assert_eq!((checked.scope.as_ref(), checked.expires), ("a", Some(2000.0)));
}

#[test]
fn a_blank_in_cnf_is_described_as_one() {
    let mut templates = learnt_from(&[r#""cnf":{"jkt":"a"}"#, r#""cnf":{"jkt":"b"}"#]);
    let text = claims(r#""cnf":{"jkt":"c"}"#);
    let matched = templates.read(text.as_bytes()).map(|matched| matched.to_text());
    assert_eq!(matched.as_deref(), Some("\0\0\0\x01\0\0\0\0\x0f\x50\0\x01c"));
    let described: serde_json::Value = serde_json::from_str(&templates.describe(1).expect("a template")).expect("JSON");
    let blanks = serde_json::json!([
        { "name": "exp", "isText": false, "isInCnf": false },
        { "name": "jkt", "isText": true, "isInCnf": true },
    ]);
    assert_eq!(described["blanks"], blanks);
}

#[test]
fn generated_claims_mean_the_same_with_and_without_a_template() {
    // A linear congruential generator: the same claims in every run.
    let mut state = 7_u64;
    let mut pick = |all: &[&'static str]| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        all[(state >> 33) as usize % all.len()]
    };
    let mut templates = ClaimsTemplates::default();
    let mut matched = 0;
    let mut form = ["", "", "", ""];
    for round in 0..20_000 {
        // Claims keep their form for a while, as those of one client do.
        if round % 20 == 0 {
            form = [
                pick(&["jkt", "jkt", "both", "number", "empty", "text", "none"]),
                pick(&["", r#","acr":"#]),
                pick(&["", r#","auth_time":"#]),
                pick(&["rare", "never"]),
            ];
        }
        let [cnf, acr, auth_time, odd] = form;
        let mut value = |usual: &[&'static str], unusual: &[&'static str]| {
            let is_odd = odd == "rare" && pick(&["", "", "", "", "odd"]) == "odd";
            pick(if is_odd { unusual } else { usual })
        };
        let jkt = value(&[r#""a""#, r#""b""#, r#""""#], &[r#""c\n""#, "1", "null", r#"{"jkt":"a"}"#]);
        let cnf = match cnf {
            "jkt" => format!(r#","cnf":{{"jkt":{jkt}}}"#),
            "both" => format!(r#","cnf":{{"jkt":{jkt},"x5t#S256":{}}}"#, value(&[r#""x""#, r#""y""#], &["1"])),
            "number" => format!(r#","cnf":{{"n":{},"jkt":{jkt}}}"#, value(&["1", "2"], &["2.5"])),
            "empty" => r#","cnf":{}"#.to_owned(),
            "text" => format!(r#","cnf":{jkt}"#),
            _ => String::new(),
        };
        let acr =
            if acr.is_empty() { ["", ""] } else { [acr, value(&[r#""gold""#, r#""tin""#], &["7", r#"["gold"]"#])] };
        let times = (&["1", "99", "0"], &[r#""1""#, "1.5", "-1"]);
        let auth_time = if auth_time.is_empty() { ["", ""] } else { [auth_time, value(times.0, times.1)] };
        let sub = value(&[r#""a""#, r#""b""#], &["null"]);
        let more = format!(r#""sub":{sub}{cnf}{}{}"#, acr.concat(), auth_time.concat());
        if sub != "null" && checked(&mut templates, &more).is_some() {
            matched += 1;
        } else {
            learn_from(&mut templates, &more);
        }
    }
    assert!(matched > 10_000, "{matched}");
}
