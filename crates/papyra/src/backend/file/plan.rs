//! The plan of a compaction: what stays, decided from the newest fact back.

use std::{fs::File, path::Path, sync::Arc};

use super::{
    judge::{self, Is, Open},
    layout::{End, Layout},
    lines::{Backward, Forward, Raw},
    members::Member,
    pass::Pass,
    passed::Passed,
    replace::Replacement,
    runs::{Run, Runs},
    scan,
    sections::{Section, sections},
    stretch::{KINDS, Stretch},
};
use crate::{
    CompactionConfig, CompactionReport, Cut, Error, ErrorKind, Kind, Position, Progress, Result, ScanOptions,
    ScanReport,
    codec::{self, Header, HeaderLine},
};

/// The log was sound a moment ago.
fn changed(path: &Path) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("`{}` changed while it was read; nothing was changed by this", path.display()),
    )
    .with_cure("scan the log, then try again")
}

/// Facts and the bytes that they take.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Figures {
    records: u64,
    bytes: u64,
}

impl Figures {
    fn add(&mut self, records: u64, bytes: u64) {
        self.records += records;
        self.bytes += bytes;
    }
}

/// What stays, and the header that certifies it.
pub(super) struct Plan {
    cut: Cut,
    layout: Layout,
    size: u64,
    /// Facts before, and those of unknown kinds among them.
    before: u64,
    unknown: u64,
    /// Facts that a rule could have dropped and that stay.
    kept_by_rule: u64,
    kept: Figures,
    header: Option<Header>,
    /// The file among the others of its log.
    member: Option<Member>,
    /// What stays of the lines before sealing began, and behind it.
    legacy_runs: Runs,
    runs: Runs,
}

impl Plan {
    /// Looks at the whole file, which must be sound, and decides.
    pub(super) fn make(path: &Path, file: &Arc<File>, size: u64, wanted: &CompactionConfig) -> Result<Plan> {
        let passed = scan::must_be_clean(path, file, size, "the log", wanted.progress.as_ref())?;
        Plan::of(path, file, size, &passed, wanted.cut())
    }

    /// Decides from the newest fact back, as the cut says that has decided on everything newer. Stretches that stay or go as a
    /// whole are not looked at again.
    pub(super) fn of(path: &Path, file: &Arc<File>, size: u64, passed: &Passed, cut: Cut) -> Result<Plan> {
        let (end, layout) = End::of(file, size, path)?;
        let mut plan = Plan {
            cut,
            size,
            before: passed.report.entries.values().sum(),
            unknown: passed.report.entries.get(Kind::Unknown.as_str()).copied().unwrap_or_default(),
            kept_by_rule: 0,
            kept: Figures::default(),
            header: layout.header.clone(),
            member: None,
            layout,
            legacy_runs: Runs::default(),
            runs: Runs::default(),
        };
        let (mut sealed, mut xor) = (0, 0);
        let mut dropped_through = plan.header.as_ref().map_or(0, |header| header.dropped_through);
        let parts = sections(&passed.sound, plan.layout.sealed_from, end.offset);
        plan.newest_first(path, file, parts, |plan, older| {
            match older {
                Older::Stretch(stretch) => match plan.decide_together(stretch) {
                    Some(true) => {
                        sealed += stretch.lines;
                        xor ^= stretch.sealed.map_or(0, |run| run.xor);
                        plan.runs.add_before(stretch.start, stretch.end);
                    }
                    Some(false) => {}
                    None => return Ok(false),
                },
                Older::Line(raw) => match Sound::of(&raw) {
                    Some(Sound::Fact { seq, crc, kind, timestamp }) => {
                        if plan.decide(seq, kind, timestamp, raw.len()) {
                            sealed += 1;
                            xor ^= crc;
                            plan.runs.add_before(raw.offset(), raw.offset() + raw.len());
                        }
                    }
                    Some(Sound::Header(header)) => dropped_through = header.dropped_through.max(dropped_through),
                    None => return Err(changed(path)),
                },
            }
            Ok(true)
        })?;
        let mut legacy = 0;
        let mut line = plan.layout.legacy_lines;
        let parts = sections(&passed.sound, 0, plan.layout.sealed_from);
        plan.newest_first(path, file, parts, |plan, older| {
            let (stays, start, end, lines) = match older {
                Older::Stretch(stretch) => match plan.decide_together(stretch) {
                    Some(stays) => (stays, stretch.start, stretch.end, stretch.lines),
                    None => return Ok(false),
                },
                Older::Line(raw) => {
                    let (kind, timestamp) = legacy_head(&raw).ok_or_else(|| changed(path))?;
                    (plan.decide(line, kind, timestamp, raw.len()), raw.offset(), raw.offset() + raw.len(), 1)
                }
            };
            line -= lines;
            if stays {
                legacy += lines;
                plan.legacy_runs.add_before(start, end);
            }
            Ok(true)
        })?;
        if let Some(header) = &mut plan.header {
            if plan.layout.legacy_lines > 0 {
                // Legacy lines are numbered by their place: those that stay move up, the sealed ones keep their numbers.
                header.first_seq = legacy + 1;
            }
            (header.gaps_through, header.kept, header.kept_xor) = (end.next_seq - 1, sealed, xor);
            header.dropped_through = dropped_through;
        }
        Ok(plan)
    }

