//! JWS compact serialization: does a token have three parts of strict base64url? (RFC 7515 §7.1.)
//!
//! [`super::header`] has the rules of the header.

use std::sync::LazyLock;

use base64::Engine as _;
use memchr::memchr_iter;

use crate::engine::error::Reason;

/// The maximum size of a token in bytes.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
type Base64Url = base64::engine::Simd;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
type Base64Url = base64::engine::GeneralPurpose;

/// Strict base64url: no padding, no other alphabet, and unused trailing bits are zero (RFC 7515 §2, RFC 4648 §3.5).
static BASE64URL: LazyLock<Base64Url> = LazyLock::new(|| {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    return Base64Url::url_safe(base64::engine::general_purpose::NO_PAD);
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return base64::engine::general_purpose::URL_SAFE_NO_PAD;
});

/// Decodes strict base64url.
pub fn decode_base64url(text: &[u8]) -> Option<Vec<u8>> {
    BASE64URL.decode(text).ok()
}

/// Decodes strict base64url of exactly 32 bytes, without an allocation.
pub fn decode_32_bytes(text: &[u8]) -> Option<[u8; 32]> {
    const LENGTH: usize = 43;
    // The decoder asks for room for whole groups.
    let mut bytes = [0; LENGTH.div_ceil(4) * 3];
    let decoded = if text.len() == LENGTH { BASE64URL.decode_slice(text, &mut bytes).ok()? } else { return None };
    bytes.get(..decoded)?.try_into().ok()
}

/// Encodes base64url without padding.
pub fn encode_base64url(bytes: &[u8]) -> String {
    BASE64URL.encode(bytes)
}

/// The parts of a token, still encoded.
#[derive(Clone, Copy)]
pub struct Compact<'t> {
    pub header: &'t str,
    pub payload: &'t str,
    pub signature: &'t str,
    /// The header, a dot and the payload. The signature covers this text (RFC 7515 §5.1).
    pub signing_input: &'t str,
}

impl<'t> Compact<'t> {
    /// Splits a token of at most [`MAX_TOKEN_BYTES`] into exactly three non-empty parts (RFC 7515 §7.1).
    pub fn split(token: &'t str) -> Result<Self, Reason> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(Reason::TokenTooLarge);
        }
        let mut dots = memchr_iter(b'.', token.as_bytes());
        let (Some(first), Some(second), None) = (dots.next(), dots.next(), dots.next()) else {
            return Err(Reason::TokenMalformed);
        };
        let compact = Compact {
            header: &token[..first],
            payload: &token[first + 1..second],
            signature: &token[second + 1..],
            signing_input: &token[..second],
        };
        if compact.header.is_empty() || compact.payload.is_empty() || compact.signature.is_empty() {
            return Err(Reason::TokenMalformed);
        }
        Ok(compact)
    }
}

/// Whether a token looks like a JWT: exactly three dot-separated parts, of any content.
pub fn has_three_parts(token: &str) -> bool {
    memchr_iter(b'.', token.as_bytes()).take(3).count() == 2
}

/// Decodes the payload of a token as text. Does not verify the token.
pub fn decode_payload(token: &str) -> Option<String> {
    let compact = Compact::split(token).ok()?;
    String::from_utf8(decode_base64url(compact.payload.as_bytes())?).ok()
}

#[cfg(test)]
#[path = "compact_tests.rs"]
mod tests;
