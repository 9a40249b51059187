//! The valid configuration of a client, parsed once from its options. An existing [`Config`] is always valid.
//!
//! Owns the defaults and the limits of the options. [`options`] owns their names.

mod claims;
pub mod dpop;
pub mod options;
pub mod options_docs;
mod shown;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::Value;

use crate::engine::authorize::dpop::settings::DpopSettings;
use crate::engine::authorize::implied_scopes::ImpliedScopes;
use crate::engine::authorize::mode::BindingMode;
use crate::engine::config::dpop::PublicUrl;
use crate::engine::config::options::{OptionError, OptionSpec, Options};
use crate::engine::error::Reason;
use crate::engine::introspection::client_auth::{AssertionAudience, Credentials, CredentialsError, Method};
use crate::engine::introspection::{self, Client};
use crate::engine::keys::metadata::Tenant;
use crate::engine::keys::refresh::Lifetime;
use crate::engine::keys::store::KeySource;
use crate::engine::token::audience::Audiences;
use crate::engine::token::claim_names::ClaimNames;
use crate::engine::token::compact::encode_base64url;
use crate::engine::transport::own_client::{Network, has_certificates, is_identity};

const DEFAULT_CLOCK_TOLERANCE: f64 = 300.0;
const DEFAULT_CACHE_SECONDS: f64 = 300.0;
const DEFAULT_MAX_STALE_SECONDS: f64 = 86_400.0;
const DEFAULT_RESPONSE_TIMEOUT_MS: f64 = 5000.0;
const DEFAULT_VERIFIED_TOKENS: f64 = 10_000.0;

/// 32 MiB.
const DEFAULT_VERIFIED_TOKEN_BYTES: f64 = 33_554_432.0;

/// The largest number of tokens that can be remembered. A slot number has no bits for more.
pub const MAX_VERIFIED_TOKENS: f64 = 1_048_576.0;

/// The largest cache of verified tokens: 64 GiB, far more than JavaScript's heap can hold.
pub const MAX_VERIFIED_TOKEN_BYTES: f64 = 68_719_476_736.0;

/// The longest duration of an option: a hundred years, so that no sum overflows.
pub const MAX_SECONDS: f64 = 100.0 * 365.0 * 86_400.0;

/// The class of the client. The two classes have different defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientKind {
    /// `MonoCloudBackendNodeClient`.
    Backend,
    /// `MonoCloudOidcBackendClient`: accepts a tenant without `https://`, and defaults to `client_secret_basic`.
    Oidc,
}

/// What JavaScript passes in addition to the options: which functions are configured, and the network settings of the
/// process.
#[derive(Clone, Default)]
pub struct HostEnvironment {
    pub has_fetcher: bool,
    pub resolves_metadata: bool,
    pub resolves_jwks: bool,
    pub extra_authorities: Option<String>,
    pub fallback_authorities: Option<String>,
    pub https_proxy: Option<String>,
    pub http_proxy: Option<String>,
    pub no_proxy: Option<String>,
}

/// Everything that the engine needs to know.
pub struct Config {
    pub audiences: Audiences,
    pub binding: BindingMode,
    /// Identifies this client in the entries of a shared cache: a digest of tenant and client id.
    pub cache_identity: Box<str>,
    pub claim_names: Arc<ClaimNames>,
    pub clock_skew: f64,
    pub clock_tolerance: f64,
    pub announces_dpop: bool,
    pub dpop: DpopSettings,
    pub dpop_binding: BindingMode,
    pub implied_scopes: Arc<ImpliedScopes>,
    pub introspection: Arc<introspection::Settings>,
    /// The longest time, in seconds, that an introspection result stays in a cache.
    pub introspection_cache: Option<f64>,
    pub introspects_jwts: bool,
    pub key_source: KeySource,
    /// Whether an introspection response may omit `aud`.
    pub lets_audience_be_absent: bool,
    pub matches_all_groups: bool,
    pub network: Arc<Network>,
    /// Whether events may hold values of rejected tokens.
    pub publishes_values: bool,
    /// Where clients reach this API. If there are none, the framework reports the URL of a request.
    pub public_urls: Box<[PublicUrl]>,
    pub verified_tokens: usize,
    pub verified_token_bytes: usize,
}

