//! How a log names its files: one file, or a directory of numbered segments. A single file is a log of one segment.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::File,
    io,
    path::{Path, PathBuf},
};

use super::{FileConfig, lines, lock::LockPaths, storage};
use crate::{Error, ErrorKind, Result};

/// What the segments of a new directory are called.
const NAME: &str = "facts";
const EXTENSION: &str = ".ndjson";
/// Numbers have at least so many digits, so that `ls` shows them in order.
const DIGITS: usize = 6;
/// A rotation writes a header before anything else, and no header that begins a segment is longer, in bytes. A header and a fact
/// that somebody recorded are longer.
const MAX_UNBORN: u64 = 300;
/// How often a log is looked at again whose files come and go.
const TRIES: u32 = 100;
/// What the locks in a directory are called, whatever its segments are called.
const LOCKS: &str = "log";

/// Where the segments of a log are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segments {
    /// The log is this file.
    File(PathBuf),
    /// The log is what stands in this directory.
    Directory(PathBuf),
}

/// One file of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) number: u64,
    pub(super) path: PathBuf,
}

/// What was found at the place of a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// What its segments are called; a single file has no need of it.
    pub(super) name: OsString,
    /// Its segments, by their numbers. The last one is active, the others are sealed. A single file is always listed,
    /// whether or not it exists.
    pub(super) segments: Vec<Segment>,
    /// What else stands in the directory, its locks aside, in the order of the names.
    pub(super) strangers: Vec<PathBuf>,
}

impl Segments {
    pub(super) fn of(config: &FileConfig) -> Segments {
        match config.rotation {
            None => Segments::File(config.path.clone()),
            Some(_) => Segments::Directory(config.path.clone()),
        }
    }

    /// The path that the log is known by: the file, or the directory.
    pub(super) fn home(&self) -> &Path {
        match self {
            Segments::File(path) | Segments::Directory(path) => path,
        }
    }

    pub(super) fn locks(&self) -> LockPaths {
        match self {
            Segments::File(path) => LockPaths::beside(path),
            Segments::Directory(directory) => LockPaths::beside(&directory.join(LOCKS)),
        }
    }

    /// What the file of a number is called.
    pub(super) fn path(&self, name: &OsStr, number: u64) -> PathBuf {
        match self {
            Segments::File(path) => path.clone(),
            Segments::Directory(directory) => {
                let mut file = name.to_owned();
                file.push(format!(".{number:0DIGITS$}{EXTENSION}"));
                directory.join(file)
            }
        }
    }

    /// Looks at what is there. A directory that does not exist has no segments.
    ///
    /// # Errors
    /// `Config` if the segments of several logs stand in one directory: nobody could say which of them is meant.
    pub(super) fn list(&self) -> Result<Listing> {
        match self {
            Segments::File(path) => {
                let only = Segment { number: 1, path: path.clone() };
                Ok(Listing { segments: vec![only], ..Listing::default() })
            }
            Segments::Directory(directory) => list(directory, &self.locks()),
        }
    }

    /// The same for whoever reads: where there is no segment, there is no log.
    ///
    /// # Errors
    /// `NotFound`, and those of [`list`](Segments::list).
    pub(super) fn list_existing(&self) -> Result<Listing> {
        let listing = self.list()?;
        if listing.segments.is_empty() { Err(storage::no_log(self.home())) } else { Ok(listing) }
    }

    /// Looks at what is there, again if a segment was dropped between being listed and being looked at.
    ///
    /// # Errors
    /// `NotFound` if there is no log, and whatever `look` answers.
    pub(super) fn look<T>(&self, mut look: impl FnMut(&Listing) -> Result<T>) -> Result<(Listing, T)> {
        let mut tries = 0;
        loop {
            let listing = self.list_existing()?;
            match look(&listing) {
                Err(error) if error.kind() == ErrorKind::NotFound && tries < TRIES && self.list()? != listing => {
                    tries += 1
                }
                looked => return looked.map(|looked| (listing, looked)),
            }
        }
    }
}

/// Whether the newest of several files is what an interrupted rotation leaves: no whole line, and no more than the beginning of a
/// header, since nothing else is written before the header is durable. A longer file held facts that were acknowledged.
pub(super) fn is_unborn(file: &File, size: u64) -> io::Result<bool> {
    Ok(size <= MAX_UNBORN && lines::behind_last_newline(file, size)? == 0)
}

fn list(directory: &Path, locks: &LockPaths) -> Result<Listing> {
    let failed = |error| Error::io("list", directory, error);
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Listing { name: NAME.into(), ..Listing::default() });
        }
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(Error::new(ErrorKind::Config, format!("`{}` is a file, not a directory", directory.display()))
                .with_cure("a log of one file is opened with `json:`"));
        }
        entries => entries.map_err(failed)?,
    };
    let mut named: BTreeMap<OsString, Vec<Segment>> = BTreeMap::new();
    let mut strangers = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let (file, path) = (entry.file_name(), entry.path());
        let Some((name, number)) = split(&file).filter(|_| is_file(&entry)) else {
            strangers.push(path);
            continue;
        };
        match named.get_mut(name) {
            Some(segments) => segments.push(Segment { number, path }),
            None => drop(named.insert(name.to_owned(), vec![Segment { number, path }])),
        }
    }
    let name = match named.keys().next() {
        Some(name) if named.len() == 1 => name.clone(),
        None => NAME.into(),
        Some(_) if named.contains_key(OsStr::new(NAME)) => NAME.into(),
        Some(_) => return Err(several(directory, named.keys())),
    };
    let mut segments = named.remove(&name).unwrap_or_default();
    segments.sort_unstable_by_key(|segment| segment.number);
    strangers.extend(named.into_values().flatten().map(|segment| segment.path));
    strangers.retain(|path| ![&locks.writer, &locks.maintenance, &locks.swap].contains(&path));
    strangers.sort();
    Ok(Listing { name, segments, strangers })
}

