//! The defaults, the ranges, and the option that an error names.

use serde_json::json;

use super::*;
use crate::engine::token::claim_names::{ClaimPath, DEFAULT_NAMES};

fn parse_as(kind: ClientKind, given: Value, environment: Value) -> Result<Config, OptionError> {
    Config::parse(&Options { given: &given, environment: &environment }, kind, &HostEnvironment::default())
}

/// A valid client with further options.
fn with(more: Value) -> Result<Config, OptionError> {
    let mut given = json!({ "tenantDomain": "https://acme.example", "audience": "https://api.example" });
    for (name, value) in more.as_object().expect("an object") {
        given[name] = value.clone();
    }
    parse_as(ClientKind::Backend, given, json!({}))
}

fn error_of(more: Value) -> Option<&'static str> {
    with(more).err().map(|error| error.name)
}

#[test]
fn the_defaults_are_the_documented_ones() {
    let config = with(json!({})).ok().expect("a config");
    assert_eq!((config.clock_skew, config.clock_tolerance), (0.0, 300.0));
    assert_eq!(*config.claim_names, DEFAULT_NAMES);
    assert_eq!(config.binding, BindingMode::WhenPresent);
    assert_eq!((config.introspects_jwts, config.matches_all_groups), (false, false));
    assert!(!config.publishes_values);
    assert_eq!(config.key_source.keys_lifetime.max_age, Duration::from_secs(300));
    assert_eq!(config.key_source.keys_lifetime.max_stale, Duration::from_secs(86_400));
    assert_eq!(config.network.timeout_ms, 5000);
    assert_eq!((config.verified_tokens, config.introspection_cache), (10_000, None));
    assert_eq!(config.verified_token_bytes, 32 * 1024 * 1024);
    assert!(config.introspection.client.is_none());
}

#[test]
fn the_two_required_options_are_named_with_their_variables() {
    let message = |given: Value| parse_as(ClientKind::Backend, given, json!({})).err().map(|error| error.to_string());
    let tenant = message(json!({ "audience": "https://a" })).expect("an error");
    assert!(tenant.contains("tenantDomain") && tenant.contains("MONOCLOUD_BACKEND_TENANT_DOMAIN"), "{tenant}");
    let audience = message(json!({ "tenantDomain": "https://a", "audience": "  " })).expect("an error");
    assert!(audience.contains("audience") && audience.contains("MONOCLOUD_BACKEND_AUDIENCE"), "{audience}");
}

#[test]
fn everything_can_come_from_the_environment() {
    let environment = json!({
        "MONOCLOUD_BACKEND_TENANT_DOMAIN": "https://acme.example/",
        "MONOCLOUD_BACKEND_AUDIENCE": "urn:api",
        "MONOCLOUD_BACKEND_CLIENT_ID": "id",
        "MONOCLOUD_BACKEND_CLIENT_SECRET": "secret",
        "MONOCLOUD_BACKEND_CLIENT_AUTH_METHOD": "client_secret_basic",
        "MONOCLOUD_BACKEND_CLOCK_TOLERANCE": "0",
        "MONOCLOUD_BACKEND_VALIDATE_CERTIFICATE_BINDING": "required",
    });
    let config = parse_as(ClientKind::Backend, json!({}), environment).ok().expect("a config");
    assert_eq!(config.key_source.tenant.domain(), "https://acme.example");
    assert_eq!(config.clock_tolerance, 0.0);
    assert_eq!(config.binding, BindingMode::Required);
    assert_eq!(config.introspection.client.as_ref().map(|client| client.method), Some(Method::ClientSecretBasic));
}

#[test]
fn a_bare_host_gets_https_only_in_the_parent_class() {
    let given = || json!({ "tenantDomain": "acme.us.monocloud.com", "audience": "https://a" });
    let oidc = parse_as(ClientKind::Oidc, given(), Value::Null).ok().expect("a config");
    assert_eq!(oidc.key_source.tenant.domain(), "https://acme.us.monocloud.com");
    assert_eq!(parse_as(ClientKind::Backend, given(), json!({})).err().map(|error| error.name), Some("tenantDomain"));
}

