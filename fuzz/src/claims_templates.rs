//! Any lines as the claims of one issuer's tokens, in turn. Claims that match a template equal the parsed claims, in
//! Rust and in JavaScript.

use monocloud_backend_node::engine::error::Reason;
use monocloud_backend_node::engine::time::Clock;
use monocloud_backend_node::engine::token::claims::{CheckedClaims, Claims, Expected, Origin};
use monocloud_backend_node::engine::token::claims_template::ClaimsTemplates;
use monocloud_backend_node::engine::token::compact::MAX_TOKEN_BYTES;
use serde_json::{Map, Value};

use super::world::{AUDIENCE, ISSUER, NOW, TOLERANCE};

const EXPECTED: Expected<'static> = Expected {
    issuer: ISSUER,
    audience: AUDIENCE,
    lets_audience_be_absent: false,
    groups_claim: "groups",
    origin: Origin::Jwt,
};
const CLOCK: Clock = Clock::new(NOW, 0.0, TOLERANCE).unwrap();

pub fn check(data: &[u8]) {
    let mut templates = ClaimsTemplates::default();
    // Templates are learnt from few tokens. In the second round most claims match one.
    let lines = || data.split(|byte| *byte == b'\n').filter(|line| line.len() <= MAX_TOKEN_BYTES);
    for line in lines().chain(lines()) {
        check_line(&mut templates, line);
    }
}

fn check_line(templates: &mut ClaimsTemplates, line: &[u8]) {
    let read = read_whole(line);
    let Some(filled) = templates.read(line) else {
        if matches!(read, Some(Ok(_))) {
            templates.learn(line, &EXPECTED);
        }
        return;
    };
    assert_eq!(Some(filled.claims(&EXPECTED).check(&EXPECTED, &CLOCK)), read);
    let text = filled.to_text();
    drop(filled);
    let number = number_of(&text[1..4]) as u32;
    let template = templates.describe(number).expect("a template");
    let claims: Value = serde_json::from_slice(line).expect("claims");
    assert_eq!(fill(&template, &text[4..]), claims);
}

fn read_whole(line: &[u8]) -> Option<Result<CheckedClaims<'_>, Reason>> {
    Claims::read(line, &EXPECTED).map(|claims| claims.check(&EXPECTED, &CLOCK))
}

/// Does the same as `npm/client/claims-template.js`, in a simple way.
fn fill(template: &str, mut text: &str) -> Value {
    let mut template: Value = serde_json::from_str(template).expect("JSON");
    let blanks = template["blanks"].take();
    let claims: &mut Map<String, Value> = template["claims"].as_object_mut().expect("claims");
    let mut take = |length: usize| -> &str {
        let (taken, rest) = text.split_at(length);
        text = rest;
        taken
    };
    for blank in blanks.as_array().expect("blanks") {
        let value = if blank["isText"] == true {
            let length = number_of(take(2)) as usize;
            take(length).into()
        } else {
            number_of(take(6)).into()
        };
        let name = blank["name"].as_str().expect("a name");
        let holder = if blank["isInCnf"] == true { claims["cnf"].as_object_mut().expect("cnf") } else { &mut *claims };
        *holder.get_mut(name).expect("the template has it") = value;
    }
    assert_eq!(text, "");
    template["claims"].take()
}

fn number_of(digits: &str) -> u64 {
    digits.bytes().fold(0, |number, digit| number * 128 + u64::from(digit))
}
