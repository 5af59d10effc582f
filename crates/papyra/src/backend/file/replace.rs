//! Putting a new file in the place of a log's file: the one way in which a log is rewritten.

use std::{
    ffi::{OsStr, OsString},
    fs::{File, OpenOptions},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown},
    },
    path::{Path, PathBuf},
};

use super::{
    early_sync::EarlySync,
    lock::{SwapGuard, SwapLock},
    members::Member,
    pass::Pass,
    read_back::ReadBack,
    scan, storage,
};
use crate::{Error, ErrorKind, Progress, Result, ScanOptions, ScanReport};

/// What the name of a temporary file ends in.
const TEMPORARY: &str = ".papyra-tmp";
/// Small pieces are gathered before they are written.
const GATHER: usize = 256 << 10;
/// Long runs are copied in pieces, so that they can be read back and synced meanwhile.
const PIECE: u64 = 8 << 20;

/// A file that will take the place of another, or vanish.
#[derive(Debug)]
pub(super) struct Replacement {
    target: PathBuf,
    temporary: PathBuf,
    file: File,
    pending: Vec<u8>,
    /// What stands in the file.
    len: u64,
    early: EarlySync,
    read_back: Option<ReadBack>,
    renamed: bool,
}

impl Replacement {
    /// Creates the temporary file beside its target, with the mode and owner of the original.
    pub(super) fn begin(target: &Path, original: &File) -> Result<Replacement> {
        let failed = |doing: &'static str, path: &Path| {
            let path = path.to_owned();
            move |error| Error::io(doing, &path, error)
        };
        let mut name = file_name(target);
        name.push(format!(".{:016x}{TEMPORARY}", uuid::Uuid::now_v7().as_u128() as u64));
        let temporary = storage::directory_of(target).join(name);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&temporary)
            .map_err(failed("create", &temporary))?;
        let replacement = Replacement {
            target: target.to_owned(),
            temporary,
            file,
            pending: Vec::new(),
            len: 0,
            early: EarlySync::default(),
            read_back: None,
            renamed: false,
        };
        let like = original.metadata().map_err(failed("look at", target))?;
        let own = replacement.file.metadata().map_err(failed("look at", &replacement.temporary))?;
        if (own.uid(), own.gid()) != (like.uid(), like.gid()) {
            fchown(&replacement.file, Some(like.uid()), Some(like.gid())).map_err(|error| {
                Error::new(ErrorKind::Permission, format!("cannot give the rewritten `{}` its owner", target.display()))
                    .with_cure("run this as the owner of the log, or as root")
                    .with_source(error)
            })?;
        }
        let mode = std::fs::Permissions::from_mode(like.mode() & 0o7777);
        replacement.file.set_permissions(mode).map_err(failed("set the mode of", &replacement.temporary))?;
        Ok(replacement)
    }

    /// Adds bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.pending.extend_from_slice(bytes);
        if self.pending.len() >= GATHER { self.flush() } else { Ok(()) }
    }

    /// Adds a run of bytes of another file, as they are.
    pub(super) fn copy(&mut self, from: &File, start: u64, end: u64) -> Result<()> {
        if end - start < GATHER as u64 {
            let mut bytes = vec![0; (end - start) as usize];
            let got = super::lines::read_at(from, &mut bytes, start)
                .map_err(|error| Error::io("read", &self.target, error))?;
            if got < bytes.len() {
                return Err(Error::io("read", &self.target, io::ErrorKind::UnexpectedEof.into()));
            }
            return self.write(&bytes);
        }
        self.flush()?;
        let mut from = from;
        from.seek(SeekFrom::Start(start)).map_err(|error| Error::io("read", &self.target, error))?;
        let mut left = end - start;
        while left > 0 {
            let want = left.min(PIECE);
            let copied = io::copy(&mut from.take(want), &mut self.file)
                .map_err(|error| Error::io("write", &self.temporary, error))?;
            if copied < want {
                return Err(Error::io("read", &self.target, io::ErrorKind::UnexpectedEof.into()));
            }
            self.grow(copied);
            // What was copied is soon deleted: its memory is just right for what is written next.
            storage::forget(from, end - left, copied);
            left -= copied;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        self.file.write_all(&self.pending).map_err(|error| Error::io("write", &self.temporary, error))?;
        self.grow(self.pending.len() as u64);
        self.pending.clear();
        Ok(())
    }

    fn grow(&mut self, bytes: u64) {
        self.len += bytes;
        self.early.tell(&self.file, self.len);
        if let Some(read_back) = &self.read_back {
            read_back.tell(self.len);
        }
    }

    /// Makes what was added durable.
    pub(super) fn sync(&mut self) -> Result<()> {
        self.flush()?;
        let synced = self.early.finish().and_then(|()| self.file.sync_all());
        synced.map_err(|error| Error::io("sync", &self.temporary, error))
    }

    /// From now on what is written is read back and checked, up to the `size` that the file will have;
    /// [`must_be_clean`](Replacement::must_be_clean) waits for the outcome. It goes into `report`.
    pub(super) fn read_back(&mut self, size: u64, report: ScanReport, progress: Option<&Progress>) -> Result<()> {
        let options = ScanOptions { progress: progress.cloned(), ..ScanOptions::default() };
        let report = ScanReport { bytes: size, ..report };
        self.read_back_as(size, Member::alone(&self.target), Pass::new(options, report))
    }

    /// The same for a file among others: this pass must find nothing in it.
    pub(super) fn read_back_as(&mut self, size: u64, member: Member, pass: Pass) -> Result<()> {
        storage::expect(&self.file, size);
        let file = self.file.try_clone().map_err(|error| Error::io("read", &self.temporary, error))?;
        let member = Member { path: self.temporary.clone(), ..member };
        self.read_back = Some(ReadBack::begin(member, pass, file, size)?);
        Ok(())
    }

    /// Makes what was added durable and checks that it is a sound log, by what was read back of it.
    pub(super) fn must_be_clean(&mut self, what: &str) -> Result<ScanReport> {
        self.sync()?;
        let unread = || Error::new(ErrorKind::Internal, format!("{what} was not read back; nothing was changed"));
        let read_back = self.read_back.take().ok_or_else(unread)?;
        if read_back.size != self.len {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!("`{}` changed while it was read; nothing was changed by this", self.target.display()),
            )
            .with_cure("scan the log, then try again"));
        }
        let report = read_back.finish().map_err(|error| Error::io("read", &self.temporary, error))?;
        scan::refuse_findings(&self.temporary, what, &report).map(|()| report)
    }

    /// Takes the target's place. The rename is the moment at which the new log is the log.
    pub(super) fn take_place(mut self, swap: &SwapLock, held: &SwapGuard) -> Result<()> {
        self.sync()?;
        swap.count_replacement(held)?;
        self.rename()
    }

    /// The same for a file that no writer appends to any more.
    pub(super) fn take_place_of_sealed(mut self) -> Result<()> {
        self.sync()?;
        self.rename()
    }

    fn rename(&mut self) -> Result<()> {
        std::fs::rename(&self.temporary, &self.target).map_err(|error| Error::io("replace", &self.target, error))?;
        self.renamed = true;
        storage::sync_directory_of(&self.target)
            .map_err(|error| Error::io("sync the directory of", &self.target, error))
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.renamed {
            // What stays behind is named by a scan and removed by the next maintenance.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

fn file_name(path: &Path) -> OsString {
    path.file_name().map(OsString::from).unwrap_or_default()
}

/// The name of the file that a temporary file of this name was to replace; `None` for every other name.
pub(super) fn replaced_by(name: &OsStr) -> Option<&OsStr> {
    let bytes = name.as_encoded_bytes().strip_suffix(TEMPORARY.as_bytes())?;
    let at = memchr::memrchr(b'.', bytes)?;
    let (target, random) = (&bytes[..at], &bytes[at + 1..]);
    (random.len() == 16 && random.iter().all(u8::is_ascii_hexdigit)).then(|| OsStr::from_bytes(target))
}

/// The temporary files that interrupted maintenance left behind of one file of a log.
pub(super) fn leftovers(file: &Path) -> io::Result<Vec<PathBuf>> {
    let name = file_name(file);
    let mut found = Vec::new();
    let entries = match std::fs::read_dir(storage::directory_of(file)) {
        // Whoever may read the log but not list its directory cannot remove anything there either.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(found),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if replaced_by(&entry.file_name()).is_some_and(|own| own == name) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Removes files that nobody needs; only who holds the maintenance lock may.
pub(super) fn remove(what: &'static str, files: &[PathBuf]) -> Result<()> {
    let Some(first) = files.first() else { return Ok(()) };
    for path in files {
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(Error::io(what, path, error)),
            _ => {}
        }
    }
    storage::sync_directory_of(first).map_err(|error| Error::io("sync the directory of", first, error))
}
