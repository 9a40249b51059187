//! Issuer metadata: discovery (OpenID Connect Discovery 1.0 §4, RFC 8414) and which of its endpoints may be called.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde_json::Value;
use url::{Host, Url};

use super::error::Reason;

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

    pub fn discovery_url(&self) -> Option<Url> {
        Url::parse(&format!("{}/.well-known/openid-configuration", self.domain)).ok()
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

/// The metadata document, and what the engine reads of it.
#[derive(Debug)]
pub struct Metadata {
    pub issuer: String,
    /// The document as it came, for `getMetadata()`.
    pub text: String,
    document: Value,
}

impl Metadata {
    /// Reads a document whose `issuer` is the tenant, one trailing `/` ignored (RFC 8414 §3.3).
    pub fn parse(text: &str, tenant: &Tenant) -> Result<Metadata, Reason> {
        let document: Value = serde_json::from_str(text).map_err(|_| Reason::BodyInvalid)?;
        let issuer = match document.as_object() {
            None => return Err(Reason::BodyInvalid),
            Some(members) => members.get("issuer").and_then(Value::as_str).unwrap_or_default().to_owned(),
        };
        if issuer.strip_suffix('/').unwrap_or(&issuer) != tenant.domain {
            return Err(Reason::MetadataIssuerMismatch);
        }
        Ok(Metadata { issuer, text: text.to_owned(), document })
    }

    pub fn jwks_uri(&self, tenant: &Tenant) -> Result<Url, Reason> {
        tenant.endpoint(self.document.get("jwks_uri").and_then(Value::as_str).ok_or(Reason::BodyInvalid)?)
    }

    /// RFC 7662 §2.
    pub fn introspection_endpoint(&self, tenant: &Tenant) -> Result<Url, Reason> {
        let endpoint = self.document.get("introspection_endpoint").and_then(Value::as_str);
        tenant.endpoint(endpoint.ok_or(Reason::IntrospectionEndpointMissing)?)
    }

    /// RFC 8705 §5: the alias for mutual TLS, of the named trust store when there is one. Where no aliases are
    /// published at all, the plain endpoint serves.
    pub fn mtls_introspection_endpoint(&self, tenant: &Tenant, trust_store: Option<&str>) -> Result<Url, Reason> {
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
mod tests {
    use super::*;

    fn tenant(text: &str) -> Tenant {
        Tenant::parse(text).expect("a tenant")
    }

    #[test]
    fn a_tenant_is_https_or_plain_http_of_a_loopback_host() {
        for good in [
            "https://acme.us.monocloud.com",
            "https://acme.us.monocloud.com/",
            "https://x/a/b",
            "http://localhost:3000",
            "http://127.9.9.9",
            "http://[::1]:1",
        ] {
            assert!(Tenant::parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "acme.us.monocloud.com",
            "http://acme.us.monocloud.com",
            "ftp://x",
            "file:///etc/passwd",
            "https://",
            "https:x",
            "https://u:p@x",
            "https://x?a",
            "https://x#a",
            " https://x",
            "https://x\n",
            "https://x\u{2}",
        ] {
            assert!(Tenant::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn one_trailing_slash_is_ignored_on_either_side_and_nothing_else() {
        let with_issuer = |issuer: &str, domain: &str| {
            Metadata::parse(&format!(r#"{{"issuer":"{issuer}"}}"#), &tenant(domain)).map(|metadata| metadata.issuer)
        };
        assert_eq!(with_issuer("https://x/", "https://x").as_deref(), Ok("https://x/"));
        assert_eq!(with_issuer("https://x", "https://x/").as_deref(), Ok("https://x"));
        for other in ["https://x//", "https://X", "https://x/a", "http://x", ""] {
            assert_eq!(with_issuer(other, "https://x"), Err(Reason::MetadataIssuerMismatch), "{other}");
        }
    }

    #[test]
    fn metadata_that_is_no_object_is_invalid_and_without_issuer_is_a_mismatch() {
        for text in ["", "[]", "null", "<html>", "\"x\""] {
            assert_eq!(Metadata::parse(text, &tenant("https://x")).err(), Some(Reason::BodyInvalid), "{text}");
        }
        assert_eq!(Metadata::parse("{}", &tenant("https://x")).err(), Some(Reason::MetadataIssuerMismatch));
    }

    #[test]
    fn an_endpoint_is_https_and_never_loopback_or_link_local_for_a_tenant_elsewhere() {
        let tenant = tenant("https://acme.example");
        for good in ["https://acme.example/jwks", "https://keys.elsewhere.example/jwks", "https://10.0.0.8/jwks"] {
            assert!(tenant.endpoint(good).is_ok(), "{good}");
        }
        for bad in [
            "http://acme.example/jwks",
            "file:///etc/passwd",
            "data:application/json,{}",
            "https://127.0.0.1/",
            "https://localhost/",
            "https://a.localhost/",
            "https://169.254.169.254/latest",
            "https://[fe80::1]/",
            "https://[::ffff:169.254.169.254]/",
            "https://[::1]/",
            "https://0.0.0.0/",
            "https://localhost./",
            "https://a.localhost./",
            "https://[::127.0.0.1]/",
            "https://[64:ff9b::a9fe:a9fe]/",
            "https://[2002:a9fe:a9fe::]/",
            "https://user:pw@acme.example/",
            "jwks",
            "",
        ] {
            assert_eq!(tenant.endpoint(bad), Err(Reason::EndpointRefused), "{bad}");
        }
    }

    #[test]
    fn a_scheme_downgrade_is_refused_for_a_loopback_tenant_too() {
        assert!(tenant("http://127.0.0.1:80").endpoint("http://localhost:81/jwks").is_ok());
        assert!(tenant("https://localhost:80").endpoint("https://127.0.0.1:81/jwks").is_ok());
        assert_eq!(tenant("https://localhost:80").endpoint("http://localhost:81/jwks"), Err(Reason::EndpointRefused));
        assert_eq!(tenant("http://localhost").endpoint("http://keys.example/jwks"), Err(Reason::EndpointRefused));
    }

    #[test]
    fn the_mtls_alias_serves_when_aliases_are_published_and_the_plain_endpoint_when_none_are() {
        let tenant = tenant("https://x");
        let read = |extra: &str| {
            let text = format!(r#"{{"issuer":"https://x","introspection_endpoint":"https://x/plain"{extra}}}"#);
            Metadata::parse(&text, &tenant).expect("metadata")
        };
        let path = |metadata: &Metadata, store: Option<&str>| {
            metadata.mtls_introspection_endpoint(&tenant, store).map(|url| url.path().to_owned())
        };
        assert_eq!(path(&read(""), None).as_deref(), Ok("/plain"));
        let with_alias = read(r#","mtls_endpoint_aliases":{"introspection_endpoint":"https://x/mtls"}"#);
        assert_eq!(path(&with_alias, None).as_deref(), Ok("/mtls"));
        assert_eq!(path(&with_alias, Some("store")), Err(Reason::MtlsEndpointMissing));
        assert_eq!(path(&read(r#","mtls_endpoint_aliases":{}"#), None), Err(Reason::MtlsEndpointMissing));
        let more =
            read(r#","mtls_additional_endpoint_aliases":{"store":{"introspection_endpoint":"https://x/store"}}"#);
        assert_eq!(path(&more, Some("store")).as_deref(), Ok("/store"));
    }
}
