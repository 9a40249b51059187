//! Reads a token or a proof from JavaScript, by one call, as UTF-8, into a buffer that is reused.
//!
//! A token is never read as Latin-1. That would cut every code unit to one byte, and an altered token could then read like
//! the signed one.

use napi::bindgen_prelude::{Env, JsValue, Unknown};
use napi::sys;

use crate::engine::token::compact::MAX_TOKEN_BYTES;

/// The buffer is larger than the limit, so that a longer token is recognized. Node never writes part of a character, so up
/// to three bytes stay empty before a character that does not fit. One byte past the limit must be written even then. One
/// more byte is for Node's NUL.
const BUFFER_BYTES: usize = MAX_TOKEN_BYTES + 4 + 1;

/// The buffer of one thread. Nothing is allocated before the first text.
#[derive(Default)]
pub struct TokenBuffer(Vec<u8>);

impl TokenBuffer {
    /// The text of a value, or `None` if it is not a string. A text that is too long for a token is truncated, and the
    /// result is still too long.
    pub fn read(&mut self, env: &Env, value: &Unknown<'_>) -> Option<&str> {
        self.0.resize(BUFFER_BYTES, 0);
        let mut length = 0;
        // SAFETY: `value` belongs to the open scope of `env`. The pointer and the size are those of one live buffer. Node
        // writes at most that many bytes, including the NUL, and reports the number without the NUL.
        let status = unsafe {
            sys::napi_get_value_string_utf8(
                env.raw(),
                value.raw(),
                self.0.as_mut_ptr().cast(),
                self.0.len(),
                &mut length,
            )
        };
        if status != sys::Status::napi_ok {
            return None;
        }
        std::str::from_utf8(self.0.get(..length)?).ok()
    }
}
