//! Single rules for `./utils`, `./internal` and `./certificates`: the engine's own, so that there is one of each.

use std::time::Instant;

use napi::bindgen_prelude::{Buffer, Env, Error, Object, Result, Status};
use napi_derive::napi;

use crate::engine::authorize::certificate_headers::{CertificateHeader, certificate_in};
use crate::engine::authorize::membership;
use crate::engine::config::options::{Kind, PREFIX, TABLE};
use crate::engine::keys::jwk;
use crate::engine::keys::jwk::KeySet;
use crate::engine::token::header::{Algorithm, Header};
use crate::engine::token::{compact, groups, json};

/// Whether a groups claim (its JSON text) holds any of the groups, or all.
#[napi(catch_unwind)]
pub fn is_user_in_group(groups_claim: Option<String>, groups: Vec<String>, match_all: bool) -> bool {
    let held = groups_claim.as_deref().map(groups::group_names_of_json).unwrap_or_default();
    let asked: Vec<Box<str>> = groups.into_iter().map(Into::into).collect();
    membership::is_in_groups(&held, &asked, match_all)
}

/// The place in a JWK Set of the key that a header names, -1 when there is none; both as JSON text.
#[napi(catch_unwind)]
pub fn select_signing_key(jwks: String, header: String) -> i32 {
    selected(&jwks, &header).and_then(|(index, _)| i32::try_from(index).ok()).unwrap_or(-1)
}

/// The public JWK of that key, as JSON text (`getPublicSigKeyFromIssuerJwks`).
#[napi(catch_unwind)]
pub fn public_signing_key(jwks: String, header: String) -> Option<String> {
    selected(&jwks, &header).map(|(_, jwk)| jwk)
}

fn selected(jwks: &str, header: &str) -> Option<(usize, String)> {
    let header = json::document(header)?;
    let member = |name: &str| header.get(name).and_then(serde_json::Value::as_str);
    jwk::select_in_json(jwks, member("alg")?, member("kid"))
}

/// What becomes of each entry of a JWK Set, both as JSON text ([`jwk::describe_jwks`]); nothing when it is not one.
#[napi(catch_unwind)]
pub fn describe_jwks(jwks: String) -> Option<String> {
    jwk::describe_jwks(&jwks)
}

/// The claims' text of a JWT, decoded and not verified; nothing when it is not one.
#[napi(catch_unwind)]
pub fn decode_claims(token: String) -> Option<String> {
    compact::decode_payload(&token).filter(|text| json::is_object(text.as_bytes()))
}

/// The certificate that a proxy's header holds, in the form named; nothing when there is not exactly one.
#[napi(catch_unwind)]
pub fn certificate_from_header(form: String, value: String) -> Option<String> {
    certificate_in(CertificateHeader::named(&form)?, &value)
}

/// The one table of options: name, environment variable, the kind of the value, and what users read about it.
#[napi(catch_unwind)]
pub fn options(env: &Env) -> Result<Vec<Object<'_>>> {
    let kind = |kind: Kind| match kind {
        Kind::Boolean => "boolean",
        Kind::Number { .. } => "number",
        Kind::Secret => "secret",
        Kind::Text => "text",
    };
    TABLE
        .iter()
        .map(|spec| {
            let mut row = Object::new(env)?;
            row.set("name", spec.name)?;
            row.set("variable", format!("{PREFIX}{}", spec.variable))?;
            row.set("kind", kind(spec.kind))?;
            if let Some((place, docs)) = crate::engine::config::options_docs::docs_of(spec.name) {
                row.set("place", place as u32)?;
                row.set("group", docs.group)?;
                row.set("values", docs.values)?;
                row.set("default", docs.default)?;
                row.set("description", docs.description)?;
            }
            Ok(row)
        })
        .collect()
}

/// The version the binary was built from: a shim of another one must not be paired with it.
#[napi(catch_unwind)]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Nanoseconds that one `verify_sig` of the raw library takes, the key parsed once, each signature verified once: the floor
/// that `npm run bench` compares with. Throws on a signature that does not verify.
#[napi(catch_unwind)]
pub fn bench_verify(alg: String, jwk: String, inputs: Vec<Buffer>, signatures: Vec<Buffer>) -> Result<f64> {
    let wrong = || Error::new(Status::InvalidArg, "not a signature of this key");
    let set = KeySet::parse(&format!("{{\"keys\":[{jwk}]}}")).ok_or_else(wrong)?;
    let algorithm = Algorithm::named(&alg).ok_or_else(wrong)?;
    let key = set.select(&Header { algorithm, kid: None }).map_err(|_| wrong())?.parsed(algorithm).ok_or_else(wrong)?;
    let start = Instant::now();
    for (input, signature) in inputs.iter().zip(&signatures) {
        key.verify_sig(input, signature).map_err(|_| wrong())?;
    }
    Ok(start.elapsed().as_nanos() as f64 / inputs.len().max(1) as f64)
}
