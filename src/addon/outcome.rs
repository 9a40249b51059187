//! How the engine's answers cross into JavaScript.
//!
//! Accepted claims are their JSON text, what stands in the blanks of a form (it starts with a NUL, which JSON does not),
//! or the slot number of claims that were handed out before; all else is a negative number: wait for the keys, go to
//! the pool, not in the cache, no JWT, or a reason's. What an exchange left behind follows only when it is asked for.

use napi::bindgen_prelude::{Either, Env, Object, Result};
use napi_derive::napi;

use crate::engine::error::{CATALOGUE, Detail, Failure, Reason};
use crate::engine::memory::verified_tokens::Slot;
use crate::engine::{CachedVerdict, Verdict};

pub const NEEDS_KEYS: i32 = -1;
pub const IS_SLOW: i32 = -2;
pub const MISS: i32 = -3;
pub const NOT_A_JWT: i32 = -4;
pub const NOT_OURS: i32 = -5;
/// The number of the first reason; the others follow downwards.
pub const FIRST_REASON: i32 = -10;

pub fn reason_number(reason: Reason) -> i32 {
    FIRST_REASON - i32::from(reason as u8)
}

/// Claims, a slot, or a number below zero.
pub type Outcome = Either<String, f64>;

/// Splits a verdict into what JavaScript gets at once and the failure it may ask about.
pub fn outcome_of(verdict: Verdict) -> (Outcome, Option<Failure>) {
    let number = |number: i32| Either::B(f64::from(number));
    match verdict {
        Verdict::Claims(text) | Verdict::Template(text) => (Either::A(text), None),
        Verdict::Remembered(slot) => (Either::B(slot as f64), None),
        Verdict::NeedsKeys => (number(NEEDS_KEYS), None),
        Verdict::IsSlow => (number(IS_SLOW), None),
        Verdict::Refused(reason) => (number(reason_number(reason)), None),
        Verdict::Failed(failure) => (number(reason_number(failure.reason)), Some(failure)),
    }
}

/// What the cache inside the process answered.
pub fn outcome_of_cached(recalled: CachedVerdict) -> Outcome {
    match recalled {
        CachedVerdict::Claims(text) => Either::A(text),
        CachedVerdict::Slot(slot) => Either::B(slot as f64),
        CachedVerdict::Miss => Either::B(f64::from(MISS)),
        CachedVerdict::NotOurs => Either::B(f64::from(NOT_OURS)),
        CachedVerdict::Refused(reason) => Either::B(f64::from(reason_number(reason))),
    }
}

/// Slots as JavaScript has them; nothing when there are none, which costs less.
pub fn released_slots(slots: Vec<Slot>) -> Option<Vec<f64>> {
    (!slots.is_empty()).then(|| slots.into_iter().map(|slot| slot as f64).collect())
}

/// A failure with what the exchange left behind.
#[napi(object)]
pub struct JsFailure {
    /// The number of the reason.
    pub reason: i32,
    /// JSON of `{ status, statusText, headers, body, error, errorDescription, retryAfter, isOutage }`.
    pub detail: Option<String>,
}

impl From<Failure> for JsFailure {
    fn from(failure: Failure) -> Self {
        JsFailure { reason: reason_number(failure.reason), detail: failure.detail.map(|detail| detail_json(&detail)) }
    }
}

/// A text or the failure to get it.
pub type JsAnswer = Either<String, JsFailure>;

pub fn answer(result: std::result::Result<String, Failure>) -> JsAnswer {
    result.map_or_else(|failure| Either::B(failure.into()), Either::A)
}

fn detail_json(detail: &Detail) -> String {
    let headers: serde_json::Map<_, _> =
        detail.headers.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    serde_json::json!({
        "status": detail.status,
        "statusText": detail.status_text,
        "headers": headers,
        "body": detail.body,
        "error": detail.error,
        "errorDescription": detail.error_description,
        "retryAfter": detail.retry_after_secs,
        "isOutage": detail.is_outage,
    })
    .to_string()
}

/// The catalogue of failures, once, for JavaScript: number, word, class, code, message, and what it means for a reply.
#[napi(catch_unwind)]
pub fn failures(env: &Env) -> Result<Vec<Object<'_>>> {
    CATALOGUE
        .iter()
        .map(|spec| {
            let mut row = Object::new(env)?;
            row.set("number", reason_number(spec.reason))?;
            row.set("reason", spec.name)?;
            row.set("name", spec.class.name())?;
            row.set("code", spec.class.code())?;
            row.set("message", spec.message)?;
            row.set("isOutage", spec.is_outage)?;
            row.set("retryAfter", spec.retry_after_secs)?;
            Ok(row)
        })
        .collect()
}
