//! Claims rules: do claims have the values that a route requires?
//!
//! A rule names one claim, and every rule must hold. Values are compared like `===` in JavaScript: a string never equals a
//! number, and an array or object equals nothing. A claim that is absent, or that Rust cannot represent, meets no rule.

use crate::engine::token::json::{self, Value};
use crate::engine::token::lists::texts_in;

/// The maximum number of rules of a route.
const MOST_RULES: usize = 50;
/// The maximum number of values in all rules of a route.
const MOST_VALUES: usize = 1000;
/// The maximum length of the rules' JSON text.
const MOST_BYTES: usize = 65_536;

/// The claims that have rules already: RFC 7519 §4.1, RFC 7800 §3.1, RFC 7662 §2.2.
const WITH_RULES: [&str; 7] = ["iss", "aud", "exp", "nbf", "iat", "cnf", "active"];

/// The rules of a route, by the name of a claim.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClaimRules(Vec<(Box<str>, Rule)>);

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    /// The claim is one of these values.
    In(Vec<Value<'static>>),
    /// The claim is an array with all these strings. A string never contains another one: that would be a substring.
    Contains(Vec<Box<str>>),
}

impl ClaimRules {
    /// Parses the JSON text of an object with a rule for each claim: a string, a number, a boolean, null,
    /// `{ "in": [...] }` or `{ "contains": "…" }`. The error completes the sentence "claims …".
    pub fn parse(text: &str) -> Result<ClaimRules, &'static str> {
        let seed = json::ValueSeed { depth: json::MAX_DEPTH, keeps_nested: true };
        if text.len() > MOST_BYTES {
            return Err("must have at most 65536 bytes as JSON");
        }
        let Some(Value::Object(members)) = json::read(text.as_bytes(), seed) else {
            return Err("must be an object with a rule for each claim");
        };
        if members.iter().any(|(name, _)| WITH_RULES.contains(&&**name)) {
            return Err("must not name iss, aud, exp, nbf, iat, cnf or active, which have rules already");
        }
        let mut rules: Vec<(Box<str>, Rule)> = Vec::with_capacity(members.len());
        for (name, rule) in members {
            rules.push(((*name).into(), Rule::of(rule.into_owned())?));
        }
        let values: usize = rules.iter().map(|(_, rule)| rule.size()).sum();
        let is_small = rules.len() <= MOST_RULES && values <= MOST_VALUES;
        if is_small { Ok(ClaimRules(rules)) } else { Err("must have at most 50 rules and 1000 values") }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any rule reads a claim.
    pub fn reads(&self, claim: &str) -> bool {
        self.0.iter().any(|(name, _)| **name == *claim)
    }

    /// Whether every rule holds. `value_of` returns the value of a claim.
    pub fn hold<'v, 'de: 'v>(&self, value_of: impl Fn(&str) -> Option<&'v Value<'de>>) -> bool {
        self.0.iter().all(|(name, rule)| value_of(name).is_some_and(|value| rule.holds(value)))
    }
}

