//! Issuer metadata: discovery (OpenID Connect Discovery 1.0 §4, RFC 8414) and which of its endpoints may be called.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;
use url::{Host, Url};

use crate::engine::error::Reason;

/// The issuer as configured: where discovery is, and what the metadata must say.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tenant {
    /// As configured: the issuer's name where there is no metadata to say it.
    issuer: String,
    /// Without a trailing `/`.
    domain: String,
    is_loopback: bool,
    is_plain: bool,
}

impl Tenant {
    /// An absolute `https` URL, or `http` for a loopback host; no credentials, query or fragment.
    pub fn parse(text: &str) -> Option<Tenant> {
        let url = Url::parse(text).ok()?;
        let is_loopback = is_loopback(&url);
        let is_plain = url.scheme() == "http";
        let is_safe = url.scheme() == "https" || (is_plain && is_loopback);
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
            is_plain,
        })
    }

    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// Where a document of this place is.
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

    /// Reads an endpoint of the metadata: https, or plain http of a loopback host when the tenant is that itself;
    /// never a loopback or link-local address for a tenant elsewhere.
    pub fn endpoint(&self, text: &str) -> Result<Url, Reason> {
        let url = Url::parse(text).map_err(|_| Reason::EndpointRefused)?;
        let is_safe_scheme = match url.scheme() {
            "https" => true,
            "http" => self.is_plain && is_loopback(&url),
            _ => false,
        };
        let has_credentials = !url.username().is_empty() || url.password().is_some();
        let is_safe_host = url.host().is_some() && !is_link_local(&url) && (self.is_loopback || !is_loopback(&url));
        if is_safe_scheme && is_safe_host && !has_credentials { Ok(url) } else { Err(Reason::EndpointRefused) }
    }
}

/// What `Url::parse` forgives, and a comparison byte for byte would not.
pub fn has_space_or_control(text: &str) -> bool {
    text.contains(|letter: char| letter.is_whitespace() || letter.is_control())
}

fn is_loopback(url: &Url) -> bool {
    match address(url) {
        Some(address) => address.is_loopback() || address.is_unspecified(),
        None => url.host_str().is_some_and(|host| {
            // With dots behind it, it is the same name (RFC 6761 §6.3).
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

/// The address of a host that is one; of an IPv6 address that holds an IPv4 one, that.
fn address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(IpAddr::V4(address)),
        Host::Ipv6(address) => Some(embedded_ipv4(address).map_or(IpAddr::V6(address), IpAddr::V4)),
        Host::Domain(_) => None,
    }
}

/// The IPv4 address inside an IPv6 one: mapped and compatible (RFC 4291 §2.5.5), NAT64 (RFC 6052), 6to4 (RFC 3056).
fn embedded_ipv4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match [a, b, c, d, e, f] {
        [0, 0, 0, 0, 0, 0xffff] | [0x64, 0xff9b, 0, 0, 0, 0] => Some(join(g, h)),
        // Not `::` and `::1`.
        [0, 0, 0, 0, 0, 0] if g != 0 => Some(join(g, h)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => None,
    }
}

/// Where an issuer publishes its metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// OpenID Connect Discovery 1.0 §4.1: behind the issuer's path. Asked first.
    OpenId,
    /// RFC 8414 §3.1: between the issuer's host and its path. Asked when the first place has no document, or one
    /// without an endpoint that is needed.
    OAuth,
}

/// An endpoint that somebody needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// RFC 8414 §2: where the keys are.
    Keys,
    /// RFC 7662 §2.
    Introspection,
    /// RFC 8705 §5: the alias for mutual TLS, of the named trust store if there is one.
    MtlsIntrospection { trust_store: Option<Box<str>> },
}

/// Whether a document does not name an endpoint, rather than naming one that must not be called.
pub fn is_missing(endpoint: &Result<Url, Reason>) -> bool {
    matches!(endpoint, Err(reason) if *reason != Reason::EndpointRefused)
}

/// The metadata document, and what the engine reads of it.
#[derive(Debug)]
pub struct Metadata {
    pub issuer: String,
    pub place: Place,
    /// The document as it came, for `getMetadata()`.
    pub text: String,
    document: Value,
}

impl Metadata {
    /// Reads a document whose `issuer` is the tenant, one trailing `/` ignored (RFC 8414 §3.3). One that names no
    /// issuer is not metadata.
    pub fn parse(text: &str, place: Place, tenant: &Tenant) -> Result<Metadata, Reason> {
        let document: Value = serde_json::from_str(text).map_err(|_| Reason::BodyInvalid)?;
        let issuer = document.get("issuer").and_then(Value::as_str).ok_or(Reason::BodyInvalid)?.to_owned();
        if issuer.strip_suffix('/').unwrap_or(&issuer) != tenant.domain {
            return Err(Reason::MetadataIssuerMismatch);
        }
        Ok(Metadata { issuer, place, text: text.to_owned(), document })
    }

    /// The address of an endpoint, as this document alone gives it.
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

    /// RFC 7662 §2.
    fn introspection_endpoint(&self, tenant: &Tenant) -> Result<Url, Reason> {
        let endpoint = self.document.get("introspection_endpoint").and_then(Value::as_str);
        tenant.endpoint(endpoint.ok_or(Reason::IntrospectionEndpointMissing)?)
    }

    /// RFC 8705 §5: the alias for mutual TLS, of the named trust store when there is one. Where no aliases are
    /// published at all, the plain endpoint serves.
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
