//! The audiences of an API: which of its names are in `aud`? (RFC 7519 §4.1.3, RFC 9068 §4, RFC 8707 §2.)
//!
//! An API may have several names, for example while it moves to a new one. Any one of them in `aud` is enough. Which of them
//! a token has is kept with its checked claims, because a route may accept some of them only.

use crate::engine::token::json::Value;

/// The largest number of audiences of one client. [`AudienceSet`] has a bit for each.
pub const MAX_AUDIENCES: usize = 16;

/// The audiences of a client: their names in the given order, separated by single spaces. No name has white space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audiences(Box<str>);

impl Audiences {
    /// Returns `None` unless there are 1 to [`MAX_AUDIENCES`] different names without white space and control characters.
    pub fn new(names: &[String]) -> Option<Audiences> {
        let is_name = |name: &str| !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control());
        let are_names = names.iter().all(|name| is_name(name));
        let are_different = names.iter().enumerate().all(|(i, name)| !names.iter().take(i).any(|other| other == name));
        let is_in_range = (1..=MAX_AUDIENCES).contains(&names.len());
        (is_in_range && are_names && are_different).then(|| Audiences(names.join(" ").into()))
    }

    /// The names, separated by spaces.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ')
    }

    /// The names in alphabetical order, separated by spaces. It is equal for lists that differ in their order only.
    pub fn sorted(&self) -> String {
        let mut names: Vec<_> = self.names().collect();
        names.sort_unstable();
        names.join(" ")
    }

    /// The set of these names. Returns `None` unless there is at least one, and all are audiences of this client.
    pub fn subset(&self, names: &[String]) -> Option<AudienceSet> {
        let add = |set: AudienceSet, name: &String| {
            let position = self.names().position(|ours| ours == name)?;
            Some(AudienceSet(set.0 | bit(position)))
        };
        names.iter().try_fold(AudienceSet::default(), add).filter(|set| !set.is_empty())
    }
}

/// Which audiences of a client: bit `n` is the `n`th.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct AudienceSet(u16);

impl AudienceSet {
    /// The audiences of a client that a token has. `audiences` is [`Audiences::as_str`]. `aud` is a string, or an array of
    /// strings (RFC 7519 §4.1.3). An array with any other element is malformed, and then the set is empty.
    pub fn of(aud: &Value<'_>, audiences: &str) -> AudienceSet {
        let one = |aud: &Value<'_>| match aud {
            Value::Text(aud) => audiences.split(' ').position(|ours| ours == aud).map_or(Some(0), |n| Some(bit(n))),
            _ => None,
        };
        let bits = match aud {
            Value::Array(all) => all.iter().try_fold(0, |bits, aud| Some(bits | one(aud)?)),
            aud => one(aud),
        };
        AudienceSet(bits.unwrap_or_default())
    }

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the two have an audience in common.
    pub fn meets(self, other: AudienceSet) -> bool {
        self.0 & other.0 != 0
    }
}

/// The positions are below [`MAX_AUDIENCES`]. Any other has no bit.
fn bit(position: usize) -> u16 {
    u32::try_from(position).ok().and_then(|position| 1_u16.checked_shl(position)).unwrap_or_default()
}

#[cfg(test)]
#[path = "audience_tests.rs"]
mod tests;
