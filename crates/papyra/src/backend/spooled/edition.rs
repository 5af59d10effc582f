//! An edition of a spool: one local log, from its first fact to its last, and the name in which it ships.

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use super::{SpoolConfig, cursor::Cursor};
use crate::{
    Error, ErrorKind, Fact, Position, ReadOptions, Result, Timestamp,
    backend::{
        Backend,
        file::{FileConfig, FileLog, outgoing::Outgoing},
    },
    codec::{self, Header, HeaderLine},
    disk,
};

/// The name of a local log's file.
const FILE: &str = "facts.000001.ndjson";
/// A header is shorter, in bytes.
const MAX_HEADER: u64 = 4096;

/// A local log in a directory of its own, numbered from 1. A spool that finds out that it is a copy begins the next one:
/// under its old name it would be taken for the other.
#[derive(Debug)]
pub(super) struct Edition {
    pub(super) number: u64,
    pub(super) log: FileLog,
    /// In whose name it ships.
    pub(super) writer: String,
    spool: PathBuf,
}

impl Edition {
    /// The number of the spool's edition; `None` if there is no spool yet.
    pub(super) fn newest(spool: &Path) -> Result<Option<u64>> {
        Ok(numbers(spool)?.into_iter().max())
    }

    /// The edition of this number, which may not exist yet, and its cursor. Nothing is created, and nothing changed.
    pub(super) fn at(config: &SpoolConfig, number: u64) -> Result<(Edition, Cursor)> {
        let directory = config.path.join(number.to_string());
        let cursor = match Cursor::read(&cursor_of(&config.path, number)) {
            Some(cursor) => cursor,
            None => Cursor::of(log_id(&directory.join(FILE))?.unwrap_or_default()),
        };
        let log = log_in(config, &directory);
        Ok((Edition { number, log, writer: cursor.writer.clone(), spool: config.path.clone() }, cursor))
    }

    /// Opens the edition for writing: takes the lock of its log and settles what a crash left. Gives the number of its last
    /// fact; everything up to that is synced.
    pub(super) async fn open(&mut self, cursor: &mut Cursor) -> Result<u64> {
        self.log.append(&[]).await?;
        if self.writer.is_empty() {
            let file = self.file();
            self.writer = log_id(&file)?.ok_or_else(|| {
                let message = format!("the spool's log `{}` has no sound header", file.display());
                Error::new(ErrorKind::Corrupt, message).with_cure("recover it: `papyra persistence recover`")
            })?;
            cursor.writer.clone_from(&self.writer);
            self.note(cursor)?;
        }
        self.outgoing(0).last()
    }

    /// The lines behind this number, as they stand in the file.
    pub(super) fn outgoing(&self, behind: u64) -> Outgoing {
        Outgoing::behind(self.file(), behind)
    }

    /// The facts behind this number.
    pub(super) fn read(&self, options: ReadOptions, behind: u64) -> crate::EntryStream {
        let after = (behind > 0).then(|| Position::from_seq(behind));
        self.log.read(ReadOptions { after, ..options })
    }

    /// How many bytes it takes on disk.
    pub(super) fn bytes(&self) -> u64 {
        fs::metadata(self.file()).map_or(0, |metadata| metadata.len())
    }

    /// Writes down how far it was shipped.
    pub(super) fn note(&self, cursor: &Cursor) -> Result<()> {
        cursor.write(&cursor_of(&self.spool, self.number))
    }

    pub(super) fn file(&self) -> PathBuf {
        self.spool.join(self.number.to_string()).join(FILE)
    }

