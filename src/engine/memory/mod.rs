//! Memory: what is kept between calls, and how much? Verified tokens and cached claims.

pub mod admission;
pub mod answers;
pub mod bounded;
pub mod claims_cache;
pub mod obtained;
pub mod replay;
mod replay_buckets;
mod replay_places;
mod replay_senders;
pub mod size;
pub mod verified_tokens;
