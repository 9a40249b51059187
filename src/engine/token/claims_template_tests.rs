//! Which claims fit a form, and what is learnt of them. That what is read by a form is what is read without is a
//! property, held against 100,000 mutated texts: `fuzz/src/forms.rs`.

use super::*;
use crate::engine::token::claims::Origin;

const EXPECTED: Expected<'static> =
    Expected { issuer: "https://x", audience: "api", groups_claim: "groups", origin: Origin::Jwt };

/// Claims with these members behind the ones that every token has.
fn claims(more: &str) -> String {
    format!(r#"{{"iss":"https://x","aud":"api","exp":2000,{more}}}"#)
}

/// ClaimsTemplates that have met these claims, as often as it takes to learn from each.
fn met(all: &[&str]) -> ClaimsTemplates {
    let mut forms = ClaimsTemplates::default();
    for more in all {
        meet(&mut forms, more);
    }
    forms
}

fn meet(forms: &mut ClaimsTemplates, more: &str) {
    forms.pause = 0;
    if !fits(forms, more) {
        forms.learn(claims(more).as_bytes(), &EXPECTED);
    }
}

fn fits(forms: &mut ClaimsTemplates, more: &str) -> bool {
    forms.read(claims(more).as_bytes()).is_some()
}

#[test]
fn claims_that_differ_in_a_string_fit_the_form_learnt_from_two() {
    let mut forms = met(&[r#""sub":"ann""#]);
    assert!(!fits(&mut forms, r#""sub":"bob""#));
    meet(&mut forms, r#""sub":"bob""#);
    assert!(
        fits(&mut forms, r#""sub":"ann""#) && fits(&mut forms, r#""sub":"""#) && fits(&mut forms, r#""sub":"~ x""#)
    );
    assert_eq!(forms.known.len(), 1, "one form, wider");
}

#[test]
fn claims_that_differ_in_numbers_fit_the_form_learnt_from_one() {
    let mut forms = met(&[r#""iat":1"#]);
    for (iat, is_fit) in [
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
        assert_eq!(fits(&mut forms, &format!("\"iat\":{iat}")), is_fit, "{iat}");
    }
}

#[test]
fn a_blank_takes_no_escape_no_control_and_nothing_beyond_ascii() {
    let mut forms = met(&[r#""sub":"a""#, r#""sub":"b""#]);
    for sub in [r#""a\"b""#, r#""a\\""#, r#""\u0061""#, "\"\u{1}\"", "\"\u{7f}\"", "\"ü\"", r#""a"b""#, "1", "null"] {
        assert!(!fits(&mut forms, &format!("\"sub\":{sub}")), "{sub}");
    }
}

#[test]
fn another_member_another_order_and_another_space_are_another_form() {
    let mut forms = met(&[r#""sub":"a","jti":"b""#, r#""sub":"b","jti":"a""#]);
    for more in [r#""jti":"a","sub":"b""#, r#""sub":"b""#, r#""sub":"b","jti":"a","x":1"#, r#""sub": "b","jti":"a""#] {
        assert!(!fits(&mut forms, more), "{more}");
    }
    assert!(forms.read(format!("{} ", claims(r#""sub":"b","jti":"a""#)).as_bytes()).is_none());
}

#[test]
fn a_member_twice_is_in_no_form_so_what_fits_one_has_none() {
    let mut forms = met(&[r#""sub":"a","jti":"b""#]);
    assert!(!fits(&mut forms, r#""sub":"a","sub":"b""#));
    forms.learn(claims(r#""sub":"a","sub":"b""#).as_bytes(), &EXPECTED);
    assert!(!fits(&mut forms, r#""sub":"a","sub":"b""#));
}

#[test]
fn claims_whose_groups_differ_have_a_form_for_each() {
    let mut forms = met(&[r#""groups":["a"],"sub":"x""#, r#""groups":["b"],"sub":"y""#, r#""groups":["a"],"sub":"z""#]);
    assert_eq!(forms.known.len(), 2);
    assert!(fits(&mut forms, r#""groups":["a"],"sub":"new""#));
    let text = claims(r#""groups":["a"],"sub":"new""#);
    let filled = forms.read(text.as_bytes()).expect("a form");
    let facts =
        filled.claims(&EXPECTED).prove(&EXPECTED, &crate::engine::time::Clock::new(0.0, 0.0, 0.0).expect("a clock"));
    assert_eq!(facts.expect("good claims").groups.as_ref(), ["a"]);
}

#[test]
fn claims_of_more_numbers_than_a_form_has_blanks_have_no_form() {
    let numbers = |count: usize| (0..count).map(|i| format!("\"n{i}\":{i}")).collect::<Vec<_>>().join(",");
    // `exp` is one more.
    assert_eq!(met(&[&numbers(MOST_BLANKS - 1)]).known.len(), 1);
    assert_eq!(met(&[&numbers(MOST_BLANKS)]).known.len(), 0);
}

#[test]
fn the_fifth_form_takes_the_place_of_the_one_not_met_for_longest() {
    let form = |i: usize| format!("\"m{i}\":true");
    let mut forms = met(&[&form(0), &form(1), &form(2), &form(3)]);
    assert!(fits(&mut forms, &form(0)));
    meet(&mut forms, &form(4));
    assert!(fits(&mut forms, &form(0)) && fits(&mut forms, &form(4)) && !fits(&mut forms, &form(1)));
    assert_eq!(forms.known.len(), MOST_FORMS);
}

#[test]
fn claims_that_are_all_built_differently_are_soon_left_alone() {
    let mut forms = ClaimsTemplates::default();
    for i in 0..100_000 {
        forms.learn(claims(&format!("\"m{i}\":true")).as_bytes(), &EXPECTED);
    }
    assert!((100..120).contains(&forms.learnt), "{}", forms.learnt);
}

#[test]
fn forms_have_numbers_of_their_own_and_in_the_end_no_more_are_learnt() {
    let mut forms = met(&[r#""a":true"#]);
    forms.learnt = NUMBERS - 1;
    meet(&mut forms, r#""b":true"#);
    meet(&mut forms, r#""c":true"#);
    assert!(fits(&mut forms, r#""b":true"#) && !fits(&mut forms, r#""c":true"#));
    let text = forms.read(claims(r#""b":true"#).as_bytes()).map(|filled| filled.to_text());
    assert_eq!(text.as_deref().and_then(|text| text.get(..4)), Some("\0\x7f\x7f\x7f"));
}

#[test]
fn filled_in_it_is_the_number_and_each_value_in_its_width() {
    let mut forms = met(&[r#""sub":"a","iat":1"#, r#""sub":"b","iat":1"#]);
    let text = claims(r#""sub":"carl","iat":258"#);
    let filled = forms.read(text.as_bytes()).map(|filled| filled.to_text());
    assert_eq!(filled.as_deref(), Some("\0\0\0\x01\0\0\0\0\x0f\x50\0\x04carl\0\0\0\0\x02\x02"));
    let described = forms.describe(1).map(|text| serde_json::from_str::<serde_json::Value>(&text).expect("JSON"));
    let blanks = serde_json::json!([
        { "name": "exp", "isText": false },
        { "name": "sub", "isText": true },
        { "name": "iat", "isText": false },
    ]);
    let described = described.expect("a form");
    assert_eq!((&described["blanks"], &described["claims"]["sub"]), (&blanks, &"b".into()));
    assert_eq!(forms.describe(0), None, "the narrower one is gone");
}
