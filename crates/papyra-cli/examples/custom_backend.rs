//! A backend of your own, with the whole command line of Papyra:
//!
//! ```text
//! cargo run --example custom_backend -- append --url spool:./facts < facts.ndjson
//! cargo run --example custom_backend -- inspect events --url spool:./facts
//! ```
//!
//! It keeps each batch in a small file of its own, named by the position of its first fact: see [`files`]. What keeps it
//! sound and small is in [`maintenance`]; a backend that leaves that out works all the same, and every command says in words
//! what it does not offer. One macro line proves it: see `tests/custom_backend.rs`.

#[path = "custom_backend/files.rs"]
pub(crate) mod files;
#[path = "custom_backend/maintenance.rs"]
pub(crate) mod maintenance;

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use files::{Line, Listing};
use papyra::{
    Appended, Backend, CompactionConfig, CompactionReport, Dsn, EntryStream, Error, ErrorKind, Fact, Order, Position,
    ReadOptions, RecoveryConfig, RecoveryMode, RecoveryReport, Result, ScanOptions, ScanReport, Schemes,
};

fn main() -> ExitCode {
    papyra_cli::main_with(Schemes::new().with("spool", open_spool))
}

/// Opens the log at an address such as `spool:./facts`.
pub(crate) async fn open_spool(dsn: Dsn) -> Result<Spool> {
    Ok(Spool::new(dsn.path()?))
}

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

    /// Does something that takes long on a thread that no other task wants: disks are slow. What has begun goes on even if
    /// our future is dropped.
    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Path, &Mutex<Writer>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (dir, writer) = (self.dir.clone(), self.writer.clone());
        tokio::task::spawn_blocking(move || work(&dir, &writer)).await.map_err(|panic| {
            Error::new(ErrorKind::Internal, "the spool panicked").with_source(panic).with_unknown_outcome()
        })?
    }

    fn empty_report(&self) -> ScanReport {
        ScanReport::new(self.name(), self.address())
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
        let first = self.apart(move |dir, writer| open(writer).append(dir, lines.as_bytes(), count)).await?;
        Ok(Appended::new((first..first + count).map(Position::from_seq).collect(), bytes))
    }

    fn read(&self, options: ReadOptions) -> EntryStream {
        let found = Listing::of(&self.dir).and_then(|listing| Ok((listing.last()?, listing.batches)));
        let (last, mut batches) = match found {
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
            let lines = match files::lines(first, &path) {
                Ok(lines) => lines,
                // A compaction dropped the batch after we had listed it.
                Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
                Err(error) => return vec![Err(error)],
            };
            let mut chosen = Vec::new();
            for line in lines {
                match line {
                    Line::Fact(entry) if options.after.is_some_and(|after| entry.position <= after) => {}
                    Line::Fact(entry) if options.selects(&entry.fact) => chosen.push(Ok(entry)),
                    Line::Fact(_) | Line::Dropped => {}
                    Line::Damaged => drop(count.fetch_add(1, Ordering::Relaxed)),
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
        let report = self.empty_report();
        self.apart(|dir, _| maintenance::scan(dir, report)).await
    }

    async fn recover(&self, config: &RecoveryConfig) -> Result<RecoveryReport> {
        let (config, report) = (config.clone(), self.empty_report());
        let changes = !config.dry_run && config.mode != RecoveryMode::Ignore;
        self.apart(move |dir, writer| alone(dir, writer, changes, || maintenance::recover(dir, &config, &report))).await
    }

    async fn compact(&self, config: &CompactionConfig) -> Result<CompactionReport> {
        let (config, report) = (config.clone(), self.empty_report());
        self.apart(move |dir, writer| {
            alone(dir, writer, !config.dry_run, || maintenance::compact(dir, &config, &report))
        })
        .await
    }

    async fn close(&self) -> Result<()> {
        // Everything acknowledged is durable already: the lock is all there is to let go.
        *open(&self.writer) = Writer { closed: true, ..Writer::default() };
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
            self.lock = Some(files::lock(dir)?);
        }
        let next = match self.next {
            Some(next) => next,
            None => Listing::of(dir)?.last()? + 1,
        };
        self.next = Some(next);
        if count > 0 {
            files::put(dir, &files::batch_name(next), lines)?;
            // The batch is there now, but only with the directory on the disk does its name survive a power cut.
            self.next = None;
            files::sync_dir(dir).map_err(Error::with_unknown_outcome)?;
            self.next = Some(next + count);
        }
        Ok(next)
    }
}

fn open(writer: &Mutex<Writer>) -> MutexGuard<'_, Writer> {
    writer.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a maintenance while nobody else writes: neither another handle nor, thanks to the mutex, this one.
fn alone<T>(dir: &Path, writer: &Mutex<Writer>, changes: bool, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let writer = open(writer);
    // A log that is not there must not come into being by being maintained.
    Listing::of(dir)?;
    let _lock = if changes && writer.lock.is_none() { Some(files::lock(dir)?) } else { None };
    work()
}
