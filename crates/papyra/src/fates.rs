//! What became of each fact of a batch that a log took only a part of.

use crate::{Error, Kind, Outcome, Position};

/// What became of each fact of a batch, where a log whose kinds live in different places took only a part of it: every fact
/// has a position, or stands in one of the refusals.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fates {
    /// Where each fact now is, in the order of the batch; `None` if its part refused it.
    pub positions: Vec<Option<Position>>,
    /// What each part said that refused its facts.
    pub refusals: Vec<Refusal>,
}

/// The facts that one part refused, and why.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refusal {
    /// The kinds that live in this part.
    pub kinds: Vec<Kind>,
    /// The part's address, without any password.
    pub log: String,
    /// Which facts of the batch, from 0 on.
    pub facts: Vec<usize>,
    /// Why, and by its [`outcome`](Error::outcome) whether these facts may nevertheless be in the log.
    pub error: Error,
}

impl Refusal {
    /// These facts of the batch were refused by the part of these kinds.
    pub fn new(kinds: &[Kind], log: impl Into<String>, facts: Vec<usize>, error: Error) -> Self {
        Refusal { kinds: kinds.to_vec(), log: log.into(), facts, error }
    }
}

impl Fates {
    /// Where the written facts are, and who refused the others.
    pub fn new(positions: Vec<Option<Position>>, refusals: Vec<Refusal>) -> Self {
        Fates { positions, refusals }
    }

    /// How many facts are written.
    pub fn written(&self) -> usize {
        self.positions.iter().flatten().count()
    }

    /// What is known about the batch as a whole.
    pub fn outcome(&self) -> Outcome {
        let none = self.written() == 0;
        let sure = self.refusals.iter().all(|refusal| refusal.error.outcome() == Outcome::NotWritten);
        if none && sure { Outcome::NotWritten } else { Outcome::Unknown }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;

    #[test]
    fn only_a_batch_of_which_nothing_can_be_there_is_not_written() {
        let refusal = |error| Refusal::new(&[Kind::Audit], "a", vec![1], error);
        let error = || Error::new(ErrorKind::Io, "x");
        let place = Some(Position::from_seq(1));
        for (first, error, outcome) in [
            (None, error(), Outcome::NotWritten),
            (place, error(), Outcome::Unknown),
            (None, error().with_unknown_outcome(), Outcome::Unknown),
        ] {
            let fates = Fates::new(vec![first, None], vec![refusal(error)]);
            assert_eq!(fates.outcome(), outcome);
            assert_eq!(Error::new(ErrorKind::Io, "x").with_fates(fates).outcome(), outcome);
        }
    }
}
