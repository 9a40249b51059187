//! Reading tokens: the parts, the header and the claims, all parsed strictly.

pub mod audience;
pub mod claim_names;
pub mod claims;
pub mod claims_template;
pub mod compact;
pub mod confirmation;
pub mod header;
pub mod json;
pub mod lists;
pub mod peek;
