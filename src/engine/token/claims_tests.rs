//! The claims rules, on both sides of each boundary, with a fixed clock.

use super::*;

const EXPECTED: Expected<'static> = Expected {
    issuer: "https://issuer.example",
    audience: "https://api.example.com",
    groups_claim: "groups",
    origin: Origin::Jwt,
};
const CLOCK: Clock = Clock::new(1000.0, 0.0, 300.0).unwrap();

/// Good claims with members replaced; `""` removes one.
fn with(members: &[(&str, &str)]) -> String {
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

fn prove(text: &str) -> Result<CheckedClaims<'_>, Reason> {
    prove_as(text, &EXPECTED)
}

fn prove_as<'t>(text: &'t str, expected: &Expected<'_>) -> Result<CheckedClaims<'t>, Reason> {
    Claims::read(text.as_bytes(), expected).ok_or(Reason::ClaimsInvalid)?.prove(expected, &CLOCK)
}

fn refused(member: &str, values: &[&str], reason: Reason) {
    for value in values {
        assert_eq!(prove(&with(&[(member, value)])).err(), Some(reason), "{member}: {value}");
    }
}

fn accepted(member: &str, values: &[&str]) {
    for value in values {
        assert!(prove(&with(&[(member, value)])).is_ok(), "{member}: {value}");
    }
}

#[test]
fn the_issuer_is_exactly_ours() {
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
fn the_audience_is_ours_or_in_an_array_of_strings() {
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
fn exp_at_now_less_the_tolerance_is_expired_and_any_later_is_not() {
    refused("exp", &["700", "699.999", "-1", "0"], Reason::Expired);
    accepted("exp", &["700.001", "701", "1e10"]);
}

#[test]
fn exp_that_is_absent_or_no_number_is_refused() {
    refused("exp", &["", "null", "\"2000\"", "true", "[2000]", "{}"], Reason::ExpiryInvalid);
    assert_eq!(prove(&with(&[("exp", "1e400")])).err(), Some(Reason::ClaimsInvalid));
}

#[test]
fn a_time_that_is_not_finite_is_refused_whatever_reader_let_it_through() {
    let text = with(&[]);
    let prove = |change: fn(&mut Claims<'_>)| {
        let mut claims = Claims::read(text.as_bytes(), &EXPECTED).expect("claims");
        change(&mut claims);
        claims.prove(&EXPECTED, &CLOCK).err()
    };
    // No comparison would ever call the first two of these expired.
    assert_eq!(prove(|claims| claims.exp = Some(Value::Number(f64::INFINITY))), Some(Reason::ExpiryInvalid));
    assert_eq!(prove(|claims| claims.exp = Some(Value::Number(f64::NAN))), Some(Reason::ExpiryInvalid));
    assert_eq!(prove(|claims| claims.nbf = Some(Value::Number(f64::NEG_INFINITY))), Some(Reason::NotBeforeInvalid));
    assert_eq!(prove(|claims| claims.iat = Some(Value::Number(f64::NAN))), Some(Reason::IssuedAtInvalid));
    assert_eq!(prove(|_| {}), None);
}

#[test]
fn nbf_at_now_and_the_tolerance_is_valid_and_any_later_is_not() {
    accepted("nbf", &["", "1300", "0", "-5"]);
    refused("nbf", &["1300.001", "1301"], Reason::NotYetValid);
    refused("nbf", &["null", "\"1\"", "true", "[]"], Reason::NotBeforeInvalid);
}

#[test]
fn iat_is_absent_or_a_number_at_or_above_0() {
    accepted("iat", &["", "0", "5000", "1.5"]);
    refused("iat", &["-0.001", "-1", "null", "\"1\"", "true"], Reason::IssuedAtInvalid);
}

#[test]
fn sub_is_absent_or_a_string() {
    accepted("sub", &["", "\"\"", "\"x\""]);
    refused("sub", &["1", "null", "{}", "[\"x\"]"], Reason::SubjectInvalid);
}

#[test]
fn the_first_failing_rule_in_the_contracts_order_is_named() {
    let all_wrong = with(&[("iss", "1"), ("aud", "1"), ("exp", "1"), ("nbf", "9999"), ("iat", "-1"), ("sub", "1")]);
    assert_eq!(prove(&all_wrong).err(), Some(Reason::IssuerMismatch));
    assert_eq!(prove(&with(&[("aud", "1"), ("exp", "1")])).err(), Some(Reason::AudienceMismatch));
    assert_eq!(prove(&with(&[("exp", "1"), ("nbf", "9999")])).err(), Some(Reason::Expired));
    assert_eq!(prove(&with(&[("nbf", "9999"), ("iat", "-1")])).err(), Some(Reason::NotYetValid));
    assert_eq!(prove(&with(&[("iat", "-1"), ("sub", "1")])).err(), Some(Reason::IssuedAtInvalid));
}

#[test]
fn a_duplicate_member_is_refused_at_the_top_and_wherever_a_rule_reads_and_ignored_elsewhere() {
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
        assert_eq!(prove(&format!("{body},{extra}}}")).err(), Some(Reason::ClaimsInvalid), "{extra}");
    }
    let aud = r#"{"iss":"https://issuer.example","aud":[{"a":1,"a":2},"https://api.example.com"],"exp":2000}"#;
    assert_eq!(prove(aud).err(), Some(Reason::ClaimsInvalid));
    for extra in [r#""other":{"a":1,"a":2}"#, r#""roles":[{"id":"admins","id":"guests"}]"#] {
        assert!(prove(&format!("{body},{extra}}}")).is_ok(), "{extra}");
    }
}

#[test]
fn a_lone_surrogate_is_refused_where_a_rule_reads_and_nowhere_else() {
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
        assert!(prove(&format!("{body},{extra}}}")).is_ok(), "{extra}");
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
        assert_eq!(prove(&format!("{body},{extra}}}")).err(), Some(Reason::ClaimsInvalid), "{extra}");
    }
}

