//! The `cnf` claim: which certificate is a token bound to? (RFC 7800 §3.1, RFC 8705 §3.1.)

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

use crate::engine::token::compact::{decode_base64url, encode_base64url};

/// The SHA-256 of a DER certificate, `x5t#S256` in RFC 8705 §3.1.
#[derive(Clone, Copy, Debug)]
pub struct Thumbprint([u8; 32]);

impl PartialEq for Thumbprint {
    /// Compares in constant time.
    fn eq(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Thumbprint {
    /// Parses an `x5t#S256` value: strict base64url of 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        decode_base64url(text.as_bytes())?.try_into().ok().map(Thumbprint)
    }

    pub fn of_der(der: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, der).as_ref());
        Thumbprint(bytes)
    }

    pub fn to_base64url(self) -> String {
        encode_base64url(&self.0)
    }
}

/// The content of a `cnf` claim.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Confirmation {
    /// No `cnf`, or one without `x5t#S256`.
    #[default]
    Absent,
    Bound(Thumbprint),
    /// A malformed `cnf`. No certificate matches it.
    Unreadable,
}
