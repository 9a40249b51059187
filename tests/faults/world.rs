//! One engine, its issuer and its callers in virtual time. The callers wait for keys as [`KeyWaits`] says, as those of
//! `npm/client/validate.js` do.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use monocloud_backend_node::engine::authorize::policy::Policy;
use monocloud_backend_node::engine::config::options::Options;
use monocloud_backend_node::engine::config::{ClientKind, Config, HostEnvironment};
use monocloud_backend_node::engine::error::{Class, Failure, Reason};
use monocloud_backend_node::engine::keys::store::KeyStore;
use monocloud_backend_node::engine::keys::wait::{End, Join, KeyWaits, Step, Wait};
use monocloud_backend_node::engine::time::{ManualMonotonic, Monotonic, NumericDate, Ticks};
use monocloud_backend_node::engine::{Attempt, Call, Engine, Verdict};
use serde_json::{Value, json};

use super::issuer::Issuer;
use super::tokens::{AUDIENCE, Signer, TENANT, jwks};

/// The caller's time when the monotonic clock is at 0.
const EPOCH: NumericDate = 1_700_000_000.0;

pub const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub const fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Accepted,
    /// 401 or 403.
    Refused(Reason),
    /// 503.
    Failed(Reason),
    /// 500.
    Broken(Reason),
}

/// How one call ended.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The number that [`World::call`] returned.
    pub call: u64,
    pub outcome: Outcome,
    pub at: Ticks,
    pub waited: Duration,
}

pub struct World {
    pub issuer: Arc<Issuer>,
    pub engine: Engine,
    clock: Arc<ManualMonotonic>,
    policy: Policy,
    /// By how many seconds the caller's clock was set.
    step: Cell<f64>,
    next_id: Cell<u64>,
    next_call: Cell<u64>,
    key_waits: RefCell<KeyWaits>,
    open_waits: RefCell<Vec<OpenWait>>,
    waiting: RefCell<Vec<Caller>>,
    answers: RefCell<Vec<Answer>>,
    introspected: Arc<Mutex<Vec<(String, Answer)>>>,
}

/// One waiting call.
struct Caller {
    call: u64,
    token: String,
    since: Ticks,
    round: u32,
    /// The number of its wait.
    wait: u64,
    /// Its part in the wait of another caller; `None` when it began the wait itself.
    join: Option<Join>,
}

/// One wait that has not ended.
struct OpenWait {
    wait: Wait,
    ends_at: Option<Ticks>,
    is_refreshed: Arc<AtomicBool>,
    has_started: bool,
}

impl OpenWait {
    fn end(&self, now: Ticks) -> Option<End> {
        if self.is_refreshed.load(Ordering::SeqCst) {
            return Some(End::Refreshed { is_own: self.has_started });
        }
        self.ends_at.filter(|at| now >= *at).map(|_| End::OutOfTime)
    }
}

impl World {
    pub fn new() -> World {
        World::with(json!({}))
    }

    /// A world with other options than the usual ones.
    pub fn with(changes: Value) -> World {
        let mut given = json!({
            "tenantDomain": TENANT,
            "audience": AUDIENCE,
            "clientId": "api",
            "clientSecret": "secret",
        });
        let members = given.as_object_mut().expect("an object");
        members.extend(changes.as_object().expect("an object").clone());
        let options = Options { given: &given, environment: &Value::Null };
        let config = Config::parse(&options, ClientKind::Backend, &HostEnvironment::default()).expect("good options");
        let clock = Arc::new(ManualMonotonic::default());
        let issuer = Issuer::new(Arc::clone(&clock));
        let store = KeyStore::new(config.key_source.clone(), Arc::clone(&issuer) as _, Arc::clone(&clock) as _);
        let policy = Policy { binding: config.binding, ..Policy::default() };
        let engine = Engine::new(Arc::new(config), store, Arc::clone(&issuer) as _, Arc::clone(&clock) as _);
        World {
            issuer,
            engine,
            clock,
            policy,
            step: Cell::new(0.0),
            next_id: Cell::new(0),
            next_call: Cell::new(0),
            key_waits: RefCell::default(),
            open_waits: RefCell::default(),
            waiting: RefCell::default(),
            answers: RefCell::default(),
            introspected: Arc::default(),
        }
    }

