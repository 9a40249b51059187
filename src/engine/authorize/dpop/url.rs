//! Do two URLs name the same target? The comparison of `htu` with the URL of the request (RFC 9449 §4.3).
//!
//! Both are normalised by RFC 3986 §6.2.2 and §6.2.3, and no further: the case of the path, `//`, a trailing `/`, `%2F`
//! and a trailing dot of the host stay significant. A parser by the WHATWG URL Standard does not fit: it keeps `%7e`,
//! turns `\` into `/`, drops tabs and user information, and accepts `https:host`.

/// The longest URL, in bytes.
pub const MAX_URL_BYTES: usize = 2048;

/// A URL after the normalisation of RFC 3986 §6.2.2 and §6.2.3, without query and fragment. Equal URLs have equal text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComparableUrl(String);

impl ComparableUrl {
    /// Parses the `htu` of a proof. Returns `None` if it is over 2,048 bytes, has a byte that no URI has, or is not an
    /// absolute `http` or `https` URL with a host and without user information.
    pub fn parse(text: &str) -> Option<ComparableUrl> {
        if text.len() > MAX_URL_BYTES || !text.bytes().all(is_uri_byte) {
            return None;
        }
        let (scheme, rest) = text.split_once(':')?;
        let default_port = default_port(scheme)?;
        let rest = before_query(rest.strip_prefix("//")?);
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (host, port) = split_authority(authority)?;
        let mut url = scheme.to_ascii_lowercase();
        url.push_str("://");
        push_host(&mut url, host)?;
        if !port.is_empty() && port != default_port {
            url.push(':');
            url.push_str(port);
        }
        push_path(&mut url, path)?;
        Some(ComparableUrl(url))
    }

    /// Parses the URL of a request. Its query and fragment are cut off first, because they do not take part in the
    /// comparison, and clients send some bytes in a query that no URI has, for example `|`.
    pub fn of_request(text: &str) -> Option<ComparableUrl> {
        ComparableUrl::parse(before_query(text))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// RFC 9449 §4.3: query and fragment are ignored.
pub fn before_query(text: &str) -> &str {
    text.split(['?', '#']).next().unwrap_or_default()
}

/// Whether a text is a URL that [`ComparableUrl::parse`] accepts, and has no query and no fragment. Then an equal text
/// names the same target, and neither needs to be normalised. `false` says nothing: the host has only letters, digits,
/// dots and hyphens here, and the path no escapes.
pub fn is_plain(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let Some(rest) = rest.filter(|_| text.len() <= MAX_URL_BYTES).map(str::as_bytes) else { return false };
    let name = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-')).count();
    let after = rest.get(name..).unwrap_or_default();
    let port =
        after.strip_prefix(b":").map_or(0, |port| 1 + port.iter().take_while(|byte| byte.is_ascii_digit()).count());
    let path = after.get(port..).unwrap_or_default();
    let is_of_path = |byte: &u8| is_unreserved(*byte) || b"/:@!$&'()*+,;=".contains(byte);
    name > 0 && path.first().is_none_or(|first| *first == b'/') && path.iter().all(is_of_path)
}

/// Whether a byte occurs in a URI at all (RFC 3986 §2).
fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}')
}

/// RFC 3986 §2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986 §3.1: schemes are case-insensitive. RFC 9110 §4.2: the default ports.
fn default_port(scheme: &str) -> Option<&'static str> {
    if scheme.eq_ignore_ascii_case("https") {
        Some("443")
    } else if scheme.eq_ignore_ascii_case("http") {
        Some("80")
    } else {
        None
    }
}

/// Splits an authority into a host that is not empty (RFC 9110 §4.2.1) and the digits of a port, which may be empty
/// (RFC 3986 §3.2.3). User information is refused (RFC 9110 §4.2.4).
fn split_authority(authority: &str) -> Option<(&str, &str)> {
    let end = if authority.starts_with('[') {
        authority.find(']')? + 1
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, port) = authority.split_at(end);
    let port = if port.is_empty() { port } else { port.strip_prefix(':')? };
    (!host.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())).then_some((host, port))
}

/// Appends a host in lower case (RFC 3986 §6.2.2.1). Only an IPv6 address stands in brackets (§3.2.2).
fn push_host(url: &mut String, host: &str) -> Option<()> {
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_allowed = match address {
        Some(address) => address.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')),
        None => !host.contains(['@', '[', ']', ':']),
    };
    if !is_allowed || address == Some("") {
        return None;
    }
    let start = url.len();
    push_normalised(url, host)?;
    // An escape that is left keeps its upper-case digits.
    let lower_case: String = url[start..]
        .split_inclusive('%')
        .enumerate()
        .map(|(index, part)| {
            let digits = if index == 0 { 0 } else { 2.min(part.len()) };
            format!("{}{}", &part[..digits], part[digits..].to_ascii_lowercase())
        })
        .collect();
    url.truncate(start);
    url.push_str(&lower_case);
    Some(())
}

