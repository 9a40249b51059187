//! Claims templates: do claims differ from earlier claims only in a few strings and numbers?
//!
//! The claims that an issuer writes for the users of one client usually have the same members in the same order. A
//! `ClaimsTemplate` is the text of valid claims, with blanks where other claims may differ. Claims that match it are
//! read by comparing bytes, and JavaScript receives only the values of the blanks.
//!
//! Matching a template never accepts a token. The text of a template is one strict JSON object. A blank accepts only plain
//! strings and whole numbers, so claims that match are one strict JSON object too. Then every rule is checked, as for any
//! other claims.
//!
//! A blank is the value of a member of the claims, or of a member of `cnf`: the tokens of each client are bound to another
//! key (`jkt`, RFC 9449 §6.1) or certificate (`x5t#S256`, RFC 8705 §3.1).

use std::borrow::Cow;
use std::ops::Range;

use smallvec::SmallVec;

use crate::engine::token::claims::{Claims, Expected};
use crate::engine::token::json::Value;

/// The maximum number of templates that are kept.
pub const MOST_TEMPLATES: usize = 4;
/// The maximum number of blanks in a template.
const MOST_BLANKS: usize = 16;
/// Template ids are below this number, so that three base-128 digits hold them.
const ID_LIMIT: u32 = 1 << 21;
/// The maximum number of digits in a blank. 42 bits, or six base-128 digits, hold them.
const MOST_DIGITS: usize = 12;
/// The maximum number of unmatched claims that are skipped before the next template is learnt.
const MAX_PAUSE: u32 = 1023;

/// The templates of one issuer's claims. The one that matched last comes first.
#[derive(Default)]
pub struct ClaimsTemplates {
    known: Vec<ClaimsTemplate>,
    /// How many templates were learnt so far. This is the id of the next one.
    learnt: u32,
    /// How many more unmatched claims are skipped before a template is learnt.
    pause: u32,
    /// The pause after the next attempt to learn. It doubles with each attempt and decreases with each match, so claims
    /// that never match cost little.
    next_pause: u32,
}

impl ClaimsTemplates {
    /// Reads claims that match a template.
    pub fn read<'c>(&'c mut self, payload: &'c [u8]) -> Option<MatchedClaims<'c>> {
        let find = |(index, template): (usize, &ClaimsTemplate)| Some((index, template.values(payload)?));
        let (index, values) = self.known.iter().enumerate().find_map(find)?;
        self.known.get_mut(..=index)?.rotate_right(1);
        self.next_pause = self.next_pause.saturating_sub(1);
        Some(MatchedClaims { template: self.known.first()?, values })
    }

    /// Learns from valid claims that match no template. If they nearly match one, it is replaced by one with more blanks.
    /// Otherwise, a new template is added.
    pub fn learn(&mut self, payload: &[u8], expected: &Expected<'_>) {
        if self.pause > 0 {
            self.pause -= 1;
            return;
        }
        self.pause = self.next_pause;
        self.next_pause = (2 * self.next_pause + 1).min(MAX_PAUSE);
        let id = self.learnt;
        let Ok(text) = std::str::from_utf8(payload) else { return };
        if id == ID_LIMIT {
            return;
        }
        let widened = self.known.iter().enumerate().find_map(|(i, template)| {
            let blanks = template.blanks_with(text)?;
            Some((i, ClaimsTemplate::new(id, text, blanks, expected)?))
        });
        let template = match widened {
            Some((narrower, template)) => {
                self.known.remove(narrower);
                Some(template)
            }
            None => ClaimsTemplate::of(id, text, expected),
        };
        let Some(template) = template else { return };
        self.learnt += 1;
        self.known.truncate(MOST_TEMPLATES - 1);
        self.known.insert(0, template);
    }

