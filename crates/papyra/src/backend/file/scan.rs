//! Scanning: every byte of a file is looked at, nothing is written.

use std::{fs::File, path::Path, sync::Arc};

use super::{
    lock::{self, LockPaths},
    pass::Pass,
    replace, storage,
};
use crate::{Anomaly, AnomalyKind, Error, ErrorKind, Progress, Result, ScanOptions, ScanReport};

/// Scans a log of one file.
pub(super) fn scan(path: &Path, options: ScanOptions, name: &str, address: &str) -> Result<ScanReport> {
    let look = || {
        // The probe comes before the size: a writer that begins in between appends behind what is looked at.
        let live = lock::is_held(&LockPaths::beside(path).writer);
        look(path, options.clone(), ScanReport { live_writer: live, ..ScanReport::new(name, address) }, false)
    };
    let first = look()?;
    // A writer may also have begun right after the probe.
    let was_written = || first.live_writer || lock::is_held(&LockPaths::beside(path).writer);
    if first.is_clean() || !was_written() {
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
    let mut report = Pass::new(path, options, report).run(&file, size).map_err(failed)?;
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
pub(super) fn must_be_clean(
    path: &Path,
    file: &Arc<File>,
    size: u64,
    what: &str,
    progress: Option<&Progress>,
) -> Result<ScanReport> {
    let failed = |error| Error::io("read", path, error);
    let options = ScanOptions { progress: progress.cloned(), ..ScanOptions::default() };
    let report = Pass::new(path, options, ScanReport::default()).run(file, size).map_err(failed)?;
    match report.anomalies.first() {
        None => Ok(report),
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
