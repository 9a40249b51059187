//! What the clients of one process share: the runtime's thread, the clock, and one key store per issuer and settings.
//!
//! Worker threads load this add-on into the same process, so that four workers cost one JWK Set request.

use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::{Builder, Handle, Runtime};

use crate::engine::config::Config;
use crate::engine::keys::store::{KeySource, KeyStore};
use crate::engine::time::{Monotonic, SystemMonotonic};
use crate::engine::transport::Transport;
use crate::engine::transport::own_client::{HttpClient, Network};

/// Threads that look up host names, beside those of slow decisions.
const MAX_LOOKUPS: usize = 4;

/// How many slow decisions run at once: one per processor, less the one that the event loop needs.
pub fn slow_threads() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| processors.get().saturating_sub(1).max(1))
}

/// One thread, made when something is fetched for the first time. Never torn down: a fetch may outlive its worker.
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

/// Does something later; at once where there is no runtime.
pub fn after(span: Duration, work: impl FnOnce() + Send + 'static) {
    match runtime() {
        None => work(),
        Some(runtime) => drop(runtime.spawn(async move {
            tokio::time::sleep(span).await;
            work();
        })),
    }
}

/// Does something on a thread that may be held. False where there is none, and then it is not done.
pub fn on_thread(work: impl FnOnce() + Send + 'static) -> bool {
    let Some(runtime) = runtime() else { return false };
    drop(runtime.spawn_blocking(work));
    true
}

/// Does something again and again, after the span that it gives, until it gives none.
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

/// The store and the transport of these settings: the ones that are in use, or new ones.
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

/// The HTTP client of these network settings: the one that is in use, or a new one. Making one reads every authority
/// of the system.
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
