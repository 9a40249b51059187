//! Wycheproof's raw signatures, with JWKs made from the raw parts of each key.

use monocloud_backend_node::engine::error::Reason;
use monocloud_backend_node::engine::keys::jwk::KeySet;
use monocloud_backend_node::engine::token::compact::encode_base64url;
use monocloud_backend_node::engine::token::header::{Algorithm, Header};
use serde::Deserialize;
use serde_json::{Value, json};

use super::support::{Counts, Exception, Label, Tally, Wycheproof, folder, key_set, read, set_of};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    public_key: RawKey,
    /// The same key as a JWK written by Wycheproof.
    #[serde(alias = "keyJwk")]
    public_key_jwk: Option<Value>,
    sha: Option<String>,
    /// PSS: the length of the salt, in bytes.
    s_len: Option<usize>,
    tests: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
enum RawKey {
    Rsa { modulus: String, public_exponent: String },
    Ec { curve: String, uncompressed: String },
    Ed25519 { pk: String },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    tc_id: u32,
    msg: String,
    sig: String,
    result: Label,
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_else(|| panic!("not hex: {text}")) as u8;
    assert!(text.len().is_multiple_of(2), "not hex: {text}");
    text.as_bytes().chunks_exact(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// RFC 7518 §2 `Base64urlUInt`: no leading zeros, which a DER integer may have.
fn unsigned(hex: &str) -> String {
    let bytes: Vec<u8> = unhex(hex).into_iter().skip_while(|byte| *byte == 0).collect();
    encode_base64url(&bytes)
}

impl RawKey {
    fn to_jwk(&self) -> Value {
        match self {
            RawKey::Rsa { modulus, public_exponent } => {
                json!({ "kty": "RSA", "n": unsigned(modulus), "e": unsigned(public_exponent) })
            }
            RawKey::Ec { curve, uncompressed } => {
                let crv = match curve.as_str() {
                    "secp256r1" => "P-256",
                    "secp384r1" => "P-384",
                    "secp521r1" => "P-521",
                    other => panic!("an unknown curve: {other}"),
                };
                let point = unhex(uncompressed);
                let Some((4, coordinates)) = point.split_first() else { panic!("not uncompressed: {uncompressed}") };
                let (x, y) = coordinates.split_at(coordinates.len() / 2);
                json!({ "kty": "EC", "crv": crv, "x": encode_base64url(x), "y": encode_base64url(y) })
            }
            RawKey::Ed25519 { pk } => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode_base64url(&unhex(pk)) })
            }
        }
    }
}

