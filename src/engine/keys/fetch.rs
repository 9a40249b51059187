//! How the metadata and the keys are fetched: one flight of each at a time, and what becomes of it.

use std::sync::Arc;

use super::documents::Wish;
use super::{Event, KeySnapshot, KeyStore, Located, State};
use crate::engine::error::{Failure, Reason};
use crate::engine::keys::jwk::KeySet;
use crate::engine::keys::metadata::{Endpoint, Metadata, Place};
use crate::engine::time::Ticks;
use crate::engine::transport::{HttpRequest, Request, Response, read_answer};

impl KeyStore {
    /// Starts the one flight of a document, unless it is under way.
    pub(super) fn refresh_document(self: &Arc<Self>, place: Place) {
        if !self.lock().document(place).refresh.begin(self.clock.now()) {
            return;
        }
        match place {
            Place::OpenId if self.source.resolves_metadata => {
                let store = Arc::clone(self);
                let land = move |outcome| store.finish_metadata(Place::OpenId, outcome);
                self.transport.send(Request::ResolveMetadata, Box::new(land));
            }
            Place::OpenId => self.fetch_metadata(Place::OpenId, |store, outcome| {
                if !is_absent(&outcome) {
                    return store.finish_metadata(Place::OpenId, outcome);
                }
                store.fetch_metadata(Place::OAuth, |store, other| {
                    // Where neither is, the first says so: it is the usual place.
                    let other = if is_absent(&other) { outcome } else { other };
                    store.finish_metadata(Place::OAuth, other);
                });
            }),
            Place::OAuth => self.fetch_metadata(Place::OAuth, |store, outcome| store.land_second(outcome)),
        }
    }

    fn fetch_metadata(
        self: &Arc<Self>,
        place: Place,
        land: impl FnOnce(&Arc<KeyStore>, Result<Response, Failure>) + Send + 'static,
    ) {
        let store = Arc::clone(self);
        match self.source.tenant.metadata_url(place) {
            Some(url) => {
                let request = Request::Http(HttpRequest::get_json(url));
                self.transport.send(request, Box::new(move |outcome| land(&store, outcome)));
            }
            None => land(&store, Err(Reason::EndpointRefused.into())),
        }
    }

    fn finish_metadata(&self, place: Place, outcome: Result<Response, Failure>) {
        let parsed = self.parse_metadata(place, outcome);
        let waiters = {
            let now = self.clock.now();
            let mut state = self.lock();
            match parsed {
                Ok(metadata) => state.metadata.refresh.succeed(Some(Arc::new(metadata)), now),
                Err(failure) => state.metadata.refresh.fail(failure, now),
            }
            std::mem::take(&mut state.metadata.waiters)
        };
        waiters.into_iter().for_each(|waiter| waiter());
    }

    fn land_second(&self, outcome: Result<Response, Failure>) {
        let is_absent = is_absent(&outcome);
        let parsed = self.parse_metadata(Place::OAuth, outcome);
        let waiters = {
            let now = self.clock.now();
            let mut state = self.lock();
            // A document that was there a while ago is not given up for one 404.
            let had_one = matches!(state.second.refresh.usable(now), Some(Some(_)));
            match parsed {
                Ok(metadata) => state.second.refresh.succeed(Some(Arc::new(metadata)), now),
                Err(_) if is_absent && !had_one => state.second.refresh.succeed(None, now),
                Err(failure) => state.second.refresh.fail(failure, now),
            }
            std::mem::take(&mut state.second.waiters)
        };
        waiters.into_iter().for_each(|waiter| waiter());
    }

    fn parse_metadata(&self, place: Place, outcome: Result<Response, Failure>) -> Result<Metadata, Failure> {
        let parsed = read_answer(outcome, |response| {
            Metadata::parse(response.document()?, place, &self.source.tenant).map_err(|reason| response.failure(reason))
        });
        parsed.map_err(Failure::into_outage)
    }

    pub(super) fn refresh_keys(self: &Arc<Self>) {
        let (takes_off, has_failed) = {
            let mut state = self.lock();
            (state.keys.begin(self.clock.now()), state.keys.failure().is_some())
        };
        if !takes_off {
            return;
        }
        // Keys that could not be had may be somewhere else by now: the metadata is fetched again with them.
        let wish = if has_failed { Wish::Newer } else { Wish::Usable };
        let store = Arc::clone(self);
        let fetch = Box::new(move || store.fetch_keys());
        match (self.needs_metadata(), self.source.resolves_jwks) {
            (false, _) => fetch(),
            (true, true) => self.wait_for_document(Place::OpenId, wish, fetch),
            (true, false) => self.wait_for_endpoint_as(wish, Endpoint::Keys, fetch),
        }
    }

    /// With a resolver for the keys and none for the metadata, the issuer is the tenant and nothing else is asked.
    fn needs_metadata(&self) -> bool {
        !self.source.resolves_jwks || self.source.resolves_metadata
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

    /// Whose keys are asked for, and how.
    fn issuer_and_request(&self) -> Result<(Arc<str>, Request), Failure> {
        if !self.needs_metadata() {
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
                    state.keys.succeed(Arc::new(KeySnapshot { set, text, issuer, generation }), now);
                    event
                }
                Err(failure) => {
                    let event = Event::RefreshFailed { reason: failure.reason };
                    state.keys.fail(failure.into_outage(), now);
                    // Without metadata nobody can ask for keys: both are tried again together.
                    let metadata = &state.metadata.refresh;
                    if let (None, Some(at)) = (metadata.usable(now), metadata.retry_at(now)) {
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

/// The issuer publishes nothing at that place, however long the page that says so is.
fn is_absent(outcome: &Result<Response, Failure>) -> bool {
    let status = match outcome {
        Ok(response) => Some(response.status),
        Err(failure) => failure.detail.as_ref().and_then(|detail| detail.status),
    };
    status == Some(404)
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
