//! The seam to the operating system: everything that depends on the platform, and what tests replace to break a disk on
//! purpose.

use std::{
    fmt,
    fs::{File, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::Path,
};

use crate::{Error, ErrorKind, Result};

/// A stop to endless interruptions: `write` would otherwise spin for ever under a storm of signals.
pub(super) const MAX_INTERRUPTS: u32 = 1_000;

/// The disk.
pub(super) trait Storage: fmt::Debug + Send + Sync + 'static {
    /// Opens a log's file for appending.
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn ActiveFile>>;
}

/// The file that a writer appends to.
pub(super) trait ActiveFile: fmt::Debug + Send {
    /// The file, for reading and for looking at it.
    fn file(&self) -> &File;
    /// One system call: appends some of the bytes, and says how many.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;
    /// Makes everything written durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file.
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

/// The real disk.
#[derive(Debug)]
pub(super) struct Disk;

impl Storage for Disk {
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn ActiveFile>> {
        // O_APPEND: whoever truncates the file (copytruncate) must not make us leave a hole of zeros.
        // O_NONBLOCK: opening a FIFO for writing would otherwise block for ever.
        OpenOptions::new()
            .read(true)
            .append(true)
            .create(create)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)
            .map(|file| Box::new(file) as Box<dyn ActiveFile>)
    }
}

impl ActiveFile for File {
    fn file(&self) -> &File {
        self
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::Write::write(self, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// Appends all bytes; on an error some of them may stand in the file.
pub(super) fn write_all(file: &mut dyn ActiveFile, mut bytes: &[u8]) -> io::Result<()> {
    let mut interrupts = 0;
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = &bytes[n..],
            Err(error) if error.kind() == io::ErrorKind::Interrupted && interrupts < MAX_INTERRUPTS => interrupts += 1,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Opens a log's file for reading. It may be reached through symbolic links, but must be a regular file.
pub(super) fn open_for_reading(path: &Path) -> Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path).map_err(|error| match error
        .kind()
    {
        io::ErrorKind::NotFound => no_log(path),
        _ => Error::io("open", path, error),
    })?;
    must_be_regular(&file, path)?;
    Ok(file)
}

/// There is no log at this path.
pub(super) fn no_log(path: &Path) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no log at `{}`", path.display()))
        .with_cure("check the path; a log is created by its first append")
}

/// Refuses everything that is not a regular file.
pub(super) fn must_be_regular(file: &File, path: &Path) -> Result<()> {
    let kind = file.metadata().map_err(|error| Error::io("look at", path, error))?.file_type();
    if kind.is_file() {
        return Ok(());
    }
    let what = if kind.is_dir() { "a directory" } else { "not a regular file" };
    Err(Error::new(ErrorKind::Config, format!("`{}` is {what}", path.display()))
        .with_cure("name the log's file itself: a log of one file is a regular file"))
}

/// Which file a path or a descriptor names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub(super) fn of(file: &File) -> io::Result<Identity> {
        file.metadata().map(|metadata| Identity::from(&metadata))
    }

    /// The file that a path names now, the link itself if it is one; `None` if there is nothing.
    pub(super) fn at(path: &Path) -> io::Result<Option<Identity>> {
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
pub(super) fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Creates the directory of a path and those above it, readable by their owner alone.
pub(super) fn create_directory_of(path: &Path) -> Result<()> {
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

/// Creates a directory and those above it, readable by their owner alone, and makes the new names durable.
pub(in crate::backend) fn create_directories(directory: &Path) -> io::Result<()> {
    let is_new = |path: &&Path| !path.as_os_str().is_empty() && !path.exists();
    let new: Vec<&Path> = directory.ancestors().take_while(is_new).collect();
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    new.into_iter().try_for_each(sync_directory_of)
}

/// Makes new, renamed and removed names durable. Without this a power cut may lose the name of a file whose bytes are safe.
pub(in crate::backend) fn sync_directory_of(path: &Path) -> io::Result<()> {
    File::open(directory_of(path))?.sync_all()
}

/// Bytes of a file will not be read again soon: their memory is free for others. Only a hint.
pub(super) fn forget(file: &File, from: u64, len: u64) {
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(file, from, std::num::NonZeroU64::new(len), rustix::fs::Advice::DontNeed);
    #[cfg(not(target_os = "linux"))]
    let _ = (file, from, len);
}

/// A file will be so long: finding places for all of it at once is cheaper. Only a hint: a full disk shows when it is written.
pub(super) fn expect(file: &File, len: u64) {
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, len);
    #[cfg(not(target_os = "linux"))]
    let _ = (file, len);
}

/// This machine's name, for messages about who holds a lock.
pub(super) fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "unknown host".to_owned(),
        name => name.to_owned(),
    }
}