/// Whether a file stands under a name, if only by a link. Whoever makes a directory, a pipe or a link to nowhere that is called
/// as a segment must not keep the whole log from being read.
fn is_file(entry: &std::fs::DirEntry) -> bool {
    match entry.file_type() {
        Ok(kind) if kind.is_symlink() => match std::fs::metadata(entry.path()) {
            Ok(target) => target.is_file(),
            // Whoever opens it will say so.
            Err(error) => error.kind() == io::ErrorKind::PermissionDenied,
        },
        Ok(kind) => kind.is_file(),
        Err(_) => true,
    }
}

/// Whether a file is called as a segment is.
pub(super) fn is_named(file: &OsStr) -> bool {
    split(file).is_some()
}

/// The name and the number of a segment, if a file is called as we would call it.
fn split(file: &OsStr) -> Option<(&OsStr, u64)> {
    let text = file.to_str()?;
    let (name, digits) = text.strip_suffix(EXTENSION)?.rsplit_once('.')?;
    let number: u64 = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())??;
    // One number has one spelling, or two files could have the same number.
    let canonical = number > 0 && digits.len() == number.to_string().len().max(DIGITS);
    (canonical && !name.is_empty()).then(|| (OsStr::new(name), number))
}

fn several<'a>(directory: &Path, names: impl Iterator<Item = &'a OsString>) -> Error {
    let names: Vec<String> = names.take(3).map(|name| format!("`{}`", name.display())).collect();
    let message =
        format!("the directory `{}` holds segments of several logs: {}", directory.display(), names.join(", "));
    Error::new(ErrorKind::Config, message).with_cure("give each log a directory of its own")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Header;

    fn directory(files: &[&str]) -> (tempfile::TempDir, Segments) {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::write(dir.path().join(file), "").unwrap();
        }
        let segments = Segments::Directory(dir.path().to_owned());
        (dir, segments)
    }

    fn numbers(listing: &Listing) -> Vec<u64> {
        listing.segments.iter().map(|segment| segment.number).collect()
    }

    #[test]
    fn segments_are_listed_by_number_and_all_else_is_a_stranger() {
        let (dir, segments) = directory(&[
            "facts.000010.ndjson",
            "facts.1000000.ndjson",
            "facts.000009.ndjson",
            "facts.000000.ndjson",
            "facts.0000011.ndjson",
            "facts.11.ndjson",
            "facts.+00011.ndjson",
            "facts.ndjson",
            ".000001.ndjson",
            "other.000001.ndjson",
            "facts.000009.ndjson.0123456789abcdef.papyra-tmp",
            "log.lock",
            "log.swap.lock",
            "log.maint.lock",
        ]);
        let listing = segments.list().unwrap();
        assert_eq!(numbers(&listing), [9, 10, 1_000_000]);
        assert_eq!(listing.strangers.len(), 8);
        for segment in &listing.segments {
            assert_eq!(segments.path(&listing.name, segment.number), segment.path);
            assert!(segment.path.starts_with(dir.path()) && segment.path.exists());
        }
    }

    #[test]
    fn a_directory_is_continued_under_the_name_that_its_segments_have() {
        assert_eq!(directory(&[]).1.list().unwrap().name, "facts");
        assert_eq!(directory(&["or.ders.000003.ndjson", "note"]).1.list().unwrap().name, "or.ders");
        let (_dir, segments) = directory(&["a.000001.ndjson", "b.000001.ndjson"]);
        assert_eq!(segments.list().unwrap_err().kind(), ErrorKind::Config);
    }

    #[test]
    fn what_is_not_there_has_no_segments_and_a_file_is_no_directory() {
        let (dir, _) = directory(&["file"]);
        let missing = Segments::Directory(dir.path().join("missing"));
        assert_eq!(missing.list().unwrap().segments, []);
        assert_eq!(missing.list_existing().unwrap_err().kind(), ErrorKind::NotFound);
        let file = Segments::Directory(dir.path().join("file"));
        assert_eq!(file.list().unwrap_err().kind(), ErrorKind::Config);
    }

    #[test]
    fn no_header_that_begins_a_segment_is_as_long_as_one_with_a_fact() {
        let id = uuid::Uuid::nil().to_string();
        let (mut shortest, mut longest) = (Vec::new(), Vec::new());
        let at = |seconds| crate::Timestamp::from_seconds(seconds).unwrap();
        Header::first(id.clone(), 1, at(1.0)).encode(&mut shortest);
        let most = crate::codec::MAX_SEQ;
        let first = Header::first(id, most, at(9_999_999_999.123456));
        Header { segment: u64::MAX, dropped_through: most, ..first }.encode(&mut longest);
        let fact = r#"{"kind":"event","system_id":"","actor_address":"","event_type":"","payload":null,"timestamp":1.0,"seq":1,"crc":"00000000"}"#;
        assert!(longest.len() as u64 <= MAX_UNBORN, "{}", longest.len());
        assert!((shortest.len() + fact.len()) as u64 > MAX_UNBORN, "{}", shortest.len() + fact.len());
    }

    #[test]
    fn a_single_file_is_a_log_of_one_segment() {
        let segments = Segments::File("log.ndjson".into());
        assert_eq!(numbers(&segments.list().unwrap()), [1]);
        assert_eq!(segments.locks().writer, Path::new("log.ndjson.lock"));
    }
}
