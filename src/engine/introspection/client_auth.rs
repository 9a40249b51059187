//! Client authentication at the introspection endpoint: RFC 6749 §2.3.1, RFC 7521 and 7523, RFC 8705 §2.
//!
//! A [`Credentials`] value can always authenticate. It creates new parameters for every request, so that the `jti` of an
//! assertion is never sent twice, not even on a retry.

use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair,
    Ed25519KeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::engine::error::Reason;
use crate::engine::time::NumericDate;
use crate::engine::token::compact::{decode_base64url, encode_base64url};

/// The lifetime of an assertion in seconds (RFC 7523 §3). It is long enough for a slow exchange, and short enough that a
/// stolen assertion is of little use.
const ASSERTION_SECONDS: f64 = 60.0;

/// RFC 7523 §2.2: `client_assertion_type` of a signed JWT.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// draft-ietf-oauth-spiffe-client-auth: `client_assertion_type` of a JWT-SVID.
const SPIFFE_ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";

/// The client authentication methods (OpenID Connect Core 1.0 §9, RFC 8705 §2, draft-ietf-oauth-spiffe-client-auth).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    ClientSecretBasic,
    ClientSecretJwt,
    ClientSecretPost,
    PrivateKeyJwt,
    SelfSignedTlsClientAuth,
    SpiffeJwt,
    SpiffeX509,
    TlsClientAuth,
}

impl Method {
    pub fn named(name: &str) -> Option<Method> {
        Some(match name {
            "client_secret_basic" => Method::ClientSecretBasic,
            "client_secret_jwt" => Method::ClientSecretJwt,
            "client_secret_post" => Method::ClientSecretPost,
            "private_key_jwt" => Method::PrivateKeyJwt,
            "self_signed_tls_client_auth" => Method::SelfSignedTlsClientAuth,
            "spiffe_jwt" => Method::SpiffeJwt,
            "spiffe_x509" => Method::SpiffeX509,
            "tls_client_auth" => Method::TlsClientAuth,
            _ => return None,
        })
    }

    /// Whether the client presents its certificate in the TLS handshake (RFC 8705 §2).
    pub fn is_mutual_tls(self) -> bool {
        matches!(self, Method::SelfSignedTlsClientAuth | Method::SpiffeX509 | Method::TlsClientAuth)
    }
}

/// The `aud` of a client assertion. RFC 7523 §3 allows the server or one of its endpoints. draft-ietf-oauth-rfc7523bis
/// allows only the issuer, because an assertion for an endpoint can be replayed at another server that names the same
/// endpoint. Some servers accept only the URL of the endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AssertionAudience {
    #[default]
    Issuer,
    /// The URL of the introspection endpoint.
    Endpoint,
    Text(String),
}

impl AssertionAudience {
    pub fn named(text: String) -> AssertionAudience {
        match text.as_str() {
            "issuer" => AssertionAudience::Issuer,
            "endpoint" => AssertionAudience::Endpoint,
            _ => AssertionAudience::Text(text),
        }
    }
}

/// The receiver of an assertion: the issuer's name and the URL of its endpoint.
#[derive(Clone, Copy)]
pub struct AssertionTarget<'a> {
    pub issuer: &'a str,
    pub endpoint: &'a str,
}

/// The client id, and how the client authenticates.
pub struct Credentials {
    client_id: String,
    assertion_audience: AssertionAudience,
    authenticator: Authenticator,
}

/// How the client authenticates, with its secret.
enum Authenticator {
    Basic(String),
    Certificate,
    Post(String),
    Signature(Box<Signer>),
    /// A JWT-SVID of the workload, sent unchanged.
    Svid(String),
}

struct Signer {
    header: Header,
    key: SigningKey,
}

enum SigningKey {
    Library(EncodingKey),
    /// `jsonwebtoken` supports neither ES512 nor the `alg` value `Ed25519` (RFC 9864).
    Ed25519(Box<Ed25519KeyPair>),
    Es512(Box<EcdsaKeyPair>),
}

/// The header value and the form parameters that authenticate one request.
#[derive(Default)]
pub struct Authentication {
    pub authorization: Option<String>,
    pub form: Vec<(&'static str, String)>,
}

impl Credentials {
    /// Fails if the secret is missing or if the method cannot use it.
    pub fn new(client_id: String, method: Method, secret: Option<String>) -> Result<Credentials, CredentialsError> {
        let required = || secret.clone().ok_or(CredentialsError::Missing);
        let authenticator = match method {
            Method::ClientSecretBasic => Authenticator::Basic(required()?),
            Method::ClientSecretPost => Authenticator::Post(required()?),
            Method::ClientSecretJwt => Authenticator::Signature(Box::new(Signer::symmetric(&required()?)?)),
            Method::PrivateKeyJwt => Authenticator::Signature(Box::new(Signer::asymmetric(&required()?)?)),
            Method::SpiffeJwt => Authenticator::Svid(required()?),
            Method::SelfSignedTlsClientAuth | Method::SpiffeX509 | Method::TlsClientAuth => Authenticator::Certificate,
        };
        Ok(Credentials { client_id, assertion_audience: AssertionAudience::default(), authenticator })
    }