#[test]
fn an_option_out_of_range_or_of_another_type_is_named() {
    for (option, wrong) in [
        ("audience", json!("not a uri")),
        ("audience", json!(7)),
        ("audience", json!("https://a\u{2}")),
        ("audience", json!("a b")),
        ("audience", json!([])),
        ("audience", json!(["a", ""])),
        ("audience", json!(["a", 1])),
        ("audience", json!(["a", "b c"])),
        ("audience", json!(["a", "a"])),
        ("audience", json!((0..17).map(|n| n.to_string()).collect::<Vec<_>>())),
        ("introspectionAudience", json!("optional")),
        ("introspectionAudience", json!(true)),
        ("diagnostics", json!("all")),
        ("diagnostics", json!(true)),
        ("clockSkew", json!(-1)),
        ("clockTolerance", json!("1")),
        ("jwksCacheDuration", json!(-0.1)),
        ("metadataCacheDuration", json!([])),
        ("responseTimeout", json!(999)),
        ("introspectJwtTokens", json!("true")),
        ("validateCertificateBinding", json!("never")),
        ("clientAuthMethod", json!("none")),
        ("assertionAudience", json!(["issuer"])),
        ("verifiedTokenCacheBytes", json!(-1)),
        ("verifiedTokenCacheBytes", json!(0.5)),
        ("verifiedTokenCacheBytes", json!(68_719_476_737_u64)),
        ("verifiedTokenCacheSize", json!(1.5)),
        ("verifiedTokenCacheSize", json!(1_048_577)),
        ("certificateAuthorities", json!("/no/such/file")),
        ("certificateAuthorities", json!("-----BEGIN RUBBISH-----")),
    ] {
        assert_eq!(error_of(json!({ option: wrong.clone() })), Some(option), "{option}: {wrong}");
    }
    assert_eq!(error_of(json!({ "groupOptions": { "matchAll": 1 } })), Some("groupOptions.matchAll"));
}

#[test]
fn a_variable_that_cannot_be_read_is_named_whatever_its_kind() {
    for (variable, wrong) in [
        ("CLIENT_AUTH_METHOD", "Client_Secret_Basic"),
        ("CLOCK_TOLERANCE", "5m"),
        ("DIAGNOSTICS", "Values"),
        ("GROUPS_MATCH_ALL", "yes"),
        ("AUDIENCE", "urn:a urn:b urn:a"),
        ("INTROSPECTION_AUDIENCE", "When_Present"),
        ("INTROSPECT_JWT_TOKENS", "treu"),
        ("RESPONSE_TIMEOUT", "5_000"),
        ("VALIDATE_CERTIFICATE_BINDING", "\"required\""),
        ("VERIFIED_TOKEN_CACHE_SIZE", "10k"),
    ] {
        let name = format!("MONOCLOUD_BACKEND_{variable}");
        let mut given = json!({ "tenantDomain": "https://a" });
        if variable != "AUDIENCE" {
            given["audience"] = json!("urn:api");
        }
        let error = parse_as(ClientKind::Backend, given, json!({ name.clone(): wrong })).err().expect("an error");
        assert_eq!(error.variable, variable);
        assert!(error.to_string().contains(&name) && !error.to_string().contains(wrong), "{error}");
    }
}

#[test]
fn an_audience_is_one_text_or_a_list_and_spaces_separate_several_in_the_environment() {
    let of = |config: Result<Config, OptionError>| config.ok().map(|config| config.audiences.as_str().to_owned());
    let in_code = |audience: Value| of(with(json!({ "audience": audience })));
    let in_environment = |audience: &str| {
        let environment = json!({ "MONOCLOUD_BACKEND_AUDIENCE": audience });
        of(parse_as(ClientKind::Backend, json!({ "tenantDomain": "https://a" }), environment))
    };
    assert_eq!(in_code(json!("api")).as_deref(), Some("api"));
    assert_eq!(in_code(json!(["api", "https://api.example/"])).as_deref(), Some("api https://api.example/"));
    assert_eq!(in_code(json!((0..16).map(|n| n.to_string()).collect::<Vec<_>>())).map(|all| all.len()), Some(37));
    assert_eq!(in_environment(" b\t a\r\n").as_deref(), Some("b a"));
    assert_eq!(in_environment("a"), Some("a".to_owned()));
    assert_eq!((in_environment(" "), in_environment("a a")), (None, None));
}

#[test]
fn an_introspection_response_needs_aud_unless_the_option_says_otherwise() {
    let of = |mode: Value| with(json!({ "introspectionAudience": mode })).ok().map(|it| it.lets_audience_be_absent);
    assert_eq!(of(Value::Null), Some(false));
    assert_eq!(of(json!("required")), Some(false));
    assert_eq!(of(json!("when_present")), Some(true));
}

#[test]
fn the_least_and_the_greatest_values_are_accepted() {
    let accepted = json!({ "clockSkew": 0, "clockTolerance": 0, "jwksCacheDuration": 0, "responseTimeout": 1000, "verifiedTokenCacheSize": 1_048_576, "verifiedTokenCacheBytes": 68_719_476_736_u64, "metadataCacheDuration": 1e300 });
    assert!(with(accepted).is_ok());
}

