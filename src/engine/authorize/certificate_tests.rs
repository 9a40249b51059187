//! Tests of thumbprints and binding, on both sides of each boundary. The certificate is from RFC 8705 appendix A.

use super::*;

const PEM: &str = include_str!("../../../__test__/vectors/rfc8705.pem");
const THUMBPRINT: &str = "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v0";

fn bound() -> Binding {
    Binding::Bound(Thumbprint::parse(THUMBPRINT).expect("a thumbprint"))
}

fn thumbprint_of(text: &str) -> Option<String> {
    thumbprint_of_pem(text).map(Thumbprint::to_base64url)
}

#[test]
fn rfc_8705_appendix_a_certificate_has_its_thumbprint() {
    assert_eq!(thumbprint_of(PEM).as_deref(), Some(THUMBPRINT));
}

#[test]
fn a_certificate_is_read_without_delimiters_url_encoded_and_as_the_first_of_a_chain() {
    let body: String = PEM.lines().filter(|line| !line.starts_with("-----")).collect();
    let encoded: String = PEM.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let chain = format!("{PEM}\n{}", PEM.replace('M', "N"));
    for text in [body, encoded, chain, format!("  {PEM}\n\n"), PEM.replace('\n', "\r\n"), PEM.replace('\n', "%0A")] {
        assert_eq!(thumbprint_of(&text).as_deref(), Some(THUMBPRINT), "{text:.40}");
    }
}

#[test]
fn text_without_a_certificate_has_no_thumbprint() {
    let cut = &PEM[..PEM.len() / 2];
    for text in [
        "",
        "x",
        "-----BEGIN CERTIFICATE-----",
        "MAA=",
        "AAAA",
        "%zz",
        "%ff",
        cut,
        &"M".repeat(MAX_CERTIFICATE_BYTES + 1),
    ] {
        assert_eq!(thumbprint_of(text), None, "{text:.40}");
    }
}

#[test]
fn a_bound_token_is_accepted_only_with_its_own_certificate() {
    let other = PEM.replace("MII", "MIJ");
    for mode in [BindingMode::WhenPresent, BindingMode::Required] {
        assert_eq!(mode.check(&bound(), Some(PEM)), Ok(()));
        assert_eq!(mode.check(&bound(), None), Err(Reason::CertificateMissing));
        assert_eq!(mode.check(&bound(), Some("  ")), Err(Reason::CertificateMissing));
        assert_eq!(mode.check(&bound(), Some("invalid")), Err(Reason::CertificateInvalid));
        assert_eq!(mode.check(&bound(), Some(&other)), Err(Reason::CertificateInvalid));
    }
    let another = Binding::Bound(Thumbprint::of(b"another"));
    assert_eq!(BindingMode::WhenPresent.check(&another, Some(PEM)), Err(Reason::CertificateMismatch));
}

#[test]
fn an_unbound_token_is_accepted_unless_binding_is_required() {
    assert_eq!(BindingMode::WhenPresent.check(&Binding::Absent, None), Ok(()));
    assert_eq!(BindingMode::Required.check(&Binding::Absent, Some(PEM)), Err(Reason::ConfirmationMissing));
}

#[test]
fn an_unreadable_confirmation_is_refused_with_any_certificate() {
    assert_eq!(BindingMode::WhenPresent.check(&Binding::Unreadable, Some(PEM)), Err(Reason::ConfirmationInvalid));
    assert_eq!(BindingMode::Required.check(&Binding::Unreadable, Some(PEM)), Err(Reason::ConfirmationInvalid));
}

#[test]
fn a_mode_of_ignore_accepts_every_confirmation() {
    for confirmation in [Binding::Absent, bound(), Binding::Unreadable] {
        assert_eq!(BindingMode::Ignore.check(&confirmation, None), Ok(()));
    }
}

#[test]
fn a_thumbprint_is_strict_base64url_of_32_bytes() {
    assert!(Thumbprint::parse(THUMBPRINT).is_some());
    let padded = format!("{THUMBPRINT}=");
    let short = &THUMBPRINT[..42];
    let stray = format!("{}1", &THUMBPRINT[..42]);
    for bad in ["", short, &padded, &stray, "A4DtL2JmUMhAsvJj5tKyn64SqzmuXbMrJa0n761y5v+"] {
        assert!(Thumbprint::parse(bad).is_none(), "{bad}");
    }
}
