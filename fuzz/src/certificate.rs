//! Any text as a client certificate: a bound token is accepted only with the octets of its own certificate (RFC 8705
//! §3).

use aws_lc_rs::digest::{SHA256, digest};
use monocloud_backend_node::engine::authorize::certificate::{MAX_CERTIFICATE_BYTES, decode_pem, thumbprint_of_pem};
use monocloud_backend_node::engine::authorize::mode::BindingMode;
use monocloud_backend_node::engine::error::Reason;
use monocloud_backend_node::engine::token::compact::encode_base64url;
use monocloud_backend_node::engine::token::confirmation::{Binding, Thumbprint};

/// The certificate of RFC 8705 appendix A.
pub const PEM: &str = include_str!("../../__test__/vectors/rfc8705.pem");
/// The thumbprint in that appendix.
const THUMBPRINT: &str = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";

pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let der = decode_pem(text);
    if let Some(der) = &der {
        assert!(
            der.first() == Some(&0x30) && der.len() <= MAX_CERTIFICATE_BYTES && text.len() <= MAX_CERTIFICATE_BYTES
        );
        let thumbprint = encode_base64url(digest(&SHA256, der).as_ref());
        assert_eq!(thumbprint_of_pem(text).map(Thumbprint::to_base64url), Some(thumbprint.clone()));
        assert_eq!(Thumbprint::parse(&thumbprint), Some(Thumbprint::of(der)));
    }
    let is_holder = der.as_deref().is_some_and(|der| encode_base64url(digest(&SHA256, der).as_ref()) == THUMBPRINT);
    let bound = Binding::Bound(Thumbprint::parse(THUMBPRINT).expect("a thumbprint"));
    for mode in [BindingMode::WhenPresent, BindingMode::Required] {
        let expected = match &der {
            _ if is_holder => Ok(()),
            _ if text.trim().is_empty() => Err(Reason::CertificateMissing),
            None => Err(Reason::CertificateInvalid),
            Some(_) => Err(Reason::CertificateMismatch),
        };
        assert_eq!(mode.check(&bound, Some(text)), expected);
        assert_eq!(mode.check(&bound, None), Err(Reason::CertificateMissing));
        assert_eq!(mode.check(&Binding::Unreadable, Some(text)), Err(Reason::ConfirmationInvalid));
    }
    assert_eq!(BindingMode::Required.check(&Binding::Absent, Some(text)), Err(Reason::ConfirmationMissing));
    // Any text as a thumbprint: only strict base64url of 32 octets is accepted.
    if let Some(thumbprint) = Thumbprint::parse(text) {
        assert_eq!(thumbprint.to_base64url(), text);
        assert_eq!(text.len(), 43);
    }
}
