//! What a compaction makes of each file of a log that has several.

use std::{fs::File, path::PathBuf, sync::Arc};

use super::{
    compact::swap_in,
    judge,
    lines::{self, Backward, Forward, Raw},
    lock::SwapLock,
    members::{Member, Members},
    pass::Pass,
    passed::Passed,
    plan::Plan,
    replace::{self, Replacement},
    scan,
    segments::Segments,
    storage::Identity,
};
use crate::{
    CompactionConfig, CompactionReport, Cut, Error, ErrorKind, Result, ScanOptions, ScanReport, codec::Header,
};

/// How many runs of lines the plans of all files remember at most.
const MAX_RUNS: usize = 1 << 18;

/// What becomes of a file.
enum Fate {
    /// It was read through and decided on; perhaps all of it stays.
    Read(Box<Plan>),
    /// Nothing of it stays, and that was plain without reading it through.
    Goes { records: u64 },
}

/// A file and its fate.
struct Fated {
    member: Member,
    file: Option<(Arc<File>, Identity)>,
    size: u64,
    fate: Fate,
}

/// What becomes of the files of a log.
pub(super) struct Fates {
    /// The oldest first.
    files: Vec<Fated>,
    /// How many of the oldest are removed.
    removed: usize,
    /// What earlier maintenance left to be removed, the oldest first.
    leftovers: Vec<PathBuf>,
    log_id: String,
    /// Everything up to here is dropped.
    dropped_through: u64,
    /// The oldest and the newest file tell already what was dropped.
    is_told: bool,
}

impl Fates {
    /// Decides from the newest file back. What stays or changes must be sound; what goes whole is not read for it.
    pub(super) fn decide(
        log: &Segments,
        members: Members,
        swap: Option<&mut SwapLock>,
        wanted: &CompactionConfig,
    ) -> Result<Fates> {
        if let Some((path, log_id)) = members.foreign.first() {
            return Err(refused(log, &format!("`{}` is a segment of another log, {log_id}", path.display())));
        }
        let told =
            |file: Option<&Member>| file.and_then(|file| file.header.as_ref()).map_or(0, |own| own.dropped_through);
        let first = members.files.first().and_then(Member::standing).map_or(1, |header| header.first_seq);
        if first > members.dropped_through + 1 {
            let (from, to) = (members.dropped_through + 1, first - 1);
            return Err(refused(log, &format!("the file that held the entries {from} to {to} is not here")));
        }
        let mut fates = Fates {
            is_told: told(members.files.first()).max(told(members.files.last())) + 1 >= first,
            leftovers: members.leftovers,
            log_id: members.log_id.unwrap_or_default(),
            dropped_through: members.dropped_through,
            files: Vec::with_capacity(members.files.len()),
            removed: 0,
        };
        let mut cut = wanted.cut();
        let mut runs = 0;
        let mut size = active_size(members.files.last(), swap)?;
        for member in members.files.into_iter().rev() {
            let (fated, next) = fate_of(log, member, size.take(), cut, &fates.log_id, wanted)?;
            cut = next;
            fates.files.push(fated);
            fates.remember(&mut runs);
        }
        fates.files.reverse();
        let boundary = fates.files.iter().position(|file| !file.is_emptied());
        fates.removed = boundary.unwrap_or(fates.files.len() - 1);
        if fates.files[fates.removed].member.header.is_none() {
            // Nothing would tell where the log begins.
            fates.removed = 0;
        }
        if fates.removed > 0 {
            let first = fates.files[fates.removed].member.header.as_ref().map_or(1, |header| header.first_seq);
            fates.dropped_through = fates.dropped_through.max(first - 1);
            fates.is_told = false;
        }
        Ok(fates)
    }

    /// Keeps the memory of the plans of all files within a limit.
    fn remember(&mut self, runs: &mut usize) {
        if let Some(Fated { fate: Fate::Read(plan), .. }) = self.files.last_mut() {
            *runs += plan.runs();
            if *runs > MAX_RUNS {
                plan.forget_runs();
            }
        }
    }

