//! Quarantine: the original of a damaged file, kept byte for byte before anything is repaired.

use std::{
    ffi::{OsStr, OsString},
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::{ffi::OsStrExt, fs::OpenOptionsExt},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::Serialize;

use super::{early_sync::EarlySync, lines, storage};
use crate::{Anomaly, Clock, Error, ErrorKind, Result, ScanReport, SystemClock};

/// What is said beside a copy. Names that are not text are shown as well as they can be.
#[derive(Serialize)]
struct Manifest<'a> {
    schema: &'static str,
    source: String,
    copy: String,
    bytes: u64,
    crc32c: String,
    anomalies_total: u64,
    anomalies: &'a [Anomaly],
}

/// Copies a file aside with a manifest that names each finding, and makes both durable. A copy with equal bytes that an
/// interrupted recovery left is used again.
pub(super) fn preserve(source: &Path, directory: &Path, found: &ScanReport) -> Result<PathBuf> {
    let failed = |doing: &'static str, path: &Path| {
        let path = path.to_owned();
        move |error| Error::io(doing, &path, error)
    };
    storage::create_directories(directory).map_err(|error| {
        Error::new(ErrorKind::Create, format!("cannot create the quarantine directory `{}`", directory.display()))
            .with_source(error)
            .with_cure("name a directory that can be created; the log was not touched")
    })?;
    let name = source.file_name().unwrap_or_default();
    let file = storage::open_for_reading(source)?;
    let bytes = file.metadata().map_err(failed("look at", source))?.len();
    // Logs of one name may be recovered into one directory at the same time: each has a partial copy of its own. A second
    // run after a crash finds the one that the first left.
    let own = std::path::absolute(source).map_err(failed("look at", source))?;
    let own = crc32c::crc32c(own.as_os_str().as_bytes());
    let partial = directory.join(with(name, &format!(".quarantine.{own:08x}.partial")));
    let (copy, crc) = match equal_copy(directory, name, bytes, &file).map_err(failed("look into", directory))? {
        Some(equal) => equal,
        None => {
            // Under another name first, so that an interrupted copy is never taken for evidence.
            let placed =
                write_copy(&file, bytes, &partial).and_then(|crc| Ok((place(&partial, directory, name)?, crc)));
            placed.map_err(|error| {
                let _ = std::fs::remove_file(&partial);
                Error::io("write the quarantine copy", &partial, error)
            })?
        }
    };
    let manifest_path = directory.join(with(copy.file_name().unwrap_or_default(), ".json"));
    if !manifest_path.exists() {
        let manifest = Manifest {
            schema: "papyra.quarantine/1",
            source: shown(source),
            copy: shown(&copy),
            bytes,
            crc32c: format!("{crc:08x}"),
            anomalies_total: found.anomalies_total,
            anomalies: &found.anomalies,
        };
        let text = serde_json::to_vec_pretty(&manifest)
            .map_err(|error| Error::new(ErrorKind::Internal, "cannot write down the findings").with_source(error))?;
        let written = create(&partial).and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()
        });
        written.and_then(|()| std::fs::rename(&partial, &manifest_path)).map_err(failed("write", &manifest_path))?;
    }
    storage::sync_directory_of(&copy).map_err(failed("sync", directory))?;
    Ok(copy)
}

/// Where files go that lie in a log's directory and are none of the log's, unless there is a quarantine.
const SET_ASIDE: &str = "set-aside";

/// Moves a file out of a log's directory, into one below it. Nothing is copied, and nothing there is replaced.
pub(super) fn set_aside(source: &Path) -> Result<PathBuf> {
    let failed = |error| Error::io("set aside", source, error);
    let directory = aside_of(source);
    storage::create_directories(&directory).map_err(failed)?;
    let name = source.file_name().unwrap_or_default();
    let mut path = directory.join(name);
    let mut number = 1;
    while path.symlink_metadata().is_ok() {
        number += 1;
        path = directory.join(with(name, &format!(".{number}")));
    }
    std::fs::rename(source, &path).map_err(failed)?;
    storage::sync_directory_of(&path).and_then(|()| storage::sync_directory_of(source)).map_err(failed)?;
    Ok(path)
}

