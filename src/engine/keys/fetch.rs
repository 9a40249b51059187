//! Fetching the JWK Set: one fetch at a time, and what its outcome changes in the store.

use std::sync::Arc;

use crate::engine::error::{Failure, Reason};
use crate::engine::keys::documents::{Freshness, Located};
use crate::engine::keys::jwk::KeySet;
use crate::engine::keys::metadata::{Endpoint, Place};
use crate::engine::keys::store::{Event, KeySnapshot, KeyStore, State};
use crate::engine::time::Ticks;
use crate::engine::transport::{HttpRequest, Request, Response, read_answer};

impl KeyStore {
    /// Begins a fetch of the keys, unless one is in progress. Fetches the metadata first when it is needed.
    pub(super) fn refresh_keys(self: &Arc<Self>) {
        let (has_begun, has_failed) = {
            let now = self.clock.now();
            let mut state = self.lock();
            let has_begun = state.keys.begin(now);
            if has_begun {
                state.keys_begun = now;
            }
            (has_begun, state.keys.failure().is_some())
        };
        if !has_begun {
            return;
        }
        // After a failure the keys may have moved to another URL. The metadata is then fetched again as well.
        let freshness = if has_failed { Freshness::Newer } else { Freshness::Usable };
        let store = Arc::clone(self);
        let fetch = Box::new(move || store.fetch_keys());
        match (self.source.needs_metadata(), self.source.resolves_jwks) {
            (false, _) => fetch(),
            (true, true) => self.wait_for_document(Place::OpenId, freshness, fetch),
            (true, false) => self.wait_for_endpoint_as(freshness, Endpoint::Keys, fetch),
        }
    }

    fn fetch_keys(self: &Arc<Self>) {
        let store = Arc::clone(self);
        match self.issuer_and_request() {
            Ok((issuer, request)) => {
                self.transport.send(request, Box::new(move |outcome| store.finish_keys(issuer, outcome)));
            }
            Err(failure) => self.finish_keys(Arc::default(), Err(failure)),
        }
    }

    /// The issuer of the keys, and the request that fetches them.
    fn issuer_and_request(&self) -> Result<(Arc<str>, Request), Failure> {
        if !self.source.needs_metadata() {
            return Ok((Arc::from(self.source.tenant.issuer()), Request::ResolveJwks));
        }
        if self.source.resolves_jwks {
            return Ok((Arc::from(self.metadata()?.issuer.as_str()), Request::ResolveJwks));
        }
        let Located { url, issuer } = self.endpoint(&Endpoint::Keys)?;
        Ok((Arc::from(issuer), Request::Http(HttpRequest::get_jwks(url))))
    }

    fn finish_keys(&self, issuer: Arc<str>, outcome: Result<Response, Failure>) {
        let parsed = read_answer(outcome, |response| {
            let text = response.document()?;
            let set = KeySet::parse(text).ok_or_else(|| response.failure(Reason::BodyInvalid))?;
            // A set without a usable key never replaces the current set.
            if set.is_empty() { Err(response.failure(Reason::KeysEmpty)) } else { Ok((set, text.to_owned())) }
        });
        let (waiters, event, took) = {
            let now = self.clock.now();
            let mut state = self.lock();
            let event = match parsed {
                Ok((set, text)) => {
                    let left_out = set.left_out().map(|(flaw, count)| (flaw.name(), count)).collect();
                    let event = Event::Refreshed { keys: set.len(), left_out };
                    let generation = state.generation_of(&text, &issuer, now);
                    state.keys.succeed(Arc::new(KeySnapshot { set, text, issuer, generation }), now);
                    event
                }
                Err(failure) => {
                    let event = Event::RefreshFailed { reason: failure.reason };
                    state.keys.fail(failure.into_outage(), now);
                    // The keys cannot be fetched without metadata. Both are therefore retried at the same time.
                    let metadata = &state.metadata.refresh;
                    if let (None, Some(at)) = (metadata.usable(now), metadata.retry_at(now)) {
                        state.keys.retry_with(at);
                    }
                    event
                }
            };
            (std::mem::take(&mut state.keys_waiters), event, now.since(state.keys_begun))
        };
        self.tell(&event, took);
        waiters.into_iter().for_each(|waiter| waiter());
    }
}

impl State {
    /// The generation of a fetched set. The same text from the same issuer keeps the generation, so verified tokens
    /// stay verified.
    fn generation_of(&mut self, text: &str, issuer: &str, now: Ticks) -> u64 {
        let is_same = self.keys.usable(now).is_some_and(|old| old.text == text && old.issuer.as_ref() == issuer);
        if !is_same {
            self.generation += 1;
            self.unknown_kids.forget_refused();
        }
        self.generation
    }
}
