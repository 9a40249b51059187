//! Tests of the names of an API, and of which of them a token has.

use std::borrow::Cow;

use super::*;

fn audiences(names: &[&str]) -> Option<Audiences> {
    Audiences::new(&owned(names))
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn text(name: &str) -> Value<'static> {
    Value::Text(Cow::Owned(name.to_owned()))
}

#[test]
fn a_name_is_any_text_without_white_space_and_control_characters() {
    for name in ["https://api.example.com/", "urn:api", "api", "5f1c0f6e-8c1b-4d4b-9d5c-0a6f0a4c7a11", "a\"b", "é"] {
        assert_eq!(audiences(&[name]).map(|all| all.as_str().to_owned()).as_deref(), Some(name));
    }
    for name in ["", " ", "a b", "a\tb", "a\n", "\u{a0}", "\u{2028}", "a\u{0}", "a\u{7f}", "\u{85}"] {
        assert_eq!(audiences(&[name]), None, "{name:?}");
        assert_eq!(audiences(&["a", name]), None, "{name:?}");
    }
}

#[test]
fn there_are_1_to_16_names_without_duplicates() {
    let names: Vec<_> = (0..17).map(|n| format!("api-{n}")).collect();
    assert!(Audiences::new(names.get(..16).expect("16 names")).is_some());
    assert_eq!(Audiences::new(&names), None);
    assert_eq!(audiences(&[]), None);
    assert_eq!(audiences(&["a", "b", "a"]), None);
    assert!(audiences(&["a", "A", "a/"]).is_some(), "names are compared byte for byte");
}

#[test]
fn a_token_has_the_names_that_are_in_aud() {
    let all = audiences(&["a", "b", "ab"]).expect("audiences");
    let of = |aud: &Value<'_>| AudienceSet::of(aud, all.as_str());
    assert_eq!(of(&text("b")), AudienceSet(0b10));
    assert_eq!(of(&Value::Array(vec![text("ab"), text("x"), text("a"), text("a")])), AudienceSet(0b101));
    for none in [text("x"), text(""), text("a b"), text("A"), Value::Array(vec![]), Value::Null, Value::Number(1.0)] {
        assert!(of(&none).is_empty(), "{none:?}");
    }
    let mixed = [Value::Number(1.0), Value::Null, Value::Array(vec![text("a")])];
    for malformed in mixed {
        assert!(of(&Value::Array(vec![text("a"), malformed])).is_empty());
    }
}

#[test]
fn the_sixteenth_name_counts_as_the_first() {
    let names: Vec<_> = (0..16).map(|n| format!("api-{n}")).collect();
    let all = Audiences::new(&names).expect("audiences");
    let sets: Vec<_> = names.iter().map(|name| AudienceSet::of(&text(name), all.as_str())).collect();
    for (i, set) in sets.iter().enumerate() {
        assert_eq!(
            sets.iter().enumerate().filter(|(_, other)| set.meets(**other)).map(|(j, _)| j).collect::<Vec<_>>(),
            [i]
        );
        assert_eq!(all.subset(&names[i..=i]), Some(*set));
    }
}

#[test]
fn a_subset_has_at_least_one_name_and_no_other_names() {
    let all = audiences(&["a", "b"]).expect("audiences");
    assert_eq!(all.subset(&owned(&["b", "a"])), Some(AudienceSet(0b11)));
    assert_eq!(all.subset(&owned(&["b", "b"])), Some(AudienceSet(0b10)));
    for wrong in [&[][..], &["c"], &["a", "c"], &["a b"], &[""]] {
        assert_eq!(all.subset(&owned(wrong)), None, "{wrong:?}");
    }
}

#[test]
fn the_sorted_text_of_two_orders_is_the_same() {
    let sorted = |names: &[&str]| audiences(names).expect("audiences").sorted();
    assert_eq!(sorted(&["b", "a"]), sorted(&["a", "b"]));
    assert_ne!(sorted(&["a", "b"]), sorted(&["a", "c"]));
}

/// Deterministic numbers, so that a failure can be repeated.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

#[test]
fn a_client_with_a_longer_list_refuses_nothing_that_a_shorter_one_accepts() {
    let mut numbers = Numbers(19);
    for _ in 0..5000 {
        let names: Vec<_> = (0..=numbers.below(16)).map(|n| format!("api-{n}")).collect();
        let shorter = names.get(..=numbers.below(names.len())).expect("a part");
        let aud: Vec<_> = (0..numbers.below(4)).map(|_| text(&format!("api-{}", numbers.below(20)))).collect();
        let aud = if aud.len() == 1 { aud.into_iter().next().expect("one") } else { Value::Array(aud) };
        let accepts =
            |list: &[String]| !AudienceSet::of(&aud, Audiences::new(list).expect("audiences").as_str()).is_empty();
        assert!(!accepts(shorter) || accepts(&names), "{aud:?}, {shorter:?}, {names:?}");
        // The oracle: some name is in `aud`.
        let has = |name: &String| aud == text(name) || matches!(&aud, Value::Array(all) if all.contains(&text(name)));
        assert_eq!(accepts(&names), names.iter().any(has));
        // A route with fewer audiences accepts no more than one with more.
        let client = Audiences::new(&names).expect("audiences");
        let set = AudienceSet::of(&aud, client.as_str());
        let by_route = |list: &[String]| client.subset(list).expect("a subset").meets(set);
        assert!(!by_route(shorter) || by_route(&names));
        assert_eq!(by_route(shorter), accepts(shorter));
    }
}
