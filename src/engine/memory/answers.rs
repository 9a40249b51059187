//! Remembered answers: do the claims of a token meet the requirements of a route?
//!
//! The claims of a token never change, and neither do the requirements of a route. So their answer is found once for each
//! remembered token and route, and kept beside the token. A token that meets no route with such requirements has no answers.

use crate::engine::error::Reason;

/// Identifies requirements: the first half of a SHA-256. Equal requirements have the same id.
pub type RequirementsId = [u8; 16];

/// How many answers are kept for one token.
const MOST_ANSWERS: usize = 4;

/// The heap size of the answers of one token, in bytes, with what an allocation takes in addition.
pub const ANSWERS_BYTES: usize = size_of::<Answers>() + 16;

/// The latest answers for one token.
#[derive(Default)]
pub struct Answers {
    kept: [Option<(RequirementsId, Result<(), Reason>)>; MOST_ANSWERS],
    /// The index of the answer that the next one replaces.
    next: usize,
}

impl Answers {
    /// Returns the known answer, or finds and keeps it.
    pub fn get_or(&mut self, id: &RequirementsId, find: impl FnOnce() -> Result<(), Reason>) -> Result<(), Reason> {
        if let Some((_, answer)) = self.kept.iter().flatten().find(|(known, _)| known == id) {
            return *answer;
        }
        let answer = find();
        if let Some(place) = self.kept.get_mut(self.next) {
            *place = Some((*id, answer));
        }
        self.next = (self.next + 1) % MOST_ANSWERS;
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_found_once_as_long_as_fewer_than_four_others_follow() {
        let mut answers = Answers::default();
        let mut found = Vec::new();
        let mut ask = |id: u8| {
            answers.get_or(&[id; 16], || {
                found.push(id);
                if id.is_multiple_of(2) { Ok(()) } else { Err(Reason::ClaimMismatch) }
            })
        };
        for id in [1, 2, 3, 4, 1, 2, 3, 4] {
            assert_eq!(ask(id).is_ok(), id.is_multiple_of(2), "{id}");
        }
        assert_eq!(ask(5), Err(Reason::ClaimMismatch));
        assert_eq!((ask(2), ask(1)), (Ok(()), Err(Reason::ClaimMismatch)));
        assert_eq!(found, [1, 2, 3, 4, 5, 1]);
    }
}
