//! The requests that the user's functions perform, and their outcomes.

use napi_derive::napi;

use super::client::NativeClient;
use crate::engine::error::Failure;
use crate::engine::transport::Response;
use crate::engine::transport::user_functions::host_reason;

#[napi]
impl NativeClient {
    /// Takes the requests that JavaScript should perform now, as JSON.
    #[napi(catch_unwind, ts_return_type = "Json<Array<HostRequest>>")]
    pub fn take_requests(&self) -> String {
        self.host.as_ref().map_or_else(|| "[]".into(), |host| host.take())
    }

    /// Passes the response of the user's `fetcher`. `headers` is JSON of `[[name, value], …]`.
    #[napi(catch_unwind)]
    pub fn answer(&self, id: u32, status: u32, status_text: String, headers: String, body: String) {
        self.settle(id, Ok(response(status, status_text, &headers, body)));
    }

    /// Passes a response whose body is too large or not text. `reason` is the name of the failure.
    #[napi(catch_unwind)]
    pub fn answer_broken(&self, id: u32, status: u32, status_text: String, headers: String, reason: String) {
        let response = response(status, status_text, &headers, String::new());
        self.settle(id, Err(response.failure(host_reason(&reason))));
    }

    /// Passes the document of a user's resolver.
    #[napi(catch_unwind)]
    pub fn resolve(&self, id: u32, document: String) {
        self.settle(id, Ok(Response::resolved(document)));
    }

    /// Passes the failure of a user's function. `reason` is `timed_out` if it took too long.
    #[napi(catch_unwind)]
    pub fn fail(&self, id: u32, reason: String) {
        self.settle(id, Err(host_reason(&reason).into()));
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
