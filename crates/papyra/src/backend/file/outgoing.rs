//! Sealed lines on their way out of a log, as they stand in it: for a spool, whose lines go on to another log.

use std::{path::PathBuf, sync::Arc};

use super::{
    judge,
    layout::End,
    lines::{self, Forward, Raw},
    storage::{self, Identity},
};
use crate::{Error, ErrorKind, Result, codec::Head};

/// A sealed line without its newline.
#[derive(Clone, Debug)]
pub(in crate::backend) struct Line {
    pub(in crate::backend) seq: u64,
    pub(in crate::backend) head: Head,
    pub(in crate::backend) bytes: Vec<u8>,
}

/// A place in a log's file from which lines are taken, in their order.
#[derive(Debug)]
pub(in crate::backend) struct Outgoing {
    path: PathBuf,
    /// The file that was read last, and how far.
    at: Option<(Identity, u64)>,
    /// Where in it the first line begins that was taken last.
    begin: u64,
    /// The number of the last line that was taken or passed over.
    behind: u64,
}

impl Outgoing {
    /// The lines behind this number.
    pub(in crate::backend) fn behind(path: PathBuf, seq: u64) -> Self {
        Outgoing { path, at: None, begin: 0, behind: seq }
    }

    /// The number of the last line that the log has given out, whether or not it still holds it; 0 before the first.
    pub(in crate::backend) fn last(&self) -> Result<u64> {
        let file = match storage::open_for_reading(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
            opened => Arc::new(opened?),
        };
        let size = file.metadata().map_err(|error| Error::io("look at", &self.path, error))?.len();
        Ok(End::of(&file, size, &self.path)?.0.next_seq - 1)
    }

    /// How many bytes of the file lie before the lines that were taken last.
    pub(in crate::backend) fn begin(&self) -> u64 {
        self.begin
    }

    /// How many bytes of the file lie before the next line, as far as that is known.
    pub(in crate::backend) fn end(&self) -> u64 {
        self.at.map_or(0, |(_, at)| at)
    }

    /// The next lines up to this number: at most so many, and the last of them where they come to so many bytes. Damaged
    /// lines are passed over, as by every reader. A log that is not there has none.
    pub(in crate::backend) fn take(&mut self, through: u64, most: usize, bytes: usize) -> Result<Vec<Line>> {
        let mut taken = Vec::new();
        if self.behind >= through {
            return Ok(taken);
        }
        let path = self.path.clone();
        let failed = |error| Error::io("read", &path, error);
        let file = match storage::open_for_reading(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(taken),
            opened => Arc::new(opened?),
        };
        let identity = Identity::of(&file).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        let from = self.at.filter(|(known, at)| *known == identity && *at <= size).map_or(0, |(_, at)| at);
        let end = lines::behind_last_newline(&file, size).map_err(failed)?;
        let mut forward = Forward::new(file, from, end);
        let mut held = 0;
        while let Some(raw) = forward.next().map_err(failed)? {
            let next = raw.offset() + raw.len();
            if let Raw::Line { bytes: line, .. } = raw
                && let Some((tail, head, _)) = judge::sealed_fact(line)
                && tail.seq > self.behind
            {
                if tail.seq > through {
                    break;
                }
                if taken.is_empty() {
                    self.begin = raw.offset();
                }
                held += line.len();
                self.behind = tail.seq;
                taken.push(Line { seq: tail.seq, head, bytes: line.to_vec() });
            }
            self.at = Some((identity, next));
            if taken.is_empty() {
                self.begin = next;
            }
            if taken.len() >= most || held >= bytes {
                break;
            }
        }
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Backend, Event, Fact, FileConfig, FileLog};

    #[tokio::test]
    async fn lines_are_taken_once_and_in_order_whatever_becomes_of_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.ndjson");
        let mut outgoing = Outgoing::behind(path.clone(), 0);
        let seqs = |lines: Vec<Line>| lines.into_iter().map(|line| line.seq).collect::<Vec<_>>();
        assert!(outgoing.take(9, 9, 9000).unwrap().is_empty());
        let log = FileLog::new(FileConfig::new(&path));
        let facts: Vec<Fact> = (0..6).map(|n| Event::new("t://a", format!("E{n}")).into()).collect();
        log.append(&facts).await.unwrap();
        assert_eq!(seqs(outgoing.take(4, 2, 9000).unwrap()), [1, 2]);
        assert_eq!(seqs(outgoing.take(4, 1000, 1).unwrap()), [3]);
        assert_eq!(seqs(outgoing.take(4, 1000, 9000).unwrap()), [4]);
        assert!(outgoing.take(4, 1000, 9000).unwrap().is_empty());
        // The file is replaced by one that is shorter.
        let config =
            crate::CompactionConfig::dropping_through(crate::Position::from_seq(3), crate::Log::memory().now());
        assert!(log.compact(&config).await.unwrap().changed);
        log.append(&facts[..1]).await.unwrap();
        assert_eq!(seqs(outgoing.take(99, 1000, 9000).unwrap()), [5, 6, 7]);
        assert_eq!((outgoing.last().unwrap(), outgoing.end()), (7, std::fs::metadata(&path).unwrap().len()));
        assert_eq!(seqs(Outgoing::behind(path, 0).take(99, 1000, 9000).unwrap()), [4, 5, 6, 7]);
    }
}
