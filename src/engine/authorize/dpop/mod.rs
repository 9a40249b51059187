//! DPoP (RFC 9449): does a proof show that the caller holds the key that its token is bound to?
//!
//! The rules are checked in this order, and the first failure is the reason that is reported:
//!
//! 1. There is exactly one proof, of at most 8 KiB and three parts of strict base64url (RFC 9449 §4.1).
//! 2. Its header is valid, and names an allowed algorithm and a safe public key (RFC 9449 §4.2).
//! 3. Its claims are valid (RFC 9449 §4.2).
//! 4. `ath` is the hash of the token, `htm` is the method and `htu` is the URL of the request (RFC 9449 §4.3).
//! 5. Its key is the one that the token is bound to (RFC 9449 §6.1). So nobody can make this server verify signatures of
//!    keys that no token is bound to.
//! 6. Its point is on the curve, and the signature is valid.
//! 7. The nonce is a recent one, or `iat` is recent (RFC 9449 §8 and §11.1).
//! 8. The proof was not used before (RFC 9449 §11.1). Only a proof that passes every other rule is remembered as used.
//!
//! A proof is used once, and a request may be decided on more than once. So a [`Proof`] lives as long as its request and
//! remembers the results of rules 1 to 3 and 6 to 8. [`Proof::screening`] is for a proof that need not live so long: it
//! meets rules 1 to 5 only, and leaves nothing behind.

pub mod context;
mod key;
pub mod nonce;
mod read;
pub mod settings;
mod spend;
pub mod url;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::context::DpopContext;
use self::read::{ProofClaims, SignedProof, Target};
use self::spend::Spending;
use self::url::ComparableUrl;
use crate::engine::error::Reason;
use crate::engine::time::NumericDate;
use crate::engine::token::confirmation::Thumbprint;

/// The `DPoP` header field of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GivenProof {
    Missing,
    One(Box<str>),
    /// More than one header field, which is malformed (RFC 9449 §4.3).
    Several,
}

impl From<Vec<String>> for GivenProof {
    fn from(values: Vec<String>) -> Self {
        match <[String; 1]>::try_from(values) {
            Ok([one]) => GivenProof::One(one.into()),
            Err(values) if values.is_empty() => GivenProof::Missing,
            Err(_) => GivenProof::Several,
        }
    }
}

/// The proof of one request.
pub struct Proof {
    context: Arc<DpopContext>,
    given: GivenProof,
    method: Box<str>,
    /// The URLs that the request may have been sent to. Any of them may match.
    urls: Box<[Box<str>]>,
    /// Whether rules 6 to 8 may be checked.
    may_be_verified: bool,
    /// Whether a decision leaves the proof unused.
    is_rehearsed: bool,
    state: Mutex<State>,
}

/// The facts of a refusal, for the response and for events. Texts have at most 200 characters, all of them printable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The method or the URL of the request.
    pub expected: Option<String>,
    /// The method or the URL in the proof.
    pub got: Option<String>,
    /// How old the proof is, or how far in the future. The reason says which of them.
    pub seconds: Option<i64>,
    /// A text for the response, instead of the reason's message.
    pub description: Option<String>,
}

/// A proof that was used, for a store that several processes share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    /// A hash, in base64url.
    pub id: String,
    /// The time (epoch seconds) from which no process accepts the proof.
    pub expires_at: i64,
}

/// How far [`Proof::prove`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Progress {
    /// [`Proof::outcome`] has the result.
    Decided,
    /// The signature may not be verified here: its algorithm is slow, and the caller must call again on another thread. Or
    /// the proof is a [`Proof::screening`], and the caller must call again with a [`Proof::new`].
    IsSlow,
}

#[derive(Default)]
struct State {
    /// The result of rules 1 to 3.
    read: Option<Result<Arc<ReadProof>, Reason>>,
    /// The token whose hash is `ath`. A decision asks twice.
    token: Option<Box<str>>,
    /// Whether rule 5 held, so that the signature may be verified.
    is_bound: bool,
    /// The result of rule 6.
    signature: Option<Result<(), Reason>>,
    /// The result of rules 6 to 8.
    end: Option<Result<(), Reason>>,
    refusal: Option<Refusal>,
    spent: Option<Spent>,
    /// The nonce for the next proof of the sender.
    nonce: Option<String>,
}

/// A proof that passed rules 1 to 3.
struct ReadProof {
    signed: SignedProof,
    claims: ProofClaims,
    /// Whether it is for this method and URL.
    target: Result<(), (Reason, Refusal)>,
}

