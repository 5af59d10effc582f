//! Recovery: a damaged log becomes sound; what was sound stays byte for byte.

use std::{path::Path, sync::Arc};

use super::{
    FileConfig,
    layout::End,
    lock::{HeldLock, LockPaths, SwapLock},
    members::is_set,
    opened::{Settled, refuse_links},
    quarantine, replace,
    salvage::Salvage,
    scan::{self, Looked},
    segments::Segments,
    storage::{self, ActiveFile, Disk, Storage},
};
use crate::{
    AnomalyKind, Error, ErrorKind, Progress, RecoveryConfig, RecoveryMode, RecoveryReport, Result, ScanOptions,
    ScanReport,
};

pub(super) fn recover(
    log: &Segments,
    config: &FileConfig,
    wanted: &RecoveryConfig,
    name: &str,
    address: &str,
) -> Result<RecoveryReport> {
    let path = log.home();
    let options = || ScanOptions { progress: wanted.progress.clone(), ..ScanOptions::default() };
    if wanted.mode == RecoveryMode::Quarantine && wanted.quarantine_dir.is_none() {
        return Err(Error::new(ErrorKind::Config, "quarantine needs a directory for the originals")
            .with_cure("name one: --quarantine-dir DIR, or `quarantine_dir` under [startup]"));
    }
    match is_set(log) {
        true => drop(log.list_existing()?),
        false => drop(storage::open_for_reading(path)?),
    }
    if wanted.dry_run || wanted.mode == RecoveryMode::Ignore {
        let mut report =
            RecoveryReport { before: scan::scan(log, options(), name, address)?, ..RecoveryReport::default() };
        if wanted.dry_run && !report.before.is_clean() && !is_newer(&report.before) {
            let looked = scan::look(log, options(), ScanReport::new(name, address), false)?;
            report.lost = Salvage::plan(looked)?.lost;
        }
        return Ok(report);
    }
    refuse_links(path)?;
    let locks = log.locks();
    let _writer = HeldLock::take(&locks.writer, "recover", config.lock_timeout, path)?;
    let _maintenance = HeldLock::take(&locks.maintenance, "recover", config.lock_timeout, path)?;
    // Our own lock makes us look like a writer, beside whom a torn tail would be no finding.
    let look = || scan::scan_unwritten(log, options(), name, address);
    let mut looked = look()?;
    let mut report = RecoveryReport { before: looked.report.clone(), ..RecoveryReport::default() };
    if report.before.is_clean() {
        return Ok(report);
    }
    if is_newer(&report.before) {
        let newer = report.before.anomalies.iter().find(|anomaly| anomaly.kind == AnomalyKind::NewerFormat);
        let detail = newer.map_or("a newer format", |newer| newer.detail.as_str());
        return Err(Error::new(ErrorKind::Corrupt, detail)
            .with_cure("use a version of Papyra that knows this format; nothing was changed"));
    }
    let original = |path: &Path| match (wanted.mode, &wanted.quarantine_dir) {
        (RecoveryMode::Quarantine, Some(directory)) => {
            quarantine::preserve(path, directory, &of_file(log, path, &report.before)).map(Some)
        }
        _ => Ok(None),
    };
    let mut quarantined = Vec::new();
    if remove_others(&looked, &mut quarantined, &original)? {
        looked = look()?;
    }
    if !looked.report.is_clean() {
        let torn_only = looked.report.anomalies.iter().all(|anomaly| anomaly.kind == AnomalyKind::TruncatedLine);
        let active = looked.files.last().map(|file| file.member.path.clone());
        if let Some(active) = active.filter(|_| torn_only) {
            quarantined.extend(original(&active)?);
            settle(&active)?;
            report.repaired.push(active);
            looked = look()?;
        }
    }
    // A whole fact of another program may be what lacked its newline: then it must be sealed.
    report.after = Some(if looked.report.is_clean() {
        looked.report
    } else {
        let is_alone = !is_set(log);
        let leftovers = looked.members.leftovers.clone();
        let mut salvage = Salvage::plan(looked)?;
        report.lost = salvage.lost;
        for file in salvage.changed().map(|file| &file.member.path) {
            if !report.repaired.contains(file) {
                quarantined.extend(original(file)?);
            }
        }
        let changed: Vec<_> = salvage.changed().map(|file| file.member.path.clone()).collect();
        report.repaired.extend(changed.into_iter().filter(|file| !report.repaired.contains(file)).collect::<Vec<_>>());
        let after = rewrite(&mut salvage, &locks, &ScanReport::new(name, address), wanted.progress.as_ref())?;
        // Not before another header says that they were dropped.
        replace::remove("remove a file of which everything was dropped", &leftovers)?;
        if is_alone { after } else { look()?.report }
    });
    report.quarantined = quarantined;
    report.proven = true;
    Ok(report)
}

