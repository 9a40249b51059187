//! JWT validation: is a JWT accepted, given the keys that are known? (RFC 7515, RFC 7519, RFC 8725, RFC 9068.)
//!
//! The rules are checked in this order, and the first failure is the reason that is reported:
//!
//! 1. The token has three parts of strict base64url (RFC 7515 §7.1).
//! 2. The header is valid and names an allowed algorithm (RFC 8725 §3.1, RFC 9068 §4).
//! 3. The issuer has exactly one key for the header (RFC 7515 §4.1.4).
//! 4. The signature is valid (RFC 7515 §5.2).
//! 5. The claims are valid (RFC 7519 §4.1, [`Claims::check`]).
//! 6. The claims meet the requirements of the route ([`crate::engine::authorize::policy`]).
//!
//! For a remembered token, everything that can change between two calls is checked again: the times and rule 6.

use std::sync::Arc;

use crate::engine::authorize::claim_requirements::ClaimsText;
use crate::engine::authorize::dpop::{Progress, Proof};
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
    /// Decides on a JWT, without I/O. A caller that is not on the main thread sets `allows_slow`.
    pub fn decide(&self, call: &Call<'_>, attempt: Attempt, allows_slow: bool) -> Verdict {
        self.decide_as(call, Mode { attempt, allows_slow, reads_templates: false })
    }

    /// Decides on a JWT at the first attempt, on the main thread, for a caller that can read [`Verdict::Template`].
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
            // A token that fails rule 1 or 2 is rejected without a request for keys.
            Readiness::Wait => self.read(call.token).map_or_else(Verdict::Refused, |_| Verdict::NeedsKeys),
            Readiness::Failed(failure) => {
                self.read(call.token).map_or_else(Verdict::Refused, |_| Verdict::Failed(failure))
            }
        }
    }

    fn decide_with(&self, call: &Call<'_>, published: &KeySnapshot, mode: Mode) -> Verdict {
        let clock = match self.decide_from_memory(call, published.generation, mode) {
            MemoryLookup::Hit(verdict) => return verdict,
            MemoryLookup::Miss(clock) => clock,
        };
        let payload = match self.verify(call, &published.set, mode.allows_slow) {
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
            && let Some(verdict) = self.decide_by_template(call, &payload, published, &clock, mode)
        {
            return verdict;
        }
        let checked = match self.check_claims(&payload, &published.issuer, Origin::Jwt, &clock) {
            Ok(checked) => checked,
            Err(reason) => return Verdict::Refused(reason),
        };
        if call.prove(&checked.confirmation, &clock, mode.allows_slow) == Progress::IsSlow {
            return Verdict::IsSlow;
        }
        let Warm { memory, templates, .. } = &mut *self.lock();
        let authorized = authorize(call, checked, &payload, memory, published.generation, &clock);
        if let Some(templates) = templates
            && mode.reads_templates
        {
            templates.learn(&payload, &self.expected(&published.issuer, Origin::Jwt));
        }
        authorized.map_or_else(Verdict::Refused, |()| accepted(payload))
    }

    /// Decides on a remembered token. Checks every rule whose result can change between two calls.
    fn decide_from_memory(&self, call: &Call<'_>, generation: u64, mode: Mode) -> MemoryLookup {
        let mut warm = self.lock();
        let clock = match warm.clock(call.now) {
            Ok(clock) => clock,
            Err(reason) => return MemoryLookup::Hit(Verdict::Refused(reason)),
        };
        if call.possession.proof.is_some() {
            // A proof is verified without the lock. If another thread remembers the token meanwhile, it is still a miss,
            // because nothing has verified the proof.
            let recalled = warm.memory.as_mut().and_then(|memory| memory.recall(call.token, generation));
            let Some((_, checked)) = recalled else { return MemoryLookup::Miss(clock) };
            let confirmation = checked.check_times(&clock).is_ok().then_some(checked.confirmation);
            drop(warm);
            if let Some(confirmation) = confirmation {
                if call.prove(&confirmation, &clock, mode.allows_slow) == Progress::IsSlow {
                    return MemoryLookup::Hit(Verdict::IsSlow);
                }
                // The first rule about the proof in `authorize`. To look the token up again takes time that a refusal need not spend.
                if let Err(reason) = call.check_key(&confirmation) {
                    return MemoryLookup::Hit(Verdict::Refused(reason));
                }
            }
            warm = self.lock();
        }
        let Some(memory) = &mut warm.memory else { return MemoryLookup::Miss(clock) };
        let recalled = match call.policy.claims {
            None => memory.recall(call.token, generation).map(|(slot, checked)| (slot, checked, None)),
            Some(_) => {
                let recalled = memory.recall_with_answers(call.token, generation);
                recalled.map(|(slot, checked, answers)| (slot, checked, Some(answers)))
            }
        };
        let Some((slot, checked, answers)) = recalled else { return MemoryLookup::Miss(clock) };
        if let Err(reason) = checked.check_times(&clock) {
            memory.forget(call.token);
            return MemoryLookup::Hit(Verdict::Refused(reason));
        }
        let authorized = call.authorize(checked, ClaimsText::Jwt(call.token), answers, &clock);
        MemoryLookup::Hit(authorized.map_or_else(Verdict::Refused, |()| Verdict::Remembered(slot)))
    }

    /// Checks rules 5 and 6 for signed claims that match a template. Returns `None` if they match none.
    fn decide_by_template(
        &self,
        call: &Call<'_>,
        payload: &[u8],
        published: &KeySnapshot,
        clock: &Clock,
        mode: Mode,
    ) -> Option<Verdict> {
        if call.possession.proof.is_some() {
            // A proof is verified without the lock, so the claims are read twice.
            let confirmation = {
                let mut warm = self.lock();
                let expected = self.expected(&published.issuer, Origin::Jwt);
                let claims = warm.templates.as_mut()?.read(payload)?.claims(&expected);
                claims.check(&expected, clock).map(|checked| checked.confirmation)
            };
            match confirmation.map(|confirmation| call.prove(&confirmation, clock, mode.allows_slow)) {
                Err(reason) => return Some(Verdict::Refused(reason)),
                Ok(Progress::IsSlow) => return Some(Verdict::IsSlow),
                Ok(Progress::Decided) => {}
            }
        }
        let Warm { memory, templates, .. } = &mut *self.lock();
        let matched = templates.as_mut()?.read(payload)?;
        let expected = self.expected(&published.issuer, Origin::Jwt);
        let checked = match matched.claims(&expected).check(&expected, clock) {
            Ok(checked) => checked,
            Err(reason) => return Some(Verdict::Refused(reason)),
        };
        let authorized = authorize(call, checked, payload, memory, published.generation, clock);
        Some(authorized.map_or_else(Verdict::Refused, |()| Verdict::Template(matched.to_text())))
    }

    /// Describes the claims template with this id. JavaScript asks for it once per template
    /// ([`describe`](crate::engine::token::claims_template::ClaimsTemplates::describe)).
    pub fn claims_template(&self, id: u32) -> Option<String> {
        self.lock().templates.as_ref().and_then(|templates| templates.describe(id))
    }

    /// The JSON text of a remembered token's claims. JavaScript asks for it when it sees a slot for the first time.
    pub fn recall_claims(&self, token: &str, slot: Slot) -> Option<String> {
        let is_held = self.lock().memory.as_mut().is_some_and(|memory| memory.hand_out(token, slot));
        if is_held { compact::decode_payload(token) } else { None }
    }

    /// The slots that were released since the last call. JavaScript drops their claims.
    pub fn released_slots(&self) -> Vec<Slot> {
        self.lock().memory.as_mut().map(VerifiedTokens::take_released).unwrap_or_default()
    }

    /// Decides on a JWT with the caller's own JWK Set, instead of the issuer's. The token is not remembered.
    pub fn decide_with_jwks(&self, call: &Call<'_>, jwks: &str) -> Verdict {
        let Some(set) = KeySet::parse(jwks) else {
            return Verdict::Refused(Reason::KeyNotFound);
        };
        let payload = match self.verify(call, &set, true) {
            Ok(payload) => payload,
            Err(VerifyError::Refused(reason)) => return Verdict::Refused(reason),
            Err(VerifyError::UnknownKey(_) | VerifyError::IsSlow) => return Verdict::Refused(Reason::KeyNotFound),
        };
        let checked = self.clock(call.now).and_then(|clock| {
            let checked = self.check_claims(&payload, &self.issuer(), Origin::Jwt, &clock)?;
            Ok((checked, clock))
        });
        let authorized = checked.and_then(|(checked, clock)| match call.prove(&checked.confirmation, &clock, false) {
            Progress::IsSlow => Ok(Progress::IsSlow),
            Progress::Decided => {
                call.authorize(&checked, ClaimsText::Json(&payload), None, &clock).map(|()| Progress::Decided)
            }
        });
        match authorized {
            Err(reason) => Verdict::Refused(reason),
            Ok(Progress::IsSlow) => Verdict::IsSlow,
            Ok(Progress::Decided) => accepted(payload),
        }
    }

    /// Checks rules 1 to 4. Returns the payload, which is now known to be signed.
    fn verify(&self, call: &Call<'_>, keys: &KeySet, allows_slow: bool) -> Result<Vec<u8>, VerifyError> {
        let Parsed { compact, payload, signature, header } = self.read(call.token).map_err(VerifyError::Refused)?;
        let key = keys.select(&header).map_err(|reason| match reason {
            Reason::KeyNotFound => VerifyError::UnknownKey(header.kid.clone()),
            reason => VerifyError::Refused(reason),
        })?;
        let may_verify = call.possession.proof.is_none_or(Proof::may_be_verified);
        if !may_verify || (key.is_slow() && !allows_slow) {
            return Err(VerifyError::IsSlow);
        }
        let input = compact.signing_input.as_bytes();
        key.verify(header.algorithm, input, &signature).map_err(VerifyError::Refused)?;
        Ok(payload)
    }

    /// Checks rules 1 and 2.
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

    /// Checks rule 5.
    pub(super) fn check_claims<'t>(
        &self,
        text: &'t [u8],
        issuer: &str,
        origin: Origin,
        clock: &Clock,
    ) -> Result<CheckedClaims<'t>, Reason> {
        let expected = self.expected(issuer, origin);
        let claims = Claims::read(text, &expected).ok_or(Reason::ClaimsInvalid)?;
        // RFC 7662 §2.2 defines `active` for introspection responses. In a JWT it has no meaning.
        if origin != Origin::Jwt && claims.is_denied() {
            return Err(Reason::Inactive);
        }
        claims.check(&expected, clock)
    }

    /// The scopes that the JSON text of claims grants.
    pub fn granted_scopes(&self, claims: &str) -> Vec<String> {
        let claims = Claims::read(claims.as_bytes(), &self.expected("", Origin::Introspection)).unwrap_or_default();
        claims.granted_scopes().split(' ').filter(|scope| !scope.is_empty()).map(str::to_owned).collect()
    }

    pub(super) fn expected<'e>(&'e self, issuer: &'e str, origin: Origin) -> Expected<'e> {
        let Config { audiences, lets_audience_be_absent, claim_names: names, .. } = &*self.config;
        let (audience, lets_audience_be_absent) = (audiences.as_str(), *lets_audience_be_absent);
        Expected { issuer, audience, lets_audience_be_absent, names, origin }
    }
}

