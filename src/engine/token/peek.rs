//! Which issuer does a token name? Reads `iss` of a JWT whose signature nobody has verified (RFC 7519 §4.1.1).
//!
//! The result only chooses the client that validates the token. That client checks `iss` again, after the signature. It
//! takes linear time in the size of the token, which is bounded.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use crate::engine::error::Reason;
use crate::engine::token::compact::{self, Compact, MAX_TOKEN_BYTES};
use crate::engine::token::json::{self, Reading, Value};

/// The maximum length of an issuer's name in bytes.
pub const MAX_ISSUER_BYTES: usize = 2048;

/// The `iss` of a token. Returns the reason why the token must be rejected, or `None` in its place if the token is not a
/// JWT. The size and the form are checked first (RFC 7515 §7.1), then that the claims are one strict JSON object.
pub fn issuer_of(token: &str) -> Result<String, Option<Reason>> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(Some(Reason::TokenTooLarge));
    }
    if !compact::has_three_parts(token) {
        return Err(None);
    }
    let compact = Compact::split(token)?;
    let payload = compact::decode_base64url(compact.payload.as_bytes()).ok_or(Reason::TokenMalformed)?;
    // As for claims: nearly all contain only what Rust can represent, and those are read faster.
    let claims = json::read(&payload, IssuerSeed { reads_all: true })
        .or_else(|| json::read(&payload, IssuerSeed { reads_all: false }))
        .ok_or(Reason::ClaimsInvalid)?;
    match claims {
        Some(Value::Text(issuer)) if is_issuer(&issuer) => Ok(issuer.into_owned()),
        _ => Err(Some(Reason::IssuerMismatch)),
    }
}

/// Whether a text can be the name of a configured issuer. Such a name is a URL. So no space and no control character
/// reaches the user's function that looks the issuer up.
fn is_issuer(text: &str) -> bool {
    text.len() <= MAX_ISSUER_BYTES && text.contains("://") && !text.chars().any(|c| c.is_control() || c.is_whitespace())
}

#[derive(Clone, Copy)]
struct IssuerSeed {
    /// Whether members other than `iss` are read too. Otherwise only their nesting is checked.
    reads_all: bool,
}

impl<'de> DeserializeSeed<'de> for IssuerSeed {
    type Value = Option<Value<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for IssuerSeed {
    type Value = Option<Value<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claims object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut issuer = None;
        let put = |name: &str, value| {
            if name == "iss" {
                issuer = Some(value);
            }
        };
        if self.reads_all {
            json::visit_members(map, |_| false, put)?;
        } else {
            let reading = |name: &str| if name == "iss" { Reading::Strict } else { Reading::Skipped };
            json::visit_read_members(map, reading, |_| false, put)?;
        }
        Ok(issuer)
    }
}

#[cfg(test)]
#[path = "peek_tests.rs"]
mod tests;
