//! Claims that are one form, filled in differently: what an issuer says of one client's users has the same members in
//! the same order, and differs in a few strings and numbers.
//!
//! A [`Form`] is the text of claims that were accepted, with blanks where others may differ. Claims that differ from it
//! nowhere else are read by comparing bytes, and go to JavaScript as what stands in the blanks. Nothing is believed for
//! it: that text was one strict JSON object, so one that has plain strings and whole numbers in the blanks is too, and
//! every rule is held against these claims as against any others.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use crate::engine::token::claims::{Claims, Expected};
use crate::engine::token::json::{self, Text, Value};

/// The most forms that are known at a time.
const MOST_FORMS: usize = 4;
/// The most blanks a form may have.
const MOST_BLANKS: usize = 16;
/// Numbers of forms stay below.
const NUMBERS: u32 = 1 << 21;
/// More digits are no blank's. 42 bits hold as many.
const MOST_DIGITS: usize = 12;
/// The most claims without a form that pass before the next is learnt.
const LONGEST_PAUSE: u32 = 1023;

/// The forms of one issuer's claims, the one met last first.
#[derive(Default)]
pub struct ClaimsTemplates {
    known: Vec<ClaimsTemplate>,
    /// How many were ever learnt: the number of the next.
    learnt: u32,
    /// How many more claims without a form pass before one is learnt. Doubles with every one that is, and goes down
    /// with every one that is met: claims that are all built differently cost little more for it.
    pause: u32,
    next_pause: u32,
}

impl ClaimsTemplates {
    /// Reads claims that fit a known form.
    pub fn read<'c>(&'c mut self, payload: &'c [u8]) -> Option<Filled<'c>> {
        let find = |(place, form): (usize, &ClaimsTemplate)| Some((place, form.values(payload)?));
        let (place, values) = self.known.iter().enumerate().find_map(find)?;
        self.known.get_mut(..=place)?.rotate_right(1);
        self.next_pause = self.next_pause.saturating_sub(1);
        Some(Filled { form: self.known.first()?, values })
    }

    /// Learns from accepted claims that fit no form: a wider form when they nearly fit one, or a new one.
    pub fn learn(&mut self, payload: &[u8], expected: &Expected<'_>) {
        if self.pause > 0 {
            self.pause -= 1;
            return;
        }
        self.pause = self.next_pause;
        self.next_pause = (2 * self.next_pause + 1).min(LONGEST_PAUSE);
        let number = self.learnt;
        let Ok(text) = std::str::from_utf8(payload) else { return };
        if number == NUMBERS {
            return;
        }
        let widened = self.known.iter().enumerate().find_map(|(i, form)| {
            let blanks = form.blanks_with(text)?;
            Some((i, ClaimsTemplate::new(number, text, blanks, expected)?))
        });
        let form = match widened {
            Some((narrower, form)) => {
                self.known.remove(narrower);
                Some(form)
            }
            None => ClaimsTemplate::of(number, text, expected),
        };
        let Some(form) = form else { return };
        self.learnt += 1;
        self.known.truncate(MOST_FORMS - 1);
        self.known.insert(0, form);
    }

    /// JSON of `{ claims, blanks: [{ name, isText }] }` of the form of a number: what it takes to read a
    /// [`Filled::to_text`].
    pub fn describe(&self, number: u32) -> Option<String> {
        let form = self.known.iter().find(|form| form.number == number)?;
        let blanks: Vec<_> = form
            .blanks
            .iter()
            .map(|blank| serde_json::json!({ "name": blank.name, "isText": blank.kind == Kind::Text }))
            .collect();
        Some(format!(r#"{{"claims":{},"blanks":{}}}"#, form.text, serde_json::Value::Array(blanks)))
    }
}

struct ClaimsTemplate {
    number: u32,
    /// The claims it was learnt from.
    text: Box<str>,
    /// What was read in them.
    claims: Claims<'static>,
    blanks: Vec<Blank>,
}

/// A place in a form's text where others may differ: inside the quotes, or all digits of a number.
struct Blank {
    range: Range<usize>,
    kind: Kind,
    name: Box<str>,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Printable ASCII without escapes.
    Text,
    /// A whole number, not negative.
    Number,
}

type Values<'p> = SmallVec<[&'p str; MOST_BLANKS]>;

impl ClaimsTemplate {
    /// The form of claims like none before: numbers are mostly times, and differ.
    fn of(number: u32, text: &str, expected: &Expected<'_>) -> Option<ClaimsTemplate> {
        let blanks = members_of(text)?
            .into_iter()
            .filter_map(|member| Blank::of(text, &member))
            .filter(|blank| blank.kind == Kind::Number)
            .collect();
        ClaimsTemplate::new(number, text, blanks, expected)
    }

    fn new(number: u32, text: &str, blanks: Vec<Blank>, expected: &Expected<'_>) -> Option<ClaimsTemplate> {
        let claims = Claims::read(text.as_bytes(), expected)?.into_owned();
        (blanks.len() <= MOST_BLANKS).then(|| ClaimsTemplate { number, text: text.into(), claims, blanks })
    }

