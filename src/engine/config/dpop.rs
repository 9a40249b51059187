//! The options of DPoP (RFC 9449): their defaults and limits, and the public URLs of this API.

use crate::engine::authorize::dpop::settings::{DpopSettings, NonceMode};
use crate::engine::authorize::dpop::url::ComparableUrl;
use crate::engine::config::options::{self, OptionError, OptionSpec, Options};
use crate::engine::token::compact::decode_base64url;
use crate::engine::token::header::Algorithm;

/// The longest and the shortest secret of nonces, in bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 32..=1024;

/// The largest number of public URLs.
const MAX_PUBLIC_URLS: usize = 16;

/// Where clients reach this API: the origin, and the path prefix that a proxy strips. It has no `/` at its end, so that
/// the path of a request can follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(Box<str>);

impl PublicUrl {
    /// Parses an absolute `http` or `https` URL without user information, query and fragment. `http` is allowed, because
    /// an API on a private network may have no TLS.
    fn parse(text: &str) -> Option<PublicUrl> {
        let url = ComparableUrl::parse(text).filter(|_| !text.contains(['?', '#']))?;
        let text = url.as_str();
        Some(PublicUrl(text.strip_suffix('/').unwrap_or(text).into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the API announces DPoP to clients that do not use it: only if one of these options is set, so that the challenges
/// of other APIs stay as they are.
pub fn is_announced(options: &Options<'_>) -> bool {
    options.has_any(&[
        &options::VALIDATE_DPOP_BINDING,
        &options::DPOP_ALGORITHMS,
        &options::DPOP_LEEWAY,
        &options::DPOP_MAX_AGE,
        &options::DPOP_NONCE,
        &options::DPOP_NONCE_ROTATION,
        &options::DPOP_NONCE_SECRET,
        &options::DPOP_REPLAY_CACHE_SIZE,
    ])
}

pub fn settings(options: &Options<'_>) -> Result<DpopSettings, OptionError> {
    let defaults = DpopSettings::default();
    let nonce_secret = nonce_secret(options)?;
    Ok(DpopSettings {
        algorithms: algorithms(options)?.unwrap_or(defaults.algorithms),
        max_age_secs: whole(options, &options::DPOP_MAX_AGE, 1..=600, "must be a whole number of seconds, 1 to 600")?
            .unwrap_or(defaults.max_age_secs),
        leeway_secs: whole(options, &options::DPOP_LEEWAY, 0..=60, "must be a whole number of seconds, 0 to 60")?
            .unwrap_or(defaults.leeway_secs),
        nonce: nonce_mode(options, nonce_secret.is_some())?,
        nonce_secret,
        nonce_rotation_secs: whole(
            options,
            &options::DPOP_NONCE_ROTATION,
            10..=3600,
            "must be a whole number of seconds, 10 to 3600",
        )?
        .unwrap_or(defaults.nonce_rotation_secs),
        replay_cache_size: whole(
            options,
            &options::DPOP_REPLAY_CACHE_SIZE,
            1024..=16_777_216,
            "must be a whole number of proofs, 1024 to 16777216",
        )?
        .map_or(defaults.replay_cache_size, |size| size as usize),
    })
}

pub fn public_urls(options: &Options<'_>) -> Result<Box<[PublicUrl]>, OptionError> {
    let spec = &options::PUBLIC_URL;
    let urls = options.list(spec)?.unwrap_or_default();
    if urls.len() > MAX_PUBLIC_URLS {
        return Err(spec.error("must be at most 16 URLs"));
    }
    let wrong = || spec.error("must be an absolute http or https URL without user, query and fragment");
    urls.iter().map(|text| PublicUrl::parse(text).ok_or_else(wrong)).collect()
}

/// `EdDSA` and `Ed25519` are two names of one algorithm (RFC 9864 §2.2). Either of them accepts both.
fn algorithms(options: &Options<'_>) -> Result<Option<Box<[Algorithm]>>, OptionError> {
    let spec = &options::DPOP_ALGORITHMS;
    let Some(names) = options.list(spec)? else {
        return Ok(None);
    };
    let mut algorithms = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let algorithm =
            Algorithm::named(name).ok_or(spec.error("has an algorithm that is not known or not allowed"))?;
        if names[..index].contains(name) {
            return Err(spec.error("has an algorithm twice"));
        }
        if !algorithms.contains(&algorithm) {
            algorithms.push(algorithm);
        }
    }
    Ok(Some(algorithms.into()))
}

/// A secret alone switches nonces on. Without one, a mode must be chosen: with a random secret, the nonces of one process
/// are not known to another.
fn nonce_mode(options: &Options<'_>, has_secret: bool) -> Result<NonceMode, OptionError> {
    let spec = &options::DPOP_NONCE;
    match options.text(spec)?.as_deref() {
        None if has_secret => Ok(NonceMode::WhenStale),
        None => Ok(NonceMode::Off),
        Some("off") => Ok(NonceMode::Off),
        Some("when_stale") => Ok(NonceMode::WhenStale),
        Some("required") => Ok(NonceMode::Required),
        Some(_) => Err(spec.error("must be off, when_stale or required")),
    }
}

fn nonce_secret(options: &Options<'_>) -> Result<Option<Box<[u8]>>, OptionError> {
    let spec = &options::DPOP_NONCE_SECRET;
    let Some(text) = options.text(spec)? else {
        return Ok(None);
    };
    match decode_secret(text.trim()).filter(|secret| SECRET_BYTES.contains(&secret.len())) {
        Some(secret) => Ok(Some(secret.into())),
        None => Err(spec.error("must be 32 to 1024 bytes in base64url or hex")),
    }
}

/// A text that has only hexadecimal digits is never read as base64url: that would make a secret look longer than it is.
fn decode_secret(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return decode_base64url(text.as_bytes());
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| if let [high, low] = *pair { Some(digit(high)? << 4 | digit(low)?) } else { None }).collect()
}

fn whole(
    options: &Options<'_>,
    spec: &OptionSpec,
    range: std::ops::RangeInclusive<u32>,
    problem: &'static str,
) -> Result<Option<u32>, OptionError> {
    let Some(number) = options.number(spec)? else {
        return Ok(None);
    };
    let is_allowed = number.fract() == 0.0 && f64::from(*range.start()) <= number && number <= f64::from(*range.end());
    if is_allowed { Ok(Some(number as u32)) } else { Err(spec.error(problem)) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::authorize::mode::BindingMode;
    use crate::engine::config::binding_mode;

    fn settings_of(given: Value, environment: Value) -> Result<DpopSettings, OptionError> {
        settings(&Options { given: &given, environment: &environment })
    }

    fn binding_of(given: Value, environment: Value) -> Result<BindingMode, OptionError> {
        let options = Options { given: &given, environment: &environment };
        binding_mode(&options, &options::VALIDATE_DPOP_BINDING)
    }

    fn urls_of(given: Value) -> Result<Vec<String>, OptionError> {
        let urls = public_urls(&Options { given: &json!({ "publicUrl": given }), environment: &json!({}) })?;
        Ok(urls.iter().map(|url| url.as_str().to_owned()).collect())
    }

    fn with(name: &str, value: Value) -> Result<DpopSettings, OptionError> {
        settings_of(json!({ "dpop": { name: value } }), json!({}))
    }

    fn secret(text: &str) -> Option<Vec<u8>> {
        with("nonceSecret", json!(text)).ok()?.nonce_secret.map(Vec::from)
    }

    #[test]
    fn the_defaults_are_the_documented_ones() {
        for (given, environment) in
            [(json!({}), json!({})), (json!({ "dpop": {} }), Value::Null), (Value::Null, json!({}))]
        {
            assert_eq!(binding_of(given.clone(), environment.clone()).ok(), Some(BindingMode::WhenPresent));
            let settings = settings_of(given, environment).ok().expect("settings");
            assert_eq!(settings.nonce, NonceMode::Off);
            let names = [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Ps256, Algorithm::Rs256];
            assert_eq!(*settings.algorithms, names);
            assert_eq!((settings.max_age_secs, settings.leeway_secs, settings.nonce_rotation_secs), (60, 30, 60));
            assert_eq!((settings.replay_cache_size, settings.nonce_secret), (262_144, None));
        }
    }

    #[test]
    fn every_option_can_come_from_the_environment() {
        let environment = json!({
            "MONOCLOUD_BACKEND_VALIDATE_DPOP_BINDING": "required",
            "MONOCLOUD_BACKEND_DPOP_ALGORITHMS": " RS512  ES384\tES256 ",
            "MONOCLOUD_BACKEND_DPOP_MAX_AGE": "600",
            "MONOCLOUD_BACKEND_DPOP_LEEWAY": "0",
            "MONOCLOUD_BACKEND_DPOP_NONCE": "required",
            "MONOCLOUD_BACKEND_DPOP_NONCE_SECRET": "00".repeat(32) + "\r",
            "MONOCLOUD_BACKEND_DPOP_NONCE_ROTATION": "3600",
            "MONOCLOUD_BACKEND_DPOP_REPLAY_CACHE_SIZE": "1024",
        });
        assert_eq!(binding_of(json!({}), environment.clone()).ok(), Some(BindingMode::Required));
        let settings = settings_of(json!({}), environment).ok().expect("settings");
        assert_eq!(settings.nonce, NonceMode::Required);
        assert_eq!(*settings.algorithms, [Algorithm::Rs512, Algorithm::Es384, Algorithm::Es256]);
        assert_eq!((settings.max_age_secs, settings.leeway_secs, settings.nonce_rotation_secs), (600, 0, 3600));
        assert_eq!((settings.replay_cache_size, settings.nonce_secret.as_deref()), (1024, Some(&[0; 32][..])));
    }

    #[test]
    fn both_ends_of_a_range_are_accepted_and_what_is_beyond_is_named() {
        for (name, least, most) in
            [("maxAge", 1, 600), ("leeway", 0, 60), ("nonceRotation", 10, 3600), ("replayCacheSize", 1024, 16_777_216)]
        {
            assert!(with(name, json!(least)).is_ok() && with(name, json!(most)).is_ok(), "{name}");
            for wrong in [json!(least - 1), json!(most + 1), json!(20.5), json!("20"), json!(1e300), json!([20])] {
                let error = with(name, wrong.clone()).err().map(|error| error.name);
                assert_eq!(error, Some(format!("dpop.{name}").as_str()), "{wrong}");
            }
        }
    }

    #[test]
    fn algorithms_are_known_asymmetric_and_given_once() {
        let algorithms = |value: Value| with("algorithms", value).map(|settings| settings.algorithms.into_vec());
        assert_eq!(algorithms(json!(["EdDSA"])), Ok(vec![Algorithm::EdDsa]));
        assert_eq!(algorithms(json!(["Ed25519", "ES256", "EdDSA"])), Ok(vec![Algorithm::EdDsa, Algorithm::Es256]));
        for wrong in [
            json!([]),
            json!(["none"]),
            json!(["HS256"]),
            json!(["es256"]),
            json!(["ES256", "ES256"]),
            json!(["ES256", ""]),
            json!(["ES256", 1]),
            json!(["ES256 RS256"]),
            json!(1),
            json!({}),
        ] {
            assert_eq!(algorithms(wrong.clone()).err().map(|error| error.name), Some("dpop.algorithms"), "{wrong}");
        }
    }

    #[test]
    fn a_secret_alone_switches_nonces_on_and_a_mode_that_is_given_wins() {
        let nonce = |given: Value| settings_of(json!({ "dpop": given }), json!({})).map(|settings| settings.nonce);
        let secret = "ab".repeat(32);
        assert_eq!(nonce(json!({ "nonceSecret": secret })), Ok(NonceMode::WhenStale));
        assert_eq!(nonce(json!({ "nonceSecret": secret, "nonce": "off" })), Ok(NonceMode::Off));
        assert_eq!(nonce(json!({ "nonce": "when_stale" })), Ok(NonceMode::WhenStale));
        assert_eq!(nonce(json!({ "nonce": "required" })), Ok(NonceMode::Required));
        for wrong in [json!("Off"), json!("always"), json!(true), json!(1)] {
            assert_eq!(nonce(json!({ "nonce": wrong })).err().map(|error| error.name), Some("dpop.nonce"), "{wrong}");
        }
    }

    #[test]
    fn a_secret_has_32_to_1024_bytes_in_base64url_or_hex() {
        assert_eq!(secret(&"Ff".repeat(32)), Some(vec![0xff; 32]));
        assert_eq!(secret(&format!("{}-_8", "A".repeat(40))).map(|secret| secret.len()), Some(32));
        assert_eq!(secret(&"A0".repeat(1024)).map(|secret| secret.len()), Some(1024));
        for wrong in [
            "aa".repeat(31),
            "A".repeat(42) + "-",
            "a".repeat(65),
            "A".repeat(44) + "=",
            "+/".repeat(32),
            "aa".repeat(1025),
        ] {
            let error = with("nonceSecret", json!(wrong)).err().expect("an error");
            assert_eq!(error.name, "dpop.nonceSecret");
            assert!(!error.to_string().contains(&wrong), "the secret is in the message");
        }
        assert_eq!(with("nonceSecret", json!({ "k": "A" })).err().map(|error| error.name), Some("dpop.nonceSecret"));
    }

    #[test]
    fn a_binding_mode_that_is_not_known_is_named() {
        for wrong in [json!("ignore"), json!("When_Present"), json!(true)] {
            let error = binding_of(json!({ "validateDPoPBinding": wrong }), json!({})).err();
            assert_eq!(error.map(|error| error.variable), Some("VALIDATE_DPOP_BINDING"), "{wrong}");
        }
    }

    #[test]
    fn a_public_url_keeps_its_path_prefix_and_loses_the_slash_at_its_end() {
        for (text, expected) in [
            ("https://api.example.com", "https://api.example.com"),
            ("https://api.example.com/", "https://api.example.com"),
            ("HTTPS://API.example.com:443/svc1/", "https://api.example.com/svc1"),
            ("http://[::1]:8080/svc1", "http://[::1]:8080/svc1"),
        ] {
            assert_eq!(urls_of(json!(text)), Ok(vec![expected.to_owned()]), "{text}");
            assert_eq!(urls_of(json!([text])), Ok(vec![expected.to_owned()]), "{text}");
        }
        assert_eq!(urls_of(Value::Null), Ok(vec![]));
    }

    #[test]
    fn a_public_url_that_is_not_understood_is_named() {
        for wrong in [
            json!("api.example.com"),
            json!("/svc1"),
            json!("https://"),
            json!("https://u:p@h"),
            json!("https://h?a"),
            json!("https://h/#"),
            json!("ftp://h"),
            json!("https://h/a b"),
            json!("https://h\\a"),
            json!([]),
            json!([""]),
            json!(["https://h", 1]),
            json!(["https://h", "x"]),
            json!(true),
            json!(vec!["https://h"; 17]),
        ] {
            assert_eq!(urls_of(wrong.clone()).err().map(|error| error.name), Some("publicUrl"), "{wrong}");
        }
        assert_eq!(urls_of(json!(vec!["https://h"; 16])).map(|urls| urls.len()), Ok(16));
    }

    #[test]
    fn public_urls_in_the_environment_are_separated_by_white_space() {
        let environment = json!({ "MONOCLOUD_BACKEND_PUBLIC_URL": " https://a  https://b/x\n" });
        let urls = public_urls(&Options { given: &json!({}), environment: &environment }).ok().expect("URLs");
        assert_eq!(urls.iter().map(PublicUrl::as_str).collect::<Vec<_>>(), ["https://a", "https://b/x"]);
    }
}
