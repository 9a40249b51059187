//! The claims rules: `iss`, `aud`, `exp`, `nbf`, `iat`, `sub` (RFC 7519 §4.1, RFC 9068 §4), in the contract's order.
//!
//! The claims are walked once, borrowing from the text; what later rules ask of them (times, confirmation, scopes,
//! groups) is kept as [`CheckedClaims`], so that a remembered token is decided on again without its text. The claims
//! themselves go to JavaScript as the text they came in.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use crate::engine::error::Reason;
use crate::engine::time::{Clock, NumericDate};
use crate::engine::token::confirmation::{Confirmation, Thumbprint};
use crate::engine::token::groups::{Groups, group_names, owned_groups};
use crate::engine::token::json::{self, Value};

/// Where claims come from: what may be absent in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A cached introspection answer: it says whose it is, for caches are shared.
    Cache,
    /// RFC 7662 §2.2: `iss` and `exp` may be absent.
    Introspection,
    /// RFC 9068 §2.2: both are required.
    Jwt,
}

/// What claims are held against.
#[derive(Clone, Copy)]
pub struct Expected<'c> {
    pub issuer: &'c str,
    pub audience: &'c str,
    pub groups_claim: &'c str,
    pub origin: Origin,
}

/// What is left to ask of claims whose issuer and audience were proved: enough to decide on them again and again.
/// Borrowed from the claims' text until somebody keeps them.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckedClaims<'t> {
    pub expires: Option<NumericDate>,
    pub not_before: Option<NumericDate>,
    pub confirmation: Confirmation,
    pub scope: Cow<'t, str>,
    pub groups: Groups<'t>,
}

impl CheckedClaims<'_> {
    /// The same, of its own.
    pub fn into_owned(self) -> CheckedClaims<'static> {
        CheckedClaims { scope: Cow::Owned(self.scope.into_owned()), groups: owned_groups(&self.groups), ..self }
    }

    /// RFC 7519 §4.1.4 and §4.1.5, again.
    pub fn check_times(&self, clock: &Clock) -> Result<(), Reason> {
        if self.expires.is_some_and(|exp| clock.is_expired(exp)) {
            return Err(Reason::Expired);
        }
        if self.not_before.is_some_and(|nbf| clock.is_not_yet_valid(nbf)) {
            return Err(Reason::NotYetValid);
        }
        Ok(())
    }
}

/// The members of a claims set that rules look at.
pub struct Claims<'de> {
    /// `active`: absent, exactly true, or anything else.
    active: Option<bool>,
    iss: Option<Value<'de>>,
    sub: Option<Value<'de>>,
    exp: Option<Value<'de>>,
    nbf: Option<Value<'de>>,
    iat: Option<Value<'de>>,
    scope: Option<Value<'de>>,
    audience: Audience,
    confirmation: Confirmation,
    groups: Groups<'de>,
}

impl Default for Claims<'_> {
    fn default() -> Self {
        Claims {
            active: None,
            iss: None,
            sub: None,
            exp: None,
            nbf: None,
            iat: None,
            scope: None,
            audience: Audience::Others,
            confirmation: Confirmation::Absent,
            groups: Groups::default(),
        }
    }
}

/// Absent, another type and another's name are one fact: the token is not for us.
#[derive(Clone, Copy, PartialEq)]
enum Audience {
    Others,
    Ours,
}

impl<'de> Claims<'de> {
    /// Reads claims; `None` when they are not one JSON object without duplicate members, nested 32 levels at most. What
    /// a rule reads is strict in itself: text that Rust can hold, finite numbers, no duplicate members at any depth.
    /// The rest is what `JSON.parse` makes of it.
    pub fn read(bytes: &'de [u8], expected: &Expected<'_>) -> Option<Self> {
        let seed = ClaimsSeed { expected, reads_all: true };
        // Nearly all claims hold nothing that Rust cannot, and are read faster for it.
        json::read(bytes, seed).or_else(|| json::read(bytes, ClaimsSeed { reads_all: false, ..seed }))
    }

    /// Whether a rule reads a member: the list of those that [`Claims::put`] takes in.
    fn is_read(name: &str, expected: &Expected<'_>) -> bool {
        let is_registered = matches!(name, "active" | "aud" | "cnf" | "exp" | "iat" | "iss" | "nbf" | "scope" | "sub");
        is_registered || name == expected.groups_claim
    }

    /// Takes in one member.
    pub fn put(&mut self, name: &str, value: Value<'de>, expected: &Expected<'_>) {
        if name == expected.groups_claim {
            self.groups = group_names(&value).into();
        }
        match name {
            "active" => self.active = Some(value == Value::Flag(true)),
            "aud" => self.audience = Audience::of(&value, expected.audience),
            "cnf" => self.confirmation = confirmation(&value),
            "exp" => self.exp = Some(value),
            "iat" => self.iat = Some(value),
            "iss" => self.iss = Some(value),
            "nbf" => self.nbf = Some(value),
            "scope" => self.scope = Some(value),
            "sub" => self.sub = Some(value),
            _ => {}
        }
    }

