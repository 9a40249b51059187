//! Authorization: do validated claims give access to a route? Certificate binding, step-up authentication, scopes and
//! groups.

pub mod certificate;
pub mod certificate_headers;
pub mod dpop;
pub mod membership;
pub mod mode;
pub mod policy;
pub mod step_up;
