//! Wycheproof's JWS and JWK files: compact JWS, each with one JWK Set.

use std::path::Path;

use aws_lc_rs::hmac;
use monocloud_backend_node::engine::error::Reason;
use monocloud_backend_node::engine::token::compact::{Compact, decode_base64url};
use serde::Deserialize;
use serde_json::Value;

use super::support::{Counts, Exception, Label, Tally, Wycheproof, folder, read, set_of, verdict};

#[derive(Deserialize)]
struct Group {
    /// Absent for symmetric keys.
    public: Option<Value>,
    private: Value,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: u32,
    jws: String,
    result: Label,
}

/// One case and the JWK Set for it.
pub struct Judged {
    pub id: u32,
    pub set: Value,
    pub jws: String,
    label: Label,
    is_symmetric: bool,
}

impl Judged {
    pub fn verdict(&self) -> Result<(), Reason> {
        verdict(&self.set, &self.jws)
    }

    /// A member of the JWK, if the set has one key.
    pub fn member(&self, name: &str) -> &str {
        let text = self.set.pointer("/keys/0").and_then(|key| key.get(name)).and_then(Value::as_str);
        text.unwrap_or_else(|| panic!("tcId {}: the key has no {name}", self.id))
    }

    /// The same case with one member of its key changed.
    fn under_key_with(&self, name: &str, value: &str) -> Result<(), Reason> {
        let mut set = self.set.clone();
        set["keys"][0][name] = value.into();
        verdict(&set, &self.jws)
    }

    fn split(&self) -> Compact<'_> {
        Compact::split(&self.jws).unwrap_or_else(|reason| panic!("tcId {}: {reason:?}", self.id))
    }
}

/// The cases of a file. Symmetric keys use the only JWK they have.
pub fn cases(folder: &Path, name: &str) -> Vec<Judged> {
    let file: Wycheproof<Group> = read(folder, name);
    let mut cases = Vec::new();
    for group in file.test_groups {
        let is_symmetric = group.public.is_none();
        let key = group.public.unwrap_or(group.private);
        let set = if key.get("keys").is_some() { key } else { set_of(&key) };
        cases.extend(group.tests.into_iter().map(|Case { tc_id, jws, result }| Judged {
            id: tc_id,
            set: set.clone(),
            jws,
            label: result,
            is_symmetric,
        }));
    }
    assert_eq!(cases.len(), file.number_of_tests, "{name}: cases");
    cases
}

/// The case of a number that must exist.
pub fn find(cases: &[Judged], id: u32) -> &Judged {
    cases.iter().find(|case| case.id == id).unwrap_or_else(|| panic!("no tcId {id}"))
}

pub const JWS: &str = "wycheproof/json_web_signature_test.json";
pub const JWK: &str = "wycheproof/json_web_key_test.json";

/// Cases with a wrong label; tests below prove that it is wrong.
const MISLABELLED: [(u32, Exception); 8] = [
    (346, PS384_UNDER_PS256),
    (350, PS384_UNDER_PS256),
    (347, KEY_FOR_ES521),
    (351, KEY_FOR_ES521),
    (367, COPY_OF_357),
    (370, COPY_OF_357),
    (372, WRONG_MAC_OF_HEADER),
    (373, WRONG_MAC_OF_PAYLOAD),
];

const PS384_UNDER_PS256: Exception = Exception {
    rule: "mislabelled valid: the header says PS384, the key is for PS256 alone",
    verdict: Err(Reason::KeyNotFound),
};
const KEY_FOR_ES521: Exception = Exception {
    rule: "mislabelled valid: the key is for ES521, which is no algorithm",
    verdict: Err(Reason::KeyNotFound),
};
const COPY_OF_357: Exception = Exception {
    rule: "mislabelled invalid: byte for byte the valid case 357; refused as HS256",
    verdict: Err(Reason::AlgorithmNotAllowed),
};
const WRONG_MAC_OF_HEADER: Exception = Exception {
    rule: "mislabelled valid: the MAC is not of the bytes sent; refused as the header is not base64url",
    verdict: Err(Reason::TokenMalformed),
};
const WRONG_MAC_OF_PAYLOAD: Exception = Exception {
    rule: "mislabelled valid: the MAC is not of the bytes sent; refused as HS256",
    verdict: Err(Reason::AlgorithmNotAllowed),
};

