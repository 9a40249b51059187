//! Tests of the claims rules, on both sides of each boundary, with a fixed clock.

use super::*;
use crate::engine::token::claim_names::{ClaimPath, DEFAULT_NAMES};
use crate::engine::token::confirmation::Thumbprint;

pub(super) const EXPECTED: Expected<'static> = Expected {
    issuer: "https://issuer.example",
    audience: "https://api.example.com",
    lets_audience_be_absent: false,
    names: &DEFAULT_NAMES,
    origin: Origin::Jwt,
};
pub(super) const CLOCK: Clock = Clock::new(1000.0, 0.0, 300.0).unwrap();

/// Valid claims with some members replaced. `""` removes a member.
pub(super) fn with(members: &[(&str, &str)]) -> String {
    let mut all = vec![
        ("iss", r#""https://issuer.example""#),
        ("aud", r#""https://api.example.com""#),
        ("exp", "2000"),
        ("sub", r#""user""#),
    ];
    for (name, value) in members {
        all.retain(|(existing, _)| existing != name);
        if !value.is_empty() {
            all.push((name, value));
        }
    }
    let members: Vec<_> = all.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

pub(super) fn check(text: &str) -> Result<CheckedClaims<'_>, Reason> {
    check_as(text, &EXPECTED)
}

pub(super) fn check_as<'t>(text: &'t str, expected: &Expected<'_>) -> Result<CheckedClaims<'t>, Reason> {
    Claims::read(text.as_bytes(), expected).ok_or(Reason::ClaimsInvalid)?.check(expected, &CLOCK)
}

pub(super) fn refused(member: &str, values: &[&str], reason: Reason) {
    for value in values {
        assert_eq!(check(&with(&[(member, value)])).err(), Some(reason), "{member}: {value}");
    }
}

pub(super) fn accepted(member: &str, values: &[&str]) {
    for value in values {
        assert!(check(&with(&[(member, value)])).is_ok(), "{member}: {value}");
    }
}

#[test]
fn iss_equals_the_expected_issuer_exactly() {
    accepted("iss", &[r#""https://issuer.example""#, r#""https:\/\/issuer.example""#]);
    refused(
        "iss",
        &[
            "",
            "null",
            "1",
            r#"["https://issuer.example"]"#,
            r#""https://issuer.example/""#,
            r#""https://ISSUER.example""#,
            r#""https://issuer.example.evil""#,
        ],
        Reason::IssuerMismatch,
    );
}

#[test]
fn aud_is_the_expected_audience_or_an_array_of_strings_with_it() {
    accepted(
        "aud",
        &[r#""https://api.example.com""#, r#"["https://api.example.com"]"#, r#"["other","https://api.example.com"]"#],
    );
    refused(
        "aud",
        &[
            "",
            "null",
            "[]",
            "{}",
            "1",
            r#""other""#,
            r#""https://api.example.com/""#,
            r#""https://api.example.comx""#,
            r#"["https://api.example.com",1]"#,
            r#"[["https://api.example.com"]]"#,
            r#"{"0":"https://api.example.com"}"#,
        ],
        Reason::AudienceMismatch,
    );
}

#[test]
fn a_member_that_is_null_is_absent_in_a_response_and_wrong_in_a_jwt_and_in_a_cache() {
    let nulls = ["iss", "exp", "nbf", "iat", "sub", "cnf", "scope", "groups", "acr", "auth_time", "token_type"];
    let response = Expected { origin: Origin::Introspection, ..EXPECTED };
    for name in nulls {
        let (null, absent) = (with(&[(name, "null")]), with(&[(name, "")]));
        assert_eq!(check_as(&null, &response), check_as(&absent, &response), "{name}");
        assert!(check_as(&null, &response).is_ok(), "{name}");
    }
    for origin in [Origin::Jwt, Origin::CustomMethod, Origin::Cache] {
        let expected = Expected { origin, ..EXPECTED };
        for name in ["iss", "aud", "exp", "nbf", "iat", "sub"] {
            assert!(check_as(&with(&[(name, "null")]), &expected).is_err(), "{origin:?} {name}");
        }
        let bound = with(&[("cnf", "null")]);
        let confirmation = check_as(&bound, &expected).expect("claims").confirmation;
        assert_ne!(confirmation, Confirmation::ABSENT, "{origin:?}");
    }
    let denied = with(&[("active", "null")]);
    assert!(Claims::read(denied.as_bytes(), &response).expect("claims").is_denied(), "active is required");
}

#[test]
fn a_response_may_omit_aud_only_if_the_client_says_so_and_a_jwt_never_may() {
    let lenient = |origin| Expected { origin, lets_audience_be_absent: true, ..EXPECTED };
    for absent in [with(&[("aud", "")]), with(&[("aud", "null")])] {
        for origin in [Origin::Introspection, Origin::Cache] {
            if origin == Origin::Cache && absent.contains("null") {
                continue;
            }
            let checked = check_as(&absent, &lenient(origin)).expect("accepted");
            assert!(checked.audiences.is_empty());
            let strict = Expected { origin, ..EXPECTED };
            assert_eq!(check_as(&absent, &strict).err(), Some(Reason::AudienceMismatch), "{origin:?}");
        }
        for origin in [Origin::Jwt, Origin::CustomMethod] {
            assert_eq!(check_as(&absent, &lenient(origin)).err(), Some(Reason::AudienceMismatch), "{origin:?}");
        }
    }
    for wrong in ["\"other\"", "\"\"", "[]", "1", "{}", "[null]", r#"["https://api.example.com",1]"#] {
        for origin in [Origin::Introspection, Origin::Cache, Origin::Jwt, Origin::CustomMethod] {
            let text = with(&[("aud", wrong)]);
            assert_eq!(check_as(&text, &lenient(origin)).err(), Some(Reason::AudienceMismatch), "{origin:?} {wrong}");
        }
    }
}

#[test]
fn exp_equal_to_now_minus_the_tolerance_is_expired_and_later_is_not() {
    refused("exp", &["700", "699.999", "-1", "0"], Reason::Expired);
    accepted("exp", &["700.001", "701", "1e10"]);
}

#[test]
fn exp_that_is_absent_or_not_a_number_is_refused() {
    refused("exp", &["", "null", "\"2000\"", "true", "[2000]", "{}"], Reason::ExpiryInvalid);
    assert_eq!(check(&with(&[("exp", "1e400")])).err(), Some(Reason::ClaimsInvalid));
}

#[test]
fn a_time_that_is_not_finite_is_refused_even_if_the_parser_accepts_it() {
    let text = with(&[]);
    let check = |change: fn(&mut Claims<'_>)| {
        let mut claims = Claims::read(text.as_bytes(), &EXPECTED).expect("claims");
        change(&mut claims);
        claims.check(&EXPECTED, &CLOCK).err()
    };
    // No comparison would find the first two of these expired.
    assert_eq!(check(|claims| claims.exp = Some(Value::Number(f64::INFINITY))), Some(Reason::ExpiryInvalid));
    assert_eq!(check(|claims| claims.exp = Some(Value::Number(f64::NAN))), Some(Reason::ExpiryInvalid));
    assert_eq!(check(|claims| claims.nbf = Some(Value::Number(f64::NEG_INFINITY))), Some(Reason::NotBeforeInvalid));
    assert_eq!(check(|claims| claims.iat = Some(Value::Number(f64::NAN))), Some(Reason::IssuedAtInvalid));
    assert_eq!(check(|_| {}), None);
}

#[test]
fn nbf_equal_to_now_plus_the_tolerance_is_valid_and_later_is_not() {
    accepted("nbf", &["", "1300", "0", "-5"]);
    refused("nbf", &["1300.001", "1301"], Reason::NotYetValid);
    refused("nbf", &["null", "\"1\"", "true", "[]"], Reason::NotBeforeInvalid);
}

#[test]
fn iat_is_absent_or_a_number_that_is_0_or_more() {
    accepted("iat", &["", "0", "5000", "1.5"]);
    refused("iat", &["-0.001", "-1", "null", "\"1\"", "true"], Reason::IssuedAtInvalid);
}

#[test]
fn sub_is_absent_or_a_string() {
    accepted("sub", &["", "\"\"", "\"x\""]);
    refused("sub", &["1", "null", "{}", "[\"x\"]"], Reason::SubjectInvalid);
}

#[test]
fn the_first_failing_rule_is_the_reason() {
    let all_wrong = with(&[("iss", "1"), ("aud", "1"), ("exp", "1"), ("nbf", "9999"), ("iat", "-1"), ("sub", "1")]);
    assert_eq!(check(&all_wrong).err(), Some(Reason::IssuerMismatch));
    assert_eq!(check(&with(&[("aud", "1"), ("exp", "1")])).err(), Some(Reason::AudienceMismatch));
    assert_eq!(check(&with(&[("exp", "1"), ("nbf", "9999")])).err(), Some(Reason::Expired));
    assert_eq!(check(&with(&[("nbf", "9999"), ("iat", "-1")])).err(), Some(Reason::NotYetValid));
    assert_eq!(check(&with(&[("iat", "-1"), ("sub", "1")])).err(), Some(Reason::IssuedAtInvalid));
}

#[test]
fn a_duplicate_member_is_refused_at_the_top_level_and_in_values_that_a_rule_uses_and_ignored_elsewhere() {
    let good = with(&[]);
    let body = good.trim_end_matches('}');
    for extra in [
        r#""sub":"x""#,
        r#""\u0073ub":"x""#,
        r#""x":1,"x":1"#,
        r#""cnf":{"a":1,"a":1}"#,
        r#""cnf":{"x5t#S256":"a","\u00785t#S256":"b"}"#,
        r#""cnf":{"jwk":{"kty":"EC","kty":"RSA"}}"#,
        r#""groups":[{"id":"admins","id":"guests"}]"#,
        r#""groups":["a",[{"deep":[{"x":1,"\u0078":2}]}]]"#,
        r#""groups":{"id":1,"id":1}"#,
    ] {
        assert_eq!(check(&format!("{body},{extra}}}")).err(), Some(Reason::ClaimsInvalid), "{extra}");
    }
    let aud = r#"{"iss":"https://issuer.example","aud":[{"a":1,"a":2},"https://api.example.com"],"exp":2000}"#;
    assert_eq!(check(aud).err(), Some(Reason::ClaimsInvalid));
    for extra in [r#""other":{"a":1,"a":2}"#, r#""roles":[{"id":"admins","id":"guests"}]"#] {
        assert!(check(&format!("{body},{extra}}}")).is_ok(), "{extra}");
    }
}

#[test]
fn a_lone_surrogate_is_refused_in_values_that_a_rule_uses_and_nowhere_else() {
    let good = with(&[]);
    let body = good.trim_end_matches('}');
    for extra in [
        r#""name":"Ann \ud83d""#,
        r#""name":"\uDE00\ud83d""#,
        r#""address":{"city":["\udfff"],"\ud800":1}"#,
        r#""\ud83d":1"#,
        r#""\ud83d":1,"\ud83e":1"#,
        r#""\ud83d":1,"\ufffd":1"#,
    ] {
        assert!(check(&format!("{body},{extra}}}")).is_ok(), "{extra}");
    }
    for (member, value) in [
        ("iss", r#""https://issuer.example\ud83d""#),
        ("sub", r#""\ud83d""#),
        ("scope", r#""a \ud83d""#),
        ("exp", r#""\ud83d""#),
        ("aud", r#"["https://api.example.com","\ud83d"]"#),
        ("cnf", r#"{"\ud83d":1}"#),
        ("groups", r#"["a","\ud83d"]"#),
        ("groups", r#"[{"id":"a","note":"\ud83d"}]"#),
    ] {
        refused(member, &[value], Reason::ClaimsInvalid);
    }
    for extra in [r#""\ud83d":1,"\uD83D":2"#, r#""a\udc00":1,"\u0061\uDC00":2"#] {
        assert_eq!(check(&format!("{body},{extra}}}")).err(), Some(Reason::ClaimsInvalid), "{extra}");
    }
}

#[test]
fn every_member_name_is_strict_json() {
    let good = with(&[]);
    let body = good.trim_end_matches('}');
    for name in ["\"\tscope\"", "\"\\u0041\t\"", r#""\x""#, r#""\ud8""#, "1", "null", "name", "[]"] {
        assert_eq!(check(&format!("{body},{name}:1}}")).err(), Some(Reason::ClaimsInvalid), "{name}");
    }
    assert!(check(&format!(r#"{body},"\tscope":1,"\u0000":1,"\"":1,"":1}}"#)).is_ok());
}

#[test]
fn a_value_that_no_rule_uses_may_be_any_json_and_nothing_else() {
    accepted("x", &["1e400", "-1e-400", r#""\u0000""#, "123456789012345678901234567890"]);
    for value in
        [r#""\ud83""#, r#""\x""#, "\"\u{1}\"", "01", "1.", "+1", "NaN", "tru", "[1,]", "{\"a\":}", "{a:1}", "[}", "'a'"]
    {
        refused("x", &[value], Reason::ClaimsInvalid);
    }
}

#[test]
fn proto_and_constructor_are_ordinary_members() {
    accepted("__proto__", &[r#"{"scope":"admin"}"#]);
    accepted("constructor", &["1"]);
}

#[test]
fn claims_with_32_levels_are_accepted_and_with_33_are_not() {
    let nested = |levels: usize| with(&[("x", &format!("{}{}", "[".repeat(levels), "]".repeat(levels)))]);
    assert!(check(&nested(31)).is_ok());
    assert_eq!(check(&nested(32)).err(), Some(Reason::ClaimsInvalid));
    assert_eq!(check(&nested(6_000)).err(), Some(Reason::ClaimsInvalid));
    // Brackets in strings do not open a level. Square and curly brackets both count.
    accepted("x", &[&format!(r#"["{}","\"[",{{}}]"#, "[{".repeat(40)), &format!("[{}]", "[],{},".repeat(40) + "0")]);
    let mixed = |levels: usize| format!("{}1{}", r#"{"a":["#.repeat(levels / 2), "]}".repeat(levels / 2));
    accepted("x", &[&mixed(30)]);
    refused("x", &[&mixed(32), &format!(r#"["\\",{}]"#, mixed(32))], Reason::ClaimsInvalid);
    for member in ["groups", "cnf", "sub"] {
        refused(member, &[&mixed(32)], Reason::ClaimsInvalid);
    }
}

#[test]
fn claims_that_are_not_one_object_are_refused() {
    for text in ["", "[]", "null", "\"x\"", "1", "{} {}", "{", "\u{feff}{}"] {
        assert_eq!(check(text).err(), Some(Reason::ClaimsInvalid), "{text:?}");
    }
    assert!(Claims::read(b"{\"sub\":\"\xff\"}", &EXPECTED).is_none());
}

#[test]
fn a_malformed_confirmation_is_unreadable_and_not_absent() {
    let confirmation = |cnf: &str| check(&with(&[("cnf", cnf)])).map(|checked| checked.confirmation);
    assert_eq!(confirmation(""), Ok(Confirmation::ABSENT));
    assert_eq!(confirmation("{}"), Ok(Confirmation::ABSENT));
    assert_eq!(confirmation(r#"{"kc-jkt-type":1,"jwk":{}}"#), Ok(Confirmation::ABSENT), "unknown members");
    let wrong = Binding::Unreadable;
    let unreadable = Confirmation { certificate: wrong, key: wrong, ..Confirmation::ABSENT };
    for cnf in ["null", "1", "[]", "\"x\""] {
        assert_eq!(confirmation(cnf), Ok(unreadable), "{cnf}");
    }
    for wrong in ["1", "null", "\"\"", "\"short\"", "{}"] {
        let of = |member: &str| confirmation(&format!(r#"{{"{member}":{wrong}}}"#));
        assert_eq!(of("x5t#S256"), Ok(Confirmation { certificate: Binding::Unreadable, ..Confirmation::ABSENT }));
        assert_eq!(of("jkt"), Ok(Confirmation { key: Binding::Unreadable, ..Confirmation::ABSENT }));
    }
}

#[test]
fn a_jkt_is_strict_base64url_of_32_bytes_and_may_stand_beside_a_certificate() {
    let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let key = |cnf: &str| check(&with(&[("cnf", cnf)])).expect("claims").confirmation;
    let bound = Binding::Bound(Thumbprint::parse(jkt).expect("a thumbprint"));
    assert_eq!(key(&format!(r#"{{"jkt":"{jkt}"}}"#)), Confirmation { key: bound, ..Confirmation::ABSENT });
    let both = key(&format!(r#"{{"jkt":"{jkt}","x5t#S256":"{jkt}","other":1}}"#));
    assert_eq!(both, Confirmation { certificate: bound, key: bound, ..Confirmation::ABSENT });
    for wrong in [format!("{jkt}="), jkt[..42].to_owned(), format!("{jkt}A"), jkt.replace('-', "+")] {
        assert_eq!(key(&format!(r#"{{"jkt":"{wrong}"}}"#)).key, Binding::Unreadable, "{wrong}");
    }
    let twice = with(&[("cnf", &format!(r#"{{"jkt":"{jkt}","jkt":"{jkt}"}}"#))]);
    assert_eq!(check(&twice).err(), Some(Reason::ClaimsInvalid));
}

#[test]
fn an_introspected_token_of_the_type_dpop_has_a_readable_jkt() {
    let jkt = r#"{"jkt":"0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}"#;
    let key = |kind: &str, cnf: &str, origin: Origin| {
        let text = with(&[("token_type", kind), ("cnf", cnf)]);
        check_as(&text, &Expected { origin, ..EXPECTED }).expect("claims").confirmation.key
    };
    for origin in [Origin::Introspection, Origin::Cache] {
        for kind in ["\"DPoP\"", "\"dpop\"", "\"DPOP\""] {
            assert_eq!(key(kind, "", origin), Binding::Unreadable);
            assert_eq!(key(kind, "{}", origin), Binding::Unreadable);
            assert!(matches!(key(kind, jkt, origin), Binding::Bound(_)));
        }
        for kind in ["\"Bearer\"", "\"N_A\"", "1", "null", "[\"DPoP\"]"] {
            assert_eq!(key(kind, "", origin), Binding::Absent);
            assert!(matches!(key(kind, jkt, origin), Binding::Bound(_)), "cnf decides");
        }
    }
    assert_eq!(key("\"DPoP\"", "", Origin::Jwt), Binding::Absent, "a claim of a JWT has another meaning");
}

#[test]
fn iss_and_exp_are_optional_in_an_introspection_response_and_checked_when_present() {
    let expected = Expected { origin: Origin::Introspection, ..EXPECTED };
    assert!(check_as(&with(&[("iss", ""), ("exp", "")]), &expected).is_ok());
    assert_eq!(check_as(&with(&[("iss", "\"x\"")]), &expected).err(), Some(Reason::IssuerMismatch));
    assert_eq!(check_as(&with(&[("exp", "700")]), &expected).err(), Some(Reason::Expired));
    assert_eq!(check_as(&with(&[("aud", "")]), &expected).err(), Some(Reason::AudienceMismatch));
}

#[test]
fn a_malformed_acr_or_auth_time_counts_as_absent_and_makes_no_token_invalid() {
    for acr in ["null", "1", r#"["gold"]"#, r#"{"a":1,"a":2}"#, r#""\ud800""#, r#"{"a":"\ud800"}"#] {
        let text = with(&[("acr", acr), ("auth_time", "7")]);
        let checked = check(&text).expect("good claims");
        assert_eq!((checked.acr, checked.auth_time), (None, Some(7.0)), "{acr}");
    }
    for auth_time in ["null", r#""7""#, "[7]", r#"{"a":1,"a":2}"#, "1e400", r#""\ud800""#] {
        let text = with(&[("acr", r#""gold""#), ("auth_time", auth_time)]);
        let checked = check(&text).expect("good claims");
        assert_eq!((checked.acr.as_deref(), checked.auth_time), (Some("gold"), None), "{auth_time}");
    }
    let deep = format!("{}{}", "[".repeat(32), "]".repeat(32));
    refused("acr", &[&deep], Reason::ClaimsInvalid);
    let text = with(&[("acr", r#""gold""#)]).replace('}', r#","acr":"gold"}"#);
    assert_eq!(check(&text).err(), Some(Reason::ClaimsInvalid), "a duplicate member");
}

#[test]
fn acr_may_be_the_groups_claim_too() {
    let names = ClaimNames { groups: ClaimPath::named("acr"), ..DEFAULT_NAMES.clone() };
    let expected = Expected { names: &names, ..EXPECTED };
    let text = with(&[("acr", r#"["gold"]"#)]);
    let checked = check_as(&text, &expected).expect("good claims");
    assert_eq!((checked.groups.as_ref(), checked.acr), (&["gold".into()][..], None));
    let text = with(&[("acr", r#"[{"id":"a","id":"b"}]"#)]);
    assert_eq!(check_as(&text, &expected).err(), Some(Reason::ClaimsInvalid));
}

#[test]
fn the_times_of_checked_claims_can_be_checked_again() {
    let text = with(&[("nbf", "1100")]);
    let checked = check(&text).expect("good claims");
    let at = |now: f64| checked.check_times(&Clock::new(now, 0.0, 0.0).expect("a clock"));
    assert_eq!(at(1099.0), Err(Reason::NotYetValid));
    assert_eq!(at(1100.0), Ok(()));
    assert_eq!(at(1999.999), Ok(()));
    assert_eq!(at(2000.0), Err(Reason::Expired));
}

#[test]
fn a_cached_response_needs_iss_and_may_omit_exp() {
    let expected = Expected { origin: Origin::Cache, ..EXPECTED };
    assert!(check_as(&with(&[("exp", "")]), &expected).is_ok());
    assert_eq!(check_as(&with(&[("iss", "")]), &expected).err(), Some(Reason::IssuerMismatch));
}

#[test]
fn active_is_absent_or_exactly_true_or_denied() {
    let read = |active: &str| {
        let text = with(&[("active", active)]);
        let claims = Claims::read(text.as_bytes(), &EXPECTED).expect("claims");
        (claims.is_active(), claims.is_denied())
    };
    assert_eq!((read("true"), read("")), ((true, false), (false, false)));
    for other in ["false", "\"true\"", "1", "null", "[true]"] {
        assert_eq!(read(other), (false, true), "{other}");
    }
}
