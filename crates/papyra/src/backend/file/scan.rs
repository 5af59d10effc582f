//! Scanning: every byte of a file is looked at, nothing is written.

use std::{fs::File, io, path::Path, sync::Arc};

use super::{
    findings::Findings,
    judge::{self, Is, Open, Part},
    layout::{LEAST_SKEW, newer},
    lines::{self, Forward, Raw},
    lock::{self, LockPaths},
    replace,
    sequence::{Certified, Sequence, Verdict},
    storage,
};
use crate::{
    Anomaly, AnomalyKind, Error, ErrorKind, Kind, Result, ScanOptions, ScanReport,
    codec::{self, Form, Head, HeaderLine, Tail},
};

/// Scans a log of one file.
pub(super) fn scan(path: &Path, options: ScanOptions, name: &str, address: &str) -> Result<ScanReport> {
    let look = || {
        // The probe comes before the size: a writer that begins in between appends behind what is looked at.
        let live = lock::is_held(&LockPaths::beside(path).writer);
        look(path, options, ScanReport { live_writer: live, ..ScanReport::new(name, address) }, false)
    };
    let first = look()?;
    if first.is_clean() || !first.live_writer {
        return Ok(first);
    }
    // A writer was at work: what looks damaged may have been read while it was written, so only what two looks agree on counts.
    let mut second = look()?;
    let place = |anomaly: &Anomaly| (anomaly.kind, anomaly.offset);
    if second.anomalies_total <= second.anomalies.len() as u64 {
        second.anomalies.retain(|anomaly| first.anomalies.iter().any(|other| place(other) == place(anomaly)));
        second.anomalies_total = second.anomalies.len() as u64;
    }
    Ok(second)
}

/// Scans a log that nobody else writes to or maintains, because the caller holds the locks.
pub(super) fn scan_unwritten(path: &Path, options: ScanOptions, name: &str, address: &str) -> Result<ScanReport> {
    look(path, options, ScanReport::new(name, address), true)
}

fn look(path: &Path, options: ScanOptions, mut report: ScanReport, own_maintenance: bool) -> Result<ScanReport> {
    let failed = |error| Error::io("read", path, error);
    let file = Arc::new(storage::open_for_reading(path)?);
    let size = file.metadata().map_err(failed)?.len();
    (report.deep, report.bytes) = (options.deep, size);
    let mut report = Scan::new(path, options, report).run(&file, size).map_err(failed)?;
    // Beside maintenance at work its temporary file is where it belongs.
    if own_maintenance || !lock::is_held(&LockPaths::beside(path).maintenance) {
        for leftover in replace::leftovers(path).map_err(failed)? {
            let detail = "a temporary file that interrupted maintenance left; the next one removes it";
            report.add(Anomaly::new(AnomalyKind::UnexpectedFile, leftover, detail));
        }
    }
    Ok(report)
}

/// Refuses a file with findings up to a length.
pub(super) fn must_be_clean(path: &Path, file: &Arc<File>, size: u64, what: &str) -> Result<()> {
    let failed = |error| Error::io("read", path, error);
    let report = Scan::new(path, ScanOptions::default(), ScanReport::default()).run(file, size).map_err(failed)?;
    match report.anomalies.first() {
        None => Ok(()),
        Some(first) => Err(Error::new(
            ErrorKind::Corrupt,
            format!(
                "{what} `{}` has {} anomalies, the first: {} ({}); nothing was changed",
                path.display(),
                report.anomalies_total,
                first.kind,
                first.detail,
            ),
        )
        .with_cure("look at them with `papyra persistence scan`, then run `papyra persistence recover`")),
    }
}

struct Scan<'a> {
    path: &'a Path,
    options: ScanOptions,
    report: ScanReport,
    findings: Findings<'a>,
    sequence: Sequence,
    line: u64,
    log_id: Option<String>,
    /// Sealing has begun.
    sealed: bool,
    /// The highest `dropped_through` of any header, and the first header's first number.
    dropped_through: u64,
    first_seq: Option<u64>,
    /// Damage was found since the last sound line: it explains a gap.
    damage_before: bool,
    /// Damage was found in what the last header certifies: it explains a loss there.
    damage_certified: bool,
    /// Where the last header stands: offset and line.
    certified_at: (u64, u64),
    /// A newer format: nothing behind it can be judged.
    newer: bool,
    far_future: bool,
}

