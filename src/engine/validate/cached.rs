//! Decisions on claims that are not verified here: an introspection answer, and what a cache gave.
//!
//! A cache may be shared by clients that are configured differently. An entry says how, when and by whom it was obtained
//! ([`super::obtained`]), and each client decides with its own options whether it uses the entry.

use crate::engine::config::MAX_SECONDS;
use crate::engine::error::Reason;
use crate::engine::memory::claims_cache::{self, ClaimsCache, Key, Proof, Proved};
use crate::engine::memory::obtained::{self, MAX_CLOCK_DIFFERENCE, Means, Obtained};
use crate::engine::time::{Clock, NumericDate, is_time};
use crate::engine::token::claims::Origin;
use crate::engine::token::{compact, json};
use crate::engine::{Call, Engine, Slot};

/// How long an introspected token without `exp`, or an inactive verdict, may stay in a cache by default.
const WITHOUT_EXPIRY: f64 = 300.0;

/// What a cached entry is worth.
#[derive(Debug, PartialEq)]
pub enum CachedVerdict {
    /// Accepted for the first time; the claims' text.
    Claims(String),
    /// There is none, or none of this token for us: to be deleted, and the token validated anew.
    Miss,
    /// It may be good for another client: the token is validated anew, and the entry is not deleted. Only an
    /// introspection may replace it.
    NotOurs,
    /// Good claims, and not enough for this route; or a verdict that the token is inactive.
    Refused(Reason),
    /// Accepted again; the claims were handed out before, under this slot.
    Slot(Slot),
}

impl Engine {
    /// Decides on the claims of an active token, from the issuer or from a subclass's method: the same rules, with `iss`
    /// and `exp` optional.
    pub fn decide_introspected(&self, claims: &str, call: &Call<'_>) -> Result<(), Reason> {
        let clock = self.clock(call.now)?;
        let mut verdict = Err(Reason::IssuerMismatch);
        for issuer in self.issuers() {
            verdict = self.prove(claims.as_bytes(), &issuer, Origin::Introspection, &clock);
            if verdict != Err(Reason::IssuerMismatch) {
                break;
            }
        }
        call.policy.check(&verdict?, call.certificate)
    }

    /// Decides on what a cache gave for a token. What was proved of the same text before is in `judged`.
    pub fn decide_cached(&self, judged: &mut ClaimsCache, entry: &str, call: &Call<'_>) -> CachedVerdict {
        let key = claims_cache::key_of("", call.token);
        if judged.get(&key, call.now).is_some_and(|known| *known.text == *entry) {
            return self.decide_in_cache(judged, &key, call);
        }
        judged.remove(&key);
        let clock = match self.clock(call.now) {
            Ok(clock) => clock,
            Err(reason) => return CachedVerdict::Refused(reason),
        };
        let proof = match self.validate_cached(entry, &obtained::Entry::read(entry), call, &clock) {
            Ok(proof) => proof,
            Err(worth) => return worth,
        };
        let decided = decide_by(&proof, call, &clock).map(|()| CachedVerdict::Claims(entry.to_owned()));
        judged.put(key, entry, f64::INFINITY, call.now);
        judged.note(&key, proof);
        decided.unwrap_or_else(|worth| worth)
    }

    /// Decides on what the cache inside the process has, which keeps what was proved of an entry.
    pub fn decide_in_cache(&self, cache: &mut ClaimsCache, key: &Key, call: &Call<'_>) -> CachedVerdict {
        let clock = match self.clock(call.now) {
            Ok(clock) => clock,
            Err(reason) => return CachedVerdict::Refused(reason),
        };
        let Some(entry) = cache.get(key, call.now) else { return CachedVerdict::Miss };
        let known = entry.proof.as_ref().filter(|proof| proof.engine == self.id);
        let decided = if let Some(proof) = known {
            decide_by(proof, call, &clock).map(|()| CachedVerdict::Slot(entry.slot))
        } else {
            match self.validate_cached(&entry.text, &entry.said, call, &clock) {
                Ok(proof) => {
                    let decided =
                        decide_by(&proof, call, &clock).map(|()| CachedVerdict::Claims(entry.text.to_string()));
                    cache.note(key, proof);
                    decided
                }
                Err(worth) => Err(worth),
            }
        };
        let worth = decided.unwrap_or_else(|worth| worth);
        if worth == CachedVerdict::Miss {
            cache.remove(key);
        }
        worth
    }

    /// Proves an entry, if it is one of this token for us.
    fn validate_cached(
        &self,
        text: &str,
        said: &obtained::Entry,
        call: &Call<'_>,
        clock: &Clock,
    ) -> Result<Proof, CachedVerdict> {
        let obtained = said.obtained.as_ref().ok_or(CachedVerdict::Miss)?;
        let is_local = self.is_local(call.token);
        let issuers = self.issuers();
        let inactive = if said.is_inactive { inactive_until(text, &issuers) } else { None };
        if said.is_inactive && inactive.is_none_or(|until| until <= call.now) {
            return Err(CachedVerdict::Miss);
        }
        match obtained.by {
            Means::Validation if is_local && obtained.at > call.now + MAX_CLOCK_DIFFERENCE => {
                return Err(CachedVerdict::Miss);
            }
            Means::Validation if is_local => {}
            // It says nothing of revocation, which a client that introspects JWTs is asked to see.
            Means::Validation if compact::has_three_parts(call.token) => return Err(CachedVerdict::NotOurs),
            Means::Validation => return Err(CachedVerdict::Miss),
            // Another client may be told something else of the same token (RFC 7662 §2.2 and §4).
            Means::Introspection if is_local || obtained.client != self.config.cache_identity => {
                return Err(CachedVerdict::NotOurs);
            }
            Means::Introspection => {}
        }
        let proved = if is_local {
            self.validate_payload(text, call.token, &issuers, clock)
        } else if let Some(until) = inactive {
            Some(Proved::Inactive(until))
        } else {
            self.validate_claims(text, Origin::Cache, &issuers, clock)
        };
        let proved = proved.ok_or(CachedVerdict::Miss)?;
        let (from, until) = match &proved {
            _ if is_local => (f64::NEG_INFINITY, f64::INFINITY),
            Proved::Claims(facts) => self.introspected_between(obtained.at, facts.expires.is_some()),
            Proved::Inactive(_) => self.introspected_between(obtained.at, false),
        };
        Ok(Proof { engine: self.id, proved, from, until })
    }

