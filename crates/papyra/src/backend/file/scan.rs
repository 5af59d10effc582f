//! Scanning: every byte of a file is looked at, nothing is written.

use std::{fs::File, path::Path, sync::Arc};

use super::{
    lock::{self, LockPaths},
    pass::{Pass, Passed},
    replace, storage,
    stretch::Stretch,
};
use crate::{Anomaly, AnomalyKind, Error, ErrorKind, Progress, Result, ScanOptions, ScanReport};

/// Scans a log of one file.
pub(super) fn scan(path: &Path, options: ScanOptions, name: &str, address: &str) -> Result<ScanReport> {
    let look = || {
        // The probe comes before the size: a writer that begins in between appends behind what is looked at.
        let live = lock::is_held(&LockPaths::beside(path).writer);
        let report = ScanReport { live_writer: live, ..ScanReport::new(name, address) };
        look(path, options.clone(), report, false).map(|looked| looked.report)
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
pub(super) fn scan_unwritten(path: &Path, options: ScanOptions, name: &str, address: &str) -> Result<Looked> {
    look(path, options, ScanReport::new(name, address), true)
}

/// A file that was looked at.
pub(super) struct Looked {
    pub(super) report: ScanReport,
    pub(super) file: Arc<File>,
    pub(super) size: u64,
    /// The stretches in it that are sound as a whole.
    pub(super) sound: Vec<Stretch>,
}

/// Looks at a log as it is now, whoever else is at work.
pub(super) fn look(path: &Path, options: ScanOptions, mut report: ScanReport, own_maintenance: bool) -> Result<Looked> {
    let failed = |error| Error::io("read", path, error);
    let file = Arc::new(storage::open_for_reading(path)?);
    let size = file.metadata().map_err(failed)?.len();
    (report.deep, report.bytes) = (options.deep, size);
    let Passed { mut report, sound } = Pass::new(path, options, report).run(&file, size).map_err(failed)?;
    // Beside maintenance at work its temporary file is where it belongs.
    if own_maintenance || !lock::is_held(&LockPaths::beside(path).maintenance) {
        for leftover in replace::leftovers(path).map_err(failed)? {
            let detail = "a temporary file that interrupted maintenance left; the next one removes it";
            report.add(Anomaly::new(AnomalyKind::UnexpectedFile, leftover, detail));
        }
    }
    Ok(Looked { report, file, size, sound })
}

/// Refuses a file with findings up to a length.
pub(super) fn must_be_clean(
    path: &Path,
    file: &Arc<File>,
    size: u64,
    what: &str,
    progress: Option<&Progress>,
) -> Result<Passed> {
    let failed = |error| Error::io("read", path, error);
    let options = ScanOptions { progress: progress.cloned(), ..ScanOptions::default() };
    let passed = Pass::new(path, options, ScanReport::default()).run(file, size).map_err(failed)?;
    refuse_findings(path, what, &passed.report).map(|()| passed)
}

pub(super) fn refuse_findings(path: &Path, what: &str, report: &ScanReport) -> Result<()> {
    let Some(first) = report.anomalies.first() else { return Ok(()) };
    let (path, total) = (path.display(), report.anomalies_total);
    let (kind, detail) = (first.kind, &first.detail);
    Err(Error::new(
        ErrorKind::Corrupt,
        format!("{what} `{path}` has {total} anomalies, the first: {kind} ({detail}); nothing was changed"),
    )
    .with_cure("look at them with `papyra persistence scan`, then run `papyra persistence recover`"))
}