    fn sum(&self, figure: impl Fn(&Fated) -> u64) -> u64 {
        self.files.iter().map(figure).sum()
    }

    pub(super) fn report(&self, report: &mut CompactionReport) {
        report.before_records = self.sum(Fated::before);
        report.after_records = self.sum(|file| file.kept().0);
        report.before_bytes = self.sum(|file| file.size);
        let after = |(at, file): (usize, &Fated)| match &file.fate {
            _ if at < self.removed => 0,
            Fate::Read(plan) if plan.keeps_all() && (at != self.removed || self.is_told) => file.size,
            Fate::Read(plan) => plan.len(),
            Fate::Goes { .. } => file.emptied(&self.log_id, self.dropped_through).len() as u64,
        };
        report.after_bytes = self.files.iter().enumerate().map(after).sum();
    }

    /// Whether of the facts that retention rules over none would stay.
    pub(super) fn leave_nothing(&self) -> bool {
        self.sum(|file| file.kept().1) == 0 && self.sum(Fated::ruled) > 0
    }

    pub(super) fn change_anything(&self) -> bool {
        self.removed > 0 || !self.leftovers.is_empty() || !self.is_told || self.files.iter().any(Fated::changes)
    }

    /// Makes it so. `false` if a file was replaced or removed meanwhile: then all is to be decided anew.
    pub(super) fn happen(&mut self, swap: &mut SwapLock, wanted: &CompactionConfig) -> Result<bool> {
        let dropped = self.dropped_through;
        let gone: Vec<PathBuf> = self.files[..self.removed].iter().map(|file| file.member.path.clone()).collect();
        let gone = [std::mem::take(&mut self.leftovers), gone].concat();
        if !self.is_told
            && let Some(lowest) = self.files.first().filter(|_| self.removed > 0)
        {
            // Whoever opens the log looks into its oldest file for what was dropped: with this rename all of it is.
            if !lowest.empty(&self.log_id, dropped, swap)? {
                return Ok(false);
            }
        }
        for at in self.removed..self.files.len() {
            let must = at == self.removed && !self.is_told;
            let file = &mut self.files[at];
            if !file.changes() && !must {
                continue;
            }
            let done = match &mut file.fate {
                Fate::Goes { .. } => file.empty(&self.log_id, dropped, swap)?,
                Fate::Read(plan) => {
                    plan.say_dropped(dropped);
                    match &file.file {
                        Some((own, identity)) if file.member.is_active => {
                            swap_in(&file.member.path, own, *identity, file.size, plan, swap, wanted)?
                        }
                        _ => file.write_sealed(swap, wanted)?,
                    }
                }
            };
            if !done {
                return Ok(false);
            }
            if must {
                self.remove(&gone)?;
            }
        }
        if self.is_told {
            self.remove(&gone)?
        }
        Ok(true)
    }

    /// The oldest file goes last: it tells what was dropped.
    fn remove(&self, gone: &[PathBuf]) -> Result<()> {
        let Some((oldest, others)) = gone.split_first() else { return Ok(()) };
        replace::remove("remove a file of which everything was dropped", others)?;
        replace::remove("remove a file of which everything was dropped", std::slice::from_ref(oldest))
    }
}

/// The size of the newest file, at the end of a whole batch.
fn active_size(active: Option<&Member>, swap: Option<&mut SwapLock>) -> Result<Option<u64>> {
    let Some(active) = active else { return Ok(None) };
    let failed = |error| Error::io("look at", &active.path, error);
    match swap {
        Some(swap) => {
            let _held = swap.hold()?;
            active.open()?.metadata().map_err(failed).map(|metadata| Some(metadata.len()))
        }
        None => {
            // Without the lock what stands behind the last newline may be in flight.
            let file = active.open()?;
            let size = file.metadata().map_err(failed)?.len();
            lines::behind_last_newline(&file, size).map_err(failed).map(Some)
        }
    }
}

