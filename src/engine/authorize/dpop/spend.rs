//! The last rules of a proof: its nonce or its time, and then whether it was used before (RFC 9449 §8, §9 and §11.1).

use super::context::DpopContext;
use super::nonce::{NonceCheck, NonceKeys};
use super::read::ProofClaims;
use super::settings::NonceMode;
use super::{Refusal, Spent, State};
use crate::engine::error::Reason;
use crate::engine::memory::replay::{Spend, proof_id, sender_of};
use crate::engine::time::NumericDate;
use crate::engine::token::compact::encode_base64url;
use crate::engine::token::confirmation::Thumbprint;

/// How far `iat` may be off, in seconds, if a nonce shows that the proof is new (RFC 9449 §11.1).
const MAX_CLOCK_ERROR: f64 = 86_400.0;

/// A proof whose signature is valid, at a time.
pub(super) struct Spending<'p> {
    pub context: &'p DpopContext,
    pub key: Thumbprint,
    pub claims: &'p ProofClaims,
    /// Includes the clock skew. The clock tolerance does not apply to proofs.
    pub now: NumericDate,
    /// Whether nothing may be remembered.
    pub is_rehearsed: bool,
}

/// What shows that a proof is new. It depends on the proof alone, so a proof has the same bucket whenever it comes.
enum Freshness<'p> {
    IssuedAt,
    Nonce(&'p NonceKeys, u32),
}

impl Spending<'_> {
    /// Checks the nonce, the time and the use, and remembers the proof as used, unless it is rehearsed.
    pub fn spend(&self, state: &mut State) -> Result<(), Reason> {
        let freshness = self.check_nonce(state)?;
        let settings = &self.context.settings;
        let after_iat = |bucket: i64| bucket.saturating_add(i64::from(settings.max_age_secs) + 1);
        let (bucket, falls_at) = match freshness {
            // A conversion to an integer saturates, and the time was checked.
            Freshness::IssuedAt => {
                let bucket = self.claims.iat.floor() as i64;
                (bucket, after_iat(bucket))
            }
            Freshness::Nonce(nonces, counter) => {
                let bucket = nonces.bucket(counter, self.claims.iat);
                (bucket, nonces.falls_at(bucket))
            }
        };
        // One bucket may hold proofs of both kinds, and it falls for both at once.
        let falls_at = match (&self.context.nonces, settings.nonce) {
            (Some(nonces), NonceMode::WhenStale) => falls_at.max(after_iat(bucket)).max(nonces.falls_at(bucket)),
            _ => falls_at,
        };
        let id = proof_id(self.key.as_bytes(), self.claims.jti.as_bytes());
        let sender = sender_of(self.key.as_bytes());
        let now = self.now.floor() as i64;
        let replay = &self.context.replay;
        let spend = match self.is_rehearsed {
            true => replay.peek(id, sender, bucket, falls_at, now),
            false => replay.spend(id, sender, bucket, falls_at, now),
        };
        match spend {
            Spend::New if self.is_rehearsed => Ok(()),
            Spend::New => {
                let expires_at = falls_at.saturating_add(i64::from(settings.leeway_secs));
                state.spent = Some(Spent { id: encode_base64url(&id), expires_at });
                Ok(())
            }
            Spend::Replayed => Err(Reason::DpopReplayed),
            // The memory has given up proofs of this time, so the sender's clock may be right.
            Spend::TooOld => Err(Reason::DpopExpired),
        }
    }

    fn check_nonce(&self, state: &mut State) -> Result<Freshness<'_>, Reason> {
        let mode = self.context.settings.nonce;
        if mode == NonceMode::Off {
            return self.check_time(state).map(|()| Freshness::IssuedAt);
        }
        // Only if the machine has no random numbers.
        let nonces = self.context.nonces.as_ref().ok_or(Reason::Internal)?;
        if let Some(nonce) = &self.claims.nonce {
            let counter = match nonces.check(nonce, self.now) {
                NonceCheck::Current(counter) => counter,
                NonceCheck::Recent(counter) => {
                    state.nonce = Some(nonces.current(self.now));
                    counter
                }
                // RFC 9449 §8. A fresh `iat` does not help: the proof could then be used once by each of the two.
                NonceCheck::Stale => return Err(self.challenge(state, nonces, Reason::DpopNonceStale)),
            };
            self.check_window(state, MAX_CLOCK_ERROR, MAX_CLOCK_ERROR)?;
            return Ok(Freshness::Nonce(nonces, counter));
        }
        // RFC 9449 §11.3: a sender that was given a nonce must use it.
        let must_use_nonce = mode == NonceMode::Required
            || self.context.challenged.must_use_nonce(self.key.as_bytes(), self.now)
            || self.check_time(state).is_err();
        if must_use_nonce {
            Err(self.challenge(state, nonces, Reason::DpopNonceMissing))
        } else {
            Ok(Freshness::IssuedAt)
        }
    }

    /// Asks for the current nonce, which the sender must use as long as it is good.
    fn challenge(&self, state: &mut State, nonces: &NonceKeys, reason: Reason) -> Reason {
        state.nonce = Some(nonces.current(self.now));
        let rotation = f64::from(self.context.settings.nonce_rotation_secs.max(1));
        let until = ((self.now / rotation).floor() + 2.0) * rotation;
        if !self.is_rehearsed {
            self.context.challenged.note(*self.key.as_bytes(), until);
        }
        reason
    }

    fn check_time(&self, state: &mut State) -> Result<(), Reason> {
        let settings = &self.context.settings;
        self.check_window(state, f64::from(settings.max_age_secs), f64::from(settings.leeway_secs))
    }

    /// Checks the times of a proof that may be `past` seconds old and `future` seconds ahead.
    fn check_window(&self, state: &mut State, past: f64, future: f64) -> Result<(), Reason> {
        let ProofClaims { iat, exp, nbf, .. } = *self.claims;
        if iat < self.now - past {
            return Err(self.refuse(state, Reason::DpopExpired, self.now - iat));
        }
        if iat > self.now + future {
            return Err(self.refuse(state, Reason::DpopNotYetValid, iat - self.now));
        }
        if exp.is_some_and(|exp| exp <= self.now - future) {
            return Err(Reason::DpopExpired);
        }
        if nbf.is_some_and(|nbf| nbf > self.now + future) {
            return Err(Reason::DpopNotYetValid);
        }
        Ok(())
    }

    fn refuse(&self, state: &mut State, reason: Reason, seconds: f64) -> Reason {
        let seconds = seconds.floor() as i64;
        let place = if reason == Reason::DpopExpired { "old" } else { "ahead" };
        let description = Some(format!("DPoP proof is {seconds} seconds {place}: check the clock"));
        state.refusal = Some(Refusal { seconds: Some(seconds), description, ..Refusal::default() });
        reason
    }
}
