//! Authorization: do validated claims give access to a route? Certificate binding, step-up authentication, scopes and
//! groups.

pub mod certificate;
pub mod certificate_headers;
pub mod membership;
pub mod policy;
pub mod step_up;
