//! Limits the work that callers can cause: how many jobs run at a time, how many wait, and which one is rejected.
//!
//! Owns the order of the jobs and does not run them. A job of the preferred lane is about a token that was valid before.
//! Preferred jobs start first, in the order of arrival, and some places are reserved for them. All other jobs start newest
//! first. During a flood, a job that starts at all then starts soon, instead of waiting for the whole queue. When the
//! queue is full, the oldest job that is not preferred is rejected. A flood of unknown tokens therefore cannot displace a
//! known token.

use std::collections::VecDeque;

/// The order in which a job waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// First come, first served. Starts before all other jobs.
    Preferred,
    /// Newest first.
    Other,
}

/// The limits.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// The largest number of jobs that run at a time.
    pub running: usize,
    /// How many of the `running` places are reserved for the preferred lane.
    pub reserved: usize,
    /// The largest number of jobs that wait.
    pub waiting: usize,
}

pub struct LoadLimit<T> {
    bounds: Bounds,
    running: usize,
    /// How many of the `running` jobs are not preferred.
    running_others: usize,
    preferred: VecDeque<T>,
    /// Oldest at the front.
    others: VecDeque<T>,
}

impl<T> LoadLimit<T> {
    pub fn new(bounds: Bounds) -> LoadLimit<T> {
        LoadLimit { bounds, running: 0, running_others: 0, preferred: VecDeque::new(), others: VecDeque::new() }
    }

    /// Puts a job into the queue, from which [`LoadLimit::start`] takes it. Returns the job that is rejected in exchange,
    /// which may be the new one.
    pub fn admit(&mut self, job: T, lane: Lane) -> Option<T> {
        match lane {
            Lane::Preferred => self.preferred.push_back(job),
            Lane::Other => self.others.push_back(job),
        }
        if self.waiting() <= self.bounds.waiting || self.may_start() {
            return None;
        }
        // If only preferred jobs wait, the newest one is rejected.
        self.others.pop_front().or_else(|| self.preferred.pop_back())
    }

    /// Takes the job that may start now. It counts as running until [`LoadLimit::finish`] is called.
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

    /// Takes the jobs that have waited too long. Checks each lane from its oldest job to the first one that is not due.
    pub fn take_due(&mut self, is_due: impl Fn(&T) -> bool) -> Vec<T> {
        let mut due = Vec::new();
        for lane in [&mut self.preferred, &mut self.others] {
            while lane.front().is_some_and(&is_due) {
                due.extend(lane.pop_front());
            }
        }
        due
    }

    /// Takes every waiting job that is not preferred, oldest first.
    pub fn take_others(&mut self) -> Vec<T> {
        std::mem::take(&mut self.others).into()
    }

    /// Takes every waiting job.
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
        self.running_others + self.bounds.reserved < self.bounds.running
    }
}

#[cfg(test)]
#[path = "load_limit_tests.rs"]
mod tests;
