//! Every reason of a proof, on both sides of its boundary.

use serde_json::{Value, json};

use super::settings::{DpopSettings, NonceMode};
use super::testing::{ATH, NOW, Sender, TOKEN, URL, context, context_with, decide, request, result};
use super::{GivenProof, Proof, Refusal};
use crate::engine::error::Reason;
use crate::engine::token::header::Algorithm;

fn sender() -> Sender {
    Sender::numbered(1)
}

fn claims(changes: Value) -> Result<(), Reason> {
    result(&sender(), &sender().proof(changes))
}

fn header(changes: Value) -> Result<(), Reason> {
    result(&sender(), &sender().proof_with(changes, json!({})))
}

fn with_url(proof: &str, urls: &[&str]) -> Proof {
    let urls = urls.iter().map(|url| (*url).to_owned()).collect();
    Proof::new(context(), GivenProof::One(proof.into()), "GET", urls)
}

#[test]
fn a_valid_proof_is_accepted_with_every_kind_of_key() {
    for sender in [sender(), Sender::es256()] {
        assert_eq!(result(&sender, &sender.proof(json!({}))), Ok(()), "{}", sender.alg());
    }
    let settings = DpopSettings { algorithms: [Algorithm::Es384].into(), ..DpopSettings::default() };
    let slow = Sender::es384();
    let proof = request(&context_with(settings), &slow.proof(json!({})));
    assert_eq!(decide(&proof, TOKEN, &slow.thumbprint(), NOW), Ok(()));
}

#[test]
fn there_is_exactly_one_proof() {
    let key = sender().thumbprint();
    let given = |given| decide(&Proof::new(context(), given, "GET", vec![URL.into()]), TOKEN, &key, NOW);
    assert_eq!(given(GivenProof::Missing), Err(Reason::DpopProofMissing));
    assert_eq!(given(GivenProof::Several), Err(Reason::DpopProofMalformed));
    let proof = sender().proof(json!({}));
    assert_eq!(given(GivenProof::One(proof.as_str().into())), Ok(()));
    for joined in [format!("{proof}, {proof}"), format!("{proof},{proof}"), String::new()] {
        assert_eq!(given(GivenProof::One(joined.into())), Err(Reason::DpopProofMalformed));
    }
}

#[test]
fn a_proof_has_at_most_8_kib() {
    let padded = |padding: usize| sender().proof(json!({ "x": "x".repeat(padding) }));
    let base = padded(0).len();
    let fitting = (0..).map(|more| (8192 - base) / 4 * 3 + 8 - more).map(padded).find(|proof| proof.len() <= 8192);
    let fitting = fitting.expect("a proof");
    assert!(fitting.len() >= 8190);
    assert_eq!(result(&sender(), &fitting), Ok(()));
    assert_eq!(result(&sender(), &"a".repeat(8192)), Err(Reason::DpopProofMalformed));
    assert_eq!(result(&sender(), &"a".repeat(8193)), Err(Reason::DpopProofTooLarge));
}

#[test]
fn a_proof_is_three_parts_of_strict_base64url() {
    let proof = sender().proof(json!({}));
    let parts: Vec<&str> = proof.split('.').collect();
    let (header, payload, signature) = (parts[0], parts[1], parts[2]);
    for wrong in [
        format!("{header}.{payload}"),
        format!("{header}.{payload}."),
        format!(".{payload}.{signature}"),
        format!("{header}..{signature}"),
        format!("{proof}.x"),
        format!("{header}=.{payload}.{signature}"),
        format!("{header}.{payload}=.{signature}"),
        format!("{header}.{payload}.{signature}="),
        format!("{header}.{payload}.+{signature}"),
        format!(" {proof}"),
        format!("{proof} "),
        "\u{e9}.a.b".into(),
    ] {
        assert_eq!(result(&sender(), &wrong), Err(Reason::DpopProofMalformed), "{wrong}");
    }
}