    pub fn for_audience(self, assertion_audience: AssertionAudience) -> Credentials {
        Credentials { assertion_audience, ..self }
    }

    /// Authenticates one request.
    pub fn authenticate(&self, target: AssertionTarget<'_>, now: NumericDate) -> Result<Authentication, Reason> {
        let audience = match &self.assertion_audience {
            AssertionAudience::Issuer => target.issuer,
            AssertionAudience::Endpoint => target.endpoint,
            AssertionAudience::Text(text) => text,
        };
        let id = || ("client_id", self.client_id.clone());
        let assertion = |kind: &str, assertion: String| {
            vec![id(), ("client_assertion_type", kind.to_owned()), ("client_assertion", assertion)]
        };
        let form = match &self.authenticator {
            Authenticator::Basic(secret) => {
                let pair = format!("{}:{}", basic_encode(&self.client_id), basic_encode(secret));
                let authorization = Some(format!("Basic {}", STANDARD.encode(pair)));
                return Ok(Authentication { authorization, form: Vec::new() });
            }
            Authenticator::Certificate => vec![id()],
            Authenticator::Post(secret) => vec![id(), ("client_secret", secret.clone())],
            Authenticator::Signature(signer) => assertion(ASSERTION_TYPE, signer.sign(&self.client_id, audience, now)?),
            Authenticator::Svid(svid) => assertion(SPIFFE_ASSERTION_TYPE, svid.clone()),
        };
        Ok(Authentication { authorization: None, form })
    }
}

/// Why a client cannot authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialsError {
    Missing,
    Unusable,
}

impl Signer {
    /// A plain secret signs with HS256. An `oct` JWK signs with its `alg`, or with HS256 if it has none.
    fn symmetric(secret: &str) -> Result<Signer, CredentialsError> {
        let Some(jwk) = parse_jwk(secret) else {
            return Ok(Signer::library(Algorithm::HS256, None, EncodingKey::from_secret(secret.as_bytes())));
        };
        let algorithm = match text(&jwk, "alg") {
            None | Some("HS256") => Algorithm::HS256,
            Some("HS384") => Algorithm::HS384,
            Some("HS512") => Algorithm::HS512,
            Some(_) => return Err(CredentialsError::Unusable),
        };
        let key = bytes(&jwk, "k").filter(|key| !key.is_empty() && text(&jwk, "kty") == Some("oct"));
        let key = EncodingKey::from_secret(&key.ok_or(CredentialsError::Unusable)?);
        Ok(Signer::library(algorithm, text(&jwk, "kid"), key))
    }

    /// A private JWK signs with RS, PS or ES 256 to 512, or with EdDSA. Without `alg`, an RSA key signs with RS256, and any
    /// other key with the algorithm of its curve.
    fn asymmetric(secret: &str) -> Result<Signer, CredentialsError> {
        let jwk = parse_jwk(secret).ok_or(CredentialsError::Unusable)?;
        Signer::of_private_jwk(&jwk).ok_or(CredentialsError::Unusable)
    }

