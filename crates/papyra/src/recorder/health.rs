//! How a recorder is, and how it ended.

use crate::{Error, ErrorKind};

/// How a recorder is.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RecorderHealth {
    /// Facts are written as they come.
    Ok,
    /// Facts wait, because the log cannot be written to for the time being or because the queue is full. The recorder
    /// tries again by itself; facts that find no room are dropped and counted. Or a part of the log takes no facts: those that
    /// belong to it are dropped and counted, the others are written.
    Degraded(Error),
    /// Nothing can be written any more, because it is not known what became of a write, the log was closed, or the
    /// backend panicked. Every further fact is dropped and counted. Open the log anew.
    Failed(Error),
    /// The recorder was shut down.
    Closed,
}

impl RecorderHealth {
    /// Whether facts are written as they come.
    pub fn is_ok(&self) -> bool {
        matches!(self, RecorderHealth::Ok)
    }
}

/// What a recorder did until it was shut down.
///
/// Every fact that was handed to it counts in exactly one of `written`, `dropped` and `rejected`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Facts that the log acknowledged, under its configured durability.
    pub written: u64,
    /// Whether the log was closed in time and without error, so that facts acknowledged as buffered are durable too.
    pub synced: bool,
    /// Facts dropped: there was no room, the log or their part of it was gone, or the time was over. Those that were on their way to
    /// storage when the time was over may nevertheless be in the log.
    pub dropped: u64,
    /// Facts that no log may hold, and facts whose `record_durable` told its caller of an error.
    pub rejected: u64,
}

pub(super) fn queue_is_full() -> Error {
    Error::new(ErrorKind::Unavailable, "the recorder's queue is full: facts are being dropped")
        .with_cure("look for a slow or hung disk or server; a larger queue only helps against short floods")
}

pub(super) fn shut_down() -> Error {
    Error::new(ErrorKind::Closed, "the recorder was shut down").with_cure("record before the recorder is shut down")
}

pub(super) fn out_of_time() -> Error {
    Error::new(ErrorKind::Closed, "the recorder was shut down before this fact was acknowledged")
        .with_cure("give the shutdown more time, or look for a slow or hung disk or server")
}

/// What those learn who wait in the queue of a recorder that failed: their own facts were never touched.
pub(super) fn failed(cause: &Error) -> Error {
    let error = Error::new(ErrorKind::Closed, format!("the recorder has failed: {cause}"));
    match cause.cure() {
        Some(cure) => error.with_cure(cure),
        None => error.with_cure("open the log anew"),
    }
}

pub(super) fn too_large(bytes: usize) -> Error {
    Error::new(ErrorKind::Invalid, format!("a fact of about {bytes} bytes is larger than the recorder's whole queue"))
        .with_cure("record a smaller payload, or give the recorder a larger queue")
}

/// What stands behind an error, in words.
pub(super) fn cause(error: &Error) -> Option<String> {
    std::error::Error::source(error).map(ToString::to_string)
}

pub(super) fn no_position() -> Error {
    Error::new(ErrorKind::Internal, "the log acknowledged the fact without a position")
        .with_cure("this is a bug of the log's backend: report it")
        .with_unknown_outcome()
}

pub(super) fn unanswered() -> Error {
    Error::new(ErrorKind::Internal, "the recorder's writer ended without an answer")
        .with_cure("this is a bug of Papyra: report it")
        .with_unknown_outcome()
}
