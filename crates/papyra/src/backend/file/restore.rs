//! Restoring: a log of its own is made of a backup, in a new place.

use std::{ffi::OsStr, path::Path, sync::Arc};

use super::{FileConfig, lock, relabel::relabel, replace, scan, segments::Segments};
use crate::{
    Error, ErrorKind, Figures, Restored, Result, ScanOptions, ScanReport, Stored, disk,
    place::{Form, Place},
};

/// The backends whose pieces are files of this engine.
const OURS: [&str; 2] = ["json", "rotating"];

pub(super) fn restore(config: &FileConfig, from: &Stored, name: &str, address: &str) -> Result<Restored> {
    if !OURS.contains(&from.backend.as_str()) {
        let message = format!("a backup of a `{}:` log cannot be restored as a `{name}:` log", from.backend);
        let cure = format!("restore it to an address that begins with `{}:`", from.backend);
        return Err(Error::new(ErrorKind::Config, message).with_cure(cure));
    }
    let log = Segments::of(config);
    let target = log.home();
    let form = if matches!(log, Segments::File(_)) { Form::File } else { Form::Directory };
    let place = Place::begin(target, form)?;
    must_be_unused(&log)?;
    let new_id = uuid::Uuid::now_v7().to_string();
    let built = match &log {
        Segments::File(_) => {
            // The files of a log that rotated are one log when they are joined.
            let name = "log.ndjson";
            write(from, &from.pieces, &place.path(name), &new_id)?;
            Segments::File(place.path(name))
        }
        Segments::Directory(_) => {
            let aside = Segments::Directory(place.aside().to_owned());
            match (from.backend.as_str(), from.pieces.as_slice()) {
                ("json", pieces) => write(from, pieces, &aside.path(OsStr::new("facts"), 1), &new_id)?,
                (_, pieces) => {
                    pieces
                        .iter()
                        .try_for_each(|piece| write(from, std::slice::from_ref(piece), &place.path(piece), &new_id))?;
                }
            }
            aside
        }
    };
    let options = ScanOptions { progress: from.progress.clone(), ..ScanOptions::default() };
    let mut scan = scan::scan(&built, options, name, address)?;
    for anomaly in &mut scan.anomalies {
        anomaly.path = match anomaly.path.strip_prefix(place.aside()) {
            Ok(file) if matches!(log, Segments::Directory(_)) => target.join(file),
            _ => target.to_owned(),
        };
    }
    must_be_as_said(from, name, &scan)?;
    match &built {
        Segments::File(_) => place.put_file("log.ndjson")?,
        Segments::Directory(_) => place.put_directory()?,
    }
    Ok(Restored::new(from.log_id.is_some().then_some(new_id), scan))
}

/// Writes pieces one behind the other into a new file, under the new identity.
fn write(from: &Stored, pieces: &[String], path: &Path, new_id: &str) -> Result<()> {
    let file = disk::create_file(path).map_err(|error| Error::io("create", path, error))?;
    for piece in pieces {
        let source = Arc::new(from.open(piece)?);
        relabel(&source, &file, from.log_id.as_deref(), new_id, from.progress.as_ref())
            .map_err(|error| Error::io("write", path, error))?;
    }
    file.sync_all().map_err(|error| Error::io("sync", path, error))
}

/// What is left of another log of this name would be taken for ours.
fn must_be_unused(log: &Segments) -> Result<()> {
    let target = log.home();
    // A writer whose file was moved away would create it anew, and take ours for it.
    if lock::is_held(&log.locks().writer) {
        let message = format!("a service writes to the log `{}`, though its file is gone", target.display());
        return Err(Error::new(ErrorKind::Locked, message).with_cure("stop it first, or restore into another place"));
    }
    let Segments::File(file) = log else { return Ok(()) };
    let left = replace::leftovers(file).map_err(|error| Error::io("look beside", target, error))?;
    let Some(left) = left.first() else { return Ok(()) };
    let message = format!("`{}` is left of another log of this name", left.display());
    Err(Error::new(ErrorKind::Create, message).with_cure("remove it, or restore into another place"))
}

/// What was written was read back: it must be what the backup said it is, before it becomes a log.
fn must_be_as_said(from: &Stored, name: &str, scan: &ScanReport) -> Result<()> {
    let figures = Figures::of(scan);
    if figures == from.figures && from.anomalies.is_none_or(|anomalies| anomalies == scan.anomalies_total) {
        return Ok(());
    }
    if name != from.backend {
        let message =
            format!("this backup of a `{}:` log makes no sound `{name}:` log; nothing was put in place", from.backend);
        let cure = format!("restore it to an address that begins with `{}:`", from.backend);
        return Err(Error::new(ErrorKind::Config, message).with_cure(cure));
    }
    let message = format!(
        "the restored log would have {} facts and {} findings, the backup says {} and {}; nothing was put in place",
        figures.entries,
        scan.anomalies_total,
        from.figures.entries,
        from.anomalies.unwrap_or(0)
    );
    Err(Error::new(ErrorKind::Mismatch, message).with_cure("verify the backup; take another one if it does not match"))
}
