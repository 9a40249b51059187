//! Decisions on claims that are not verified here: an introspection answer, and what a cache gave (contract 6 and 11).

use super::claims::Origin;
use super::claims_cache::{self, ClaimsCache, Key, Proved};
use super::error::Reason;
use super::time::{Clock, NumericDate};
use super::{Call, Engine, Slot};
use super::{json, jws};

/// What a cached entry is worth.
#[derive(Debug, PartialEq)]
pub enum Recalled {
    /// Accepted for the first time; the claims' text.
    Claims(String),
    /// There is none, or none of this token for us: to be deleted, and the token validated anew.
    Miss,
    /// Good claims, and not enough for this route; or a verdict that the token is inactive.
    Refused(Reason),
    /// Accepted again; the claims were handed out before, under this slot.
    Slot(Slot),
}

impl Engine {
    /// Decides on the claims of an active token: the same rules, with `iss` and `exp` optional.
    pub fn decide_introspected(&self, claims: &str, call: &Call<'_>) -> Result<(), Reason> {
        let facts = self.prove(claims.as_bytes(), &self.issuer(), Origin::Introspection, &self.clock(call.now))?;
        call.policy.check(&facts, call.certificate)
    }

    /// Decides on what a cache gave for a token (contract 11). What was proved of the same text before is in `judged`.
    pub fn decide_cached(&self, judged: &mut ClaimsCache, entry: &str, call: &Call<'_>) -> Recalled {
        let key = claims_cache::key_of("", call.token);
        if judged.get(&key, call.now).is_none_or(|known| *known.text != *entry) {
            judged.put(key, entry, f64::INFINITY, call.now);
        }
        self.decide_in_cache(judged, &key, call)
    }

    /// Decides on what the cache inside the process has, which keeps what was proved of an entry.
    pub fn decide_in_cache(&self, cache: &mut ClaimsCache, key: &Key, call: &Call<'_>) -> Recalled {
        let Some(entry) = cache.get(key, call.now) else { return Recalled::Miss };
        let clock = self.clock(call.now);
        let is_first = entry.proved.as_ref().is_none_or(|(number, _)| *number != self.number);
        if is_first {
            entry.proved = self.prove_cached(&entry.text, call, &clock).map(|proved| (self.number, proved));
        }
        let verdict = match &entry.proved {
            Some((_, Proved::Inactive(until))) if *until > call.now => Err(Reason::Inactive),
            Some((_, Proved::Claims(facts))) if facts.check_times(&clock).is_ok() => {
                call.policy.check(facts, call.certificate)
            }
            _ => {
                cache.remove(key);
                return Recalled::Miss;
            }
        };
        match verdict {
            Err(reason) => Recalled::Refused(reason),
            Ok(()) if is_first => Recalled::Claims(entry.text.to_string()),
            Ok(()) => Recalled::Slot(entry.slot),
        }
    }

    /// What an entry is, if it is one of this token for us.
    fn prove_cached(&self, entry: &str, call: &Call<'_>, clock: &Clock) -> Option<Proved> {
        let is_local = self.is_local(call.token);
        let payload = if is_local { jws::decode_payload(call.token)? } else { String::new() };
        // A JWT says its claims itself: an entry that says anything else is another token's, or was changed.
        if is_local && !is_same_text(&payload, entry) {
            return None;
        }
        // Before the metadata is there, the issuer is known but for one trailing slash.
        let domain = self.config.key_source.tenant.domain();
        let issuers = match self.store.metadata() {
            Ok(metadata) => vec![metadata.issuer.clone()],
            Err(_) => vec![domain.to_owned(), format!("{domain}/")],
        };
        if let Some(until) = inactive_until(entry, &issuers).filter(|until| !is_local && *until > call.now) {
            return Some(Proved::Inactive(until));
        }
        // What is proved of a JWT is its own text, which may say more to a strict reader than the entry does.
        let (text, origin) = if is_local { (payload.as_str(), Origin::Jwt) } else { (entry, Origin::Cache) };
        issuers
            .iter()
            .find_map(|issuer| self.prove(text.as_bytes(), issuer, origin, clock).ok())
            .map(|facts| Proved::Claims(facts.into_owned()))
    }

    /// Until when claims may stay in a cache (epoch seconds); `None` when they may not at all.
    pub fn cache_until(&self, expires: Option<NumericDate>, is_introspected: bool, now: NumericDate) -> Option<f64> {
        const WITHOUT_EXPIRY: f64 = 300.0;
        let bound = match self.config.introspection_cache {
            Some(seconds) if is_introspected => now + seconds,
            None if is_introspected && expires.is_none() => now + WITHOUT_EXPIRY,
            _ => f64::INFINITY,
        };
        let until = expires.unwrap_or(f64::INFINITY).min(bound).floor();
        (until.is_finite() && until > now).then_some(until)
    }
}

/// Whether an entry says what a JWT's payload says: mostly it is the same text.
fn is_same_text(payload: &str, entry: &str) -> bool {
    if payload == entry {
        return true;
    }
    matches!((json::document(payload), json::document(entry)), (Some(payload), Some(entry)) if is_same_json(&payload, &entry))
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
    let entry: serde_json::Value = serde_json::from_str(entry).ok()?;
    let is_inactive = entry.get("active") == Some(&serde_json::Value::Bool(false));
    let is_ours = entry.get("iss").is_none_or(|iss| issuers.iter().any(|issuer| iss == issuer.as_str()));
    entry.get("exp").and_then(serde_json::Value::as_f64).filter(|_| is_inactive && is_ours)
}
