//! Cached results: is a cache entry accepted for a token, by this client, now?
//!
//! Cache hits are validated again: the claims, their times, and the requirements of the route. Only the signature of a JWT
//! is not verified again. Instead, the entry must equal the payload of the JWT.
//!
//! Clients with different options may share one cache. So each entry says how, when and by which client it was obtained
//! ([`crate::engine::memory::obtained`]), and each client decides with its own options whether it uses the entry.

use crate::engine::authorize::claim_requirements::ClaimsText;
use crate::engine::authorize::dpop::Progress;
use crate::engine::config::MAX_SECONDS;
use crate::engine::error::Reason;
use crate::engine::memory::claims_cache::{self, ClaimsCache, Key, Validated, ValidatedEntry};
use crate::engine::memory::obtained::{self, EntryInfo, MAX_CLOCK_DIFFERENCE, Means, Obtained};
use crate::engine::time::{Clock, NumericDate, is_time};
use crate::engine::token::claims::Origin;
use crate::engine::token::{compact, json};
use crate::engine::{Call, Engine, Slot};

/// How long a cache may keep an introspection response without `exp`, or an inactive one, by default. In seconds.
const WITHOUT_EXPIRY: f64 = 300.0;

/// The result of looking up a token in a cache.
#[derive(Debug, PartialEq)]
pub enum CachedVerdict {
    /// Accepted for the first time. This is the JSON text of the claims.
    Claims(String),
    /// The signature algorithm of the DPoP proof is slow. The caller verifies it on another thread and decides again.
    IsSlow,
    /// There is no usable entry. The caller deletes the entry, if there is one, and validates the token.
    Miss,
    /// This client may not use the entry, but another client may. The caller validates the token and does not delete
    /// the entry. Only an introspection response may replace it.
    NotOurs,
    /// Rejected: the claims do not meet the requirements of the route, or the issuer said that the token is inactive.
    Refused(Reason),
    /// Accepted again. JavaScript has the claims already, under this slot.
    Slot(Slot),
}

impl Engine {
    /// Decides on an entry from the user's cache. `evaluated` contains the entries that this client has validated before.
    pub fn decide_cached(&self, evaluated: &mut ClaimsCache, entry: &str, call: &Call<'_>) -> CachedVerdict {
        let key = claims_cache::key_of("", call.token);
        if evaluated.get(&key, call.now).is_some_and(|known| *known.text == *entry) {
            return self.decide_in_cache(evaluated, &key, call);
        }
        evaluated.remove(&key);
        let clock = match self.clock(call.now) {
            Ok(clock) => clock,
            Err(reason) => return CachedVerdict::Refused(reason),
        };
        let mut validated = match self.validate_entry(entry, &EntryInfo::read(entry), call, &clock) {
            Ok(validated) => validated,
            Err(verdict) => return verdict,
        };
        let decided =
            self.check_call(&mut validated, entry, call, &clock).map(|()| CachedVerdict::Claims(entry.to_owned()));
        evaluated.put(key, entry, f64::INFINITY, call.now);
        evaluated.note(&key, validated);
        decided.unwrap_or_else(|verdict| verdict)
    }

    /// Decides on an entry of the cache inside the process, which also keeps the result of the validation.
    pub fn decide_in_cache(&self, cache: &mut ClaimsCache, key: &Key, call: &Call<'_>) -> CachedVerdict {
        let clock = match self.clock(call.now) {
            Ok(clock) => clock,
            Err(reason) => return CachedVerdict::Refused(reason),
        };
        if call.policy.claims.is_some() {
            cache.keep_answers(key, self.id);
        }
        let Some(entry) = cache.get(key, call.now) else { return CachedVerdict::Miss };
        let validated_before = entry.validated.as_mut().filter(|validated| validated.engine == self.id);
        let decided = if let Some(validated) = validated_before {
            self.check_call(validated, &entry.text, call, &clock).map(|()| CachedVerdict::Slot(entry.slot))
        } else {
            match self.validate_entry(&entry.text, &entry.info, call, &clock) {
                Ok(mut validated) => {
                    let decided = self.check_call(&mut validated, &entry.text, call, &clock);
                    let decided = decided.map(|()| CachedVerdict::Claims(entry.text.to_string()));
                    cache.note(key, validated);
                    decided
                }
                Err(verdict) => Err(verdict),
            }
        };
        let verdict = decided.unwrap_or_else(|verdict| verdict);
        if verdict == CachedVerdict::Miss {
            cache.remove(key);
        }
        verdict
    }

