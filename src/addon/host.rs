//! The user's functions that fetch: what the engine wants of them, and what they answered.

use napi_derive::napi;

use super::client::NativeClient;
use crate::engine::error::Failure;
use crate::engine::transport::Response;
use crate::engine::transport::user_functions::host_reason;

#[napi]
impl NativeClient {
    /// JSON of what JavaScript should perform now.
    #[napi(catch_unwind)]
    pub fn take_requests(&self) -> String {
        self.host.as_ref().map_or_else(|| "[]".into(), |host| host.take())
    }

    /// The answer of the user's `fetcher`; `headers` is JSON of `[[name, value], …]`.
    #[napi(catch_unwind)]
    pub fn answer(&self, id: u32, status: u32, status_text: String, headers: String, body: String) {
        self.settle(id, Ok(response(status, status_text, &headers, body)));
    }

    /// The same, when the body is too large or no text: `word` says which.
    #[napi(catch_unwind)]
    pub fn answer_broken(&self, id: u32, status: u32, status_text: String, headers: String, word: String) {
        let response = response(status, status_text, &headers, String::new());
        self.settle(id, Err(response.failure(host_reason(&word))));
    }

    /// The document of a user's resolver.
    #[napi(catch_unwind)]
    pub fn resolve(&self, id: u32, document: String) {
        self.settle(id, Ok(Response::resolved(document)));
    }

    /// The user's function failed, or took too long (`timed_out`).
    #[napi(catch_unwind)]
    pub fn fail(&self, id: u32, word: String) {
        self.settle(id, Err(host_reason(&word).into()));
    }

    fn settle(&self, id: u32, outcome: std::result::Result<Response, Failure>) {
        if let Some(host) = &self.host {
            host.answer(id, outcome);
        }
    }
}

fn response(status: u32, status_text: String, headers: &str, body: String) -> Response {
    let headers: Vec<(String, String)> = serde_json::from_str(headers).unwrap_or_default();
    let head = Response::head(u16::try_from(status).unwrap_or_default(), &status_text, headers);
    Response { body: body.into_bytes(), ..head }
}
