//! Who waits for newer keys: for how long, who shares a wait, how often a caller waits again, and when it gives up.
//!
//! A state machine without I/O and without a clock. Its owner tells it the time, begins the waits that it asks for, and
//! reports their ends. A flood of tokens with unknown `kid`s costs the owner one waiter at a time, not one per token.

use std::time::Duration;

use crate::engine::time::Ticks;

/// How long a caller waits that can use something else instead: old keys, or an entry of a cache.
const STALE_WAIT: Duration = Duration::from_secs(1);
/// A caller joins a wait of limited length only if that wait began at most this long ago. So sharing shortens the wait
/// of a caller by at most this.
const SHARED_WITHIN: Duration = Duration::from_millis(50);
/// How often a caller waits. The refresh that it joins first may have begun before its key was published. Two more are
/// always enough.
const MAX_ROUNDS: u32 = 3;

/// How far a caller has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// No refresh was made for this token: the caller may wait for keys.
    First,
    /// The keys were refreshed for this token. The caller decides with the keys that are there now.
    AfterRefresh,
}

/// What a caller that needs newer keys does next.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// Begin this wait. After its end, decide again as [`Wait::attempt`] says.
    Begin(Wait),
    /// Join a wait that another caller began. After its end, decide again as [`Join::attempt`] says.
    Join(Join),
    /// Fail with [`TimedOut`](crate::engine::error::Reason::TimedOut).
    GiveUp,
}

/// One wait for a refresh of the keys.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wait {
    pub number: u64,
    /// The wait ends after this time at the latest; `None` when only a refresh ends it.
    pub time_limit: Option<Duration>,
    is_last: bool,
}

/// A caller's part in the wait of another caller.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Join {
    pub number: u64,
    pub is_last: bool,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum End {
    /// The refresh has ended. `is_own`: the wait had started it, and not joined it.
    Refreshed {
        is_own: bool,
    },
    OutOfTime,
}

impl Wait {
    /// With which attempt the caller that began this wait decides again.
    pub fn attempt(&self, end: End) -> Attempt {
        match end {
            // A refresh that was under way may have begun before the key was published.
            End::Refreshed { is_own: false } if !self.is_last => Attempt::First,
            End::Refreshed { .. } | End::OutOfTime => Attempt::AfterRefresh,
        }
    }
}

impl Join {
    /// With which attempt the caller that joined a wait decides again.
    pub fn attempt(&self, end: End) -> Attempt {
        match end {
            // The refresh may have begun before this caller's key was published.
            End::Refreshed { .. } if !self.is_last => Attempt::First,
            // All who share a wait run out of time together. Another wait would have no limit.
            End::Refreshed { .. } | End::OutOfTime => Attempt::AfterRefresh,
        }
    }
}

/// The waits of one client's callers.
#[derive(Default)]
pub struct KeyWaits {
    begun: u64,
    /// The youngest wait with a time limit.
    limited: Option<Shared>,
    /// The wait without a time limit.
    unlimited: Option<Shared>,
}

/// A wait that has not ended.
struct Shared {
    number: u64,
    since: Ticks,
}

impl KeyWaits {
    /// The next step of a caller that needs newer keys. `round` counts its waits, from 1. `has_fallback`: the caller has
    /// usable keys that are merely old, or an entry of a cache.
    pub fn step(&mut self, round: u32, has_fallback: bool, now: Ticks) -> Step {
        if round > MAX_ROUNDS {
            return Step::GiveUp;
        }
        let is_last = round == MAX_ROUNDS;
        // Only the first wait is short: a caller that needs keys again may lack the one key that is missing.
        let is_limited = round == 1 && has_fallback;
        let shared = if is_limited { &mut self.limited } else { &mut self.unlimited };
        let joinable = shared.as_ref().filter(|shared| !is_limited || now.since(shared.since) <= SHARED_WITHIN);
        if let Some(Shared { number, .. }) = joinable {
            return Step::Join(Join { number: *number, is_last });
        }
        self.begun += 1;
        let number = self.begun;
        *shared = Some(Shared { number, since: now });
        Step::Begin(Wait { number, time_limit: is_limited.then_some(STALE_WAIT), is_last })
    }

    /// The wait with this number has ended: nobody joins it any more.
    pub fn end(&mut self, number: u64) {
        for shared in [&mut self.limited, &mut self.unlimited] {
            shared.take_if(|shared| shared.number == number);
        }
    }
}

#[cfg(test)]
#[path = "wait_tests.rs"]
mod tests;
