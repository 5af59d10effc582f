//! A backend of your own, with the whole command line of Papyra:
//!
//! ```text
//! cargo run --example custom_backend -- append --url spool:./facts < facts.ndjson
//! cargo run --example custom_backend -- inspect events --url spool:./facts
//! ```
//!
//! It keeps each batch in a small file of its own, named by the position of its first fact. Recovery and compaction are
//! left out, so every command says in words that it does not offer them. One macro line proves the rest: see
//! `tests/custom_backend.rs`.

use std::{
    fs::{self, DirBuilder, File, TryLockError},
    io::{self, Write as _},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use papyra::{
    Anomaly, AnomalyKind, Appended, Backend, Dsn, Entry, EntryStream, Error, ErrorKind, Fact, Order, Position,
    ReadOptions, Result, ScanOptions, ScanReport, Schemes,
};

fn main() -> ExitCode {
    papyra_cli::main_with(Schemes::new().with("spool", open_spool))
}

/// Opens the log at an address such as `spool:./facts`.
pub(crate) async fn open_spool(dsn: Dsn) -> Result<Spool> {
    Ok(Spool::new(dsn.path()?))
}

/// Far more facts than will ever be: whatever names a higher position is no file of ours.
const MAX_POSITION: u64 = 1 << 60;

/// A log in a directory of batches.
///
/// Every append is durable before it is acknowledged. There is no checksum: a flipped bit that leaves a line a fact is
/// not found.
#[derive(Debug)]
pub(crate) struct Spool {
    dir: PathBuf,
    writer: Arc<Mutex<Writer>>,
}

#[derive(Debug, Default)]
struct Writer {
    /// Held from the first append to the close, so that no other process writes here.
    lock: Option<File>,
    /// The position of the next fact; `None` while only the directory knows.
    next: Option<u64>,
    closed: bool,
}

impl Spool {
    /// The log in this directory, which the first append creates.
    pub(crate) fn new(dir: impl Into<PathBuf>) -> Self {
        Spool { dir: dir.into(), writer: Arc::default() }
    }
}

#[async_trait]
impl Backend for Spool {
    fn name(&self) -> &'static str {
        "spool"
    }

    fn address(&self) -> String {
        format!("spool:{}", self.dir.display())
    }

    async fn append(&self, facts: &[Fact]) -> Result<Appended> {
        let mut lines = String::new();
        for fact in facts {
            let line = fact.to_json();
            // What could not be read back must not be written.
            Fact::from_json(&line)?;
            lines.push_str(&line);
            lines.push('\n');
        }
        let (bytes, count) = (lines.len() as u64, facts.len() as u64);
        let (dir, writer) = (self.dir.clone(), self.writer.clone());
        // Disks are slow: not on a thread that other tasks want. A batch once begun goes on though our future is dropped.
        let writing = tokio::task::spawn_blocking(move || {
            let mut writer = writer.lock().unwrap_or_else(PoisonError::into_inner);
            writer.append(&dir, lines.as_bytes(), count)
        });
        let first = writing.await.map_err(|panic| {
            Error::new(ErrorKind::Internal, "writing panicked").with_source(panic).with_unknown_outcome()
        })??;
        Ok(Appended::new((first..first + count).map(Position::from_seq).collect(), bytes))
    }

    fn read(&self, options: ReadOptions) -> EntryStream {
        let (mut batches, last) = match batches(&self.dir) {
            Ok(found) => found,
            Err(error) => return EntryStream::failed(error),
        };
        if let Some(after) = options.after {
            if after > Position::from_seq(last) {
                return EntryStream::failed(Error::beyond_the_end(after, &self.address(), last));
            }
            // The batch in which the position stands is the last that begins at or before it.
            let begun = batches.partition_point(|(first, _)| Position::from_seq(*first) <= after);
            batches.drain(..begun.saturating_sub(1));
        }
        let newest_first = options.order == Order::NewestFirst;
        if newest_first {
            batches.reverse();
        }
        let skipped = Arc::new(AtomicU64::new(0));
        let count = skipped.clone();
        // One batch is in memory at a time.
        let entries = batches.into_iter().flat_map(move |(first, path)| {
            let lines = match lines(first, &path) {
                Ok(lines) => lines,
                Err(error) => return vec![Err(error)],
            };
            let mut chosen = Vec::new();
            for line in lines {
                match line {
                    Some(entry) if options.after.is_some_and(|after| entry.position <= after) => {}
                    Some(entry) if options.selects(&entry.fact) => chosen.push(Ok(entry)),
                    Some(_) => {}
                    None => drop(count.fetch_add(1, Ordering::Relaxed)),
                }
            }
            if newest_first {
                chosen.reverse();
            }
            chosen
        });
        EntryStream::with_skipped(EntryStream::of(entries), skipped)
    }

    async fn scan(&self, _: ScanOptions) -> Result<ScanReport> {
        let mut report = ScanReport::new(self.name(), self.address());
        // Every scan decodes every fact.
        report.deep = true;
        let mut next = 1;
        for (first, path) in batches(&self.dir)?.0 {
            if first != next {
                let detail = format!("position {first} follows {}", next - 1);
                report.add(Anomaly::new(AnomalyKind::MissingEntries, &path, detail));
            }
            let lines = lines(first, &path)?;
            next = first + lines.len() as u64;
            for (number, line) in (1..).zip(lines) {
                match line {
                    Some(entry) => {
                        report.count(entry.fact.kind());
                        report.bytes += entry.bytes;
                    }
                    None => {
                        let anomaly = Anomaly::new(AnomalyKind::CorruptedLine, &path, "the line is not a fact");
                        report.add(anomaly.on_line(number));
                    }
                }
            }
        }
        Ok(report)
    }

    async fn close(&self) -> Result<()> {
        // Everything acknowledged is durable already: the lock is all there is to let go.
        *self.writer.lock().unwrap_or_else(PoisonError::into_inner) = Writer { closed: true, ..Writer::default() };
        Ok(())
    }
}