impl<'a> Scan<'a> {
    fn new(path: &'a Path, options: ScanOptions, report: ScanReport) -> Self {
        Scan {
            path,
            options,
            report,
            findings: Findings::new(path),
            sequence: Sequence::default(),
            line: 0,
            log_id: None,
            sealed: false,
            dropped_through: 0,
            first_seq: None,
            damage_before: false,
            damage_certified: false,
            certified_at: (0, 1),
            newer: false,
            far_future: false,
        }
    }

    fn run(mut self, file: &Arc<File>, size: u64) -> io::Result<ScanReport> {
        let end = lines::behind_last_newline(file, size)?;
        let mut lines = Forward::new(file.clone(), 0, end);
        let mut parts = Vec::new();
        while let Some(raw) = lines.next()? {
            self.line += 1;
            match raw {
                Raw::TooLong { offset, len } => {
                    let limit = codec::MAX_READ_LINE >> 20;
                    self.damage(offset, len + 1, format!("a line of {len} bytes, the limit is {limit} MiB"));
                }
                Raw::Line { offset, bytes } => self.whole_line(offset, bytes, &mut parts),
            }
            if self.newer {
                break;
            }
        }
        if end < size && !self.report.live_writer && !self.newer {
            self.findings.add(AnomalyKind::TruncatedLine, end, size - end, self.line + 1, None, || {
                format!("{} bytes after the last newline: a torn tail, as a crash leaves it", size - end)
            });
        }
        if !self.newer {
            self.certified(self.sequence.end());
        }
        self.first_segment();
        let Scan { mut report, findings, sequence, .. } = self;
        if report.legacy_lines > 0 {
            report.notes.push(format!(
                "{} legacy lines carry no checksum: changes in them cannot be found",
                report.legacy_lines
            ));
        }
        findings.finish(&sequence, &mut report);
        Ok(report)
    }

    fn whole_line(&mut self, offset: u64, bytes: &[u8], parts: &mut Vec<Part>) {
        judge::judge(bytes, parts);
        for part in parts.iter() {
            let at = offset + part.range.start as u64;
            let mut len = part.range.len() as u64;
            if part.range.end == bytes.len() {
                len += 1;
            }
            let own = &bytes[part.range.clone()];
            match &part.is {
                Is::Fact { tail, head, crc } => self.fact(at, len, own, tail, head, *crc),
                Is::Header(header) => self.header(at, len, header),
                Is::Odd => self.damage(at, len, "sealed, but neither a header nor a fact with a `seq`".to_owned()),
                Is::Junk if own == b"\r" => {
                    self.damage(
                        at,
                        len,
                        "a carriage return behind a checksum: was it edited by a text editor?".to_owned(),
                    );
                }
                Is::Junk => {
                    self.damage(
                        at,
                        len,
                        "a damaged newline: the lines around it are sound, what is between them is not".to_owned(),
                    );
                }
                Is::Open => self.open(at, len, own),
            }
        }
    }

    fn header(&mut self, offset: u64, len: u64, header: &HeaderLine) {
        let header = match header {
            HeaderLine::Newer(format) => {
                self.newer = true;
                let detail = newer(self.path, *format).to_string();
                return self.findings.add(AnomalyKind::NewerFormat, offset, len, self.line, None, || detail);
            }
            HeaderLine::Broken => {
                return self.damage(offset, len, "a header that lacks what its format demands".to_owned());
            }
            HeaderLine::Header(header) => header,
        };
        if self.log_id.as_ref().is_some_and(|own| *own != header.log_id) {
            return self.findings.add(AnomalyKind::ForeignLine, offset, len, self.line, None, || {
                format!("the header of another log, {}: its facts follow", header.log_id)
            });
        }
        self.log_id = Some(header.log_id.clone());
        self.sealed = true;
        // What stands before it are lines that it counts, or junk.
        self.first_seq.get_or_insert(if header.first_seq <= self.line { 1 } else { header.first_seq });
        self.dropped_through = self.dropped_through.max(header.dropped_through);
        let (verdict, before) = self.sequence.header(header);
        self.certified(before);
        self.certified_at = (offset, self.line);
        self.damage_certified = false;
        self.verdict(offset, len, verdict, header.first_seq);
    }

