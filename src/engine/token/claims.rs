//! The claims rules: are `iss`, `aud`, `exp`, `nbf`, `iat` and `sub` valid? (RFC 7519 §4.1, RFC 9068 §4.)
//!
//! The claims are parsed once and borrow from the text. The result, [`CheckedClaims`], contains what later checks need:
//! times, confirmation, authentication, scopes and groups. So a remembered token can be checked again without its text. JavaScript
//! receives the claims as the original text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use crate::engine::error::Reason;
use crate::engine::time::{Clock, NumericDate};
use crate::engine::token::audience::AudienceSet;
use crate::engine::token::claim_names::ClaimNames;
use crate::engine::token::confirmation::{Binding, Confirmation};
use crate::engine::token::json::{self, Reading, Value};
use crate::engine::token::lists::{Groups, group_names, owned_groups, scope_text};

/// Where claims come from. This decides which claims are optional.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A cached introspection response. `iss` is required, because clients of several issuers may share a cache.
    Cache,
    /// A method that a subclass replaced, and that says what a JWT contains. `iss` and `exp` are optional.
    CustomMethod,
    /// An introspection response. RFC 7662 §2.2: `iss` and `exp` are optional.
    Introspection,
    /// A JWT. RFC 9068 §2.2: `iss` and `exp` are required.
    Jwt,
}

/// The values that claims are compared with.
#[derive(Clone, Copy)]
pub struct Expected<'c> {
    pub issuer: &'c str,
    /// The client's audiences, separated by spaces.
    pub audience: &'c str,
    /// Whether an introspection response may omit `aud`. RFC 7662 §2.2 allows it. A JWT never may (RFC 9068 §2.2).
    pub lets_audience_be_absent: bool,
    pub names: &'c ClaimNames,
    pub origin: Origin,
}

/// The parts of valid claims that are checked again at every call. They borrow from the text of the claims until they are
/// stored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CheckedClaims<'t> {
    pub expires: Option<NumericDate>,
    pub not_before: Option<NumericDate>,
    pub confirmation: Confirmation,
    /// The granted scopes, with spaces between them (RFC 6749 §3.3).
    pub scope: Cow<'t, str>,
    pub groups: Groups<'t>,
    /// Which of the client's audiences are in `aud`. Some routes accept only some of them.
    pub audiences: AudienceSet,
    /// RFC 9068 §2.2.1 `acr`, if it is a string. Only some routes ask for it.
    pub acr: Option<Cow<'t, str>>,
    /// RFC 9068 §2.2.1 `auth_time`, if it is a finite number. Only some routes ask for it.
    pub auth_time: Option<NumericDate>,
}

impl CheckedClaims<'_> {
    /// Copies the borrowed parts.
    pub fn into_owned(self) -> CheckedClaims<'static> {
        CheckedClaims {
            scope: Cow::Owned(self.scope.into_owned()),
            groups: owned_groups(&self.groups),
            acr: own_text(self.acr),
            ..self
        }
    }

    /// Checks `exp` and `nbf` again (RFC 7519 §4.1.4 and §4.1.5).
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

/// The members of a claims set that a rule uses.
pub struct Claims<'de> {
    /// `active`: `None` if it is absent, true if it is exactly `true`, and false for any other value.
    active: Option<bool>,
    iss: Option<Value<'de>>,
    sub: Option<Value<'de>>,
    exp: Option<Value<'de>>,
    nbf: Option<Value<'de>>,
    iat: Option<Value<'de>>,
    /// The granted scopes, and the index of the claim that holds them in [`ClaimNames::scopes`].
    scope: Option<(usize, Cow<'de, str>)>,
    /// Which of the client's audiences are in `aud`. `None` if `aud` is absent.
    audiences: Option<AudienceSet>,
    confirmation: Confirmation,
    /// Whether `token_type` says that the token is bound to a DPoP key (RFC 9449 §6.2). Only an introspection response has it.
    is_dpop_type: bool,
    groups: Groups<'de>,
    acr: Option<Cow<'de, str>>,
    auth_time: Option<NumericDate>,
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
            audiences: None,
            confirmation: Confirmation::ABSENT,
            is_dpop_type: false,
            groups: Groups::default(),
            acr: None,
            auth_time: None,
        }
    }
}