fn is_newer(report: &ScanReport) -> bool {
    report.anomalies.iter().any(|anomaly| anomaly.kind == AnomalyKind::NewerFormat)
}

/// What was found in one of a log's files.
fn of_file(log: &Segments, path: &Path, found: &ScanReport) -> ScanReport {
    let mut own = found.clone();
    if is_set(log) {
        own.anomalies.retain(|anomaly| anomaly.path == path);
        own.anomalies_total = own.anomalies.len() as u64;
    }
    own
}

/// Removes what lies among the log's files and is not its own: rubbish for good, the files of others into a directory beside,
/// or into quarantine. Whether there was any.
fn remove_others(
    looked: &Looked,
    quarantined: &mut Vec<std::path::PathBuf>,
    original: &dyn Fn(&Path) -> Result<Option<std::path::PathBuf>>,
) -> Result<bool> {
    let members = &looked.members;
    let strange = members.foreign.iter().map(|(path, _)| path).chain(&members.strays);
    for path in strange.clone() {
        // Of what is no file nothing can be copied, and what a link leads to is somebody else's.
        let is_file = path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
        match if is_file { original(path)? } else { None } {
            Some(copy) => {
                replace::remove("remove", std::slice::from_ref(path))?;
                quarantined.push(copy);
            }
            // Whoever put it there may want it back: nothing of it is ours to drop.
            None => quarantined.push(quarantine::set_aside(path)?),
        }
    }
    replace::remove("remove a temporary file", &members.temporaries)?;
    let unborn: Vec<_> = members.unborn.iter().cloned().collect();
    replace::remove("remove the file of an interrupted rotation", &unborn)?;
    Ok(strange.count() + members.temporaries.len() > 0)
}

/// A torn tail alone is settled in place, as the next start would do it.
fn settle(path: &Path) -> Result<()> {
    let failed = |doing: &'static str| move |error| Error::io(doing, path, error);
    let mut active: Box<dyn ActiveFile> = Disk.open(path, false).map_err(failed("open for writing"))?;
    let file = Arc::new(active.file().try_clone().map_err(failed("open"))?);
    let size = file.metadata().map_err(failed("look at"))?.len();
    let (mut end, layout) = End::of(&file, size, path)?;
    let settled = Settled::of(&file, size, &mut end, &layout).map_err(failed("read"))?;
    if settled.cut_from < size {
        active.cut(settled.cut_from).map_err(failed("cut the torn tail of"))?;
    }
    if settled.add_newline {
        storage::write_all(&mut *active, b"\n").map_err(failed("append to"))?;
    }
    active.sync().map_err(failed("sync"))
}

/// Puts the sound facts of the files in their places. Gives what the last one was found to be when it was read back.
pub(super) fn rewrite(
    salvage: &mut Salvage,
    locks: &LockPaths,
    after: &ScanReport,
    progress: Option<&Progress>,
) -> Result<ScanReport> {
    let mut swap = SwapLock::open(&locks.swap)?;
    salvage.rewrite(after, progress, |mut replacement, is_active| {
        let after = replacement.must_be_clean("the recovered log")?;
        if is_active {
            let held = swap.hold()?;
            replacement.take_place(&swap, &held)?;
        } else {
            replacement.take_place_of_sealed()?;
        }
        Ok(after)
    })
}
