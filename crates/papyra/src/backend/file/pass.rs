//! One pass over the files of a log: every byte is looked at, and what is found goes into the report.

use std::{fs::File, io, path::Path, sync::Arc};

use super::{
    findings::Findings,
    judge::{self, Is, Open, Part},
    layout::{LEAST_SKEW, newer},
    lines::{self, Forward, Raw},
    members::Member,
    passed::{CLOCK_WAS_WRONG, Ended, Passed},
    sequence::{Certified, Sequence, Verdict},
    stretch::{KINDS, Stretch, Stretches},
    written::Written,
};
use crate::{
    AnomalyKind, Kind, ScanOptions, ScanReport,
    codec::{self, Form, Head, HeaderLine, Tail},
};

/// What is known while a pass goes on.
pub(super) struct Pass {
    options: ScanOptions,
    report: ScanReport,
    findings: Findings,
    sequence: Sequence,
    /// The file that is looked at.
    member: Member,
    line: u64,
    log_id: Option<String>,
    /// Sealing has begun: in the log, and in this file.
    sealed: bool,
    sealed_here: bool,
    /// The number of the file before.
    number_before: Option<u64>,
    /// Files are missing between the one before and this one, and what they held was not named yet.
    hole: Option<(u64, u64)>,
    /// The highest `dropped_through` of any header, and the first header's first number.
    dropped_through: u64,
    first_seq: Option<u64>,
    /// Damage was found, since the last sound line and in what the last header certifies: it explains what is missing there.
    damage_before: bool,
    damage_certified: bool,
    /// Where the last header stands: offset and line.
    certified_at: (u64, u64),
    /// A newer format: nothing behind it can be judged.
    newer: bool,
    far_future: bool,
}

impl Pass {
    pub(super) fn new(options: ScanOptions, report: ScanReport) -> Self {
        Pass {
            options,
            report,
            findings: Findings::default(),
            sequence: Sequence::default(),
            member: Member::default(),
            line: 0,
            log_id: None,
            sealed: false,
            sealed_here: false,
            number_before: None,
            hole: None,
            dropped_through: 0,
            first_seq: None,
            damage_before: false,
            damage_certified: false,
            certified_at: (0, 1),
            newer: false,
            far_future: false,
        }
    }

    /// For a log with this id, of which everything up to a number was dropped on purpose.
    pub(super) fn of_log(mut self, log_id: Option<String>, dropped_through: u64) -> Self {
        (self.log_id, self.dropped_through) = (log_id, dropped_through);
        self
    }

    /// Looks at a log of one file up to `size`.
    pub(super) fn run(mut self, path: &Path, file: &Arc<File>, size: u64) -> io::Result<Passed> {
        let sound = self.file(&Member::alone(path), file, size)?;
        Ok(Passed { report: self.finish().report, sound })
    }

    /// The same for a file that somebody is still writing, up to the `size` that it will have.
    pub(super) fn run_behind(
        mut self,
        member: &Member,
        written: &Arc<Written>,
        file: &Arc<File>,
        size: u64,
    ) -> io::Result<ScanReport> {
        self.begin(member);
        self.over(file, size, size, Some(written))?;
        Ok(self.finish().report)
    }

    /// Looks at the next file of the log up to `size`; gives the stretches that were taken in as a whole.
    pub(super) fn file(&mut self, member: &Member, file: &Arc<File>, size: u64) -> io::Result<Vec<Stretch>> {
        self.begin(member);
        self.report.bytes += size;
        let end = lines::behind_last_newline(file, size)?;
        self.over(file, size, end, None)
    }

    fn begin(&mut self, member: &Member) {
        let before = std::mem::replace(&mut self.member, member.clone()).number;
        self.number_before = before.or(self.number_before);
        let between = self.number_before.zip(member.number).map(|(before, own)| (before + 1, own - 1));
        self.hole = between.filter(|(first, last)| first <= last);
        self.findings.begin(&member.path);
        (self.line, self.sealed_here, self.certified_at, self.damage_certified) = (0, false, (0, 1), false);
    }

    /// Nothing of a newer format can be judged, nor what stands behind it.
    pub(super) fn is_over(&self) -> bool {
        self.newer
    }

    /// Lines from before sealing began stand in the oldest file only.
    fn may_be_legacy(&self) -> bool {
        !self.sealed && self.number_before.is_none()
    }

    fn over(
        &mut self,
        file: &Arc<File>,
        size: u64,
        mut end: u64,
        written: Option<&Arc<Written>>,
    ) -> io::Result<Vec<Stretch>> {
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
        if end < size && !self.newer {
            self.tail(end, size - end);
        }
        if size == 0 && self.member.number.is_some() {
            self.findings.add(AnomalyKind::MissingHeader, 0, 0, 1, None, || "the file is empty".to_owned());
        }
        if !self.newer {
            let certified = self.sequence.close();
            self.certified(certified);
        }
        Ok(sound)
    }