#[test]
fn a_name_is_strict_json_whether_a_rule_knows_it_or_not() {
    let good = with(&[]);
    let body = good.trim_end_matches('}');
    for name in ["\"\tscope\"", "\"\\u0041\t\"", r#""\x""#, r#""\ud8""#, "1", "null", "name", "[]"] {
        assert_eq!(prove(&format!("{body},{name}:1}}")).err(), Some(Reason::ClaimsInvalid), "{name}");
    }
    assert!(prove(&format!(r#"{body},"\tscope":1,"\u0000":1,"\"":1,"":1}}"#)).is_ok());
}

#[test]
fn a_value_that_no_rule_reads_is_any_json_and_nothing_else() {
    accepted("x", &["1e400", "-1e-400", r#""\u0000""#, "123456789012345678901234567890"]);
    for value in
        [r#""\ud83""#, r#""\x""#, "\"\u{1}\"", "01", "1.", "+1", "NaN", "tru", "[1,]", "{\"a\":}", "{a:1}", "[}", "'a'"]
    {
        refused("x", &[value], Reason::ClaimsInvalid);
    }
}

#[test]
fn proto_and_constructor_are_members_like_any_other() {
    accepted("__proto__", &[r#"{"scope":"admin"}"#]);
    accepted("constructor", &["1"]);
}

#[test]
fn claims_nested_32_levels_are_read_and_33_are_not() {
    let nested = |levels: usize| with(&[("x", &format!("{}{}", "[".repeat(levels), "]".repeat(levels)))]);
    assert!(prove(&nested(31)).is_ok());
    assert_eq!(prove(&nested(32)).err(), Some(Reason::ClaimsInvalid));
    assert_eq!(prove(&nested(6_000)).err(), Some(Reason::ClaimsInvalid));
    // Brackets in strings open no level, and both kinds of brackets count.
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
        assert_eq!(prove(text).err(), Some(Reason::ClaimsInvalid), "{text:?}");
    }
    assert!(Claims::read(b"{\"sub\":\"\xff\"}", &EXPECTED).is_none());
}

#[test]
fn a_confirmation_that_cannot_be_read_counts_as_carrying_one() {
    let confirmation = |cnf: &str| prove(&with(&[("cnf", cnf)])).map(|facts| facts.confirmation);
    assert_eq!(confirmation(""), Ok(Confirmation::Absent));
    assert_eq!(confirmation("{}"), Ok(Confirmation::Absent));
    assert_eq!(confirmation(r#"{"jkt":"x"}"#), Ok(Confirmation::Absent));
    for unreadable in
        ["null", "1", "[]", "\"x\"", r#"{"x5t#S256":1}"#, r#"{"x5t#S256":"short"}"#, r#"{"x5t#S256":null}"#]
    {
        assert_eq!(confirmation(unreadable), Ok(Confirmation::Unreadable), "{unreadable}");
    }
}

#[test]
fn groups_are_strings_ids_and_names_and_anything_else_holds_none() {
    let groups = |text: &str| prove(&with(&[("groups", text)])).map(|facts| facts.groups.join(","));
    assert_eq!(groups(r#"["a",{"id":"1","name":"b"},2,null,["c"],{"name":3}]"#).as_deref(), Ok("a,1,b"));
    for none in ["", "null", "\"a\"", "{}", "1", r#"{"id":"a"}"#] {
        assert_eq!(groups(none).as_deref(), Ok(""), "{none}");
    }
}

#[test]
fn the_groups_claim_may_have_a_registered_name() {
    let expected = Expected { groups_claim: "aud", ..EXPECTED };
    let text = with(&[("aud", r#"["https://api.example.com","g"]"#)]);
    let facts = prove_as(&text, &expected);
    assert_eq!(facts.map(|facts| facts.groups.len()), Ok(2));
    assert_eq!(prove_as(&with(&[("aud", r#"["g"]"#)]), &expected).err(), Some(Reason::AudienceMismatch));
}

#[test]
fn an_introspected_token_may_leave_iss_and_exp_out_but_not_get_them_wrong() {
    let expected = Expected { origin: Origin::Introspection, ..EXPECTED };
    assert!(prove_as(&with(&[("iss", ""), ("exp", "")]), &expected).is_ok());
    assert_eq!(prove_as(&with(&[("iss", "\"x\"")]), &expected).err(), Some(Reason::IssuerMismatch));
    assert_eq!(prove_as(&with(&[("exp", "700")]), &expected).err(), Some(Reason::Expired));
    assert_eq!(prove_as(&with(&[("aud", "")]), &expected).err(), Some(Reason::AudienceMismatch));
}

#[test]
fn remembered_facts_are_held_against_the_clock_again() {
    let text = with(&[("nbf", "1100")]);
    let facts = prove(&text).expect("good claims");
    let at = |now: f64| facts.check_times(&Clock::new(now, 0.0, 0.0).expect("a clock"));
    assert_eq!(at(1099.0), Err(Reason::NotYetValid));
    assert_eq!(at(1100.0), Ok(()));
    assert_eq!(at(1999.999), Ok(()));
    assert_eq!(at(2000.0), Err(Reason::Expired));
}

#[test]
fn a_cached_answer_says_its_issuer_and_may_leave_exp_out() {
    let expected = Expected { origin: Origin::Cache, ..EXPECTED };
    assert!(prove_as(&with(&[("exp", "")]), &expected).is_ok());
    assert_eq!(prove_as(&with(&[("iss", "")]), &expected).err(), Some(Reason::IssuerMismatch));
}

#[test]
fn active_is_exactly_true_or_denied_or_absent() {
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
