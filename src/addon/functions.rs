//! Single rules of the engine for `./utils`, `./internal` and `./certificates`, so that each rule exists once.

use std::cell::RefCell;
use std::time::Instant;

use napi::bindgen_prelude::{Buffer, Either, Env, Error, Object, Result, Status, Unknown};
use napi_derive::napi;

use super::outcome::{NOT_A_JWT, reason_code};
use super::token::TokenBuffer;
use crate::engine::authorize::certificate_headers::{CertificateHeader, certificate_in};
use crate::engine::authorize::claim_rules::ClaimRules;
use crate::engine::authorize::membership;
use crate::engine::config::options::{PREFIX, TABLE};
use crate::engine::error::Reason;
use crate::engine::keys::jwk;
use crate::engine::keys::jwk::KeySet;
use crate::engine::token::header::{Algorithm, Header};
use crate::engine::token::{compact, json, lists, peek};

/// Whether a groups claim (JSON text) contains any of the groups, or all of them.
#[napi(catch_unwind)]
pub fn is_user_in_group(groups_claim: Option<String>, groups: Vec<String>, match_all: bool) -> bool {
    let held = groups_claim.as_deref().map(lists::group_names_of_json).unwrap_or_default();
    let asked: Vec<Box<str>> = groups.into_iter().map(Into::into).collect();
    membership::holds(&held, &asked, match_all)
}

/// What is wrong with claims rules (JSON text), to complete the sentence "claims …". Returns `None` if nothing is.
#[napi(catch_unwind)]
pub fn claim_rules_problem(rules: String) -> Option<&'static str> {
    ClaimRules::parse(&rules).err()
}

/// The index in a JWK Set of the key that a header names, or -1 if there is none. Both arguments are JSON text.
#[napi(catch_unwind)]
pub fn select_signing_key(jwks: String, header: String) -> i32 {
    jwk::select_by_header(&jwks, &header).and_then(|(index, _)| i32::try_from(index).ok()).unwrap_or(-1)
}

/// The public JWK of the key that a header names, as JSON text, for `getPublicSigKeyFromIssuerJwks`.
#[napi(catch_unwind, ts_return_type = "Json<PublicJwk> | null")]
pub fn public_signing_key(jwks: String, header: String) -> Option<String> {
    jwk::select_by_header(&jwks, &header).map(|(_, jwk)| jwk)
}

/// Describes each entry of a JWK Set ([`jwk::describe_jwks`]). The argument and the result are JSON text. Returns `None`
/// if the text is not a JWK Set.
#[napi(catch_unwind, ts_return_type = "Json<Array<JwkDescription>> | null")]
pub fn describe_jwks(jwks: String) -> Option<String> {
    jwk::describe_jwks(&jwks)
}

/// Whether a cache that stores claims as JavaScript objects keeps the meaning of their JSON text.
#[napi(catch_unwind)]
pub fn survives_javascript(claims: String) -> bool {
    json::survives_javascript(&claims)
}

/// The claims of a JWT as JSON text, decoded but not verified. Returns `None` if the token is not a JWT.
#[napi(catch_unwind, ts_return_type = "Json<JwtClaims> | null")]
pub fn decode_claims(token: String) -> Option<String> {
    compact::decode_payload(&token).filter(|text| json::is_object(text.as_bytes()))
}

thread_local!(static BUFFER: RefCell<TokenBuffer> = RefCell::default());
/// The issuer that a token names, decoded but not verified. Without one, a negative code as in an outcome.
#[napi(catch_unwind, ts_args_type = "token: string")]
pub fn peek_issuer(env: &Env, token: Unknown<'_>) -> Either<String, i32> {
    let code = |reason: Option<_>| Either::B(reason.map_or(NOT_A_JWT, reason_code));
    BUFFER.with_borrow_mut(|buffer| match buffer.read(env, &token) {
        Some(token) => peek::issuer_of(token).map_or_else(code, Either::A),
        None => code(Some(Reason::TokenRequired)),
    })
}

/// The certificate in a proxy's header of the named format. Returns `None` if the header has none or more than one.
#[napi(catch_unwind)]
pub fn certificate_from_header(format: String, value: String) -> Option<String> {
    certificate_in(CertificateHeader::named(&format)?, &value)
}

/// The table of options: name, environment variable, kind of the value, and documentation.
#[napi(catch_unwind, ts_return_type = "Array<OptionSpec>")]
pub fn options(env: &Env) -> Result<Vec<Object<'_>>> {
    TABLE
        .iter()
        .map(|spec| {
            let mut row = Object::new(env)?;
            row.set("name", spec.name)?;
            row.set("variable", format!("{PREFIX}{}", spec.variable))?;
            row.set("kind", spec.kind.name())?;
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

/// The version of the binary. The JavaScript files must have the same version.
#[napi(catch_unwind)]
pub fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The nanoseconds that one `verify_sig` of aws-lc takes on average, with a key that is parsed once. `npm run bench`
/// compares with this lower bound. Throws if a signature does not verify.
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
