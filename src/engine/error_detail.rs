//! The details of an exchange as JSON.

use super::Detail;

impl Detail {
    /// JSON of `{ status, statusText, headers, body, error, errorDescription, retryAfter, isOutage }`.
    pub fn to_json(&self) -> String {
        let headers: serde_json::Map<_, _> =
            self.headers.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
        serde_json::json!({
            "status": self.status,
            "statusText": self.status_text,
            "headers": headers,
            "body": self.body,
            "error": self.error,
            "errorDescription": self.error_description,
            "retryAfter": self.retry_after_secs,
            "isOutage": self.is_outage,
        })
        .to_string()
    }
}