    /// A JWT says its claims itself: an entry that says anything else is another token's, or was changed. What is
    /// proved is the JWT's own text, which may say more to a strict reader than the entry does.
    fn validate_payload(&self, entry: &str, token: &str, issuers: &[String], clock: &Clock) -> Option<Proved> {
        let payload = compact::decode_payload(token).filter(|payload| is_same_text(payload, entry))?;
        self.validate_claims(&payload, Origin::Jwt, issuers, clock)
    }

    fn validate_claims(&self, text: &str, origin: Origin, issuers: &[String], clock: &Clock) -> Option<Proved> {
        issuers
            .iter()
            .find_map(|issuer| self.prove(text.as_bytes(), issuer, origin, clock).ok())
            .map(|facts| Proved::Claims(facts.into_owned()))
    }

    /// The issuers that claims in a cache may name. Before the metadata is there, the issuer is known but for one
    /// trailing slash.
    fn issuers(&self) -> Vec<String> {
        let domain = self.config.key_source.tenant.domain();
        match self.store.metadata() {
            Ok(metadata) => vec![metadata.issuer.clone()],
            Err(_) => vec![domain.to_owned(), format!("{domain}/")],
        }
    }

    /// Between which times this client uses what the issuer said at a time.
    fn introspected_between(&self, at: NumericDate, has_expiry: bool) -> (NumericDate, NumericDate) {
        (at - MAX_CLOCK_DIFFERENCE, self.introspected_until(at, has_expiry))
    }

    /// Until when (epoch seconds) this client uses what the issuer said at a time, by its `introspectionCacheDuration`.
    fn introspected_until(&self, at: NumericDate, has_expiry: bool) -> NumericDate {
        match self.config.introspection_cache {
            Some(seconds) if seconds > 0.0 => at + seconds,
            Some(_) => f64::NEG_INFINITY,
            None if has_expiry => f64::INFINITY,
            None => at + WITHOUT_EXPIRY,
        }
    }

    /// Until when claims that are obtained now may stay in a cache (whole epoch seconds); `None` when they may not at
    /// all. Never later than a hundred years from now, so that it is an integer to every store.
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

    /// JSON of the member that an entry carries beside its claims.
    pub fn obtained(&self, is_introspected: bool, at: NumericDate) -> String {
        let by = if is_introspected { Means::Introspection } else { Means::Validation };
        Obtained { by, at, client: self.config.cache_identity.clone() }.to_text()
    }
}

/// Every rule that can change from call to call, on what was proved.
fn decide_by(proof: &Proof, call: &Call<'_>, clock: &Clock) -> Result<(), CachedVerdict> {
    if matches!(proof.proved, Proved::Inactive(until) if until <= call.now) {
        return Err(CachedVerdict::Miss);
    }
    // Too old for this client, or from a clock that is ahead of ours.
    if call.now < proof.from || call.now >= proof.until {
        return Err(CachedVerdict::NotOurs);
    }
    match &proof.proved {
        Proved::Inactive(_) => Err(CachedVerdict::Refused(Reason::Inactive)),
        Proved::Claims(facts) if facts.check_times(clock).is_ok() => {
            call.policy.check(facts, call.certificate).map_err(CachedVerdict::Refused)
        }
        Proved::Claims(_) => Err(CachedVerdict::Miss),
    }
}

/// Whether an entry says what a JWT's payload says, beside our member: mostly it is the same text.
fn is_same_text(payload: &str, entry: &str) -> bool {
    if obtained::is_payload_with_member(entry, payload) {
        return true;
    }
    let (Some(payload), Some(mut entry)) = (json::document(payload), json::document(entry)) else { return false };
    entry.as_object_mut().and_then(|members| members.remove(obtained::MEMBER));
    is_same_json(&payload, &entry)
}

/// Equality as JavaScript sees it: `1.0` is `1`, members have no order.
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

/// The end of a verdict `{ "active": false, "exp": … }`; one that says whose it is must be of our issuer.
fn inactive_until(entry: &str, issuers: &[String]) -> Option<NumericDate> {
    let entry = json::document(entry)?;
    let is_inactive = entry.get("active") == Some(&serde_json::Value::Bool(false));
    let is_ours = entry.get("iss").is_none_or(|iss| issuers.iter().any(|issuer| iss == issuer.as_str()));
    entry.get("exp").and_then(serde_json::Value::as_f64).filter(|_| is_inactive && is_ours)
}
