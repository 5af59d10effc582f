//! What a backend and a backup exchange: the pieces of a log, as bytes with names.

use std::{fs::File, path::PathBuf};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{Error, Position, Progress, Result, ScanReport, disk};

/// What a backend offers so that its logs can be backed up and restored. A backend hands it out by
/// [`Backend::backups`](crate::Backend::backups).
///
/// A piece is whatever the backend keeps as one piece: a file of a file log, a stream of a server. What its bytes mean is
/// the backend's affair; a backup keeps them as they come, with their checksums.
///
/// Each backend proves the sentences with MUST in its own tests.
#[async_trait]
pub trait Backups: Send + Sync {
    /// Hands the whole log to `sink`, piece by piece.
    ///
    /// - What is handed over MUST be the log as it was at one moment after the call began: it holds every fact that was
    ///   acknowledged before, and no half of a batch.
    /// - The writer MUST be able to go on; it waits for a moment at most.
    /// - The log MUST NOT be changed.
    /// - A damaged log MUST be handed over as it is.
    ///
    /// # Errors
    /// `NotFound` if there is no log; `Locked` if a recovery or a compaction is at work.
    async fn copy(&self, sink: Box<dyn PieceSink>) -> Result<Copied>;

    /// Makes a log of the pieces of a backup, in the place that this backend's address names.
    ///
    /// - Where a log is already, or anything else, it MUST refuse with kind `Create` and change nothing.
    /// - What it made MUST be looked at before it becomes the log, and be refused if it is not what
    ///   [`Stored::figures`] and [`Stored::anomalies`] say.
    /// - A crash at any moment MUST leave nothing that could be taken for the log, or the whole log.
    /// - The restored log MUST have an identity of its own: it is another log from here on.
    async fn restore(&self, from: Stored) -> Result<Restored>;
}

/// Takes the pieces of a log, one after the other: `begin`, `write` as often as needed, `end`.
pub trait PieceSink: Send {
    /// A piece begins. Says whether its bytes are wanted: not if they came already or an earlier backup has them, and then
    /// neither `write` nor `end` may follow. Any other piece that was begun before begins anew, and what came of it is
    /// forgotten.
    ///
    /// # Errors
    /// If the name is no plain name of a file, or no place can be found for the piece.
    fn begin(&mut self, piece: &Piece) -> Result<bool>;

    /// The next bytes of the piece.
    ///
    /// # Errors
    /// If they cannot be kept.
    fn write(&mut self, bytes: &[u8]) -> Result<()>;

    /// The piece is whole.
    ///
    /// # Errors
    /// If it cannot be made durable, or is not as long as it was said to be.
    fn end(&mut self, figures: Figures) -> Result<()>;
}

/// A piece of a log, before its bytes come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Piece {
    /// Its name: a plain name of a file, unlike all others of the log.
    pub name: String,
    /// How many bytes will come, where that is known.
    pub bytes: Option<u64>,
    /// A mark of these very bytes: a piece of the same name and mark has the same bytes, whenever it is looked at. `None` for
    /// a piece that still changes; its bytes are copied every time.
    pub mark: Option<String>,
}

impl Piece {
    /// A piece that still changes.
    pub fn new(name: impl Into<String>) -> Self {
        Piece { name: name.into(), bytes: None, mark: None }
    }

    /// Says how many bytes will come.
    #[must_use]
    pub fn with_bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }

    /// Says by what these very bytes are known.
    #[must_use]
    pub fn with_mark(mut self, mark: impl Into<String>) -> Self {
        self.mark = Some(mark.into());
        self
    }
}

/// What is in a piece, or in all pieces of a log.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Figures {
    /// Sound facts.
    pub entries: u64,
    /// The position of the first and of the last of them.
    #[serde(with = "positions")]
    pub positions: Option<(Position, Position)>,
    /// The lowest and the highest timestamp, in seconds since 1970.
    pub timestamps: Option<(f64, f64)>,
}

impl Figures {
    /// What a scan counted.
    pub fn of(report: &ScanReport) -> Self {
        Figures {
            entries: report.entries.values().sum(),
            positions: report.seqs.map(|(first, last)| (Position::from_seq(first), Position::from_seq(last))),
            timestamps: report.timestamps,
        }
    }

