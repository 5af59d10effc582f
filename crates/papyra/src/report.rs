//! Findings are data: what scans, recoveries and compactions report.

mod backlog;
mod connections;
mod part;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

use serde::{Serialize, Serializer};

pub use backlog::Backlog;
pub use connections::Connections;
pub use part::{PartError, PartReport};
pub(crate) use part::{any_done, in_words};

use crate::Kind;

/// What kind of anomaly a scan found. The names are stable: they stand in JSON and on the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum AnomalyKind {
    /// Bytes after the last newline: what a crash leaves.
    TruncatedLine,
    /// A damaged line that has its newline.
    CorruptedLine,
    /// A fact without a checksum where sealing has begun: another program appended it.
    UnsealedLine,
    /// Sealed lines without a header before them.
    MissingHeader,
    /// Facts are missing that nothing dropped on purpose.
    MissingEntries,
    /// A fact stands in the log a second time.
    DuplicateEntry,
    /// A fact stands at the wrong place.
    OutOfOrder,
    /// A line of another log.
    ForeignLine,
    /// A whole file of the log is missing.
    MissingSegment,
    /// A file that does not belong to the log.
    UnexpectedFile,
    /// The log was written by a newer version.
    NewerFormat,
    /// A key of the log's name holds something else.
    WrongType,
}

impl AnomalyKind {
    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            AnomalyKind::TruncatedLine => "TRUNCATED_LINE",
            AnomalyKind::CorruptedLine => "CORRUPTED_LINE",
            AnomalyKind::UnsealedLine => "UNSEALED_LINE",
            AnomalyKind::MissingHeader => "MISSING_HEADER",
            AnomalyKind::MissingEntries => "MISSING_ENTRIES",
            AnomalyKind::DuplicateEntry => "DUPLICATE_ENTRY",
            AnomalyKind::OutOfOrder => "OUT_OF_ORDER",
            AnomalyKind::ForeignLine => "FOREIGN_LINE",
            AnomalyKind::MissingSegment => "MISSING_SEGMENT",
            AnomalyKind::UnexpectedFile => "UNEXPECTED_FILE",
            AnomalyKind::NewerFormat => "NEWER_FORMAT",
            AnomalyKind::WrongType => "WRONG_TYPE",
        }
    }
}

impl fmt::Display for AnomalyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One finding of a scan: what, where, and a sentence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Anomaly {
    /// What was found.
    pub kind: AnomalyKind,
    /// The file, or the name of the stream or table.
    #[serde(serialize_with = "path")]
    pub path: PathBuf,
    /// Byte offset in the file, from 0, where bytes are concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// How many bytes are concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
    /// Line number in the file, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The first and last position number concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seqs: Option<(u64, u64)>,
    /// One sentence for people.
    pub detail: String,
}

impl Anomaly {
    /// A finding in this file or stream.
    pub fn new(kind: AnomalyKind, path: impl Into<PathBuf>, detail: impl Into<String>) -> Self {
        Anomaly { kind, path: path.into(), offset: None, length: None, line: None, seqs: None, detail: detail.into() }
    }

    /// Adds the bytes concerned.
    #[must_use]
    pub fn at(mut self, offset: u64, length: u64) -> Self {
        (self.offset, self.length) = (Some(offset), Some(length));
        self
    }

    /// Adds the line number, from 1.
    #[must_use]
    pub fn on_line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// Adds the position numbers concerned.
    #[must_use]
    pub fn for_seqs(mut self, first: u64, last: u64) -> Self {
        self.seqs = Some((first, last));
        self
    }
}

/// A path that is not UTF-8 is shown as well as it can be: a report must never fail over it.
pub(crate) fn path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

fn paths<S: Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.display().to_string()))
}

/// How many findings a report carries in full; the rest is only counted.
pub const MAX_ANOMALIES: usize = 10_000;

