//! Authorization: do validated claims give access to a route? Certificate binding, step-up authentication, scopes, groups,
//! permissions, roles and claims rules.

pub mod certificate;
pub mod certificate_headers;
pub mod claim_requirements;
pub mod claim_rules;
pub mod dpop;
pub mod implied_scopes;
pub mod membership;
pub mod mode;
pub mod policy;
pub mod step_up;
