//! Issuer metadata (OpenID Connect Discovery 1.0 §4, RFC 8414): where it is, and which of its endpoints may be called.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;
use url::{Host, Url};

use crate::engine::error::Reason;

/// The configured issuer. It determines the URLs of the metadata and the `issuer` that the metadata must have.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tenant {
    /// The configured text. It is the issuer's name when no metadata is used.
    issuer: String,
    /// Without a trailing `/`.
    domain: String,
    is_loopback: bool,
    is_http: bool,
}

impl Tenant {
    /// Accepts an absolute `https` URL, or `http` for a loopback host, without credentials, query or fragment.
    pub fn parse(text: &str) -> Option<Tenant> {
        let url = Url::parse(text).ok()?;
        let is_loopback = is_loopback(&url);
        let is_http = url.scheme() == "http";
        let is_safe = url.scheme() == "https" || (is_http && is_loopback);
        let is_bare = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && text.contains("://")
            && !has_space_or_control(text);
        (is_safe && is_bare && url.host().is_some()).then(|| Tenant {
            issuer: text.to_owned(),
            domain: text.strip_suffix('/').unwrap_or(text).to_owned(),
            is_loopback,
            is_http,
        })
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The URL of the metadata document at a place.
    pub fn metadata_url(&self, place: Place) -> Option<Url> {
        match place {
            Place::OpenId => Url::parse(&format!("{}/.well-known/openid-configuration", self.domain)).ok(),
            Place::OAuth => {
                let mut url = Url::parse(&self.domain).ok()?;
                let path = format!("/.well-known/oauth-authorization-server{}", url.path().trim_end_matches('/'));
                url.set_path(&path);
                Some(url)
            }
        }
    }

    /// Parses an endpoint of the metadata. Accepts `https`. Accepts `http` only for a loopback host, and only if the tenant
    /// has an `http` URL itself. Rejects link-local addresses always, and loopback hosts unless the tenant is one.
    pub fn endpoint(&self, text: &str) -> Result<Url, Reason> {
        let url = Url::parse(text).map_err(|_| Reason::EndpointRefused)?;
        let is_safe_scheme = match url.scheme() {
            "https" => true,
            "http" => self.is_http && is_loopback(&url),
            _ => false,
        };
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        let is_safe_host = url.host().is_some() && !is_link_local(&url) && (self.is_loopback || !is_loopback(&url));
        if is_safe_scheme && is_safe_host && !has_credentials { Ok(url) } else { Err(Reason::EndpointRefused) }
    }
}

/// Whether a text has characters that `Url::parse` ignores but that a byte-for-byte comparison would not.
pub fn has_space_or_control(text: &str) -> bool {
    text.contains(|letter: char| letter.is_whitespace() || letter.is_control())
}

fn is_loopback(url: &Url) -> bool {
    match address(url) {
        Some(address) => address.is_loopback() || address.is_unspecified(),
        None => url.host_str().is_some_and(|host| {
            // A trailing dot does not change the name. RFC 6761 §6.3 reserves all names below `localhost`.
            let host = host.trim_end_matches('.');
            host == "localhost" || host.ends_with(".localhost")
        }),
    }
}

fn is_link_local(url: &Url) -> bool {
    match address(url) {
        Some(IpAddr::V4(address)) => address.is_link_local(),
        Some(IpAddr::V6(address)) => address.is_unicast_link_local(),
        None => false,
    }
}

/// The IP address of a URL whose host is an address. For an IPv6 address with an embedded IPv4 address, the latter.
fn address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(IpAddr::V4(address)),
        Host::Ipv6(address) => Some(embedded_ipv4(address).map_or(IpAddr::V6(address), IpAddr::V4)),
        Host::Domain(_) => None,
    }
}