    /// The blanks that it takes for `text` to fit, too; `None` when they differ in more than blanks can.
    fn blanks_with(&self, text: &str) -> Option<Vec<Blank>> {
        let (ours, theirs) = (members_of(&self.text)?, members_of(text)?);
        if ours.len() != theirs.len() {
            return None;
        }
        let mut blanks = Vec::new();
        for (our, their) in ours.iter().zip(&theirs) {
            if our.name != their.name {
                return None;
            }
            let was_blank = self.blanks.iter().any(|blank| *blank.name == our.name);
            if was_blank || self.text.get(our.value.clone()) != text.get(their.value.clone()) {
                let (known, blank) = (Blank::of(&self.text, our)?, Blank::of(text, their)?);
                blanks.push((known.kind == blank.kind).then_some(blank)?);
            }
        }
        Some(blanks)
    }

    /// What stands in the blanks of claims that fit.
    fn values<'p>(&self, payload: &'p [u8]) -> Option<Values<'p>> {
        let mut values = Values::new();
        let (text, mut at, mut rest) = (self.text.as_bytes(), 0, payload);
        for blank in &self.blanks {
            rest = rest.strip_prefix(text.get(at..blank.range.start)?)?;
            let (value, after) = rest.split_at_checked(blank.kind.length(rest)?)?;
            values.push(std::str::from_utf8(value).ok()?);
            (at, rest) = (blank.range.end, after);
        }
        (rest == text.get(at..)?).then_some(values)
    }
}

impl Blank {
    /// The blank that a member could be.
    fn of(text: &str, member: &Member<'_>) -> Option<Blank> {
        let Range { start, end } = member.value;
        let name = member.name.as_ref().into();
        let value = text.as_bytes().get(start..end)?;
        if let Some(inside) = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) {
            let is_plain = Kind::Text.length(inside).is_none();
            return is_plain.then(|| Blank { range: start + 1..end - 1, kind: Kind::Text, name });
        }
        let is_whole = Kind::Number.length(value)? == value.len();
        is_whole.then_some(Blank { range: start..end, kind: Kind::Number, name })
    }
}

impl Kind {
    /// How much of the text a value of this kind takes. A string ends before the first byte that could not be in it,
    /// which the form then wants to be its quote; a number wants its comma.
    fn length(self, text: &[u8]) -> Option<usize> {
        match self {
            Kind::Text => text.iter().position(|byte| !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\')),
            Kind::Number => {
                let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let has_leading_zero = digits > 1 && text.first() == Some(&b'0');
                ((1..=MOST_DIGITS).contains(&digits) && !has_leading_zero).then_some(digits)
            }
        }
    }
}

/// Claims that fit a form.
pub struct Filled<'c> {
    form: &'c ClaimsTemplate,
    values: Values<'c>,
}

impl<'c> Filled<'c> {
    /// The claims that they are.
    pub fn claims(&self, expected: &Expected<'_>) -> Claims<'c> {
        let mut claims = self.form.claims.borrowed();
        for (blank, value) in self.form.blanks.iter().zip(&self.values) {
            let value = match blank.kind {
                Kind::Text => Value::Text(Cow::Borrowed(*value)),
                Kind::Number => Value::Number(number_of(value) as f64),
            };
            claims.put(&blank.name, value, expected);
        }
        claims
    }

    /// A NUL, the form's number in three characters, then what stands in each blank: a string's length in two and the
    /// string, a number in six. Numbers are in base 128, so that it all is ASCII, the most significant digit first.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(128);
        text.push('\0');
        push_number(&mut text, u64::from(self.form.number), 3);
        for (blank, value) in self.form.blanks.iter().zip(&self.values) {
            match blank.kind {
                Kind::Text => {
                    push_number(&mut text, value.len() as u64, 2);
                    text.push_str(value);
                }
                Kind::Number => push_number(&mut text, number_of(value), 6),
            }
        }
        text
    }
}

fn push_number(text: &mut String, number: u64, width: u32) {
    for place in (0..width).rev() {
        text.push(char::from((number >> (7 * place)) as u8 & 0x7f));
    }
}

fn number_of(digits: &str) -> u64 {
    digits.bytes().fold(0, |number, digit| 10 * number + u64::from(digit & 0x0f))
}

/// A member and where its value stands.
struct Member<'t> {
    name: Cow<'t, str>,
    value: Range<usize>,
}

fn members_of(text: &str) -> Option<Vec<Member<'_>>> {
    json::read(text.as_bytes(), MembersSeed { text })
}

struct MembersSeed<'t> {
    text: &'t str,
}

impl<'t> DeserializeSeed<'t> for MembersSeed<'t> {
    type Value = Vec<Member<'t>>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'t> Visitor<'t> for MembersSeed<'t> {
    type Value = Vec<Member<'t>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'t>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key_seed(Text)? {
            let raw = map.next_value::<&'t RawValue>()?.get();
            let start = raw.as_ptr().addr().wrapping_sub(self.text.as_ptr().addr());
            members.push(Member { name, value: start..start.wrapping_add(raw.len()) });
        }
        Ok(members)
    }
}

#[cfg(test)]
#[path = "claims_template_tests.rs"]
mod tests;
