//! Where a fact stands in its log, and the fact that has such a place.

use std::fmt;

use crate::Fact;

/// Where an entry is in its log: ordered, and opaque to users, who only hand it back.
///
/// A file log counts its facts from 1; a Redis log uses the stream's own ids, `milliseconds-number`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(Place);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Place {
    Seq(u64),
    Pair(u64, u64),
}

impl Position {
    /// The position with this number, for a backend that counts its facts.
    pub fn from_seq(seq: u64) -> Self {
        Position(Place::Seq(seq))
    }

    /// The position `major-minor`, for a backend whose positions have two parts.
    pub fn from_pair(major: u64, minor: u64) -> Self {
        Position(Place::Pair(major, minor))
    }

    /// The highest position below this one; `None` for the lowest of all.
    pub(crate) fn before(self) -> Option<Position> {
        let place = match self.0 {
            Place::Seq(seq) => Place::Seq(seq.checked_sub(1)?),
            Place::Pair(major, minor) => match minor.checked_sub(1) {
                Some(minor) => Place::Pair(major, minor),
                None => Place::Pair(major.checked_sub(1)?, u64::MAX),
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
            Place::Pair(major, minor) => Some((major, minor)),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Place::Seq(seq) => write!(f, "{seq}"),
            Place::Pair(major, minor) => write!(f, "{major}-{minor}"),
        }
    }
}

impl std::str::FromStr for Position {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let place = match text.split_once('-') {
            None => text.parse().ok().map(Place::Seq),
            Some((major, minor)) => major.parse().ok().zip(minor.parse().ok()).map(|(a, b)| Place::Pair(a, b)),
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
}

impl Entry {
    /// A fact that stands at this position and takes so many bytes.
    pub fn new(position: Position, fact: Fact, bytes: u64) -> Self {
        Entry { position, fact, bytes }
    }
}
