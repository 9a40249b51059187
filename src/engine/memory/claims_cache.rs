//! The cache of claims inside the process, for `memoryCache()`: which claims are stored for a token?
//!
//! The key is a hash of scope and token, so the cache contains no token. An entry is text that any client may have
//! stored. The engine validates it at the first lookup, keeps the checked claims here, and checks their times and the
//! requirements of the route at every call.

use aws_lc_rs::digest::{Context, SHA256};

use crate::engine::memory::answers::{ANSWERS_BYTES, Answers};
use crate::engine::memory::bounded::Bounded;
use crate::engine::memory::obtained::{EntryInfo, Means};
use crate::engine::memory::size;
use crate::engine::memory::verified_tokens::{PLACES, Slot, Slots};
use crate::engine::time::{NumericDate, is_time};
use crate::engine::token::claims::CheckedClaims;

/// Inactive entries get one eighth of the capacity and of the budget. Anybody can cause inactive entries with invented
/// tokens, so they never evict claims.
pub const INACTIVE_SHARE: usize = 8;

/// The SHA-256 of scope and token.
pub type Key = [u8; 32];

/// The key of a token within a scope (a tenant and an audience). The length of the scope is hashed first, so that no part
/// of the scope can be confused with the token.
pub fn key_of(scope: &str, token: &str) -> Key {
    let mut context = Context::new(&SHA256);
    context.update(&(scope.len() as u64).to_be_bytes());
    context.update(scope.as_bytes());
    context.update(token.as_bytes());
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}

/// The content of a validated entry.
#[expect(clippy::large_enum_variant, reason = "nearly all entries are claims, and a box is one more allocation")]
pub enum Validated {
    Claims(CheckedClaims<'static>),
    /// The token is inactive, until this time.
    Inactive(NumericDate),
}

/// The result of validating an entry. It counts only for the engine that validated it.
pub struct ValidatedEntry {
    /// The number of that engine.
    pub engine: u64,
    pub content: Validated,
    /// The engine uses the entry at or after this time.
    pub from: NumericDate,
    /// The engine uses the entry before this time.
    pub until: NumericDate,
    /// Kept once a route needs them ([`ClaimsCache::keep_answers`]).
    pub answers: Option<Box<Answers>>,
}

pub struct Entry {
    /// The JSON text of the claims or of an inactive response, with [`MEMBER`](super::obtained::MEMBER).
    pub text: Box<str>,
    pub info: EntryInfo,
    pub validated: Option<ValidatedEntry>,
    pub slot: Slot,
    expires: NumericDate,
    is_in_javascript: bool,
    /// The largest size of checked claims that was added to the size of this entry.
    checked_bytes: usize,
    /// Whether the size of answers was added to the size of this entry.
    has_answers_size: bool,
}

pub struct ClaimsCache {
    claims: Bounded<Key, Entry>,
    inactive: Bounded<Key, Entry>,
    slots: Slots,
}

impl ClaimsCache {
    /// Creates a cache with a maximum number of entries and a maximum size in bytes.
    pub fn new(capacity: usize, budget: usize) -> ClaimsCache {
        // Not more entries than slots, so that a full cache always evicts an old entry and never rejects a new one.
        let capacity = capacity.min(PLACES as usize);
        let (inactive_capacity, inactive_budget) = (capacity / INACTIVE_SHARE, budget / INACTIVE_SHARE);
        ClaimsCache {
            claims: Bounded::new(capacity - inactive_capacity, budget - inactive_budget),
            inactive: Bounded::new(inactive_capacity, inactive_budget),
            slots: Slots::default(),
        }
    }

