//! Certificate-bound access tokens (RFC 8705 §3): the SHA-256 thumbprint of a client certificate, and what a token
//! says about it.
//!
//! A certificate is only hashed and compared. Its validity, chain and revocation are the TLS layer's: they were
//! checked, or not, where the connection ended.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use percent_encoding::percent_decode_str;

use super::error::Reason;
use super::jws::decode_base64url;

/// The most bytes a certificate may have, as it is given.
pub const MAX_CERTIFICATE_BYTES: usize = 16 * 1024;

/// The SHA-256 of a DER certificate (RFC 8705 §3.1 `x5t#S256`).
#[derive(Clone, Copy, Debug)]
pub struct Thumbprint([u8; 32]);

impl PartialEq for Thumbprint {
    /// In constant time.
    fn eq(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Thumbprint {
    /// Reads an `x5t#S256` value: base64url of 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        decode_base64url(text.as_bytes())?.try_into().ok().map(Thumbprint)
    }

    pub fn of_der(der: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, der).as_ref());
        Thumbprint(bytes)
    }

    /// The thumbprint of a PEM certificate, with or without delimiters, URL-encoded or not; of a chain the first.
    pub fn of_pem(text: &str) -> Option<Self> {
        decode_pem(text).map(|der| Thumbprint::of_der(&der))
    }

    pub fn to_base64url(self) -> String {
        super::jws::encode_base64url(&self.0)
    }
}

/// What a token's `cnf` says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Confirmation {
    /// No `cnf`, or one without `x5t#S256`.
    #[default]
    Absent,
    Bound(Thumbprint),
    /// A `cnf` that cannot be read counts as carrying a thumbprint that nothing matches.
    Unreadable,
}

/// When binding is enforced (contract 7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BindingMode {
    /// Never.
    Ignore,
    /// Also for tokens that are not bound: those are refused.
    Required,
    /// For tokens that are bound.
    #[default]
    WhenPresent,
}

impl BindingMode {
    /// The mode of a word, as the option and a route write it.
    pub fn named(word: &str) -> Option<BindingMode> {
        match word {
            "dangerously_ignore" => Some(BindingMode::Ignore),
            "required" => Some(BindingMode::Required),
            "when_present" => Some(BindingMode::WhenPresent),
            _ => None,
        }
    }

    /// RFC 8705 §3: a bound token is good only from the holder of its certificate.
    pub fn check(self, confirmation: &Confirmation, certificate: Option<&str>) -> Result<(), Reason> {
        let bound_to = match (self, confirmation) {
            (BindingMode::Ignore, _) | (BindingMode::WhenPresent, Confirmation::Absent) => return Ok(()),
            (BindingMode::Required, Confirmation::Absent) => return Err(Reason::ConfirmationMissing),
            (_, Confirmation::Unreadable) => return Err(Reason::ConfirmationInvalid),
            (_, Confirmation::Bound(thumbprint)) => thumbprint,
        };
        let certificate = certificate.filter(|text| !text.trim().is_empty()).ok_or(Reason::CertificateMissing)?;
        let presented = Thumbprint::of_pem(certificate).ok_or(Reason::CertificateInvalid)?;
        if presented == *bound_to { Ok(()) } else { Err(Reason::CertificateMismatch) }
    }
}

/// The DER of the first certificate in a text; `None` when there is none that could be one.
pub fn decode_pem(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX_CERTIFICATE_BYTES {
        return None;
    }
    // `+` stays itself: it is a letter of base64, and proxies leave it as it is.
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

/// X.690 §8.9: a SEQUENCE whose length is what follows. An X.509 certificate is one.
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
