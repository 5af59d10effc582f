//! A new place for a log, or for several: everything is built aside, and then put there whole.

use std::{
    ffi::OsString,
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::{
    Error, ErrorKind, Result,
    disk::{self, Identity},
};

/// What the name of a directory ends in that is still being filled. It is hidden, and no name of a log.
const ASIDE: &str = ".papyra-restore";
/// How often a directory is made that others take away at once.
const TRIES: u32 = 100;

/// What is to be put somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// One file.
    File,
    /// A directory. It may take the place of an empty one.
    Directory,
}

/// A place that is still empty, and the directory beside it in which its content is built. What was not put there vanishes.
#[derive(Debug)]
pub(crate) struct Place {
    target: PathBuf,
    aside: PathBuf,
    /// Holds the lock that tells others that the directory is in use.
    _lock: File,
}

impl Place {
    /// Begins to fill a place.
    ///
    /// # Errors
    /// `Create` if something is there; `Locked` if somebody else fills it at this moment.
    pub(crate) fn begin(target: &Path, form: Form) -> Result<Place> {
        must_be_free(target, form)?;
        disk::create_directory_of(target)?;
        let mut name = OsString::from(".");
        name.push(target.file_name().unwrap_or_default());
        name.push(ASIDE);
        let aside = disk::directory_of(target).join(name);
        let failed = |error| match Error::io("create", &aside, error) {
            // That nothing can be made there is not that a log is missing.
            error if error.kind() == ErrorKind::NotFound => {
                Error::new(ErrorKind::Create, error.to_string()).with_source(error)
            }
            error => error,
        };
        for _ in 0..TRIES {
            match disk::create_directory(&aside) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
            let Some(lock) = hold(&aside).map_err(failed)? else {
                let message = format!("another process restores into `{}`", target.display());
                return Err(Error::new(ErrorKind::Locked, message).with_cure("wait for it, or choose another place"));
            };
            // Whoever was here before us may have taken it away before we held it.
            if Identity::at(&aside).map_err(failed)? == Some(Identity::of(&lock).map_err(failed)?) {
                let place = Place { target: target.to_owned(), aside, _lock: lock };
                place.empty()?;
                return Ok(place);
            }
        }
        Err(failed(io::ErrorKind::AlreadyExists.into()))
    }

    /// What a restoring left behind that was killed.
    fn empty(&self) -> Result<()> {
        let remove = |entry: std::fs::DirEntry| match entry.file_type()?.is_dir() {
            true => std::fs::remove_dir_all(entry.path()),
            false => std::fs::remove_file(entry.path()),
        };
        let emptied =
            std::fs::read_dir(&self.aside).and_then(|entries| entries.into_iter().try_for_each(|entry| remove(entry?)));
        emptied.map_err(|error| Error::io("empty", &self.aside, error))
    }

    /// Where a file of this name is built.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.aside.join(name)
    }

    /// The directory in which everything is built.
    pub(crate) fn aside(&self) -> &Path {
        &self.aside
    }

    /// Puts the whole directory there. It is there in one moment, or not at all.
    pub(crate) fn put_directory(self) -> Result<()> {
        disk::sync_directory(&self.aside).map_err(|error| Error::io("sync", &self.aside, error))?;
        self.rename(&self.aside)
    }

    /// Puts this file there. It is there in one moment, or not at all.
    pub(crate) fn put_file(self, name: &str) -> Result<()> {
        disk::sync_directory(&self.aside).map_err(|error| Error::io("sync", &self.aside, error))?;
        self.rename(&self.path(name))
    }

    fn rename(&self, from: &Path) -> Result<()> {
        let renamed = match self.target.is_dir() && from.is_dir() {
            // An empty directory may be replaced; one that is not empty any more refuses.
            true => std::fs::rename(from, &self.target),
            false => disk::rename_new(from, &self.target),
        };
        renamed.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::DirectoryNotEmpty => occupied(&self.target),
            _ => Error::io("put the restored log at", &self.target, error),
        })?;
        disk::sync_directory_of(&self.target).map_err(|error| Error::io("sync the directory of", &self.target, error))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What stays behind is hidden, and the next restoring into this place empties it.
        let _ = self.empty().map(|()| std::fs::remove_dir(&self.aside));
    }
}