    /// Validates an entry: this client may use it, and it belongs to this token.
    fn validate_entry(
        &self,
        text: &str,
        info: &EntryInfo,
        call: &Call<'_>,
        clock: &Clock,
    ) -> Result<ValidatedEntry, CachedVerdict> {
        let obtained = info.obtained.as_ref().ok_or(CachedVerdict::Miss)?;
        let is_local = self.is_local(call.token);
        let issuers = self.issuers();
        let inactive = if info.is_inactive { inactive_until(text, &issuers) } else { None };
        if info.is_inactive && inactive.is_none_or(|until| until <= call.now) {
            return Err(CachedVerdict::Miss);
        }
        match obtained.by {
            Means::Validation if is_local && obtained.at > call.now + MAX_CLOCK_DIFFERENCE => {
                return Err(CachedVerdict::Miss);
            }
            Means::Validation if is_local => {}
            // Local validation does not detect revocation, and a client that introspects JWTs must detect it.
            Means::Validation if compact::has_three_parts(call.token) => return Err(CachedVerdict::NotOurs),
            Means::Validation => return Err(CachedVerdict::Miss),
            // The issuer may answer another client differently about the same token (RFC 7662 §2.2 and §4).
            Means::Introspection if is_local || obtained.client != self.config.cache_identity => {
                return Err(CachedVerdict::NotOurs);
            }
            Means::Introspection => {}
        }
        let content = if is_local {
            self.validate_payload(text, call.token, &issuers, clock)
        } else if let Some(until) = inactive {
            Some(Validated::Inactive(until))
        } else {
            self.validate_claims(text, Origin::Cache, call.token, &issuers, clock)
        };
        let content = content.ok_or(CachedVerdict::Miss)?;
        let (from, until) = match &content {
            _ if is_local => (f64::NEG_INFINITY, f64::INFINITY),
            Validated::Claims(claims) => self.introspected_between(obtained.at, claims.expires.is_some()),
            Validated::Inactive(_) => self.introspected_between(obtained.at, false),
        };
        Ok(ValidatedEntry { engine: self.id, content, from, until, answers: None })
    }

    /// Validates the entry of a JWT. The entry must equal the payload of the JWT, or it belongs to another token or was
    /// changed. The payload itself is validated, because it may have duplicate members that the entry does not show.
    fn validate_payload(&self, entry: &str, token: &str, issuers: &[String], clock: &Clock) -> Option<Validated> {
        let payload = compact::decode_payload(token).filter(|payload| equals_payload(payload, entry))?;
        self.validate_claims(&payload, Origin::Jwt, token, issuers, clock)
    }

    fn validate_claims(
        &self,
        text: &str,
        origin: Origin,
        token: &str,
        issuers: &[String],
        clock: &Clock,
    ) -> Option<Validated> {
        let mut issuers = issuers.iter();
        let claims = issuers.find_map(|issuer| self.check_claims(text.as_bytes(), issuer, origin, clock).ok())?;
        let claims = self.with_own_claims(claims, origin, token).ok()?;
        Some(Validated::Claims(claims.into_owned()))
    }

    /// The times between which this client uses an introspection response that was obtained at `at`.
    fn introspected_between(&self, at: NumericDate, has_expiry: bool) -> (NumericDate, NumericDate) {
        (at - MAX_CLOCK_DIFFERENCE, self.introspected_until(at, has_expiry))
    }

    /// The time until which this client uses an introspection response that was obtained at `at`. Its option
    /// `introspectionCacheDuration` decides this.
    fn introspected_until(&self, at: NumericDate, has_expiry: bool) -> NumericDate {
        match self.config.introspection_cache {
            Some(seconds) if seconds > 0.0 => at + seconds,
            Some(_) => f64::NEG_INFINITY,
            None if has_expiry => f64::INFINITY,
            None => at + WITHOUT_EXPIRY,
        }
    }

