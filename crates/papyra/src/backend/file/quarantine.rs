//! Quarantine: the original of a damaged file, kept byte for byte before anything is repaired.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use serde::Serialize;

use super::storage;
use crate::{Anomaly, Clock, Error, ErrorKind, Result, ScanReport, SystemClock};

/// What is said beside a copy.
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
    DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(|error| {
        Error::new(ErrorKind::Create, format!("cannot create the quarantine directory `{}`", directory.display()))
            .with_source(error)
            .with_cure("name a directory that can be created; the log was not touched")
    })?;
    let name = source.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let file = storage::open_for_reading(source)?;
    let bytes = file.metadata().map_err(failed("look at", source))?.len();
    let crc = checksum(&file).map_err(failed("read", source))?;
    let copy = match equal_copy(directory, &name, bytes, crc).map_err(failed("look into", directory))? {
        Some(copy) => copy,
        None => {
            let copy = unused_name(directory, &name);
            // Under another name first, so that an interrupted copy is never taken for evidence.
            let partial = directory.join(format!("{name}.quarantine.partial"));
            let _ = std::fs::remove_file(&partial);
            let written = write_copy(&file, &partial).and_then(|()| std::fs::rename(&partial, &copy));
            written.map_err(|error| {
                let _ = std::fs::remove_file(&partial);
                Error::io("write the quarantine copy", &copy, error)
            })?;
            copy
        }
    };
    let mut manifest_path = copy.clone().into_os_string();
    manifest_path.push(".json");
    let manifest_path = PathBuf::from(manifest_path);
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
        let partial = directory.join(format!("{name}.quarantine.partial.json"));
        let _ = std::fs::remove_file(&partial);
        let written = create(&partial).and_then(|mut file| {
            file.write_all(&text)?;
            file.sync_all()
        });
        written.and_then(|()| std::fs::rename(&partial, &manifest_path)).map_err(failed("write", &manifest_path))?;
    }
    storage::sync_directory_of(&copy).map_err(failed("sync", directory))?;
    Ok(copy)
}

/// A path in the manifest says where the file was, whatever directory it is read in. One that is not UTF-8 is shown as well
/// as it can be: evidence must never fail over a name.
fn shown(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).custom_flags(libc::O_NOFOLLOW).open(path)
}

fn write_copy(mut source: &File, path: &Path) -> io::Result<()> {
    let mut copy = create(path)?;
    io::Seek::rewind(&mut source)?;
    io::copy(&mut source, &mut copy)?;
    copy.sync_all()
}

fn unused_name(directory: &Path, name: &str) -> PathBuf {
    let mut millis = SystemClock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    loop {
        let path = directory.join(format!("{name}.quarantine.{millis}"));
        if path.symlink_metadata().is_err() {
            return path;
        }
        millis += 1;
    }
}

fn equal_copy(directory: &Path, name: &str, bytes: u64, crc: u32) -> io::Result<Option<PathBuf>> {
    let prefix = format!("{name}.quarantine.");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let file_name = entry.file_name().to_string_lossy().into_owned();
        let stamp = file_name.strip_prefix(&prefix).is_some_and(|stamp| stamp.bytes().all(|b| b.is_ascii_digit()));
        let metadata = entry.metadata()?;
        if stamp && metadata.is_file() && metadata.len() == bytes {
            found.push(entry.path());
        }
    }
    found.sort();
    for path in found {
        if File::open(&path).and_then(|file| checksum(&file))? == crc {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn checksum(mut file: &File) -> io::Result<u32> {
    io::Seek::rewind(&mut file)?;
    let mut block = vec![0; 256 << 10];
    let mut crc = 0;
    loop {
        match file.read(&mut block)? {
            0 => return Ok(crc),
            n => crc = crc32c::crc32c_append(crc, &block[..n]),
        }
    }
}
