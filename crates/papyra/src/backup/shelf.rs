//! The backups that stand side by side in a directory, and their names.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use serde::Serialize;

use super::manifest::{MANIFEST, Manifest, PartRecord, PieceRecord};
use crate::{Error, Figures, Result, disk::Identity};

/// What the name of a folder ends in that is still being filled, or was never finished.
const INCOMPLETE: &str = ".incomplete";
/// How many backups a directory may hold: more would make every look at it slow.
const MAX_BACKUPS: usize = 100_000;
/// So many of the newest backups of each log are asked for files that need not be copied again.
const ASKED: usize = 2;

/// The name of a backup: when it was begun, to the millisecond, and the log's identity.
pub(super) fn name(at: SystemTime, log_id: Option<&str>) -> String {
    let at = jiff::Timestamp::try_from(at).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let id: String =
        log_id.unwrap_or("no-id").chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(40).collect();
    format!("{}_{id}", at.strftime("%Y-%m-%dT%H%M%S.%3fZ"))
}

pub(super) fn incomplete(name: &str) -> String {
    format!("{name}{INCOMPLETE}")
}

/// A backup in a directory, as far as its manifest tells.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Listed {
    /// The name of its folder.
    pub name: String,
    /// What it is.
    pub state: BackupState,
    /// When it was begun, in seconds since 1970.
    pub created: Option<f64>,
    /// Where the log was.
    pub source: Option<String>,
    /// The log's identity.
    pub log_id: Option<String>,
    /// Bytes of its pieces.
    pub bytes: Option<u64>,
    /// What is in it.
    pub figures: Option<Figures>,
    /// How many findings the log had when it was backed up.
    pub anomalies_total: Option<u64>,
    /// Its parts, if it is one of a log whose kinds live in different places.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<PartRecord>,
    /// Why it is not complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

/// Whether a folder is a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum BackupState {
    /// It was finished. Whether its bytes are still the same, only verifying can tell.
    Complete,
    /// It was never finished, or is being made at this moment. It holds no facts that anybody should rely on.
    Incomplete,
    /// It was finished, and its manifest is not what was written.
    Damaged,
}

impl Listed {
    fn new(name: String, state: BackupState) -> Self {
        Listed {
            name,
            state,
            created: None,
            source: None,
            log_id: None,
            bytes: None,
            figures: None,
            anomalies_total: None,
            parts: Vec::new(),
            cause: None,
        }
    }
}

/// The names of all folders in a directory that are backups or were to be, the oldest first.
pub(super) fn names(directory: &Path) -> Result<Vec<String>> {
    let failed = |error: io::Error| Error::io("read the backups in", directory, error);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(failed)?.take(MAX_BACKUPS) {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_folder = entry.file_type().map_err(failed)?.is_dir();
        if is_folder && (is_ours(&name) || entry.path().join(MANIFEST).symlink_metadata().is_ok()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

/// Whether a folder has the name of a backup, so that it is one even if its manifest is gone.
fn is_ours(name: &str) -> bool {
    let like = "0000-00-00T000000.000Z_";
    let form = name.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).take(like.len());
    form.eq(like.chars())
}

pub(super) fn list(directory: &Path) -> Result<Vec<Listed>> {
    let mut all = Vec::new();
    for name in names(directory)? {
        if name.ends_with(INCOMPLETE) {
            let cause = Some("it was never finished, or is being made at this moment".to_owned());
            all.push(Listed { cause, ..Listed::new(name, BackupState::Incomplete) });
            continue;
        }
        all.push(match Manifest::read(&directory.join(&name)) {
            Ok(manifest) => Listed {
                created: Some(manifest.created),
                source: Some(manifest.source),
                log_id: manifest.log_id,
                bytes: Some(manifest.bytes),
                figures: Some(manifest.figures),
                anomalies_total: manifest.anomalies_total,
                parts: manifest.parts,
                ..Listed::new(name, BackupState::Complete)
            },
            Err(error) => Listed { cause: Some(error.to_string()), ..Listed::new(name, BackupState::Damaged) },
        });
    }
    // A folder may be renamed: when it was made stands in its manifest.
    all.sort_by_cached_key(own_name);
    Ok(all)
}

/// What the folder of a backup was called first, as far as that is known.
fn own_name(one: &Listed) -> String {
    let since = one.created.and_then(|created| Duration::try_from_secs_f64(created).ok());
    let at = since.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    at.map_or_else(|| one.name.clone(), |at| name(at, one.log_id.as_deref()))
}

/// A file of an earlier backup.
#[derive(Clone, Debug)]
pub(super) struct Earlier {
    /// The backup's folder, from the directory on.
    pub(super) backup: String,
    pub(super) record: PieceRecord,
}

/// The files of the newest backups of each log that never change any more, by name and mark.
pub(super) fn earlier(directory: &Path) -> Result<HashMap<(String, String), Earlier>> {
    let mut of_each_log = BTreeMap::<String, usize>::new();
    let mut found = HashMap::new();
    for name in names(directory)?.into_iter().rev().filter(|name| !name.ends_with(INCOMPLETE)) {
        let log = name.split_once('_').map_or(name.as_str(), |(_, log)| log).to_owned();
        let asked = of_each_log.entry(log).or_default();
        if *asked == ASKED {
            continue;
        }
        // One that is damaged is no help, and no obstacle.
        let Ok(manifest) = Manifest::read(&directory.join(&name)) else { continue };
        *asked += 1;
        let parts: Vec<String> = manifest.parts.iter().map(|part| format!("{name}/{}", part.name)).collect();
        let of_parts = parts.into_iter().filter_map(|part| Some((Manifest::read(&directory.join(&part)).ok()?, part)));
        for (manifest, backup) in of_parts.chain([(manifest, name)]) {
            for record in manifest.pieces {
                if let Some(mark) = record.mark.clone() {
                    let key = (record.name.clone(), mark);
                    found.entry(key).or_insert_with(|| Earlier { backup: backup.clone(), record });
                }
            }
        }
    }
    Ok(found)
}

/// Removes what backups left behind that were killed. Those that are still being made hold a lock; those that cannot be
/// removed stay and are listed as what they are.
pub(super) fn clear(directory: &Path) -> Result<()> {
    for name in names(directory)?.into_iter().filter(|name| name.ends_with(INCOMPLETE)) {
        let folder = directory.join(name);
        if let Ok(Some(_held)) = hold(&folder) {
            let _ = std::fs::remove_dir_all(&folder);
        }
    }
    Ok(())
}

/// Takes the lock of a folder; `None` if somebody else has it, or the folder is gone.
pub(super) fn hold(folder: &PathBuf) -> io::Result<Option<File>> {
    let file = match File::open(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    match file.try_lock() {
        Ok(()) => Ok((Identity::at(folder)? == Some(Identity::of(&file)?)).then_some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_the_time_and_the_log_and_nothing_else() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_007);
        assert_eq!(name(at, Some("0199f0c2-7a44")), "2023-11-14T221320.007Z_0199f0c2-7a44");
        assert_eq!(name(at, None), "2023-11-14T221320.007Z_no-id");
        assert_eq!(name(at, Some("../../x\n")), "2023-11-14T221320.007Z_x");
        assert!(is_ours(&name(at, None)) && is_ours(&incomplete(&name(at, None))));
        assert!(!is_ours("monday") && !is_ours("2023-11-14"));
    }
}
