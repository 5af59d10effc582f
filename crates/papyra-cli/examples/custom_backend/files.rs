//! The files of a spool: what they are called, what stands in them, and how they come to be.
//!
//! | name | holds |
//! |---|---|
//! | `FIRST.facts` | a batch, one fact a line; a blank line is a fact that was dropped. `FIRST` is the first one's position |
//! | `FIRST-LAST.dropped` | nothing: all of these positions were dropped. Batches that begin there are leftovers |
//! | `new` | what is being written; a crash leaves it, the next batch overwrites it |
//! | `lock` | nothing; who writes or maintains holds it |

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io::{self, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use papyra::{Entry, Error, ErrorKind, Fact, Position, Result};

/// Far more facts than will ever be: whatever names a higher position is no file of ours.
const MAX_POSITION: u64 = 1 << 60;

/// What a directory holds, by its names alone.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// The batches in their order, each with the position of its first fact.
    pub(crate) batches: Vec<(u64, PathBuf)>,
    /// The positions that were dropped as a whole, first and last, in their order.
    pub(crate) dropped: Vec<(u64, u64)>,
    /// Files that a maintenance was about to remove when it ended.
    pub(crate) leftovers: Vec<PathBuf>,
}

impl Listing {
    /// Looks into the directory.
    pub(crate) fn of(dir: &Path) -> Result<Listing> {
        let (mut batches, mut dropped) = (Vec::new(), Vec::new());
        for item in fs::read_dir(dir).map_err(|e| Error::io("read", dir, e))? {
            let path = item.map_err(|e| Error::io("read", dir, e))?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if let Some(first) = name.strip_suffix(".facts").and_then(position) {
                batches.push((first, path));
            } else if let Some((first, last)) = name.strip_suffix(".dropped").and_then(|name| name.split_once('-'))
                && let (Some(first), Some(last)) = (position(first), position(last))
            {
                dropped.push((first, last));
            }
        }
        let mut listing = Listing::default();
        // Of two that begin together the longer comes first, and what lies within another is a leftover.
        dropped.sort_by_key(|(first, last)| (*first, std::cmp::Reverse(*last)));
        for range in dropped {
            match listing.dropped.last() {
                Some((_, end)) if range.1 <= *end => listing.leftovers.push(dir.join(dropped_name(range))),
                _ => listing.dropped.push(range),
            }
        }
        for (first, path) in batches {
            if listing.dropped.iter().any(|(start, end)| (*start..=*end).contains(&first)) {
                listing.leftovers.push(path);
            } else {
                listing.batches.push((first, path));
            }
        }
        listing.batches.sort();
        Ok(listing)
    }

    /// The position of the last fact that ever was, 0 if there is none.
    pub(crate) fn last(&self) -> Result<u64> {
        let written = match self.batches.last() {
            Some((first, path)) => first + lines(*first, path)?.len() as u64 - 1,
            None => 0,
        };
        Ok(self.dropped.last().map_or(written, |(_, last)| written.max(*last)))
    }
}

fn position(name: &str) -> Option<u64> {
    name.parse().ok().filter(|position| (1..=MAX_POSITION).contains(position))
}

pub(crate) fn batch_name(first: u64) -> String {
    format!("{first:020}.facts")
}

pub(crate) fn dropped_name((first, last): (u64, u64)) -> String {
    format!("{first:020}-{last:020}.dropped")
}

/// A line of a batch.
#[allow(clippy::large_enum_variant, reason = "nearly all of them are facts: a box would cost each an allocation")]
#[derive(Debug)]
pub(crate) enum Line {
    Fact(Entry),
    Dropped,
    Damaged,
}

/// The lines of a batch.
pub(crate) fn lines(first: u64, path: &Path) -> Result<Vec<Line>> {
    let content = fs::read(path).map_err(|e| Error::io("read", path, e))?;
    Ok((first..).zip(content.split_inclusive(|byte| *byte == b'\n')).map(|(seq, line)| read(seq, line)).collect())
}

fn read(seq: u64, line: &[u8]) -> Line {
    if line == b"\n" {
        return Line::Dropped;
    }
    let fact = std::str::from_utf8(line).ok().and_then(|line| Fact::from_json(line.trim_end()).ok());
    fact.map_or(Line::Damaged, |fact| Line::Fact(Entry::new(Position::from_seq(seq), fact, line.len() as u64)))
}

/// Writes a file whole or not at all: under a name that no reader looks at, and on the disk before it gets its own. The
/// new name survives a power cut only with the directory on the disk: see [`sync_dir`].
pub(crate) fn put(dir: &Path, name: &str, content: &[u8]) -> Result<()> {
    let (new, path) = (dir.join("new"), dir.join(name));
    let written = File::create(&new).and_then(|mut file| file.write_all(content).and_then(|()| file.sync_all()));
    written.map_err(|e| Error::io("write", &new, e))?;
    fs::rename(&new, &path).map_err(|e| Error::io("create", &path, e))
}

/// Creates the directory if need be and makes us the only one who changes it.
pub(crate) fn lock(dir: &Path) -> Result<File> {
    create_dir(dir)?;
    let path = dir.join("lock");
    let file = File::create(&path).map_err(|e| Error::io("create", &path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Error::new(ErrorKind::Locked, format!("another process writes to `{}`", dir.display()))
                .with_cure("end it, or wait until it has ended"))
        }
        Err(TryLockError::Error(error)) => Err(Error::io("lock", &path, error)),
    }
}

/// Creates a directory that only its owner can look into, and makes its name durable.
pub(crate) fn create_dir(dir: &Path) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(Error::io("create", dir, error)),
        _ => {}
    }
    // Also if it was there: whoever created it may have died before its name was on the disk.
    match dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync_dir(parent),
        None => sync_dir(Path::new(".")),
    }
}

pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|e| Error::io("sync", dir, e))
}
