//! The table of options: names, environment variables and kinds, and how their values are read.
//!
//! A constructor value takes precedence over an environment variable. A value that cannot be read is always an error, so
//! that a mistyped setting cannot silently turn a check off. White space around the value of an environment variable is
//! ignored, because a file with Windows line endings leaves `true\r`. An empty variable counts as unset.

use std::fmt;

use serde_json::Value;

/// The prefix of every environment variable.
pub const PREFIX: &str = "MONOCLOUD_BACKEND_";

/// The kind of an option's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// `true` or `false`, in any case in the environment.
    Boolean,
    /// Texts: an array, or one text. In the environment, separated by white space.
    List,
    /// A finite number of at least `least`. In the environment, a base-10 integer.
    Number {
        least: f64,
    },
    /// The name of a claim, or a path: an array of names from the outside in. In the environment, one name.
    ClaimPath,
    /// Several claims: an array of names and paths, or one name. In the environment, names separated by white space.
    ClaimPaths,
    /// An object, for each scope an array of scopes. In the environment, its JSON text.
    Scopes,
    /// Text, or an object that is a JWK.
    Secret,
    Text,
}

/// One option.
pub struct OptionSpec {
    /// The name in code. A `.` separates the name of an object from the name of its member.
    pub name: &'static str,
    /// The environment variable, without [`PREFIX`].
    pub variable: &'static str,
    pub kind: Kind,
}

macro_rules! options {
    ($($constant:ident $name:literal $variable:literal $kind:expr;)+) => {
        $(pub const $constant: OptionSpec = OptionSpec { name: $name, variable: $variable, kind: $kind };)+
        /// Every option that is a value. JavaScript handles the options that are functions or objects with methods.
        pub const TABLE: &[OptionSpec] = &[$($constant,)+];
    };
}

