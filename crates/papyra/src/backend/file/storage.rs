//! The seam to the operating system: everything that depends on the platform, and what tests replace to break a disk on
//! purpose.

use std::{
    fmt,
    fs::{File, Metadata, OpenOptions},
    io,
    os::unix::fs::{MetadataExt, OpenOptionsExt, fchown},
    path::Path,
};

pub(super) use crate::disk::{
    Identity, create_directories, create_directory_of, directory_of, forget, sync_directory_of,
};
use crate::{Error, ErrorKind, Result, disk};

/// A stop to endless interruptions: `write` would otherwise spin for ever under a storm of signals.
pub(super) const MAX_INTERRUPTS: u32 = 1_000;

/// The disk.
pub(super) trait Storage: fmt::Debug + Send + Sync + 'static {
    /// Opens a log's file for appending.
    fn open(&self, path: &Path, create: bool) -> io::Result<Box<dyn ActiveFile>>;
    /// Creates a file that is not there yet, for appending.
    fn begin(&self, path: &Path) -> io::Result<Box<dyn ActiveFile>>;
    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in the directory of a file durable.
    fn sync_directory_of(&self, path: &Path) -> io::Result<()>;
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
        for_appending().create(create).open(path).map(boxed)
    }

    fn begin(&self, path: &Path) -> io::Result<Box<dyn ActiveFile>> {
        for_appending().create_new(true).open(path).map(boxed)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn sync_directory_of(&self, path: &Path) -> io::Result<()> {
        sync_directory_of(path)
    }
}

fn for_appending() -> OpenOptions {
    let mut options = OpenOptions::new();
    // O_APPEND: whoever truncates the file (copytruncate) must not make us leave a hole of zeros.
    // O_NONBLOCK: opening a FIFO for writing would otherwise block for ever.
    options.read(true).append(true).mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    options
}

fn boxed(file: File) -> Box<dyn ActiveFile> {
    Box::new(file)
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
        .with_cure("name the log's file itself; a directory of segments is opened with `rotating:`"))
}

/// What root creates for another's log belongs to whom the log belongs, or that one could not go on with it. Only a
/// convenience: nobody else may give a file away, and need not.
pub(super) fn give_to(new: &File, owner: &Metadata) {
    let is_another = |own: Metadata| (own.uid(), own.gid()) != (owner.uid(), owner.gid());
    if new.metadata().is_ok_and(is_another) {
        let _ = fchown(new, Some(owner.uid()), Some(owner.gid()));
    }
}

/// Creates a directory in one that exists, unless it is there already.
pub(super) fn create_directory(directory: &Path) -> Result<()> {
    let failed = |error| Error::io("create the directory", directory, error);
    match disk::create_directory(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        created => created.and_then(|()| sync_directory_of(directory)).map_err(failed),
    }
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
