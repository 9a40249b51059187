//! A wider policy never refuses more: with fewer scopes, groups, permissions, roles or rules, or with more alternatives,
//! every token that was accepted is accepted.

use super::*;
use crate::engine::authorize::claim_requirements::ClaimsText;
use crate::engine::token::claim_names::DEFAULT_NAMES;
use crate::engine::token::claims::{Claims, Expected, Origin};

const CLOCK: Clock = Clock::new(1000.0, 0.0, 0.0).unwrap();
const WORDS: [&str; 4] = ["a", "b", "c", "d"];

/// Numbers that are the same in every run (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn words(&mut self, most: usize) -> Vec<String> {
        (0..self.below(most + 1)).map(|_| WORDS[self.below(WORDS.len())].to_owned()).collect()
    }
}

/// A policy that can be changed.
#[derive(Clone, Debug, Default)]
struct Draft {
    scopes: Vec<String>,
    any_scopes: Vec<String>,
    groups: Vec<String>,
    all_groups: bool,
    permissions: Vec<String>,
    roles: Vec<String>,
    /// For each claim, the values of `in`, or of `contains`.
    is_in: Vec<Vec<String>>,
    contains: Vec<Vec<String>>,
    implied: Vec<(String, Vec<String>)>,
}

impl Draft {
    fn random(random: &mut Random) -> Draft {
        let rules = |random: &mut Random, count: usize| {
            (0..random.below(count + 1)).map(|_| random.words(3)).filter(|words| !words.is_empty()).collect()
        };
        Draft {
            scopes: random.words(2),
            any_scopes: random.words(2),
            groups: random.words(2),
            all_groups: random.below(2) == 0,
            permissions: random.words(1),
            roles: random.words(1),
            is_in: rules(random, 2),
            contains: rules(random, 1),
            implied: (0..random.below(3)).map(|_| (WORDS[random.below(4)].to_owned(), random.words(2))).collect(),
        }
    }

    /// Removes a requirement, or adds an alternative.
    fn widened(&self, random: &mut Random) -> Draft {
        let mut wide = self.clone();
        let word = WORDS[random.below(WORDS.len())].to_owned();
        match random.below(11) {
            0 => drop(wide.scopes.pop()),
            1 => wide.any_scopes.clear(),
            2 if !wide.any_scopes.is_empty() => wide.any_scopes.push(word),
            3 => wide.all_groups = false,
            4 if wide.all_groups => drop(wide.groups.pop()),
            4 if !wide.groups.is_empty() => wide.groups.push(word),
            5 => drop(wide.permissions.pop()),
            6 => drop(wide.roles.pop()),
            7 => drop(wide.is_in.pop()),
            8 => wide.is_in.iter_mut().for_each(|values| values.push(word.clone())),
            9 => wide.contains.iter_mut().filter(|values| values.len() > 1).for_each(|values| drop(values.pop())),
            _ => wide.implied.push((word, random.words(2))),
        }
        wide
    }

    fn policy(&self) -> Policy {
        let boxed = |words: &[String]| words.iter().map(|word| word.as_str().into()).collect();
        let mut rules = serde_json::Map::new();
        for (i, values) in self.is_in.iter().enumerate() {
            rules.insert(format!("in{i}"), serde_json::json!({ "in": values }));
        }
        for (i, values) in self.contains.iter().enumerate() {
            rules.insert(format!("list{i}"), serde_json::json!({ "contains": values }));
        }
        let rules = serde_json::Value::Object(rules).to_string();
        let (permissions, roles) = (boxed(&self.permissions), boxed(&self.roles));
        Policy {
            scopes: boxed(&self.scopes),
            any_scopes: boxed(&self.any_scopes),
            implied_scopes: Arc::new(ImpliedScopes::new(self.implied.clone()).expect("valid")),
            groups: boxed(&self.groups),
            matches_all_groups: self.all_groups,
            claims: ClaimRequirements::new(&DEFAULT_NAMES, permissions, roles, Some(&rules)).expect("valid"),
            ..Policy::default()
        }
    }

    fn accepts(&self, text: &str) -> bool {
        let expected = Expected {
            issuer: "i",
            audience: "a",
            lets_audience_be_absent: false,
            names: &DEFAULT_NAMES,
            origin: Origin::Jwt,
        };
        let claims = Claims::read(text.as_bytes(), &expected).and_then(|claims| claims.check(&expected, &CLOCK).ok());
        let policy = self.policy();
        policy.check(&claims.expect("good claims"), "", Possession::default(), &CLOCK).is_ok()
            && policy.claims.is_none_or(|required| required.check(ClaimsText::Json(text.as_bytes())).is_ok())
    }
}

fn claims(random: &mut Random) -> String {
    let mut claims = serde_json::json!({ "iss": "i", "aud": "a", "exp": 2000 });
    for name in ["scope", "groups", "permissions", "roles", "list0"] {
        let words = random.words(4);
        claims[name] = if random.below(3) == 0 { words.join(" ").into() } else { words.into() };
    }
    for name in ["in0", "in1"] {
        claims[name] = WORDS[random.below(WORDS.len())].into();
    }
    claims.to_string()
}

#[test]
fn a_wider_policy_never_refuses_more() {
    let mut random = Random(0x2026_1126);
    let (mut accepted, mut opened) = (0, 0);
    for _ in 0..20_000 {
        let text = claims(&mut random);
        let narrow = Draft::random(&mut random);
        let wide = narrow.widened(&mut random);
        if narrow.accepts(&text) {
            accepted += 1;
            assert!(wide.accepts(&text), "{text}\n{narrow:?}\n{wide:?}");
        } else if wide.accepts(&text) {
            opened += 1;
        }
    }
    assert!(accepted > 500 && opened > 200, "accepted {accepted}, and {opened} more by the wider policy");
}
