//! Scanning: every byte of a log is looked at, nothing is written.

use std::{fs::File, path::Path, sync::Arc};

use super::{
    lock,
    members::{self, Member, Members, is_set},
    pass::Pass,
    passed::Passed,
    segments::Segments,
    stretch::Stretch,
};
use crate::{Anomaly, AnomalyKind, Error, ErrorKind, Progress, Result, ScanOptions, ScanReport};

/// How often a log is looked at anew whose files go away meanwhile.
const TRIES: u32 = 10;

/// Scans a log, whoever else is at work.
pub(super) fn scan(log: &Segments, options: ScanOptions, name: &str, address: &str) -> Result<ScanReport> {
    let look = || {
        // The probe comes before the size: a writer that begins in between appends behind what is looked at.
        let live = lock::is_held(&log.locks().writer);
        let report = ScanReport { live_writer: live, ..ScanReport::new(name, address) };
        look(log, options.clone(), report, false).map(|looked| looked.report)
    };
    let first = look()?;
    // A writer may also have begun right after the probe, and maintenance puts one file after the other in its place.
    let is_at_work = || {
        let locks = log.locks();
        first.live_writer || lock::is_held(&locks.writer) || is_set(log) && lock::is_held(&locks.maintenance)
    };
    if first.is_clean() || !is_at_work() {
        return Ok(first);
    }
    // A writer was at work: what looks damaged may have been read while it was written, so only what two looks agree on counts.
    let mut second = look()?;
    let same =
        |one: &Anomaly, other: &Anomaly| (one.kind, one.offset) == (other.kind, other.offset) && one.path == other.path;
    if second.anomalies_total <= second.anomalies.len() as u64 {
        second.anomalies.retain(|anomaly| first.anomalies.iter().any(|other| same(other, anomaly)));
        second.anomalies_total = second.anomalies.len() as u64;
    }
    Ok(second)
}

/// Scans a log that nobody else writes to or maintains, because the caller holds the locks.
pub(super) fn scan_unwritten(log: &Segments, options: ScanOptions, name: &str, address: &str) -> Result<Looked> {
    look(log, options, ScanReport::new(name, address), true)
}

/// A log that was looked at.
pub(super) struct Looked {
    pub(super) report: ScanReport,
    pub(super) members: Members,
    pub(super) files: Vec<LookedFile>,
}

/// A file of it.
pub(super) struct LookedFile {
    pub(super) member: Member,
    pub(super) size: u64,
    /// The stretches in it that are sound as a whole.
    pub(super) sound: Vec<Stretch>,
    /// Bytes of it are not as or where they should be.
    pub(super) touched: bool,
    /// The file that was looked at, where the path may name another by now.
    pub(super) held: Option<Arc<File>>,
}

impl LookedFile {
    /// The file for reading.
    pub(super) fn open(&self) -> Result<Arc<File>> {
        match &self.held {
            Some(file) => Ok(file.clone()),
            None => self.member.open().map(Arc::new),
        }
    }
}

/// Looks at a log as it is now, whoever else is at work.
pub(super) fn look(log: &Segments, options: ScanOptions, report: ScanReport, own_maintenance: bool) -> Result<Looked> {
    let mut tries = 0;
    loop {
        match attempt(log, &options, report.clone(), own_maintenance) {
            // Compaction drops whole files; what is left is looked at from the beginning.
            Err(error) if is_set(log) && members::went(&error) && tries < TRIES => tries += 1,
            looked => return looked,
        }
    }
}

fn attempt(log: &Segments, options: &ScanOptions, mut report: ScanReport, own_maintenance: bool) -> Result<Looked> {
    let mut members = Members::of(log)?;
    report.deep = options.deep;
    let mut pass = Pass::new(options.clone(), report).of_log(members.log_id.clone(), members.dropped_through);
    let mut files = Vec::with_capacity(members.files.len());
    for member in std::mem::take(&mut members.files) {
        let file = Arc::new(member.open()?);
        let failed = |error| Error::io("read", &member.path, error);
        let size = file.metadata().map_err(failed)?.len();
        let sound = pass.file(&member, &file, size).map_err(failed)?;
        let held = (!is_set(log)).then_some(file);
        files.push(LookedFile { member, size, sound, touched: false, held });
        if pass.is_over() {
            break;
        }
    }
    let ended = pass.finish();
    let mut report = ended.report;
    files.iter_mut().zip(ended.touched).for_each(|(file, touched)| file.touched = touched);
    add_others(&mut report, &members);
    // Beside maintenance at work its temporary file is where it belongs, and what it drops too.
    if own_maintenance || !lock::is_held(&log.locks().maintenance) {
        for leftover in &members.temporaries {
            let detail = "a temporary file that interrupted maintenance left; the next one removes it";
            report.add(Anomaly::new(AnomalyKind::UnexpectedFile, leftover, detail));
        }
        if !members.leftovers.is_empty() {
            let count = members.leftovers.len();
            report.notes.push(format!(
                "{count} files hold only what was dropped; the next compaction or recovery removes them"
            ));
        }
    }
    Ok(Looked { report, members, files })
}

/// Adds what lies among a log's files and is not its own.
fn add_others(report: &mut ScanReport, members: &Members) {
    for (path, log_id) in &members.foreign {
        let detail = format!("a segment of another log, {log_id}");
        report.add(Anomaly::new(AnomalyKind::ForeignLine, path, detail));
    }
    for path in &members.strays {
        let detail = "a file that is none of this log's";
        report.add(Anomaly::new(AnomalyKind::UnexpectedFile, path, detail));
    }
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
    let passed = Pass::new(options, ScanReport::default()).run(path, file, size).map_err(failed)?;
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
