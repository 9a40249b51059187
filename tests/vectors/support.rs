//! Where the vectors are, how they are read, and how many results agree with them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use monocloud_backend_node::engine::error::Reason;
use monocloud_backend_node::engine::keys::jwk::KeySet;
use monocloud_backend_node::engine::token::compact::{Compact, decode_base64url};
use monocloud_backend_node::engine::token::header::Header;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The folder of the vectors. They are committed: a missing file fails its test.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("__test__/vectors/third-party")
}

/// Prints directly, because the test harness hides the output of tests that pass.
pub fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).expect("stdout takes text");
}

/// The text of a file that must exist.
pub fn text(folder: &Path, name: &str) -> String {
    let path = folder.join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The content of a JSON file that must exist.
pub fn read<T: DeserializeOwned>(folder: &Path, name: &str) -> T {
    serde_json::from_str(&text(folder, name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A Wycheproof file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Wycheproof<G> {
    pub number_of_tests: usize,
    pub test_groups: Vec<G>,
}

/// Wycheproof's label of a case. `acceptable` is an old leniency: the engine rejects it.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    Acceptable,
    Invalid,
    Valid,
}

/// Why a label does not apply, and the result instead.
#[derive(Clone, Copy)]
pub struct Exception {
    pub rule: &'static str,
    pub verdict: Result<(), Reason>,
}

/// A JWK Set of one key.
pub fn set_of(jwk: &Value) -> Value {
    json!({ "keys": [jwk] })
}

/// The engine's reading of a JWK Set.
pub fn key_set(set: &Value) -> KeySet {
    KeySet::parse(&set.to_string()).unwrap_or_else(|| panic!("not a JWK Set: {set}"))
}

/// The engine's result for a signature, without the checks of claims.
pub fn verdict(set: &Value, jws: &str) -> Result<(), Reason> {
    let compact = Compact::split(jws)?;
    let header = Header::parse(compact.header)?;
    let set = key_set(set);
    let key = set.select(&header)?;
    let signature = decode_base64url(compact.signature.as_bytes()).ok_or(Reason::TokenMalformed)?;
    key.verify(header.algorithm, compact.signing_input.as_bytes(), &signature)
}

/// The expected counts per result. A file without cases therefore fails.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counts {
    pub accepted: usize,
    pub refused: usize,
    pub excepted: usize,
}

/// The result of one file.
pub struct Tally {
    title: String,
    accepted: usize,
    refused: BTreeMap<&'static str, usize>,
    excepted: BTreeMap<&'static str, Vec<u32>>,
    unexplained: Vec<String>,
}

impl Tally {
    pub fn new(title: impl Into<String>) -> Self {
        Tally {
            title: title.into(),
            accepted: 0,
            refused: BTreeMap::new(),
            excepted: BTreeMap::new(),
            unexplained: Vec::new(),
        }
    }

    /// Compares a result with its label. An exception must have exactly the listed result.
    pub fn add(&mut self, id: u32, label: Label, verdict: Result<(), Reason>, exception: Option<Exception>) {
        match (label, verdict, exception) {
            (Label::Valid, Ok(()), None) => self.accepted += 1,
            (Label::Invalid | Label::Acceptable, Err(reason), None) => {
                *self.refused.entry(reason.spec().name).or_default() += 1;
            }
            (_, verdict, Some(exception)) if verdict == exception.verdict => {
                self.excepted.entry(exception.rule).or_default().push(id);
            }
            (label, verdict, exception) => self.unexplained.push(format!(
                "tcId {id}: labelled {label:?}, verdict {verdict:?}, listed exception {:?}",
                exception.map(|exception| (exception.rule, exception.verdict))
            )),
        }
    }

    /// Prints the table; fails on any disagreement that is not listed and on any other count.
    pub fn finish(self, expected: Counts) {
        let counts = Counts {
            accepted: self.accepted,
            refused: self.refused.values().sum(),
            excepted: self.excepted.values().map(Vec::len).sum(),
        };
        say(&self.table(counts));
        assert!(self.unexplained.is_empty(), "{}:\n{}", self.title, self.unexplained.join("\n"));
        assert_eq!(counts, expected, "{}", self.title);
    }

    fn table(&self, counts: Counts) -> String {
        let Counts { accepted, refused, excepted } = counts;
        let cases = accepted + refused + excepted + self.unexplained.len();
        let mut table = format!("\n{}: {cases} cases\n  {accepted:>4} accepted\n  {refused:>4} refused:", self.title);
        for (reason, count) in &self.refused {
            write!(table, " {reason} {count}").expect("a String takes text");
        }
        for (rule, ids) in &self.excepted {
            let range = match ids.as_slice() {
                [first, .., last] if ids.len() > 10 => format!("{first}..{last}"),
                ids => ids.iter().map(u32::to_string).collect::<Vec<_>>().join(" "),
            };
            write!(table, "\n  {:>4} excepted: {rule} [{range}]", ids.len()).expect("a String takes text");
        }
        table.push('\n');
        table
    }
}
