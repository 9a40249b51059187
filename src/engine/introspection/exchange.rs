//! Builds one introspection request and interprets its response (RFC 7662 §2).

use tokio::sync::watch;
use url::form_urlencoded;

use super::{Answer, Introspection, Ticket};
use crate::engine::error::{Failure, Reason};
use crate::engine::introspection::client_auth::{AssertionTarget, Authentication};
use crate::engine::keys::documents::Located;
use crate::engine::keys::metadata::Endpoint;
use crate::engine::token::claims::{Claims, Expected, Origin};
use crate::engine::transport::{HttpRequest, Response, accept_encoding};

impl Introspection {
    /// The request for one token (RFC 7662 §2.1), with client authentication.
    pub(super) fn request(&self, ticket: &Ticket) -> Result<HttpRequest, Failure> {
        let client = self.client()?;
        let Located { url, issuer } = self.store.endpoint(&self.endpoint()?)?;
        let credentials = client.credentials.as_ref().map_err(|reason| *reason)?;
        let target = AssertionTarget { issuer: &issuer, endpoint: url.as_str() };
        let Authentication { authorization, form: parameters } = credentials.authenticate(target, ticket.now)?;
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("token", &ticket.token)
            .append_pair("token_type_hint", "access_token")
            .extend_pairs(parameters);
        let mut headers = vec![
            ("accept", "application/json".to_owned()),
            accept_encoding(),
            ("content-type", "application/x-www-form-urlencoded".to_owned()),
        ];
        headers.extend(authorization.map(|value| ("authorization", value)));
        let cancel_signal = self.lock().cancel.as_ref().map(watch::Sender::subscribe).ok_or(Reason::TimedOut)?;
        let form = Some(form.finish());
        // The time in the queue counts towards the time limit.
        let time_limit = (!ticket.waited.is_zero()).then(|| self.settings.time_limit.saturating_sub(ticket.waited));
        let presents_certificate = client.method.is_mutual_tls();
        Ok(HttpRequest { url, headers, form, presents_certificate, cancel_signal: Some(cancel_signal), time_limit })
    }

    /// The endpoint for the client's authentication method.
    pub(super) fn endpoint(&self) -> Result<Endpoint, Reason> {
        let trust_store = self.settings.trust_store.clone();
        let is_mutual_tls = self.client()?.method.is_mutual_tls();
        Ok(if is_mutual_tls { Endpoint::MtlsIntrospection { trust_store } } else { Endpoint::Introspection })
    }

    /// The claims of an active token, or the failure that a response means (RFC 7662 §2.2, §2.3).
    pub(super) fn parse_answer(&self, response: &Response) -> Answer {
        match response.status {
            200 => {}
            400 => return Err(bad_request(response)),
            401 => return Err(op_failure(response, Reason::ClientRefused, "invalid_client")),
            _ => return Err(response.failure(Reason::UnexpectedStatus)),
        }
        let expected = Expected {
            issuer: "",
            // Whether the claims are acceptable is decided later.
            audience: "",
            lets_audience_be_absent: true,
            names: &self.settings.claim_names,
            origin: Origin::Introspection,
        };
        let text = response.document()?;
        match Claims::read(text.as_bytes(), &expected) {
            None => Err(response.failure(Reason::BodyInvalid)),
            Some(claims) if !claims.is_active() => Err(Reason::Inactive.into()),
            Some(_) => Ok(text.into()),
        }
    }
}

/// Some servers answer wrong credentials with 400: 401 is only a must after an `Authorization` header (RFC 6749 §5.2).
fn bad_request(response: &Response) -> Failure {
    let failure = op_failure(response, Reason::IntrospectionRefused, "introspection_failed");
    let error = failure.detail.as_ref().and_then(|detail| detail.error.as_deref());
    if error == Some("invalid_client") { Failure { reason: Reason::ClientRefused, ..failure } } else { failure }
}

/// A failure with the `error` of the body (RFC 6749 §5.2), or with the documented default when the body has none.
fn op_failure(response: &Response, reason: Reason, default_error: &str) -> Failure {
    let mut failure = response.failure(reason);
    if let Some(detail) = &mut failure.detail {
        detail.error.get_or_insert_with(|| default_error.to_owned());
    }
    failure
}
