//! The `cnf` claim: to which certificate and which key is a token bound? (RFC 7800 §3.1, RFC 8705 §3.1, RFC 9449 §6.1.)

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};

use crate::engine::token::compact::{decode_32_bytes, encode_base64url};
use crate::engine::token::json::Value;

/// A SHA-256 thumbprint: of a DER certificate (`x5t#S256` in RFC 8705 §3.1), of a key (`jkt` in RFC 9449 §6.1), or of a
/// token (`ath` in RFC 9449 §4.2).
#[derive(Clone, Copy, Debug)]
pub struct Thumbprint([u8; 32]);

impl PartialEq for Thumbprint {
    /// Compares in constant time.
    fn eq(&self, other: &Self) -> bool {
        verify_slices_are_equal(&self.0, &other.0).is_ok()
    }
}

impl Thumbprint {
    /// Parses a thumbprint: strict base64url of 32 bytes.
    pub fn parse(text: &str) -> Option<Self> {
        decode_32_bytes(text.as_bytes()).map(Thumbprint)
    }

    /// The thumbprint of the bytes that are hashed: a DER certificate, the members of a key (RFC 7638 §3), or a token.
    pub fn of(der: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, der).as_ref());
        Thumbprint(bytes)
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub fn to_base64url(self) -> String {
        encode_base64url(&self.0)
    }
}

/// The content of a `cnf` claim. The members are independent of each other, and a token may have both. Other members are
/// ignored (RFC 7800 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Confirmation {
    /// `x5t#S256`.
    pub certificate: Binding,
    /// `jkt`.
    pub key: Binding,
    /// The hash of the token, which a DPoP proof must contain as `ath` (RFC 9449 §4.2). It is no part of `cnf`. A remembered
    /// token that is bound to a key has it, so that it is not computed at each call.
    pub token_hash: Option<Thumbprint>,
}

/// One member of a `cnf` claim.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Binding {
    /// No `cnf`, or one without this member.
    #[default]
    Absent,
    Bound(Thumbprint),
    /// A malformed `cnf` or member. Nothing matches it.
    Unreadable,
}

impl Confirmation {
    pub const ABSENT: Confirmation =
        Confirmation { certificate: Binding::Absent, key: Binding::Absent, token_hash: None };

    /// The confirmation of this token, with its hash if a proof can need it.
    pub fn with_hash_of(self, token: &str) -> Confirmation {
        let is_bound = matches!(self.key, Binding::Bound(_));
        Confirmation { token_hash: is_bound.then(|| Thumbprint::of(token.as_bytes())), ..self }
    }

    /// Reads a `cnf` claim.
    pub fn of(value: &Value<'_>) -> Confirmation {
        let Value::Object(members) = value else {
            let unreadable = Binding::Unreadable;
            return Confirmation { certificate: unreadable, key: unreadable, token_hash: None };
        };
        let binding = |member: &str| match members.iter().find(|(name, _)| name == member) {
            None => Binding::Absent,
            Some((_, Value::Text(text))) => Thumbprint::parse(text).map_or(Binding::Unreadable, Binding::Bound),
            Some(_) => Binding::Unreadable,
        };
        Confirmation { certificate: binding("x5t#S256"), key: binding("jkt"), token_hash: None }
    }
}
