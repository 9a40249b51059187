//! Implied scopes: which broader scopes contain a scope?
//!
//! RFC 6749 §3.3 leaves the meaning of scopes to the authorization server. An API may say that one of its scopes contains
//! others. That is applied transitively, once, when the client is created.

use std::collections::{BTreeMap, BTreeSet};

/// The maximum number of different scopes.
const MOST_SCOPES: usize = 200;
/// The maximum number of pairs of a scope and a scope that it contains.
const MOST_PAIRS: usize = 1000;

/// For each scope that another one contains: all scopes that contain it, transitively.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ImpliedScopes {
    broader: BTreeMap<Box<str>, Box<[Box<str>]>>,
}

impl ImpliedScopes {
    /// Reads pairs of a scope and the scopes that it contains. A cycle is no error: its scopes contain each other.
    pub fn new(pairs: Vec<(String, Vec<String>)>) -> Result<ImpliedScopes, &'static str> {
        let mut parents: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut scopes = BTreeSet::new();
        for (broad, contained) in &pairs {
            for scope in contained {
                scopes.insert(&**scope);
                parents.entry(scope).or_default().insert(broad);
            }
            scopes.insert(&**broad);
        }
        if !scopes.iter().all(|scope| is_scope(scope)) {
            return Err("must name scopes without spaces, quotes and backslashes");
        }
        if scopes.len() > MOST_SCOPES || pairs.iter().map(|(_, contained)| contained.len()).sum::<usize>() > MOST_PAIRS
        {
            return Err("must have at most 200 scopes and 1000 pairs");
        }
        let broader = parents.keys().map(|scope| ((*scope).into(), all_above(scope, &parents))).collect();
        Ok(ImpliedScopes { broader })
    }

    /// The scopes that contain a scope, other than itself.
    pub fn broader(&self, scope: &str) -> &[Box<str>] {
        self.broader.get(scope).map_or(&[], |broader| broader)
    }
}

/// RFC 6749 §3.3: the characters of a scope.
fn is_scope(scope: &str) -> bool {
    let is_allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    !scope.is_empty() && scope.bytes().all(is_allowed)
}

fn all_above(scope: &str, parents: &BTreeMap<&str, BTreeSet<&str>>) -> Box<[Box<str>]> {
    let mut found = BTreeSet::new();
    let mut pending = vec![scope];
    while let Some(next) = pending.pop() {
        for parent in parents.get(next).into_iter().flatten() {
            if found.insert(*parent) {
                pending.push(parent);
            }
        }
    }
    found.into_iter().filter(|broad| *broad != scope).map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pairs: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        let owned = |list: &[&str]| list.iter().map(|scope| (*scope).to_owned()).collect();
        pairs.iter().map(|(broad, contained)| ((*broad).to_owned(), owned(contained))).collect()
    }

    fn implied(list: &[(&str, &[&str])]) -> ImpliedScopes {
        ImpliedScopes::new(pairs(list)).expect("valid")
    }

    #[test]
    fn a_scope_is_contained_in_every_scope_above_it() {
        let scopes = implied(&[("admin", &["write", "audit"]), ("write", &["read"])]);
        assert_eq!(scopes.broader("read"), ["admin".into(), "write".into()]);
        assert_eq!(scopes.broader("write"), ["admin".into()]);
        assert_eq!((scopes.broader("admin").len(), scopes.broader("other").len()), (0, 0));
    }

    #[test]
    fn the_scopes_of_a_cycle_contain_each_other() {
        let scopes = implied(&[("a", &["b"]), ("b", &["c"]), ("c", &["a"]), ("d", &["d"])]);
        assert_eq!(scopes.broader("a"), ["b".into(), "c".into()]);
        assert_eq!(scopes.broader("c"), ["a".into(), "b".into()]);
        assert_eq!(scopes.broader("d").len(), 0, "a scope that contains itself");
    }

    #[test]
    fn a_name_that_is_no_scope_and_too_many_scopes_or_pairs_are_refused() {
        for wrong in ["", "a b", "a\"", "a\\", "é", "a\t"] {
            assert!(ImpliedScopes::new(pairs(&[(wrong, &["a"])])).is_err(), "{wrong:?}");
            assert!(ImpliedScopes::new(pairs(&[("a", &[wrong])])).is_err(), "{wrong:?}");
        }
        let chain = |count: usize| (1..count).map(|i| (format!("s{i}"), vec![format!("s{}", i - 1)])).collect();
        assert_eq!(ImpliedScopes::new(chain(200)).map(|scopes| scopes.broader("s0").len()), Ok(199));
        assert!(ImpliedScopes::new(chain(201)).is_err());
        let many = |count| vec![("a".to_owned(), vec!["b".to_owned(); count])];
        assert!(ImpliedScopes::new(many(1000)).is_ok() && ImpliedScopes::new(many(1001)).is_err());
    }
}
