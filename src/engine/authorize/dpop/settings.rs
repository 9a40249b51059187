//! The settings of DPoP: which proofs are accepted, and for how long.

use crate::engine::token::header::Algorithm;

/// When a proof must contain a nonce of this resource server (RFC 9449 §9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum NonceMode {
    /// Never. A nonce is ignored.
    #[default]
    Off,
    /// If its `iat` is too old or too new, and for as long as the sender was asked for a nonce.
    WhenStale,
    /// Always.
    Required,
}

/// The settings of one client that decide which proofs are accepted. Clients with equal settings, issuer and audience share
/// their [`DpopContext`]. So whether a route requires proofs is none of these settings: a proof that was used at one
/// client must not be new to another.
///
/// [`DpopContext`]: super::context::DpopContext
#[derive(Clone, PartialEq)]
pub struct DpopSettings {
    /// The accepted algorithms.
    pub algorithms: Box<[Algorithm]>,
    /// How long a proof is accepted after its `iat`, in seconds.
    pub max_age_secs: u32,
    /// How far `iat` may be in the future, in seconds.
    pub leeway_secs: u32,
    pub nonce: NonceMode,
    /// The secret of the nonces. `None`: a random one, for this process only.
    pub nonce_secret: Option<Box<[u8]>>,
    /// How long a nonce is the current one, in seconds.
    pub nonce_rotation_secs: u32,
    /// How many proofs are remembered.
    pub replay_cache_size: usize,
}

impl Default for DpopSettings {
    fn default() -> Self {
        DpopSettings {
            algorithms: [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Ps256, Algorithm::Rs256].into(),
            max_age_secs: 60,
            leeway_secs: 30,
            nonce: NonceMode::default(),
            nonce_secret: None,
            nonce_rotation_secs: 60,
            replay_cache_size: 262_144,
        }
    }
}