const SYMMETRIC: Exception = Exception {
    rule: "HS256, HS384, HS512 are never allowed (RFC 8725 §3.1)",
    verdict: Err(Reason::AlgorithmNotAllowed),
};

/// Cases without a payload that are labelled valid.
const WITHOUT_PAYLOAD: [u32; 6] = [259, 264, 268, 272, 320, 325];

const NO_PAYLOAD: Exception =
    Exception { rule: "three non-empty parts (RFC 7515 §7.1)", verdict: Err(Reason::TokenMalformed) };

#[test]
fn wycheproof_jws_signatures_are_judged_as_labelled_but_for_the_listed_cases() {
    let folder = folder();
    let mut asymmetric = Tally::new("json_web_signature_test.json, asymmetric");
    let mut symmetric = Tally::new("json_web_signature_test.json, symmetric");
    for case in cases(&folder, JWS) {
        let mislabelled = MISLABELLED.iter().find(|(id, _)| *id == case.id).map(|(_, exception)| *exception);
        let by_rule = match case.label {
            Label::Valid if case.is_symmetric => Some(SYMMETRIC),
            Label::Valid if WITHOUT_PAYLOAD.contains(&case.id) => Some(NO_PAYLOAD),
            _ => None,
        };
        let tally = if case.is_symmetric { &mut symmetric } else { &mut asymmetric };
        tally.add(case.id, case.label, case.verdict(), mislabelled.or(by_rule));
    }
    asymmetric.finish(Counts { accepted: 26, refused: 325, excepted: 10 });
    symmetric.finish(Counts { accepted: 0, refused: 28, excepted: 12 });
}

#[test]
fn wycheproof_jwk_sets_are_judged_as_labelled_but_for_symmetric_keys() {
    let folder = folder();
    let mut tally = Tally::new("json_web_key_test.json");
    for case in cases(&folder, JWK) {
        let is_excepted = case.is_symmetric && case.label == Label::Valid;
        tally.add(case.id, case.label, case.verdict(), is_excepted.then_some(SYMMETRIC));
    }
    tally.finish(Counts { accepted: 1, refused: 21, excepted: 4 });
}

#[test]
fn each_label_that_is_listed_as_wrong_is_wrong_by_the_bytes_of_its_case() {
    let folder = folder();
    let cases = cases(&folder, JWS);
    let case = |id| find(&cases, id);
    for id in [346, 350] {
        assert_eq!(case(id).member("alg"), "PS256", "tcId {id}");
        assert_eq!(case(id).under_key_with("alg", "PS384"), Ok(()), "tcId {id}");
    }
    for id in [347, 351] {
        assert_eq!(case(id).member("alg"), "ES521", "tcId {id}");
        assert_eq!(case(id).under_key_with("alg", "ES512"), Ok(()), "tcId {id}");
    }
    for id in [367, 370] {
        assert_eq!((case(id).label, &case(id).jws), (Label::Invalid, &case(357).jws), "tcId {id}");
    }
    for (id, is_mac_right) in [(357, true), (372, false), (373, false)] {
        let secret = decode_base64url(case(id).member("k").as_bytes()).expect("a secret in base64url");
        let compact = case(id).split();
        let mac = decode_base64url(compact.signature.as_bytes()).expect("a MAC in base64url");
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        let verified = hmac::verify(&key, compact.signing_input.as_bytes(), &mac);
        assert_eq!((case(id).label, verified.is_ok()), (Label::Valid, is_mac_right), "tcId {id}");
    }
}
