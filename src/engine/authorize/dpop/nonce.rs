//! The nonces of this resource server (RFC 9449 §8 and §9): which one is current, and is one of ours?
//!
//! A nonce holds the time at which it was made and a message authentication code, so nothing has to be remembered and
//! every process with the same secret knows it: base64url(counter ‖ HMAC-SHA256(secret, context ‖ issuer ‖ 0 ‖ audience ‖
//! counter)[0..16]). The counter is the time divided by the rotation, as four bytes in network order.
//!
//! A proof that carries a nonce is judged by this nonce, never by its `iat`: if the nonce is stale the proof is refused,
//! in every mode. Otherwise one proof could be spent in two buckets of the replay memory.

use std::sync::{Mutex, PoisonError};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac::{self, HMAC_SHA256};
use foldhash::fast::RandomState;
use lru::LruCache;

use crate::engine::time::{NumericDate, is_time};
use crate::engine::token::compact::{decode_base64url, encode_base64url};

const CONTEXT: &[u8] = b"monocloud dpop nonce";
const COUNTER_BYTES: usize = 4;
const CODE_BYTES: usize = 16;

/// The length of a nonce, in characters.
pub const NONCE_LENGTH: usize = 27;

/// The largest number of senders in [`ChallengedKeys`].
pub const MAX_CHALLENGED: usize = 4096;

/// What a nonce is at a time, with its counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonceCheck {
    Current(u32),
    /// The previous nonce, or the next one, because the clocks of two of our machines may differ. Good, but the answer
    /// should carry the current nonce.
    Recent(u32),
    /// Too old, too new, or not made with this secret for this issuer and audience.
    Stale,
}

/// Makes and checks nonces.
pub struct NonceKeys {
    key: hmac::Key,
    /// What stands before the counter in the authenticated text.
    prefix: Box<[u8]>,
    /// In seconds, at least 1.
    rotation: u32,
}

impl NonceKeys {
    pub fn new(secret: &[u8], issuer: &str, audience: &str, rotation_secs: u32) -> Self {
        let prefix = [CONTEXT, issuer.as_bytes(), &[0], audience.as_bytes()].concat().into();
        NonceKeys { key: hmac::Key::new(HMAC_SHA256, secret), prefix, rotation: rotation_secs.max(1) }
    }

    /// The nonce that new proofs should carry.
    pub fn current(&self, now: NumericDate) -> String {
        self.nonce(self.counter(now))
    }

    /// Checks the nonce of a proof. The codes are compared in constant time.
    pub fn check(&self, nonce: &str, now: NumericDate) -> NonceCheck {
        if nonce.len() != NONCE_LENGTH || !is_time(now) {
            return NonceCheck::Stale;
        }
        let Some(bytes) = decode_base64url(nonce.as_bytes()) else {
            return NonceCheck::Stale;
        };
        let Some((counter, code)) = bytes.split_first_chunk::<COUNTER_BYTES>() else {
            return NonceCheck::Stale;
        };
        let counter = u32::from_be_bytes(*counter);
        let current = self.counter(now);
        if counter.abs_diff(current) > 1 || verify_slices_are_equal(code, &self.code(counter)).is_err() {
            return NonceCheck::Stale;
        }
        if counter == current { NonceCheck::Current(counter) } else { NonceCheck::Recent(counter) }
    }

    /// The bucket of the replay memory for a proof with a good nonce. It depends on the proof alone, never on the time.
    ///
    /// It is the second of `iat`, moved into the time in which this nonce is the current or the previous one. All proofs
    /// of one nonce in one bucket would be correct too, but a full memory could then only forget all of them at once, and
    /// every sender would be refused until the next rotation.
    pub fn bucket(&self, counter: u32, iat: NumericDate) -> i64 {
        let rotation = i64::from(self.rotation);
        let start = i64::from(counter) * rotation;
        // A conversion to an integer saturates, and gives 0 for NaN.
        (iat.floor() as i64).clamp(start, start + 2 * rotation - 1)
    }

    /// The second from which no nonce is good that a proof of this bucket can carry. Like [`Self::bucket`], it treats the
    /// nonce that is one ahead as good, so a bucket falls late rather than early.
    pub fn falls_at(&self, bucket: i64) -> i64 {
        let rotation = i64::from(self.rotation);
        (bucket.div_euclid(rotation) + 2) * rotation
    }

