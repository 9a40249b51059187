//! The N-API room: the only one that knows Node.
//!
//! Every entry catches panics (`catch_unwind`, or napi's own guard around closures); nothing here is an async method
//! on a native class, which a terminated worker would leave dangling. `unsafe` stands only in `token`.

mod client;
mod functions;
mod host;
mod local;
mod memory_cache;
mod outcome;
mod policy;
mod runtime;
mod slow;
mod token;

/// A panic is caught, and says where it was: never what it was about, which may quote a token.
#[napi_derive::module_init]
fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        eprintln!("@monocloud/backend-node: a defect{place}, please report it");
    }));
}
