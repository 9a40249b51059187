//! `NO_PROXY`: the URLs that are requested directly although the environment names a proxy.
//!
//! There is no standard. This module accepts what curl, Go and Node have in common. Commas or white space separate the
//! entries. `*` matches every URL. A domain, with or without a leading `.` or `*.`, matches itself and its subdomains. An
//! entry can also be an IP address (IPv6 with or without brackets) or a network in CIDR notation (RFC 4632 §3.1, RFC 4291
//! §2.3). An entry with `:port` matches that port only.

use std::net::IpAddr;

use url::{Host, Url};

pub struct NoProxy(Vec<Entry>);

struct Entry {
    target: Target,
    /// `None` matches any port.
    port: Option<u16>,
}

enum Target {
    Everything,
    /// In lower case and ASCII, as in a parsed URL.
    Domain(String),
    Network {
        address: IpAddr,
        prefix: u8,
    },
}

impl NoProxy {
    /// Parses a list. Ignores entries that it does not understand.
    pub fn parse(list: &str) -> NoProxy {
        let separated = list.split(|c: char| c == ',' || c.is_whitespace());
        NoProxy(separated.filter(|entry| !entry.is_empty()).filter_map(Entry::parse).collect())
    }

    pub fn covers(&self, url: &Url) -> bool {
        let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default());
        let host = without_brackets(host).trim_end_matches('.');
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        self.0.iter().any(|entry| (entry.port.is_none() || entry.port == port) && entry.target.covers(host, address))
    }
}

impl Entry {
    fn parse(entry: &str) -> Option<Entry> {
        if let Some(target) = Target::network(entry) {
            return Some(Entry { target, port: None });
        }
        let (host, port) = match entry.rsplit_once(':') {
            // More than one colon without brackets is an IPv6 address, not a host with a port.
            Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port.parse().ok()?)),
            _ => (entry, None),
        };
        Some(Entry { target: Target::parse(host)?, port })
    }
}

impl Target {
    fn parse(host: &str) -> Option<Target> {
        if host == "*" {
            return Some(Target::Everything);
        }
        if let Some(network) = Target::network(host) {
            return Some(network);
        }
        let domain = host.strip_prefix('*').unwrap_or(host).trim_start_matches('.').trim_end_matches('.');
        match Host::parse(domain).ok()? {
            Host::Domain(domain) => Some(Target::Domain(domain)),
            Host::Ipv4(_) | Host::Ipv6(_) => None,
        }
    }

    fn network(text: &str) -> Option<Target> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address = without_brackets(address).parse::<IpAddr>().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(bits);
        (prefix <= bits).then_some(Target::Network { address, prefix })
    }

    fn covers(&self, host: &str, requested: Option<IpAddr>) -> bool {
        match self {
            Target::Everything => true,
            Target::Domain(domain) => match host.strip_suffix(domain.as_str()) {
                Some(before) => requested.is_none() && (before.is_empty() || before.ends_with('.')),
                None => false,
            },
            Target::Network { address, prefix } => match (address, requested) {
                (IpAddr::V4(network), Some(IpAddr::V4(requested))) => {
                    let shift = 32 - u32::from(*prefix);
                    network.to_bits().checked_shr(shift) == requested.to_bits().checked_shr(shift)
                }
                (IpAddr::V6(network), Some(IpAddr::V6(requested))) => {
                    let shift = 128 - u32::from(*prefix);
                    network.to_bits().checked_shr(shift) == requested.to_bits().checked_shr(shift)
                }
                _ => false,
            },
        }
    }
}

fn without_brackets(host: &str) -> &str {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covers(list: &str, url: &str) -> bool {
        NoProxy::parse(list).covers(&Url::parse(url).expect("a URL"))
    }

    #[test]
    fn a_domain_is_itself_and_all_below_it_in_every_spelling() {
        for list in
            ["acme.example", ".acme.example", "*.acme.example", "ACME.example", "acme.example.", "a, acme.example b"]
        {
            assert!(covers(list, "https://acme.example"), "{list}");
            assert!(covers(list, "https://eu.login.acme.example:8443/x"), "{list}");
            assert!(covers(list, "https://acme.example./"), "{list}");
            for other in ["https://notacme.example", "https://acme.example.evil", "https://example"] {
                assert!(!covers(list, other), "{list}: {other}");
            }
        }
        assert!(covers("bücher.example", "https://xn--bcher-kva.example/"));
    }

    #[test]
    fn an_entry_with_a_port_is_for_that_port_alone() {
        assert!(covers("localhost:8443", "https://localhost:8443/jwks"));
        assert!(!covers("localhost:8443", "https://localhost:8444/jwks"));
        assert!(
            covers("acme.example:443", "https://acme.example") && !covers("acme.example:443", "http://acme.example")
        );
        assert!(
            covers(".acme.example:80", "http://eu.acme.example") && !covers(".acme.example:80", "https://acme.example")
        );
        assert!(
            covers("127.0.0.1:9000", "http://127.0.0.1:9000") && !covers("127.0.0.1:9000", "http://127.0.0.1:9001")
        );
        assert!(covers("[::1]:9000", "http://[::1]:9000") && !covers("[::1]:9000", "http://[::1]:9001"));
        assert!(covers("*:9000", "http://a.example:9000") && !covers("*:9000", "http://a.example"));
    }

    #[test]
    fn an_address_is_compared_as_an_address_and_a_network_by_its_prefix() {
        for (list, inside, outside) in [
            ("10.0.0.7", "http://10.0.0.7", "http://10.0.0.70"),
            ("10.0.0.0/8", "http://10.255.0.1", "http://11.0.0.1"),
            ("10.1.2.3/31", "http://10.1.2.2", "http://10.1.2.4"),
            ("0.0.0.0/0", "http://8.8.8.8", "http://[::1]"),
            ("::1", "http://[::1]:1", "http://[::2]"),
            ("[::1]", "http://[::1]:1", "http://[::2]"),
            ("fe80::/10", "http://[fe80::1]", "http://[fc00::1]"),
            ("::/0", "http://[fc00::1]", "http://10.0.0.1"),
        ] {
            assert!(covers(list, inside), "{list}: {inside}");
            assert!(!covers(list, outside), "{list}: {outside}");
        }
        assert!(!covers("0.1", "http://10.0.0.1"), "no address ends in a domain");
    }

    #[test]
    fn a_star_matches_every_url_and_an_unknown_entry_matches_none() {
        assert!(covers("*", "https://acme.example") && covers(" * ", "http://10.0.0.1"));
        for list in [
            "",
            ",",
            " , ",
            "acme.example:",
            "acme.example:x",
            "acme.example:70000",
            "10.0.0.0/33",
            "::1/129",
            ":",
            "[",
            "a b:c:d",
        ] {
            assert!(!covers(list, "https://acme.example") && !covers(list, "http://[::1]"), "{list}");
        }
    }
}
