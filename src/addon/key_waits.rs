//! The waits of a client's callers for newer keys. [`crate::engine::keys::wait`] decides who waits and for how long.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use napi::bindgen_prelude::*;
use napi_derive::napi;

use super::client::NativeClient;
use super::runtime::{self, Resolver};
use crate::engine::Attempt;
use crate::engine::keys::wait::{End, Join, KeyWaits, Step, Wait};

/// How a wait ended.
#[napi(object, object_from_js = false)]
pub struct WaitEnd {
    /// Whether the caller that began the wait decides with the keys that are there now. Otherwise it may wait again.
    pub is_refreshed: bool,
    /// The same for the callers that joined the wait.
    pub is_refreshed_for_joined: bool,
    /// The same for those of them whose last wait it was.
    pub is_refreshed_for_last: bool,
}

#[napi]
impl NativeClient {
    /// The next step of a caller that needs newer keys; `null` when the caller gives up. `round` counts its waits, from 1.
    ///
    /// `{ wait, ended }`: the caller began this wait. The promise resolves to [`WaitEnd`].
    /// `{ wait, isLast }`: the caller joins the wait with this number. `isLast`: it is the caller's last one.
    #[napi(catch_unwind, ts_return_type = "KeyWait | null")]
    pub fn wait_for_keys<'env>(
        &self,
        env: &'env Env,
        round: u32,
        has_cached_fallback: bool,
    ) -> Result<Option<Object<'env>>> {
        let has_fallback = has_cached_fallback || self.engine.store().has_usable_keys();
        let mut next = Object::new(env)?;
        let step = lock(&self.key_waits).step(round, has_fallback, runtime::clock().now());
        match step {
            Step::Begin(wait) => {
                let open = OpenWait { wait, waits: Arc::clone(&self.key_waits) };
                next.set("wait", wait.number as f64)?;
                next.set("ended", self.begin_wait(env, open)?)?;
            }
            Step::Join(Join { number, is_last }) => {
                next.set("wait", number as f64)?;
                next.set("isLast", is_last)?;
            }
            Step::GiveUp => return Ok(None),
        }
        Ok(Some(next))
    }
}

impl NativeClient {
    fn begin_wait<'env>(&self, env: &'env Env, open: OpenWait) -> Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred::<WaitEnd, Resolver<WaitEnd>>()?;
        let wait = open.wait;
        let waiting = Arc::new(Mutex::new(Some((deferred, open))));
        let settle = move |end: End| {
            if let Some((deferred, open)) = lock(&waiting).take() {
                let is_refreshed = |attempt| attempt == Attempt::AfterRefresh;
                let joined = |is_last| is_refreshed(Join { number: wait.number, is_last }.attempt(end));
                let ended = WaitEnd {
                    is_refreshed: is_refreshed(wait.attempt(end)),
                    is_refreshed_for_joined: joined(false),
                    is_refreshed_for_last: joined(true),
                };
                deferred.resolve(Box::new(move |_| {
                    // On the client's thread, before any caller goes on.
                    drop(open);
                    Ok(ended)
                }));
            }
        };
        let starts = Arc::new(AtomicBool::new(false));
        let (is_own, on_end) = (Arc::clone(&starts), settle.clone());
        let on_refreshed = move || on_end(End::Refreshed { is_own: is_own.load(Ordering::SeqCst) });
        starts.store(self.engine.wait_for_keys(Box::new(on_refreshed)), Ordering::SeqCst);
        if let Some(limit) = wait.time_limit {
            runtime::after(limit, move || settle(End::OutOfTime));
        }
        Ok(promise)
    }
}

/// A wait that other callers may join until this is dropped: at its end, or when it could not be begun.
struct OpenWait {
    wait: Wait,
    waits: Arc<Mutex<KeyWaits>>,
}

impl Drop for OpenWait {
    fn drop(&mut self) {
        lock(&self.waits).end(self.wait.number);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
