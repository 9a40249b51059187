//! Decisions on JWTs: the rules of contract 5, in their order, on what is known; and the same again from memory.

use std::sync::Arc;

use crate::engine::config::Config;
use crate::engine::error::Reason;
use crate::engine::keys::jwk::KeySet;
use crate::engine::keys::store::{KeySnapshot, Readiness, UnknownKid};
use crate::engine::memory::verified_tokens::VerifiedTokens;
use crate::engine::time::Clock;
use crate::engine::token::claims::{CheckedClaims, Claims, Expected, Origin};
use crate::engine::token::compact::{self, Compact, decode_base64url};
use crate::engine::token::header::Header;
use crate::engine::{Attempt, Call, Engine, MAX_KEPT_HEADER, Slot, Verdict, Warm};

impl Engine {
    /// Decides on a JWT from what is known. `allows_slow` is for callers off the main thread.
    pub fn decide(&self, call: &Call<'_>, attempt: Attempt, allows_slow: bool) -> Verdict {
        self.decide_as(call, Mode { attempt, allows_slow, reads_templates: false })
    }

    /// The same at first, on the main thread, for a caller that can read a filled-in form.
    pub fn decide_warm(&self, call: &Call<'_>) -> Verdict {
        self.decide_as(call, Mode { attempt: Attempt::First, allows_slow: false, reads_templates: true })
    }

    fn decide_as(&self, call: &Call<'_>, mode: Mode) -> Verdict {
        let readiness = match mode.attempt {
            Attempt::First => self.store.ready(),
            Attempt::AfterRefresh => self.store.ready_after_wait(),
        };
        match readiness {
            Readiness::Ready(published) => self.decide_with(call, &published, mode),
            // A token that no key could save is refused without asking for keys.
            Readiness::Wait => self.read(call.token).map_or_else(Verdict::Refused, |_| Verdict::NeedsKeys),
            Readiness::Failed(failure) => {
                self.read(call.token).map_or_else(Verdict::Refused, |_| Verdict::Failed(failure))
            }
        }
    }

    fn decide_with(&self, call: &Call<'_>, published: &KeySnapshot, mode: Mode) -> Verdict {
        let clock = match self.decide_from_memory(call, published.generation) {
            Recollection::Verdict(verdict) => return verdict,
            Recollection::UnknownKid(clock) => clock,
        };
        let payload = match self.verify(call.token, &published.set, mode.allows_slow) {
            Ok(payload) => payload,
            Err(VerifyError::IsSlow) => return Verdict::IsSlow,
            Err(VerifyError::Refused(reason)) => return Verdict::Refused(reason),
            Err(VerifyError::UnknownKey(kid)) => {
                return match self.store.unknown_kid(kid.as_deref(), mode.attempt == Attempt::AfterRefresh) {
                    UnknownKid::Wait => Verdict::NeedsKeys,
                    UnknownKid::Refuse => Verdict::Refused(Reason::KeyNotFound),
                    UnknownKid::Failed(failure) => Verdict::Failed(failure),
                };
            }
        };
        if mode.reads_templates
            && let Some(verdict) = self.decide_by_template(call, &payload, published, &clock)
        {
            return verdict;
        }
        let facts = match self.prove(&payload, &published.issuer, Origin::Jwt, &clock) {
            Ok(facts) => facts,
            Err(reason) => return Verdict::Refused(reason),
        };
        let Warm { memory, forms, .. } = &mut *self.lock();
        let authorized = authorize(call, facts, memory, published.generation, &clock);
        if let Some(forms) = forms
            && mode.reads_templates
        {
            forms.learn(&payload, &self.expected(&published.issuer, Origin::Jwt));
        }
        authorized.map_or_else(Verdict::Refused, |()| accepted(payload))
    }

    /// Every rule that can change from call to call, on the facts of a token that was verified before; without them,
    /// the time.
    fn decide_from_memory(&self, call: &Call<'_>, generation: u64) -> Recollection {
        let mut warm = self.lock();
        let clock = match warm.clock(call.now) {
            Ok(clock) => clock,
            Err(reason) => return Recollection::Verdict(Verdict::Refused(reason)),
        };
        let Some(memory) = &mut warm.memory else { return Recollection::UnknownKid(clock) };
        let Some((slot, facts)) = memory.recall(call.token, generation) else { return Recollection::UnknownKid(clock) };
        if let Err(reason) = facts.check_times(&clock) {
            memory.forget(call.token);
            return Recollection::Verdict(Verdict::Refused(reason));
        }
        let authorized = call.policy.check(facts, call.certificate);
        Recollection::Verdict(authorized.map_or_else(Verdict::Refused, |()| Verdict::Remembered(slot)))
    }

    /// The rest of the rules, on signed claims that fit a form.
    fn decide_by_template(
        &self,
        call: &Call<'_>,
        payload: &[u8],
        published: &KeySnapshot,
        clock: &Clock,
    ) -> Option<Verdict> {
        let Warm { memory, forms, .. } = &mut *self.lock();
        let filled = forms.as_mut()?.read(payload)?;
        let expected = self.expected(&published.issuer, Origin::Jwt);
        let facts = match filled.claims(&expected).prove(&expected, clock) {
            Ok(facts) => facts,
            Err(reason) => return Some(Verdict::Refused(reason)),
        };
        let authorized = authorize(call, facts, memory, published.generation, clock);
        Some(authorized.map_or_else(Verdict::Refused, |()| Verdict::Template(filled.to_text())))
    }

    /// A form of claims, by its number, for the first time it is met ([`crate::engine::token::claims_template::ClaimsTemplates::describe`]).
    pub fn form(&self, number: u32) -> Option<String> {
        self.lock().forms.as_ref().and_then(|forms| forms.describe(number))
    }