impl Config {
    pub fn parse(options: &Options<'_>, kind: ClientKind, host: &HostEnvironment) -> Result<Config, OptionError> {
        let tenant = tenant(options, kind)?;
        let audiences = audiences(options)?;
        let max_stale = seconds(options, &options::JWKS_MAX_STALE, DEFAULT_MAX_STALE_SECONDS)?;
        let lifetime = |spec: &OptionSpec| {
            seconds(options, spec, DEFAULT_CACHE_SECONDS).map(|max_age| Lifetime { max_age, max_stale })
        };
        let key_source = KeySource {
            tenant,
            metadata_lifetime: lifetime(&options::METADATA_CACHE_DURATION)?,
            keys_lifetime: lifetime(&options::JWKS_CACHE_DURATION)?,
            resolves_metadata: host.resolves_metadata,
            resolves_jwks: host.resolves_jwks,
        };
        let network = network(options, host)?.shared();
        let cache_identity = cache_identity(&key_source.tenant, options.text(&options::CLIENT_ID)?.as_deref());
        let binding = binding_mode(options, &options::VALIDATE_CERTIFICATE_BINDING)?;
        let client = client(options, kind, host, network.identity.is_some())?;
        let clock_skew = options.number(&options::CLOCK_SKEW)?.unwrap_or(0.0);
        let clock_tolerance = options.number(&options::CLOCK_TOLERANCE)?.unwrap_or(DEFAULT_CLOCK_TOLERANCE);
        let claim_names = Arc::new(claims::names(options)?);
        let introspection_cache = options.number(&options::INTROSPECTION_CACHE_DURATION)?;
        let introspects_jwts = options.boolean(&options::INTROSPECT_JWT_TOKENS, false)?;
        let matches_all_groups = options.boolean(&options::GROUPS_MATCH_ALL, false)?;
        let introspection = introspection::Settings {
            claim_names: Arc::clone(&claim_names),
            client,
            time_limit: Duration::from_millis(network.timeout_ms),
            trust_store: options.text(&options::TRUST_STORE_ID)?.map(String::into_boxed_str),
        };
        Ok(Config {
            audiences,
            binding,
            cache_identity,
            claim_names,
            clock_skew,
            clock_tolerance,
            announces_dpop: dpop::is_announced(options),
            dpop: dpop::settings(options)?,
            dpop_binding: binding_mode(options, &options::VALIDATE_DPOP_BINDING)?,
            implied_scopes: Arc::new(claims::implied_scopes(options)?),
            introspection: Arc::new(introspection),
            introspection_cache,
            introspects_jwts,
            key_source,
            lets_audience_be_absent: lets_audience_be_absent(options)?,
            matches_all_groups,
            network,
            publishes_values: publishes_values(options)?,
            public_urls: dpop::public_urls(options)?,
            verified_tokens: verified_tokens(options)?,
            verified_token_bytes: verified_token_bytes(options)?,
        })
    }
}

fn tenant(options: &Options<'_>, kind: ClientKind) -> Result<Tenant, OptionError> {
    let spec = &options::TENANT_DOMAIN;
    let mut domain = options.text(spec)?.ok_or(spec.error("is required"))?;
    if kind == ClientKind::Oidc && !domain.contains("://") {
        domain.insert_str(0, "https://");
    }
    Tenant::parse(&domain).ok_or(spec.error("must be an absolute https URL (http only for a loopback host)"))
}

fn audiences(options: &Options<'_>) -> Result<Audiences, OptionError> {
    let spec = &options::AUDIENCE;
    let names = options.list(spec)?.ok_or(spec.error("is required"))?;
    let problem =
        "must be text without white space and control characters, or a list of 1 to 16 such texts that all differ";
    Audiences::new(&names).ok_or(spec.error(problem))
}

fn publishes_values(options: &Options<'_>) -> Result<bool, OptionError> {
    let spec = &options::DIAGNOSTICS;
    match options.text(spec)?.as_deref() {
        None | Some("reasons") => Ok(false),
        Some("values") => Ok(true),
        Some(_) => Err(spec.error("must be reasons or values")),
    }
}

fn lets_audience_be_absent(options: &Options<'_>) -> Result<bool, OptionError> {
    let spec = &options::INTROSPECTION_AUDIENCE;
    match options.text(spec)?.as_deref() {
        None | Some("required") => Ok(false),
        Some("when_present") => Ok(true),
        Some(_) => Err(spec.error("must be required or when_present")),
    }
}

/// A JSON array separates the two values unambiguously.
fn cache_identity(tenant: &Tenant, client_id: Option<&str>) -> Box<str> {
    let text = serde_json::json!([tenant.domain(), client_id]).to_string();
    encode_base64url(digest(&SHA256, text.as_bytes()).as_ref()).into()
}

fn binding_mode(options: &Options<'_>, spec: &OptionSpec) -> Result<BindingMode, OptionError> {
    match options.text(spec)? {
        None => Ok(BindingMode::default()),
        Some(name) => {
            BindingMode::named(&name).ok_or(spec.error("must be when_present, required or dangerously_ignore"))
        }
    }
}

