//! Every fault of every document in every state of the keys. What result does a caller get with a valid, a withdrawn
//! or an opaque token during the fault, and how soon does everything work after it?

use std::time::Duration;

use monocloud_backend_node::engine::error::Reason;
use monocloud_backend_node::engine::time::Ticks;
use serde_json::{Value, json};

use super::issuer::{DEADLINE, Document, Weather, metadata};
use super::tokens::{AUDIENCE, Signer, TENANT, forged, jwks};
use super::world::{Outcome, World, millis, secs};

/// The time between two rounds of calls.
const STEP: Duration = millis(500);
/// How long a fault lasts: shorter and longer than the pauses between attempts.
const SPANS: [Duration; 2] = [secs(3), secs(45)];
/// After a fault ends: the longest pause between two attempts, and two rounds. One starts the attempt, and the next
/// one succeeds.
const BACK_WITHIN: Duration = millis(10_000 + 2 * 500);
/// The most requests for one document within a minute of a fault. Without any keys there is one attempt per second
/// for ten seconds.
const BUDGET: usize = 14;
const BUDGET_WITHOUT_KEYS: usize = 20;

/// The state before the fault begins.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Nothing was ever fetched.
    Cold,
    /// The keys were fetched, and a refresh is almost due.
    Warm,
    /// The next key is published beside the current one, and was not fetched yet.
    Announced,
    /// The issuer signs with a key that was never published before, and has withdrawn the other one.
    Surprise,
    /// The same, during a flood of unknown keys.
    Flood,
    /// There was no call for longer than the keys are fresh.
    PastAge,
    /// The issuer has been unreachable for longer than old keys are used.
    PastStale,
}

const STATES: [State; 7] =
    [State::Cold, State::Warm, State::Announced, State::Surprise, State::Flood, State::PastAge, State::PastStale];