/// The directory for what is set aside; a file of that name is no directory, and may be what is to be set aside.
fn aside_of(source: &Path) -> PathBuf {
    let mut directory = storage::directory_of(source).join(SET_ASIDE);
    let mut number = 1;
    while directory.symlink_metadata().is_ok_and(|there| !there.is_dir()) {
        number += 1;
        directory.set_file_name(format!("{SET_ASIDE}.{number}"));
    }
    directory
}

/// A path in the manifest says where the file was, whatever directory it is read in. One that is not UTF-8 is shown as well
/// as it can be: evidence must never fail over a name.
fn shown(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

fn with(name: &OsStr, suffix: &str) -> OsString {
    let mut name = name.to_owned();
    name.push(suffix);
    name
}

/// Creates a file anew; what an interrupted run left in its place goes.
fn create(path: &Path) -> io::Result<File> {
    let _ = std::fs::remove_file(path);
    OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)
}

/// Copies a file, makes the copy durable, and gives the checksum of what was copied.
fn write_copy(source: &File, bytes: u64, path: &Path) -> io::Result<u32> {
    let mut copy = create(path)?;
    storage::expect(&copy, bytes);
    let mut early = EarlySync::forgetting();
    let (mut crc, mut len) = (0, 0);
    each_block(source, |block| {
        crc = crc32c::crc32c_append(crc, block);
        copy.write_all(block)?;
        len += block.len() as u64;
        early.tell(&copy, len);
        Ok(())
    })?;
    early.finish()?;
    copy.sync_all().map(|()| crc)
}

/// Gives a whole copy a name that says when it was made, and that no other copy has.
fn place(partial: &Path, directory: &Path, name: &OsStr) -> io::Result<PathBuf> {
    let mut millis = SystemClock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    loop {
        let path = directory.join(with(name, &format!(".quarantine.{millis}")));
        // A rename would replace a copy that somebody else made in this very moment; a link is refused instead.
        match std::fs::hard_link(partial, &path) {
            Ok(()) => return std::fs::remove_file(partial).map(|()| path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => millis += 1,
            // There are file systems without links.
            Err(_) if path.symlink_metadata().is_err() => return std::fs::rename(partial, &path).map(|()| path),
            Err(error) => return Err(error),
        }
    }
}

/// A copy with the same bytes that is there already, and their checksum.
fn equal_copy(directory: &Path, name: &OsStr, bytes: u64, source: &File) -> io::Result<Option<(PathBuf, u32)>> {
    let prefix = with(name, ".quarantine.");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let stamp = entry.file_name();
        let stamp = stamp.as_bytes().strip_prefix(prefix.as_bytes());
        if !stamp.is_some_and(|stamp| stamp.iter().all(u8::is_ascii_digit)) {
            continue;
        }
        let metadata = entry.metadata()?;
        if metadata.is_file() && metadata.len() == bytes {
            found.push(entry.path());
        }
    }
    if found.is_empty() {
        return Ok(None);
    }
    found.sort();
    let crc = checksum(source)?;
    for path in found {
        if File::open(&path).and_then(|file| checksum(&file))? == crc {
            return Ok(Some((path, crc)));
        }
    }
    Ok(None)
}

fn checksum(file: &File) -> io::Result<u32> {
    let mut crc = 0;
    each_block(file, |block| {
        crc = crc32c::crc32c_append(crc, block);
        Ok(())
    })?;
    Ok(crc)
}

fn each_block(file: &File, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let (mut block, mut at) = (vec![0; 256 << 10], 0);
    loop {
        match lines::read_at(file, &mut block, at)? {
            0 => return Ok(()),
            got => {
                take(&block[..got])?;
                at += got as u64;
            }
        }
    }
}
