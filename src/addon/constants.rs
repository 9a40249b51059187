//! The codes, limits and names that JavaScript shares with the engine. It reads them once, when it loads the add-on.

use napi_derive::napi;

use super::outcome::{AUDIENCE_OF_ROUTE, IS_SLOW, MISS, NEEDS_KEYS, NOT_A_JWT, NOT_OURS};
use crate::engine::authorize::mode::BindingMode;
use crate::engine::authorize::step_up::MAX_AGE_LIMIT_SECS;
use crate::engine::config::options::PREFIX;
use crate::engine::config::{MAX_VERIFIED_TOKEN_BYTES, MAX_VERIFIED_TOKENS};
use crate::engine::memory::obtained::MEMBER;
use crate::engine::memory::verified_tokens::PLACES;
use crate::engine::token::claims_template::MOST_TEMPLATES;
use crate::engine::transport::{MAX_BODY_BYTES, MAX_HEADERS, MAX_RETRY_AFTER};

#[napi(object, object_from_js = false)]
pub struct Constants {
    pub outcomes: OutcomeCodes,
    pub limits: Limits,
    pub names: Names,
}

/// The negative outcomes that are no failures.
#[napi(object, object_from_js = false)]
pub struct OutcomeCodes {
    pub needs_keys: i32,
    pub is_slow: i32,
    pub miss: i32,
    pub not_a_jwt: i32,
    pub not_ours: i32,
    pub audience_of_route: i32,
}

#[napi(object, object_from_js = false)]
pub struct Limits {
    /// The largest body of a response, in bytes.
    pub body_bytes: f64,
    /// The largest number of a response's headers.
    pub headers: f64,
    /// The longest time that a response tells its client to wait, in seconds.
    pub retry_after: f64,
    /// The largest age of an authentication that a route can ask for, in seconds.
    pub max_age: f64,
    /// The largest number of claims templates that are kept.
    pub claims_templates: f64,
    /// A slot number modulo this is the place of its claims.
    pub slot_places: f64,
    /// The largest number of entries of a cache in the process.
    pub cache_entries: f64,
    /// The largest size of a cache in the process, in bytes.
    pub cache_bytes: f64,
}

#[napi(object, object_from_js = false)]
pub struct Names {
    /// How the environment variable of every option begins.
    pub variable_prefix: &'static str,
    /// The member of a cache's entry that tells how and when the claims were obtained.
    pub obtained_member: &'static str,
    /// The values of both binding options.
    #[napi(ts_type = "CertificateBindingValidation[]")]
    pub binding_modes: Vec<&'static str>,
}

#[napi(catch_unwind)]
pub fn constants() -> Constants {
    Constants {
        outcomes: OutcomeCodes {
            needs_keys: NEEDS_KEYS,
            is_slow: IS_SLOW,
            miss: MISS,
            not_a_jwt: NOT_A_JWT,
            not_ours: NOT_OURS,
            audience_of_route: AUDIENCE_OF_ROUTE,
        },
        limits: Limits {
            body_bytes: MAX_BODY_BYTES as f64,
            headers: MAX_HEADERS as f64,
            retry_after: MAX_RETRY_AFTER.as_secs() as f64,
            max_age: f64::from(MAX_AGE_LIMIT_SECS),
            claims_templates: MOST_TEMPLATES as f64,
            slot_places: PLACES as f64,
            cache_entries: MAX_VERIFIED_TOKENS,
            cache_bytes: MAX_VERIFIED_TOKEN_BYTES,
        },
        names: Names {
            variable_prefix: PREFIX,
            obtained_member: MEMBER,
            binding_modes: BindingMode::ALL.iter().map(|mode| mode.name()).collect(),
        },
    }
}
