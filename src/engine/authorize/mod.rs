//! Whether validated claims are enough for a route: certificate binding, scopes, groups.

pub mod certificate;
pub mod certificate_headers;
pub mod policy;