    /// Begins the edition that takes the place of this one: in another name, empty, with the numbers behind this one. It counts
    /// only once it is [published](Draft::publish).
    pub(super) fn succeed(&self, config: &SpoolConfig, behind: u64, writer: String) -> Result<Draft> {
        let number = self.number + 1;
        let directory = config.path.join(format!("{number}.partial"));
        let failed = |doing: &'static str| {
            let directory = directory.clone();
            move |error| Error::io(doing, &directory, error)
        };
        remove(&directory).map_err(failed("remove"))?;
        disk::create_directories(&directory).map_err(failed("create"))?;
        let mut header = Vec::new();
        let first = Header::first(writer.clone(), behind + 1, Timestamp::now());
        Header { dropped_through: behind, ..first }.encode(&mut header);
        fs::write(directory.join(FILE), header).map_err(failed("begin a log in"))?;
        let log = log_in(config, &directory);
        Ok(Draft { number, log, writer, directory })
    }

    /// Another edition counts by now, or may.
    pub(super) fn is_succeeded(&self) -> bool {
        !matches!(Edition::newest(&self.spool), Ok(Some(newest)) if newest <= self.number)
    }

    /// Removes the editions before this one, and what a crash left of one that never began.
    pub(super) fn remove_others(&self) -> Result<()> {
        let failed = |error| Error::io("clear", &self.spool, error);
        for number in numbers(&self.spool)?.into_iter().filter(|number| *number < self.number) {
            remove(&self.spool.join(number.to_string())).map_err(failed)?;
            match fs::remove_file(cursor_of(&self.spool, number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
                _ => {}
            }
        }
        remove(&self.spool.join(format!("{}.partial", self.number + 1))).map_err(failed)
    }
}

/// An edition that is being filled.
pub(super) struct Draft {
    number: u64,
    log: FileLog,
    writer: String,
    directory: PathBuf,
}

impl Draft {
    /// The name in which it will ship.
    pub(super) fn writer(&self) -> &str {
        &self.writer
    }

    /// Adds facts.
    pub(super) async fn add(&self, facts: &[Fact]) -> Result<()> {
        self.log.append(facts).await.map(drop)
    }

    /// Takes the place of the edition before, in one rename: a crash before it leaves that one, a crash behind it this one.
    pub(super) async fn publish(self, config: &SpoolConfig, cursor: &mut Cursor) -> Result<(Edition, u64)> {
        self.log.append(&[]).await?;
        self.log.close().await?;
        cursor.writer.clone_from(&self.writer);
        cursor.set(None);
        cursor.write(&cursor_of(&config.path, self.number))?;
        let directory = config.path.join(self.number.to_string());
        fs::rename(&self.directory, &directory).map_err(|error| Error::io("rename", &self.directory, error))?;
        disk::sync_directory_of(&directory).map_err(|error| Error::io("sync the directory of", &directory, error))?;
        let (mut edition, _) = Edition::at(config, self.number)?;
        let last = edition.open(cursor).await?;
        Ok((edition, last))
    }
}

fn log_in(config: &SpoolConfig, directory: &Path) -> FileLog {
    // Always synced: what was acknowledged here is promised, whatever the remote log promises.
    let file = FileConfig::new(directory.join(FILE)).with_lock_timeout(config.lock_timeout);
    FileLog::new(file.with_max_line(config.max_line))
}

fn cursor_of(spool: &Path, number: u64) -> PathBuf {
    spool.join(format!("{number}.shipped"))
}

fn numbers(spool: &Path) -> Result<Vec<u64>> {
    let failed = |error| Error::io("list", spool, error);
    let listing = match fs::read_dir(spool) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listing => listing.map_err(failed)?,
    };
    let mut numbers = Vec::new();
    for item in listing {
        let name = item.map_err(failed)?.file_name();
        numbers.extend(name.to_str().and_then(|name| name.parse::<u64>().ok().filter(|n| n.to_string() == name)));
    }
    Ok(numbers)
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// What the header of a log's first file calls the log.
fn log_id(file: &Path) -> Result<Option<String>> {
    let opened = match File::open(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| Error::io("open", file, error))?,
    };
    let mut line = Vec::new();
    let read = BufReader::new(opened.take(MAX_HEADER)).read_until(b'\n', &mut line);
    read.map_err(|error| Error::io("read", file, error))?;
    line.pop();
    let header = codec::is_sealed(&line).and_then(|_| Header::decode(&line));
    Ok(header.and_then(|header| match header {
        HeaderLine::Header(header) => Some(header.log_id),
        HeaderLine::Newer(_) | HeaderLine::Broken => None,
    }))
}
