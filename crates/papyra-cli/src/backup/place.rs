//! Which backups a path means: those in a directory, or one of them.

use std::{fs, path::Path};

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
}

impl Found {
    /// Those that were finished, whether or not they are still what they were.
    pub(super) fn finished(&self) -> impl DoubleEndedIterator<Item = &Listed> {
        self.listed.iter().filter(|one| one.state != BackupState::Incomplete)
    }

    /// Says which were never finished.
    pub(super) fn tell_incomplete(&self, session: &Session) {
        for one in self.listed.iter().filter(|one| one.state == BackupState::Incomplete) {
            session.notes.note(&format!("note: {} is no backup: it was never finished, or is being made", one.name));
        }
    }
}

/// Looks at a path.
pub(super) async fn look(path: &Path, session: &Session) -> Result<Found, Failure> {
    let none = || {
        Error::new(ErrorKind::NotFound, format!("there is no backup at `{}`", path.display()))
            .with_cure("name the directory that `papyra backup create --to DIR` was given, or one backup in it")
    };
    let real = fs::canonicalize(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => none(),
        _ => Error::io("look at", path, error),
    })?;
    let name = real.file_name().and_then(|name| name.to_str());
    let is_one = ["manifest.json", "data"].iter().any(|name| real.join(name).symlink_metadata().is_ok());
    let found = match (real.parent(), name) {
        (Some(directory), Some(name)) if is_one => {
            let backups = session.schemes().backups(directory);
            let mut listed = backups.list().await?;
            listed.retain(|one| one.name == name);
            Found { backups, listed }
        }
        _ => {
            let backups = session.schemes().backups(path);
            Found { listed: backups.list().await?, backups }
        }
    };
    if found.finished().next().is_none() {
        found.tell_incomplete(session);
        return Err(none().into());
    }
    Ok(found)
}