#[test]
fn the_header_is_one_strict_json_object_without_extensions() {
    let sign = |header: &str| result(&sender(), &sender().sign(header, "{}"));
    let valid = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": sender().jwk() }).to_string();
    assert_eq!(sign(&valid), Err(Reason::DpopClaimsInvalid), "the header is good");
    let nested = |levels: usize| format!(r#"{{"x":{}{},"#, "[".repeat(levels), "]".repeat(levels));
    assert_eq!(sign(&valid.replacen('{', &nested(31), 1)), Err(Reason::DpopClaimsInvalid));
    for wrong in [
        "",
        "[]",
        "null",
        "{",
        &format!("{valid} {{}}"),
        &valid.replacen('{', r#"{"typ":"dpop+jwt","#, 1),
        &valid.replacen(r#""jwk":{"#, r#""jwk":{"kty":"OKP","#, 1),
        &valid.replacen('{', &nested(32), 1),
        &valid.replacen('{', r#"{"crit":[],"#, 1),
        &valid.replacen('{', r#"{"b64":true,"#, 1),
    ] {
        let expected = if wrong.is_empty() { Reason::DpopProofMalformed } else { Reason::DpopHeaderInvalid };
        assert_eq!(sign(wrong), Err(expected), "{wrong}");
    }
}

#[test]
fn the_type_is_dpop_jwt_in_any_case_with_or_without_application() {
    for good in ["dpop+jwt", "DPoP+JWT", "application/dpop+jwt", "Application/DPOP+jwt"] {
        assert_eq!(header(json!({ "typ": good })), Ok(()), "{good}");
    }
    for bad in [json!(null), json!("JWT"), json!("at+jwt"), json!("dpop"), json!(" dpop+jwt"), json!(1), json!("")] {
        assert_eq!(header(json!({ "typ": bad })), Err(Reason::DpopTypeNotAllowed));
    }
}

#[test]
fn the_algorithm_is_on_the_list_and_never_none_or_symmetric() {
    assert_eq!(header(json!({ "alg": "Ed25519" })), Ok(()));
    for bad in [
        json!(null),
        json!("none"),
        json!("HS256"),
        json!("eddsa"),
        json!("ES384"),
        json!("RS512"),
        json!(1),
        json!([]),
    ] {
        assert_eq!(header(json!({ "alg": bad })), Err(Reason::DpopAlgorithmNotAllowed), "{bad}");
    }
    let everything = DpopSettings { algorithms: Algorithm::ALL.into(), ..DpopSettings::default() };
    for bad in ["none", "HS256", "HS512", ""] {
        let proof = request(&context_with(everything.clone()), &sender().proof_with(json!({ "alg": bad }), json!({})));
        assert_eq!(decide(&proof, TOKEN, &sender().thumbprint(), NOW), Err(Reason::DpopAlgorithmNotAllowed), "{bad}");
    }
}

#[test]
fn the_key_is_a_public_key_that_fits_the_algorithm() {
    let mut private = sender().jwk();
    private["d"] = json!("AA");
    for bad in [json!(null), json!("x"), json!([]), json!({}), private, Sender::es256().jwk()] {
        assert_eq!(header(json!({ "jwk": bad })), Err(Reason::DpopKeyInvalid), "{bad}");
    }
}

#[test]
fn the_claims_are_one_strict_json_object_with_valid_types() {
    for (name, wrong) in [
        ("jti", vec![json!(null), json!(""), json!(1), json!("x".repeat(257)), json!("é".repeat(129))]),
        ("htm", vec![json!(null), json!(1), json!(["GET"])]),
        ("htu", vec![json!(null), json!(1), json!([URL])]),
        ("ath", vec![json!(null), json!(1), json!([ATH])]),
        ("iat", vec![json!(null), json!("1562262618"), json!(true), json!([1])]),
        ("exp", vec![json!("x"), json!([])]),
        ("nbf", vec![json!("x"), json!({})]),
        ("nonce", vec![json!(1), json!(["x"])]),
    ] {
        for value in wrong {
            assert_eq!(claims(json!({ name: value })), Err(Reason::DpopClaimsInvalid), "{name}: {value}");
        }
    }
    assert_eq!(claims(json!({ "jti": "x".repeat(256) })), Ok(()));
    assert_eq!(claims(json!({ "jti": "é".repeat(128) })), Ok(()));
    let header = json!({ "typ": "dpop+jwt", "alg": "EdDSA", "jwk": sender().jwk() }).to_string();
    let valid = json!({ "jti": "a", "htm": "GET", "htu": URL, "iat": NOW, "ath": ATH }).to_string();
    assert_eq!(result(&sender(), &sender().sign(&header, &valid)), Ok(()));
    for wrong in [
        "[]".into(),
        format!("{valid}{valid}"),
        valid.replacen('{', r#"{"jti":"b","#, 1),
        valid.replacen('{', r#"{"x":1e400,"#, 1),
        valid.replacen('{', r#"{"iat":1e400,"#, 1),
    ] {
        assert_eq!(result(&sender(), &sender().sign(&header, &wrong)), Err(Reason::DpopClaimsInvalid), "{wrong}");
    }
}

#[test]
fn ath_is_the_hash_of_exactly_this_token() {
    let proof = request(&context(), &sender().proof(json!({})));
    for other in ["", &TOKEN[1..], &format!("{TOKEN} "), &TOKEN.to_lowercase()] {
        assert_eq!(decide(&proof, other, &sender().thumbprint(), NOW), Err(Reason::DpopTokenMismatch));
    }
    for bad in [format!("{ATH}="), ATH[..42].to_owned(), String::new(), ATH.replace('f', "F")] {
        assert_eq!(claims(json!({ "ath": bad })), Err(Reason::DpopTokenMismatch));
    }
}

#[test]
fn the_method_is_compared_case_sensitively() {
    let refused = request(&context(), &sender().proof(json!({ "htm": "get" })));
    assert_eq!(decide(&refused, TOKEN, &sender().thumbprint(), NOW), Err(Reason::DpopMethodMismatch));
    let (expected, got) = (Some("GET".into()), Some("get".into()));
    assert_eq!(refused.refusal(), Some(Refusal { expected, got, ..Refusal::default() }));
    for bad in ["POST", "", "GET ", "GET\n"] {
        assert_eq!(claims(json!({ "htm": bad })), Err(Reason::DpopMethodMismatch));
    }
}

#[test]
fn the_url_equals_one_of_the_expected_ones_after_normalisation() {
    let proof = sender().proof(json!({ "htu": "HTTPS://Resource.example.org:443/a/../protectedresource?x#y" }));
    let key = sender().thumbprint();
    assert_eq!(decide(&with_url(&proof, &[URL]), TOKEN, &key, NOW), Ok(()));
    assert_eq!(decide(&with_url(&proof, &["https://other", "http:", &format!("{URL}?q=|")]), TOKEN, &key, NOW), Ok(()));
    let refused = with_url(&proof, &["https://other/x"]);
    assert_eq!(decide(&refused, TOKEN, &key, NOW), Err(Reason::DpopUrlMismatch));
    for bad in ["", "/protectedresource", "http://resource.example.org/protectedresource", &format!("{URL}/")] {
        assert_eq!(claims(json!({ "htu": bad })), Err(Reason::DpopUrlMismatch), "{bad}");
    }
}

#[test]
fn without_a_usable_expected_url_the_url_is_unknown() {
    for urls in [&[][..], &["/relative"], &["ftp://x"]] {
        let proof = with_url(&sender().proof(json!({})), urls);
        assert_eq!(decide(&proof, TOKEN, &sender().thumbprint(), NOW), Err(Reason::DpopUrlUnknown));
    }
}

#[test]
fn the_facts_of_a_url_have_no_query_user_or_control_character_and_200_characters_at_most() {
    let refusal = |htu: &str| {
        let proof = request(&context(), &sender().proof(json!({ "htu": htu })));
        assert_eq!(proof.check_request(TOKEN), Err(Reason::DpopUrlMismatch));
        proof.refusal().and_then(|refusal| refusal.got).expect("a text")
    };
    assert_eq!(refusal("http://resource.example.org/x?access_token=y#z"), "http://resource.example.org/x");
    assert_eq!(refusal("https://user:password@resource.example.org/@x"), "@resource.example.org/@x");
    assert_eq!(refusal("user:password@resource.example.org"), "@resource.example.org");
    assert_eq!(refusal("a\r\nb\u{202e}\"é"), "a\\r\\nb\\u{202e}\\\"\\u{e9}");
    assert_eq!(refusal(&"x".repeat(3000)).len(), 200);
}

#[test]
fn the_key_is_the_one_that_the_token_is_bound_to() {
    let proof = request(&context(), &sender().proof(json!({})));
    assert_eq!(decide(&proof, TOKEN, &Sender::numbered(2).thumbprint(), NOW), Err(Reason::DpopKeyMismatch));
}

#[test]
fn the_signature_covers_header_and_claims() {
    let (one, two) = (sender().proof(json!({})), sender().proof(json!({ "jti": "b" })));
    let (one, two): (Vec<&str>, Vec<&str>) = (one.split('.').collect(), two.split('.').collect());
    let mixed = format!("{}.{}.{}", one[0], one[1], two[2]);
    assert_eq!(result(&sender(), &mixed), Err(Reason::DpopSignatureInvalid));
    let other = Sender::numbered(2).proof_with(json!({ "jwk": sender().jwk() }), json!({}));
    assert_eq!(result(&sender(), &other), Err(Reason::DpopSignatureInvalid));
}

#[test]
fn iat_is_between_60_seconds_ago_and_30_seconds_ahead_and_both_limits_are_good() {
    for (iat, expected) in [
        (NOW - 60.0, Ok(())),
        (NOW - 60.001, Err(Reason::DpopExpired)),
        (NOW + 30.0, Ok(())),
        (NOW + 30.001, Err(Reason::DpopNotYetValid)),
        (-1.0, Err(Reason::DpopExpired)),
        (1e300, Err(Reason::DpopNotYetValid)),
    ] {
        assert_eq!(claims(json!({ "iat": iat })), expected, "{iat}");
    }
    let seconds = |iat: f64| {
        let proof = request(&context(), &sender().proof(json!({ "iat": iat })));
        assert!(decide(&proof, TOKEN, &sender().thumbprint(), NOW).is_err());
        proof.refusal().and_then(|refusal| refusal.seconds)
    };
    assert_eq!((seconds(NOW - 412.0), seconds(NOW + 90.0)), (Some(412), Some(90)));
}

#[test]
fn the_limits_of_iat_are_settings() {
    let settings = DpopSettings { max_age_secs: 5, leeway_secs: 0, ..DpopSettings::default() };
    let at = |iat: f64| {
        let proof = request(&context_with(settings.clone()), &sender().proof(json!({ "iat": iat })));
        decide(&proof, TOKEN, &sender().thumbprint(), NOW)
    };
    assert_eq!((at(NOW - 5.0), at(NOW)), (Ok(()), Ok(())));
    assert_eq!((at(NOW - 5.1), at(NOW + 0.1)), (Err(Reason::DpopExpired), Err(Reason::DpopNotYetValid)));
}

#[test]
fn an_exp_or_nbf_of_a_proof_holds_with_the_leeway() {
    assert_eq!(claims(json!({ "exp": NOW - 29.0, "nbf": NOW + 30.0 })), Ok(()));
    assert_eq!(claims(json!({ "exp": NOW - 30.0 })), Err(Reason::DpopExpired));
    assert_eq!(claims(json!({ "nbf": NOW + 30.001 })), Err(Reason::DpopNotYetValid));
}

#[test]
fn a_nonce_is_ignored_when_nonces_are_off() {
    assert_eq!(claims(json!({ "nonce": "anything" })), Ok(()));
}

fn nonces(mode: NonceMode) -> DpopSettings {
    DpopSettings { nonce: mode, ..DpopSettings::default() }
}

#[test]
fn a_required_nonce_is_asked_for_given_and_then_accepted() {
    let (context, key) = (context_with(nonces(NonceMode::Required)), sender().thumbprint());
    let first = request(&context, &sender().proof(json!({})));
    assert_eq!(decide(&first, TOKEN, &key, NOW), Err(Reason::DpopNonceMissing));
    let nonce = first.nonce().expect("a nonce");
    let second = request(&context, &sender().proof(json!({ "jti": "b", "nonce": nonce, "iat": NOW - 86_000.0 })));
    assert_eq!(decide(&second, TOKEN, &key, NOW), Ok(()), "the nonce shows that the proof is new");
    assert_eq!(second.nonce(), None, "it has the current one");
    let again = request(&context, &sender().proof(json!({ "jti": "b", "nonce": nonce, "iat": NOW - 86_000.0 })));
    assert_eq!(decide(&again, TOKEN, &key, NOW + 1.0), Err(Reason::DpopReplayed));
    let late = request(&context, &sender().proof(json!({ "jti": "c", "nonce": nonce })));
    assert_eq!(decide(&late, TOKEN, &key, NOW + 60.0), Ok(()));
    assert!(late.nonce().is_some_and(|next| next != nonce), "the sender gets the next one");
    let stale = request(&context, &sender().proof(json!({ "jti": "d", "nonce": nonce, "iat": NOW + 180.0 })));
    assert_eq!(decide(&stale, TOKEN, &key, NOW + 180.0), Err(Reason::DpopNonceStale));
    assert!(stale.nonce().is_some());
    for (iat, reason) in [(NOW - 86_401.0, Reason::DpopExpired), (NOW + 86_401.0, Reason::DpopNotYetValid)] {
        let proof = request(&context, &sender().proof(json!({ "jti": "e", "nonce": nonce, "iat": iat })));
        assert_eq!(decide(&proof, TOKEN, &key, NOW), Err(reason));
    }
}

#[test]
fn when_stale_asks_for_a_nonce_instead_of_refusing_and_then_the_sender_must_use_one() {
    let (context, key) = (context_with(nonces(NonceMode::WhenStale)), sender().thumbprint());
    let at = |claims: Value, now: f64| {
        let proof = request(&context, &sender().proof(claims));
        (decide(&proof, TOKEN, &key, now), proof.nonce())
    };
    assert_eq!(at(json!({ "jti": "a" }), NOW), (Ok(()), None));
    let (refused, nonce) = at(json!({ "jti": "b", "iat": NOW - 61.0 }), NOW);
    assert_eq!(refused, Err(Reason::DpopNonceMissing));
    assert_eq!(at(json!({ "jti": "c" }), NOW).0, Err(Reason::DpopNonceMissing), "RFC 9449 §11.3");
    assert_eq!(at(json!({ "jti": "d", "iat": NOW - 61.0, "nonce": nonce }), NOW).0, Ok(()));
    assert_eq!(at(json!({ "jti": "e", "nonce": "of another server" }), NOW).0, Err(Reason::DpopNonceStale));
    let later = NOW + 300.0;
    assert_eq!(at(json!({ "jti": "f", "iat": later }), later), (Ok(()), None), "its nonce is not good any more");
    let other = Sender::numbered(2);
    let proof = request(&context, &other.proof(json!({ "iat": later })));
    assert_eq!(decide(&proof, TOKEN, &other.thumbprint(), later), Ok(()), "another sender was not asked");
}

#[test]
fn a_proof_with_a_nonce_is_not_accepted_again_by_its_iat_when_the_nonce_is_stale() {
    let settings = DpopSettings { nonce_rotation_secs: 10, max_age_secs: 600, ..nonces(NonceMode::WhenStale) };
    let (context, key) = (context_with(settings), sender().thumbprint());
    let asked = request(&context, &sender().proof(json!({ "iat": 0 })));
    assert_eq!(decide(&asked, TOKEN, &key, NOW), Err(Reason::DpopNonceMissing));
    let proof = sender().proof(json!({ "nonce": asked.nonce() }));
    assert_eq!(decide(&request(&context, &proof), TOKEN, &key, NOW), Ok(()));
    assert_eq!(decide(&request(&context, &proof), TOKEN, &key, NOW + 1.0), Err(Reason::DpopReplayed));
    for later in [25.0, 100.0, 500.0] {
        assert_eq!(decide(&request(&context, &proof), TOKEN, &key, NOW + later), Err(Reason::DpopNonceStale));
    }
}
