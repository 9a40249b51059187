//! The N-API interface, and the only module that uses Node.
//!
//! Every function that JavaScript calls catches panics, by `catch_unwind` or by napi's own guard around closures. No
//! method of a native class is async, because a terminated worker thread would leave its reference dangling. Only `token`
//! uses `unsafe`.

mod client;
mod constants;
mod decisions;
mod documents;
mod functions;
mod host;
mod key_waits;
mod local;
mod memory_cache;
mod outcome;
mod policy;
mod runtime;
mod slow;
mod token;

/// Prints the location of a panic only. Its message may quote a token.
#[napi_derive::module_init]
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        eprintln!("@monocloud/backend-node: a defect{place}, please report it");
    }));
}
