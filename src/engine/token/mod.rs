//! What a token says: its parts, its header, its claims, all read strictly. No rule about this API is decided here.

pub mod claims;
pub mod claims_template;
pub mod compact;
pub mod confirmation;
pub mod groups;
pub mod header;
pub mod json;