    /// The same, of their own.
    pub fn into_owned(self) -> Claims<'static> {
        let own = |value: Option<Value<'_>>| value.map(Value::into_owned);
        Claims {
            iss: own(self.iss),
            sub: own(self.sub),
            exp: own(self.exp),
            nbf: own(self.nbf),
            iat: own(self.iat),
            scope: own(self.scope),
            groups: owned_groups(&self.groups),
            ..self
        }
    }

    /// The same, borrowed from these.
    pub fn borrowed(&self) -> Claims<'_> {
        fn lend<'v>(value: &'v Option<Value<'_>>) -> Option<Value<'v>> {
            value.as_ref().map(Value::borrowed)
        }
        Claims {
            iss: lend(&self.iss),
            sub: lend(&self.sub),
            exp: lend(&self.exp),
            nbf: lend(&self.nbf),
            iat: lend(&self.iat),
            scope: lend(&self.scope),
            groups: Cow::Borrowed(&self.groups),
            ..*self
        }
    }

    /// RFC 7662 §2.2: `active` is exactly `true`.
    pub fn is_active(&self) -> bool {
        self.active == Some(true)
    }

    /// An `active` that is there and is not `true`: these are no claims of a good token.
    pub fn is_denied(&self) -> bool {
        self.active == Some(false)
    }

    /// Holds the claims against every rule of contract 5.5, in its order.
    pub fn prove(self, expected: &Expected<'_>, clock: &Clock) -> Result<CheckedClaims<'de>, Reason> {
        match &self.iss {
            Some(Value::Text(iss)) if iss == expected.issuer => {}
            None if expected.origin == Origin::Introspection => {}
            _ => return Err(Reason::IssuerMismatch),
        }
        if self.audience != Audience::Ours {
            return Err(Reason::AudienceMismatch);
        }
        let expires = number(&self.exp).map_err(|()| Reason::ExpiryInvalid)?;
        match expires {
            Some(exp) if clock.is_expired(exp) => return Err(Reason::Expired),
            None if expected.origin == Origin::Jwt => return Err(Reason::ExpiryInvalid),
            _ => {}
        }
        let not_before = number(&self.nbf).map_err(|()| Reason::NotBeforeInvalid)?;
        if not_before.is_some_and(|nbf| clock.is_not_yet_valid(nbf)) {
            return Err(Reason::NotYetValid);
        }
        if number(&self.iat).map_err(|()| Reason::IssuedAtInvalid)?.is_some_and(|iat| iat < 0.0) {
            return Err(Reason::IssuedAtInvalid);
        }
        if !matches!(self.sub, None | Some(Value::Text(_))) {
            return Err(Reason::SubjectInvalid);
        }
        Ok(CheckedClaims {
            expires,
            not_before,
            confirmation: self.confirmation,
            scope: match self.scope {
                Some(Value::Text(scope)) => scope,
                _ => Cow::default(),
            },
            groups: self.groups,
        })
    }
}

/// An optional NumericDate; an error for anything but a finite number.
fn number(value: &Option<Value<'_>>) -> Result<Option<f64>, ()> {
    match value {
        None => Ok(None),
        Some(Value::Number(number)) if number.is_finite() => Ok(Some(*number)),
        Some(_) => Err(()),
    }
}

#[derive(Clone, Copy)]
struct ClaimsSeed<'c> {
    expected: &'c Expected<'c>,
    /// Whether members that no rule reads are read too.
    reads_all: bool,
}

impl<'de> DeserializeSeed<'de> for ClaimsSeed<'_> {
    type Value = Claims<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ClaimsSeed<'_> {
    type Value = Claims<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claims object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let ClaimsSeed { expected, reads_all } = self;
        let mut claims = Claims::default();
        let keeps_nested = |name: &str| name == "aud" || name == "cnf" || name == expected.groups_claim;
        let put = |name: &str, value| claims.put(name, value, expected);
        if reads_all {
            json::visit_members(map, keeps_nested, put)?;
        } else {
            json::visit_read_members(map, |name| Claims::is_read(name, expected), keeps_nested, put)?;
        }
        Ok(claims)
    }
}

impl Audience {
    /// RFC 7519 §4.1.3: a string, or an array of nothing but strings.
    fn of(value: &Value<'_>, expected: &str) -> Self {
        let is_ours = match value {
            Value::Text(aud) => aud == expected,
            Value::Array(all) if all.iter().all(|aud| matches!(aud, Value::Text(_))) => {
                all.iter().any(|aud| matches!(aud, Value::Text(aud) if aud == expected))
            }
            _ => false,
        };
        if is_ours { Audience::Ours } else { Audience::Others }
    }
}

/// RFC 8705 §3.1: the `x5t#S256` of a `cnf`.
fn confirmation(value: &Value<'_>) -> Confirmation {
    let Value::Object(members) = value else {
        return Confirmation::Unreadable;
    };
    match members.iter().find(|(name, _)| name == "x5t#S256") {
        None => Confirmation::Absent,
        Some((_, Value::Text(text))) => Thumbprint::parse(text).map_or(Confirmation::Unreadable, Confirmation::Bound),
        Some(_) => Confirmation::Unreadable,
    }
}

#[cfg(test)]
#[path = "claims_tests.rs"]
mod tests;
