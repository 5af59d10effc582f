//! What a spool knows of its remote log: in whose name it ships, and how far it came.

use std::{
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{Error, ErrorKind, Result, codec, disk, shipping::Mark};

/// No sound cursor is longer, in bytes.
const MAX_LENGTH: u64 = 4096;

/// A note beside an edition. The mark in the remote log is what counts; this is what it is compared with after a restart, so
/// that a log which lost facts is found out. It is made durable before anything that was shipped is dropped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// In whose name the edition ships: the `log_id` that it was begun with. A recovery that has to make up a new header
    /// changes nothing about it.
    pub(super) writer: String,
    /// The last line that the remote log acknowledged: its number, 0 before the first, and its checksum there.
    pub(super) seq: u64,
    pub(super) sum: u32,
    /// Facts that were shipped over the spool's life.
    pub(super) shipped: u64,
    /// Facts that the remote log lost, and the spool no longer held.
    pub(super) lost: u64,
}

impl Cursor {
    /// Before anything was shipped.
    pub(super) fn of(writer: impl Into<String>) -> Self {
        Cursor { writer: writer.into(), ..Cursor::default() }
    }

    /// The last line that was acknowledged.
    pub(super) fn mark(&self) -> Option<Mark> {
        (self.seq > 0).then_some(Mark { seq: self.seq, crc: self.sum })
    }

    pub(super) fn set(&mut self, mark: Option<Mark>) {
        (self.seq, self.sum) = mark.map_or((0, 0), |mark| (mark.seq, mark.crc));
    }

    /// The cursor of an edition; `None` if there is none, or none that is sound.
    pub(super) fn read(path: &Path) -> Option<Cursor> {
        let mut bytes = Vec::new();
        File::open(path).and_then(|file| file.take(MAX_LENGTH).read_to_end(&mut bytes)).ok()?;
        let line = bytes.strip_suffix(b"\n")?;
        codec::is_sealed(line)?;
        serde_json::from_slice(line).ok()
    }

    /// Puts the cursor in the place of the one before, durably.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string(self);
        let mut text =
            text.map_err(|error| Error::new(ErrorKind::Internal, "cannot write a spool's cursor").with_source(error))?;
        text.pop();
        let crc = crc32c::crc32c(text.as_bytes());
        text.push_str(&format!(",\"crc\":\"{crc:08x}\"}}\n"));
        replace(path, text.as_bytes()).map_err(|error| Error::io("write", path, error))
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".partial");
    let beside = PathBuf::from(beside);
    // What a crash left. It is no cursor: only the rename makes it one.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = disk::create_file(&beside)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    disk::sync_directory_of(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_a_damaged_one_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("1.shipped");
        assert_eq!(Cursor::read(&path), None);
        Cursor::of("w").write(&path).unwrap();
        let cursor = Cursor { writer: "w".to_owned(), seq: 7, sum: 0xfe, shipped: 5, lost: 1 };
        cursor.write(&path).unwrap();
        assert_eq!(Cursor::read(&path), Some(cursor));
        let mut bytes = fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            fs::write(&path, &bytes).unwrap();
            assert_eq!(Cursor::read(&path), None, "byte {at}");
            bytes[at] ^= 1;
        }
    }
}
