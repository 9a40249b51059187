//! Decisions that would block the event loop. They run on separate threads, so that the threads of libuv stay free for
//! `fs` and DNS.
//!
//! One decision per processor runs at a time, for all clients of the process together, and one processor is left to the
//! event loop. More threads would not help, because verifying needs only processor time. Tokens that were verified before
//! start first.

use std::hash::BuildHasher;
use std::num::NonZeroUsize;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use lru::LruCache;

use super::runtime;
use crate::engine::Verdict;
use crate::engine::error::Reason;
use crate::engine::load_limit::{Bounds, Lane, LoadLimit};

/// The largest number of decisions that wait for a thread. When it is reached, the oldest decision about an unknown token
/// fails as `overloaded`.
const MAX_WAITING: usize = 256;

/// How many tokens that were verified here are remembered, as hashes of the whole token.
const KNOWN: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// One decision, with the callback for its verdict.
pub struct SlowDecision {
    pub token: String,
    pub decide: Box<dyn Fn() -> Verdict + Send>,
    /// Called once, on any thread.
    pub settle: Box<dyn FnOnce(Verdict) + Send>,
}

impl SlowDecision {
    /// Runs the decision now, or when a thread is free.
    pub fn submit(self) {
        let (displaced, started) = {
            let mut pool = pool();
            let lane = if pool.knows(&self.token) { Lane::Preferred } else { Lane::Other };
            (pool.load.admit(self, lane), pool.load.start())
        };
        if let Some(decision) = displaced {
            (decision.settle)(Verdict::Failed(Reason::Overloaded.into()));
        }
        if let Some((decision, lane)) = started
            && !runtime::on_thread(move || run_until_idle(decision, lane))
        {
            // Without a runtime nothing can be decided.
            pool().load.finish(lane);
        }
    }

    fn decide(&self) -> Verdict {
        // After a panic, the place must still be freed, and the caller must still get an answer.
        let decide = std::panic::AssertUnwindSafe(|| {
            let SlowDecision { decide, .. } = self;
            decide()
        });
        std::panic::catch_unwind(decide).unwrap_or(Verdict::Refused(Reason::Internal))
    }
}

/// Decides until no decision waits.
fn run_until_idle(decision: SlowDecision, lane: Lane) {
    let mut next = Some((decision, lane));
    while let Some((decision, lane)) = next {
        let verdict = decision.decide();
        {
            let mut pool = pool();
            if matches!(verdict, Verdict::Claims(_)) {
                pool.learn(&decision.token);
            }
            pool.load.finish(lane);
            next = pool.load.start();
        }
        (decision.settle)(verdict);
    }
}

/// The decisions that run and wait in this process.
struct Pool {
    load: LoadLimit<SlowDecision>,
    known: LruCache<u64, (), RandomState>,
    hasher: RandomState,
}

impl Pool {
    fn knows(&self, token: &str) -> bool {
        self.known.contains(&self.hasher.hash_one(token))
    }

    fn learn(&mut self, token: &str) {
        self.known.put(self.hasher.hash_one(token), ());
    }
}

fn pool() -> MutexGuard<'static, Pool> {
    static POOL: LazyLock<Mutex<Pool>> = LazyLock::new(|| {
        let bounds = Bounds { running: runtime::slow_threads(), reserved: 0, waiting: MAX_WAITING };
        let mut known = LruCache::unbounded_with_hasher(RandomState::default());
        known.resize(KNOWN);
        Mutex::new(Pool { load: LoadLimit::new(bounds), known, hasher: RandomState::default() })
    });
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}
