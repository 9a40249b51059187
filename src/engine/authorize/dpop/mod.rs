//! DPoP (RFC 9449): does a proof show that the caller holds the key that its token is bound to?

pub mod nonce;
pub mod url;
