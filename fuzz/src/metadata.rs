//! Any octets as issuer metadata, and as an endpoint in it: only safe addresses may be called.

use std::net::{IpAddr, Ipv6Addr};

use monocloud_backend_node::engine::keys::metadata::{Endpoint, Metadata, Place, Tenant};
use url::{Host, Url};

const ELSEWHERE: &str = "https://tenant.example";
const HERE: &str = "http://127.0.0.1:8080";

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for domain in [ELSEWHERE, HERE] {
        let tenant = Tenant::parse(domain).expect("a tenant");
        if let Ok(url) = tenant.endpoint(text) {
            check_endpoint(domain, &url);
        }
        let Ok(metadata) = Metadata::parse(text, Place::OpenId, &tenant) else { continue };
        assert_eq!(metadata.issuer.strip_suffix('/').unwrap_or(&metadata.issuer), domain);
        assert_eq!(metadata.text, text);
        let endpoints = [
            Endpoint::Keys,
            Endpoint::Introspection,
            Endpoint::MtlsIntrospection { trust_store: None },
            Endpoint::MtlsIntrospection { trust_store: Some("store".into()) },
        ];
        for url in endpoints.iter().flat_map(|endpoint| metadata.endpoint(endpoint, &tenant)) {
            check_endpoint(domain, &url);
        }
    }
    if let Some(tenant) = Tenant::parse(text) {
        let own = tenant.metadata_url(Place::OpenId).expect("a tenant has an address");
        assert!(own.path().ends_with("/.well-known/openid-configuration"));
        let other = tenant.metadata_url(Place::OAuth).expect("a tenant has an address");
        assert!(other.path().starts_with("/.well-known/oauth-authorization-server"));
        for url in [own, other] {
            assert!(url.scheme() == "https" || is_loopback(&url));
            assert!(url.query().is_none());
        }
    }
}

fn check_endpoint(domain: &str, url: &Url) {
    assert!(url.has_host() && !is_link_local(url), "{url}");
    assert!(url.username().is_empty() && url.password().is_none(), "{url}");
    match url.scheme() {
        "https" => assert!(domain == HERE || !is_loopback(url), "{url}"),
        "http" => assert!(domain == HERE && is_loopback(url), "{url}"),
        scheme => panic!("{scheme}"),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host().expect("a host") {
        Host::Domain(name) => name.trim_end_matches('.').rsplit('.').next() == Some("localhost"),
        Host::Ipv4(address) => is_loopback_address(IpAddr::V4(address)),
        Host::Ipv6(address) => is_loopback_address(seen_through(address)),
    }
}

fn is_loopback_address(address: IpAddr) -> bool {
    address.is_loopback() || address.is_unspecified()
}

fn is_link_local(url: &Url) -> bool {
    let address = match url.host().expect("a host") {
        Host::Domain(_) => return false,
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => seen_through(address),
    };
    match address {
        IpAddr::V4(address) => address.octets()[..2] == [169, 254],
        IpAddr::V6(address) => address.segments()[0] & 0xffc0 == 0xfe80,
    }
}

/// The IPv4 address inside an IPv6 address: mapped, behind NAT64 (RFC 6052), in 6to4 (RFC 3056).
fn seen_through(address: Ipv6Addr) -> IpAddr {
    let octets = address.octets();
    let v4 = |from: usize| IpAddr::from([octets[from], octets[from + 1], octets[from + 2], octets[from + 3]]);
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..] => v4(12),
        [0x2002, ..] => v4(2),
        // The old IPv4-compatible form; `::` and `::1` do not belong to it.
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => v4(12),
        _ => IpAddr::V6(address),
    }
}
