//! Bounds work that callers can cause: so many jobs run at once, so many wait, and the rest is turned away.
//!
//! Owns the order, not the work. A job of the preferred lane (its token has proved itself before) starts first, in the
//! order of arrival, and some places are kept for that lane. All other jobs start newest first: under a flood a job
//! that starts at all starts soon, instead of every job waiting as long as the queue is. When the queue is full, the
//! oldest job that is not preferred is turned away: a flood of strangers cannot displace a token that is known.

use std::collections::VecDeque;

/// Who waits in which order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// First come, first served, and before all others.
    Preferred,
    /// Newest first.
    Other,
}

/// How much is allowed.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    pub running: usize,
    /// Of `running`, the places that only the preferred lane may take.
    pub kept: usize,
    pub waiting: usize,
}

pub struct LoadLimit<T> {
    bounds: Bounds,
    running: usize,
    /// Of `running`, those that are not preferred.
    running_others: usize,
    preferred: VecDeque<T>,
    /// Oldest at the front.
    others: VecDeque<T>,
}

impl<T> LoadLimit<T> {
    pub fn new(bounds: Bounds) -> LoadLimit<T> {
        LoadLimit { bounds, running: 0, running_others: 0, preferred: VecDeque::new(), others: VecDeque::new() }
    }

    /// Takes a job into the queue, from which [`LoadLimit::start`] gives it out. Returns the job that is turned away
    /// for it, which may be the new one.
    pub fn admit(&mut self, job: T, lane: Lane) -> Option<T> {
        match lane {
            Lane::Preferred => self.preferred.push_back(job),
            Lane::Other => self.others.push_back(job),
        }
        if self.waiting() <= self.bounds.waiting || self.may_start() {
            return None;
        }
        // Only the preferred lane waits: then it is the newest who has to go.
        self.others.pop_front().or_else(|| self.preferred.pop_back())
    }

    /// The job that may start now. It counts as running until [`LoadLimit::finish`].
    pub fn start(&mut self) -> Option<(T, Lane)> {
        if self.running >= self.bounds.running {
            return None;
        }
        if let Some(job) = self.preferred.pop_front() {
            self.running += 1;
            return Some((job, Lane::Preferred));
        }
        if !self.has_place_for_others() {
            return None;
        }
        let job = self.others.pop_back()?;
        self.running += 1;
        self.running_others += 1;
        Some((job, Lane::Other))
    }

    pub fn finish(&mut self, lane: Lane) {
        self.running = self.running.saturating_sub(1);
        if lane == Lane::Other {
            self.running_others = self.running_others.saturating_sub(1);
        }
    }

    /// Takes out the jobs that have waited too long. Each lane is looked through from its oldest job, up to the first
    /// one that may still wait.
    pub fn take_due(&mut self, is_due: impl Fn(&T) -> bool) -> Vec<T> {
        let mut due = Vec::new();
        for lane in [&mut self.preferred, &mut self.others] {
            while lane.front().is_some_and(&is_due) {
                due.extend(lane.pop_front());
            }
        }
        due
    }

    /// Takes out every waiting job that is not preferred, oldest first.
    pub fn take_others(&mut self) -> Vec<T> {
        std::mem::take(&mut self.others).into()
    }

    /// Takes out every waiting job.
    pub fn take_all(&mut self) -> Vec<T> {
        let mut all = self.take_others();
        all.extend(std::mem::take(&mut self.preferred));
        all
    }

    /// The oldest waiting job of each lane.
    pub fn oldest(&self) -> impl Iterator<Item = &T> {
        self.preferred.front().into_iter().chain(self.others.front())
    }

    pub fn running(&self) -> usize {
        self.running
    }

    pub fn waiting(&self) -> usize {
        self.preferred.len() + self.others.len()
    }

    fn may_start(&self) -> bool {
        self.running < self.bounds.running
            && (!self.preferred.is_empty() || (!self.others.is_empty() && self.has_place_for_others()))
    }

    fn has_place_for_others(&self) -> bool {
        self.running_others + self.bounds.kept < self.bounds.running
    }
}

#[cfg(test)]
#[path = "load_limit_tests.rs"]
mod tests;
