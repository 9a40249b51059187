//! The fuzz targets on the stable toolchain: the whole corpus, then 100,000 mutations of it for each target.
//!
//! Cases follow from a fixed seed, so a failure is repeatable: it names the target, the case and its octets. Besides
//! each target's own property, the memory of a case is limited by its size.
//!
//! `cargo test --no-default-features --test fuzz_corpus`; `FUZZ_CASES` and `FUZZ_SEED` change the run.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

#[path = "../fuzz/src/lib.rs"]
#[allow(dead_code)]
mod properties;

use properties::mutate::Mutator;

const CASES: usize = 100_000;
const SEED: u64 = 7519;

/// What a case may allocate: a fixed amount, and this many octets for each octet of its input.
const OCTETS_PER_OCTET: usize = 600;
const OCTETS_TO_START: usize = 256 * 1024;

fn run(name: &str) {
    let (_, check) = properties::TARGETS.iter().find(|(target, _)| *target == name).expect("a target");
    let seeds = corpus(name);
    // The first call creates what all later calls share.
    check(&seeds[0]);
    for (index, seed) in seeds.iter().enumerate() {
        try_case(name, &format!("corpus {index}"), *check, seed);
    }
    let mut mutator = Mutator::new(number("FUZZ_SEED", SEED as usize) as u64);
    for case in 0..number("FUZZ_CASES", CASES) {
        let data = mutator.mutate(&seeds);
        try_case(name, &format!("case {case}"), *check, &data);
    }
}

fn try_case(name: &str, case: &str, check: fn(&[u8]), data: &[u8]) {
    let before = ALLOCATED.get();
    let outcome = catch_unwind(AssertUnwindSafe(|| check(data)));
    assert!(outcome.is_ok(), "{name}, {case}: {}", data.escape_ascii());
    let octets = ALLOCATED.get() - before;
    let bound = OCTETS_TO_START + OCTETS_PER_OCTET * data.len();
    assert!(octets <= bound, "{name}, {case}: {octets} octets for {}: {}", data.len(), data.escape_ascii());
}

/// The files of a target's folder, in the order of their names.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut paths: Vec<_> =
        std::fs::read_dir(&folder).expect("a corpus").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    assert!(paths.len() >= 5, "{name} has a corpus");
    paths.iter().map(|path| std::fs::read(path).expect("a seed")).collect()
}

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

macro_rules! targets {
    ($($name:ident)+) => {
        $(#[test]
        fn $name() {
            run(stringify!($name));
        })+

        #[test]
        fn every_target_is_run() {
            let names: Vec<&str> = properties::TARGETS.iter().map(|(name, _)| *name).collect();
            assert_eq!(names, [$(stringify!($name)),+]);
        }
    };
}

targets! { cache_entry certificate certificate_headers claims claims_templates introspection jwk_set metadata token }

#[test]
fn a_mutation_comes_again() {
    let seeds = corpus("token");
    let cases = |seed| {
        let mut mutator = Mutator::new(seed);
        (0..100).map(|_| mutator.mutate(&seeds)).collect::<Vec<_>>()
    };
    assert_eq!(cases(1), cases(1));
    assert_ne!(cases(1), cases(2));
}

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

/// Counts the allocations of each thread.
struct Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

// SAFETY: every call is forwarded; the counter neither allocates nor panics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATED.try_with(|count| count.set(count.get().wrapping_add(layout.size())));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`, and `pointer` came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}