    /// A conversion to an integer saturates, and gives 0 for NaN.
    fn counter(&self, now: NumericDate) -> u32 {
        (now / f64::from(self.rotation)).floor() as u32
    }

    fn nonce(&self, counter: u32) -> String {
        encode_base64url(&[&counter.to_be_bytes()[..], &self.code(counter)].concat())
    }

    fn code(&self, counter: u32) -> [u8; CODE_BYTES] {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&self.prefix);
        context.update(&counter.to_be_bytes());
        let tag = context.sign();
        // The tag has 32 bytes.
        let mut code = [0; CODE_BYTES];
        code.iter_mut().zip(tag.as_ref()).for_each(|(to, from)| *to = *from);
        code
    }
}

/// The senders that were given a nonce and must use one while it is good (RFC 9449 §11.3), by the thumbprint of their key.
///
/// Bounded: with more than 4,096 of them, the sender that was given its nonce first is forgotten. It may then send proofs
/// without a nonce again, whose `iat` is checked as ever.
pub struct ChallengedKeys(Mutex<LruCache<[u8; 32], NumericDate, RandomState>>);

impl Default for ChallengedKeys {
    fn default() -> Self {
        // Nothing is allocated in advance.
        ChallengedKeys(Mutex::new(LruCache::unbounded_with_hasher(RandomState::default())))
    }
}

impl ChallengedKeys {
    /// Notes that a sender was given a nonce that is good until this time.
    pub fn note(&self, thumbprint: [u8; 32], until: NumericDate) {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.put(thumbprint, until);
        if keys.len() > MAX_CHALLENGED {
            keys.pop_lru();
        }
    }

    /// Whether a sender must use a nonce. At `until` it need not any more.
    pub fn must_use_nonce(&self, thumbprint: &[u8; 32], now: NumericDate) -> bool {
        let keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.peek(thumbprint).is_some_and(|until| now < *until)
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
    const NOW: NumericDate = 1_700_000_000.0;

    fn keys() -> NonceKeys {
        NonceKeys::new(SECRET, "https://x", "https://api", 60)
    }

    fn counter() -> u32 {
        (NOW / 60.0) as u32
    }

    #[test]
    fn a_nonce_is_the_counter_and_16_bytes_of_an_hmac_in_base64url() {
        let text = [&b"monocloud dpop noncehttps://x\0https://api"[..], &counter().to_be_bytes()].concat();
        let tag = hmac::sign(&hmac::Key::new(HMAC_SHA256, SECRET), &text);
        let expected = encode_base64url(&[&counter().to_be_bytes()[..], &tag.as_ref()[..16]].concat());
        assert_eq!(keys().current(NOW), expected);
        assert_eq!(expected.len(), NONCE_LENGTH);
        let is_nqchar = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        assert!(expected.bytes().all(is_nqchar), "RFC 9449 §8.1");
    }

    #[test]
    fn a_nonce_is_good_in_its_own_rotation_and_in_the_ones_before_and_after_it() {
        let start = f64::from(counter()) * 60.0;
        let nonce = keys().current(start);
        for (now, expected) in [
            (start - 60.1, NonceCheck::Stale),
            (start - 60.0, NonceCheck::Recent(counter())),
            (start - 0.001, NonceCheck::Recent(counter())),
            (start, NonceCheck::Current(counter())),
            (start + 59.999, NonceCheck::Current(counter())),
            (start + 60.0, NonceCheck::Recent(counter())),
            (start + 119.999, NonceCheck::Recent(counter())),
            (start + 120.0, NonceCheck::Stale),
        ] {
            assert_eq!(keys().check(&nonce, now), expected, "{now}");
        }
    }

    #[test]
    fn a_nonce_of_another_secret_issuer_audience_or_rotation_is_stale() {
        for other in [
            NonceKeys::new(b"0123456789abcdef0123456789abcdeF", "https://x", "https://api", 60),
            NonceKeys::new(SECRET, "https://y", "https://api", 60),
            NonceKeys::new(SECRET, "https://x", "https://api2", 60),
            NonceKeys::new(SECRET, "https://x\0", "https://api", 60),
            NonceKeys::new(SECRET, "https://x", "https://api", 61),
        ] {
            assert_eq!(keys().check(&other.current(NOW), NOW), NonceCheck::Stale);
        }
    }

    #[test]
    fn issuer_and_audience_are_separated() {
        let one = NonceKeys::new(SECRET, "https://xa", "b", 60).current(NOW);
        assert_ne!(one, NonceKeys::new(SECRET, "https://x", "ab", 60).current(NOW));
    }

    #[test]
    fn a_nonce_with_one_changed_bit_or_of_another_form_is_stale() {
        let nonce = keys().current(NOW);
        let bytes = decode_base64url(nonce.as_bytes()).expect("base64url");
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(keys().check(&encode_base64url(&changed), NOW), NonceCheck::Stale, "bit {bit}");
        }
        let wrong = [
            String::new(),
            format!("{nonce}="),
            format!("{nonce}A"),
            nonce[1..].to_owned(),
            nonce.replace(&nonce[..1], " "),
        ];
        for wrong in wrong {
            assert_eq!(keys().check(&wrong, NOW), NonceCheck::Stale, "{wrong:?}");
        }
    }

