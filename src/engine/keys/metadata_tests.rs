//! The rules for the issuer, the URLs of the metadata, and the endpoints.

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
        Metadata::parse(&format!(r#"{{"issuer":"{issuer}"}}"#), Place::OpenId, &tenant(domain))
            .map(|metadata| metadata.issuer)
    };
    assert_eq!(with_issuer("https://x/", "https://x").as_deref(), Ok("https://x/"));
    assert_eq!(with_issuer("https://x", "https://x/").as_deref(), Ok("https://x"));
    for other in ["https://x//", "https://X", "https://x/a", "http://x", ""] {
        assert_eq!(with_issuer(other, "https://x"), Err(Reason::MetadataIssuerMismatch), "{other}");
    }
}

#[test]
fn a_document_that_names_no_issuer_is_not_metadata_and_of_another_issuer_is_a_mismatch() {
    let reason = |text: &str| Metadata::parse(text, Place::OpenId, &tenant("https://x")).err();
    for text in ["", "[]", "null", "<html>", "\"x\"", "{}", r#"{"issuer":null}"#, r#"{"issuer":["https://x"]}"#] {
        assert_eq!(reason(text), Some(Reason::BodyInvalid), "{text}");
    }
    assert_eq!(reason(r#"{"issuer":"https://y"}"#), Some(Reason::MetadataIssuerMismatch));
}

#[test]
fn openid_metadata_is_behind_the_path_of_the_issuer_and_rfc_8414_metadata_before_it() {
    for (issuer, openid, oauth) in [
        ("https://x", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"),
        ("https://x/", "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"),
        ("https://x/a/b", "/a/b/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/a/b"),
        (
            "https://x/a%2Fb/",
            "/a%2Fb/.well-known/openid-configuration",
            "/.well-known/oauth-authorization-server/a%2Fb",
        ),
        ("https://x:8443/t", "/t/.well-known/openid-configuration", "/.well-known/oauth-authorization-server/t"),
    ] {
        let at = |place| tenant(issuer).metadata_url(place).map(|url| (url.port(), url.path().to_owned()));
        let port = if issuer.contains("8443") { Some(8443) } else { None };
        assert_eq!(at(Place::OpenId), Some((port, openid.to_owned())), "{issuer}");
        assert_eq!(at(Place::OAuth), Some((port, oauth.to_owned())), "{issuer}");
    }
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
        Metadata::parse(&text, Place::OpenId, &tenant).expect("metadata")
    };
    let path = |metadata: &Metadata, store: Option<&str>| {
        metadata.mtls_introspection_endpoint(&tenant, store).map(|url| url.path().to_owned())
    };
    assert_eq!(path(&read(""), None).as_deref(), Ok("/plain"));
    let with_alias = read(r#","mtls_endpoint_aliases":{"introspection_endpoint":"https://x/mtls"}"#);
    assert_eq!(path(&with_alias, None).as_deref(), Ok("/mtls"));
    assert_eq!(path(&with_alias, Some("store")), Err(Reason::MtlsEndpointMissing));
    assert_eq!(path(&read(r#","mtls_endpoint_aliases":{}"#), None), Err(Reason::MtlsEndpointMissing));
    let more = read(r#","mtls_additional_endpoint_aliases":{"store":{"introspection_endpoint":"https://x/store"}}"#);
    assert_eq!(path(&more, Some("store")).as_deref(), Ok("/store"));
}
