//! The examples of RFC 9449, byte for byte.

use super::testing::{NOW, TOKEN, URL, context, decide};
use super::{GivenProof, Proof};
use crate::engine::error::Reason;
use crate::engine::token::confirmation::Thumbprint;

const HEADER: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19";
const FIGURE_2: &str = "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
const FIGURE_7: &str = "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjY1Mjk2fQ.pAqut2IRDm_De6PR93SYmGBPXpwrAk90e8cP2hjiaG5QsGSuKDYW7_X620BxqhvYC8ynrrvZLTk41mSRroapUA";
const FIGURE_13: &str = "eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIjoiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0ZWRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNFc05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71EOptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA";
/// Figure 11.
const JKT: &str = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";

fn proof(rest: &str, method: &str, url: &str) -> Proof {
    let text = format!("{HEADER}.{rest}");
    Proof::new(context(), GivenProof::One(text.into()), method, vec![url.into()])
}

fn jkt() -> Thumbprint {
    Thumbprint::parse(JKT).expect("a thumbprint")
}

#[test]
fn figure_13_is_accepted_once_with_its_token_and_key() {
    let first = proof(FIGURE_13, "GET", URL);
    assert_eq!(decide(&first, TOKEN, &jkt(), NOW), Ok(()));
    assert_eq!(decide(&first, TOKEN, &jkt(), NOW), Ok(()), "the same request");
    let spent = first.spent().expect("spent");
    assert_eq!(spent.expires_at, 1_562_262_618 + 60 + 1 + 30);
    let again = Proof::new(std::sync::Arc::clone(&first.context), first.given.clone(), "GET", vec![URL.into()]);
    assert_eq!(decide(&again, TOKEN, &jkt(), NOW), Err(Reason::DpopReplayed));
    assert_eq!(again.spent(), None);
}

#[test]
fn figures_2_and_7_are_refused_at_a_resource_because_they_have_no_ath() {
    for (figure, at) in [(FIGURE_2, 1_562_262_616.0), (FIGURE_7, 1_562_265_296.0)] {
        let proof = proof(figure, "POST", "https://server.example.com/token");
        assert_eq!(decide(&proof, TOKEN, &jkt(), at), Err(Reason::DpopClaimsInvalid));
    }
}

#[test]
fn the_signatures_of_figures_2_and_7_and_13_verify_with_one_altered_bit_they_do_not() {
    for figure in [FIGURE_2, FIGURE_7, FIGURE_13] {
        let text = format!("{HEADER}.{figure}");
        let signed = super::SignedProof::read(&text, &context()).ok().expect("a proof");
        assert!(signed.verify(&text, &context()).is_ok());
        assert_eq!(signed.key.thumbprint, jkt());
        let mut altered = text.into_bytes();
        let last = altered.len() - 10;
        altered[last] = if altered[last] == b'A' { b'B' } else { b'A' };
        let altered = String::from_utf8(altered).expect("text");
        let signed = super::SignedProof::read(&altered, &context()).ok().expect("a proof");
        assert_eq!(signed.verify(&altered, &context()).err(), Some(Reason::DpopSignatureInvalid));
    }
}