fn hold(directory: &Path) -> io::Result<Option<File>> {
    let file = File::open(directory)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Restoring never replaces anything but an empty directory by one.
fn must_be_free(target: &Path, form: Form) -> Result<()> {
    if target.file_name().is_none() {
        return Err(Error::new(ErrorKind::Create, format!("`{}` names no place for a log", target.display()))
            .with_cure("name a new file"));
    }
    match target.symlink_metadata() {
        Ok(there) if there.is_dir() && form == Form::Directory => {
            let mut entries = std::fs::read_dir(target).map_err(|error| Error::io("look into", target, error))?;
            if entries.next().is_none() { Ok(()) } else { Err(occupied(target)) }
        }
        Ok(_) => Err(occupied(target)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        // `facts.ndjson/`, where `facts.ndjson` is a file.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            let error = Error::io("look at", target, error);
            let message = format!("`{}` cannot be made: there is a file in its way", target.display());
            Err(Error::new(ErrorKind::Create, message).with_source(error).with_cure("restore into a new place"))
        }
        Err(error) => Err(Error::io("look at", target, error)),
    }
}

fn occupied(target: &Path) -> Error {
    Error::new(
        ErrorKind::Create,
        format!("`{}` exists already, and restoring never replaces anything", target.display()),
    )
    .with_cure("restore into a new place, look at it, and move it there by hand while no service writes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_put_into_its_place_vanishes() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("deep/facts.ndjson");
        let place = Place::begin(&target, Form::File).unwrap();
        std::fs::write(place.path("facts.ndjson"), "x").unwrap();
        assert_eq!(Place::begin(&target, Form::File).unwrap_err().kind(), ErrorKind::Locked);
        drop(place);
        assert_eq!(std::fs::read_dir(dir.path().join("deep")).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_restoring_left_is_cleared_away() {
        let dir = tempfile::tempdir().unwrap();
        let left = dir.path().join(".facts.ndjson.papyra-restore");
        std::fs::create_dir(&left).unwrap();
        std::fs::write(left.join("facts.ndjson"), "half").unwrap();
        std::fs::create_dir(left.join("part")).unwrap();
        std::fs::write(left.join("part/facts.000001.ndjson"), "half").unwrap();
        let place = Place::begin(&dir.path().join("facts.ndjson"), Form::File).unwrap();
        assert!(!place.path("facts.ndjson").exists());
        std::fs::write(place.path("facts.ndjson"), "whole").unwrap();
        place.put_file("facts.ndjson").unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        assert_eq!(std::fs::read(dir.path().join("facts.ndjson")).unwrap(), b"whole");
    }

    #[test]
    fn a_log_that_came_meanwhile_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("facts.ndjson");
        let place = Place::begin(&target, Form::File).unwrap();
        std::fs::write(place.path("facts.ndjson"), "restored").unwrap();
        std::fs::write(&target, "a service was faster").unwrap();
        assert_eq!(place.put_file("facts.ndjson").unwrap_err().kind(), ErrorKind::Create);
        assert_eq!(Place::begin(&target, Form::File).unwrap_err().kind(), ErrorKind::Create);
        assert_eq!(std::fs::read(&target).unwrap(), b"a service was faster");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_directory_takes_the_place_of_an_empty_one_alone() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("log");
        for there in [false, true] {
            if there {
                std::fs::create_dir(&target).unwrap();
            }
            let place = Place::begin(&target, Form::Directory).unwrap();
            std::fs::write(place.path("facts.000001.ndjson"), "x").unwrap();
            place.put_directory().unwrap();
            assert_eq!(std::fs::read_dir(&target).unwrap().count(), 1);
            assert_eq!(Place::begin(&target, Form::Directory).unwrap_err().kind(), ErrorKind::Create);
            std::fs::remove_dir_all(&target).unwrap();
        }
        let place = Place::begin(&target, Form::Directory).unwrap();
        std::fs::create_dir(&target).unwrap();
        std::fs::write(target.join("a"), "a service was faster").unwrap();
        assert_eq!(place.put_directory().unwrap_err().kind(), ErrorKind::Create);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
