//! Client authentication at the introspection endpoint: RFC 6749 §2.3.1, RFC 7521 and 7523, RFC 8705 §2.
//!
//! A [`Credentials`] that exists can authenticate. What it adds to a request is made anew for every request, so that
//! an assertion's `jti` is never sent twice, not even on a retry.

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

/// RFC 7523 §3: how long an assertion is good, in seconds. Long enough for a slow exchange, short enough to be useless
/// to a thief.
const ASSERTION_SECONDS: f64 = 60.0;

/// RFC 7523 §2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// draft-ietf-oauth-spiffe-client-auth: a JWT-SVID as the client's assertion.
const SPIFFE_ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";

/// The client authentication methods (contract 2), as their wire names.
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

    /// RFC 8705 §2: the client shows its certificate in TLS.
    pub fn is_mutual_tls(self) -> bool {
        matches!(self, Method::SelfSignedTlsClientAuth | Method::SpiffeX509 | Method::TlsClientAuth)
    }
}

/// Whom a client assertion is for. RFC 7523 §3 leaves it open between the server and an endpoint of it;
/// draft-ietf-oauth-rfc7523bis allows the issuer alone, since an assertion for an endpoint can be replayed at a server
/// that names the same endpoint. Some servers accept nothing but the URL that they are asked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AssertionAudience {
    #[default]
    Issuer,
    /// The URL of the introspection endpoint that is asked.
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

/// Who is asked: the issuer's name and the URL of its endpoint.
#[derive(Clone, Copy)]
pub struct AssertionTarget<'a> {
    pub issuer: &'a str,
    pub endpoint: &'a str,
}

/// Who asks, and how it proves that.
pub struct Credentials {
    client_id: String,
    assertion_audience: AssertionAudience,
    proof: Proof,
}

enum Proof {
    Basic(String),
    Certificate,
    Post(String),
    Signature(Box<Signer>),
    /// A JWT-SVID that the workload was given; it is sent as it is.
    Svid(String),
}

struct Signer {
    header: Header,
    key: SigningKey,
}

enum SigningKey {
    Library(EncodingKey),
    /// What the library does not have: Ed25519 under its own name (RFC 9864), and ES512.
    Ed25519(Box<Ed25519KeyPair>),
    Es512(Box<EcdsaKeyPair>),
}

/// What is added to one request.
#[derive(Default)]
pub struct Authentication {
    pub authorization: Option<String>,
    pub form: Vec<(&'static str, String)>,
}

impl Credentials {
    /// Proves that a client can authenticate. Errors: the secret is missing, or is not one this method can use.
    pub fn new(client_id: String, method: Method, secret: Option<String>) -> Result<Credentials, CredentialsError> {
        let needed = || secret.clone().ok_or(CredentialsError::Missing);
        let proof = match method {
            Method::ClientSecretBasic => Proof::Basic(needed()?),
            Method::ClientSecretPost => Proof::Post(needed()?),
            Method::ClientSecretJwt => Proof::Signature(Box::new(Signer::symmetric(&needed()?)?)),
            Method::PrivateKeyJwt => Proof::Signature(Box::new(Signer::asymmetric(&needed()?)?)),
            Method::SpiffeJwt => Proof::Svid(needed()?),
            Method::SelfSignedTlsClientAuth | Method::SpiffeX509 | Method::TlsClientAuth => Proof::Certificate,
        };
        Ok(Credentials { client_id, assertion_audience: AssertionAudience::default(), proof })
    }

    pub fn for_audience(self, assertion_audience: AssertionAudience) -> Credentials {
        Credentials { assertion_audience, ..self }
    }

    /// The authentication of one request.
    pub fn authenticate(&self, asked: AssertionTarget<'_>, now: NumericDate) -> Result<Authentication, Reason> {
        let audience = match &self.assertion_audience {
            AssertionAudience::Issuer => asked.issuer,
            AssertionAudience::Endpoint => asked.endpoint,
            AssertionAudience::Text(text) => text,
        };
        let id = || ("client_id", self.client_id.clone());
        let assertion = |kind: &str, assertion: String| {
            vec![id(), ("client_assertion_type", kind.to_owned()), ("client_assertion", assertion)]
        };
        let form = match &self.proof {
            Proof::Basic(secret) => {
                let pair = format!("{}:{}", basic_encode(&self.client_id), basic_encode(secret));
                let authorization = Some(format!("Basic {}", STANDARD.encode(pair)));
                return Ok(Authentication { authorization, form: Vec::new() });
            }
            Proof::Certificate => vec![id()],
            Proof::Post(secret) => vec![id(), ("client_secret", secret.clone())],
            Proof::Signature(signer) => assertion(ASSERTION_TYPE, signer.sign(&self.client_id, audience, now)?),
            Proof::Svid(svid) => assertion(SPIFFE_ASSERTION_TYPE, svid.clone()),
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
    /// HS256 for a plain secret; what an `oct` JWK says in `alg`, HS256 when it says nothing.
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

    /// RS, PS and ES 256 to 512 and EdDSA of a private JWK. Without `alg`: RS256 for RSA, else the curve's own.
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
        // A key that cannot sign is found out when the client is made, not at the first request.
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

    /// RFC 7523 §3: an assertion of the client about itself, for one audience, once.
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

    /// RFC 7515 §7.1, for what the library cannot sign.
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
    /// A single string: an assertion for many could be replayed at one of them.
    aud: &'a str,
    jti: String,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// RFC 6749 §2.3.1 asks for each half to be form-encoded before the two are joined. Half of the servers decode them,
/// the others compare them as they come. So only what a decoder would change, or what would be read as the separator,
/// is encoded: a secret of other characters is the same for both.
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