options! {
    ASSERTION_AUDIENCE "assertionAudience" "ASSERTION_AUDIENCE" Kind::Text;
    AUDIENCE "audience" "AUDIENCE" Kind::List;
    CERTIFICATE_AUTHORITIES "certificateAuthorities" "CERTIFICATE_AUTHORITIES" Kind::Text;
    CLIENT_AUTH_METHOD "clientAuthMethod" "CLIENT_AUTH_METHOD" Kind::Text;
    CLIENT_CERTIFICATE "clientCertificate" "CLIENT_CERTIFICATE" Kind::Text;
    CLIENT_CERTIFICATE_KEY "clientCertificateKey" "CLIENT_CERTIFICATE_KEY" Kind::Text;
    CLIENT_ID "clientId" "CLIENT_ID" Kind::Text;
    CLIENT_SECRET "clientSecret" "CLIENT_SECRET" Kind::Secret;
    CLOCK_SKEW "clockSkew" "CLOCK_SKEW" Kind::Number { least: 0.0 };
    CLOCK_TOLERANCE "clockTolerance" "CLOCK_TOLERANCE" Kind::Number { least: 0.0 };
    DIAGNOSTICS "diagnostics" "DIAGNOSTICS" Kind::Text;
    DPOP_ALGORITHMS "dpop.algorithms" "DPOP_ALGORITHMS" Kind::List;
    DPOP_LEEWAY "dpop.leeway" "DPOP_LEEWAY" Kind::Number { least: 0.0 };
    DPOP_MAX_AGE "dpop.maxAge" "DPOP_MAX_AGE" Kind::Number { least: 0.0 };
    DPOP_NONCE "dpop.nonce" "DPOP_NONCE" Kind::Text;
    DPOP_NONCE_ROTATION "dpop.nonceRotation" "DPOP_NONCE_ROTATION" Kind::Number { least: 0.0 };
    DPOP_NONCE_SECRET "dpop.nonceSecret" "DPOP_NONCE_SECRET" Kind::Secret;
    DPOP_REPLAY_CACHE_SIZE "dpop.replayCacheSize" "DPOP_REPLAY_CACHE_SIZE" Kind::Number { least: 0.0 };
    GROUPS_CLAIM "groupOptions.groupsClaim" "GROUPS_CLAIM" Kind::ClaimPath;
    GROUPS_MATCH_ALL "groupOptions.matchAll" "GROUPS_MATCH_ALL" Kind::Boolean;
    INTROSPECTION_AUDIENCE "introspectionAudience" "INTROSPECTION_AUDIENCE" Kind::Text;
    INTROSPECTION_CACHE_DURATION "introspectionCacheDuration" "INTROSPECTION_CACHE_DURATION" Kind::Number { least: 0.0 };
    INTROSPECT_JWT_TOKENS "introspectJwtTokens" "INTROSPECT_JWT_TOKENS" Kind::Boolean;
    JWKS_CACHE_DURATION "jwksCacheDuration" "JWKS_CACHE_DURATION" Kind::Number { least: 0.0 };
    JWKS_MAX_STALE "jwksMaxStale" "JWKS_MAX_STALE" Kind::Number { least: 0.0 };
    METADATA_CACHE_DURATION "metadataCacheDuration" "METADATA_CACHE_DURATION" Kind::Number { least: 0.0 };
    PERMISSIONS_CLAIM "permissionsClaim" "PERMISSIONS_CLAIM" Kind::ClaimPath;
    PUBLIC_URL "publicUrl" "PUBLIC_URL" Kind::List;
    RESPONSE_TIMEOUT "responseTimeout" "RESPONSE_TIMEOUT" Kind::Number { least: 1000.0 };
    ROLES_CLAIM "rolesClaim" "ROLES_CLAIM" Kind::ClaimPath;
    SCOPES_CLAIM "scopeOptions.scopesClaim" "SCOPES_CLAIM" Kind::ClaimPaths;
    SCOPES_IMPLIES "scopeOptions.implies" "SCOPES_IMPLIES" Kind::Scopes;
    TENANT_DOMAIN "tenantDomain" "TENANT_DOMAIN" Kind::Text;
    TRUST_STORE_ID "trustStoreId" "TRUST_STORE_ID" Kind::Text;
    VALIDATE_CERTIFICATE_BINDING "validateCertificateBinding" "VALIDATE_CERTIFICATE_BINDING" Kind::Text;
    VALIDATE_DPOP_BINDING "validateDPoPBinding" "VALIDATE_DPOP_BINDING" Kind::Text;
    VERIFIED_TOKEN_CACHE_BYTES "verifiedTokenCacheBytes" "VERIFIED_TOKEN_CACHE_BYTES" Kind::Number { least: 0.0 };
    VERIFIED_TOKEN_CACHE_SIZE "verifiedTokenCacheSize" "VERIFIED_TOKEN_CACHE_SIZE" Kind::Number { least: 0.0 };
}

/// An option that is missing or invalid. It names the option, and never contains the value.
#[derive(Clone, Debug, PartialEq)]
pub struct OptionError {
    pub name: &'static str,
    pub variable: &'static str,
    pub problem: &'static str,
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OptionError { name, variable, problem } = self;
        write!(f, "{name} {problem} (option {name}, environment variable {PREFIX}{variable})")
    }
}

impl Kind {
    /// The name of the kind, for the documents and the doctor.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Boolean => "boolean",
            Kind::List | Kind::ClaimPaths => "list",
            Kind::Number { .. } => "number",
            Kind::Scopes => "object",
            Kind::Secret => "secret",
            Kind::ClaimPath | Kind::Text => "text",
        }
    }
}

impl OptionSpec {
    pub fn error(&self, problem: &'static str) -> OptionError {
        OptionError { name: self.name, variable: self.variable, problem }
    }
}

/// The two sources of option values.
pub struct Options<'o> {
    /// The argument of the constructor.
    pub given: &'o Value,
    /// The environment variables by their full names, or null for a client that reads none.
    pub environment: &'o Value,
}

