//! Which claims hold the scopes, groups, permissions and roles of a token?
//!
//! A claim is named by the member of the claims that holds it, or by a path of members: `["realm_access", "roles"]` is the
//! member `roles` of the claim `realm_access`. A name may contain dots and colons, so that a path is never one text.

use std::borrow::Cow;

use crate::engine::token::json::Value;

/// The maximum number of names in a path, and of claims that may hold the scopes.
pub const MOST_NAMES: usize = 8;

/// Where in the claims a list is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClaimPath {
    claim: Cow<'static, str>,
    /// The names of the members inside the claim, from the outside in.
    inside: Vec<Box<str>>,
}

impl ClaimPath {
    /// A claim by its name.
    pub const fn named(claim: &'static str) -> ClaimPath {
        ClaimPath { claim: Cow::Borrowed(claim), inside: Vec::new() }
    }

    /// A path of 1 to [`MOST_NAMES`] names, none of them blank.
    pub fn new(names: Vec<String>) -> Option<ClaimPath> {
        let is_valid = names.len() <= MOST_NAMES && names.iter().all(|name| !name.trim().is_empty());
        let mut names = names.into_iter();
        let claim = Cow::Owned(names.next()?);
        is_valid.then(|| ClaimPath { claim, inside: names.map(String::into_boxed_str).collect() })
    }

    /// The name of the claim.
    pub fn claim(&self) -> &str {
        &self.claim
    }

    /// The names of the path, from the outside in.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.claim).chain(self.inside.iter().map(|name| &**name))
    }

    /// The value at the end of the path, inside the value of [`Self::claim`]. Only objects have members.
    pub fn value_in<'v, 'de>(&self, claim: &'v Value<'de>) -> Option<&'v Value<'de>> {
        self.inside.iter().try_fold(claim, |value, name| match value {
            Value::Object(members) => members.iter().find(|(member, _)| **member == **name).map(|(_, value)| value),
            _ => None,
        })
    }
}

/// The claims of one client's tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimNames {
    /// The first one that a token has holds its scopes, whatever its value is.
    pub scopes: Cow<'static, [ClaimPath]>,
    pub groups: ClaimPath,
    pub permissions: ClaimPath,
    pub roles: ClaimPath,
}

static DEFAULT_SCOPES: [ClaimPath; 1] = [ClaimPath::named("scope")];

/// The names without any option.
pub static DEFAULT_NAMES: ClaimNames = ClaimNames {
    scopes: Cow::Borrowed(&DEFAULT_SCOPES),
    groups: ClaimPath::named("groups"),
    permissions: ClaimPath::named("permissions"),
    roles: ClaimPath::named("roles"),
};

#[cfg(test)]
mod tests {
    use super::*;

    fn path(names: &[&str]) -> Option<ClaimPath> {
        ClaimPath::new(names.iter().map(|name| (*name).to_owned()).collect())
    }

    #[test]
    fn a_path_has_one_to_eight_names_and_none_is_blank() {
        assert!(path(&["a"]).is_some() && path(&["a"; 8]).is_some());
        assert!(path(&[]).is_none() && path(&["a"; 9]).is_none() && path(&["a", " "]).is_none());
    }

    #[test]
    fn a_path_ends_at_the_member_of_each_object_and_never_inside_an_array_or_a_text() {
        let object = |name: &'static str, value| Value::Object(vec![("x".into(), Value::Null), (name.into(), value)]);
        let roles = Value::Text("r".into());
        let realm = object("roles", roles.clone());
        let found = |names: &[&str], value: &Value<'static>| path(names).and_then(|path| path.value_in(value).cloned());
        assert_eq!(found(&["realm_access", "roles"], &realm), Some(roles.clone()));
        assert_eq!(found(&["a", "b", "roles"], &object("b", realm.clone())), Some(roles));
        assert_eq!(found(&["realm_access"], &realm), Some(realm.clone()), "one name is the claim itself");
        assert_eq!(found(&["realm_access", "other"], &realm), None);
        assert_eq!(found(&["realm_access", "0"], &Value::Array(vec![Value::Null])), None);
        assert_eq!(found(&["realm_access", "length"], &Value::Text("a".into())), None);
    }
}
