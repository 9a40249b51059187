//! Any text as a header in which a proxy forwards a certificate: the result is one certificate or none. Two
//! certificates give none.

use monocloud_backend_node::engine::authorize::certificate::{MAX_CERTIFICATE_BYTES, decode_pem};
use monocloud_backend_node::engine::authorize::certificate_headers::{CertificateHeader, certificate_in};

pub fn check(data: &[u8]) {
    let Ok(value) = std::str::from_utf8(data) else { return };
    assert_eq!(CertificateHeader::named(value).is_some(), ["pem", "xfcc", "client-cert"].contains(&value));
    for form in ["pem", "xfcc", "client-cert"].map(|name| CertificateHeader::named(name).expect("a form")) {
        let Some(certificate) = certificate_in(form, value) else { continue };
        assert!(value.len() <= MAX_CERTIFICATE_BYTES && certificate.len() <= value.len());
        assert!(decode_pem(&certificate).is_some(), "what is given can be read");
        let (again, list) = match form {
            CertificateHeader::Pem => continue,
            CertificateHeader::Xfcc => (format!("{value};{value}"), format!("{value},{value}")),
            CertificateHeader::ClientCert => (format!("{value}{value}"), format!("{value}, {value}")),
        };
        // With two certificates the caller is ambiguous.
        assert_eq!(certificate_in(form, &again), None);
        assert_eq!(certificate_in(form, &list), None);
    }
}
