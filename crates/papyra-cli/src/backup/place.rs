//! Which backups a path means: those in a directory, or one of them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use papyra::{
    Error, ErrorKind,
    backup::{BackupDir, BackupState, Listed},
};

use crate::{failure::Failure, session::Session};

/// What a path leads to.
pub(super) struct Found {
    pub(super) backups: BackupDir,
    /// The one backup that was named, or all in the directory, the oldest first.
    pub(super) listed: Vec<Listed>,
    path: PathBuf,
}

impl Found {
    /// Those that were finished, whether or not they are still what they were.
    pub(super) fn finished(&self) -> impl DoubleEndedIterator<Item = &Listed> {
        self.listed.iter().filter(|one| one.state != BackupState::Incomplete)
    }

    /// Says which were never finished, and fails if there is no other.
    pub(super) fn must_have_finished(&self, session: &Session) -> Result<(), Failure> {
        for one in self.listed.iter().filter(|one| one.state == BackupState::Incomplete) {
            session.notes.note(&format!("note: {} is no backup: it was never finished, or is being made", one.name));
        }
        if self.finished().next().is_some() { Ok(()) } else { Err(none(&self.path).into()) }
    }
}

fn none(path: &Path) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no backup at `{}`", path.display()))
        .with_cure("name the directory that `papyra backup create --to DIR` was given, or one backup in it")
}

/// Looks at a path.
pub(super) async fn look(path: &Path, session: &Session) -> Result<Found, Failure> {
    let real = fs::canonicalize(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => none(path),
        _ => Error::io("look at", path, error),
    })?;
    if let (Some(directory), Some(name)) = (real.parent(), real.file_name()) {
        let backups = session.schemes().backups(directory);
        // Whoever may not look around there has named no backup in it.
        let mut listed = backups.list().await.unwrap_or_default();
        listed.retain(|one| name == one.name.as_str());
        if !listed.is_empty() {
            return Ok(Found { backups, listed, path: path.to_owned() });
        }
    }
    let backups = session.schemes().backups(path);
    Ok(Found { listed: backups.list().await?, backups, path: path.to_owned() })
}
