//! The format of `__test__/vectors/jwt.json`; its `about` describes it. An unknown member is an error.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    #[serde(rename = "about")]
    _about: Vec<String>,
    pub now: f64,
    pub issuer: String,
    pub audience: String,
    pub header: Members,
    pub claims: Members,
    pub jwks: Vec<Entry>,
    pub rules: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub rule: String,
    pub vectors: Vec<Vector>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Vector {
    pub name: String,
    /// `ok`, or the reason.
    pub expect: String,
    #[serde(default)]
    pub header: Members,
    pub header_text: Option<Text>,
    #[serde(default)]
    pub claims: Members,
    pub claims_text: Option<Text>,
    #[serde(default)]
    pub sign: Sign,
    #[serde(default)]
    pub before: Vec<Mutation>,
    #[serde(default)]
    pub after: Vec<Mutation>,
    pub token: Option<String>,
    pub bytes: Option<usize>,
    pub jwks: Option<Vec<Entry>>,
    pub now: Option<f64>,
    pub clock_skew: Option<f64>,
    pub clock_tolerance: Option<f64>,
    #[serde(default)]
    pub scopes: Vec<String>,
    #[serde(default)]
    pub groups: Vec<String>,
    #[serde(default)]
    pub match_all: bool,
    pub groups_claim: Option<String>,
    pub certificate: Option<String>,
    pub binding: Option<String>,
    #[serde(default)]
    pub acr: Vec<String>,
    pub max_age: Option<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sign {
    pub alg: Option<String>,
    pub key: Option<String>,
}

/// A change of one encoded part: exactly one member besides `part`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mutation {
    pub part: String,
    pub append: Option<String>,
    pub prepend: Option<String>,
    pub set: Option<String>,
    pub cut: Option<usize>,
    #[serde(default)]
    pub flip: bool,
    #[serde(default)]
    pub stray: bool,
    #[serde(default)]
    pub widen: bool,
    #[serde(default)]
    pub standard: bool,
}

/// One entry of a JWK Set: any value, or the public half of one of our keys.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Entry {
    // Comes first, because the other variant accepts any object.
    Raw(Raw),
    Ours(serde_json::Map<String, Value>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Raw {
    pub raw: Value,
}

#[derive(Deserialize)]
#[serde(untagged)]
pub enum Text {
    Whole(String),
    Pieces(Vec<Piece>),
}

#[derive(Deserialize)]
#[serde(untagged)]
pub enum Piece {
    Plain(String),
    Repeated { repeat: String, times: usize },
    Hex { hex: String },
}

impl Text {
    pub fn octets(&self) -> Vec<u8> {
        match self {
            Text::Whole(text) => text.as_bytes().to_vec(),
            Text::Pieces(pieces) => pieces.iter().flat_map(Piece::octets).collect(),
        }
    }
}

impl Piece {
    fn octets(&self) -> Vec<u8> {
        match self {
            Piece::Plain(text) => text.as_bytes().to_vec(),
            Piece::Repeated { repeat, times } => repeat.repeat(*times).into_bytes(),
            Piece::Hex { hex } => {
                let digits: Vec<_> = hex.chars().map(|digit| digit.to_digit(16).expect("a hex digit")).collect();
                digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).expect("an octet")).collect()
            }
        }
    }
}

/// Members in the order of the file; `None` leaves one out.
#[derive(Default)]
pub struct Members(pub Vec<(String, Option<Text>)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("members")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

impl File {
    pub fn read() -> File {
        serde_json::from_str(&text("jwt.json")).unwrap_or_else(|error| panic!("jwt.json: {error}"))
    }

    pub fn vectors(&self) -> impl Iterator<Item = &Vector> {
        self.rules.iter().flat_map(|rule| &rule.vectors)
    }
}

/// A file of `__test__/vectors`.
pub fn text(name: &str) -> String {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "__test__", "vectors", name].iter().collect();
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
