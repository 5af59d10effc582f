//! The findings of a scan while they are gathered: neighbours of a kind become one region.

use std::path::{Path, PathBuf};

use super::sequence::Sequence;
use crate::{Anomaly, AnomalyKind, MAX_ANOMALIES, ScanReport};

/// Findings in the order in which they were met.
#[derive(Debug, Default)]
pub(super) struct Findings {
    files: Vec<File>,
    regions: Vec<Region>,
    /// Findings past those that are kept in full; the last one is kept, since it may grow.
    uncounted: u64,
}

/// A file that is looked at.
#[derive(Debug)]
struct File {
    path: PathBuf,
    /// Bytes of it are not as they should be, or not where they should be.
    touched: bool,
}

#[derive(Debug)]
struct Region {
    kind: AnomalyKind,
    file: usize,
    offset: u64,
    len: u64,
    line: u64,
    lines: u64,
    seqs: Option<(u64, u64)>,
    detail: String,
    /// A gap counts only if its lines do not come late.
    gap: bool,
}

impl Findings {
    /// What is found from now on is found in this file.
    pub(super) fn begin(&mut self, path: &Path) {
        self.files.push(File { path: path.to_owned(), touched: false });
    }

    /// For each file whether bytes of it are not as or where they should be. What is only missing somewhere is not in it.
    pub(super) fn touched(&self) -> impl Iterator<Item = bool> {
        self.files.iter().map(|file| file.touched)
    }

    /// Adds a finding; one that touches the finding before, of the same kind, makes that longer.
    pub(super) fn add(
        &mut self,
        kind: AnomalyKind,
        offset: u64,
        len: u64,
        line: u64,
        seq: Option<u64>,
        detail: impl FnOnce() -> String,
    ) {
        let file = self.touch();
        if let Some(last) = self.regions.last_mut()
            && last.kind == kind
            && last.file == file
            && !last.gap
            && last.offset + last.len == offset
        {
            last.len += len;
            last.lines = line - last.line + 1;
            last.seqs = match (last.seqs, seq) {
                (Some((first, highest)), Some(seq)) => Some((first.min(seq), highest.max(seq))),
                (seqs, _) => seqs,
            };
            return;
        }
        let seqs = seq.map(|seq| (seq, seq));
        self.push(|| Region { kind, file, offset, len, line, lines: 1, seqs, detail: detail(), gap: false });
    }

    /// Numbers are missing before this place; with a reason, if more is known of it.
    pub(super) fn add_gap(&mut self, kind: AnomalyKind, offset: u64, line: u64, seqs: (u64, u64), detail: String) {
        let file = self.file();
        self.push(|| Region { kind, file, offset, len: 0, line, lines: 1, seqs: Some(seqs), detail, gap: true });
    }

    /// Numbers are missing before this place, and so are the files with these numbers.
    pub(super) fn add_hole(&mut self, offset: u64, line: u64, seqs: (u64, u64), files: Option<(u64, u64)>) {
        let missing = match files {
            Some((first, last)) if first < last => format!(": the segments {first} to {last} are not here"),
            _ => format!(": segment {} is not here", files.map_or(0, |files| files.0)),
        };
        self.add_gap(AnomalyKind::MissingSegment, offset, line, seqs, missing);
    }

    /// Numbers are missing because of the damage that was just found.
    pub(super) fn explain_gap(&mut self, seqs: (u64, u64)) {
        if let Some(last) =
            self.regions.iter_mut().rev().take(2).find(|region| region.kind == AnomalyKind::CorruptedLine)
        {
            last.seqs = Some(seqs);
        }
    }

    /// Entries are missing somewhere behind the header that certifies them.
    pub(super) fn add_missing(&mut self, offset: u64, line: u64, seqs: (u64, u64), detail: String) {
        let (kind, file) = (AnomalyKind::MissingEntries, self.touch());
        self.push(|| Region { kind, file, offset, len: 0, line, lines: 1, seqs: Some(seqs), detail, gap: false });
    }

    /// A whole file is missing before the first one.
    pub(super) fn add_segment(&mut self, seqs: (u64, u64), detail: String) {
        let kind = AnomalyKind::MissingSegment;
        self.push(|| Region {
            kind,
            file: 0,
            offset: 0,
            len: 0,
            line: 1,
            lines: 1,
            seqs: Some(seqs),
            detail,
            gap: false,
        });
    }

    fn file(&self) -> usize {
        self.files.len().saturating_sub(1)
    }

    fn touch(&mut self) -> usize {
        self.files.iter_mut().next_back().into_iter().for_each(|file| file.touched = true);
        self.file()
    }

    fn push(&mut self, region: impl FnOnce() -> Region) {
        if self.regions.len() > MAX_ANOMALIES {
            self.uncounted += 1;
            self.regions.pop();
        }
        self.regions.push(region());
    }

    /// Hands the findings to the report.
    pub(super) fn finish(mut self, sequence: &Sequence, report: &mut ScanReport) {
        // What headers certify is known only behind it.
        self.regions.sort_by_key(|region| (region.file, region.offset));
        for region in self.regions {
            let path = self.files.get(region.file).map_or(Path::new(""), |file| &file.path);
            match region.seqs {
                Some((first, last)) if region.gap => {
                    for gap in sequence.still_missing(first, last) {
                        report.add(region.describe(path, Some(gap)));
                    }
                }
                seqs => report.add(region.describe(path, seqs)),
            }
        }
        report.anomalies_total += self.uncounted;
    }
}

impl Region {
    fn describe(&self, path: &Path, seqs: Option<(u64, u64)>) -> Anomaly {
        let place = match (self.len, self.lines) {
            (0, _) if self.gap => format!("before line {}, byte {}", self.line, self.offset),
            (len, 1) => format!("line {}, byte {}, {len} bytes", self.line, self.offset),
            (len, n) => format!("lines {} to {}, byte {}, {len} bytes", self.line, self.line + n - 1, self.offset),
        };
        let detail = match seqs {
            Some((first, last)) if self.gap && first == last => format!("entry {first} is missing{}", self.detail),
            Some((first, last)) if self.gap => format!("entries {first} to {last} are missing{}", self.detail),
            Some((first, last)) if self.kind == AnomalyKind::CorruptedLine && first == last => {
                format!("{}; entry {first} was here", self.detail)
            }
            Some((first, last)) if self.kind == AnomalyKind::CorruptedLine => {
                format!("{}; entries {first} to {last} were here", self.detail)
            }
            _ => self.detail.clone(),
        };
        let anomaly =
            Anomaly::new(self.kind, path, format!("{place}: {detail}")).at(self.offset, self.len).on_line(self.line);
        match seqs {
            Some((first, last)) => anomaly.for_seqs(first, last),
            None => anomaly,
        }
    }
}