/// Appends a path: escapes first, then dot segments (RFC 3986 §5.2.4), so that `%2e%2e` is one. An empty path is `/`
/// (§6.2.3).
fn push_path(url: &mut String, path: &str) -> Option<()> {
    let mut normalised = String::with_capacity(path.len());
    push_normalised(&mut normalised, path)?;
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = normalised.strip_prefix('/').unwrap_or_default().split('/').peekable();
    while let Some(segment) = segments.next() {
        let is_last = segments.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                kept.pop();
            }
            _ => {
                kept.push(segment);
                continue;
            }
        }
        // A dot segment at the end leaves the `/` before it.
        if is_last {
            kept.push("");
        }
    }
    url.push('/');
    url.push_str(&kept.join("/"));
    Some(())
}

/// Appends a text with its escapes normalised: those of unreserved characters are decoded, the others get upper-case
/// digits (RFC 3986 §6.2.2.1 and §6.2.2.2). Returns `None` if a `%` is not followed by two hexadecimal digits (§2.1).
fn push_normalised(to: &mut String, text: &str) -> Option<()> {
    let mut parts = text.split('%');
    to.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.get(..2).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))?;
        let byte = u8::from_str_radix(digits, 16).ok()?;
        if is_unreserved(byte) {
            to.push(char::from(byte));
        } else {
            to.push('%');
            to.push_str(&digits.to_ascii_uppercase());
        }
        to.push_str(&part[2..]);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Also run by `__test__/vectors/dpop-urls.test.mjs`, through a normaliser of its own.
    const TABLE: &str = include_str!("../../../../__test__/vectors/dpop-urls.json");

    fn rows() -> Vec<(String, String, String)> {
        let table: Value = serde_json::from_str(TABLE).expect("JSON");
        let text = |row: &Value, name: &str| row[name].as_str().unwrap_or_else(|| panic!("{row}: {name}")).to_owned();
        let rows = table["rows"].as_array().expect("rows");
        rows.iter().map(|row| (text(row, "htu"), text(row, "url"), text(row, "result"))).collect()
    }

    fn result(htu: &str, url: &str) -> &'static str {
        match (ComparableUrl::parse(htu), ComparableUrl::of_request(url)) {
            (_, None) => "the URL of the request is refused",
            (None, _) => "refused",
            (Some(htu), Some(url)) if htu == url => "equal",
            _ => "unequal",
        }
    }

    #[test]
    fn every_row_of_the_table_is_equal_unequal_or_refused_as_it_says() {
        let rows = rows();
        assert!(rows.len() >= 60, "{}", rows.len());
        for (htu, url, expected) in rows {
            assert_eq!(result(&htu, &url), expected, "{htu} and {url}");
        }
    }

    #[test]
    fn equal_plain_texts_are_equal_urls_and_many_are_plain() {
        let rows = rows();
        let texts = || rows.iter().flat_map(|(htu, url, _)| [htu.as_str(), before_query(url)]);
        for text in texts().filter(|text| is_plain(text)) {
            assert!(ComparableUrl::parse(text).is_some() && before_query(text) == text, "{text}");
        }
        assert!(texts().filter(|text| is_plain(text)).count() >= 20);
        for text in ["https://h", "https://h:8443/a/../b;c=d", "http://127.0.0.1:80/", "https://h:/@"] {
            assert!(is_plain(text), "{text}");
        }
        for text in
            ["https://", "https:///a", "https://u@h/", "https://[::1]/", "https://h:x/", "https://h/%41", "//h/"]
        {
            assert!(!is_plain(text), "{text}");
        }
        assert!(!is_plain(&format!("https://h/{}", "a".repeat(MAX_URL_BYTES - 9))));
    }

    #[test]
    fn normalising_twice_changes_nothing() {
        for (htu, url, _) in rows() {
            for once in [ComparableUrl::parse(&htu), ComparableUrl::of_request(&url)].into_iter().flatten() {
                assert_eq!(ComparableUrl::parse(once.as_str()).as_ref(), Some(&once), "{htu} and {url}");
            }
        }
    }

    #[test]
    fn a_url_of_2048_bytes_is_compared_and_one_of_2049_is_refused() {
        let longest = format!("https://h/{}", "a".repeat(MAX_URL_BYTES - 10));
        assert_eq!(ComparableUrl::parse(&longest).as_ref().map(ComparableUrl::as_str), Some(longest.as_str()));
        assert_eq!(ComparableUrl::parse(&format!("{longest}a")), None);
    }

    #[test]
    fn every_byte_that_no_uri_has_is_refused_wherever_it_stands() {
        for code in (0..=0x20).chain([0x7f, 0x80, 0xff, 0x2028]).chain("\\\"<>^`{|}".chars().map(u32::from)) {
            let wrong = char::from_u32(code).expect("a character");
            for url in
                ["https://h*/a", "https://h/a*b", "https://h/a?b*", "https://h/a#*", "https://h/*", "*https://h/"]
            {
                let url = url.replace('*', &wrong.to_string());
                assert_eq!(ComparableUrl::parse(&url), None, "{url:?}");
            }
        }
    }

    #[test]
    fn the_query_of_a_request_may_hold_any_byte_and_its_path_may_not() {
        let url = |text: &str| ComparableUrl::of_request(text).map(|url| url.0);
        assert_eq!(url("https://h/a?filter={a|b}#^"), Some("https://h/a".to_owned()));
        assert_eq!(url("https://h/a|b"), None);
    }
}