    /// A world whose engine has fetched the key of `signer`.
    pub fn warm(signer: &Signer) -> World {
        let world = World::new();
        world.issuer.publish(jwks([signer]));
        assert_eq!(world.validate(&world.token(signer)).outcome, Outcome::Accepted);
        world
    }

    pub fn now(&self) -> Ticks {
        self.clock.now()
    }

    /// The caller's time.
    pub fn date(&self) -> NumericDate {
        EPOCH + self.now().0 as f64 / 1000.0 + self.step.get()
    }

    /// Sets the caller's clock forward or back; the monotonic clock does not change.
    pub fn step_clock(&self, seconds: f64) {
        self.step.set(self.step.get() + seconds);
    }

    /// A new token that outlives every test.
    pub fn token(&self, signer: &Signer) -> String {
        self.next_id.set(self.next_id.get() + 1);
        signer.token(self.next_id.get(), EPOCH + 30.0 * 86_400.0)
    }

    /// Validates now, without waiting; `None` if the engine needs to wait.
    pub fn decide_now(&self, token: &str) -> Option<Outcome> {
        outcome_of(self.decide(token, Attempt::First))
    }

    /// Starts a call and returns its number. [`World::take_answers`] returns its result after it has ended.
    pub fn call(&self, token: &str) -> u64 {
        let since = self.now();
        let call = self.next_call.get();
        self.next_call.set(call + 1);
        match self.decide_now(token) {
            Some(outcome) => self.answer(call, outcome, since),
            None => self.wait(Caller { call, token: token.to_owned(), since, round: 0, wait: 0, join: None }),
        }
        call
    }

    /// One call from its start to its end, which must come within 30 seconds.
    pub fn validate(&self, token: &str) -> Answer {
        let others = self.waiting.borrow().len();
        assert_eq!(others, 0, "nobody else waits");
        self.call(token);
        for _ in 0..3000 {
            if let Some(answer) = self.answers.borrow_mut().pop() {
                return answer;
            }
            self.pass(millis(10));
        }
        panic!("a call that never ends");
    }

    /// The result of introspecting an opaque token, which must come within 30 seconds.
    pub fn introspect(&self, token: &str) -> Answer {
        let since = self.now();
        let cell: Arc<Mutex<Option<Result<(), Failure>>>> = Arc::default();
        let result = Arc::clone(&cell);
        let waiter = move |answer: Result<Arc<str>, Failure>| {
            *result.lock().expect("lock") = Some(answer.map(|_| ()));
        };
        self.engine.introspect(token, self.date(), Box::new(waiter));
        for _ in 0..3000 {
            if let Some(result) = cell.lock().expect("lock").take() {
                let outcome = result.map_or_else(|failure| reply_to(&failure), |()| Outcome::Accepted);
                return Answer { call: 0, outcome, at: self.now(), waited: self.now().since(since) };
            }
            self.pass(millis(10));
        }
        panic!("an introspection that never ends");
    }

    /// Starts an introspection. [`World::take_introspected`] returns its result after it has ended.
    pub fn start_introspection(&self, token: &str) {
        let (since, clock, ended) = (self.now(), Arc::clone(&self.clock), Arc::clone(&self.introspected));
        let name = token.to_owned();
        let waiter = move |answer: Result<Arc<str>, Failure>| {
            let outcome = answer.map_or_else(|failure| reply_to(&failure), |_| Outcome::Accepted);
            let at = clock.now();
            ended.lock().expect("lock").push((name, Answer { call: 0, outcome, at, waited: at.since(since) }));
        };
        self.engine.introspect(token, self.date(), Box::new(waiter));
    }

    /// The introspections that have ended since the last call, with their tokens.
    pub fn take_introspected(&self) -> Vec<(String, Answer)> {
        std::mem::take(&mut *self.introspected.lock().expect("lock"))
    }

    /// Advances the time. Everything that is due happens at its own time.
    pub fn pass(&self, span: Duration) {
        let end = self.now().after(span);
        loop {
            let due = self.open_waits.borrow().iter().filter_map(|open| open.ends_at).min();
            let next = self.issuer.next_landing().into_iter().chain(due).min().filter(|at| *at <= end);
            self.clock.advance(next.unwrap_or(end).since(self.now()));
            self.issuer.land();
            self.engine.introspection().expire();
            self.wake();
            if next.is_none() {
                return;
            }
        }
    }

