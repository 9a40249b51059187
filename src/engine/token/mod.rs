//! Reading tokens: the parts, the header and the claims, all parsed strictly.

pub mod audience;
pub mod claims;
pub mod claims_template;
pub mod compact;
pub mod confirmation;
pub mod groups;
pub mod header;
pub mod json;
