//! What a token says about the key or certificate of its holder (RFC 7800, RFC 8705 §3.1): the `cnf` claim.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

use crate::engine::token::compact::{decode_base64url, encode_base64url};

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

    pub fn to_base64url(self) -> String {
        encode_base64url(&self.0)
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