    /// The calls that have ended since the last time.
    pub fn take_answers(&self) -> Vec<Answer> {
        self.answers.take()
    }

    /// How many waits the engine has to end.
    pub fn open_waits(&self) -> usize {
        self.open_waits.borrow().len()
    }

    /// Those whose wait has ended decide again.
    fn wake(&self) {
        let now = self.now();
        let mut ended = Vec::new();
        self.open_waits.borrow_mut().retain(|open| {
            let end = open.end(now);
            ended.extend(end.map(|end| (open.wait, end)));
            end.is_none()
        });
        if ended.is_empty() {
            return;
        }
        ended.iter().for_each(|(wait, _)| self.key_waits.borrow_mut().end(wait.number));
        let attempt_after = |caller: &Caller| {
            let (wait, end) = ended.iter().find(|(wait, _)| wait.number == caller.wait)?;
            Some(caller.join.map_or_else(|| wait.attempt(*end), |join| join.attempt(*end)))
        };
        for caller in self.waiting.take() {
            let Some(attempt) = attempt_after(&caller) else {
                self.waiting.borrow_mut().push(caller);
                continue;
            };
            match outcome_of(self.decide(&caller.token, attempt)) {
                Some(outcome) => self.answer(caller.call, outcome, caller.since),
                None => self.wait(caller),
            }
        }
    }

    /// `#afterKeys` of `npm/client/validate.js`.
    fn wait(&self, mut caller: Caller) {
        caller.round += 1;
        let has_fallback = self.engine.store().has_usable_keys();
        let step = self.key_waits.borrow_mut().step(caller.round, has_fallback, self.now());
        (caller.wait, caller.join) = match step {
            Step::Begin(wait) => {
                self.begin(wait);
                (wait.number, None)
            }
            Step::Join(join) => (join.number, Some(join)),
            Step::GiveUp => return self.answer(caller.call, Outcome::Failed(Reason::TimedOut), caller.since),
        };
        self.waiting.borrow_mut().push(caller);
    }

    fn begin(&self, wait: Wait) {
        let is_refreshed: Arc<AtomicBool> = Arc::default();
        let on_end = Arc::clone(&is_refreshed);
        let has_started = self.engine.wait_for_keys(Box::new(move || on_end.store(true, Ordering::SeqCst)));
        let ends_at = wait.time_limit.map(|limit| self.now().after(limit));
        self.open_waits.borrow_mut().push(OpenWait { wait, ends_at, is_refreshed, has_started });
    }

    fn decide(&self, token: &str, attempt: Attempt) -> Verdict {
        let call = Call { token, policy: &self.policy, certificate: None, now: self.date() };
        match attempt {
            Attempt::First => self.engine.decide_warm(&call),
            Attempt::AfterRefresh => self.engine.decide(&call, attempt, false),
        }
    }

    fn answer(&self, call: u64, outcome: Outcome, since: Ticks) {
        let at = self.now();
        self.answers.borrow_mut().push(Answer { call, outcome, at, waited: at.since(since) });
    }
}

/// `None` if the engine needs to wait.
fn outcome_of(verdict: Verdict) -> Option<Outcome> {
    match verdict {
        Verdict::Claims(_) | Verdict::Template(_) | Verdict::Remembered(_) => Some(Outcome::Accepted),
        Verdict::Refused(reason) => Some(Outcome::Refused(reason)),
        Verdict::Failed(failure) => Some(reply_to(&failure)),
        Verdict::NeedsKeys => None,
        Verdict::IsSlow => panic!("Ed25519 is fast"),
    }
}

/// The response that `npm/protect/response.js` sends for a failure.
fn reply_to(failure: &Failure) -> Outcome {
    let (reason, detail) = (failure.reason, failure.detail.as_deref());
    let status = detail.and_then(|detail| detail.status);
    match reason.spec().class {
        _ if detail.is_some_and(|detail| detail.is_outage) => Outcome::Failed(reason),
        Class::Http if status.is_none_or(|status| matches!(status, 200 | 429 | 500..)) => Outcome::Failed(reason),
        Class::Validation if reason.spec().is_outage => Outcome::Failed(reason),
        Class::Http | Class::Op => Outcome::Broken(reason),
        _ => Outcome::Refused(reason),
    }
}
