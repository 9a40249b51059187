//! What the clients of one process share: the runtime, the clock, and one key store per issuer and settings.
//!
//! All worker threads of a process share the loaded add-on. Four workers therefore send one JWK Set request.

use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use napi::bindgen_prelude::{Env, Result};
use tokio::runtime::{Builder, Handle, Runtime};

use crate::engine::authorize::dpop::context::DpopContext;
use crate::engine::config::Config;
use crate::engine::keys::store::{KeySource, KeyStore};
use crate::engine::time::{Monotonic, SystemMonotonic};
use crate::engine::transport::Transport;
use crate::engine::transport::own_client::{HttpClient, Network};

/// Creates the value of a promise, on the thread of its client.
pub type Resolver<T> = Box<dyn FnOnce(Env) -> Result<T> + Send>;

/// The number of threads that look up host names, in addition to those of slow decisions.
const MAX_LOOKUPS: usize = 4;

/// How many slow decisions run at a time: one per processor, except the one that the event loop needs.
pub fn slow_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| processors.get().saturating_sub(1).max(1))
}

/// The runtime, created at the first fetch, with one thread for I/O. It is never shut down, because a fetch may outlive
/// its worker thread.
fn runtime() -> Option<Handle> {
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let build = || {
        let mut builder = Builder::new_multi_thread();
        let blocking = slow_threads() + MAX_LOOKUPS;
        builder.worker_threads(1).max_blocking_threads(blocking).thread_name("monocloud").enable_io().enable_time();
        builder.build().ok()
    };
    RUNTIME.get_or_init(build).as_ref().map(|runtime| runtime.handle().clone())
}

/// Calls `work` after a span, or at once if there is no runtime.
pub fn after(span: Duration, work: impl FnOnce() + Send + 'static) {
    match runtime() {
        None => work(),
        Some(runtime) => drop(runtime.spawn(async move {
            tokio::time::sleep(span).await;
            work();
        })),
    }
}

/// Calls `work` on a thread that it may block. Returns false, without a call, if there is no runtime.
pub fn on_thread(work: impl FnOnce() + Send + 'static) -> bool {
    let Some(runtime) = runtime() else { return false };
    drop(runtime.spawn_blocking(work));
    true
}

/// Calls `work` repeatedly, each time after the span that it returned, until it returns `None`.
pub fn repeat(mut work: impl FnMut() -> Option<Duration> + Send + 'static) {
    if let Some(runtime) = runtime() {
        drop(runtime.spawn(async move {
            while let Some(span) = work() {
                tokio::time::sleep(span).await;
            }
        }));
    }
}

/// The process's monotonic clock.
pub fn clock() -> Arc<dyn Monotonic> {
    static CLOCK: LazyLock<Arc<SystemMonotonic>> = LazyLock::new(Arc::default);
    Arc::clone(&*CLOCK) as _
}

struct Shared {
    source: KeySource,
    network: Network,
    store: Weak<KeyStore>,
}

/// The key store and the transport for these settings. Reuses those that are in use.
pub fn shared(config: &Config) -> (Arc<KeyStore>, Arc<dyn Transport>) {
    static ALL: Mutex<Vec<Shared>> = Mutex::new(Vec::new());
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|shared| shared.store.strong_count() > 0);
    let transport = http_client(config);
    let same = |shared: &&Shared| shared.source == config.key_source && shared.network == config.network;
    let in_use = all.iter().find(same).and_then(|shared| shared.store.upgrade());
    let store = in_use.unwrap_or_else(|| {
        let store = KeyStore::new(config.key_source.clone(), Arc::clone(&transport) as _, clock());
        let (source, network) = (config.key_source.clone(), config.network.clone());
        all.push(Shared { source, network, store: Arc::downgrade(&store) });
        store
    });
    (store, transport)
}

/// What the DPoP proofs of clients with the same issuer, audience and settings share, also in worker threads: which proofs
/// were used, and the random secret of the nonces. Whether they require proofs may differ.
pub fn dpop(config: &Config) -> Arc<DpopContext> {
    static ALL: Mutex<Vec<(String, Weak<DpopContext>)>> = Mutex::new(Vec::new());
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|(_, context)| context.strong_count() > 0);
    let issuer = config.key_source.tenant.domain();
    let audience = config.audiences.sorted();
    let name = format!("{issuer}\0{audience}");
    let in_use = all
        .iter()
        .filter(|(other, _)| *other == name)
        .filter_map(|(_, context)| context.upgrade())
        .find(|context| *context.settings() == config.dpop);
    in_use.unwrap_or_else(|| {
        let context = Arc::new(DpopContext::new(config.dpop.clone(), issuer, &audience));
        all.push((name, Arc::downgrade(&context)));
        context
    })
}

/// The HTTP client for these network settings. Reuses one that is in use, because a new one reads every authority of the
/// system.
pub fn http_client(config: &Config) -> Arc<HttpClient> {
    static ALL: Mutex<Vec<(Network, Weak<HttpClient>)>> = Mutex::new(Vec::new());
    let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
    all.retain(|(_, client)| client.strong_count() > 0);
    let in_use = all.iter().find(|(network, _)| *network == config.network).and_then(|(_, client)| client.upgrade());
    in_use.unwrap_or_else(|| {
        let client = Arc::new(HttpClient::new(config.network.clone(), runtime));
        all.push((config.network.clone(), Arc::downgrade(&client)));
        client
    })
}
