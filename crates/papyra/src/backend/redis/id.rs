//! Ids of stream entries: `milliseconds-number`.

use std::fmt;

use crate::Position;

/// The id of an entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Id {
    pub(super) ms: u64,
    pub(super) n: u64,
}

impl Id {
    /// Above every entry.
    pub(super) const MAX: Id = Id { ms: u64::MAX, n: u64::MAX };

    pub(super) fn parse(text: &str) -> Option<Id> {
        let (ms, n) = text.split_once('-')?;
        Some(Id { ms: ms.parse().ok()?, n: n.parse().ok()? })
    }

    /// The next possible id; of the highest, itself.
    pub(super) fn next(self) -> Id {
        match self.n.checked_add(1) {
            Some(n) => Id { n, ..self },
            None => self.ms.checked_add(1).map_or(self, |ms| Id { ms, n: 0 }),
        }
    }

    /// The id that is so many further in the same batch.
    pub(super) fn plus(self, n: u64) -> Id {
        Id { n: self.n.saturating_add(n), ..self }
    }

    /// The last possible id before; `None` if there is none.
    pub(super) fn before(self) -> Option<Id> {
        match self.n.checked_sub(1) {
            Some(n) => Some(Id { n, ..self }),
            None => self.ms.checked_sub(1).map(|ms| Id { ms, n: u64::MAX }),
        }
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.n)
    }
}

impl From<Id> for Position {
    fn from(id: Id) -> Self {
        Position::from_pair(id.ms, id.n)
    }
}

impl From<Position> for Id {
    /// A position of a log that counts, which names no entry of a stream, is above them all: so it is refused as one that
    /// the log has not reached.
    fn from(position: Position) -> Self {
        position.pair().map_or(Id::MAX, |(ms, n)| Id { ms, n })
    }
}