/// How a caller wants a decision.
#[derive(Clone, Copy)]
struct Mode {
    attempt: Attempt,
    /// The caller may be blocked by a slow signature algorithm.
    allows_slow: bool,
    /// The caller can read [`Verdict::Template`].
    reads_templates: bool,
}

/// The result of looking up a token among the verified tokens.
enum MemoryLookup {
    /// The token must be verified, at this time.
    Miss(Clock),
    Hit(Verdict),
}

/// A token that passed rules 1 and 2.
struct Parsed<'t> {
    compact: Compact<'t>,
    payload: Vec<u8>,
    signature: Vec<u8>,
    header: Arc<Header>,
}

/// Checks rule 6. The token is noted also when this fails, because another route may require less.
fn authorize(
    call: &Call<'_>,
    checked: CheckedClaims<'_>,
    payload: &[u8],
    memory: &mut Option<VerifiedTokens>,
    generation: u64,
    clock: &Clock,
) -> Result<(), Reason> {
    let authorized = call.authorize(&checked, ClaimsText::Json(payload), None, clock);
    if let Some(memory) = memory {
        memory.note(call.token, checked, generation, clock);
    }
    authorized
}

/// Accepts a token, with its claims as they were signed. Reading the claims has shown that they are UTF-8.
fn accepted(payload: Vec<u8>) -> Verdict {
    String::from_utf8(payload).map_or(Verdict::Refused(Reason::ClaimsInvalid), Verdict::Claims)
}

/// Why a token was not verified.
enum VerifyError {
    IsSlow,
    Refused(Reason),
    UnknownKey(Option<Box<str>>),
}
