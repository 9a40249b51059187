//! The metadata documents: fetching them, waiting for them, and finding an endpoint in them.
//!
//! The first document comes from the OpenID Connect Discovery URL, or from the RFC 8414 URL if the first URL answers
//! 404. The second document comes from the RFC 8414 URL. It is fetched only when an endpoint is needed that the first
//! document does not name. It supplies that endpoint and never replaces the first document.

use std::sync::Arc;

use url::Url;

use crate::engine::error::{Failure, Reason};
use crate::engine::keys::metadata::{Endpoint, Metadata, Place, is_missing};
use crate::engine::keys::refresh::{Advice, Lifetime, Refresh};
use crate::engine::keys::store::{KeyStore, MetadataReceiver, State, Waiter};
use crate::engine::transport::{HttpRequest, Request, Response, read_answer};

/// One metadata document. A value of `None` means that the issuer publishes no document at that URL.
pub(super) struct Document {
    pub refresh: Refresh<Option<Arc<Metadata>>>,
    pub waiters: Vec<Waiter>,
}

impl Document {
    pub fn new(lifetime: Lifetime, seed: u64) -> Document {
        Document { refresh: Refresh::new(lifetime, seed), waiters: Vec::new() }
    }
}

/// The URL of an endpoint, and the name of its issuer.
pub struct Located {
    pub url: Url,
    pub issuer: String,
}

/// How new a document must be for the caller that waits for it.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Freshness {
    /// Any document that may still be used.
    Usable,
    /// A newer document, because the current one did not help. The back-off after a failure still applies.
    Newer,
    /// A newer document now, without regard to the back-off.
    Forced,
}

impl KeyStore {
    /// Gives `receiver` the metadata: the current document, or the outcome of a refresh that is due or forced.
    pub fn with_metadata(self: &Arc<Self>, is_forced: bool, receiver: MetadataReceiver) {
        let store = Arc::clone(self);
        let waiter = move || {
            let failure = store.lock().metadata.refresh.failure().cloned().filter(|_| is_forced);
            receiver(failure.map_or_else(|| store.metadata(), Err));
        };
        self.wait_for_metadata(is_forced, Box::new(waiter));
    }

    /// Calls `waiter` when the metadata is available or its fetch has failed.
    pub fn wait_for_metadata(self: &Arc<Self>, is_forced: bool, waiter: Waiter) {
        self.wait_for_document(Place::OpenId, if is_forced { Freshness::Forced } else { Freshness::Usable }, waiter);
    }

    /// The metadata that may be used, or the reason why there is none.
    pub fn metadata(&self) -> Result<Arc<Metadata>, Failure> {
        let state = self.lock();
        match state.metadata.refresh.usable(self.clock.now()) {
            Some(Some(metadata)) => Ok(Arc::clone(metadata)),
            _ => Err(state.metadata.refresh.failure_or(Reason::ConnectionFailed)),
        }
    }

    /// Calls `waiter` when [`KeyStore::endpoint`] can answer.
    pub fn wait_for_endpoint(self: &Arc<Self>, endpoint: Endpoint, waiter: Waiter) {
        self.wait_for_endpoint_as(Freshness::Usable, endpoint, waiter);
    }

    pub(super) fn wait_for_endpoint_as(self: &Arc<Self>, freshness: Freshness, endpoint: Endpoint, waiter: Waiter) {
        let (store, sought) = (Arc::clone(self), endpoint.clone());
        let check_and_continue = move || {
            store.recheck_if_missing(&sought);
            waiter();
        };
        self.wait_for_documents(freshness, endpoint, Box::new(check_and_continue));
    }

    /// Finds an endpoint in the first document that names it.
    pub fn endpoint(&self, endpoint: &Endpoint) -> Result<Located, Failure> {
        let tenant = &self.source.tenant;
        let metadata = self.metadata()?;
        let mut url = metadata.endpoint(endpoint, tenant).map_err(Failure::from);
        if self.needs_second_document(&metadata, endpoint) {
            let state = self.lock();
            match (state.second.refresh.usable(self.clock.now()), state.second.refresh.failure()) {
                (Some(Some(second)), _) => {
                    let other = second.endpoint(endpoint, tenant);
                    if !is_missing(&other) {
                        url = other.map_err(Failure::from);
                    }
                }
                (Some(None), _) | (None, None) => {}
                // The second document may name the endpoint, but it could not be fetched.
                (None, Some(failure)) => return Err(failure.clone()),
            }
        }
        match url {
            Ok(url) => Ok(Located { url, issuer: metadata.issuer.clone() }),
            Err(failure) => Err(failure.into_outage()),
        }
    }

