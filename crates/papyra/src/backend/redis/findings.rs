//! What is wrong with entries, told from the entries alone: wherever they come from, a server or a backup.

use std::path::PathBuf;

use super::{
    id::Id,
    judge::{Is, judge},
    keys::Stream,
    page::Raw,
    sequence::{Number, Sequence},
};
use crate::{Anomaly, AnomalyKind, ScanReport};

/// An entry that has to go.
#[derive(Debug)]
pub(super) struct Bad {
    pub(super) stream: Stream,
    pub(super) raw: Raw,
    pub(super) why: String,
    /// A fact is lost with it: it is no copy of another entry.
    pub(super) loses: bool,
}

/// The findings so far. Entries are given in the order of their ids.
#[derive(Debug)]
pub(super) struct Findings {
    deep: bool,
    /// What the streams are called.
    names: [PathBuf; 3],
    sequence: Sequence,
    report: ScanReport,
}

impl Findings {
    pub(super) fn new(report: ScanReport, names: [PathBuf; 3], deep: bool) -> Self {
        Findings { deep, names, sequence: Sequence::default(), report }
    }

    /// Takes note of an entry, and gives it back if it has to go.
    pub(super) fn see(&mut self, stream: Stream, raw: Raw) -> Option<Bad> {
        let bytes = raw.data().map_or(0, <[u8]>::len) as u64;
        self.report.bytes += bytes;
        let key = &self.names[stream.index()];
        let is = judge(&raw, self.deep);
        let finding = match &is {
            Is::Damaged(why) => Some((AnomalyKind::CorruptedLine, why.clone(), None)),
            Is::Signed(signature, _) => match self.sequence.see(signature.writer, signature.seq, stream, raw.id) {
                Number::New => None,
                Number::Doubled => {
                    let why = format!("entry {} of the writer {} stands there twice", signature.seq, signature.writer);
                    Some((AnomalyKind::DuplicateEntry, why, Some(signature.seq)))
                }
            },
            Is::Legacy(_) => {
                self.report.legacy_lines += 1;
                None
            }
        };
        let head = is.head();
        drop(is);
        if let Some((kind, why, seq)) = finding {
            let anomaly = Anomaly::new(kind, key, format!("entry {}: {why}", raw.id));
            self.report.add(match seq {
                Some(seq) => anomaly.for_seqs(seq, seq),
                None => anomaly,
            });
            let loses = kind == AnomalyKind::CorruptedLine;
            return Some(Bad { stream, raw, why, loses });
        }
        let (kind, timestamp) = head?;
        self.report.count(kind);
        self.report.time(timestamp);
        if Stream::of(kind) != stream {
            self.report.add(Anomaly::new(
                AnomalyKind::ForeignLine,
                key,
                format!("entry {}: a fact of the kind {kind} stands in the stream of others", raw.id),
            ));
        }
        None
    }

    /// No more entries come. `explained` tells up to which id gaps are no findings in the numbers of writers that this stream
    /// showed. Gives the report, and how many facts are missing that nothing explains.
    pub(super) fn end(self, explained: impl Fn(Stream) -> Id) -> (ScanReport, u64) {
        let Findings { names, sequence, mut report, .. } = self;
        let forgotten = sequence.forgotten;
        let mut missing = 0;
        for gap in sequence.gaps() {
            // What is missing stood between two entries; if the first of them lies in front, so may what is missing.
            if gap.after < explained(gap.stream) {
                continue;
            }
            missing += gap.last - gap.first + 1;
            let what = match gap.last - gap.first {
                0 => format!("entry {} is", gap.first),
                _ => format!("entries {} to {} are", gap.first, gap.last),
            };
            report.add(
                Anomaly::new(
                    AnomalyKind::MissingEntries,
                    &names[gap.stream.index()],
                    format!("before entry {}: {what} missing of the writer {}", gap.before, gap.writer),
                )
                .for_seqs(gap.first, gap.last),
            );
        }
        if report.legacy_lines > 0 {
            report.notes.push(format!(
                "{} entries carry no checksum of ours: changes in them cannot be found",
                report.legacy_lines
            ));
        }
        if forgotten > 0 {
            report
                .notes
                .push(format!("{forgotten} writers too many: doubled entries of the oldest may have been overlooked"));
        }
        (report, missing)
    }
}