impl Options<'_> {
    /// A text. Blank text counts as absent.
    pub fn text(&self, spec: &OptionSpec) -> Result<Option<String>, OptionError> {
        match self.given_value(spec) {
            None => Ok(self.variable(spec).map(str::to_owned)),
            Some(Value::String(text)) => Ok(Some(text.clone()).filter(|text| !text.trim().is_empty())),
            Some(_) => Err(spec.error("must be a string")),
        }
    }

    /// A text, or the JSON text of an object.
    pub fn secret(&self, spec: &OptionSpec) -> Result<Option<String>, OptionError> {
        match self.given_value(spec) {
            Some(object @ Value::Object(_)) => Ok(Some(object.to_string())),
            Some(Value::String(_)) | None => self.text(spec),
            Some(_) => Err(spec.error("must be a string or a JWK")),
        }
    }

    /// Texts that are not blank, at least one of them. One blank text counts as absent.
    pub fn list(&self, spec: &OptionSpec) -> Result<Option<Vec<String>>, OptionError> {
        let wrong = || spec.error("must be a list of strings that are not empty");
        match self.given_value(spec) {
            None => Ok(self.variable(spec).map(|text| text.split_whitespace().map(str::to_owned).collect())),
            Some(Value::String(_)) => Ok(self.text(spec)?.map(|text| vec![text])),
            Some(Value::Array(values)) if !values.is_empty() => {
                let text = |value: &Value| value.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned);
                values.iter().map(text).collect::<Option<_>>().map(Some).ok_or_else(wrong)
            }
            Some(_) => Err(wrong()),
        }
    }

    pub fn boolean(&self, spec: &OptionSpec, default: bool) -> Result<bool, OptionError> {
        match self.given_value(spec) {
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(spec.error("must be a boolean")),
            None => match self.variable(spec) {
                None => Ok(default),
                Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
                Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
                Some(_) => Err(spec.error("must be true or false")),
            },
        }
    }

    /// A finite number that is not below the minimum in the table.
    pub fn number(&self, spec: &OptionSpec) -> Result<Option<f64>, OptionError> {
        let Kind::Number { least } = spec.kind else {
            return Err(spec.error("is not a number"));
        };
        let number = match self.given_value(spec) {
            Some(Value::Number(number)) => number.as_f64(),
            Some(_) => return Err(spec.error("must be a finite number")),
            None => match self.variable(spec) {
                None => None,
                Some(text) => Some(base_10(text).ok_or(spec.error("must be a base-10 whole number"))?),
            },
        };
        match number {
            Some(number) if number < least && least == 0.0 => Err(spec.error("must not be negative")),
            Some(number) if number < least => Err(spec.error("must be at least 1000 milliseconds")),
            number => Ok(number),
        }
    }

    /// Whether any of the options has a value. Blank texts count as values here.
    pub fn has_any(&self, specs: &[&OptionSpec]) -> bool {
        specs.iter().any(|spec| self.given_value(spec).is_some() || self.variable(spec).is_some())
    }

    pub(super) fn given_value(&self, spec: &OptionSpec) -> Option<&Value> {
        spec.name.split('.').try_fold(self.given, |value, name| value.get(name)).filter(|value| !value.is_null())
    }

    /// The trimmed value of an environment variable. An empty value counts as unset.
    pub(super) fn variable(&self, spec: &OptionSpec) -> Option<&str> {
        let name = format!("{PREFIX}{}", spec.variable);
        // Like `trim` in JavaScript, this also removes a byte order mark.
        let text = self.environment.get(name)?.as_str()?.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        Some(text).filter(|text| !text.is_empty())
    }
}

