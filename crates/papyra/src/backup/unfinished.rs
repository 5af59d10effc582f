//! A backup while it is made: its folder has another name until everything in it is durable and was read back.

use std::{
    fs::File,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, SystemTime},
};

use super::{manifest::Manifest, shelf};
use crate::{Error, ErrorKind, Result, Timestamp, disk};

/// How often a name is tried that others have.
const TRIES: u32 = 1_000;
const MILLISECOND: Duration = Duration::from_millis(1);

/// A folder that will be a backup, or vanish.
#[derive(Debug)]
pub(super) struct Unfinished {
    directory: PathBuf,
    folder: PathBuf,
    begun: SystemTime,
    /// Holds the lock that tells others that the folder is in use.
    _lock: File,
    committed: AtomicBool,
}

impl Unfinished {
    /// Makes room for a backup in a directory, and removes what was never finished there.
    pub(super) fn begin(directory: &Path, now: SystemTime) -> Result<Unfinished> {
        disk::create_directories(directory).map_err(|error| {
            let kind = match Error::io("create", directory, std::io::Error::from(error.kind())).kind() {
                ErrorKind::Permission => ErrorKind::Permission,
                _ => ErrorKind::Create,
            };
            Error::new(kind, format!("cannot create the directory `{}` for backups", directory.display()))
                .with_source(error)
                .with_cure("name a directory that can be created; the log was not touched")
        })?;
        shelf::clear(directory)?;
        let failed = |error| Error::io("create a backup in", directory, error);
        let mut begun = now;
        for _ in 0..TRIES {
            let folder = directory.join(shelf::incomplete(&shelf::name(begun, None)));
            match disk::create_directory(&folder) {
                Ok(()) => {
                    // Another one that clears away may have been faster.
                    if let Some(lock) = shelf::hold(&folder).map_err(failed)? {
                        let (directory, committed) = (directory.to_owned(), AtomicBool::new(false));
                        return Ok(Unfinished { directory, folder, begun, _lock: lock, committed });
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
            begun += MILLISECOND;
        }
        Err(failed(std::io::ErrorKind::AlreadyExists.into()))
    }

    /// The folder while it is filled.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// When the backup was begun, in seconds since 1970.
    pub(super) fn created(&self) -> f64 {
        Timestamp::from(self.begun).seconds()
    }

    /// Makes the folder a backup: the manifest last, then the name that backups have.
    pub(super) fn commit(&self, manifest: &Manifest) -> Result<String> {
        manifest.write(&self.folder)?;
        let failed = |error| Error::io("finish the backup", &self.folder, error);
        let mut at = self.begun;
        for _ in 0..TRIES {
            let name = shelf::name(at, manifest.log_id.as_deref());
            match disk::rename_new(&self.folder, &self.directory.join(&name)) {
                Ok(()) => {
                    self.committed.store(true, Ordering::Relaxed);
                    disk::sync_directory(&self.directory).map_err(failed)?;
                    return Ok(name);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => at += MILLISECOND,
                Err(error) => return Err(failed(error)),
            }
        }
        Err(failed(std::io::ErrorKind::AlreadyExists.into()))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !*self.committed.get_mut() {
            // What stays behind is named as unfinished, and the next backup into this directory removes it.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}
