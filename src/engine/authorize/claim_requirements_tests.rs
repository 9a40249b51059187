//! Permissions, roles and claims rules on the text of claims, also of hostile ones.

use super::*;
use crate::engine::token::claim_names::DEFAULT_NAMES;

fn required(permissions: &[&str], roles: &[&str], rules: Option<&str>) -> ClaimRequirements {
    required_in(&DEFAULT_NAMES, permissions, roles, rules)
}

fn required_in(names: &ClaimNames, permissions: &[&str], roles: &[&str], rules: Option<&str>) -> ClaimRequirements {
    let boxed = |list: &[&str]| list.iter().map(|value| (*value).into()).collect();
    let required = ClaimRequirements::new(names, boxed(permissions), boxed(roles), rules);
    required.expect("good rules").expect("requirements")
}

fn check(required: &ClaimRequirements, claims: &str) -> Result<(), Reason> {
    required.check(ClaimsText::Json(claims.as_bytes()))
}

#[test]
fn requirements_that_require_nothing_are_none() {
    for rules in [None, Some("{}")] {
        assert_eq!(ClaimRequirements::new(&DEFAULT_NAMES, [].into(), [].into(), rules), Ok(None));
    }
    assert!(ClaimRequirements::new(&DEFAULT_NAMES, [].into(), [].into(), Some("[]")).is_err());
}

#[test]
fn every_permission_and_every_role_is_required_and_one_string_is_one_of_them() {
    for (claim, required, reason) in [
        ("permissions", required(&["a", "b"], &[], None), Reason::PermissionMissing),
        ("roles", required(&[], &["a", "b"], None), Reason::RoleMissing),
    ] {
        assert_eq!(check(&required, &format!(r#"{{"{claim}":["b",1,"a"]}}"#)), Ok(()));
        for held in [r#"["a"]"#, r#""a b""#, r#"["a b"]"#, r#"["a",["b"]]"#, r#"["a",{"id":"b","name":"b"}]"#, "null"] {
            assert_eq!(check(&required, &format!(r#"{{"{claim}":{held}}}"#)), Err(reason), "{held}");
        }
        assert_eq!(check(&required, "{}"), Err(reason));
    }
    assert_eq!(check(&required(&["a"], &[], None), r#"{"permissions":"a"}"#), Ok(()));
}

#[test]
fn permissions_are_checked_before_roles_and_roles_before_the_rules() {
    let all = required(&["p"], &["r"], Some(r#"{"c":1}"#));
    for (claims, expected) in [
        ("{}", Err(Reason::PermissionMissing)),
        (r#"{"permissions":["p"]}"#, Err(Reason::RoleMissing)),
        (r#"{"permissions":["p"],"roles":["r"]}"#, Err(Reason::ClaimMismatch)),
        (r#"{"permissions":["p"],"roles":["r"],"c":1}"#, Ok(())),
    ] {
        assert_eq!(check(&all, claims), expected, "{claims}");
    }
}

#[test]
fn a_path_names_a_member_and_a_name_with_dots_does_not() {
    let path = ClaimPath::new(vec!["realm_access".into(), "roles".into()]).expect("a path");
    let nested = ClaimNames { roles: path, ..DEFAULT_NAMES.clone() };
    let dotted = ClaimNames { roles: ClaimPath::named("realm_access.roles"), ..DEFAULT_NAMES.clone() };
    let (nested, dotted) = (required_in(&nested, &[], &["a"], None), required_in(&dotted, &[], &["a"], None));
    let (in_object, in_name) = (r#"{"realm_access":{"roles":["a"]}}"#, r#"{"realm_access.roles":["a"]}"#);
    assert_eq!((check(&nested, in_object), check(&nested, in_name)), (Ok(()), Err(Reason::RoleMissing)));
    assert_eq!((check(&dotted, in_object), check(&dotted, in_name)), (Err(Reason::RoleMissing), Ok(())));
}

#[test]
fn a_claim_that_can_be_read_in_two_ways_or_not_at_all_counts_as_absent() {
    let rule = required(&[], &["a"], Some(r#"{"c":{"in":["x",1,null]},"d":{"contains":"y"}}"#));
    let good = r#"{"roles":["a"],"c":"x","d":["y"],"e":"\ud800","f":{"g":1,"g":2}}"#;
    assert_eq!(check(&rule, good), Ok(()), "other claims may be malformed");
    for (from, to, reason) in [
        (r#"["a"]"#, r#"["a","\ud800"]"#, Reason::RoleMissing),
        (r#"["a"]"#, r#"["a",{"b":1,"b":1}]"#, Reason::RoleMissing),
        (r#""x""#, r#""\udc00""#, Reason::ClaimMismatch),
        (r#""x""#, "1e400", Reason::ClaimMismatch),
        (r#""x""#, r#"{"toString":"x"}"#, Reason::ClaimMismatch),
        (r#"["y"]"#, r#"["y",{"a":{"b":1,"b":1}}]"#, Reason::ClaimMismatch),
        (r#"["y"]"#, r#"["y",1e400]"#, Reason::ClaimMismatch),
        (r#""e""#, r#""c""#, Reason::RoleMissing),
    ] {
        assert_eq!(check(&rule, &good.replace(from, to)), Err(reason), "{to}");
    }
    for text in ["", "[]", "null", "{", "{} {}"] {
        assert_eq!(check(&rule, text), Err(Reason::RoleMissing), "{text}");
    }
    assert_eq!(rule.check(ClaimsText::Jwt("a.!.c")), Err(Reason::RoleMissing), "a token that cannot be decoded");
}

#[test]
fn different_requirements_have_different_ids_and_equal_ones_the_same() {
    let other = ClaimNames { roles: ClaimPath::named("permissions"), ..DEFAULT_NAMES.clone() };
    let all = [
        required(&["a", "b"], &[], None),
        required(&["a, b"], &[], None),
        required(&["a\", \"b"], &[], None),
        required(&[], &["a", "b"], None),
        required_in(&other, &[], &["a", "b"], None),
        required(&[], &["a"], Some(r#"{"c":1}"#)),
        required(&[], &["a"], Some(r#"{"c":"1"}"#)),
    ];
    for (i, one) in all.iter().enumerate() {
        assert_eq!(all.iter().position(|other| other.id == one.id), Some(i));
    }
    assert_eq!(required(&["a"], &[], None).id, required(&["a"], &[], None).id);
}

#[test]
fn a_null_of_a_response_meets_no_rule_because_its_cached_copy_has_no_such_member() {
    for rules in [r#"{"c":null}"#, r#"{"c":{"in":[1,null]}}"#] {
        let rule = required(&[], &[], Some(rules));
        let claims = br#"{"c":null}"#;
        assert_eq!(rule.check(ClaimsText::Response(claims)), Err(Reason::ClaimMismatch), "{rules}");
        assert_eq!(rule.check(ClaimsText::Json(claims)), Ok(()), "{rules}");
    }
}
