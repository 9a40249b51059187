//! What a route requires of claims that the other rules do not read: permissions, roles, and claims rules.
//!
//! These claims are read from the text of valid claims, only for a route that asks for them. So a claim that no route asks
//! for costs nothing, and a malformed one makes no token invalid: it counts as absent.

use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use crate::engine::authorize::claim_rules::ClaimRules;
use crate::engine::authorize::membership::holds;
use crate::engine::error::Reason;
use crate::engine::memory::answers::{Answers, RequirementsId};
use crate::engine::token::claim_names::{ClaimNames, ClaimPath};
use crate::engine::token::json::{self, Reading, Value};
use crate::engine::token::{compact, lists};

/// A list in the claims with values that a token must have.
#[derive(Clone, Debug, PartialEq)]
struct RequiredList {
    claim: ClaimPath,
    values: Box<[Box<str>]>,
    /// Whether every value is required. Otherwise, one is enough.
    all: bool,
    /// Why a token without them is rejected.
    reason: Reason,
}

/// What a route requires of the claims' text. It requires something.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimRequirements {
    lists: Vec<RequiredList>,
    rules: ClaimRules,
    id: RequirementsId,
}

/// Where the text of valid claims is.
#[derive(Clone, Copy)]
pub enum ClaimsText<'t> {
    /// JSON text.
    Json(&'t [u8]),
    /// The JSON text of an introspection response. A member that is `null` counts as absent: a cache does not keep it.
    Response(&'t [u8]),
    /// The payload of a JWT whose signature was verified.
    Jwt(&'t str),
}

impl ClaimRequirements {
    /// The requirements, checked in this order: all permissions, all roles, then the rules, which are JSON text. Returns
    /// `None` if they require nothing, and an error if the rules are malformed.
    pub fn new(
        names: &ClaimNames,
        permissions: Box<[Box<str>]>,
        roles: Box<[Box<str>]>,
        rules: Option<&str>,
    ) -> Result<Option<ClaimRequirements>, &'static str> {
        let list = |claim: &ClaimPath, values, reason| RequiredList { claim: claim.clone(), values, all: true, reason };
        let mut lists = vec![
            list(&names.permissions, permissions, Reason::PermissionMissing),
            list(&names.roles, roles, Reason::RoleMissing),
        ];
        lists.retain(|list| !list.values.is_empty());
        let parsed = rules.map_or(Ok(ClaimRules::default()), ClaimRules::parse)?;
        if lists.is_empty() && parsed.is_empty() {
            return Ok(None);
        }
        let id = id_of(&lists, rules.unwrap_or_default());
        Ok(Some(ClaimRequirements { lists, rules: parsed, id }))
    }

    /// Checks the claims of a remembered token. The answer is kept with the token.
    pub fn check_remembered(&self, text: ClaimsText<'_>, answers: &mut Answers) -> Result<(), Reason> {
        answers.get_or(&self.id, || self.check(text))
    }

    /// Checks claims. The first failure ends the check.
    pub fn check(&self, text: ClaimsText<'_>) -> Result<(), Reason> {
        match text {
            ClaimsText::Json(text) => self.check_json(text, false),
            ClaimsText::Response(text) => self.check_json(text, true),
            ClaimsText::Jwt(token) => {
                self.check_json(compact::decode_payload(token).unwrap_or_default().as_bytes(), false)
            }
        }
    }

    /// A text that is no claims set has no claims, so that it meets no requirement.
    fn check_json(&self, text: &[u8], ignores_null: bool) -> Result<(), Reason> {
        let mut members = json::read(text, MembersSeed(self)).unwrap_or_default();
        members.retain(|(_, value)| !ignores_null || *value != Value::Null);
        let value_of = |claim: &str| members.iter().find(|(name, _)| **name == *claim).map(|(_, value)| value);
        for RequiredList { claim, values, all, reason } in &self.lists {
            let held = value_of(claim.claim()).and_then(|value| claim.value_in(value)).map(lists::texts);
            if !holds(&held.unwrap_or_default(), values, *all) {
                return Err(*reason);
            }
        }
        if self.rules.hold(value_of) { Ok(()) } else { Err(Reason::ClaimMismatch) }
    }

    fn reads(&self, claim: &str) -> bool {
        self.rules.reads(claim) || self.lists.iter().any(|list| list.claim.claim() == claim)
    }
}

/// `{:?}` quotes every text, so that different requirements never have the same text.
fn id_of(lists: &[RequiredList], rules: &str) -> RequirementsId {
    let mut context = Context::new(&SHA256);
    context.update(format!("{lists:?} {rules:?}").as_bytes());
    let mut id = RequirementsId::default();
    id.iter_mut().zip(context.finish().as_ref()).for_each(|(byte, of_digest)| *byte = *of_digest);
    id
}

/// The members of the claims that the requirements read.
struct MembersSeed<'r>(&'r ClaimRequirements);

impl<'de> DeserializeSeed<'de> for MembersSeed<'_> {
    type Value = Vec<(Box<str>, Value<'de>)>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for MembersSeed<'_> {
    type Value = Vec<(Box<str>, Value<'de>)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a claims object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        let reading = |name: &str| if self.0.reads(name) { Reading::Lenient } else { Reading::Skipped };
        json::visit_read_members(map, reading, |_| true, |name, value| members.push((name.into(), value)))?;
        Ok(members)
    }
}

#[cfg(test)]
#[path = "claim_requirements_tests.rs"]
mod tests;