    /// Bytes stand behind the last newline: a crash leaves them where somebody wrote, and nobody but damage anywhere else.
    fn tail(&mut self, end: u64, len: u64) {
        let line = self.line + 1;
        if !self.member.is_active {
            self.line += 1;
            return self.damage(end, len, format!("{len} bytes without a newline at the end of a sealed file"));
        }
        if !self.report.live_writer {
            self.findings.add(AnomalyKind::TruncatedLine, end, len, line, None, || {
                format!("{len} bytes after the last newline: a torn tail, as a crash leaves it")
            });
        }
    }

    /// All files were looked at.
    pub(super) fn finish(mut self) -> Ended {
        self.first_segment();
        let Pass { mut report, findings, sequence, .. } = self;
        if report.legacy_lines > 0 {
            report.notes.push(format!(
                "{} legacy lines carry no checksum: changes in them cannot be found",
                report.legacy_lines
            ));
        }
        let (touched, accounted) = (findings.touched().collect(), sequence.accounted());
        findings.finish(&sequence, &mut report);
        Ended { report, touched, accounted }
    }

    /// Takes in a stretch of sound lines, if it continues what stands before it.
    fn stretch(&mut self, stretch: &Stretch) -> bool {
        let numbers = match &stretch.sealed {
            Some(run)
                if self.sealed_here && !self.is_beyond(run.last) && self.sequence.run(run.first, run.last, run.xor) =>
            {
                (run.first, run.last)
            }
            None if self.may_be_legacy() => {
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
                let detail = newer(&self.member.path, *format).to_string();
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
        let misnumbered = !self.sealed_here && self.member.number.is_some_and(|own| own != header.segment);
        (self.sealed, self.sealed_here) = (true, true);
        self.first_seq.get_or_insert(self.sequence.first_before(header));
        self.dropped_through = self.dropped_through.max(header.dropped_through);
        if self.is_beyond(header.first_seq - 1) {
            return self.findings.add(AnomalyKind::UnexpectedFile, offset, len, self.line, None, || {
                format!("this is the beginning of a later file, with the entries from {} on", header.first_seq)
            });
        }
        let (verdict, before) = self.sequence.header(header);
        self.certified(before);
        self.certified_at = (offset, self.line);
        self.damage_certified = false;
        if misnumbered {
            let own = header.segment;
            self.findings.add(AnomalyKind::UnexpectedFile, offset, len, self.line, None, || {
                format!("this is segment {own} under the name of another")
            });
        }
        // That a file stands where it does not belong tells why its numbers are not the next.
        if !misnumbered || !matches!(verdict, Verdict::Repeated { .. }) {
            self.verdict(offset, len, verdict, header.first_seq);
        }
    }

    fn fact(&mut self, offset: u64, len: u64, line: &[u8], tail: &Tail, head: &Head, crc: u32) {
        if !self.sealed_here {
            if !self.sealed {
                self.first_seq.get_or_insert(1);
            }
            (self.sealed, self.sealed_here) = (true, true);
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
        if self.is_beyond(tail.seq) {
            self.skew(tail.skew);
            return self.findings.add(AnomalyKind::OutOfOrder, offset, len, self.line, Some(tail.seq), || {
                format!("entry {} belongs into a later file", tail.seq)
            });
        }
        let verdict = self.sequence.fact(tail.seq, crc);
        self.verdict(offset, len, verdict, tail.seq);
        if !matches!(verdict, Verdict::Repeated { .. }) {
            self.sound(head.kind, 1, (tail.seq, tail.seq));
            self.report.time(head.timestamp);
        }
        self.skew(tail.skew);
    }

    /// Whether a number belongs into a later file.
    fn is_beyond(&self, seq: u64) -> bool {
        self.member.through.is_some_and(|through| seq > through)
    }

    fn skew(&mut self, skew: Option<f64>) {
        if skew.is_some_and(|skew| skew > 86_400.0 + LEAST_SKEW) && !self.far_future {
            self.far_future = true;
            self.report.notes.push(CLOCK_WAS_WRONG.to_owned());
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
        if !self.may_be_legacy() {
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
        if self.may_be_legacy() {
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
            Verdict::InOrder { gap: Some(gap) } if self.hole.is_some() => {
                self.findings.add_hole(offset, line, gap, self.hole);
            }
            // The numbers of what was damaged right before are no finding of their own.
            Verdict::InOrder { gap: Some(gap) } if self.damage_before => self.findings.explain_gap(gap),
            Verdict::InOrder { gap: Some(gap) } => {
                self.findings.add_gap(AnomalyKind::MissingEntries, offset, line, gap, String::new());
            }
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
        (self.damage_before, self.hole) = (false, None);
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
