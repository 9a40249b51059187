//! The N-API room: the only one that knows Node.
//!
//! Every entry catches panics (`catch_unwind`, or napi's own guard around closures); nothing here is an async method
//! on a native class, which a terminated worker would leave dangling. `unsafe` stands only in `token`.

mod client;
mod functions;
mod memory_cache;
mod outcome;
mod runtime;
mod token;