/// Faults that any document can have.
fn faults() -> Vec<Weather> {
    let says = |body: &str| Weather::Says(body.to_owned());
    vec![
        Weather::Refused,
        Weather::Swallowed,
        Weather::Hangs,
        Weather::TooLarge,
        Weather::Status(204, None),
        Weather::Status(302, None),
        Weather::Status(400, None),
        Weather::Status(401, None),
        Weather::Status(403, None),
        Weather::Status(404, None),
        Weather::Status(500, None),
        Weather::Status(503, None),
        Weather::Status(503, Some("5")),
        Weather::Status(503, Some("300")),
        Weather::Status(429, None),
        Weather::Status(429, Some("300")),
        Weather::Garbage,
        says(""),
        says("null"),
        says("[]"),
        says(r#"{"keys":[{"kty":"OKP""#),
    ]
}

/// These faults, and those that only this document can have.
fn faults_of(document: Document) -> Vec<Weather> {
    let says = |body: Value| Weather::Says(body.to_string());
    let changed = |changes: Value| Weather::Says(metadata(changes));
    let more = match document {
        Document::Metadata => vec![
            changed(json!({ "issuer": null })),
            changed(json!({ "issuer": 1 })),
            changed(json!({ "issuer": "https://elsewhere.example" })),
            changed(json!({ "jwks_uri": null })),
            changed(json!({ "jwks_uri": format!("{TENANT}/nowhere") })),
            changed(json!({ "jwks_uri": "http://issuer.example/jwks" })),
            changed(json!({ "introspection_endpoint": null })),
        ],
        Document::Keys => vec![
            says(json!({ "keys": [] })),
            says(json!({ "keys": {} })),
            says(json!({})),
            says(json!({ "keys": [{ "kty": "oct", "k": "AAAA" }] })),
        ],
        _ => Vec::new(),
    };
    faults().into_iter().chain(more).collect()
}

/// One case: a world, and its expected state.
struct Case {
    name: String,
    state: State,
    document: Document,
    fault: Weather,
    world: World,
    old: Signer,
    new: Signer,
    began: Ticks,
    /// Whether a token of the new key was accepted. From then on the old key is rejected if it was withdrawn.
    has_new: bool,
    round: usize,
}

impl Case {
    fn begin(state: State, document: Document, fault: Weather, span: Duration) -> Case {
        let name = format!("{document:?} {fault:?} for {span:?}, {state:?}");
        let (old, new) = (Signer::new("old"), Signer::new("new"));
        let world = World::new();
        world.issuer.say(json!({ "active": true, "iss": TENANT, "aud": AUDIENCE }).to_string());
        world.issuer.publish(jwks([&old]));
        if state != State::Cold {
            assert_eq!(world.validate(&world.token(&old)).outcome, Outcome::Accepted, "{name}");
        }
        match state {
            State::Cold => world.issuer.publish(jwks([&new])),
            State::Warm => world.pass(secs(215)),
            State::Announced => world.issuer.publish(jwks([&old, &new])),
            State::Surprise | State::Flood => world.issuer.publish(jwks([&new])),
            State::PastAge => world.pass(secs(3600)),
            State::PastStale => world.pass(secs(86_400 + 301)),
        }
        world.issuer.set(&[document], fault.clone());
        if document == Document::Metadata && matches!(fault, Weather::Status(404, _)) {
            world.issuer.set(&[Document::OAuthMetadata], fault.clone());
        }
        let began = world.now();
        Case { name, state, document, fault, world, old, new, began, has_new: false, round: 0 }
    }

    /// The current signing key.
    fn signer(&self) -> &Signer {
        match self.state {
            State::Warm | State::PastAge | State::PastStale => &self.old,
            State::Cold | State::Announced | State::Surprise | State::Flood => &self.new,
        }
    }

    /// Whether the signing key was fetched before the fault, and may still be used.
    fn knows_signer(&self) -> bool {
        matches!(self.state, State::Warm | State::PastAge)
    }

    fn is_withdrawn(&self) -> bool {
        matches!(self.state, State::Surprise | State::Flood)
    }

    /// One round of calls, and the time until the next. `is_over`: the fault ended long enough ago that every valid
    /// token must be accepted.
    fn round(&mut self, is_over: bool) {
        self.round += 1;
        let world = &self.world;
        if self.state == State::Flood {
            for number in 0..3 {
                world.call(&forged(&format!("unknown-{}-{number}", self.round)));
            }
            world.pass(Duration::ZERO);
            for answer in world.take_answers() {
                assert!(self.is_right_for_forged(&answer.outcome), "{}: a forged token: {answer:?}", self.name);
            }
        }
        let good = self.ask(self.signer());
        self.check_good(&good, is_over);
        self.has_new |= good == Some(Outcome::Accepted);
        if self.state == State::Announced {
            let old = self.ask(&self.old);
            assert_eq!(old, Some(Outcome::Accepted), "{}: the key in use", self.name);
        }
        if self.is_withdrawn() {
            let old = self.ask(&self.old);
            let expected = if self.has_new { Outcome::Refused(Reason::KeyNotFound) } else { Outcome::Accepted };
            assert_eq!(old, Some(expected), "{}: the withdrawn key", self.name);
        }
        self.world.pass(STEP);
        self.world.take_answers();
    }

    /// The result of a call that waits as long as a healthy issuer takes; `None` if it waits longer.
    fn ask(&self, signer: &Signer) -> Option<Outcome> {
        // Remembered tokens, and new ones.
        let token = signer.token(self.round as u64 / 2, 1_800_000_000.0);
        let call = self.world.call(&token);
        let answered = || self.world.take_answers().into_iter().find(|answer| answer.call == call);
        let answer = answered().or_else(|| {
            self.world.pass(millis(100));
            answered()
        });
        answer.map(|answer| answer.outcome)
    }

    fn check_good(&self, outcome: &Option<Outcome>, is_over: bool) {
        let name = &self.name;
        match outcome {
            Some(Outcome::Accepted) => {}
            _ if self.knows_signer() && self.document == Document::Introspection => {
                panic!("{name}: {outcome:?}")
            }
            // An outage that is noticed after a quiet hour delays one call by a second.
            None if self.state == State::PastAge && self.world.now().since(self.began) < millis(1200) => {}
            _ if self.knows_signer() => panic!("{name}: a known key: {outcome:?}"),
            // During a flood, the refreshes for unknown keys may be used up for 5 seconds.
            Some(Outcome::Refused(Reason::KeyNotFound))
                if self.state == State::Flood && self.world.now().since(self.began) < secs(6) => {}
            None | Some(Outcome::Failed(_)) => assert!(!is_over, "{name}: still {outcome:?} after the fault"),
            Some(outcome) => panic!("{name}: a good token got {outcome:?}"),
        }
    }

    fn is_right_for_forged(&self, outcome: &Outcome) -> bool {
        matches!(outcome, Outcome::Failed(_) | Outcome::Refused(Reason::KeyNotFound))
    }

    /// An opaque token beside the rounds.
    fn introspect(&self, is_over: bool) {
        let answer = self.world.introspect("opaque");
        match answer.outcome {
            Outcome::Accepted => {}
            // An unexpected status of the introspection endpoint itself is a configuration error: 500.
            Outcome::Broken(_) if self.document == Document::Introspection => assert!(!is_over, "{}", self.name),
            Outcome::Failed(_) => assert!(!is_over, "{}: {answer:?} after the fault", self.name),
            outcome => panic!("{}: an opaque token got {outcome:?}", self.name),
        }
    }

    /// How long it may take until a healthy issuer is noticed.
    fn back_within(&self) -> Duration {
        match self.fault {
            Weather::Status(429 | 503, Some("300")) => secs(30) + STEP * 2,
            // An exchange that hangs when the fault ends takes its deadline, for each of two documents.
            Weather::Hangs => BACK_WITHIN.max(DEADLINE * 2 + STEP * 2),
            _ => BACK_WITHIN,
        }
    }

    fn end_fault(&self) {
        self.world.issuer.set(&[self.document], Weather::Fine);
        self.world.issuer.set(&[Document::OAuthMetadata], Weather::Status(404, None));
    }

    fn check_budget(&self, until: Ticks) {
        let most = match self.state {
            State::Cold | State::PastStale => BUDGET_WITHOUT_KEYS,
            _ => BUDGET,
        };
        for document in [Document::Metadata, Document::OAuthMetadata, Document::Keys, Document::Elsewhere] {
            let times = self.world.issuer.requests(document);
            let times: Vec<_> = times.into_iter().filter(|at| *at >= self.began && *at <= until).collect();
            for (index, from) in times.iter().enumerate() {
                let asked = times[index..].iter().take_while(|at| at.since(*from) < secs(60)).count();
                assert!(asked <= most, "{}: {document:?} was asked for {asked} times in a minute", self.name);
            }
        }
    }

    /// Only the fault and the calls, until everything works.
    fn walk(mut self, span: Duration) {
        while self.world.now().since(self.began) < span {
            self.round(false);
        }
        self.end_fault();
        let ended = self.world.now();
        self.check_budget(ended);
        while self.world.now().since(ended) < self.back_within() {
            self.round(false);
        }
        for _ in 0..10 {
            self.round(true);
        }
        if self.is_withdrawn() {
            assert!(self.has_new, "{}", self.name);
        }
    }
}

fn walk_all(document: Document) {
    for fault in faults_of(document) {
        for state in STATES {
            for span in SPANS {
                Case::begin(state, document, fault.clone(), span).walk(span);
            }
        }
    }
}

#[test]
fn every_fault_of_the_keys_in_every_state_refuses_no_good_token_and_is_over_soon_after_its_end() {
    walk_all(Document::Keys);
}

#[test]
fn every_fault_of_the_metadata_in_every_state_refuses_no_good_token_and_is_over_soon_after_its_end() {
    walk_all(Document::Metadata);
}

#[test]
fn every_fault_of_introspection_in_every_state_costs_jwts_nothing() {
    for fault in faults() {
        for state in [State::Warm, State::PastAge] {
            Case::begin(state, Document::Introspection, fault.clone(), SPANS[0]).walk(SPANS[0]);
        }
    }
}

#[test]
fn an_opaque_token_is_told_of_an_outage_in_every_fault_of_the_metadata_and_accepted_soon_after_its_end() {
    for fault in faults_of(Document::Metadata) {
        for state in [State::Cold, State::Warm, State::PastStale] {
            let case = Case::begin(state, Document::Metadata, fault.clone(), SPANS[1]);
            while case.world.now().since(case.began) < SPANS[1] {
                case.introspect(false);
                case.world.pass(STEP);
            }
            case.end_fault();
            case.check_budget(case.world.now());
            case.introspect(false);
            let is_named_late = fault_names_no_introspection(&fault);
            case.world.pass(if is_named_late { secs(30) } else { case.back_within() });
            case.introspect(false);
            case.world.pass(secs(1));
            case.introspect(true);
        }
    }
}

/// Metadata that is valid except for this is not fetched again at once.
fn fault_names_no_introspection(fault: &Weather) -> bool {
    matches!(fault, Weather::Says(body) if body.contains("jwks") && !body.contains("introspection_endpoint"))
}
