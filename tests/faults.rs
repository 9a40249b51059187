//! The engine during faults that take time, in virtual time: outages of a day, floods of a minute, a hundred
//! rotations, each in milliseconds. Real tokens, a simulated issuer, no network and no sleep.
//!
//! Faults that need no waiting are tested on real sockets, through the public API: `__test__/faults`.
//!
//! `cargo test --no-default-features --test faults`

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

#[path = "faults/allocation.rs"]
mod allocation;
#[path = "faults/clocks.rs"]
mod clocks;
#[path = "faults/discovery.rs"]
mod discovery;
#[path = "faults/flood.rs"]
mod flood;
#[path = "faults/introspection.rs"]
mod introspection;
#[path = "faults/introspection_load.rs"]
mod introspection_load;
#[path = "faults/issuer.rs"]
mod issuer;
#[path = "faults/outage.rs"]
mod outage;
#[path = "faults/retry_after.rs"]
mod retry_after;
#[path = "faults/rotation.rs"]
mod rotation;
#[path = "faults/start.rs"]
mod start;
#[path = "faults/tokens.rs"]
mod tokens;
#[path = "faults/walk.rs"]
mod walk;
#[path = "faults/world.rs"]
mod world;