    /// The claims' text of a remembered token, for the first time its slot is handed out.
    pub fn recall_claims(&self, token: &str, slot: Slot) -> Option<String> {
        let is_held = self.lock().memory.as_mut().is_some_and(|memory| memory.hand_out(token, slot));
        if is_held { compact::decode_payload(token) } else { None }
    }

    /// The slots whose claims JavaScript no longer needs to keep, since the last call.
    pub fn released_slots(&self) -> Vec<Slot> {
        self.lock().memory.as_mut().map(VerifiedTokens::take_released).unwrap_or_default()
    }

    /// Decides on a JWT against the caller's own JWK Set, which replaces the issuer's. Nothing is remembered.
    pub fn decide_with_jwks(&self, call: &Call<'_>, jwks: &str) -> Verdict {
        let Some(set) = KeySet::parse(jwks) else {
            return Verdict::Refused(Reason::KeyNotFound);
        };
        let payload = match self.verify(call.token, &set, true) {
            Ok(payload) => payload,
            Err(VerifyError::Refused(reason)) => return Verdict::Refused(reason),
            Err(VerifyError::UnknownKey(_) | VerifyError::IsSlow) => return Verdict::Refused(Reason::KeyNotFound),
        };
        let authorized = self
            .clock(call.now)
            .and_then(|clock| self.prove(&payload, &self.issuer(), Origin::Jwt, &clock))
            .and_then(|facts| call.policy.check(&facts, call.certificate));
        authorized.map_or_else(Verdict::Refused, |()| accepted(payload))
    }

    /// Rules 1 to 4 of contract 5, in order: the payload, signed.
    fn verify(&self, token: &str, keys: &KeySet, allows_slow: bool) -> Result<Vec<u8>, VerifyError> {
        let Parsed { compact, payload, signature, header } = self.read(token).map_err(VerifyError::Refused)?;
        let key = keys.select(&header).map_err(|reason| match reason {
            Reason::KeyNotFound => VerifyError::UnknownKey(header.kid.clone()),
            reason => VerifyError::Refused(reason),
        })?;
        if key.is_slow() && !allows_slow {
            return Err(VerifyError::IsSlow);
        }
        let input = compact.signing_input.as_bytes();
        key.verify(header.algorithm, input, &signature).map_err(VerifyError::Refused)?;
        Ok(payload)
    }

    /// Rules 1 and 2: three parts of strict base64url, then the header.
    fn read<'t>(&self, token: &'t str) -> Result<Parsed<'t>, Reason> {
        let compact = Compact::split(token)?;
        let signature = decode_base64url(compact.signature.as_bytes()).ok_or(Reason::TokenMalformed)?;
        let payload = decode_base64url(compact.payload.as_bytes()).ok_or(Reason::TokenMalformed)?;
        let header = self.header(compact.header)?;
        Ok(Parsed { compact, payload, signature, header })
    }

    fn header(&self, encoded: &str) -> Result<Arc<Header>, Reason> {
        if encoded.len() > MAX_KEPT_HEADER {
            return Header::parse(encoded).map(Arc::new);
        }
        if let Some(header) = self.lock().headers.get(encoded) {
            return Ok(Arc::clone(header));
        }
        let header = Arc::new(Header::parse(encoded)?);
        self.lock().headers.put(encoded.into(), Arc::clone(&header));
        Ok(header)
    }

    /// Rule 5: the claims.
    pub(super) fn prove<'t>(
        &self,
        text: &'t [u8],
        issuer: &str,
        origin: Origin,
        clock: &Clock,
    ) -> Result<CheckedClaims<'t>, Reason> {
        let expected = self.expected(issuer, origin);
        let claims = Claims::read(text, &expected).ok_or(Reason::ClaimsInvalid)?;
        // RFC 7662 §2.2. In a JWT the word means nothing.
        if origin != Origin::Jwt && claims.is_denied() {
            return Err(Reason::Inactive);
        }
        claims.prove(&expected, clock)
    }

    fn expected<'e>(&'e self, issuer: &'e str, origin: Origin) -> Expected<'e> {
        let Config { audience, groups_claim, .. } = &*self.config;
        Expected { issuer, audience, groups_claim, origin }
    }
}

/// How a decision is mode for.
#[derive(Clone, Copy)]
struct Mode {
    attempt: Attempt,
    allows_slow: bool,
    reads_templates: bool,
}

/// What the memory of verified tokens says of a token.
enum Recollection {
    /// Nothing: the token is to be verified, by this clock.
    UnknownKid(Clock),
    Verdict(Verdict),
}

/// A token that passed rules 1 and 2.
struct Parsed<'t> {
    compact: Compact<'t>,
    payload: Vec<u8>,
    signature: Vec<u8>,
    header: Arc<Header>,
}

/// What the route asks of proved facts. They are noted whatever it says: another route may ask for less.
fn authorize(
    call: &Call<'_>,
    facts: CheckedClaims<'_>,
    memory: &mut Option<VerifiedTokens>,
    generation: u64,
    clock: &Clock,
) -> Result<(), Reason> {
    let authorized = call.policy.check(&facts, call.certificate);
    if let Some(memory) = memory {
        memory.note(call.token, facts, generation, clock);
    }
    authorized
}

/// The claims' text, as it was signed. That it is text was proved with the claims.
fn accepted(payload: Vec<u8>) -> Verdict {
    String::from_utf8(payload).map_or(Verdict::Refused(Reason::ClaimsInvalid), Verdict::Claims)
}

/// What stands between a token and its claims.
enum VerifyError {
    IsSlow,
    Refused(Reason),
    UnknownKey(Option<Box<str>>),
}
