//! Exchanges with the issuer: the requests, the responses, and the limits of both.
//!
//! Owns the types of requests and responses, and the failure that an unusable response becomes (RFC 9110). A
//! [`Transport`] performs the requests: the engine's own client ([`own_client`]), or the user's `fetcher` and resolvers
//! ([`user_functions`]).

pub mod no_proxy;
pub mod own_client;
pub mod user_functions;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use url::Url;

use crate::engine::error::{Detail, Failure, Reason};
use crate::engine::token::json;

/// The largest body that is read, in bytes.
pub const MAX_BODY_BYTES: usize = 512 * 1024;

/// The largest number of response headers that are kept, and their largest total size. Further headers are left out.
pub const MAX_HEADERS: usize = 100;
pub const MAX_HEADER_BYTES: usize = 32 * 1024;

/// The longest `Retry-After` that is followed.
pub const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// Cancels an exchange when its sender is dropped.
pub type CancelSignal = tokio::sync::watch::Receiver<()>;

/// A request, and who performs it.
#[derive(Clone, Debug)]
pub enum Request {
    Http(HttpRequest),
    /// The user's `jwksResolver`.
    ResolveJwks,
    /// The user's `metadataResolver`.
    ResolveMetadata,
}

#[derive(Clone)]
pub struct HttpRequest {
    pub url: Url,
    pub headers: Vec<(&'static str, String)>,
    /// With a form, the request is a POST.
    pub form: Option<String>,
    /// Whether the client certificate is presented (RFC 8705 §2).
    pub presents_certificate: bool,
    /// Cancels the exchange when the client is gone. `None` for an exchange that several clients share.
    pub cancel_signal: Option<CancelSignal>,
    /// A shorter time limit than `responseTimeout`, for a request that has waited in a queue.
    pub time_limit: Option<Duration>,
}

impl std::fmt::Debug for HttpRequest {
    /// Never shows the headers and the form, which contain credentials and tokens.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpRequest").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

impl HttpRequest {
    /// A request for the metadata.
    pub fn get_json(url: Url) -> Self {
        HttpRequest::get(url, "application/json")
    }

    /// A request for the keys (RFC 7517 §8.5). Accepts both media types, because strict servers respond with 406 when only
    /// one of them is accepted.
    pub fn get_jwks(url: Url) -> Self {
        HttpRequest::get(url, "application/json, application/jwk-set+json")
    }

    fn get(url: Url, accept: &str) -> Self {
        let headers = vec![("accept", accept.to_owned()), accept_encoding()];
        HttpRequest { url, headers, form: None, presents_certificate: false, cancel_signal: None, time_limit: None }
    }
}

/// Asks for uncompressed responses. No response is decompressed, so a small body cannot become a large one.
pub fn accept_encoding() -> (&'static str, String) {
    ("accept-encoding", "identity".to_owned())
}

/// A response with any status. The body has at most [`MAX_BODY_BYTES`].
#[derive(Clone, Debug, Default)]
pub struct Response {
    pub status: u16,
    pub status_text: String,
    /// The names are in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// A response without its body, from any transport. Converts names to lower case and applies the header limits.
    pub fn head(status: u16, status_text: &str, headers: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut bytes_left = MAX_HEADER_BYTES;
        let mut kept = Vec::new();
        for (name, value) in headers {
            if kept.len() == MAX_HEADERS {
                break;
            }
            if let Some(left) = bytes_left.checked_sub(name.len() + value.len()) {
                bytes_left = left;
                kept.push((name.to_ascii_lowercase(), value));
            }
        }
        Response { status, status_text: excerpt(status_text), headers: kept, body: Vec::new() }
    }

    /// Wraps the document of a user's resolver in a response with status 200.
    pub fn resolved(text: String) -> Self {
        Response { status: 200, status_text: "OK".into(), headers: Vec::new(), body: text.into_bytes() }
    }

    /// The body as text. Fails if the status is not 200 or if the body is not UTF-8.
    pub fn document(&self) -> Result<&str, Failure> {
        if self.status != 200 {
            return Err(self.failure(Reason::UnexpectedStatus));
        }
        self.text().ok_or_else(|| self.failure(Reason::BodyInvalid))
    }

    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }

    /// A failure with the details of this response. The body of a 200 is left out, because it may contain claims.
    pub fn failure(&self, reason: Reason) -> Failure {
        let body = if self.status == 200 { String::new() } else { self.text().map(excerpt).unwrap_or_default() };
        let document = self.text().and_then(json::document);
        let member = |name: &str| document.as_ref()?.get(name)?.as_str().map(excerpt);
        let detail = Detail {
            status: Some(self.status),
            status_text: self.status_text.clone(),
            headers: self.headers.iter().filter(|(name, _)| name != "set-cookie").cloned().collect(),
            body,
            error: member("error"),
            error_description: member("error_description"),
            retry_after_secs: self.retry_after().map(|span| span.as_secs()),
            is_outage: false,
        };
        Failure { reason, detail: Some(Box::new(detail)) }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// `Retry-After` (RFC 9110 §10.2.3): seconds, or a date relative to the `Date` of the response. At most 5 minutes.
    fn retry_after(&self) -> Option<Duration> {
        if !matches!(self.status, 429 | 503) {
            return None;
        }
        let value = self.header("retry-after")?.trim();
        let span = match value.parse::<f64>() {
            Ok(seconds) if seconds >= 0.0 => Duration::from_secs_f64(seconds.min(MAX_RETRY_AFTER.as_secs_f64())),
            Ok(_) => return None,
            Err(_) => {
                let until = httpdate::parse_http_date(value).ok()?;
                let from = httpdate::parse_http_date(self.header("date")?).ok()?;
                until.duration_since(from).ok()?
            }
        };
        Some(span.min(MAX_RETRY_AFTER))
    }
}

/// Applies `read` to a response. A panic in `read` becomes a failure, so that the callers that wait get an answer.
pub fn read_answer<T>(
    outcome: Result<Response, Failure>,
    read: impl FnOnce(&Response) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let response = outcome?;
    catch_unwind(AssertUnwindSafe(|| read(&response))).unwrap_or_else(|_| Err(Reason::Internal.into()))
}

/// The part of the server's text that is kept in an error.
fn excerpt(text: &str) -> String {
    const MAX_CHARS: usize = 1024;
    text.chars().take(MAX_CHARS).collect()
}

/// Called once with the outcome of a request, on any thread.
pub type Done = Box<dyn FnOnce(Result<Response, Failure>) + Send>;

/// Performs requests. `send` never blocks. `done` is called once, before or after `send` returns.
pub trait Transport: Send + Sync {
    fn send(&self, request: Request, done: Done);
}

#[cfg(test)]
mod tests {
    use std::panic::resume_unwind;

    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Response { status, status_text: "Text".into(), headers, body: body.into() }
    }

