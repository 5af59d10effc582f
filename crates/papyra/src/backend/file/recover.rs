//! Recovery: a damaged log becomes sound; what was sound stays byte for byte.

use std::{path::Path, sync::Arc};

use super::{
    FileConfig,
    layout::End,
    lock::{HeldLock, LockPaths, SwapLock},
    opened::{Settled, refuse_links},
    quarantine,
    replace::{self, Replacement},
    salvage::Salvage,
    scan::{self, Looked},
    storage::{self, ActiveFile, Disk, Storage},
};
use crate::{
    AnomalyKind, Error, ErrorKind, Progress, RecoveryConfig, RecoveryMode, RecoveryReport, Result, ScanOptions,
    ScanReport,
};

pub(super) fn recover(
    config: &FileConfig,
    wanted: &RecoveryConfig,
    name: &str,
    address: &str,
) -> Result<RecoveryReport> {
    let path = &config.path;
    let options = || ScanOptions { progress: wanted.progress.clone(), ..ScanOptions::default() };
    if wanted.mode == RecoveryMode::Quarantine && wanted.quarantine_dir.is_none() {
        return Err(Error::new(ErrorKind::Config, "quarantine needs a directory for the originals")
            .with_cure("name one: --quarantine-dir DIR, or `quarantine_dir` under [startup]"));
    }
    drop(storage::open_for_reading(path)?);
    if wanted.dry_run || wanted.mode == RecoveryMode::Ignore {
        let mut report =
            RecoveryReport { before: scan::scan(path, options(), name, address)?, ..RecoveryReport::default() };
        if wanted.dry_run && !report.before.is_clean() && !is_newer(&report.before) {
            let looked = scan::look(path, options(), ScanReport::new(name, address), false)?;
            report.lost = Salvage::plan(path, looked)?.lost;
        }
        return Ok(report);
    }
    refuse_links(path)?;
    let locks = LockPaths::beside(path);
    let _writer = HeldLock::take(&locks.writer, "recover", config.lock_timeout, path)?;
    let _maintenance = HeldLock::take(&locks.maintenance, "recover", config.lock_timeout, path)?;
    // Our own lock makes us look like a writer, beside whom a torn tail would be no finding.
    let look = || scan::scan_unwritten(path, options(), name, address);
    let mut looked = look()?;
    let mut report = RecoveryReport { before: looked.report.clone(), ..RecoveryReport::default() };
    if report.before.is_clean() {
        return Ok(report);
    }
    if is_newer(&report.before) {
        return Err(Error::new(ErrorKind::Corrupt, report.before.anomalies[0].detail.clone())
            .with_cure("use a version of Papyra that knows this format; nothing was changed"));
    }
    let only = |kind| report.before.anomalies.iter().all(|anomaly| anomaly.kind == kind);
    if only(AnomalyKind::UnexpectedFile) {
        replace::remove_leftovers(path)?;
        report.after = Some(look()?.report);
        report.proven = true;
        return Ok(report);
    }
    if let (RecoveryMode::Quarantine, Some(directory)) = (wanted.mode, &wanted.quarantine_dir) {
        report.quarantined.push(quarantine::preserve(path, directory, &report.before)?);
    }
    let torn_only = only(AnomalyKind::TruncatedLine);
    if torn_only {
        settle(path)?;
        looked = look()?;
    }
    // A whole fact of another program may be what lacked its newline: then it must be sealed.
    report.after = Some(if torn_only && looked.report.is_clean() {
        looked.report
    } else {
        let (lost, after) = rewrite(path, looked, &locks, ScanReport::new(name, address), wanted.progress.as_ref())?;
        report.lost = lost;
        after
    });
    report.repaired.push(path.clone());
    report.proven = true;
    Ok(report)
}

fn is_newer(report: &ScanReport) -> bool {
    report.anomalies.iter().any(|anomaly| anomaly.kind == AnomalyKind::NewerFormat)
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

/// Puts the sound facts of a file in its place. Gives how many entries were lost, and what the new file was found to be when
/// it was read back.
pub(super) fn rewrite(
    path: &Path,
    looked: Looked,
    locks: &LockPaths,
    after: ScanReport,
    progress: Option<&Progress>,
) -> Result<(u64, ScanReport)> {
    replace::remove_leftovers(path)?;
    let salvage = Salvage::plan(path, looked)?;
    let mut replacement = Replacement::begin(path, &salvage.file)?;
    replacement.read_back(salvage.len, after, progress)?;
    salvage.write(path, &mut replacement)?;
    let after = replacement.must_be_clean("the recovered log")?;
    let mut swap = SwapLock::open(&locks.swap)?;
    let held = swap.hold()?;
    replacement.take_place(&swap, &held)?;
    Ok((salvage.lost, after))
}