impl Proof {
    /// The proof of one request. Nothing is parsed yet.
    pub fn new(context: Arc<DpopContext>, given: GivenProof, method: &str, urls: Vec<String>) -> Proof {
        let urls = urls.into_iter().map(String::into_boxed_str).collect();
        Proof {
            context,
            given,
            method: method.into(),
            urls,
            may_be_verified: true,
            is_rehearsed: false,
            state: Mutex::default(),
        }
    }

    /// A proof for one decision that verifies no signature, of the token neither. Such a decision refuses what it can, which
    /// is cheap: a proof by another key, for example. It answers that everything else is slow.
    pub fn screening(context: Arc<DpopContext>, text: Box<str>, method: Box<str>, url: Box<str>) -> Proof {
        let urls = Box::new([url]);
        let given = GivenProof::One(text);
        Proof { context, given, method, urls, may_be_verified: false, is_rehearsed: false, state: Mutex::default() }
    }

    /// This proof for decisions that explain a token. They check every rule, but do not use the proof, and do not ask its
    /// sender for nonces: the request that it belongs to may still come.
    pub fn rehearsed(self) -> Proof {
        Proof { is_rehearsed: true, ..self }
    }

    /// Takes over what a screening has read, if it was one of the same request.
    pub fn after(self, screening: Option<Proof>) -> Proof {
        let is_same = |other: &Proof| {
            other.given == self.given
                && other.method == self.method
                && other.urls == self.urls
                && Arc::ptr_eq(&other.context, &self.context)
        };
        match screening.filter(is_same) {
            Some(screening) => Proof { state: screening.state, ..self },
            None => self,
        }
    }

    /// Whether a decision with this proof may verify signatures.
    pub fn may_be_verified(&self) -> bool {
        self.may_be_verified
    }

    /// What this proof shares with the others of its issuer, audience and settings.
    pub fn context(&self) -> &Arc<DpopContext> {
        &self.context
    }

    /// Checks rules 1 to 4, for a token whose confirmation is not known yet.
    pub fn check_request(&self, token: &str) -> Result<(), Reason> {
        self.matching(&mut self.lock(), token, None).map(|_| ())
    }

    /// Checks every rule for a token that is bound to this key, and uses the proof. `now` includes the clock skew. The
    /// result is that of [`Self::outcome`], which a caller can ask for while it holds a lock.
    ///
    /// The proof is used once, however often this is called for one request. `hash` is that of the token, if it is known.
    pub fn prove(
        &self,
        token: &str,
        hash: Option<&Thumbprint>,
        key: &Thumbprint,
        now: NumericDate,
        allows_slow: bool,
    ) -> Progress {
        let proof = {
            let mut state = self.lock();
            let Ok(proof) = self.bound(&mut state, token, hash, key) else { return Progress::Decided };
            if state.end.is_some() {
                return Progress::Decided;
            }
            let is_slow = state.signature.is_none() && !allows_slow && proof.signed.key.is_slow();
            if is_slow || !self.may_be_verified {
                return Progress::IsSlow;
            }
            proof
        };
        let signature = self.verify(&proof);
        let mut state = self.lock();
        if state.end.is_none() {
            let key = proof.signed.key.thumbprint;
            let is_rehearsed = self.is_rehearsed;
            let spending = Spending { context: &self.context, key, claims: &proof.claims, now, is_rehearsed };
            let end = signature.and_then(|()| spending.spend(&mut state));
            state.end = Some(end);
        }
        Progress::Decided
    }

    /// Verifies the signature, on a thread that may be blocked, after [`Self::prove`] was slow. Does nothing if the key is
    /// not known to be the token's.
    pub fn verify_slow(&self) {
        let proof = match &*self.lock() {
            State { read: Some(Ok(proof)), is_bound: true, signature: None, .. } => Arc::clone(proof),
            _ => return,
        };
        // The result stays in the state.
        let _ = self.verify(&proof);
    }

    /// The result for this token and key. It is an internal error to ask for it before [`Self::prove`] has decided.
    pub fn outcome(&self, token: &str, hash: Option<&Thumbprint>, key: &Thumbprint) -> Result<(), Reason> {
        let mut state = self.lock();
        self.bound(&mut state, token, hash, key)?;
        state.end.unwrap_or(Err(Reason::Internal))
    }

    /// The facts of the last refusal, if it has any.
    pub fn refusal(&self) -> Option<Refusal> {
        self.lock().refusal.clone()
    }

    /// What a shared store must remember, after the proof was used.
    pub fn spent(&self) -> Option<Spent> {
        self.lock().spent.clone()
    }

    /// The nonce that the response must carry: of a proof that needs one, or that was accepted with an earlier one (RFC
    /// 9449 §8.2).
    pub fn nonce(&self) -> Option<String> {
        self.lock().nonce.clone()
    }