    /// The time until which a cache may keep claims that are obtained now. Returns `None` if it may not keep them. The
    /// result is a whole number of seconds, at most one hundred years from now, so that every store accepts it.
    pub fn cache_until(&self, expires: Option<NumericDate>, is_introspected: bool, now: NumericDate) -> Option<f64> {
        let until = match expires {
            Some(expires) if is_introspected => expires.min(self.introspected_until(now, true)),
            Some(expires) => expires,
            None if is_introspected => self.introspected_until(now, false),
            None => return None,
        };
        let until = until.min(now + MAX_SECONDS).floor();
        (is_time(now) && until.is_finite() && until > now).then_some(until)
    }

    /// The JSON text of an object with the member that an entry has in addition to its claims.
    pub fn obtained(&self, is_introspected: bool, at: NumericDate) -> String {
        let by = if is_introspected { Means::Introspection } else { Means::Validation };
        Obtained { by, at, client: self.config.cache_identity.clone() }.to_text()
    }

    /// Checks the rules whose result depends on the call: the age of the entry, the times, and the route's requirements.
    fn check_call(
        &self,
        validated: &mut ValidatedEntry,
        entry: &str,
        call: &Call<'_>,
        clock: &Clock,
    ) -> Result<(), CachedVerdict> {
        if matches!(validated.content, Validated::Inactive(until) if until <= call.now) {
            return Err(CachedVerdict::Miss);
        }
        // The entry is too old for this client, or comes from a machine whose clock is too far ahead.
        if call.now < validated.from || call.now >= validated.until {
            return Err(CachedVerdict::NotOurs);
        }
        match &validated.content {
            Validated::Inactive(_) => Err(CachedVerdict::Refused(Reason::Inactive)),
            Validated::Claims(claims) if claims.check_times(clock).is_ok() => {
                match call.prove(&claims.confirmation, clock, false) {
                    Progress::IsSlow => Err(CachedVerdict::IsSlow),
                    Progress::Decided => {
                        // The payload of a JWT may have duplicate members that the entry does not show.
                        let is_local = call.policy.claims.is_some() && self.is_local(call.token);
                        let text =
                            if is_local { ClaimsText::Jwt(call.token) } else { ClaimsText::Response(entry.as_bytes()) };
                        let answers = validated.answers.as_deref_mut();
                        call.authorize(claims, text, answers, clock).map_err(CachedVerdict::Refused)
                    }
                }
            }
            Validated::Claims(_) => Err(CachedVerdict::Miss),
        }
    }
}

/// Whether an entry equals the payload of a JWT, apart from [`obtained::MEMBER`]. Usually the texts are the same.
fn equals_payload(payload: &str, entry: &str) -> bool {
    if obtained::is_payload_with_member(entry, payload) {
        return true;
    }
    let (Some(payload), Some(mut entry)) = (json::document(payload), json::document(entry)) else { return false };
    entry.as_object_mut().and_then(|members| members.remove(obtained::MEMBER));
    is_same_json(&payload, &entry)
}

/// Whether two values are equal in JavaScript, where `1.0` is `1` and members have no order.
fn is_same_json(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (a, b) {
        (Number(a), Number(b)) => a.as_f64() == b.as_f64(),
        (Array(a), Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same_json(a, b)),
        (Object(a), Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| is_same_json(a, b)))
        }
        _ => a == b,
    }
}

/// The expiry of an inactive entry, `{ "active": false, "exp": … }`. If the entry has an `iss`, it must be this issuer.
fn inactive_until(entry: &str, issuers: &[String]) -> Option<NumericDate> {
    let entry = json::document(entry)?;
    let is_inactive = entry.get("active") == Some(&serde_json::Value::Bool(false));
    let is_ours = entry.get("iss").is_none_or(|iss| issuers.iter().any(|issuer| iss == issuer.as_str()));
    entry.get("exp").and_then(serde_json::Value::as_f64).filter(|_| is_inactive && is_ours)
}