    /// Calls `waiter` when a document is available or its fetch has failed.
    pub(super) fn wait_for_document(self: &Arc<Self>, place: Place, freshness: Freshness, waiter: Waiter) {
        let now = self.clock.now();
        let mut state = self.lock();
        let document = state.document(place);
        let advice = match freshness {
            Freshness::Usable => document.refresh.advise(now),
            Freshness::Newer => document.refresh.advise_renewal(now),
            Freshness::Forced => Advice::Wait,
        };
        if advice == Advice::Wait {
            document.waiters.push(waiter);
            drop(state);
            return self.refresh_document(place);
        }
        drop(state);
        if advice == Advice::UseAndRefresh {
            self.refresh_document(place);
        }
        waiter();
    }

    /// Waits for the first document, and for the second one when the first does not name the endpoint.
    fn wait_for_documents(self: &Arc<Self>, freshness: Freshness, endpoint: Endpoint, waiter: Waiter) {
        let store = Arc::clone(self);
        let continue_with_second = move || match store.metadata() {
            Ok(metadata) if store.needs_second_document(&metadata, &endpoint) => {
                store.wait_for_document(Place::OAuth, freshness, waiter);
            }
            _ => waiter(),
        };
        self.wait_for_document(Place::OpenId, freshness, Box::new(continue_with_second));
    }

    /// The second document is needed when the first one came from the OpenID URL and does not name the endpoint. With a
    /// `metadataResolver` there is no second document.
    fn needs_second_document(&self, metadata: &Metadata, endpoint: &Endpoint) -> bool {
        metadata.place == Place::OpenId
            && !self.source.resolves_metadata
            && is_missing(&metadata.endpoint(endpoint, &self.source.tenant))
    }

    /// Fetches both documents again in the background when neither names the endpoint. The issuer may name it soon, for
    /// instance during a deployment. This happens at most every 30 seconds.
    fn recheck_if_missing(self: &Arc<Self>, endpoint: &Endpoint) {
        let is_missing = |failure: Failure| {
            matches!(failure.reason, Reason::IntrospectionEndpointMissing | Reason::MtlsEndpointMissing)
        };
        if !self.endpoint(endpoint).is_err_and(is_missing) {
            return;
        }
        let now = self.clock.now();
        for place in [Place::OpenId, Place::OAuth] {
            let may_recheck = self.lock().document(place).refresh.may_recheck(now);
            if may_recheck {
                self.refresh_document(place);
            }
        }
    }

    /// Begins a fetch of a document, unless one is in progress.
    fn refresh_document(self: &Arc<Self>, place: Place) {
        if !self.lock().document(place).refresh.begin(self.clock.now()) {
            return;
        }
        match place {
            Place::OpenId if self.source.resolves_metadata => {
                let store = Arc::clone(self);
                let finish = move |outcome| store.finish_first(Place::OpenId, outcome);
                self.transport.send(Request::ResolveMetadata, Box::new(finish));
            }
            Place::OpenId => self.fetch_document(Place::OpenId, |store, outcome| {
                if !is_absent(&outcome) {
                    return store.finish_first(Place::OpenId, outcome);
                }
                store.fetch_document(Place::OAuth, |store, other| {
                    // When both are absent, the failure is reported for the OpenID URL, which is the usual one.
                    let other = if is_absent(&other) { outcome } else { other };
                    store.finish_first(Place::OAuth, other);
                });
            }),
            Place::OAuth => self.fetch_document(Place::OAuth, |store, outcome| store.finish_second(outcome)),
        }
    }

    fn fetch_document(
        self: &Arc<Self>,
        place: Place,
        finish: impl FnOnce(&Arc<KeyStore>, Result<Response, Failure>) + Send + 'static,
    ) {
        let store = Arc::clone(self);
        match self.source.tenant.metadata_url(place) {
            Some(url) => {
                let request = Request::Http(HttpRequest::get_json(url));
                self.transport.send(request, Box::new(move |outcome| finish(&store, outcome)));
            }
            None => finish(&store, Err(Reason::EndpointRefused.into())),
        }
    }

    fn finish_first(&self, place: Place, outcome: Result<Response, Failure>) {
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

    fn finish_second(&self, outcome: Result<Response, Failure>) {
        let is_absent = is_absent(&outcome);
        let parsed = self.parse_metadata(Place::OAuth, outcome);
        let waiters = {
            let now = self.clock.now();
            let mut state = self.lock();
            // A single 404 does not remove a document that was published before.
            let was_published = matches!(state.second.refresh.usable(now), Some(Some(_)));
            match parsed {
                Ok(metadata) => state.second.refresh.succeed(Some(Arc::new(metadata)), now),
                Err(_) if is_absent && !was_published => state.second.refresh.succeed(None, now),
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
}

impl State {
    fn document(&mut self, place: Place) -> &mut Document {
        match place {
            Place::OpenId => &mut self.metadata,
            Place::OAuth => &mut self.second,
        }
    }
}

/// Whether the issuer publishes no document at that URL. A 404 with a body over the size limit counts as well.
fn is_absent(outcome: &Result<Response, Failure>) -> bool {
    let status = match outcome {
        Ok(response) => Some(response.status),
        Err(failure) => failure.detail.as_ref().and_then(|detail| detail.status),
    };
    status == Some(404)
}
