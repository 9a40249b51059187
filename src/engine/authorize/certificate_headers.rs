//! Client certificates that a proxy forwards in a header: each proxy's own form, to PEM or bare base64.
//!
//! A header says what the proxy wrote, if the proxy strips it from outside; nothing here can check that.

use crate::engine::authorize::certificate::{MAX_CERTIFICATE_BYTES, decode_pem};

/// How a header carries a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateHeader {
    /// nginx `$ssl_client_escaped_cert`, AWS `x-amzn-mtls-clientcert` and its like: URL-encoded PEM.
    Pem,
    /// Envoy `x-forwarded-client-cert`: elements of `Key=value` pairs, the certificate in `Cert`.
    Xfcc,
    /// RFC 9440 `Client-Cert`: a structured-field byte sequence, base64 between colons.
    ClientCert,
}

impl CertificateHeader {
    pub fn named(name: &str) -> Option<CertificateHeader> {
        Some(match name {
            "pem" => CertificateHeader::Pem,
            "xfcc" => CertificateHeader::Xfcc,
            "client-cert" => CertificateHeader::ClientCert,
            _ => return None,
        })
    }
}

/// The one certificate a header holds, as text that binding can be checked with; `None` when there is not exactly one.
pub fn certificate_in(form: CertificateHeader, value: &str) -> Option<String> {
    if value.len() > MAX_CERTIFICATE_BYTES {
        return None;
    }
    let text = match form {
        CertificateHeader::Pem => value.trim().to_owned(),
        CertificateHeader::Xfcc => xfcc_cert(value)?,
        CertificateHeader::ClientCert => value.trim().strip_prefix(':')?.strip_suffix(':')?.to_owned(),
    };
    let is_plain_base64 = form != CertificateHeader::ClientCert || text.bytes().all(is_base64);
    (is_plain_base64 && decode_pem(&text).is_some()).then_some(text)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// The `Cert` of the only element. Elements are separated by `,`, pairs by `;`; values may be quoted, with `\"`
/// inside. Several elements mean several proxies: whose certificate to believe is not ours to guess.
fn xfcc_cert(value: &str) -> Option<String> {
    let mut cert = None;
    for pair in split_outside_quotes(value)? {
        let (name, content) = pair.split_once('=')?;
        if name.trim().eq_ignore_ascii_case("cert") {
            let content = content.trim();
            let unquoted = content.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(content);
            if cert.replace(unquoted.replace("\\\"", "\"")).is_some() {
                return None;
            }
        }
    }
    cert
}

/// The pairs of one element; `None` for several elements or an open quote.
fn split_outside_quotes(value: &str) -> Option<Vec<&str>> {
    let mut pairs = Vec::new();
    let (mut start, mut is_quoted, mut is_escaped) = (0, false, false);
    for (index, byte) in value.bytes().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            b',' if !is_quoted => return None,
            b';' if !is_quoted => {
                pairs.push(value.get(start..index)?);
                start = index + 1;
            }
            _ => {}
        }
    }
    pairs.push(value.get(start..)?);
    (!is_quoted).then_some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = include_str!("../../../__test__/vectors/rfc8705.pem");

    fn url_encoded() -> String {
        PEM.replace('\n', "%0A").replace(' ', "%20").replace('+', "%2B").replace('=', "%3D").replace('/', "%2F")
    }

    fn base64() -> String {
        PEM.lines().filter(|line| !line.starts_with('-')).collect()
    }

    #[test]
    fn an_escaped_pem_is_read_also_when_its_plus_signs_are_left_alone() {
        assert!(certificate_in(CertificateHeader::Pem, &url_encoded()).is_some());
        let alb = PEM.replace('\n', "%0A").replace(' ', "%20");
        assert!(certificate_in(CertificateHeader::Pem, &alb).is_some());
        assert_eq!(certificate_in(CertificateHeader::Pem, "rubbish"), None);
    }

    #[test]
    fn xfcc_gives_the_cert_of_its_only_element() {
        let cert = url_encoded();
        let value = format!("By=spiffe://a;Hash=00;Subject=\"CN=x, O=\\\"y;z\\\"\";Cert=\"{cert}\";URI=");
        assert_eq!(certificate_in(CertificateHeader::Xfcc, &value).as_deref(), Some(cert.as_str()));
        for bad in [
            format!("Cert=\"{cert}\",Cert=\"{cert}\""),
            format!("Cert=\"{cert}\";Cert=\"{cert}\""),
            format!("Cert=\"{cert}"),
            "Hash=00".into(),
            "Subject=\"CN=a;Cert=\\\"x\\\"\"".into(),
            String::new(),
        ] {
            assert_eq!(certificate_in(CertificateHeader::Xfcc, &bad), None, "{bad:.60}");
        }
    }

    #[test]
    fn client_cert_is_base64_between_colons() {
        assert!(certificate_in(CertificateHeader::ClientCert, &format!(":{}:", base64())).is_some());
        for bad in [
            base64(),
            format!(":{}", base64()),
            format!(":{}:, :{}:", base64(), base64()),
            "::".into(),
            format!(":{}:", url_encoded()),
        ] {
            assert_eq!(certificate_in(CertificateHeader::ClientCert, &bad), None, "{bad:.60}");
        }
    }

    #[test]
    fn a_value_over_16_kib_is_refused() {
        let padded = format!("{PEM}{}", " ".repeat(MAX_CERTIFICATE_BYTES));
        assert_eq!(certificate_in(CertificateHeader::Pem, &padded), None);
    }
}