fn refused(log: &Segments, why: &str) -> Error {
    Error::new(ErrorKind::Corrupt, format!("the log `{}` is damaged: {why}; nothing was changed", log.home().display()))
        .with_cure("look at it with `papyra persistence scan`, then run `papyra persistence recover`")
}

/// Decides on a file, by the cut that has decided on everything newer; gives the cut for everything older.
fn fate_of(
    log: &Segments,
    member: Member,
    size: Option<u64>,
    cut: Cut,
    log_id: &str,
    wanted: &CompactionConfig,
) -> Result<(Fated, Cut)> {
    let failed = |error| Error::io("read", &member.path, error);
    let file = Arc::new(member.open()?);
    let identity = Identity::of(&file).map_err(failed)?;
    let size = match size {
        Some(size) => size,
        None => file.metadata().map_err(failed)?.len(),
    };
    if let Some(records) = goes_whole(&member, &file, size, &cut)? {
        let fated = Fated { member, file: None, size, fate: Fate::Goes { records } };
        return Ok((fated, cut));
    }
    let options = ScanOptions { progress: wanted.progress.clone(), ..ScanOptions::default() };
    let first = member.header.as_ref().map_or(1, |header| header.first_seq);
    let id = (!log_id.is_empty()).then(|| log_id.to_owned());
    let mut pass = Pass::new(options, ScanReport::default()).of_log(id, first - 1);
    let sound = pass.file(&member, &file, size).map_err(failed)?;
    let ended = pass.finish();
    scan::refuse_findings(&member.path, "the log's file", &ended.report)?;
    if let Some(through) = member.through.filter(|through| *through > ended.accounted) {
        let from = ended.accounted + 1;
        return Err(refused(log, &format!("the entries {from} to {through} are missing")));
    }
    let passed = Passed { report: ended.report, sound };
    let plan = Plan::of(&member.path, &file, size, &passed, cut)?.for_member(&member);
    let next = plan.cut().clone();
    // Ten thousand files are more than may be open at once: only the one that grows must be the very same later.
    let held = member.is_active.then_some((file, identity));
    Ok((Fated { member, file: held, size, fate: Fate::Read(Box::new(plan)) }, next))
}

/// Whether nothing of a sealed file can stay, by its beginning, its end, and the kinds of its lines; gives how many facts it
/// holds then. Whatever is odd about it is for the pass that reads it through.
fn goes_whole(member: &Member, file: &Arc<File>, size: u64, cut: &Cut) -> Result<Option<u64>> {
    let failed = |error| Error::io("read", &member.path, error);
    let (Some(header), Some(through)) = (&member.header, member.through) else { return Ok(None) };
    if member.is_active || lines::behind_last_newline(file, size).map_err(failed)? != size {
        return Ok(None);
    }
    let mut backward = Backward::new(file.clone(), 0, size);
    let Some(Raw::Line { bytes, .. }) = backward.next().map_err(failed)? else { return Ok(None) };
    let Some((tail, head, _)) = judge::sealed_fact(bytes) else { return Ok(None) };
    let whole = tail.seq == through || (tail.seq < through && through <= header.gaps_through);
    let newest = head.timestamp + tail.skew.unwrap_or(super::layout::LEAST_SKEW);
    if !whole || !cut.drops_all_until(newest) || holds_other_kinds(file, size).map_err(failed)? {
        return Ok(None);
    }
    Ok(Some(header.kept + through.saturating_sub(header.gaps_through.max(header.first_seq - 1))))
}

/// Whether a line is anything but a fact of a known kind, as its first bytes tell: others stay whatever the retention is.
fn holds_other_kinds(file: &Arc<File>, size: u64) -> std::io::Result<bool> {
    const KNOWN: [&[u8]; 4] =
        [b"{\"kind\":\"event\",", b"{\"kind\":\"dead_letter\",", b"{\"kind\":\"audit\",", b"{\"kind\":\"log\","];
    let mut lines = Forward::new(file.clone(), 0, size);
    while let Some(raw) = lines.next()? {
        match raw {
            Raw::Line { bytes, .. } if KNOWN.iter().any(|known| bytes.starts_with(known)) => {}
            _ => return Ok(true),
        }
    }
    Ok(false)
}

