//! Where a fact stands in its log, and the fact that has such a place.

use std::fmt;

use crate::Fact;

/// Where an entry is in its log: ordered, and opaque to users, who only hand it back.
///
/// A file log counts its facts from 1; a Redis log uses the stream's own ids, `milliseconds-number`. Of a log with a spool in
/// front it is a pair and the number of the last fact in the spool that was seen on the way there, `milliseconds-number+seq`:
/// whoever goes on from it sees no fact again that was shipped meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(Place);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Place {
    Seq(u64),
    /// Two parts, and the number in the spool: 0 where none was seen.
    Pair(u64, u64, u64),
}

impl Position {
    /// The position with this number, for a backend that counts its facts.
    pub fn from_seq(seq: u64) -> Self {
        Position(Place::Seq(seq))
    }

    /// The position `major-minor`, for a backend whose positions have two parts.
    pub fn from_pair(major: u64, minor: u64) -> Self {
        Position(Place::Pair(major, minor, 0))
    }

    /// The same place, with everything seen of the spool up to this number.
    pub(crate) fn with_spooled(self, seq: u64) -> Self {
        match self.0 {
            Place::Seq(_) => self,
            Place::Pair(major, minor, _) => Position(Place::Pair(major, minor, seq)),
        }
    }

    /// Up to which number the spool was seen; 0 where nothing of it was.
    pub(crate) fn spooled(self) -> u64 {
        match self.0 {
            Place::Seq(_) => 0,
            Place::Pair(_, _, seq) => seq,
        }
    }

    /// The highest position below this one in the log itself, no spool in front; `None` for the lowest of all.
    pub(crate) fn before(self) -> Option<Position> {
        let place = match self.0 {
            Place::Seq(seq) => Place::Seq(seq.checked_sub(1)?),
            Place::Pair(major, minor, _) => match minor.checked_sub(1) {
                Some(minor) => Place::Pair(major, minor, 0),
                None => Place::Pair(major.checked_sub(1)?, u64::MAX, 0),
            },
        };
        Some(Position(place))
    }

    /// The number, where the backend counts its facts.
    pub fn seq(self) -> Option<u64> {
        match self.0 {
            Place::Seq(seq) => Some(seq),
            Place::Pair(..) => None,
        }
    }

    /// Both parts, where positions have two.
    pub fn pair(self) -> Option<(u64, u64)> {
        match self.0 {
            Place::Seq(_) => None,
            Place::Pair(major, minor, _) => Some((major, minor)),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Place::Seq(seq) => write!(f, "{seq}"),
            Place::Pair(major, minor, 0) => write!(f, "{major}-{minor}"),
            Place::Pair(major, minor, seq) => write!(f, "{major}-{minor}+{seq}"),
        }
    }
}

impl std::str::FromStr for Position {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let place = match text.split_once('-') {
            None => text.parse().ok().map(Place::Seq),
            Some((major, rest)) => {
                let (minor, spooled) = rest.split_once('+').unwrap_or((rest, "0"));
                let parts = (major.parse().ok(), minor.parse().ok(), spooled.parse().ok());
                match parts {
                    (Some(major), Some(minor), Some(spooled)) => Some(Place::Pair(major, minor, spooled)),
                    _ => None,
                }
            }
        };
        place.map(Position).ok_or_else(|| {
            crate::Error::new(crate::ErrorKind::Config, format!("`{text}` is not a position"))
                .with_cure("take a position from the output of `papyra inspect` or `papyra append --ack`")
        })
    }
}

/// A stored fact with its position.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// Where it is in its log.
    pub position: Position,
    /// What happened.
    pub fact: Fact,
    /// How many bytes it takes in storage, what `max_bytes` of a retention counts.
    pub bytes: u64,
    /// Who wrote it, where the log has several writers that count for themselves.
    pub origin: Option<Origin>,
}

/// Who wrote an entry: together they identify a fact among those of all writers of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Origin {
    /// The bits of the writer's UUID.
    pub writer: u128,
    /// The number that the writer gave the fact.
    pub seq: u64,
}

impl Origin {
    /// This number of this writer.
    pub fn new(writer: u128, seq: u64) -> Self {
        Origin { writer, seq }
    }
}

impl Entry {
    /// A fact that stands at this position and takes so many bytes.
    pub fn new(position: Position, fact: Fact, bytes: u64) -> Self {
        Entry { position, fact, bytes, origin: None }
    }

    /// Says who wrote it.
    #[must_use]
    pub fn by(mut self, origin: Origin) -> Self {
        self.origin = Some(origin);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_as_it_was_written_and_keeps_its_order() {
        let pair = Position::from_pair(1_700_000_000_000, 3);
        let rising = [pair, pair.with_spooled(7), pair.with_spooled(10), Position::from_pair(1_700_000_000_000, 4)];
        assert!(rising.is_sorted_by(|a, b| a < b));
        for position in rising.into_iter().chain([Position::from_seq(5)]) {
            assert_eq!(position.to_string().parse::<Position>().unwrap(), position);
        }
        assert_eq!(pair.with_spooled(7).to_string(), "1700000000000-3+7");
        assert_eq!((pair.with_spooled(7).pair(), pair.with_spooled(7).spooled()), (pair.pair(), 7));
        assert!("1-2+x".parse::<Position>().is_err());
    }
}
