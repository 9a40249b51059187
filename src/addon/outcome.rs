//! Converts the engine's verdicts to values for JavaScript.
//!
//! Accepted claims are returned as their JSON text, or as the values for a claims template (which start with NUL, unlike
//! JSON), or as the slot number of claims that were returned before. Every other verdict is a negative code: wait for the
//! keys, decide on the pool, not in the cache, not a JWT, or the code of a reason. Only a failure with the details of an
//! exchange is an object, because a code is much cheaper.

use napi::bindgen_prelude::{Either, Either3, Env, Object, Result};
use napi_derive::napi;

use crate::engine::error::{CATALOGUE, Failure, Reason};
use crate::engine::memory::verified_tokens::Slot;
use crate::engine::{CachedVerdict, Verdict};

pub const NEEDS_KEYS: i32 = -1;
pub const IS_SLOW: i32 = -2;
pub const MISS: i32 = -3;
pub const NOT_A_JWT: i32 = -4;
pub const NOT_OURS: i32 = -5;
/// The token has an audience of the client, and none that the route accepts.
pub const AUDIENCE_OF_ROUTE: i32 = -6;
/// The code of the first reason. The codes of the other reasons are lower.
pub const FIRST_REASON: i32 = -10;

pub fn reason_code(reason: Reason) -> i32 {
    FIRST_REASON - i32::from(reason as u8)
}

/// Claims, a slot or a negative code, or a failure with details.
#[napi]
pub type Outcome = Either3<String, f64, JsFailure>;

pub fn outcome_of(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Claims(text) | Verdict::Template(text) => Either3::A(text),
        Verdict::Remembered(slot) => Either3::B(slot as f64),
        Verdict::NeedsKeys => code(NEEDS_KEYS),
        Verdict::IsSlow => code(IS_SLOW),
        Verdict::Refused(reason) | Verdict::Failed(Failure { reason, detail: None }) => code(reason_code(reason)),
        Verdict::Failed(failure) => Either3::C(failure.into()),
    }
}

/// A negative code as an outcome.
pub fn code(code: i32) -> Outcome {
    Either3::B(f64::from(code))
}

/// The outcome of a verdict about an entry of a cache.
pub fn outcome_of_cached(verdict: CachedVerdict) -> Outcome {
    match verdict {
        CachedVerdict::Claims(text) => Either3::A(text),
        CachedVerdict::Slot(slot) => Either3::B(slot as f64),
        CachedVerdict::IsSlow => code(IS_SLOW),
        CachedVerdict::Miss => code(MISS),
        CachedVerdict::NotOurs => code(NOT_OURS),
        CachedVerdict::Refused(reason) => code(reason_code(reason)),
    }
}

/// Slots as JavaScript numbers. Returns `None` without any, which is cheaper than an empty list.
pub fn released_slots(slots: Vec<Slot>) -> Option<Vec<f64>> {
    (!slots.is_empty()).then(|| slots.into_iter().map(|slot| slot as f64).collect())
}

/// A failure with the details of the exchange.
#[napi(object)]
pub struct JsFailure {
    /// The code of the reason.
    pub code: i32,
    /// JSON of `{ status, statusText, headers, body, error, errorDescription, retryAfter, isOutage }`.
    #[napi(ts_type = "Json<FailureDetail>")]
    pub detail: Option<String>,
}

impl From<Failure> for JsFailure {
    fn from(failure: Failure) -> Self {
        JsFailure {
            code: reason_code(failure.reason),
            detail: failure.detail.and_then(|detail| serde_json::to_string(&detail).ok()),
        }
    }
}

/// A text or a failure.
pub type JsAnswer = Either<String, JsFailure>;

pub fn answer(result: std::result::Result<String, Failure>) -> JsAnswer {
    result.map_or_else(|failure| Either::B(failure.into()), Either::A)
}

/// The table of reasons for JavaScript, which reads it once. `outcomeCode` is the code of a reason in an outcome, and
/// `outcomeCodeLackingScopes` is its code if the token lacks required scopes too.
#[napi(catch_unwind, ts_return_type = "Array<FailureSpec>")]
pub fn failures(env: &Env) -> Result<Vec<Object<'_>>> {
    let code_lacking_scopes = |reason: Reason| match reason.with_missing_scopes() {
        other if other == reason => None,
        other => Some(reason_code(other)),
    };
    CATALOGUE
        .iter()
        .filter(|spec| spec.lacks_scopes_and.is_none())
        .map(|spec| {
            let mut row = Object::new(env)?;
            row.set("outcomeCode", reason_code(spec.reason))?;
            row.set("reason", spec.name)?;
            row.set("name", spec.class.name())?;
            row.set("code", spec.class.code())?;
            row.set("message", spec.message)?;
            row.set("status", spec.status)?;
            row.set("isOutage", spec.is_outage)?;
            row.set("isCacheable", spec.is_cacheable)?;
            row.set("concernsRequest", spec.concerns_request)?;
            row.set("retryAfter", spec.retry_after_secs)?;
            row.set("outcomeCodeLackingScopes", code_lacking_scopes(spec.reason))?;
            Ok(row)
        })
        .collect()
}