/// The IPv4 address in an IPv6 address: mapped or compatible (RFC 4291 §2.5.5), NAT64 (RFC 6052), or 6to4 (RFC 3056).
fn embedded_ipv4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => Some(join(g, h)),
        // `::` and `::1` are not IPv4-compatible addresses.
        [0, 0, 0, 0, 0, 0] if g != 0 => Some(join(g, h)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

/// Where an issuer publishes its metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// OpenID Connect Discovery 1.0 §4.1: the well-known path follows the issuer's path. This place is fetched first.
    OpenId,
    /// RFC 8414 §3.1: the well-known path is between the issuer's host and its path. This place is fetched when the
    /// first one has no document, or a document that lacks a needed endpoint.
    OAuth,
}

/// An endpoint of the issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// RFC 8414 §2: `jwks_uri`.
    Keys,
    /// RFC 7662 §2: `introspection_endpoint`.
    Introspection,
    /// RFC 8705 §5: the mutual-TLS alias, of the named trust store if one is configured.
    MtlsIntrospection { trust_store: Option<Box<str>> },
}

/// Whether a document does not name an endpoint. An endpoint that must not be called is not missing.
pub fn is_missing(endpoint: &Result<Url, Reason>) -> bool {
    matches!(endpoint, Err(reason) if *reason != Reason::EndpointRefused)
}

/// A metadata document.
#[derive(Debug)]
pub struct Metadata {
    pub issuer: String,
    pub place: Place,
    /// The document as received, for `getMetadata()`.
    pub text: String,
    document: Value,
}

impl Metadata {
    /// Parses a document. Its `issuer` must be the tenant, with one trailing `/` ignored (RFC 8414 §3.3). A document
    /// without `issuer` is not metadata.
    pub fn parse(text: &str, place: Place, tenant: &Tenant) -> Result<Metadata, Reason> {
        let document: Value = serde_json::from_str(text).map_err(|_| Reason::BodyInvalid)?;
        let issuer = document.get("issuer").and_then(Value::as_str).ok_or(Reason::BodyInvalid)?.to_owned();
        if issuer.strip_suffix('/').unwrap_or(&issuer) != tenant.domain {
            return Err(Reason::MetadataIssuerMismatch);
        }
        Ok(Metadata { issuer, place, text: text.to_owned(), document })
    }

    /// The URL that this document gives for an endpoint.
    pub fn endpoint(&self, endpoint: &Endpoint, tenant: &Tenant) -> Result<Url, Reason> {
        match endpoint {
            Endpoint::Keys => self.jwks_uri(tenant),
            Endpoint::Introspection => self.introspection_endpoint(tenant),
            Endpoint::MtlsIntrospection { trust_store } => {
                self.mtls_introspection_endpoint(tenant, trust_store.as_deref())
            }
        }
    }

    fn jwks_uri(&self, tenant: &Tenant) -> Result<Url, Reason> {
        tenant.endpoint(self.document.get("jwks_uri").and_then(Value::as_str).ok_or(Reason::BodyInvalid)?)
    }

    fn introspection_endpoint(&self, tenant: &Tenant) -> Result<Url, Reason> {
        let endpoint = self.document.get("introspection_endpoint").and_then(Value::as_str);
        tenant.endpoint(endpoint.ok_or(Reason::IntrospectionEndpointMissing)?)
    }

    /// RFC 8705 §5: the mutual-TLS alias, of the named trust store if one is configured. If the issuer publishes no
    /// `mtls_endpoint_aliases` and no trust store is configured, the plain endpoint is used.
    fn mtls_introspection_endpoint(&self, tenant: &Tenant, trust_store: Option<&str>) -> Result<Url, Reason> {
        let aliases = match trust_store {
            Some(id) => Some(self.document.get("mtls_additional_endpoint_aliases").and_then(|all| all.get(id))),
            None => self.document.get("mtls_endpoint_aliases").map(Some),
        };
        match aliases {
            None => self.introspection_endpoint(tenant),
            Some(aliases) => {
                let endpoint =
                    aliases.and_then(|aliases| aliases.get("introspection_endpoint")).and_then(Value::as_str);
                tenant.endpoint(endpoint.ok_or(Reason::MtlsEndpointMissing)?)
            }
        }
    }
}

#[cfg(test)]
#[path = "metadata_tests.rs"]
mod tests;