    /// Hands out the sections of a part of the file, the newest first, until nothing older can stay. A stretch that is not
    /// decided on as a whole comes again line by line.
    fn newest_first(
        &mut self,
        path: &Path,
        file: &Arc<File>,
        sections: Vec<Section<'_>>,
        mut decide: impl FnMut(&mut Plan, Older<'_>) -> Result<bool>,
    ) -> Result<()> {
        for section in sections.into_iter().rev() {
            if self.is_over() {
                break;
            }
            let (from, to) = match section {
                Section::Stretch(stretch) if decide(self, Older::Stretch(stretch))? => continue,
                Section::Stretch(&Stretch { start: from, end: to, .. }) | Section::Lines { from, to } => (from, to),
            };
            let mut lines = Backward::new(file.clone(), from, to);
            while !self.is_over()
                && let Some(raw) = lines.next().map_err(|error| Error::io("read", path, error))?
            {
                decide(self, Older::Line(raw))?;
            }
        }
        Ok(())
    }

    /// Facts of unknown kinds stay, however old: only without any of them is everything older than the cut gone.
    fn is_over(&self) -> bool {
        self.unknown == 0 && self.cut.is_closed()
    }

    fn decide_together(&mut self, stretch: &Stretch) -> Option<bool> {
        let sum = |at: usize| (KINDS[at], stretch.counts[at], stretch.bytes[at]);
        let stay = self.cut.keeps_several(&[0, 1, 2, 3].map(sum), stretch.times);
        if stay == Some(true) {
            self.kept.add(stretch.lines, stretch.end - stretch.start);
            let unknown = KINDS.iter().position(|kind| *kind == Kind::Unknown).map_or(0, |at| stretch.counts[at]);
            self.kept_by_rule += stretch.lines - unknown;
        }
        stay
    }

    fn decide(&mut self, seq: u64, kind: Kind, timestamp: f64, bytes: u64) -> bool {
        let stays = self.cut.keeps_at(Position::from_seq(seq), kind, timestamp, bytes);
        if stays {
            self.kept.add(1, bytes);
            self.kept_by_rule += u64::from(kind != Kind::Unknown);
        }
        stays
    }

    /// The file is one among several.
    pub(super) fn for_member(mut self, member: &Member) -> Plan {
        self.member = Some(member.clone());
        self
    }

    /// The cut, for whatever is older.
    pub(super) fn cut(&self) -> &Cut {
        &self.cut
    }

    pub(super) fn figures(&self) -> (u64, u64, u64, u64) {
        (self.before, self.unknown, self.kept.records, self.kept_by_rule)
    }

    /// How many runs are remembered; with too many in all files together they are forgotten, and decided on again.
    pub(super) fn runs(&self) -> usize {
        self.legacy_runs.count() + self.runs.count()
    }

    pub(super) fn forget_runs(&mut self) {
        self.legacy_runs.forget();
        self.runs.forget();
    }

    /// The header is to say that so much was dropped.
    pub(super) fn say_dropped(&mut self, through: u64) {
        if let Some(header) = &mut self.header {
            header.dropped_through = header.dropped_through.max(through);
        }
    }

    pub(super) fn keeps_all(&self) -> bool {
        self.kept.records == self.before
    }

    /// Whether of the facts that retention rules over none would stay; those of unknown kinds always do.
    pub(super) fn keeps_nothing(&self) -> bool {
        self.kept_by_rule == 0 && self.before > self.unknown
    }

    pub(super) fn report(&self, report: &mut CompactionReport) {
        (report.before_records, report.after_records) = (self.before, self.kept.records);
        report.before_bytes = self.size;
        report.after_bytes = if self.keeps_all() { self.size } else { self.len() };
    }

    /// How long the rewritten file will be.
    pub(super) fn len(&self) -> u64 {
        let mut header = Vec::new();
        self.header.iter().for_each(|own| own.encode(&mut header));
        self.kept.bytes + header.len() as u64
    }

    /// What is written is to be read back and found sound.
    pub(super) fn read_back(&self, out: &mut Replacement, progress: Option<&Progress>) -> Result<()> {
        let options = ScanOptions { progress: progress.cloned(), ..ScanOptions::default() };
        let mut pass = Pass::new(options, ScanReport::default());
        if let (Some(member), Some(header)) = (&self.member, &self.header) {
            pass = pass.of_log(Some(header.log_id.clone()), header.first_seq - 1);
            return out.read_back_as(self.len(), member.clone(), pass);
        }
        out.read_back(self.len(), ScanReport::default(), progress)
    }

    /// Writes what stays, whole runs at a time.
    pub(super) fn write(&self, path: &Path, file: &Arc<File>, out: &mut Replacement) -> Result<()> {
        let failed = |error| Error::io("read", path, error);
        let mut run = Run::default();
        if let Some(mut runs) = self.legacy_runs.known() {
            runs.try_for_each(|(start, end)| out.copy(file, start, end))?;
        } else {
            let mut line = 0;
            let mut lines = Forward::new(file.clone(), 0, self.layout.sealed_from);
            while let Some(raw) = lines.next().map_err(failed)? {
                line += 1;
                let (kind, timestamp) = legacy_head(&raw).ok_or_else(|| changed(path))?;
                run.take(&raw, self.cut.stays_at(Position::from_seq(line), kind, timestamp), file, out)?;
            }
            run.end(file, out)?;
        }
        if let Some(header) = &self.header {
            let mut bytes = Vec::new();
            header.encode(&mut bytes);
            out.write(&bytes)?;
        }
        if let Some(mut runs) = self.runs.known() {
            return runs.try_for_each(|(start, end)| out.copy(file, start, end));
        }
        let mut lines = Forward::new(file.clone(), self.layout.sealed_from, self.size);
        while let Some(raw) = lines.next().map_err(failed)? {
            let stays = match Sound::of(&raw) {
                Some(Sound::Fact { seq, kind, timestamp, .. }) => {
                    self.cut.stays_at(Position::from_seq(seq), kind, timestamp)
                }
                Some(Sound::Header(_)) => false,
                None => return Err(changed(path)),
            };
            run.take(&raw, stays, file, out)?;
        }
        run.end(file, out)
    }
}

/// What is to be decided on next.
enum Older<'a> {
    Stretch(&'a Stretch),
    Line(Raw<'a>),
}

/// A line of the sealed part of a sound file.
enum Sound {
    Fact { seq: u64, crc: u32, kind: Kind, timestamp: f64 },
    Header(Header),
}

impl Sound {
    fn of(raw: &Raw<'_>) -> Option<Sound> {
        let Raw::Line { bytes, .. } = raw else { return None };
        // The whole file was found sound a moment ago, and what is written is read again: here the heads are enough.
        if let Some((crc, (tail, head))) = codec::claimed(bytes).zip(codec::tail_and_head(bytes)) {
            return Some(Sound::Fact { seq: tail.seq, crc, kind: head.kind, timestamp: head.timestamp });
        }
        let mut parts = Vec::new();
        judge::judge(bytes, &mut parts);
        let [part] = parts.as_slice() else { return None };
        match &part.is {
            Is::Fact { tail, head, crc } => {
                Some(Sound::Fact { seq: tail.seq, crc: *crc, kind: head.kind, timestamp: head.timestamp })
            }
            Is::Header(HeaderLine::Header(header)) => Some(Sound::Header(header.clone())),
            _ => None,
        }
    }
}

fn legacy_head(raw: &Raw<'_>) -> Option<(Kind, f64)> {
    let Raw::Line { offset, bytes } = *raw else { return None };
    match judge::judge_legacy(bytes, offset == 0) {
        Open::Fact(fact) => Some((fact.kind(), fact.timestamp().seconds())),
        Open::Damaged(_) => None,
    }
}
