//! Who may touch a log: three small files beside it, never renamed and never deleted.

use std::{
    ffi::{OsStr, OsString},
    fs::{File, Metadata, OpenOptions, TryLockError},
    io,
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::storage::{self, Identity};
use crate::{Error, ErrorKind, Result};

/// A probe may hold the writer's lock for an instant: nobody gives up earlier than this.
const PROBE_PATIENCE: Duration = Duration::from_millis(250);
const RETRY: Duration = Duration::from_millis(5);
const GENERATION_BYTES: usize = 8;
const WRITER: &str = ".lock";
const MAINTENANCE: &str = ".maint.lock";
const SWAP: &str = ".swap.lock";

/// The three lock files of a log.
#[derive(Clone, Debug)]
pub(super) struct LockPaths {
    /// W: held for life by the writer, and by recovery.
    pub(super) writer: PathBuf,
    /// M: held by compaction, recovery and backup, for the whole work.
    pub(super) maintenance: PathBuf,
    /// S: held for one batch by the writer, for one swap by maintenance.
    pub(super) swap: PathBuf,
}

impl LockPaths {
    pub(super) fn beside(log: &Path) -> Self {
        let with = |suffix: &str| {
            let mut path = OsString::from(log);
            path.push(suffix);
            PathBuf::from(path)
        };
        LockPaths { writer: with(WRITER), maintenance: with(MAINTENANCE), swap: with(SWAP) }
    }
}

/// Who holds a lock: it is written into the file, so that the next one can be told.
#[derive(Debug, Serialize, Deserialize)]
struct Holder {
    pid: u32,
    host: String,
    verb: String,
}

/// A lock that is held as long as this value lives.
#[derive(Debug)]
pub(in crate::backend) struct HeldLock {
    _file: File,
}

fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).truncate(false).mode(0o600).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK);
    let opened = match options.clone().create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => options.create(true).open(path),
        created => created.inspect(|file| {
            owner(path).iter().for_each(|owner| storage::give_to(file, owner));
        }),
    };
    let file = opened.map_err(|error| Error::io("open the lock file", path, error))?;
    storage::must_be_regular(&file, path)?;
    Ok(file)
}

/// Whose log a lock is for: that of the file beside it, or else that of the directory.
fn owner(lock: &Path) -> Option<Metadata> {
    let name = lock.file_name()?.as_bytes();
    let log = [MAINTENANCE, SWAP, WRITER].iter().find_map(|suffix| name.strip_suffix(suffix.as_bytes()))?;
    let log = lock.with_file_name(OsStr::from_bytes(log));
    log.symlink_metadata().or_else(|_| storage::directory_of(lock).metadata()).ok()
}

/// A lock on a file that its path no longer names protects nothing.
fn still_named(file: &File, path: &Path) -> Result<bool> {
    let looked = Identity::of(file).and_then(|own| Identity::at(path).map(|named| named == Some(own)));
    looked.map_err(|error| Error::io("look at the lock file", path, error))
}

impl HeldLock {
    /// Takes a lock for a verb such as `append`.
    ///
    /// # Errors
    /// `Locked` after the patience is over, naming the holder.
    pub(in crate::backend) fn take(path: &Path, verb: &str, patience: Duration, log: &Path) -> Result<HeldLock> {
        let began = Instant::now();
        loop {
            let file = open(path)?;
            match file.try_lock() {
                Ok(()) if still_named(&file, path)? => {
                    let holder = Holder { pid: std::process::id(), host: storage::host(), verb: verb.to_owned() };
                    let text = serde_json::to_vec(&holder).unwrap_or_default();
                    // Only a help for people: that the lock is held does not depend on it.
                    let _ = file.set_len(0).and_then(|()| file.write_all_at(&text, 0));
                    return Ok(HeldLock { _file: file });
                }
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if began.elapsed() < PROBE_PATIENCE + patience => {
                    std::thread::sleep(RETRY)
                }
                Err(TryLockError::WouldBlock) => return Err(locked(path, log)),
                Err(TryLockError::Error(error)) => return Err(Error::io("lock", path, error)),
            }
        }
    }
}

fn locked(path: &Path, log: &Path) -> Error {
    let holder = std::fs::read(path).ok().and_then(|text| serde_json::from_slice::<Holder>(&text).ok());
    let who = match holder {
        Some(Holder { pid, host, verb }) => format!("process {pid} on {host} ({verb})"),
        None => "another process".to_owned(),
    };
    Error::new(ErrorKind::Locked, format!("the log `{}` is held by {who}", log.display()))
        .with_cure("stop that process or wait for it; reading, scanning and following need no lock")
}

/// Whether somebody holds a lock at this moment. Where that cannot be found out, somebody may.
pub(in crate::backend) fn is_held(path: &Path) -> bool {
    match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path) {
        Ok(file) => file.try_lock_shared().is_err(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// The swap lock: whoever appends or replaces files holds it, for a moment. Its file counts the replacements.
#[derive(Debug)]
pub(super) struct SwapLock {
    path: PathBuf,
    file: File,
}

impl SwapLock {
    pub(super) fn open(path: &Path) -> Result<SwapLock> {
        Ok(SwapLock { path: path.to_owned(), file: open(path)? })
    }

    /// Waits for the lock and holds it as long as the guard lives.
    pub(super) fn hold(&mut self) -> Result<SwapGuard> {
        let mut interrupts = 0;
        loop {
            match self.file.lock() {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted && interrupts < storage::MAX_INTERRUPTS => {
                    interrupts += 1;
                    continue;
                }
                Err(error) => return Err(Error::io("lock", &self.path, error)),
            }
            let handle = self.file.try_clone().map_err(|error| Error::io("lock", &self.path, error))?;
            let guard = SwapGuard { file: handle };
            if still_named(&self.file, &self.path)? {
                return Ok(guard);
            }
            drop(guard);
            self.file = open(&self.path)?;
        }
    }

    /// How many replacements there were; asked under the lock.
    pub(super) fn generation(&self, _held: &SwapGuard) -> Result<u64> {
        let mut bytes = [0; GENERATION_BYTES];
        let read = self.file.read_at(&mut bytes, 0).map_err(|error| Error::io("read", &self.path, error))?;
        Ok(if read == GENERATION_BYTES { u64::from_le_bytes(bytes) } else { 0 })
    }
}

impl SwapLock {
    /// Counts a replacement, under the lock and *before* the rename: a crash in between only makes the writer look again.
    pub(super) fn count_replacement(&self, held: &SwapGuard) -> Result<()> {
        let next = self.generation(held)?.wrapping_add(1);
        self.file.write_all_at(&next.to_le_bytes(), 0).map_err(|error| Error::io("write", &self.path, error))
    }
}

/// The held swap lock.
#[derive(Debug)]
pub(super) struct SwapGuard {
    file: File,
}

impl Drop for SwapGuard {
    fn drop(&mut self) {
        // It cannot fail for a lock that is held, and closing the descriptors would free it too.
        let _ = self.file.unlock();
    }
}