    /// The template with this id, as JSON of `{ claims, blanks: [{ name, isText, isInCnf }] }`. JavaScript needs it to read
    /// a [`MatchedClaims::to_text`].
    pub fn describe(&self, id: u32) -> Option<String> {
        let template = self.known.iter().find(|template| template.id == id)?;
        let blanks: Vec<_> = template.blanks.iter().map(Blank::describe).collect();
        Some(format!(r#"{{"claims":{},"blanks":{}}}"#, template.text, serde_json::Value::Array(blanks)))
    }
}

struct ClaimsTemplate {
    id: u32,
    /// The claims that the template was learnt from.
    text: Box<str>,
    /// The same claims, parsed.
    claims: Claims<'static>,
    blanks: Vec<Blank>,
    /// The members of its `cnf`, if one of them is a blank.
    cnf: Option<ObjectMembers<'static>>,
}

/// A range of the template's text where other claims may differ: the inside of a string, or all digits of a number.
struct Blank {
    range: Range<usize>,
    kind: Kind,
    name: Box<str>,
    /// Whether it is a member of `cnf`, and not of the claims.
    is_in_cnf: bool,
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
    /// A new template, in which all numbers are blanks, because most numbers are times.
    fn of(id: u32, text: &str, expected: &Expected<'_>) -> Option<ClaimsTemplate> {
        let blanks = members_of(text)?
            .into_iter()
            .filter_map(|member| Blank::of(text, &member))
            .filter(|blank| blank.kind == Kind::Number)
            .collect();
        ClaimsTemplate::new(id, text, blanks, expected)
    }

    fn new(id: u32, text: &str, blanks: Vec<Blank>, expected: &Expected<'_>) -> Option<ClaimsTemplate> {
        let claims = Claims::read(text.as_bytes(), expected)?.into_owned();
        let cnf = if blanks.iter().any(|blank| blank.is_in_cnf) { Some(cnf_of(text)?) } else { None };
        (blanks.len() <= MOST_BLANKS).then(|| ClaimsTemplate { id, text: text.into(), claims, blanks, cnf })
    }

    /// The blanks with which this template also matches `text`. Returns `None` if no blanks can achieve that.
    fn blanks_with(&self, text: &str) -> Option<Vec<Blank>> {
        let (ours, theirs) = (members_of(&self.text)?, members_of(text)?);
        if ours.len() != theirs.len() {
            return None;
        }
        let mut blanks = Vec::new();
        for (our, their) in ours.iter().zip(&theirs) {
            if (our.is_in_cnf, &our.name) != (their.is_in_cnf, &their.name) {
                return None;
            }
            let was_blank = self.blanks.iter().any(|blank| blank.is_for(our));
            if was_blank || self.text.get(our.value.clone()) != text.get(their.value.clone()) {
                let (known, blank) = (Blank::of(&self.text, our)?, Blank::of(text, their)?);
                blanks.push((known.kind == blank.kind).then_some(blank)?);
            }
        }
        Some(blanks)
    }

    /// The values of the blanks in a payload. Returns `None` if the payload does not match.
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
    /// The blank for the value of a member. Returns `None` if no blank accepts the value.
    fn of(text: &str, member: &Member<'_>) -> Option<Blank> {
        let Range { start, end } = member.value;
        let (name, is_in_cnf) = (member.name.as_ref().into(), member.is_in_cnf);
        let value = text.as_bytes().get(start..end)?;
        if let Some(inside) = value.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\"")) {
            let is_plain = Kind::Text.length(inside).is_none();
            return is_plain.then(|| Blank { range: start + 1..end - 1, kind: Kind::Text, name, is_in_cnf });
        }
        let is_whole = Kind::Number.length(value)? == value.len();
        is_whole.then_some(Blank { range: start..end, kind: Kind::Number, name, is_in_cnf })
    }

    fn is_for(&self, member: &Member<'_>) -> bool {
        self.is_in_cnf == member.is_in_cnf && *self.name == member.name
    }

    fn describe(&self) -> serde_json::Value {
        serde_json::json!({ "name": self.name, "isText": self.kind == Kind::Text, "isInCnf": self.is_in_cnf })
    }
}

impl Kind {
    /// The length of the value of this kind at the start of a text. A string ends before the first byte that a blank does
    /// not accept, and a number ends after its last digit. After the value, the template requires its own next byte, such
    /// as the closing quote or a comma.
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

/// Claims that match a template.
pub struct MatchedClaims<'c> {
    template: &'c ClaimsTemplate,
    values: Values<'c>,
}

impl<'c> MatchedClaims<'c> {
    /// The claims, with the values of the blanks.
    pub fn claims(&self, expected: &Expected<'_>) -> Claims<'c> {
        let mut claims = self.template.claims.borrowed();
        let borrow =
            |(name, value): &'c (Cow<'static, str>, Value<'static>)| (Cow::Borrowed(&**name), value.borrowed());
        let mut cnf: Option<ObjectMembers<'c>> = self.template.cnf.as_ref().map(|all| all.iter().map(borrow).collect());
        for (blank, value) in self.template.blanks.iter().zip(&self.values) {
            let value = match blank.kind {
                Kind::Text => Value::Text(Cow::Borrowed(*value)),
                Kind::Number => Value::Number(number_of(value) as f64),
            };
            if blank.is_in_cnf {
                let member = cnf.iter_mut().flatten().find(|(name, _)| *name == *blank.name);
                // A blank is in the text that the members were read from, so the member always exists.
                if let Some(member) = member {
                    member.1 = value;
                }
            } else {
                claims.put(&blank.name, value, expected);
            }
        }
        // The whole claim is read again, so that the confirmation is the one of these claims.
        if let Some(members) = cnf {
            claims.put(CNF, Value::Object(members), expected);
        }
        claims
    }

    /// Encodes the claims for JavaScript: a NUL, the id of the template in three characters, then the value of each blank.
    /// A string is its length in two characters and its text. A number is six characters. All numbers are base 128 with
    /// the most significant digit first, so that the result is ASCII.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(128);
        text.push('\0');
        push_number(&mut text, u64::from(self.template.id), 3);
        for (blank, value) in self.template.blanks.iter().zip(&self.values) {
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
    for digit in (0..width).rev() {
        text.push(char::from((number >> (7 * digit)) as u8 & 0x7f));
    }
}

fn number_of(digits: &str) -> u64 {
    digits.bytes().fold(0, |number, digit| 10 * number + u64::from(digit & 0x0f))
}

#[path = "claims_template_members.rs"]
mod members;
use members::{CNF, Member, ObjectMembers, cnf_of, members_of};

#[cfg(test)]
#[path = "claims_template_tests.rs"]
mod tests;
