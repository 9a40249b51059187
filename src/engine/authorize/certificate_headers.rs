//! Client certificates that a proxy forwards in a header: which certificate does a header contain?
//!
//! Each proxy has its own format. The result is PEM or base64 text. A header can be trusted only if the proxy removes
//! the one that a client sends. This module cannot check that.

use crate::engine::authorize::certificate::{MAX_CERTIFICATE_BYTES, decode_pem};

/// The format of a certificate header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CertificateHeader {
    /// URL-encoded PEM: nginx `$ssl_client_escaped_cert`, AWS `x-amzn-mtls-clientcert` and similar headers.
    Pem,
    /// Envoy `x-forwarded-client-cert`: elements of `Key=value` pairs. `Cert` contains the certificate.
    Xfcc,
    /// RFC 9440 §2.2 `Client-Cert`: a structured-field byte sequence, which is base64 between colons.
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

/// The certificate in a header, as [`BindingMode::check`] accepts it. Returns `None` unless there is exactly one.
///
/// [`BindingMode::check`]: crate::engine::authorize::mode::BindingMode::check
pub fn certificate_in(format: CertificateHeader, value: &str) -> Option<String> {
    if value.len() > MAX_CERTIFICATE_BYTES {
        return None;
    }
    let text = match format {
        CertificateHeader::Pem => value.trim().to_owned(),
        CertificateHeader::Xfcc => xfcc_cert(value)?,
        CertificateHeader::ClientCert => value.trim().strip_prefix(':')?.strip_suffix(':')?.to_owned(),
    };
    let is_plain_base64 = format != CertificateHeader::ClientCert || text.bytes().all(is_base64);
    (is_plain_base64 && decode_pem(&text).is_some()).then_some(text)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// The `Cert` of the only element. `,` separates elements and `;` separates pairs. A value may be quoted, with `\"`
/// inside. Several elements mean several proxies. They are rejected, because the right certificate is unknown.
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

/// The pairs of one element. Returns `None` for several elements and for an unclosed quote.
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
    fn an_escaped_pem_is_read_also_when_its_plus_signs_are_not_escaped() {
        assert!(certificate_in(CertificateHeader::Pem, &url_encoded()).is_some());
        let alb = PEM.replace('\n', "%0A").replace(' ', "%20");
        assert!(certificate_in(CertificateHeader::Pem, &alb).is_some());
        assert_eq!(certificate_in(CertificateHeader::Pem, "invalid"), None);
    }

    #[test]
    fn the_cert_of_an_xfcc_header_is_read_when_it_has_one_element() {
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
    fn a_client_cert_header_is_base64_between_colons() {
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