impl<'de> Claims<'de> {
    /// Parses claims. Returns `None` unless they are one JSON object without duplicate members and with at most 32 levels.
    /// A value that a rule uses must also be valid UTF-8 text or a finite number, with no duplicate members at any depth.
    /// Other values may be any JSON that `JSON.parse` accepts.
    pub fn read(bytes: &'de [u8], expected: &Expected<'_>) -> Option<Self> {
        let seed = ClaimsSeed { expected, reads_all: true };
        // Nearly all claims contain only what Rust can represent. Those are read faster.
        json::read(bytes, seed).or_else(|| json::read(bytes, ClaimsSeed { reads_all: false, ..seed }))
    }

    /// How a member is read. Keep this list in step with [`Claims::put`]. Only some routes use `acr` and `auth_time`, so a
    /// malformed value of theirs does not make a token invalid: it counts as absent.
    fn reading(name: &str, expected: &Expected<'_>) -> Reading {
        match name {
            _ if is_list(name, expected) => Reading::Strict,
            "active" | "aud" | "cnf" | "exp" | "iat" | "iss" | "nbf" | "scope" | "sub" => Reading::Strict,
            "token_type" if is_token_type(name, expected) => Reading::Strict,
            "acr" | "auth_time" => Reading::Lenient,
            _ => Reading::Skipped,
        }
    }

    /// Stores one member.
    pub fn put(&mut self, name: &str, value: Value<'de>, expected: &Expected<'_>) {
        // Some issuers write `null` for an absent member. In a JWT, or in an entry of a cache, it is a wrong value.
        if value == Value::Null && expected.origin == Origin::Introspection && name != "active" {
            return;
        }
        let ClaimNames { scopes, groups, .. } = expected.names;
        if name == groups.claim() {
            self.groups = groups.value_in(&value).map(group_names).unwrap_or_default().into();
        }
        for (index, path) in scopes.iter().enumerate().filter(|(_, path)| path.claim() == name) {
            if self.scope.as_ref().is_none_or(|(held, _)| index <= *held)
                && let Some(found) = path.value_in(&value)
            {
                self.scope = Some((index, scope_text(found)));
            }
        }
        match name {
            "acr" => self.acr = text(value),
            "active" => self.active = Some(value == Value::Flag(true)),
            "aud" => self.audiences = Some(AudienceSet::of(&value, expected.audience)),
            "auth_time" => self.auth_time = number(&Some(value)).ok().flatten(),
            "cnf" => self.confirmation = Confirmation::of(&value),
            "exp" => self.exp = Some(value),
            "iat" => self.iat = Some(value),
            "iss" => self.iss = Some(value),
            "nbf" => self.nbf = Some(value),
            "sub" => self.sub = Some(value),
            _ if is_token_type(name, expected) => {
                self.is_dpop_type = matches!(value, Value::Text(kind) if kind.eq_ignore_ascii_case("DPoP"));
            }
            _ => {}
        }
    }