    fn retry_after(value: &str) -> Option<u64> {
        answer(503, &[("retry-after", value), ("date", "Sun, 06 Nov 1994 08:49:37 GMT")], "")
            .failure(Reason::UnexpectedStatus)
            .detail
            .and_then(|detail| detail.retry_after_secs)
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_at_most_five_minutes() {
        assert_eq!(retry_after("60"), Some(60));
        assert_eq!(retry_after("1e9"), Some(300));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:07 GMT"), Some(30));
        assert_eq!(retry_after("Sun, 06 Nov 1994 23:50:07 GMT"), Some(300));
        for none in ["", "-1", "soon", "NaN", "Sun, 06 Nov 1994 08:00:00 GMT"] {
            assert_eq!(retry_after(none), None, "{none}");
        }
    }

    #[test]
    fn a_failure_keeps_the_answer_without_its_cookies() {
        let failure = answer(400, &[("set-cookie", "a"), ("x", "y")], r#"{"error":"e","error_description":"d"}"#)
            .failure(Reason::IntrospectionRefused);
        let detail = failure.detail.expect("a detail");
        assert_eq!(detail.headers, vec![("x".to_owned(), "y".to_owned())]);
        assert_eq!((detail.error.as_deref(), detail.error_description.as_deref()), (Some("e"), Some("d")));
        assert_eq!(detail.status, Some(400));
    }

    #[test]
    fn headers_have_lower_case_names_whatever_transport_they_come_from() {
        let headers = [("Set-Cookie", "a"), ("RETRY-AFTER", "7"), ("X-Y", "Z")];
        let own = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let detail = Response::head(503, "", own).failure(Reason::UnexpectedStatus).detail.expect("a detail");
        assert_eq!(detail.headers, [("retry-after".to_owned(), "7".to_owned()), ("x-y".to_owned(), "Z".to_owned())]);
        assert_eq!(detail.retry_after_secs, Some(7));
    }

    #[test]
    fn a_hundred_headers_of_32_kib_are_kept_and_a_status_text_of_1024_characters() {
        let many = (0..150).map(|i| (format!("x-{i}"), "v".to_owned()));
        assert_eq!(Response::head(200, "", many).headers.len(), 100);
        let large = |length: usize| ("x".to_owned(), "v".repeat(length));
        let kept = Response::head(200, &"t".repeat(2000), [large(30_000), large(3000), large(2000)]);
        assert_eq!(kept.headers.iter().map(|(_, value)| value.len()).collect::<Vec<_>>(), [30_000, 2000]);
        assert_eq!(kept.status_text.len(), 1024);
    }

    #[test]
    fn an_error_with_a_lone_surrogate_is_still_read() {
        let failure =
            answer(400, &[], r#"{"error":"e","error_description":"Ann \ud83d"}"#).failure(Reason::ClientRefused);
        let detail = failure.detail.expect("a detail");
        assert_eq!((detail.error.as_deref(), detail.error_description.as_deref()), (Some("e"), Some("Ann \u{fffd}")));
    }

    #[test]
    fn keys_are_accepted_under_both_media_types_and_nothing_compressed() {
        let url = || Url::parse("https://issuer.example/jwks").expect("a URL");
        let header = |request: &HttpRequest, name: &str| {
            request.headers.iter().find(|(other, _)| *other == name).map(|(_, value)| value.clone())
        };
        let keys = HttpRequest::get_jwks(url());
        assert_eq!(header(&keys, "accept").as_deref(), Some("application/json, application/jwk-set+json"));
        assert_eq!(header(&HttpRequest::get_json(url()), "accept").as_deref(), Some("application/json"));
        assert_eq!(header(&keys, "accept-encoding").as_deref(), Some("identity"));
    }

    #[test]
    fn the_body_of_a_good_answer_never_reaches_an_error() {
        let failure = answer(200, &[], "claims").failure(Reason::BodyInvalid);
        assert_eq!(failure.detail.map(|detail| detail.body), Some(String::new()));
    }

    #[test]
    fn a_panic_over_an_answer_is_an_internal_failure() {
        let outcome: Result<(), _> = read_answer(Ok(answer(200, &[], "{}")), |_| resume_unwind(Box::new(())));
        assert_eq!(outcome, Err(Reason::Internal.into()));
    }

    #[test]
    fn only_a_200_of_text_is_a_document() {
        assert!(answer(200, &[], "{}").document().is_ok());
        for status in [201, 204, 301, 302, 304, 404, 500] {
            let answer = answer(status, &[], "{}");
            let reason = answer.document().map_err(|failure| failure.reason);
            assert_eq!(reason, Err(Reason::UnexpectedStatus), "{status}");
        }
    }
}
