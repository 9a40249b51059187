//! Certificate-bound access tokens (RFC 8705 §3): does the client certificate match the token?
//!
//! This module hashes a certificate and compares the SHA-256 thumbprint with the token's. It does not check validity,
//! chain or revocation. That is the job of whatever terminates TLS.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use percent_encoding::percent_decode_str;

use crate::engine::authorize::mode::BindingMode;
use crate::engine::error::Reason;
use crate::engine::token::confirmation::{Binding, Thumbprint};

/// The maximum size of a certificate in bytes, before decoding.
pub const MAX_CERTIFICATE_BYTES: usize = 16 * 1024;

impl BindingMode {
    /// Checks the binding. RFC 8705 §3: a bound token is accepted only together with the matching certificate.
    pub fn check(self, confirmation: &Binding, certificate: Option<&str>) -> Result<(), Reason> {
        let bound_to = match (self, confirmation) {
            (BindingMode::Ignore, _) | (BindingMode::WhenPresent, Binding::Absent) => return Ok(()),
            (BindingMode::Required, Binding::Absent) => return Err(Reason::ConfirmationMissing),
            (_, Binding::Unreadable) => return Err(Reason::ConfirmationInvalid),
            (_, Binding::Bound(thumbprint)) => thumbprint,
        };
        let certificate = certificate.filter(|text| !text.trim().is_empty()).ok_or(Reason::CertificateMissing)?;
        let presented = thumbprint_of_pem(certificate).ok_or(Reason::CertificateInvalid)?;
        if presented == *bound_to { Ok(()) } else { Err(Reason::CertificateMismatch) }
    }
}

/// The thumbprint of a PEM certificate, with or without delimiters, URL-encoded or not. Of a chain, the first
/// certificate counts.
pub fn thumbprint_of_pem(text: &str) -> Option<Thumbprint> {
    decode_pem(text).map(|der| Thumbprint::of(&der))
}

/// Decodes the first certificate in a text to DER. Returns `None` if there is nothing that can be a certificate.
pub fn decode_pem(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX_CERTIFICATE_BYTES {
        return None;
    }
    // `+` is not decoded to a space: it belongs to the base64 alphabet, and some proxies do not escape it.
    let text = percent_decode_str(text.trim()).decode_utf8().ok()?;
    let body = match text.find(BEGIN) {
        Some(begin) => {
            let body = &text[begin + BEGIN.len()..];
            &body[..body.find(END)?]
        }
        None => text.as_ref(),
    };
    let encoded: Vec<u8> = body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let der = STANDARD_PAD_INDIFFERENT.decode(encoded).ok()?;
    is_one_der_sequence(&der).then_some(der)
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Whether the bytes are exactly one DER SEQUENCE (X.690 §8.9). Every X.509 certificate is one.
fn is_one_der_sequence(der: &[u8]) -> bool {
    let (header, length) = match der {
        [0x30, length, ..] if *length < 0x80 => (2, usize::from(*length)),
        [0x30, 0x81, length, ..] => (3, usize::from(*length)),
        [0x30, 0x82, high, low, ..] => (4, usize::from(*high) << 8 | usize::from(*low)),
        _ => return false,
    };
    length > 0 && der.len() == header + length
}

#[cfg(test)]
#[path = "certificate_tests.rs"]
mod tests;