    pub fn len(&self) -> usize {
        self.claims.len() + self.inactive.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The size of the entries in bytes, in Rust and in JavaScript.
    pub fn used(&self) -> usize {
        self.claims.used() + self.inactive.used()
    }

    /// The entry of a key, before it expires. At `expires` it has expired.
    pub fn get(&mut self, key: &Key, now: NumericDate) -> Option<&mut Entry> {
        if self.peek(key).is_some_and(|entry| !is_live(entry.expires, now)) {
            self.remove(key);
        }
        self.claims.get(key).or_else(|| self.inactive.get(key))
    }

    /// The text of an entry. JavaScript parses it and keeps the claims under this slot.
    pub fn hand_out(&mut self, key: &Key, slot: Slot, now: NumericDate) -> Option<String> {
        let entry = self.get(key, now).filter(|entry| entry.slot == slot)?;
        entry.is_in_javascript = true;
        Some(entry.text.to_string())
    }

    /// The slots whose claims JavaScript can drop ([`Slots::take_released`]).
    pub fn take_released(&mut self) -> Vec<Slot> {
        self.slots.take_released()
    }

    /// Stores an entry. A locally validated entry does not replace an introspection response.
    pub fn put(&mut self, key: Key, text: &str, expires: NumericDate, now: NumericDate) {
        let info = EntryInfo::read(text);
        let is_kept = |old: &Entry| old.info.is_by(Means::Introspection) && is_live(old.expires, now);
        if info.is_by(Means::Validation) && self.peek(&key).is_some_and(is_kept) {
            return;
        }
        self.remove(&key);
        if !is_live(expires, now) {
            return;
        }
        let ClaimsCache { claims, inactive, slots } = self;
        let entries = if info.is_inactive { inactive } else { claims };
        while entries.peek_oldest().is_some_and(|oldest| !is_live(oldest.expires, now)) {
            entries.pop_oldest().iter().for_each(|entry| release(slots, entry));
        }
        let bytes = size::of_entry(text);
        if !entries.make_room(bytes, |entry| release(slots, &entry)) {
            return;
        }
        if let Some(slot) = slots.take() {
            let entry = Entry {
                text: text.into(),
                info,
                validated: None,
                slot,
                expires,
                is_in_javascript: false,
                checked_bytes: 0,
                has_answers_size: false,
            };
            if let Some(entry) = entries.put(key, entry, bytes) {
                release(slots, &entry);
            }
        }
    }

    /// Stores the result of validating an entry. An entry that exceeds the budget with its checked claims is evicted.
    pub fn note(&mut self, key: &Key, validated: ValidatedEntry) {
        let ClaimsCache { claims, inactive, slots } = self;
        let Some(entry) = claims.get(key) else {
            if let Some(entry) = inactive.get(key) {
                entry.validated = Some(validated);
            }
            return;
        };
        let bytes = match &validated.content {
            Validated::Claims(claims) => size::of_checked_claims(claims),
            Validated::Inactive(_) => 0,
        };
        // Another engine may have validated the entry before, with another groups claim.
        let more = bytes.saturating_sub(entry.checked_bytes);
        entry.checked_bytes += more;
        entry.validated = Some(validated);
        claims.grow(key, more, |entry| release(slots, &entry));
    }

    /// Prepares an entry that this engine validated before for [`ValidatedEntry::answers`]. An entry that exceeds the budget
    /// with them is evicted.
    pub fn keep_answers(&mut self, key: &Key, engine: u64) {
        let ClaimsCache { claims, slots, .. } = self;
        let Some(entry) = claims.get(key) else { return };
        let Some(validated) = entry.validated.as_mut().filter(|validated| validated.engine == engine) else { return };
        validated.answers.get_or_insert_default();
        // Another engine may have validated the entry again, without its answers.
        if !entry.has_answers_size {
            entry.has_answers_size = true;
            claims.grow(key, ANSWERS_BYTES, |entry| release(slots, &entry));
        }
    }

    pub fn remove(&mut self, key: &Key) {
        if let Some(entry) = self.claims.remove(key).or_else(|| self.inactive.remove(key)) {
            release(&mut self.slots, &entry);
        }
    }

    fn peek(&self, key: &Key) -> Option<&Entry> {
        self.claims.peek(key).or_else(|| self.inactive.peek(key))
    }
}

fn release(slots: &mut Slots, entry: &Entry) {
    slots.release(entry.slot, entry.is_in_javascript);
}

/// Whether an entry has not expired. If `now` is not a valid time, every entry counts as expired.
fn is_live(expires: NumericDate, now: NumericDate) -> bool {
    is_time(now) && expires > now
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: usize = 1 << 20;

    fn cache(capacity: usize) -> ClaimsCache {
        ClaimsCache::new(capacity, BUDGET)
    }

    fn has(cache: &mut ClaimsCache, token: &str, now: f64) -> bool {
        cache.get(&key_of("s", token), now).is_some()
    }

    #[test]
    fn an_entry_is_found_before_it_expires_and_not_at_that_time() {
        let mut cache = cache(2);
        cache.put(key_of("s", "a"), "{}", 10.0, 0.0);
        assert!(has(&mut cache, "a", 9.999));
        assert!(!has(&mut cache, "a", 10.0));
        assert!(cache.is_empty());
        cache.put(key_of("s", "a"), "{}", 10.0, 10.0);
        assert!(cache.is_empty());
    }

    #[test]
    fn at_an_invalid_time_nothing_is_found_or_stored() {
        for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
            let mut cache = cache(2);
            cache.put(key_of("s", "a"), "{}", f64::INFINITY, wrong);
            assert!(cache.is_empty(), "{wrong}");
            cache.put(key_of("s", "a"), "{}", f64::INFINITY, 0.0);
            assert!(!has(&mut cache, "a", wrong), "{wrong}");
        }
    }

    #[test]
    fn the_least_recently_used_entry_is_evicted() {
        let mut cache = cache(2);
        for token in ["a", "b"] {
            cache.put(key_of("s", token), "{}", 10.0, 0.0);
        }
        assert!(has(&mut cache, "a", 1.0));
        cache.put(key_of("s", "c"), "{}", 10.0, 1.0);
        assert!(has(&mut cache, "a", 1.0) && has(&mut cache, "c", 1.0) && !has(&mut cache, "b", 1.0));
        assert_eq!(cache.len(), 2);
    }

    #[test]
    fn no_part_of_a_scope_can_be_confused_with_a_token() {
        assert_ne!(key_of("ab", "c"), key_of("a", "bc"));
        assert_ne!(key_of("", "a"), key_of("a", ""));
        assert_ne!(key_of("https://x", "t"), key_of("https://y", "t"));
    }