    fn of_private_jwk(jwk: &Value) -> Option<Signer> {
        let kid = text(jwk, "kid");
        let alg = text(jwk, "alg");
        let (algorithm, key) = match (text(jwk, "kty")?, text(jwk, "crv")) {
            ("RSA", _) => {
                let algorithm = match alg.unwrap_or("RS256") {
                    "RS256" => Algorithm::RS256,
                    "RS384" => Algorithm::RS384,
                    "RS512" => Algorithm::RS512,
                    "PS256" => Algorithm::PS256,
                    "PS384" => Algorithm::PS384,
                    "PS512" => Algorithm::PS512,
                    _ => return None,
                };
                (algorithm, EncodingKey::from_rsa_der(&rsa_private_key_der(jwk)?))
            }
            ("EC", Some("P-256")) if matches!(alg, None | Some("ES256")) => {
                (Algorithm::ES256, EncodingKey::from_ec_der(&ec_pkcs8(jwk, &ECDSA_P256_SHA256_FIXED_SIGNING)?))
            }
            ("EC", Some("P-384")) if matches!(alg, None | Some("ES384")) => {
                (Algorithm::ES384, EncodingKey::from_ec_der(&ec_pkcs8(jwk, &ECDSA_P384_SHA384_FIXED_SIGNING)?))
            }
            ("EC", Some("P-521")) if matches!(alg, None | Some("ES512")) => {
                let signing = &ECDSA_P521_SHA512_FIXED_SIGNING;
                let pair = EcdsaKeyPair::from_pkcs8(signing, &ec_pkcs8(jwk, signing)?).ok()?;
                return Some(Signer::own(kid, SigningKey::Es512(Box::new(pair))));
            }
            ("OKP", Some("Ed25519")) if alg == Some("Ed25519") => {
                let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&ed25519_pkcs8(jwk)?).ok()?;
                return Some(Signer::own(kid, SigningKey::Ed25519(Box::new(pair))));
            }
            ("OKP", Some("Ed25519")) if matches!(alg, None | Some("EdDSA")) => {
                (Algorithm::EdDSA, EncodingKey::from_ed_der(&ed25519_pkcs8(jwk)?))
            }
            _ => return None,
        };
        let signer = Signer::library(algorithm, kid, key);
        // A key that cannot sign is reported when the client is created, not at the first request.
        signer.sign("", "", 0.0).ok()?;
        Some(signer)
    }

    fn own(kid: Option<&str>, key: SigningKey) -> Signer {
        Signer { header: Header { kid: kid.map(Into::into), ..Header::default() }, key }
    }

    fn library(algorithm: Algorithm, kid: Option<&str>, key: EncodingKey) -> Signer {
        let header = Header { kid: kid.map(Into::into), ..Header::new(algorithm) };
        Signer { header, key: SigningKey::Library(key) }
    }

    /// Signs an assertion of the client about itself, for one audience and one use (RFC 7523 §3).
    fn sign(&self, client_id: &str, audience: &str, now: NumericDate) -> Result<String, Reason> {
        let mut jti = [0u8; 24];
        SystemRandom::new().fill(&mut jti).map_err(|_| Reason::Internal)?;
        let issued_at = now.floor() as i64;
        let claims = Assertion {
            iss: client_id,
            sub: client_id,
            aud: audience,
            jti: encode_base64url(&jti),
            iat: issued_at,
            nbf: issued_at,
            exp: issued_at + ASSERTION_SECONDS as i64,
        };
        match &self.key {
            SigningKey::Library(key) => jsonwebtoken::encode(&self.header, &claims, key).map_err(|_| Reason::Internal),
            SigningKey::Ed25519(pair) => {
                self.sign_own("Ed25519", &claims, |input| Ok(pair.sign(input).as_ref().to_vec()))
            }
            SigningKey::Es512(pair) => self.sign_own("ES512", &claims, |input| {
                let signature = pair.sign(&SystemRandom::new(), input).map_err(|_| Reason::Internal)?;
                Ok(signature.as_ref().to_vec())
            }),
        }
    }

    /// Builds the compact serialization (RFC 7515 §7.1) for algorithms that `jsonwebtoken` does not support.
    fn sign_own(
        &self,
        alg: &str,
        claims: &Assertion<'_>,
        sign: impl FnOnce(&[u8]) -> Result<Vec<u8>, Reason>,
    ) -> Result<String, Reason> {
        let header = match &self.header.kid {
            Some(kid) => json!({ "alg": alg, "typ": "JWT", "kid": kid }),
            None => json!({ "alg": alg, "typ": "JWT" }),
        };
        let claims = serde_json::to_vec(claims).map_err(|_| Reason::Internal)?;
        let input = format!("{}.{}", encode_base64url(header.to_string().as_bytes()), encode_base64url(&claims));
        let signature = sign(input.as_bytes())?;
        Ok(format!("{input}.{}", encode_base64url(&signature)))
    }
}

#[derive(Serialize)]
struct Assertion<'a> {
    iss: &'a str,
    sub: &'a str,
    /// One string. One of several receivers could replay the assertion at another.
    aud: &'a str,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// Encodes one half of the Basic credentials. RFC 6749 §2.3.1 requires form encoding of each half. Some servers decode the
/// halves, and others compare them as received. Therefore only characters that a decoder would change, and the
/// separator, are encoded. A secret of other characters works with both kinds of server.
fn basic_encode(text: &str) -> String {
    const CHANGED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b'+').add(b':').add(b'&');
    utf8_percent_encode(text, CHANGED).to_string()
}

fn parse_jwk(text: &str) -> Option<Value> {
    serde_json::from_str::<Value>(text).ok().filter(|value| value.get("kty").is_some())
}

fn text<'j>(jwk: &'j Value, name: &str) -> Option<&'j str> {
    jwk.get(name)?.as_str()
}

fn bytes(jwk: &Value, name: &str) -> Option<Vec<u8>> {
    decode_base64url(text(jwk, name)?.as_bytes())
}

#[path = "client_auth_der.rs"]
mod der;
use der::{ec_pkcs8, ed25519_pkcs8, rsa_private_key_der};

#[cfg(test)]
#[path = "client_auth_tests.rs"]
mod tests;