impl Rule {
    fn of(rule: Value<'static>) -> Result<Rule, &'static str> {
        let members = match rule {
            Value::Array(_) => return Err("must not have an array as a rule: use { in } or { contains }"),
            Value::Object(members) => members,
            value => return Ok(Rule::In(vec![value])),
        };
        let mut members = members.into_iter();
        match (members.next(), members.next()) {
            (Some((name, Value::Array(values))), None) if name == "in" && is_list_of(&values, is_scalar) => {
                Ok(Rule::In(values))
            }
            (Some((name, Value::Text(value))), None) if name == "contains" => {
                Ok(Rule::Contains(vec![value.into_owned().into()]))
            }
            (Some((name, Value::Array(values))), None) if name == "contains" && is_list_of(&values, is_text) => {
                Ok(Rule::Contains(texts_in(&values).map(|text| (**text).into()).collect()))
            }
            (Some((name, _)), None) if name == "in" => {
                Err("must have { in } with at least one string, number, boolean or null")
            }
            (Some((name, _)), None) if name == "contains" => {
                Err("must have { contains } with a string, or with at least one string")
            }
            _ => Err("must have rules that are a value, { in } or { contains }"),
        }
    }

    fn size(&self) -> usize {
        match self {
            Rule::In(values) => values.len(),
            Rule::Contains(values) => values.len(),
        }
    }

    fn holds(&self, value: &Value<'_>) -> bool {
        match (self, value) {
            // NaN is no JSON, so equal numbers are equal in JavaScript too, 0 and -0 among them.
            (Rule::In(values), value) => is_scalar(value) && values.contains(value),
            (Rule::Contains(required), Value::Array(items)) => {
                required.iter().all(|required| texts_in(items).any(|text| **text == **required))
            }
            (Rule::Contains(_), _) => false,
        }
    }
}

fn is_list_of(values: &[Value<'_>], is_allowed: impl Fn(&Value<'_>) -> bool) -> bool {
    !values.is_empty() && values.iter().all(is_allowed)
}

fn is_scalar(value: &Value<'_>) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}

fn is_text(value: &Value<'_>) -> bool {
    matches!(value, Value::Text(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(rule: &str, claim: &str) -> bool {
        let rules = ClaimRules::parse(&format!(r#"{{"c":{rule}}}"#)).unwrap_or_else(|error| panic!("{rule}: {error}"));
        let seed = json::ValueSeed { depth: json::MAX_DEPTH, keeps_nested: true };
        let value = json::read(claim.as_bytes(), seed).expect("JSON");
        rules.hold(|name| (name == "c").then_some(&value))
    }

    #[test]
    fn a_value_is_compared_with_its_type() {
        for (rule, equal) in [(r#""1""#, r#""\u0031""#), ("1", "1.0"), ("0", "-0"), ("true", "true"), ("null", "null")]
        {
            assert!(holds(rule, equal), "{rule} {equal}");
            assert!(holds(&format!(r#"{{"in":["x",{rule}]}}"#), equal), "{rule} {equal}");
        }
        for rule in [r#""1""#, "1", "true", "null", r#"{"in":["1",1,true,null]}"#] {
            for other in [r#""true""#, r#""null""#, "0", "2", "false", r#""""#, r#"["1",1,true,null]"#, "{}", "[]"] {
                assert!(!holds(rule, other), "{rule} {other}");
            }
        }
        assert!(!holds("1", r#""1""#) && !holds(r#""1""#, "1") && !holds("1", "true") && !holds("null", "0"));
        assert!(holds("9007199254740993", "9007199254740992"), "numbers are those of JavaScript");
    }

    #[test]
    fn contains_needs_an_array_with_all_the_strings_and_never_matches_a_string() {
        for all in [r#"["a","b"]"#, r#"["b",1,["x"],"a",{"a":1}]"#] {
            assert!(holds(r#"{"contains":"a"}"#, all) && holds(r#"{"contains":["a","b"]}"#, all), "{all}");
        }
        for none in [r#""a""#, r#""a b""#, r#"["ab"]"#, r#"[["a"]]"#, r#"{"a":true}"#, r#"{"0":"a"}"#, "[]", "null"] {
            assert!(!holds(r#"{"contains":"a"}"#, none), "{none}");
        }
        assert!(!holds(r#"{"contains":["a","b"]}"#, r#"["a"]"#));
    }

    #[test]
    fn an_absent_claim_meets_no_rule_and_every_rule_must_hold() {
        let rules = |text: &str| ClaimRules::parse(text).expect("rules");
        let one = Value::Number(1.0);
        let value_of = |name: &str| (name == "a").then_some(&one);
        assert!(rules(r#"{"a":1}"#).hold(value_of) && rules("{}").hold(value_of));
        assert!(!rules(r#"{"b":null}"#).hold(value_of));
        assert!(!rules(r#"{"a":1,"b":1}"#).hold(value_of));
        assert!(!rules(r#"{"toString":{"in":[1]}}"#).hold(value_of));
    }

    #[test]
    fn rules_that_could_mean_nothing_or_two_things_are_refused() {
        for rule in [
            "[]",
            r#"["a"]"#,
            "{}",
            r#"{"in":[]}"#,
            r#"{"contains":[]}"#,
            r#"{"in":"a"}"#,
            r#"{"in":null}"#,
            r#"{"in":[[1]]}"#,
            r#"{"in":[{}]}"#,
            r#"{"contains":1}"#,
            r#"{"contains":[1]}"#,
            r#"{"contains":null}"#,
            r#"{"in":["a"],"contains":"a"}"#,
            r#"{"in":["a"],"not":1}"#,
            r#"{"equals":1}"#,
            r#"{"In":[1]}"#,
            r#"{"in":[1],"in":[2]}"#,
            "1e400",
            r#""\ud800""#,
        ] {
            assert!(ClaimRules::parse(&format!(r#"{{"c":{rule}}}"#)).is_err(), "{rule}");
        }
        for text in
            ["", "[]", "null", "1", r#"{"a":1,"a":1}"#, r#"{"a":1} "#.trim_end().strip_suffix('}').unwrap_or("")]
        {
            assert!(ClaimRules::parse(text).is_err(), "{text}");
        }
        for name in WITH_RULES {
            assert!(ClaimRules::parse(&format!(r#"{{"{name}":1}}"#)).is_err(), "{name}");
        }
    }

    #[test]
    fn the_number_of_rules_and_values_and_the_length_are_bounded() {
        let rules = |count: usize, rule: &str| {
            let members: Vec<_> = (0..count).map(|i| format!(r#""c{i}":{rule}"#)).collect();
            ClaimRules::parse(&format!("{{{}}}", members.join(","))).is_ok()
        };
        assert!(rules(50, "1") && !rules(51, "1"));
        let values = |count: usize| format!(r#"{{"in":[{}]}}"#, vec!["1"; count].join(","));
        assert!(rules(1, &values(1000)) && !rules(1, &values(1001)) && !rules(2, &values(501)));
        let long = |count: usize| rules(1, &format!(r#""{}""#, "a".repeat(count)));
        assert!(long(65_000) && !long(65_536));
    }
}