    fn entry(by: &str, members: &str) -> String {
        format!(r#"{{{members},"monocloud:obtained":{{"by":"{by}","at":0,"client":"c"}}}}"#)
    }

    #[test]
    fn a_flood_of_inactive_entries_evicts_no_claims_and_stays_within_its_share() {
        let mut cache = cache(80);
        for good in 0..70 {
            cache.put(key_of("s", &format!("good{good}")), &entry("introspection", r#""sub":"a""#), 10.0, 0.0);
        }
        for bad in 0..1000 {
            let key = key_of("s", &format!("bad{bad}"));
            cache.put(key, &entry("introspection", r#""active":false,"exp":10"#), 10.0, 0.0);
        }
        assert_eq!(cache.len(), 80);
        assert!((0..70).all(|good| has(&mut cache, &format!("good{good}"), 1.0)));
        assert!(has(&mut cache, "bad999", 1.0) && !has(&mut cache, "bad989", 1.0));
    }

    #[test]
    fn entries_of_any_size_stay_within_the_budget_and_one_larger_than_it_is_not_kept() {
        const SMALL: usize = 80_000;
        let mut cache = ClaimsCache::new(1000, SMALL);
        for round in 0..5000_usize {
            let text = format!(r#""sub":"{}""#, "a".repeat(round * 7919 % 20_000));
            let key = key_of("s", &round.to_string());
            let text = entry("introspection", if round % 5 == 0 { r#""active":false"# } else { &text });
            cache.put(key, &text, 10.0, 0.0);
            let groups: Vec<_> = (0..round % 40).map(|group| format!("group {group}").into()).collect();
            let checked = CheckedClaims { groups: groups.into(), ..CheckedClaims::default() };
            cache.note(
                &key,
                ValidatedEntry {
                    engine: 1,
                    content: Validated::Claims(checked),
                    from: 0.0,
                    until: 10.0,
                    answers: None,
                },
            );
            assert!(cache.used() <= SMALL && cache.inactive.used() <= SMALL / INACTIVE_SHARE);
        }
        let before = cache.len();
        cache.put(key_of("s", "large"), &entry("introspection", &format!(r#""a":"{}""#, "a".repeat(SMALL))), 10.0, 0.0);
        assert!(!has(&mut cache, "large", 0.0) && cache.len() == before);
    }

    #[test]
    fn an_introspection_response_is_not_replaced_by_a_local_validation_until_it_has_expired() {
        let mut cache = cache(8);
        let key = key_of("s", "a");
        let text = |cache: &mut ClaimsCache, now: f64| cache.get(&key, now).map(|entry| entry.text.to_string());
        let inactive = entry("introspection", r#""active":false,"exp":10"#);
        let validated = entry("validation", r#""sub":"a""#);
        cache.put(key, &inactive, 10.0, 0.0);
        cache.put(key, &validated, 20.0, 9.0);
        assert_eq!(text(&mut cache, 9.0), Some(inactive.clone()));
        cache.put(key, &validated, 20.0, 10.0);
        assert_eq!(text(&mut cache, 10.0), Some(validated));
        cache.put(key, &inactive, 20.0, 11.0);
        assert_eq!(text(&mut cache, 11.0), Some(inactive));
        assert_eq!(cache.len(), 1, "an inactive entry replaces claims");
    }

    #[test]
    fn the_answers_for_an_entry_count_once_and_only_for_the_engine_that_validated_it() {
        let mut cache = cache(8);
        let key = key_of("s", "a");
        let validated = |engine| {
            let content = Validated::Claims(CheckedClaims::default());
            ValidatedEntry { engine, content, from: 0.0, until: 10.0, answers: None }
        };
        cache.put(key, "{}", 10.0, 0.0);
        cache.keep_answers(&key, 1);
        cache.note(&key, validated(1));
        let before = cache.used();
        cache.keep_answers(&key, 2);
        assert_eq!(cache.used(), before, "another engine has validated it");
        for engine in [1, 1, 2, 2, 1] {
            cache.note(&key, validated(engine));
            cache.keep_answers(&key, engine);
            let kept = cache.get(&key, 1.0).and_then(|entry| entry.validated.as_ref());
            assert!(kept.is_some_and(|validated| validated.answers.is_some()), "{engine}");
            assert_eq!(cache.used(), before + ANSWERS_BYTES, "{engine}");
        }
    }

    #[test]
    fn a_slot_that_javascript_keeps_is_reported_once_when_it_is_released() {
        let mut cache = cache(2);
        let key = key_of("s", "a");
        cache.put(key, "{}", 10.0, 0.0);
        let slot = cache.get(&key, 0.0).expect("an entry").slot;
        assert_eq!(cache.hand_out(&key, slot + 1, 0.0), None);
        assert_eq!(cache.hand_out(&key, slot, 0.0), Some("{}".into()));
        cache.put(key, "{}", 10.0, 0.0);
        assert_eq!(cache.take_released(), [slot]);
        cache.remove(&key);
        assert!(cache.take_released().is_empty());
    }
}