impl Fated {
    fn before(&self) -> u64 {
        match &self.fate {
            Fate::Read(plan) => plan.figures().0,
            Fate::Goes { records } => *records,
        }
    }

    /// How many facts retention rules over.
    fn ruled(&self) -> u64 {
        match &self.fate {
            Fate::Read(plan) => plan.figures().0 - plan.figures().1,
            Fate::Goes { records } => *records,
        }
    }

    /// How many facts stay, and how many of them by a rule.
    fn kept(&self) -> (u64, u64) {
        match &self.fate {
            Fate::Read(plan) => (plan.figures().2, plan.figures().3),
            Fate::Goes { .. } => (0, 0),
        }
    }

    /// Whether no fact stands in the file afterwards, and it tells of none.
    fn is_emptied(&self) -> bool {
        !self.member.is_active && self.kept().0 == 0
    }

    fn changes(&self) -> bool {
        match &self.fate {
            Fate::Read(plan) => !plan.keeps_all(),
            Fate::Goes { records } => *records > 0,
        }
    }

    /// The header that is left of the file.
    fn emptied(&self, log_id: &str, dropped_through: u64) -> Vec<u8> {
        let number = self.member.number.unwrap_or(1);
        let own = self.member.header.clone();
        let mut header = own.unwrap_or_else(|| Header::first(log_id.to_owned(), 1, crate::Timestamp::default()));
        let through = self.member.through.unwrap_or(header.gaps_through);
        header.segment = number;
        header.gaps_through = through.max(header.first_seq - 1);
        (header.kept, header.kept_xor) = (0, 0);
        header.dropped_through = header.dropped_through.max(dropped_through);
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        bytes
    }

    /// Leaves the header of a sealed file; `false` if the file is not there any more.
    fn empty(&self, log_id: &str, dropped_through: u64, swap: &mut SwapLock) -> Result<bool> {
        let file = self.member.open()?;
        let identity = Identity::of(&file).map_err(|error| Error::io("look at", &self.member.path, error))?;
        let mut replacement = Replacement::begin(&self.member.path, &file)?;
        let bytes = self.emptied(log_id, dropped_through);
        let first = self.member.header.as_ref().map_or(1, |header| header.first_seq);
        let pass = Pass::new(ScanOptions::default(), ScanReport::default()).of_log(None, first - 1);
        replacement.read_back_as(bytes.len() as u64, self.member.clone(), pass)?;
        replacement.write(&bytes)?;
        replacement.must_be_clean("the rewritten file")?;
        self.put(replacement, identity, swap)
    }

    /// Writes a sealed file anew.
    fn write_sealed(&self, swap: &mut SwapLock, wanted: &CompactionConfig) -> Result<bool> {
        let Fate::Read(plan) = &self.fate else { return Ok(true) };
        let file = Arc::new(self.member.open()?);
        let identity = Identity::of(&file).map_err(|error| Error::io("look at", &self.member.path, error))?;
        let mut replacement = Replacement::begin(&self.member.path, &file)?;
        plan.read_back(&mut replacement, wanted.progress.as_ref())?;
        plan.write(&self.member.path, &file, &mut replacement)?;
        replacement.must_be_clean("the rewritten file")?;
        self.put(replacement, identity, swap)
    }

    /// Puts a file in the place of a sealed one, if that is still there: the writer may have dropped it.
    fn put(&self, mut replacement: Replacement, identity: Identity, swap: &mut SwapLock) -> Result<bool> {
        replacement.sync()?;
        let _held = swap.hold()?;
        let named = Identity::at(&self.member.path).map_err(|error| Error::io("look at", &self.member.path, error))?;
        if named != Some(identity) {
            return Ok(false);
        }
        replacement.take_place_of_sealed().map(|()| true)
    }
}
