//! Restoring: a log of its own is made of a backup, in a new place.

use std::sync::Arc;

use super::{
    FileConfig,
    lock::{self, LockPaths},
    pass::Pass,
    place::Place,
    relabel::relabel,
    replace,
};
use crate::{Error, ErrorKind, Figures, Restored, Result, ScanOptions, ScanReport, Stored, disk};

pub(super) fn restore(config: &FileConfig, from: &Stored, name: &str, address: &str) -> Result<Restored> {
    let target = &config.path;
    let [part] = from.parts.as_slice() else { return Err(other_kind(from, name)) };
    if from.backend != name {
        return Err(other_kind(from, name));
    }
    let place = Place::begin(target)?;
    // A writer whose file was moved away would create it anew, and take ours for it.
    if lock::is_held(&LockPaths::beside(target).writer) {
        let message = format!("a service writes to the log `{}`, though its file is gone", target.display());
        return Err(Error::new(ErrorKind::Locked, message).with_cure("stop it first, or restore into another place"));
    }
    let left = replace::leftovers(target).map_err(|error| Error::io("look beside", target, error))?;
    if let Some(left) = left.first() {
        let message = format!("`{}` is left of another log of this name", left.display());
        return Err(Error::new(ErrorKind::Create, message).with_cure("remove it, or restore into another place"));
    }
    let new_id = uuid::Uuid::now_v7().to_string();
    let source = Arc::new(from.open(part)?);
    let path = place.path(part);
    let failed = |doing: &'static str| {
        let path = path.clone();
        move |error| Error::io(doing, &path, error)
    };
    let file = disk::create_file(&path).map_err(failed("create"))?;
    relabel(&source, &file, from.log_id.as_deref(), &new_id, from.progress.as_ref()).map_err(failed("write"))?;
    file.sync_all().map_err(failed("sync"))?;
    let size = file.metadata().map_err(failed("look at"))?.len();
    let options = ScanOptions { progress: from.progress.clone(), ..ScanOptions::default() };
    let report = ScanReport { bytes: size, ..ScanReport::new(name, address) };
    let scan = Pass::new(target, options, report).run(&Arc::new(file), size).map_err(failed("read"))?.report;
    must_be_as_said(from, &scan)?;
    place.put_file(part)?;
    Ok(Restored::new(from.log_id.is_some().then_some(new_id), scan))
}

/// What was written was read back: it must be what the backup said it is, before it becomes a log.
fn must_be_as_said(from: &Stored, scan: &ScanReport) -> Result<()> {
    let entries = Figures::of(scan).entries;
    if entries == from.entries && from.anomalies.is_none_or(|anomalies| anomalies == scan.anomalies_total) {
        return Ok(());
    }
    let message = format!(
        "the restored log would have {entries} facts and {} findings, the backup says {} and {}; nothing was put in place",
        scan.anomalies_total,
        from.entries,
        from.anomalies.unwrap_or(0)
    );
    Err(Error::new(ErrorKind::Mismatch, message).with_cure("verify the backup; take another one if it does not match"))
}

fn other_kind(from: &Stored, name: &str) -> Error {
    let message = format!("a backup of a `{}:` log cannot be restored as a `{name}:` log", from.backend);
    Error::new(ErrorKind::Config, message)
        .with_cure(format!("restore it to an address that begins with `{}:`", from.backend))
}
