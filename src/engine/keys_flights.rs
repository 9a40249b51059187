//! How the metadata and the keys are fetched: one flight of each at a time, and what becomes of it.

use std::sync::Arc;

use super::{Event, KeyStore, Published, State};
use crate::engine::error::{Failure, Reason};
use crate::engine::http::{HttpRequest, Request, Response, read_answer};
use crate::engine::jwk::KeySet;
use crate::engine::metadata::Metadata;
use crate::engine::time::Ticks;

impl KeyStore {
    pub(super) fn refresh_metadata(self: &Arc<Self>) {
        if !self.lock().metadata.take_off(self.clock.now()) {
            return;
        }
        let request = match self.source.tenant.discovery_url() {
            _ if self.source.resolves_metadata => Request::ResolveMetadata,
            Some(url) => Request::Http(HttpRequest::get_json(url)),
            None => return self.land_metadata(Err(Reason::EndpointRefused.into())),
        };
        let store = Arc::clone(self);
        self.transport.send(request, Box::new(move |outcome| store.land_metadata(outcome)));
    }

    fn land_metadata(&self, outcome: Result<Response, Failure>) {
        let parsed = read_answer(outcome, |response| {
            Metadata::parse(response.document()?, &self.source.tenant).map_err(|reason| response.failure(reason))
        });
        let waiters = {
            let now = self.clock.now();
            let mut state = self.lock();
            match parsed {
                Ok(metadata) => state.metadata.succeed(Arc::new(metadata), now),
                Err(failure) => state.metadata.fail(failure, now),
            }
            std::mem::take(&mut state.metadata_waiters)
        };
        waiters.into_iter().for_each(|waiter| waiter());
    }

    pub(super) fn refresh_keys(self: &Arc<Self>) {
        if !self.lock().keys.take_off(self.clock.now()) {
            return;
        }
        let store = Arc::clone(self);
        if self.needs_metadata() {
            self.wait_for_metadata(false, Box::new(move || store.fetch_keys()));
        } else {
            self.fetch_keys();
        }
    }

    /// With a resolver for the keys and none for the metadata, the issuer is the tenant and nothing else is asked.
    fn needs_metadata(&self) -> bool {
        !self.source.resolves_jwks || self.source.resolves_metadata
    }

    fn fetch_keys(self: &Arc<Self>) {
        let issuer_and_request = if self.needs_metadata() {
            self.metadata().and_then(|metadata| {
                let request = if self.source.resolves_jwks {
                    Request::ResolveJwks
                } else {
                    Request::Http(HttpRequest::get_jwks(metadata.jwks_uri(&self.source.tenant)?))
                };
                Ok((Arc::from(metadata.issuer.as_str()), request))
            })
        } else {
            Ok((Arc::from(self.source.tenant.issuer()), Request::ResolveJwks))
        };
        let store = Arc::clone(self);
        match issuer_and_request {
            Ok((issuer, request)) => {
                self.transport.send(request, Box::new(move |outcome| store.land_keys(issuer, outcome)));
            }
            Err(failure) => self.land_keys(Arc::default(), Err(failure)),
        }
    }

    fn land_keys(&self, issuer: Arc<str>, outcome: Result<Response, Failure>) {
        let parsed = read_answer(outcome, |response| {
            let text = response.document()?;
            let set = KeySet::parse(text).ok_or_else(|| response.failure(Reason::BodyInvalid))?;
            // A well-formed but empty set replaces nothing.
            if set.is_empty() { Err(response.failure(Reason::KeysEmpty)) } else { Ok((set, text.to_owned())) }
        });
        let (waiters, event) = {
            let now = self.clock.now();
            let mut state = self.lock();
            let event = match parsed {
                Ok((set, text)) => {
                    let left_out = set.left_out().map(|(flaw, count)| (flaw.word(), count)).collect();
                    let event = Event::Refreshed { keys: set.len(), left_out };
                    let generation = state.generation_of(&text, &issuer, now);
                    state.keys.succeed(Arc::new(Published { set, text, issuer, generation }), now);
                    event
                }
                Err(failure) => {
                    let event = Event::RefreshFailed { reason: failure.reason };
                    state.keys.fail(failure, now);
                    // Without metadata nobody can ask for keys: both are tried again together.
                    if let (None, Some(at)) = (state.metadata.usable(now), state.metadata.retry_at()) {
                        state.keys.retry_with(at);
                    }
                    event
                }
            };
            (std::mem::take(&mut state.keys_waiters), event)
        };
        self.tell(&event);
        waiters.into_iter().for_each(|waiter| waiter());
    }
}

impl State {
    /// The same text of the same issuer is the same generation: what was verified stays verified.
    fn generation_of(&mut self, text: &str, issuer: &str, now: Ticks) -> u64 {
        let is_same = self.keys.usable(now).is_some_and(|old| old.text == text && old.issuer.as_ref() == issuer);
        if !is_same {
            self.generation += 1;
            self.unknown_kids.forget_refused();
        }
        self.generation
    }
}