    fn fact(&mut self, offset: u64, len: u64, line: &[u8], tail: &Tail, head: &Head, crc: u32) {
        if !self.sealed {
            self.sealed = true;
            self.first_seq.get_or_insert(1);
            self.sequence.begin(tail.seq);
            self.findings.add(AnomalyKind::MissingHeader, offset, 0, self.line, None, || {
                "sealing begins here without a header, so what is missing before cannot be told".to_owned()
            });
        }
        if self.options.deep
            && let Err(cause) = std::str::from_utf8(line)
                .map_err(|_| "it is not UTF-8".into())
                .and_then(|text| codec::decode(text, Form::Lenient))
        {
            return self.damage(offset, len, format!("sealed, but not a fact: {cause}"));
        }
        let verdict = self.sequence.fact(tail.seq, crc);
        self.verdict(offset, len, verdict, tail.seq);
        if !matches!(verdict, Verdict::Repeated { .. }) {
            self.sound(head.kind, tail.seq);
        }
        if tail.skew.is_some_and(|skew| skew > 86_400.0 + LEAST_SKEW) && !self.far_future {
            self.far_future = true;
            self.report.notes.push(format!(
                "timestamps jump back by more than a day (line {}): a clock was wrong, ages are only as good as it",
                self.line
            ));
        }
    }

    fn sound(&mut self, kind: Kind, seq: u64) {
        self.report.count(kind);
        let (first, last) = self.report.seqs.unwrap_or((seq, seq));
        self.report.seqs = Some((first.min(seq), last.max(seq)));
        self.damage_before = false;
    }

    fn open(&mut self, offset: u64, len: u64, line: &[u8]) {
        if self.sealed {
            return match judge::judge_unsealed(line) {
                Open::Fact(_) => self.findings.add(AnomalyKind::UnsealedLine, offset, len, self.line, None, || {
                    "a fact without a checksum: another program appended it".to_owned()
                }),
                Open::Damaged(why) => self.damage(offset, len, why),
            };
        }
        match judge::judge_legacy(line, offset == 0) {
            Open::Fact(fact) => {
                self.sequence.legacy_line(self.line, true);
                self.report.legacy_lines += 1;
                self.sound(fact.kind(), self.line);
            }
            Open::Damaged(why) => self.damage(offset, len, why),
        }
    }

    fn damage(&mut self, offset: u64, len: u64, why: String) {
        if !self.sealed {
            self.sequence.legacy_line(self.line, false);
        }
        self.damage_before = true;
        self.damage_certified |= self.sequence.is_certified();
        self.findings.add(AnomalyKind::CorruptedLine, offset, len, self.line, None, || why);
    }

    fn verdict(&mut self, offset: u64, len: u64, verdict: Verdict, seq: u64) {
        let line = self.line;
        match verdict {
            Verdict::InOrder { gap: None } => {}
            // The numbers of what was damaged right before are no finding of their own.
            Verdict::InOrder { gap: Some(gap) } if self.damage_before => self.findings.explain_gap(gap),
            Verdict::InOrder { gap: Some(gap) } => self.findings.add_gap(offset, line, gap),
            Verdict::Late => self.findings.add(AnomalyKind::OutOfOrder, offset, len, line, Some(seq), || {
                format!("entry {seq} stands behind later ones")
            }),
            Verdict::Repeated { same_bytes } => {
                self.findings.add(AnomalyKind::DuplicateEntry, offset, len, line, Some(seq), || {
                    let how = if same_bytes { "the same bytes" } else { "other bytes" };
                    format!("the number {seq} was taken before, by {how}")
                })
            }
        }
        self.damage_before = false;
    }

    fn certified(&mut self, certified: Certified) {
        // What is damaged in the certified part is missing from its count, and was named already.
        if let Some(fault) = certified.fault().filter(|_| !self.damage_certified) {
            let seqs = (certified.first, certified.through);
            let (offset, line) = self.certified_at;
            self.findings.add_missing(offset, line, seqs, fault);
        }
    }

    /// The file must account for everything that was not dropped on purpose.
    fn first_segment(&mut self) {
        if let Some(first) = self.first_seq
            && first > self.dropped_through + 1
        {
            let (from, to) = (self.dropped_through + 1, first - 1);
            self.findings.add_segment((from, to), format!("the file that held the entries {from} to {to} is not here"));
        }
    }
}