    /// Takes one more fact into account, behind all others.
    pub fn add(&mut self, position: Position, timestamp: f64) {
        let first = self.positions.map_or(position, |(first, _)| first);
        let (oldest, newest) = self.timestamps.unwrap_or((timestamp, timestamp));
        self.entries += 1;
        self.positions = Some((first, position));
        self.timestamps = Some((oldest.min(timestamp), newest.max(timestamp)));
    }

    /// Takes the facts of the next piece into account.
    pub fn join(&mut self, next: &Figures) {
        self.entries += next.entries;
        self.positions = match (self.positions, next.positions) {
            (Some((first, _)), Some((_, last))) => Some((first, last)),
            (own, next) => own.or(next),
        };
        self.timestamps = match (self.timestamps, next.timestamps) {
            (Some(own), Some(next)) => Some((own.0.min(next.0), own.1.max(next.1))),
            (own, next) => own.or(next),
        };
    }
}

/// What a backend says of the log that it handed over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Copied {
    /// Where the log is, whatever directory this is read in, without any password.
    pub source: String,
    /// The number of the format, where there is one.
    pub format: Option<u64>,
    /// The log's identity, where it has one.
    pub log_id: Option<String>,
    /// The names of the pieces that are the log, in its order. What else came is forgotten.
    pub pieces: Vec<String>,
    /// What was left out on purpose, a sentence each.
    pub left_out: Vec<String>,
}

impl Copied {
    /// A log in this place.
    pub fn from(source: impl Into<String>) -> Self {
        Copied { source: source.into(), ..Copied::default() }
    }
}

/// A backup whose bytes were found to be what its manifest says, for a backend to make a log of.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The name of the backend that handed the pieces over.
    pub backend: String,
    /// The identity of the log that was backed up, where it had one.
    pub log_id: Option<String>,
    /// What is in all pieces together.
    pub figures: Figures,
    /// How many findings a scan has of it, where one was made: not 0 if the log was damaged when it was backed up.
    pub anomalies: Option<u64>,
    /// The names of the pieces, in the order of the log.
    pub pieces: Vec<String>,
    /// Where to count how far the restoring is, if anybody looks.
    pub progress: Option<Progress>,
    pub(crate) directory: PathBuf,
}

impl Stored {
    /// The bytes of a piece.
    ///
    /// # Errors
    /// If it cannot be opened, or is not a regular file any more.
    pub fn open(&self, piece: &str) -> Result<File> {
        let path = self.directory.join(piece);
        disk::open_file(&path).map_err(|error| Error::io("open", &path, error))
    }
}

/// What a backend made of a backup.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Restored {
    /// The identity that the new log was given, where it has one.
    pub log_id: Option<String>,
    /// What the log was found to be before it took its place.
    pub scan: ScanReport,
}

impl Restored {
    /// A log that was found to be this.
    pub fn new(log_id: Option<String>, scan: ScanReport) -> Self {
        Restored { log_id, scan }
    }
}

/// Positions stand in JSON as the text that people copy.
mod positions {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    use crate::Position;

    pub(super) fn serialize<S: Serializer>(
        positions: &Option<(Position, Position)>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        positions.map(|(first, last)| (first.to_string(), last.to_string())).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<(Position, Position)>, D::Error> {
        let Some((first, last)) = Option::<(String, String)>::deserialize(deserializer)? else { return Ok(None) };
        let position = |text: String| text.parse::<Position>().map_err(D::Error::custom);
        Ok(Some((position(first)?, position(last)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_pieces_come_to_those_of_the_log() {
        let mut all = Figures::default();
        let mut pieces = [Figures::default(), Figures::default(), Figures::default()];
        for (piece, seq, at) in [(0, 1, 5.0), (0, 2, 3.0), (2, 3, 9.0), (2, 4, 4.0)] {
            all.add(Position::from_seq(seq), at);
            pieces[piece].add(Position::from_seq(seq), at);
        }
        let mut joined = Figures::default();
        pieces.iter().for_each(|piece| joined.join(piece));
        assert_eq!(joined, all);
        assert_eq!((all.entries, all.timestamps), (4, Some((3.0, 9.0))));
        let json = serde_json::to_string(&all).unwrap();
        assert_eq!(json, r#"{"entries":4,"positions":["1","4"],"timestamps":[3.0,9.0]}"#);
        assert_eq!(serde_json::from_str::<Figures>(&json).unwrap(), all);
    }
}
