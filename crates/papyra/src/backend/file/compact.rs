//! Compaction: retention made physical, beside a living writer.

use std::{fs::File, path::Path, sync::Arc};

use super::{
    FileConfig,
    judge::{self, Is, Open},
    layout::{End, Layout},
    lines::{self, Backward, Forward, Raw},
    lock::{self, HeldLock, LockPaths, SwapLock},
    opened::refuse_links,
    replace::{self, Replacement},
    scan,
    storage::{self, Identity},
};
use crate::{
    CompactionConfig, CompactionReport, Cut, Error, ErrorKind, Kind, Position, Result,
    codec::{Header, HeaderLine},
};

/// What was appended meanwhile is copied until so little is left that the writer can wait for it.
const LITTLE: u64 = 1 << 20;
/// How often compaction begins anew if the file is replaced under it.
const TRIES: u32 = 5;

pub(super) fn compact(config: &FileConfig, wanted: &CompactionConfig, name: &str) -> Result<CompactionReport> {
    let path = &config.path;
    drop(storage::open_for_reading(path)?);
    let mut report = CompactionReport { backend: name.to_owned(), ..CompactionReport::default() };
    if wanted.dry_run {
        let file = Arc::new(storage::open_for_reading(path)?);
        let size = file.metadata().map_err(|error| Error::io("look at", path, error))?.len();
        let in_flight = lock::is_held(&LockPaths::beside(path).writer);
        let end = lines::behind_last_newline(&file, size).map_err(|error| Error::io("read", path, error))?;
        Plan::make(path, &file, if in_flight { end } else { size }, wanted)?.report(&mut report);
        return Ok(report);
    }
    refuse_links(path)?;
    let locks = LockPaths::beside(path);
    let _maintenance = HeldLock::take(&locks.maintenance, "compact", config.lock_timeout, path)?;
    replace::remove_leftovers(path)?;
    let mut swap = SwapLock::open(&locks.swap)?;
    for _ in 0..TRIES {
        if attempt(path, wanted, &mut swap, &mut report)? {
            return Ok(report);
        }
    }
    Err(Error::new(ErrorKind::Locked, format!("`{}` was replaced by another program again and again", path.display()))
        .with_cure("stop what moves the log's file (logrotate, say), then compact again"))
}

/// One try; `false` if the file was replaced meanwhile.
fn attempt(path: &Path, wanted: &CompactionConfig, swap: &mut SwapLock, report: &mut CompactionReport) -> Result<bool> {
    let failed = |error| Error::io("look at", path, error);
    let (file, identity, size) = {
        // Under the swap lock the size is that of whole batches: nothing torn of a living writer.
        let _held = swap.hold()?;
        let file = Arc::new(storage::open_for_reading(path)?);
        let identity = Identity::of(&file).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        (file, identity, size)
    };
    let plan = Plan::make(path, &file, size, wanted)?;
    plan.report(report);
    if plan.keeps_all() {
        return Ok(true);
    }
    if plan.kept.records == 0 && !wanted.allow_empty {
        return Err(Error::nothing_would_remain(&path.display().to_string()));
    }
    let mut replacement = Replacement::begin(path, &file)?;
    plan.write(path, &file, &mut replacement)?;
    replacement.must_be_clean("the rewritten log")?;
    let mut copied = size;
    loop {
        let now = {
            let _held = swap.hold()?;
            file.metadata().map_err(failed)?.len()
        };
        if now < copied + LITTLE {
            break;
        }
        replacement.copy(&file, copied, now)?;
        copied = now;
    }
    replacement.sync()?;
    // From here on the writer waits.
    let held = swap.hold()?;
    let now = file.metadata().map_err(failed)?.len();
    if Identity::at(path).map_err(failed)? != Some(identity) || now < copied {
        return Ok(false);
    }
    replacement.copy(&file, copied, now)?;
    replacement.take_place(swap, &held)?;
    report.changed = true;
    Ok(true)
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
struct Plan {
    cut: Cut,
    layout: Layout,
    size: u64,
    before: Figures,
    kept: Figures,
    header: Option<Header>,
}

impl Plan {
    /// Decides from the newest fact back. The file must be sound.
    fn make(path: &Path, file: &Arc<File>, size: u64, wanted: &CompactionConfig) -> Result<Plan> {
        scan::must_be_clean(path, file, size, "the log")?;
        let failed = |error| Error::io("read", path, error);
        let (end, layout) = End::of(file, size, path)?;
        let mut plan = Plan {
            cut: wanted.retention.cut(wanted.now),
            size,
            before: Figures::default(),
            kept: Figures::default(),
            header: layout.header.clone(),
            layout,
        };
        let (mut sealed, mut xor, mut dropped_through) = (0, 0, 0);
        let mut lines = Backward::new(file.clone(), plan.layout.sealed_from, end.offset);
        while let Some(raw) = lines.next().map_err(failed)? {
            match Sound::of(&raw) {
                Some(Sound::Fact { seq, crc, kind, timestamp }) => {
                    if plan.decide(seq, kind, timestamp, raw.len()) {
                        sealed += 1;
                        xor ^= crc;
                    }
                }
                Some(Sound::Header(header)) => dropped_through = header.dropped_through.max(dropped_through),
                None => return Err(changed(path)),
            }
        }
        let mut legacy = 0;
        let mut line = plan.layout.legacy_lines;
        let mut lines = Backward::new(file.clone(), 0, plan.layout.sealed_from);
        while let Some(raw) = lines.next().map_err(failed)? {
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
        self.before.add(bytes);
        let stays = self.cut.keeps_at(Position::from_seq(seq), kind, timestamp, bytes);
        if stays {
            self.kept.add(bytes);
        }
        stays
    }

    fn keeps_all(&self) -> bool {
        self.kept == self.before
    }

    fn report(&self, report: &mut CompactionReport) {
        (report.before_records, report.after_records) = (self.before.records, self.kept.records);
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
    fn write(&self, path: &Path, file: &Arc<File>, out: &mut Replacement) -> Result<()> {
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

/// The log was sound a moment ago.
fn changed(path: &Path) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        format!("`{}` changed while it was read; nothing was changed by this", path.display()),
    )
    .with_cure("scan the log, then try again")
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

/// A line of the sealed part of a sound file.
enum Sound {
    Fact { seq: u64, crc: u32, kind: Kind, timestamp: f64 },
    Header(Header),
}

impl Sound {
    fn of(raw: &Raw<'_>) -> Option<Sound> {
        let Raw::Line { bytes, .. } = raw else { return None };
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
