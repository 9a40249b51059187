//! A vector's token: text, encoding, mutations, signature. `__test__/support/vectors.mjs` reads vectors in the same
//! way.

use std::collections::HashMap;

use monocloud_backend_node::engine::token::compact::encode_base64url;
use serde_json::{Value, json};

use super::file::{self, Entry, File, Members, Mutation, Raw, Text, Vector};
use super::signer::Signers;

pub struct Token {
    pub text: String,
    /// The text that was encoded as the payload.
    pub claims: Vec<u8>,
}

pub fn build(file: &File, signers: &Signers, vector: &Vector) -> Token {
    let alg = vector.sign.alg.as_deref().unwrap_or("EdDSA");
    let key = vector.sign.key.as_deref().unwrap_or_else(|| Signers::key_for(alg));
    let quoted = |text: &str| Some(Text::Whole(json!(text).to_string()));
    let signed = Members(vec![("alg".into(), quoted(alg)), ("kid".into(), quoted(key))]);
    let header = match &vector.header_text {
        Some(text) => text.octets(),
        None => object(&[&file.header, &signed, &vector.header]),
    };
    let claims = match &vector.claims_text {
        Some(text) => text.octets(),
        None => object(&[&file.claims, &vector.claims]),
    };

    let mut parts = HashMap::from([("header", encode_base64url(&header)), ("payload", encode_base64url(&claims))]);
    mutate(&mut parts, &vector.before);
    let input = format!("{}.{}", parts["header"], parts["payload"]);
    parts.insert("signature", encode_base64url(&signers.sign(alg, key, input.as_bytes())));
    mutate(&mut parts, &vector.after);
    let template = vector.token.as_deref().unwrap_or("{header}.{payload}.{signature}");
    let text = parts.iter().fold(template.to_owned(), |text, (name, part)| text.replace(&format!("{{{name}}}"), part));
    Token { text, claims }
}

/// The JWK Set of a vector.
pub fn jwks(file: &File, signers: &Signers, vector: &Vector) -> String {
    let entries = vector.jwks.as_ref().unwrap_or(&file.jwks);
    let keys: Vec<Value> = entries.iter().flat_map(|entry| published(signers, entry)).collect();
    json!({ "keys": keys }).to_string()
}

fn published(signers: &Signers, entry: &Entry) -> Vec<Value> {
    let mut members = match entry {
        Entry::Raw(Raw { raw }) => return vec![raw.clone()],
        Entry::Ours(members) => members.clone(),
    };
    let key = members.remove("key").and_then(|key| key.as_str().map(str::to_owned)).expect("the name of a key");
    let times = members.remove("times").and_then(|times| times.as_u64());
    let mut jwk = signers.public(&key);
    jwk.extend(members);
    let Some(times) = times else {
        return vec![jwk.into()];
    };
    let kid = jwk.get("kid").and_then(Value::as_str).expect("a kid").to_owned();
    let numbered = |number| {
        jwk.insert("kid".into(), format!("{kid}{number}").into());
        Value::from(jwk.clone())
    };
    (0..times).map(numbered).collect()
}

/// A PEM text, or its replacement.
pub fn certificate(vector: &Vector) -> Option<String> {
    let own = file::text("rfc8705.pem");
    Some(match vector.certificate.as_deref()? {
        "its own" => own,
        "its own, without delimiters" => own.lines().filter(|line| !line.starts_with("-----")).collect(),
        "its own, URL-encoded" => own.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        // Flipping one bit in the first letter of its signature makes another certificate.
        "another" => own.replace("SQAwRgIh", "SQAwRgIg"),
        "blank" => " \n".into(),
        "garbage" => "not a certificate".into(),
        other => panic!("no certificate: {other}"),
    })
}

/// The text of an object. Later members replace earlier ones in their place, or are appended.
fn object(layers: &[&Members]) -> Vec<u8> {
    let mut members: Vec<(&str, Option<&Text>)> = Vec::new();
    for (name, text) in layers.iter().flat_map(|layer| &layer.0) {
        match members.iter_mut().find(|(other, _)| other == name) {
            Some(member) => member.1 = text.as_ref(),
            None => members.push((name, text.as_ref())),
        }
    }
    let present = members.into_iter().filter_map(|(name, text)| Some((name, text?)));
    let texts: Vec<_> =
        present.map(|(name, text)| [json!(name).to_string().as_bytes(), b":", &text.octets()].concat()).collect();
    [b"{", texts.join(&b","[..]).as_slice(), b"}"].concat()
}

fn mutate(parts: &mut HashMap<&str, String>, mutations: &[Mutation]) {
    for mutation in mutations {
        let part = parts.get_mut(mutation.part.as_str()).expect("a part");
        let changed = mutated(part, mutation);
        assert_ne!(*part, changed, "a mutation that changes nothing");
        *part = changed;
    }
}

fn mutated(text: &str, mutation: &Mutation) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let first = text.chars().next().expect("a first character");
    let after_first = &text[first.len_utf8()..];
    match mutation {
        Mutation { append: Some(tail), .. } => format!("{text}{tail}"),
        Mutation { prepend: Some(head), .. } => format!("{head}{text}"),
        Mutation { set: Some(other), .. } => other.clone(),
        Mutation { cut: Some(count), .. } => text[..text.len() - count].to_owned(),
        Mutation { flip: true, .. } => format!("{}{after_first}", if first == 'A' { 'B' } else { 'A' }),
        // If the length is not a multiple of 4, the last character has unused bits, which are 0.
        Mutation { stray: true, .. } => {
            let (head, last) = text.split_at(text.len() - 1);
            let index = ALPHABET.find(last).expect("a base64url character");
            format!("{head}{}", &ALPHABET[index + 1..index + 2])
        }
        Mutation { widen: true, .. } => {
            let wide = char::from_u32(u32::from(first) + 0x100).expect("a character");
            format!("{wide}{after_first}")
        }
        Mutation { standard: true, .. } => text.replace('-', "+").replace('_', "/"),
        _ => panic!("a mutation that says nothing"),
    }
}
