//! Metadata: waiting for it, and which of an issuer's two documents says where an endpoint is.
//!
//! The first document comes from the OpenID place, or from the RFC 8414 place if the first place answers 404. The
//! second one is fetched from the RFC 8414 place, and only when somebody needs an endpoint that the first one lacks.
//! Each document stands alone: the second is only asked for what the first does not name, and never replaces it.

use std::sync::Arc;

use url::Url;

use super::{KeyStore, MetadataReceiver, State, Waiter};
use crate::engine::error::{Failure, Reason};
use crate::engine::keys::metadata::{Endpoint, Metadata, Place, is_missing};
use crate::engine::keys::refresh::{Advice, Lifetime, Refresh};

/// One metadata document. `None` inside: the issuer publishes none at that place.
pub(super) struct Document {
    pub refresh: Refresh<Option<Arc<Metadata>>>,
    pub waiters: Vec<Waiter>,
}

impl Document {
    pub fn new(lifetime: Lifetime, seed: u64) -> Document {
        Document { refresh: Refresh::new(lifetime, seed), waiters: Vec::new() }
    }
}

/// Where an endpoint is, and what its issuer is called.
pub struct Located {
    pub url: Url,
    pub issuer: String,
}

/// How new a document has to be for who waits for it.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Wish {
    /// Whatever may be used.
    Usable,
    /// What there is was no help: a newer one, unless a failing issuer is left alone at the moment.
    Newer,
    /// A newer one now.
    Forced,
}

impl KeyStore {
    /// Gives `receiver` the metadata: what is in use, or the outcome of a refresh when one is due or forced.
    pub fn with_metadata(self: &Arc<Self>, is_forced: bool, receiver: MetadataReceiver) {
        let store = Arc::clone(self);
        let waiter = move || {
            let failure = store.lock().metadata.refresh.failure().cloned().filter(|_| is_forced);
            receiver(failure.map_or_else(|| store.metadata(), Err));
        };
        self.wait_for_metadata(is_forced, Box::new(waiter));
    }

    /// Calls `waiter` when metadata is there or its flight has failed.
    pub fn wait_for_metadata(self: &Arc<Self>, is_forced: bool, waiter: Waiter) {
        self.wait_for_document(Place::OpenId, if is_forced { Wish::Forced } else { Wish::Usable }, waiter);
    }

    /// The metadata that may be used, or why there is none.
    pub fn metadata(&self) -> Result<Arc<Metadata>, Failure> {
        let state = self.lock();
        match state.metadata.refresh.usable(self.clock.now()) {
            Some(Some(metadata)) => Ok(Arc::clone(metadata)),
            _ => Err(state.metadata.refresh.failure_or(Reason::ConnectionFailed)),
        }
    }

    /// Calls `waiter` when [`KeyStore::endpoint`] has an answer.
    pub fn wait_for_endpoint(self: &Arc<Self>, endpoint: Endpoint, waiter: Waiter) {
        self.wait_for_endpoint_as(Wish::Usable, endpoint, waiter);
    }

    pub(super) fn wait_for_endpoint_as(self: &Arc<Self>, wish: Wish, endpoint: Endpoint, waiter: Waiter) {
        let (store, sought) = (Arc::clone(self), endpoint.clone());
        let is_known = move || {
            store.doubt_missing(&sought);
            waiter();
        };
        self.wait_for_first(wish, endpoint, Box::new(is_known));
    }

    /// Where an endpoint is, by the first document that names it.
    pub fn endpoint(&self, endpoint: &Endpoint) -> Result<Located, Failure> {
        let tenant = &self.source.tenant;
        let metadata = self.metadata()?;
        let mut url = metadata.endpoint(endpoint, tenant).map_err(Failure::from);
        if self.looks_further(&metadata, endpoint) {
            let state = self.lock();
            match (state.second.refresh.usable(self.clock.now()), state.second.refresh.failure()) {
                (Some(Some(second)), _) => {
                    let other = second.endpoint(endpoint, tenant);
                    if !is_missing(&other) {
                        url = other.map_err(Failure::from);
                    }
                }
                (Some(None), _) | (None, None) => {}
                // Whether the second document names it cannot be known.
                (None, Some(failure)) => return Err(failure.clone()),
            }
        }
        match url {
            Ok(url) => Ok(Located { url, issuer: metadata.issuer.clone() }),
            Err(failure) => Err(failure.into_outage()),
        }
    }

    /// Calls `waiter` when a document is there, or its flight has failed.
    pub(super) fn wait_for_document(self: &Arc<Self>, place: Place, wish: Wish, waiter: Waiter) {
        let now = self.clock.now();
        let mut state = self.lock();
        let document = state.document(place);
        let advice = match wish {
            Wish::Usable => document.refresh.advise(now),
            Wish::Newer => document.refresh.advise_renewal(now),
            Wish::Forced => Advice::Wait,
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

    fn wait_for_first(self: &Arc<Self>, wish: Wish, endpoint: Endpoint, waiter: Waiter) {
        let store = Arc::clone(self);
        let is_there = move || match store.metadata() {
            Ok(metadata) if store.looks_further(&metadata, &endpoint) => {
                store.wait_for_document(Place::OAuth, wish, waiter);
            }
            _ => waiter(),
        };
        self.wait_for_document(Place::OpenId, wish, Box::new(is_there));
    }

    /// Whether the second document is asked for an endpoint: the first one does not name it, and is from the other
    /// place. What the user's own resolver gives is all there is.
    fn looks_further(&self, metadata: &Metadata, endpoint: &Endpoint) -> bool {
        metadata.place == Place::OpenId
            && !self.source.resolves_metadata
            && is_missing(&metadata.endpoint(endpoint, &self.source.tenant))
    }

    /// An issuer that names an endpoint nowhere may do so soon, in the middle of a deployment for instance: its
    /// documents are fetched again in the background, at most every 30 seconds.
    fn doubt_missing(self: &Arc<Self>, endpoint: &Endpoint) {
        let is_missing = |failure: Failure| {
            matches!(failure.reason, Reason::IntrospectionEndpointMissing | Reason::MtlsEndpointMissing)
        };
        if !self.endpoint(endpoint).is_err_and(is_missing) {
            return;
        }
        let now = self.clock.now();
        for place in [Place::OpenId, Place::OAuth] {
            let may_doubt = self.lock().document(place).refresh.may_doubt(now);
            if may_doubt {
                self.refresh_document(place);
            }
        }
    }
}

impl State {
    pub(super) fn document(&mut self, place: Place) -> &mut Document {
        match place {
            Place::OpenId => &mut self.metadata,
            Place::OAuth => &mut self.second,
        }
    }
}
