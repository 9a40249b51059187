//! Tests of scopes and groups: which claim holds them, and which of its values count.

use super::tests::{EXPECTED, check, check_as, with};
use super::*;
use crate::engine::token::claim_names::{ClaimPath, DEFAULT_NAMES};

#[test]
fn groups_are_strings_ids_and_names_and_anything_else_is_no_group() {
    let groups = |text: &str| check(&with(&[("groups", text)])).map(|checked| checked.groups.join(","));
    assert_eq!(groups(r#"["a",{"id":"1","name":"b"},2,null,["c"],{"name":3}]"#).as_deref(), Ok("a,1,b"));
    assert_eq!(groups(r#""a b""#).as_deref(), Ok("a b"), "one string is one group");
    for none in ["", "null", "{}", "1", r#"{"id":"a"}"#] {
        assert_eq!(groups(none).as_deref(), Ok(""), "{none}");
    }
}

#[test]
fn the_groups_claim_may_have_a_registered_name() {
    let names = ClaimNames { groups: ClaimPath::named("aud"), ..DEFAULT_NAMES.clone() };
    let expected = Expected { names: &names, ..EXPECTED };
    let text = with(&[("aud", r#"["https://api.example.com","g"]"#)]);
    let checked = check_as(&text, &expected);
    assert_eq!(checked.map(|checked| checked.groups.len()), Ok(2));
    assert_eq!(check_as(&with(&[("aud", r#"["g"]"#)]), &expected).err(), Some(Reason::AudienceMismatch));
}

fn scopes(names: &[&[&str]]) -> ClaimNames {
    let path = |names: &&[&str]| ClaimPath::new(names.iter().map(|name| (*name).to_owned()).collect()).expect("a path");
    ClaimNames { scopes: names.iter().map(path).collect(), ..DEFAULT_NAMES.clone() }
}

fn scope_of(members: &[(&str, &str)], names: &ClaimNames) -> Result<String, Reason> {
    check_as(&with(members), &Expected { names, ..EXPECTED }).map(|checked| checked.scope.into_owned())
}

#[test]
fn scopes_are_the_words_of_a_string_or_the_elements_of_an_array_without_spaces() {
    for (value, granted) in [
        (r#""a b""#, "a b"),
        (r#"["a","b"]"#, "a b"),
        (r#"["a b","c",1,null,["d"],{"e":"f"},""]"#, "c "),
        (r#"["a\u0020b"]"#, ""),
        ("[]", ""),
        ("1", ""),
        ("null", ""),
        (r#"{"a":"b"}"#, ""),
    ] {
        assert_eq!(scope_of(&[("scope", value)], &DEFAULT_NAMES).as_deref(), Ok(granted), "{value}");
    }
    for malformed in [r#"["\ud800"]"#, r#"[{"a":1,"a":2}]"#, r#"{"a":1,"a":2}"#] {
        assert_eq!(scope_of(&[("scope", malformed)], &DEFAULT_NAMES), Err(Reason::ClaimsInvalid), "{malformed}");
    }
}

#[test]
fn the_first_scope_claim_that_a_token_has_holds_its_scopes_whatever_the_order_of_the_members_is() {
    let names = scopes(&[&["scp"], &["realm", "scopes"], &["scope"]]);
    let (scp, realm, scope) = (("scp", r#"["s"]"#), ("realm", r#"{"scopes":"r"}"#), ("scope", r#""w""#));
    let of = |members: &[(&str, &str)]| scope_of(members, &names);
    for members in [[scp, realm, scope], [scope, realm, scp], [realm, scope, scp]] {
        assert_eq!(of(&members).as_deref(), Ok("s"));
    }
    assert_eq!(
        (of(&[scope, realm]).as_deref(), of(&[scope]).as_deref(), of(&[]).as_deref()),
        (Ok("r"), Ok("w"), Ok(""))
    );
    assert_eq!(of(&[("scp", "null"), scope]).as_deref(), Ok(""), "a claim without scopes is there");
    assert_eq!(of(&[("realm", r#"{"other":"r"}"#), scope]).as_deref(), Ok("w"), "a path that ends early is not there");
    assert_eq!(of(&[("realm", r#"{"scopes":"r","a":{"b":1,"b":2}}"#)]), Err(Reason::ClaimsInvalid));
    assert_eq!(of(&[("scp", r#""\ud800""#)]), Err(Reason::ClaimsInvalid));
    let alone = scopes(&[&["scp"]]);
    assert_eq!(scope_of(&[scope], &alone).as_deref(), Ok(""), "scope is not read when it is not named");
}

#[test]
fn groups_may_stand_at_the_end_of_a_path() {
    let path = ClaimPath::new(vec!["realm_access".into(), "roles".into()]).expect("a path");
    let names = ClaimNames { groups: path, ..DEFAULT_NAMES.clone() };
    let groups = |value: &str| {
        let text = with(&[("realm_access", value), ("groups", r#"["g"]"#), ("roles", r#"["r"]"#)]);
        check_as(&text, &Expected { names: &names, ..EXPECTED }).map(|checked| checked.groups.join(","))
    };
    assert_eq!(groups(r#"{"roles":["a",{"id":"1"}]}"#).as_deref(), Ok("a,1"));
    assert_eq!(groups(r#"{"roles":"a"}"#).as_deref(), Ok("a"));
    for none in ["", "null", r#"["roles"]"#, r#"{"Roles":["a"]}"#, r#"{"a":{"roles":["a"]}}"#, r#""roles""#] {
        assert_eq!(groups(none).as_deref(), Ok(""), "{none}");
    }
    for malformed in [r#"{"roles":["a"],"roles":["b"]}"#, r#"{"roles":["a"],"x":"\ud800"}"#, r#"{"x":[{"a":1,"a":1}]}"#]
    {
        assert_eq!(groups(malformed), Err(Reason::ClaimsInvalid), "{malformed}");
    }
}