    #[test]
    fn every_character_of_a_nonce_is_significant() {
        let nonce = keys().current(NOW);
        for index in 0..nonce.len() {
            for other in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/".chars() {
                let changed: String =
                    nonce.chars().enumerate().map(|(at, kept)| if at == index { other } else { kept }).collect();
                assert_eq!(keys().check(&changed, NOW) == NonceCheck::Stale, changed != nonce, "{changed}");
            }
        }
    }

    #[test]
    fn a_time_that_is_no_time_makes_every_nonce_stale_and_no_panic() {
        let nonce = keys().current(f64::NAN);
        for now in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0] {
            assert_eq!(keys().check(&nonce, now), NonceCheck::Stale, "{now}");
        }
        let last = keys().current(f64::MAX);
        assert_eq!(keys().check(&last, f64::MAX), NonceCheck::Current(u32::MAX));
    }

    #[test]
    fn the_first_and_the_second_rotation_of_time_do_not_wrap_around() {
        let last = keys().nonce(u32::MAX);
        assert_eq!(keys().check(&last, 0.0), NonceCheck::Stale);
        assert_eq!(keys().check(&keys().nonce(0), 60.0), NonceCheck::Recent(0));
    }

    #[test]
    fn a_bucket_is_the_second_of_iat_within_the_life_of_the_nonce() {
        let start = i64::from(counter()) * 60;
        let bucket = |iat: f64| keys().bucket(counter(), iat);
        assert_eq!(bucket(start as f64 + 7.9), start + 7);
        assert_eq!(bucket(start as f64 + 119.0), start + 119);
        for iat in [0.0, start as f64 - 86_400.0, f64::NEG_INFINITY, f64::NAN] {
            assert_eq!(bucket(iat), start, "{iat}");
        }
        for iat in [start as f64 + 120.0, start as f64 + 86_400.0, f64::INFINITY] {
            assert_eq!(bucket(iat), start + 119, "{iat}");
        }
    }

    #[test]
    fn a_bucket_does_not_fall_while_a_nonce_of_its_proofs_is_good() {
        for iat in 0..240 {
            let start = f64::from(counter()) * 60.0;
            let falls_at = keys().falls_at(keys().bucket(counter(), start - 60.0 + f64::from(iat)));
            assert_eq!(keys().check(&keys().nonce(counter()), falls_at as f64), NonceCheck::Stale, "{iat}");
        }
    }

    #[test]
    fn a_sender_that_was_given_a_nonce_must_use_one_until_it_is_stale() {
        let keys = ChallengedKeys::default();
        assert!(keys.len() == 0 && !keys.must_use_nonce(&[1; 32], 100.0));
        keys.note([1; 32], 200.0);
        assert!(keys.must_use_nonce(&[1; 32], 199.9));
        assert!(!keys.must_use_nonce(&[1; 32], 200.0) && !keys.must_use_nonce(&[2; 32], 100.0));
    }

    #[test]
    fn the_sender_after_the_4096th_takes_the_place_of_the_oldest() {
        let thumbprint = |number: usize| {
            let mut thumbprint = [0; 32];
            thumbprint[..8].copy_from_slice(&number.to_be_bytes());
            thumbprint
        };
        let keys = ChallengedKeys::default();
        (0..=MAX_CHALLENGED).for_each(|number| keys.note(thumbprint(number), 200.0));
        assert_eq!(keys.len(), MAX_CHALLENGED);
        assert!(!keys.must_use_nonce(&thumbprint(0), 100.0));
        assert!(keys.must_use_nonce(&thumbprint(1), 100.0) && keys.must_use_nonce(&thumbprint(MAX_CHALLENGED), 100.0));
    }
}