impl Writer {
    /// Makes these lines the next batch and gives the position of the first.
    fn append(&mut self, dir: &Path, lines: &[u8], count: u64) -> Result<u64> {
        if self.closed {
            return Err(Error::new(ErrorKind::Closed, format!("the log `spool:{}` is closed", dir.display())));
        }
        if self.lock.is_none() {
            self.lock = Some(lock(dir)?);
        }
        let next = match self.next {
            Some(next) => next,
            None => batches(dir)?.1 + 1,
        };
        self.next = Some(next);
        if count > 0 {
            // Under a name that no reader looks at, whole and on the disk before it gets its own. What a crash leaves
            // there is overwritten by the next batch.
            let (new, path) = (dir.join("new"), dir.join(format!("{next:020}.facts")));
            let written = File::create(&new).and_then(|mut file| file.write_all(lines).and_then(|()| file.sync_all()));
            written.map_err(|e| Error::io("write", &new, e))?;
            fs::rename(&new, &path).map_err(|e| Error::io("create", &path, e))?;
            // The batch is there now, but only with the directory on the disk does its name survive a power cut.
            self.next = None;
            sync_dir(dir).map_err(Error::with_unknown_outcome)?;
            self.next = Some(next + count);
        }
        Ok(next)
    }
}

/// Creates the directory if need be and makes us its only writer.
fn lock(dir: &Path) -> Result<File> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(Error::io("create", dir, error)),
        _ => {}
    }
    // Also if it was there: whoever created it may have died before its name was on the disk.
    match dir.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => sync_dir(parent)?,
        None => sync_dir(Path::new("."))?,
    }
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

fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(|e| Error::io("sync", dir, e))
}

/// The batches in their order, each with the position of its first fact, and the position of the last fact, 0 if there
/// is none.
fn batches(dir: &Path) -> Result<(Vec<(u64, PathBuf)>, u64)> {
    let mut batches = Vec::new();
    for item in fs::read_dir(dir).map_err(|e| Error::io("read", dir, e))? {
        let path = item.map_err(|e| Error::io("read", dir, e))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".facts"));
        if let Some(first @ 1..=MAX_POSITION) = name.and_then(|name| name.parse().ok()) {
            batches.push((first, path));
        }
    }
    batches.sort();
    let last = match batches.last() {
        Some((first, path)) => first + lines(*first, path)?.len() as u64 - 1,
        None => 0,
    };
    Ok((batches, last))
}

/// The lines of a batch; `None` is a damaged one.
fn lines(first: u64, path: &Path) -> Result<Vec<Option<Entry>>> {
    let content = fs::read(path).map_err(|e| Error::io("read", path, e))?;
    let entry = |(seq, line): (u64, &[u8])| {
        let fact = Fact::from_json(std::str::from_utf8(line).ok()?.trim_end()).ok()?;
        Some(Entry::new(Position::from_seq(seq), fact, line.len() as u64))
    };
    Ok((first..).zip(content.split_inclusive(|byte| *byte == b'\n')).map(entry).collect())
}