/// What a scan found. A damaged log is a report, never an error.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ScanReport {
    /// The backend's name.
    pub backend: String,
    /// The log, without any password.
    pub log: String,
    /// The findings, in the order of the log, at most [`MAX_ANOMALIES`].
    pub anomalies: Vec<Anomaly>,
    /// How many there are in all.
    pub anomalies_total: u64,
    /// Sound facts by kind; `unknown` are the kinds that this version does not know.
    pub entries: BTreeMap<&'static str, u64>,
    /// Bytes looked at.
    pub bytes: u64,
    /// The position numbers of the first and last sound fact, where the backend counts facts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seqs: Option<(u64, u64)>,
    /// The lowest and highest timestamp of sound facts, in seconds since 1970, where the backend tells them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamps: Option<(f64, f64)>,
    /// Lines from before sealing began: they carry no checksum, so changes in them cannot be found.
    pub legacy_lines: u64,
    /// A writer was at work, so bytes after the last newline were in flight.
    pub live_writer: bool,
    /// Every fact was decoded too, not only its checksum and head.
    pub deep: bool,
    /// What waits in the log's spool, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backlog: Option<Backlog>,
    /// Remarks that are no findings.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// What was found or done in each part, of a log whose kinds live in different places; else empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartReport<ScanReport>>,
}

impl ScanReport {
    /// The empty report of a backend about one of its logs.
    pub fn new(backend: impl Into<String>, log: impl Into<String>) -> Self {
        ScanReport { backend: backend.into(), log: log.into(), ..ScanReport::default() }
    }

    /// Adds a finding; past [`MAX_ANOMALIES`] it is only counted.
    pub fn add(&mut self, anomaly: Anomaly) {
        self.anomalies_total += 1;
        if self.anomalies.len() < MAX_ANOMALIES {
            self.anomalies.push(anomaly);
        }
    }

    /// Counts a sound fact.
    pub fn count(&mut self, kind: Kind) {
        *self.entries.entry(kind.as_str()).or_default() += 1;
    }

    /// Takes the timestamp of a sound fact into account.
    pub fn time(&mut self, seconds: f64) {
        let (oldest, newest) = self.timestamps.unwrap_or((seconds, seconds));
        self.timestamps = Some((oldest.min(seconds), newest.max(seconds)));
    }

    /// Nothing was found, and every part could be looked at.
    pub fn is_clean(&self) -> bool {
        self.anomalies_total == 0 && self.parts.iter().all(|part| part.failure().is_none())
    }
}

/// What a recovery did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RecoveryReport {
    /// What the scan before it found.
    pub before: ScanReport,
    /// What the scan after it found; `None` if nothing was changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<ScanReport>,
    /// Files that were rewritten or cut.
    #[serde(serialize_with = "paths")]
    pub repaired: Vec<PathBuf>,
    /// Copies of the originals.
    #[serde(serialize_with = "paths")]
    pub quarantined: Vec<PathBuf>,
    /// Entries that were given up, all in all.
    pub lost: u64,
    /// What was found or done in each part, of a log whose kinds live in different places; else empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartReport<RecoveryReport>>,
    /// `after` is what was read back of the very bytes that are the log now.
    #[serde(skip)]
    pub(crate) proven: bool,
}

impl RecoveryReport {
    /// Whether the log need not be scanned again to know what it is now: Papyra's own backends read back what they wrote
    /// before it becomes the log. What any other backend says about itself is to be checked.
    pub fn is_proven(&self) -> bool {
        self.proven && self.after.is_some()
    }
}

/// What a compaction did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct CompactionReport {
    /// The backend's name.
    pub backend: String,
    /// Facts before.
    pub before_records: u64,
    /// Facts after.
    pub after_records: u64,
    /// Bytes before.
    pub before_bytes: u64,
    /// Bytes after.
    pub after_bytes: u64,
    /// Facts that retention hides and that stay because a consumer group has not done with them.
    #[serde(skip_serializing_if = "is_zero")]
    pub held_by_groups: u64,
    /// Whether anything was written: not if everything stays, and not in a dry run.
    pub changed: bool,
    /// What was found or done in each part, of a log whose kinds live in different places; else empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartReport<CompactionReport>>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}
