//! Reads a proof: its form, its header and its claims (RFC 9449 §4.2). Nothing here depends on the token or the time.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::context::DpopContext;
use super::key::ProofKey;
use crate::engine::error::Reason;
use crate::engine::keys::jwk::Key;
use crate::engine::time::NumericDate;
use crate::engine::token::compact::{Compact, decode_base64url};
use crate::engine::token::confirmation::Thumbprint;
use crate::engine::token::header::Algorithm;
use crate::engine::token::json::{self, Value};

/// The largest proof, in bytes.
pub const MAX_PROOF_BYTES: usize = 8 * 1024;
/// The longest `jti`, in bytes.
const MAX_JTI_BYTES: usize = 256;

/// A proof whose header and form are valid.
pub struct SignedProof {
    pub algorithm: Algorithm,
    pub key: ProofKey,
    /// How much of the proof the signature covers, in bytes.
    signed_bytes: usize,
    signature: Vec<u8>,
    payload: Vec<u8>,
}

/// The claims of a proof. All types are valid.
pub struct ProofClaims {
    pub jti: Box<str>,
    /// `None` matches no token.
    pub ath: Option<Thumbprint>,
    pub iat: NumericDate,
    /// RFC 7519 §4.1.4 and §4.1.5 hold for every JWT. RFC 9449 does not mention them.
    pub exp: Option<NumericDate>,
    pub nbf: Option<NumericDate>,
    pub nonce: Option<Box<str>>,
}

/// The request that a proof is for.
pub struct Target<'p> {
    pub htm: Cow<'p, str>,
    pub htu: Cow<'p, str>,
}

impl SignedProof {
    /// Checks the form, then the header.
    pub fn read(text: &str, context: &DpopContext) -> Result<SignedProof, Reason> {
        if text.len() > MAX_PROOF_BYTES {
            return Err(Reason::DpopProofTooLarge);
        }
        let compact = Compact::split(text).map_err(|_| Reason::DpopProofMalformed)?;
        let part = |part: &str| decode_base64url(part.as_bytes()).ok_or(Reason::DpopProofMalformed);
        let (header, payload, signature) = (part(compact.header)?, part(compact.payload)?, part(compact.signature)?);
        let header = json::read(&header, HeaderSeed).ok_or(Reason::DpopHeaderInvalid)?;
        if !matches!(&header.typ, Some(Value::Text(typ)) if is_proof_type(typ)) {
            return Err(Reason::DpopTypeNotAllowed);
        }
        let algorithm = match &header.alg {
            Some(Value::Text(alg)) => Algorithm::named(alg).filter(|algorithm| context.allows(*algorithm)),
            _ => None,
        };
        let algorithm = algorithm.ok_or(Reason::DpopAlgorithmNotAllowed)?;
        if header.has_extension {
            return Err(Reason::DpopHeaderInvalid);
        }
        let key = header.jwk.as_ref().and_then(|jwk| ProofKey::read(jwk, algorithm));
        let key = key.ok_or(Reason::DpopKeyInvalid)?;
        Ok(SignedProof { algorithm, key, signed_bytes: compact.signing_input.len(), signature, payload })
    }

    /// Verifies the signature of `text`, which this was read from (RFC 7515 §5.2). Returns the parsed key, which a caller may
    /// keep.
    pub fn verify(&self, text: &str, context: &DpopContext) -> Result<Arc<Key>, Reason> {
        let signed = text.get(..self.signed_bytes).ok_or(Reason::Internal)?;
        let known = context.known_key(&self.key.thumbprint);
        let key = known.or_else(|| self.key.parse()).ok_or(Reason::DpopKeyInvalid)?;
        let verified = key.verify(self.algorithm, signed.as_bytes(), &self.signature);
        verified.map(|()| key).map_err(|_| Reason::DpopSignatureInvalid)
    }

    pub fn claims(&self) -> Result<(ProofClaims, Target<'_>), Reason> {
        json::read(&self.payload, ClaimsSeed).and_then(Members::check).ok_or(Reason::DpopClaimsInvalid)
    }
}

/// RFC 7515 §4.1.9: a media type without `application/` has it all the same, and its case does not matter.
fn is_proof_type(typ: &str) -> bool {
    ["dpop+jwt", "application/dpop+jwt"].iter().any(|allowed| typ.eq_ignore_ascii_case(allowed))
}

#[derive(Default)]
struct Header<'de> {
    typ: Option<Value<'de>>,
    alg: Option<Value<'de>>,
    jwk: Option<Value<'de>>,
    /// `crit` or `b64` (RFC 7515 §4.1.11, RFC 7797 §3).
    has_extension: bool,
}

/// The members of the claims that a rule uses.
#[derive(Default)]
struct Members<'de> {
    jti: Option<Value<'de>>,
    htm: Option<Value<'de>>,
    htu: Option<Value<'de>>,
    ath: Option<Value<'de>>,
    iat: Option<Value<'de>>,
    exp: Option<Value<'de>>,
    nbf: Option<Value<'de>>,
    nonce: Option<Value<'de>>,
}

impl<'de> Members<'de> {
    fn check(self) -> Option<(ProofClaims, Target<'de>)> {
        let claims = ProofClaims {
            jti: text(self.jti).filter(|jti| (1..=MAX_JTI_BYTES).contains(&jti.len()))?.into(),
            // Strict base64url has one spelling for the same octets.
            ath: Thumbprint::parse(&text(self.ath)?),
            iat: number(self.iat)??,
            exp: number(self.exp)?,
            nbf: number(self.nbf)?,
            nonce: match self.nonce {
                None => None,
                nonce => Some(text(nonce)?.into()),
            },
        };
        Some((claims, Target { htm: text(self.htm)?, htu: text(self.htu)? }))
    }
}

fn text(value: Option<Value<'_>>) -> Option<Cow<'_, str>> {
    match value {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// An optional number. `None` for any other value.
fn number(value: Option<Value<'_>>) -> Option<Option<NumericDate>> {
    match value {
        None => Some(None),
        Some(Value::Number(number)) if number.is_finite() => Some(Some(number)),
        Some(_) => None,
    }
}

struct HeaderSeed;
struct ClaimsSeed;

impl<'de> DeserializeSeed<'de> for HeaderSeed {
    type Value = Header<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for HeaderSeed {
    type Value = Header<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the header of a proof")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut header = Header::default();
        json::visit_members(
            map,
            |name| name == "jwk",
            |name, value| match name {
                "typ" => header.typ = Some(value),
                "alg" => header.alg = Some(value),
                "jwk" => header.jwk = Some(value),
                "crit" | "b64" => header.has_extension = true,
                _ => {}
            },
        )?;
        Ok(header)
    }
}

impl<'de> DeserializeSeed<'de> for ClaimsSeed {
    type Value = Members<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ClaimsSeed {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the claims of a proof")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        json::visit_members(
            map,
            |_| false,
            |name, value| match name {
                "jti" => members.jti = Some(value),
                "htm" => members.htm = Some(value),
                "htu" => members.htu = Some(value),
                "ath" => members.ath = Some(value),
                "iat" => members.iat = Some(value),
                "exp" => members.exp = Some(value),
                "nbf" => members.nbf = Some(value),
                "nonce" => members.nonce = Some(value),
                _ => {}
            },
        )?;
        Ok(members)
    }
}
