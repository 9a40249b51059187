//! Reads a token out of JavaScript: one call, into a buffer that is used again, as UTF-8.
//!
//! Never as Latin-1: that cuts every code unit down to a byte, so that an altered token would read like the signed one.

use napi::bindgen_prelude::{Env, JsValue, Unknown};
use napi::sys;

use crate::engine::token::compact::MAX_TOKEN_BYTES;

/// Room past the limit, so that a longer token shows: Node never writes part of a character, so up to three bytes stay
/// empty before one that does not fit, and one byte past the limit must be written even then. And one for Node's NUL.
const BUFFER_BYTES: usize = MAX_TOKEN_BYTES + 4 + 1;

/// A buffer of one thread.
pub struct TokenBuffer(Vec<u8>);

impl Default for TokenBuffer {
    fn default() -> Self {
        TokenBuffer(vec![0; BUFFER_BYTES])
    }
}

impl TokenBuffer {
    /// The text of a value: `None` when it is no string. What is too long to be a token comes cut off, and still too
    /// long to be one.
    pub fn read(&mut self, env: &Env, value: &Unknown<'_>) -> Option<&str> {
        let mut length = 0;
        // SAFETY: `value` belongs to `env`'s open scope, and the pointer and the size are those of one live buffer;
        // Node writes at most that many bytes, the NUL included, and reports how many without it.
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