/// Parses a whole number in decimal digits. Rejects `1.5`, `0x10`, `1e3` and `12s`.
fn base_10(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number: &f64| is_whole && number.is_finite())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn number(given: Value, environment: Value) -> Result<Option<f64>, OptionError> {
        Options { given: &given, environment: &environment }.number(&CLOCK_SKEW)
    }

    fn flag(given: Value, environment: Value) -> Result<bool, OptionError> {
        Options { given: &given, environment: &environment }.boolean(&GROUPS_MATCH_ALL, false)
    }

    #[test]
    fn a_constructor_value_takes_precedence_over_the_environment() {
        let environment = json!({ "MONOCLOUD_BACKEND_CLOCK_SKEW": "7" });
        assert_eq!(number(json!({ "clockSkew": 3 }), environment.clone()), Ok(Some(3.0)));
        assert_eq!(number(json!({}), environment.clone()), Ok(Some(7.0)));
        assert_eq!(number(json!({ "clockSkew": null }), environment), Ok(Some(7.0)));
    }

    #[test]
    fn a_number_in_the_environment_is_a_base_10_integer_or_an_error_that_names_the_variable() {
        let of = |text: &str| number(json!({}), json!({ "MONOCLOUD_BACKEND_CLOCK_SKEW": text }));
        for text in
            ["x", "1.5", "0x10", "1e3", "12s", "\"5\"", "5,0", "5 0", "+5", "-", "NaN", "inf", "٣", &"9".repeat(400)]
        {
            let error = of(text).expect_err("an error").to_string();
            assert!(error.contains("environment variable MONOCLOUD_BACKEND_CLOCK_SKEW"), "{text:?}: {error}");
            assert!(!error.contains(text) || text.len() == 1, "{text:?}: {error}");
        }
        assert!(of("-1").is_err());
        for (text, expected) in
            [("5\r", 5.0), (" 5\n", 5.0), ("\u{feff}5", 5.0), ("007", 7.0), ("99999999999999999999", 1e20)]
        {
            assert_eq!(of(text), Ok(Some(expected)), "{text:?}");
        }
        for text in ["", " ", "\r\n", "\u{feff}"] {
            assert_eq!(of(text), Ok(None), "{text:?}");
        }
        let given = json!({ "clockSkew": 3 });
        assert_eq!(
            number(given, json!({ "MONOCLOUD_BACKEND_CLOCK_SKEW": "x" })),
            Ok(Some(3.0)),
            "a value in code wins"
        );
    }

    #[test]
    fn a_number_in_code_is_a_finite_number_at_or_above_its_least_value() {
        assert_eq!(number(json!({ "clockSkew": 0 }), json!({})), Ok(Some(0.0)));
        for wrong in [json!(-1), json!("5"), json!("NaN"), json!(true), json!({})] {
            assert!(number(json!({ "clockSkew": wrong }), json!({})).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_boolean_in_the_environment_is_true_or_false_in_any_case_or_an_error_that_names_the_variable() {
        let of = |text: &str| flag(json!({}), json!({ "MONOCLOUD_BACKEND_GROUPS_MATCH_ALL": text }));
        for text in ["TRUE", "true\r", " True\n", "\u{feff}true"] {
            assert_eq!(of(text), Ok(true), "{text:?}");
        }
        assert_eq!((of("False"), of(""), of(" \r\n")), (Ok(false), Ok(false), Ok(false)));
        for text in ["1", "0", "yes", "no", "on", "\"true\"", "'true'", "true;", "tru", "t rue", "null"] {
            let error = of(text).expect_err("an error").to_string();
            assert!(error.contains("environment variable MONOCLOUD_BACKEND_GROUPS_MATCH_ALL"), "{text:?}: {error}");
        }
        assert_eq!(flag(json!({ "groupOptions": { "matchAll": true } }), json!({})), Ok(true));
        assert!(flag(json!({ "groupOptions": { "matchAll": "true" } }), json!({})).is_err());
    }

    #[test]
    fn white_space_around_a_text_in_the_environment_is_not_part_of_it() {
        let of = |text: &str| {
            let environment = json!({ "MONOCLOUD_BACKEND_CLIENT_SECRET": text });
            Options { given: &Value::Null, environment: &environment }.secret(&CLIENT_SECRET)
        };
        assert_eq!(of(" a b\r\n"), Ok(Some("a b".to_owned())));
        assert_eq!(of("\r\n"), Ok(None));
    }

    #[test]
    fn an_error_names_the_option_and_its_variable_and_no_value() {
        let error = TENANT_DOMAIN.error("is required").to_string();
        assert_eq!(
            error,
            "tenantDomain is required (option tenantDomain, environment variable MONOCLOUD_BACKEND_TENANT_DOMAIN)"
        );
    }
}