#[test]
fn a_secret_is_text_or_a_jwk_and_a_missing_one_is_found_when_it_is_needed() {
    let client = |more: Value| {
        let config = with(more).ok().expect("a config");
        Arc::into_inner(config.introspection).and_then(|settings| settings.client).expect("a client")
    };
    assert!(client(json!({ "clientId": "id", "clientSecret": "s" })).credentials.is_ok());
    let jwk = json!({ "kty": "oct", "k": "c2VjcmV0", "alg": "HS512" });
    let by_jwk = json!({ "clientId": "id", "clientSecret": jwk, "clientAuthMethod": "client_secret_jwt" });
    assert!(client(by_jwk).credentials.is_ok());
    assert_eq!(client(json!({ "clientId": "id" })).credentials.err(), Some(Reason::ClientSecretRequired));
    let mtls = json!({ "clientId": "id", "clientAuthMethod": "tls_client_auth" });
    assert_eq!(client(mtls).credentials.err(), Some(Reason::ClientCertificateRequired));
    let unusable = json!({ "clientId": "id", "clientSecret": "text", "clientAuthMethod": "private_key_jwt" });
    assert_eq!(error_of(unusable), Some("clientSecret"));
}

#[test]
fn a_claim_is_named_by_text_or_by_a_path_and_scopes_by_several_of_them() {
    let path = |names: &[&str]| ClaimPath::new(names.iter().map(|name| (*name).to_owned()).collect()).expect("a path");
    let names = |more: Value| with(more).ok().expect("a config").claim_names;
    let realm = json!(["realm_access", "roles"]);
    let all = names(json!({
        "groupOptions": { "groupsClaim": realm }, "permissionsClaim": ["https://acme/p.q"], "rolesClaim": "a b",
        "scopeOptions": { "scopesClaim": ["scp", realm, "scope"] },
    }));
    assert_eq!(all.groups, path(&["realm_access", "roles"]));
    assert_eq!((&all.permissions, &all.roles), (&path(&["https://acme/p.q"]), &path(&["a b"])));
    assert_eq!(*all.scopes, [path(&["scp"]), path(&["realm_access", "roles"]), path(&["scope"])]);
    assert_eq!(*names(json!({ "scopeOptions": { "scopesClaim": "scp" } })).scopes, [path(&["scp"])]);
    assert_eq!(*names(json!({ "scopeOptions": { "scopesClaim": " " }, "rolesClaim": "" })), DEFAULT_NAMES);
    for wrong in [json!([]), json!(1), json!({}), json!([1]), json!([""]), json!(vec!["a"; 9]), json!([["a"], [[]]])] {
        assert_eq!(error_of(json!({ "scopeOptions": { "scopesClaim": wrong } })), Some("scopeOptions.scopesClaim"));
        assert_eq!(error_of(json!({ "rolesClaim": wrong })), Some("rolesClaim"), "{wrong}");
    }
    assert_eq!(error_of(json!({ "permissionsClaim": [["a"]] })), Some("permissionsClaim"));
}

#[test]
fn the_claims_and_the_implied_scopes_can_come_from_the_environment() {
    let parsed = |variable: &str, text: &str| {
        let given = json!({ "tenantDomain": "https://a", "audience": "urn:api" });
        let variable = format!("MONOCLOUD_BACKEND_{variable}");
        parse_as(ClientKind::Backend, given, json!({ variable: text }))
    };
    let names = |variable: &str, text: &str| parsed(variable, text).ok().expect("a config").claim_names;
    assert_eq!(*names("SCOPES_CLAIM", " scp\tscope ").scopes, [ClaimPath::named("scp"), ClaimPath::named("scope")]);
    assert_eq!(names("ROLES_CLAIM", "https://acme/roles").roles, ClaimPath::named("https://acme/roles"));
    assert_eq!(names("PERMISSIONS_CLAIM", "p").permissions, ClaimPath::named("p"));
    let implied = parsed("SCOPES_IMPLIES", r#"{"write":["read"]}"#).ok().expect("a config").implied_scopes;
    assert_eq!(implied.broader("read"), ["write".into()]);
    for wrong in ["write", "[]", "1", r#"{"a":"b"}"#, r#"{"a":[1]}"#, r#"{"a b":["c"]}"#, "{"] {
        assert_eq!(
            parsed("SCOPES_IMPLIES", wrong).err().map(|error| error.variable),
            Some("SCOPES_IMPLIES"),
            "{wrong}"
        );
    }
    assert_eq!(parsed("SCOPES_CLAIM", &"a ".repeat(9)).err().map(|error| error.variable), Some("SCOPES_CLAIM"));
}

#[test]
fn a_client_certificate_and_its_key_come_together() {
    assert_eq!(error_of(json!({ "clientCertificate": "-----BEGIN CERTIFICATE-----" })), Some("clientCertificateKey"));
    assert_eq!(error_of(json!({ "clientCertificateKey": "-----BEGIN PRIVATE KEY-----" })), Some("clientCertificate"));
}

#[test]
fn clients_with_equal_network_settings_share_them() {
    let network = |more: Value| with(more).ok().expect("a config").network;
    let first = network(json!({ "responseTimeout": 4321 }));
    let other_tenant = json!({ "tenantDomain": "https://other.example", "responseTimeout": 4321 });
    assert!(Arc::ptr_eq(&first, &network(other_tenant)));
    assert!(!Arc::ptr_eq(&first, &network(json!({ "responseTimeout": 4322 }))));
}
