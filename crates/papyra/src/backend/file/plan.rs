//! The plan of a compaction: what stays, decided from the newest fact back.

use std::{fs::File, path::Path, sync::Arc};

use super::{
    judge::{self, Is, Open},
    layout::{End, Layout},
    lines::{Backward, Forward, Raw},
    replace::Replacement,
    scan,
};
use crate::{
    CompactionConfig, CompactionReport, Cut, Error, ErrorKind, Kind, Position, Result,
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
    fn add(&mut self, bytes: u64) {
        self.records += 1;
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
    runs: Runs,
}

impl Plan {
    /// Decides from the newest fact back. The file must be sound.
    pub(super) fn make(path: &Path, file: &Arc<File>, size: u64, wanted: &CompactionConfig) -> Result<Plan> {
        let sound = scan::must_be_clean(path, file, size, "the log", wanted.progress.as_ref())?;
        // Facts of unknown kinds stay, however old: only without any of them is everything older than the cut gone.
        let unknown = sound.entries.get(Kind::Unknown.as_str()).copied().unwrap_or_default();
        let may_stop = unknown == 0;
        let failed = |error| Error::io("read", path, error);
        let (end, layout) = End::of(file, size, path)?;
        let mut plan = Plan {
            cut: wanted.retention.cut(wanted.now),
            size,
            before: sound.entries.values().sum(),
            unknown,
            kept_by_rule: 0,
            kept: Figures::default(),
            header: layout.header.clone(),
            layout,
            runs: Runs::default(),
        };
        let (mut sealed, mut xor) = (0, 0);
        let mut dropped_through = plan.header.as_ref().map_or(0, |header| header.dropped_through);
        let mut lines = Backward::new(file.clone(), plan.layout.sealed_from, end.offset);
        while !(may_stop && plan.cut.is_closed())
            && let Some(raw) = lines.next().map_err(failed)?
        {
            match Sound::of(&raw) {
                Some(Sound::Fact { seq, crc, kind, timestamp }) => {
                    if plan.decide(seq, kind, timestamp, raw.len()) {
                        sealed += 1;
                        xor ^= crc;
                        plan.runs.add_before(raw.offset(), raw.offset() + raw.len());
                    }
                }
                Some(Sound::Header(header)) => dropped_through = header.dropped_through.max(dropped_through),
                None => return Err(changed(path)),
            }
        }
        let mut legacy = 0;
        let mut line = plan.layout.legacy_lines;
        let mut lines = Backward::new(file.clone(), 0, plan.layout.sealed_from);
        while !(may_stop && plan.cut.is_closed())
            && let Some(raw) = lines.next().map_err(failed)?
        {
            let (kind, timestamp) = legacy_head(&raw).ok_or_else(|| changed(path))?;
            legacy += u64::from(plan.decide(line, kind, timestamp, raw.len()));
            line -= 1;
        }
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

    fn decide(&mut self, seq: u64, kind: Kind, timestamp: f64, bytes: u64) -> bool {
        let stays = self.cut.keeps_at(Position::from_seq(seq), kind, timestamp, bytes);
        if stays {
            self.kept.add(bytes);
            self.kept_by_rule += u64::from(kind != Kind::Unknown);
        }
        stays
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
        report.after_bytes = if self.keeps_all() {
            self.size
        } else {
            let mut header = Vec::new();
            self.header.iter().for_each(|own| own.encode(&mut header));
            self.kept.bytes + header.len() as u64
        };
    }

    /// Writes what stays, whole runs at a time.
    pub(super) fn write(&self, path: &Path, file: &Arc<File>, out: &mut Replacement) -> Result<()> {
        let failed = |error| Error::io("read", path, error);
        let mut run = Run::default();
        let mut line = 0;
        let mut lines = Forward::new(file.clone(), 0, self.layout.sealed_from);
        while let Some(raw) = lines.next().map_err(failed)? {
            line += 1;
            let (kind, timestamp) = legacy_head(&raw).ok_or_else(|| changed(path))?;
            run.take(&raw, self.cut.stays_at(Position::from_seq(line), kind, timestamp), file, out)?;
        }
        run.end(file, out)?;
        if let Some(header) = &self.header {
            let mut bytes = Vec::new();
            header.encode(&mut bytes);
            out.write(&bytes)?;
        }
        if let Some(runs) = self.runs.known() {
            for (start, end) in runs {
                out.copy(file, start, end)?;
            }
            return Ok(());
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

/// Neighbouring lines that stay.
#[derive(Default)]
struct Run {
    start: u64,
    end: u64,
}

impl Run {
    fn take(&mut self, raw: &Raw<'_>, stays: bool, file: &File, out: &mut Replacement) -> Result<()> {
        if !stays {
            return Ok(());
        }
        if raw.offset() != self.end {
            self.end(file, out)?;
            self.start = raw.offset();
        }
        self.end = raw.offset() + raw.len();
        Ok(())
    }

    fn end(&mut self, file: &File, out: &mut Replacement) -> Result<()> {
        let (start, end) = (self.start, self.end);
        *self = Run { start: end, end };
        if end > start { out.copy(file, start, end) } else { Ok(()) }
    }
}

/// How many runs are remembered from the deciding; with more of them each line is decided on a second time.
const MAX_RUNS: usize = 4096;

/// The runs of neighbouring lines that stay, the last one first.
#[derive(Debug, Default)]
struct Runs {
    newest_first: Vec<(u64, u64)>,
    too_many: bool,
}

impl Runs {
    /// A line stays that stands before all others so far.
    fn add_before(&mut self, start: u64, end: u64) {
        let room = self.newest_first.len() < MAX_RUNS;
        match self.newest_first.last_mut() {
            Some(run) if run.0 == end => run.0 = start,
            _ if room => self.newest_first.push((start, end)),
            _ => self.too_many = true,
        }
    }

    /// All runs in the order of the file, unless there were too many.
    fn known(&self) -> Option<impl Iterator<Item = (u64, u64)>> {
        (!self.too_many).then(|| self.newest_first.iter().rev().copied())
    }
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
