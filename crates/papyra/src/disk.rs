//! Files and directories of the system, for all who keep something in them.

use std::{
    ffi::OsStr,
    fs::{DirBuilder, File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::Path,
};

use crate::{Error, ErrorKind, Result};

/// Which file a path or a descriptor names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(crate) fn of(file: &File) -> io::Result<Identity> {
        file.metadata().map(|metadata| Identity::from(&metadata))
    }

    /// The file that a path names now, the link itself if it is one; `None` if there is nothing.
    pub(crate) fn at(path: &Path) -> io::Result<Option<Identity>> {
        match path.symlink_metadata() {
            Ok(metadata) => Ok(Some(Identity::from(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl From<&std::fs::Metadata> for Identity {
    fn from(metadata: &std::fs::Metadata) -> Self {
        Identity { device: metadata.dev(), inode: metadata.ino() }
    }
}

/// The directory that holds a path.
pub(crate) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Creates one new directory, readable by its owner alone.
pub(crate) fn create_directory(directory: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(directory)
}

/// Creates a directory and those above it, readable by their owner alone, and makes the new names durable.
pub(crate) fn create_directories(directory: &Path) -> io::Result<()> {
    let is_new = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let new: Vec<&Path> = directory.ancestors().take_while(is_new).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    new.into_iter().try_for_each(sync_directory_of)
}

/// Creates the directory of a path and those above it, readable by their owner alone.
pub(crate) fn create_directory_of(path: &Path) -> Result<()> {
    let directory = directory_of(path);
    if directory.is_dir() {
        return Ok(());
    }
    create_directories(directory).map_err(|error| {
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        let kind = if denied { ErrorKind::Permission } else { ErrorKind::Create };
        Error::new(kind, format!("cannot create the directory `{}`", directory.display()))
            .with_source(error)
            .with_cure("create it yourself, or name a place where it can be created")
    })
}

/// Makes new, renamed and removed names durable. Without this a power cut may lose the name of a file whose bytes are safe.
pub(crate) fn sync_directory_of(path: &Path) -> io::Result<()> {
    sync_directory(directory_of(path))
}

/// The same for the directory itself.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Creates a file that must not be there yet, readable by its owner alone. No link leads it elsewhere.
pub(crate) fn create_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)
}

/// Opens a file that must be a regular one itself: no link, no device, nothing that could block.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a regular file")) }
}

/// Whether a name is one plain name in a directory: no way up, none out, nothing hidden, nothing that a terminal obeys.
pub(crate) fn is_plain_name(name: &str) -> bool {
    let only_a_name = Path::new(name).file_name() == Some(OsStr::new(name));
    only_a_name && name.len() <= 255 && !name.starts_with('.') && !name.chars().any(char::is_control)
}

/// Gives a file or directory a name that nothing has yet; `AlreadyExists` if something has.
pub(crate) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    match rustix::fs::renameat_with(rustix::fs::CWD, from, rustix::fs::CWD, to, rustix::fs::RenameFlags::NOREPLACE) {
        // There are file systems that cannot promise it.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
        renamed => return renamed.map_err(io::Error::from),
    }
    if to.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    if from.symlink_metadata()?.is_dir() {
        return std::fs::rename(from, to);
    }
    // A rename would replace what somebody else made in this very moment; a link is refused instead.
    match std::fs::hard_link(from, to) {
        Ok(()) => std::fs::remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // There are file systems without links.
        Err(_) => std::fs::rename(from, to),
    }
}

/// Bytes of a file will not be read again soon: their memory is free for others. A length of 0 means all of them. Only a hint.
pub(crate) fn forget(file: &File, from: u64, len: u64) {
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(file, from, std::num::NonZeroU64::new(len), rustix::fs::Advice::DontNeed);
    #[cfg(not(target_os = "linux"))]
    let _ = (file, from, len);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_names_are_plain() {
        for name in ["facts.ndjson", "a b", "ü.000001.ndjson"] {
            assert!(is_plain_name(name), "{name}");
        }
        let long = "x".repeat(256);
        for name in ["", ".", "..", "/", "/etc/passwd", "a/b", "a/", "../a", ".hidden", "a\nb", "a\u{1b}", "a\0", &long]
        {
            assert!(!is_plain_name(name), "{name:?}");
        }
    }

    #[test]
    fn a_new_name_never_replaces_anything() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("a"), "a").unwrap();
        std::fs::write(at("b"), "b").unwrap();
        assert_eq!(rename_new(&at("a"), &at("b")).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(at("b")).unwrap(), b"b");
        rename_new(&at("a"), &at("c")).unwrap();
        assert_eq!(std::fs::read(at("c")).unwrap(), b"a");
        create_directory(&at("d")).unwrap();
        assert_eq!(rename_new(&at("d"), &at("c")).unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        rename_new(&at("d"), &at("e")).unwrap();
        assert!(at("e").is_dir());
    }

    #[test]
    fn what_is_no_regular_file_itself_is_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("file"), "x").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        open_file(&at("file")).unwrap();
        for path in [at("link"), at("missing"), dir.path().to_owned(), "/dev/null".into()] {
            assert!(open_file(&path).is_err(), "{path:?}");
        }
    }
}