fn verdict(set: &KeySet, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> Result<(), Reason> {
    set.select(&Header { algorithm, kid: None })?.verify(algorithm, message, signature)
}

/// RFC 7518 §3.5: the salt of a PS algorithm is as long as its hash.
const SALT_TOO_SHORT: Exception = Exception {
    rule: "labelled valid for a salt of another length than the hash has (RFC 7518 §3.5)",
    verdict: Err(Reason::SignatureInvalid),
};

const SALT_OF_HASH_LENGTH: Exception = Exception {
    rule: "accepted: labelled invalid because its salt is as long as the hash, as PS256 has it (RFC 7518 §3.5)",
    verdict: Ok(()),
};

/// "s_len changed to 32" where the file expects 0. The public key shows that the salt really has 32 bytes.
const CHANGED_TO_HASH_LENGTH: u32 = 69;

impl Group {
    /// Cases whose label does not apply because the file uses another salt length than JWA.
    fn exception(&self, case: &Case) -> Option<Exception> {
        let hash_bytes = match self.sha.as_deref() {
            Some("SHA-256") => 32,
            Some("SHA-384") => 48,
            Some("SHA-512") => 64,
            other => return other.map(|sha| panic!("an unknown hash: {sha}")),
        };
        match self.s_len {
            None => None,
            Some(salt_bytes) if salt_bytes == hash_bytes => None,
            Some(_) if case.result == Label::Valid => Some(SALT_TOO_SHORT),
            Some(_) => (case.tc_id == CHANGED_TO_HASH_LENGTH).then_some(SALT_OF_HASH_LENGTH),
        }
    }
}

fn judge(name: &str, algorithm: Algorithm, expected: Counts) {
    let folder = folder();
    let file: Wycheproof<Group> = read(&folder, &format!("wycheproof/{name}"));
    assert_eq!(file.test_groups.iter().map(|group| group.tests.len()).sum::<usize>(), file.number_of_tests, "{name}");
    let mut tally = Tally::new(format!("{name} as {algorithm:?}"));
    for group in &file.test_groups {
        let set = key_set(&set_of(&group.public_key.to_jwk()));
        let own_set = group.public_key_jwk.as_ref().map(|jwk| key_set(&set_of(jwk)));
        for case in &group.tests {
            let (message, signature) = (unhex(&case.msg), unhex(&case.sig));
            let verdict_as = |algorithm: Algorithm| verdict(&set, algorithm, &message, &signature);
            tally.add(case.tc_id, case.result, verdict_as(algorithm), group.exception(case));
            // A case labelled invalid may be a valid signature of another algorithm.
            for other in Algorithm::ALL.into_iter().filter(|other| *other != algorithm) {
                let is_good = case.result == Label::Valid && verdict_as(other).is_ok();
                assert!(!is_good, "{name} tcId {}: good as {other:?} too", case.tc_id);
            }
            if let Some(own_set) = &own_set {
                let own = verdict(own_set, algorithm, &message, &signature);
                assert_eq!(own, verdict_as(algorithm), "{name} tcId {}: under Wycheproof's JWK", case.tc_id);
            }
        }
    }
    tally.finish(expected);
}

const fn counts(accepted: usize, refused: usize) -> Counts {
    Counts { accepted, refused, excepted: 0 }
}

#[test]
fn wycheproof_ecdsa_signatures_of_fixed_length_are_judged_as_labelled() {
    judge("ecdsa_secp256r1_sha256_p1363_test.json", Algorithm::Es256, counts(173, 89));
    judge("ecdsa_secp384r1_sha384_p1363_test.json", Algorithm::Es384, counts(193, 87));
    judge("ecdsa_secp521r1_sha512_p1363_test.json", Algorithm::Es512, counts(231, 87));
}

#[test]
fn wycheproof_ed25519_signatures_are_judged_as_labelled() {
    judge("ed25519_test.json", Algorithm::EdDsa, counts(88, 63));
}

#[test]
fn wycheproof_rsa_pkcs1_signatures_are_judged_as_labelled_and_the_acceptable_ones_are_refused() {
    judge("rsa_signature_2048_sha256_test.json", Algorithm::Rs256, counts(9, 250));
    judge("rsa_signature_2048_sha384_test.json", Algorithm::Rs384, counts(7, 251));
    judge("rsa_signature_2048_sha512_test.json", Algorithm::Rs512, counts(8, 251));
    judge("rsa_signature_3072_sha256_test.json", Algorithm::Rs256, counts(8, 251));
    judge("rsa_signature_4096_sha256_test.json", Algorithm::Rs256, counts(7, 251));
}

#[test]
fn wycheproof_rsa_pss_signatures_with_a_salt_as_long_as_the_hash_are_judged_as_labelled() {
    judge("rsa_pss_2048_sha256_mgf1_32_test.json", Algorithm::Ps256, counts(63, 45));
    judge("rsa_pss_2048_sha384_mgf1_48_test.json", Algorithm::Ps384, counts(95, 46));
    judge("rsa_pss_4096_sha512_mgf1_64_test.json", Algorithm::Ps512, counts(132, 47));
}

#[test]
fn wycheproof_rsa_pss_signatures_of_a_file_without_salt_are_refused_but_for_one_salted_as_ps256_asks() {
    let expected = Counts { accepted: 0, refused: 41, excepted: 62 };
    judge("rsa_pss_2048_sha256_mgf1_0_test.json", Algorithm::Ps256, expected);
}