    /// Copies the borrowed parts.
    pub fn into_owned(self) -> Claims<'static> {
        let own = |value: Option<Value<'_>>| value.map(Value::into_owned);
        Claims {
            iss: own(self.iss),
            sub: own(self.sub),
            exp: own(self.exp),
            nbf: own(self.nbf),
            iat: own(self.iat),
            scope: self.scope.map(|(index, scope)| (index, Cow::Owned(scope.into_owned()))),
            groups: owned_groups(&self.groups),
            acr: own_text(self.acr),
            ..self
        }
    }

    /// Borrows all members from these claims.
    pub fn borrowed(&self) -> Claims<'_> {
        fn borrow<'v>(value: &'v Option<Value<'_>>) -> Option<Value<'v>> {
            value.as_ref().map(Value::borrowed)
        }
        Claims {
            iss: borrow(&self.iss),
            sub: borrow(&self.sub),
            exp: borrow(&self.exp),
            nbf: borrow(&self.nbf),
            iat: borrow(&self.iat),
            scope: self.scope.as_ref().map(|(index, scope)| (*index, Cow::Borrowed(&**scope))),
            groups: Cow::Borrowed(&self.groups),
            acr: self.acr.as_deref().map(Cow::Borrowed),
            ..*self
        }
    }

    /// The granted scopes, with spaces between them.
    pub fn granted_scopes(&self) -> &str {
        self.scope.as_ref().map_or("", |(_, scope)| scope)
    }

    /// Which of the client's audiences are in `aud`. `None` if `aud` is absent.
    pub fn audiences(&self) -> Option<AudienceSet> {
        self.audiences
    }

    /// Whether `active` is exactly `true` (RFC 7662 §2.2).
    pub fn is_active(&self) -> bool {
        self.active == Some(true)
    }

    /// Whether `active` is present and is not `true`. Then the token is not active.
    pub fn is_denied(&self) -> bool {
        self.active == Some(false)
    }

    /// The `cnf` claim. RFC 9449 §6.2: the response about a token of the type `DPoP` names its key. If it does not, no key
    /// matches.
    pub fn confirmation(&self) -> Confirmation {
        match self.confirmation {
            confirmation @ Confirmation { key: Binding::Absent, .. } if self.is_dpop_type => {
                Confirmation { key: Binding::Unreadable, ..confirmation }
            }
            confirmation => confirmation,
        }
    }

    /// Checks every rule, in the order `iss`, `aud`, `exp`, `nbf`, `iat`, `sub`. Returns the first failure.
    pub fn check(self, expected: &Expected<'_>, clock: &Clock) -> Result<CheckedClaims<'de>, Reason> {
        match &self.iss {
            Some(Value::Text(iss)) if iss == expected.issuer => {}
            None if matches!(expected.origin, Origin::Introspection | Origin::CustomMethod) => {}
            _ => return Err(Reason::IssuerMismatch),
        }
        let audiences = match self.audiences {
            Some(ours) if !ours.is_empty() => ours,
            None if expected.lets_audience_be_absent && expected.is_response() => AudienceSet::default(),
            _ => return Err(Reason::AudienceMismatch),
        };
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
            confirmation: self.confirmation(),
            scope: self.scope.map(|(_, scope)| scope).unwrap_or_default(),
            groups: self.groups,
            audiences,
            acr: self.acr,
            auth_time: self.auth_time,
        })
    }
}

fn text(value: Value<'_>) -> Option<Cow<'_, str>> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn own_text(text: Option<Cow<'_, str>>) -> Option<Cow<'static, str>> {
    text.map(|text| Cow::Owned(text.into_owned()))
}

/// Whether a claim holds scopes or groups.
fn is_list(name: &str, expected: &Expected<'_>) -> bool {
    let ClaimNames { scopes, groups, .. } = expected.names;
    name == groups.claim() || scopes.iter().any(|path| name == path.claim())
}

/// In a JWT, `token_type` has no meaning.
fn is_token_type(name: &str, expected: &Expected<'_>) -> bool {
    expected.origin != Origin::Jwt && name == "token_type"
}

/// Reads an optional NumericDate (RFC 7519 §2). Any value but a finite number is an error.
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
        let keeps_nested = |name: &str| name == "aud" || name == "cnf" || is_list(name, expected);
        let put = |name: &str, value| claims.put(name, value, expected);
        if reads_all {
            json::visit_members(map, keeps_nested, put)?;
        } else {
            json::visit_read_members(map, |name| Claims::reading(name, expected), keeps_nested, put)?;
        }
        Ok(claims)
    }
}

impl Expected<'_> {
    /// Whether the claims are an introspection response, maybe from a cache.
    fn is_response(&self) -> bool {
        matches!(self.origin, Origin::Introspection | Origin::Cache)
    }
}

#[cfg(test)]
#[path = "claims_list_tests.rs"]
mod list_tests;
#[cfg(test)]
#[path = "claims_tests.rs"]
mod tests;