fn client(
    options: &Options<'_>,
    kind: ClientKind,
    host: &HostEnvironment,
    has_identity: bool,
) -> Result<Option<Client>, OptionError> {
    let method = match options.text(&options::CLIENT_AUTH_METHOD)?.as_deref() {
        None if kind == ClientKind::Oidc => Method::ClientSecretBasic,
        None => Method::ClientSecretPost,
        Some(name) => Method::named(name).ok_or(options::CLIENT_AUTH_METHOD.error("is not a known method"))?,
    };
    let assertion_audience =
        options.text(&options::ASSERTION_AUDIENCE)?.map_or(AssertionAudience::default(), AssertionAudience::named);
    let secret = options.secret(&options::CLIENT_SECRET)?;
    let Some(id) = options.text(&options::CLIENT_ID)? else {
        return Ok(None);
    };
    let credentials = match Credentials::new(id, method, secret) {
        // A `fetcher` presents a client certificate of its own.
        Ok(_) if method.is_mutual_tls() && !has_identity && !host.has_fetcher => Err(Reason::ClientCertificateRequired),
        Ok(credentials) => Ok(credentials.for_audience(assertion_audience)),
        Err(CredentialsError::Missing) => Err(Reason::ClientSecretRequired),
        Err(CredentialsError::Unusable) => {
            return Err(options::CLIENT_SECRET.error("is not a key that clientAuthMethod can use"));
        }
    };
    Ok(Some(Client { method, credentials }))
}

fn network(options: &Options<'_>, host: &HostEnvironment) -> Result<Network, OptionError> {
    let authorities = pem(options, &options::CERTIFICATE_AUTHORITIES)?;
    if authorities.as_deref().is_some_and(|pem| !has_certificates(pem)) {
        return Err(options::CERTIFICATE_AUTHORITIES.error("holds no certificate"));
    }
    let certificate = pem(options, &options::CLIENT_CERTIFICATE)?;
    let key = pem(options, &options::CLIENT_CERTIFICATE_KEY)?;
    let identity = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(format!("{certificate}\n{key}\n")),
        (None, None) => None,
        (Some(_), None) => return Err(options::CLIENT_CERTIFICATE_KEY.error("is required with clientCertificate")),
        (None, Some(_)) => return Err(options::CLIENT_CERTIFICATE.error("is required with clientCertificateKey")),
    };
    if identity.as_deref().is_some_and(|identity| !is_identity(identity)) {
        return Err(options::CLIENT_CERTIFICATE.error("and clientCertificateKey are not a certificate and its key"));
    }
    let timeout = options.number(&options::RESPONSE_TIMEOUT)?.unwrap_or(DEFAULT_RESPONSE_TIMEOUT_MS);
    Ok(Network {
        authorities,
        extra_authorities: host.extra_authorities.clone(),
        fallback_authorities: host.fallback_authorities.clone(),
        identity,
        https_proxy: host.https_proxy.clone(),
        http_proxy: host.http_proxy.clone(),
        no_proxy: host.no_proxy.clone(),
        timeout_ms: timeout.min(MAX_SECONDS) as u64,
    })
}

/// Reads an option that is PEM text or the path of a PEM file.
fn pem(options: &Options<'_>, spec: &OptionSpec) -> Result<Option<String>, OptionError> {
    match options.text(spec)? {
        Some(text) if !text.contains("-----BEGIN") => {
            std::fs::read_to_string(text).map(Some).map_err(|_| spec.error("is neither PEM text nor a readable file"))
        }
        text => Ok(text),
    }
}

fn seconds(options: &Options<'_>, spec: &OptionSpec, default: f64) -> Result<Duration, OptionError> {
    let seconds = options.number(spec)?.unwrap_or(default);
    Ok(Duration::from_secs_f64(seconds.min(MAX_SECONDS)))
}

fn verified_tokens(options: &Options<'_>) -> Result<usize, OptionError> {
    let spec = &options::VERIFIED_TOKEN_CACHE_SIZE;
    match options.number(spec)?.unwrap_or(DEFAULT_VERIFIED_TOKENS) {
        size if size > MAX_VERIFIED_TOKENS => Err(spec.error("must be at most 1048576 tokens")),
        size if size.fract() != 0.0 => Err(spec.error("must be a whole number of tokens")),
        size => Ok(size as usize),
    }
}

fn verified_token_bytes(options: &Options<'_>) -> Result<usize, OptionError> {
    let spec = &options::VERIFIED_TOKEN_CACHE_BYTES;
    match options.number(spec)?.unwrap_or(DEFAULT_VERIFIED_TOKEN_BYTES) {
        bytes if bytes > MAX_VERIFIED_TOKEN_BYTES => Err(spec.error("must be at most 68719476736 bytes")),
        bytes if bytes.fract() != 0.0 => Err(spec.error("must be a whole number of bytes")),
        bytes => Ok(bytes as usize),
    }
}

impl HostEnvironment {
    /// Reads the object that JavaScript passes. An empty text counts as absent.
    pub fn from_json(value: &Value) -> Self {
        let flag = |name: &str| value.get(name).and_then(Value::as_bool).unwrap_or_default();
        let text =
            |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned).filter(|text| !text.is_empty());
        HostEnvironment {
            has_fetcher: flag("hasFetcher"),
            resolves_metadata: flag("resolvesMetadata"),
            resolves_jwks: flag("resolvesJwks"),
            extra_authorities: text("extraAuthorities"),
            fallback_authorities: text("fallbackAuthorities"),
            https_proxy: text("httpsProxy"),
            http_proxy: text("httpProxy"),
            no_proxy: text("noProxy"),
        }
    }
}

#[cfg(test)]
mod tests;
