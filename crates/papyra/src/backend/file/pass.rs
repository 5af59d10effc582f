//! One pass over a file: every byte is looked at, and what is found goes into the report.

use std::{fs::File, io, path::Path, sync::Arc};

use super::{
    findings::Findings,
    judge::{self, Is, Open, Part},
    layout::{LEAST_SKEW, newer},
    lines::{self, Forward, Raw},
    sequence::{Certified, Sequence, Verdict},
    stretch::{KINDS, Stretch, Stretches},
    written::Written,
};
use crate::{
    AnomalyKind, Kind, ScanOptions, ScanReport,
    codec::{self, Form, Head, HeaderLine, Tail},
};

/// What a pass came to.
pub(super) struct Passed {
    pub(super) report: ScanReport,
    /// The stretches that were taken in as a whole, in the order of the file.
    pub(super) sound: Vec<Stretch>,
}

/// What is known while a pass goes on.
pub(super) struct Pass<'a> {
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

impl<'a> Pass<'a> {
    pub(super) fn new(path: &'a Path, options: ScanOptions, report: ScanReport) -> Self {
        Pass {
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

    /// Looks at a file up to `size`.
    pub(super) fn run(self, file: &Arc<File>, size: u64) -> io::Result<Passed> {
        let end = lines::behind_last_newline(file, size)?;
        self.over(file, size, end, None)
    }

    /// The same for a file that somebody is still writing, up to the `size` that it will have.
    pub(super) fn run_behind(self, written: &Arc<Written>, file: &Arc<File>, size: u64) -> io::Result<Passed> {
        self.over(file, size, size, Some(written))
    }

    fn over(mut self, file: &Arc<File>, size: u64, mut end: u64, written: Option<&Arc<Written>>) -> io::Result<Passed> {
        let progress = self.options.progress.clone();
        progress.iter().for_each(|progress| progress.announce(end));
        let (mut at, mut told) = (0, 0);
        let mut sound = Vec::new();
        let mut stretches = Stretches::of(file, end, self.options.deep, written.cloned());
        while let Some((to, stretch)) = stretches.next() {
            match stretch? {
                Some(stretch) if stretch.start == at && self.stretch(&stretch) => {
                    at = stretch.end;
                    sound.push(stretch);
                }
                _ => {
                    // A line may be of any length.
                    written.map_or(Ok(()), |written| written.wait_for(size))?;
                    at = self.line_by_line(file, at, to, end)?;
                }
            }
            progress.iter().for_each(|progress| progress.add(at - told));
            told = at;
            if self.newer {
                break;
            }
        }
        if let Some(written) = written {
            written.wait_for(size)?;
            end = lines::behind_last_newline(file, size)?;
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
        let Pass { mut report, findings, sequence, .. } = self;
        if report.legacy_lines > 0 {
            report.notes.push(format!(
                "{} legacy lines carry no checksum: changes in them cannot be found",
                report.legacy_lines
            ));
        }
        findings.finish(&sequence, &mut report);
        Ok(Passed { report, sound })
    }

    /// Takes in a stretch of sound lines, if it continues what stands before it.
    fn stretch(&mut self, stretch: &Stretch) -> bool {
        let numbers = match &stretch.sealed {
            Some(run) if self.sealed && self.sequence.run(run.first, run.last, run.xor) => (run.first, run.last),
            None if !self.sealed => {
                self.sequence.legacy_lines(self.line, stretch.lines);
                self.report.legacy_lines += stretch.lines;
                (self.line + 1, self.line + stretch.lines)
            }
            _ => return false,
        };
        self.line += stretch.lines;
        for (kind, count) in KINDS.into_iter().zip(stretch.counts) {
            self.sound(kind, count, numbers);
        }
        self.report.time(stretch.times.0);
        self.report.time(stretch.times.1);
        self.skew(stretch.sealed.map(|run| run.skew));
        true
    }

    /// Looks at the lines that begin before `to`, and says where the next one begins.
    fn line_by_line(&mut self, file: &Arc<File>, from: u64, to: u64, end: u64) -> io::Result<u64> {
        let mut lines = Forward::new(file.clone(), from, end);
        let mut parts = Vec::new();
        while lines.position() < to && !self.newer {
            let Some(raw) = lines.next()? else { return Ok(end) };
            self.line += 1;
            match raw {
                Raw::TooLong { offset, len } => {
                    let limit = codec::MAX_READ_LINE >> 20;
                    self.damage(offset, len + 1, format!("a line of {len} bytes, the limit is {limit} MiB"));
                }
                Raw::Line { offset, bytes } => self.whole_line(offset, bytes, &mut parts),
            }
        }
        Ok(lines.position())
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
            self.sound(head.kind, 1, (tail.seq, tail.seq));
            self.report.time(head.timestamp);
        }
        self.skew(tail.skew);
    }

    fn skew(&mut self, skew: Option<f64>) {
        if skew.is_some_and(|skew| skew > 86_400.0 + LEAST_SKEW) && !self.far_future {
            self.far_future = true;
            let note = "timestamps jump back by more than a day: a clock was wrong, ages are only as good as it";
            self.report.notes.push(note.to_owned());
        }
    }

    /// Counts sound facts of a kind, among those with these numbers.
    fn sound(&mut self, kind: Kind, count: u64, (first, last): (u64, u64)) {
        if count > 0 {
            *self.report.entries.entry(kind.as_str()).or_default() += count;
        }
        let (lowest, highest) = self.report.seqs.unwrap_or((first, last));
        self.report.seqs = Some((lowest.min(first), highest.max(last)));
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
                self.sound(fact.kind(), 1, (self.line, self.line));
                self.report.time(fact.timestamp().seconds());
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
                    // Whether it was by other bytes is known of close neighbours only.
                    let how = if same_bytes { ", by the same bytes" } else { "" };
                    format!("the number {seq} was taken before{how}")
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
