//! Repeatable mutations: the same seed gives the same cases. SplitMix64 chooses, without a dependency.

pub struct Mutator {
    state: u64,
    dictionary: &'static [&'static str],
}

/// Pieces that have a meaning for some target.
pub const DICTIONARY: &[&str] = &[
    "\"alg\":\"none\"",
    "\"alg\":\"HS256\"",
    "EdDSA",
    "Ed25519",
    "ES256",
    "RS256",
    "\"kid\":\"own\"",
    "\"crit\":[\"exp\"]",
    "\"b64\":false",
    "\"typ\":\"at+jwt\"",
    "\"iss\":\"https://tenant.example\"",
    "\"aud\":\"https://api.example.com\"",
    "\"exp\":2000009999",
    "\"exp\":1e400",
    "\"exp\":-1",
    "\"nbf\":0",
    "\"iat\":1.5",
    "\"sub\":null",
    "\"cnf\":{}",
    "\"x5t#S256\":\"",
    "\"active\":true",
    "\"active\":false",
    "\\u0061ctive",
    "\\u0061",
    "\\ud800",
    "\\\"",
    "\u{feff}",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    "{\"a\":{\"a\":{\"a\":",
    "]",
    "}",
    ",",
    ":",
    "\"",
    ".",
    "..",
    "=",
    "-",
    "_",
    "+",
    "/",
    "%",
    "%0A",
    "%2B",
    "%00",
    "%2e",
    "%7E",
    ":443",
    "/../",
    "//",
    "@",
    "?",
    "#",
    "\r\n",
    "\u{0}",
    " ",
    "\t",
    "-----BEGIN CERTIFICATE-----",
    "-----END CERTIFICATE-----",
    "Cert=\"",
    ";",
    "By=",
    ":MII",
    "MIIB",
    "\"kty\":\"RSA\"",
    "\"kty\":\"oct\"",
    "\"use\":\"enc\"",
    "\"key_ops\":[]",
    "\"e\":\"AQ\"",
    "\"n\":\"",
    "https://",
    "http://",
    "file:///",
    "localhost",
    "localhost.",
    "127.0.0.1",
    "[::1]",
    "169.254.169.254",
    "[::ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "@",
    "?",
    "#",
    "\"jwks_uri\":\"",
    "0",
    "9",
    "é",
    "\u{165}",
];

impl Mutator {
    pub fn new(seed: u64) -> Mutator {
        Mutator { state: seed, dictionary: DICTIONARY }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which may be 0.
    pub fn below(&mut self, limit: usize) -> usize {
        if limit == 0 { 0 } else { (self.next() % limit as u64) as usize }
    }

    /// One of the seeds, changed in one to four places.
    pub fn mutate(&mut self, seeds: &[Vec<u8>]) -> Vec<u8> {
        let pick = self.below(seeds.len());
        let mut data = seeds[pick].clone();
        for _ in 0..=self.below(4) {
            self.change(&mut data, seeds);
        }
        data
    }

    fn change(&mut self, data: &mut Vec<u8>, seeds: &[Vec<u8>]) {
        let at = self.below(data.len() + 1);
        match self.below(10) {
            // Changes a bit, an octet, or a base64url letter.
            0 if at < data.len() => data[at] ^= 1 << self.below(8),
            1 if at < data.len() => data[at] = self.next() as u8,
            2 if at < data.len() => data[at] = b"ABCZabcz0189-_.="[self.below(16)],
            3 => data.insert(at, self.next() as u8),
            // Removes, repeats or moves a piece.
            4 => {
                let end = (at + 1 + self.below(12)).min(data.len());
                data.drain(at.min(end)..end);
            }
            5 => {
                let end = (at + self.below(40)).min(data.len());
                let piece = data[at..end].to_vec();
                let to = self.below(data.len() + 1);
                data.splice(to..to, piece);
            }
            6 => data.truncate(at),
            // Inserts a piece with a meaning, or one of another seed.
            7 | 8 => {
                let word = self.dictionary[self.below(self.dictionary.len())].as_bytes();
                let end = if self.below(2) == 0 { at } else { (at + word.len()).min(data.len()) };
                data.splice(at..end, word.iter().copied());
            }
            _ => {
                let pick = self.below(seeds.len());
                let other = &seeds[pick];
                let from = self.below(other.len() + 1);
                let end = (from + self.below(60)).min(other.len());
                data.splice(at..at, other[from..end].iter().copied());
            }
        }
    }
}