    /// Rules 1 to 5.
    fn bound(
        &self,
        state: &mut State,
        token: &str,
        hash: Option<&Thumbprint>,
        key: &Thumbprint,
    ) -> Result<Arc<ReadProof>, Reason> {
        let proof = self.matching(state, token, hash)?;
        // In constant time.
        if proof.signed.key.thumbprint != *key {
            return Err(Reason::DpopKeyMismatch);
        }
        state.is_bound = true;
        Ok(proof)
    }

    /// Rules 1 to 4.
    fn matching(&self, state: &mut State, token: &str, hash: Option<&Thumbprint>) -> Result<Arc<ReadProof>, Reason> {
        let proof = state.read.get_or_insert_with(|| self.read().map(Arc::new)).clone()?;
        // Compared in constant time.
        let is_for = |hash: &Thumbprint| proof.claims.ath.is_some_and(|ath| ath == *hash);
        let matches = match hash {
            Some(hash) => is_for(hash),
            None if state.token.as_deref() == Some(token) => true,
            None => {
                let matches = is_for(&Thumbprint::of(token.as_bytes()));
                state.token = matches.then(|| token.into());
                matches
            }
        };
        if !matches {
            return Err(Reason::DpopTokenMismatch);
        }
        if let Err((reason, refusal)) = &proof.target {
            state.refusal = Some(refusal.clone());
            return Err(*reason);
        }
        Ok(proof)
    }

    /// Rules 1 to 3, and whether the proof is for this method and URL.
    fn read(&self) -> Result<ReadProof, Reason> {
        let text = match &self.given {
            GivenProof::Missing => return Err(Reason::DpopProofMissing),
            GivenProof::Several => return Err(Reason::DpopProofMalformed),
            GivenProof::One(text) => text,
        };
        let signed = SignedProof::read(text, &self.context)?;
        let (claims, target) = signed.claims()?;
        let target = self.target(&target);
        Ok(ReadProof { signed, claims, target })
    }

    fn target(&self, claims: &Target<'_>) -> Result<(), (Reason, Refusal)> {
        // RFC 9110 §9.1: the method is case-sensitive.
        if *claims.htm != *self.method {
            let (expected, got) = (Some(printable(&self.method)), Some(printable(&claims.htm)));
            return Err((Reason::DpopMethodMismatch, Refusal { expected, got, ..Refusal::default() }));
        }
        // The usual case. To normalise two URLs takes longer than everything else here.
        if url::is_plain(&claims.htu) && self.urls.iter().any(|url| url::before_query(url) == &*claims.htu) {
            return Ok(());
        }
        let urls: Vec<ComparableUrl> = self.urls.iter().filter_map(|url| ComparableUrl::of_request(url)).collect();
        let Some(first) = urls.first() else { return Err((Reason::DpopUrlUnknown, Refusal::default())) };
        if ComparableUrl::parse(&claims.htu).is_some_and(|htu| urls.contains(&htu)) {
            return Ok(());
        }
        let (expected, got) = (Some(printable(first.as_str())), Some(printable(without_secrets(&claims.htu))));
        Err((Reason::DpopUrlMismatch, Refusal { expected, got, ..Refusal::default() }))
    }

    /// Rule 6. Keeps the key, if the signature is valid. No lock is held, because this takes time.
    fn verify(&self, proof: &ReadProof) -> Result<(), Reason> {
        if let Some(known) = self.lock().signature {
            return known;
        }
        let GivenProof::One(text) = &self.given else { return Err(Reason::Internal) };
        let verified = proof.signed.verify(text, &self.context);
        let signature = verified.as_ref().map(|_| ()).map_err(|reason| *reason);
        if let Ok(key) = verified {
            self.context.keep_key(&proof.signed.key.thumbprint, key);
        }
        self.lock().signature = Some(signature);
        signature
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const MAX_SHOWN: usize = 200;

/// A text of the sender that can be printed anywhere.
fn printable(text: &str) -> String {
    text.chars().flat_map(char::escape_default).take(MAX_SHOWN).collect()
}

/// A URL of the sender without its query, fragment and user information, which do not belong into `htu`.
fn without_secrets(url: &str) -> &str {
    let url = url.split(['?', '#']).next().unwrap_or_default();
    let path = url.find("://").and_then(|scheme| url[scheme + 3..].find('/').map(|path| scheme + 3 + path));
    match url[..path.unwrap_or(url.len())].rfind('@') {
        Some(user_information) => &url[user_information..],
        None => url,
    }
}

#[cfg(test)]
#[path = "order_tests.rs"]
mod order_tests;
#[cfg(test)]
#[path = "rule_tests.rs"]
mod rule_tests;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
#[path = "vector_tests.rs"]
mod vector_tests;
