//! The file engine: a log in files of lines.
//!
//! The engine is synchronous. Appends go to one thread per log, the `writer`, which commits what has gathered with
//! one write and one sync; each read and each scan runs on a thread of its own. The async face below only hands over and waits.

mod active;
mod ahead;
mod backup;
mod beginning;
mod compact;
mod config;
mod delivery;
mod early_sync;
mod encoded;
mod fates;
mod findings;
mod gaps;
mod judge;
mod layout;
mod lines;
pub(super) mod lock;
mod log_end;
mod members;
pub(super) mod opened;
pub(super) mod outgoing;
mod output;
mod pass;
mod passed;
mod plan;
mod quarantine;
mod read_back;
mod reader;
mod reading;
mod recent;
mod recover;
mod relabel;
mod replace;
mod restore;
mod rotate;
mod rotation;
mod runs;
mod salvage;
mod scan;
mod sections;
mod segments;
mod sequence;
mod sieve;
mod storage;
mod stretch;
mod threads;
mod unsynced;
mod walk;
mod writer;
mod written;

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64},
};

use async_trait::async_trait;

pub use config::FileConfig;
pub use rotation::Rotation;

use self::{encoded::Encoded, reader::Reader, segments::Segments, storage::Storage, writer::Writer};
use crate::{
    Appended, Backend, Backups, CompactionConfig, CompactionReport, Copied, EntryStream, Error, ErrorKind, Fact,
    PieceSink, ReadOptions, RecoveryConfig, RecoveryReport, Restored, Result, ScanOptions, ScanReport, Stored,
};

/// A log in one NDJSON file, or in a directory of them.
///
/// Reading, scanning and following take no lock and need no right to write. The first append takes the writer's lock, which
/// is held until [`close`](Backend::close) or until the last handle is dropped.
///
/// # Durability
/// As [`FileConfig::durability`] says: synced by default.
#[derive(Debug)]
pub struct FileLog {
    config: FileConfig,
    storage: Arc<dyn Storage>,
    writer: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Idle,
    Writing(Arc<Writer>),
    Closed,
}

impl FileLog {
    /// The log in this file or directory. Nothing is opened or created yet: the first append does that.
    pub fn new(config: FileConfig) -> Self {
        FileLog::on(config, Arc::new(storage::Disk))
    }

    fn on(config: FileConfig, storage: Arc<dyn Storage>) -> Self {
        FileLog { config, storage, writer: Mutex::new(State::Idle) }
    }

    fn writer(&self) -> Result<Arc<Writer>> {
        let mut state = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Writing(writer) => Ok(writer.clone()),
            State::Closed => Err(Error::new(ErrorKind::Closed, format!("the log `{}` is closed", self.address()))),
            State::Idle => {
                let writer = Arc::new(Writer::start(self.config.clone(), self.storage.clone())?);
                *state = State::Writing(writer.clone());
                Ok(writer)
            }
        }
    }
}

#[async_trait]
impl Backend for FileLog {
    fn name(&self) -> &'static str {
        if self.config.rotation.is_some() { "rotating" } else { "json" }
    }

    fn address(&self) -> String {
        format!("{}:{}", self.name(), self.config.path.display())
    }

    async fn append(&self, facts: &[Fact]) -> Result<Appended> {
        let writer = self.writer()?;
        let batch = Encoded::of(facts, &self.config)?;
        writer.append(batch).await.unwrap_or_else(|_| Err(writer::gone()))
    }

    fn read(&self, options: ReadOptions) -> EntryStream {
        let (skipped, overtaken) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (segments, counter, flag) = (Segments::of(&self.config), skipped.clone(), overtaken.clone());
        let entries =
            threads::stream("papyra-reader", move |sink| match Reader::open(segments, options, counter, flag) {
                Ok(reader) => reader.run(sink),
                Err(error) => drop(sink(Err(error))),
            });
        EntryStream::with_skipped(entries, skipped).with_overtaken(overtaken)
    }

    async fn scan(&self, options: ScanOptions) -> Result<ScanReport> {
        let (log, name, address) = (Segments::of(&self.config), self.name(), self.address());
        threads::run("papyra-scan", move || scan::scan(&log, options, name, &address)).await
    }

    async fn recover(&self, config: &RecoveryConfig) -> Result<RecoveryReport> {
        let (log, own, wanted) = (Segments::of(&self.config), self.config.clone(), config.clone());
        let (name, address) = (self.name(), self.address());
        threads::run("papyra-recover", move || recover::recover(&log, &own, &wanted, name, &address)).await
    }

    async fn compact(&self, config: &CompactionConfig) -> Result<CompactionReport> {
        let (own, wanted, name) = (self.config.clone(), config.clone(), self.name());
        threads::run("papyra-compact", move || compact::compact(&own, &wanted, name)).await
    }

    async fn close(&self) -> Result<()> {
        let before = std::mem::replace(&mut *self.writer.lock().unwrap_or_else(PoisonError::into_inner), State::Closed);
        match before {
            State::Writing(writer) => writer.close().await.unwrap_or_else(|_| Err(writer::gone())),
            State::Idle | State::Closed => Ok(()),
        }
    }

    fn backups(&self) -> Option<&dyn Backups> {
        Some(self)
    }
}

#[async_trait]
impl Backups for FileLog {
    async fn copy(&self, mut sink: Box<dyn PieceSink>) -> Result<Copied> {
        let (own, name) = (self.config.clone(), self.name());
        threads::run("papyra-backup", move || backup::copy(&own, name, &mut *sink)).await
    }

    async fn restore(&self, from: Stored) -> Result<Restored> {
        let (own, name, address) = (self.config.clone(), self.name(), self.address());
        threads::run("papyra-restore", move || restore::restore(&own, &from, name, &address)).await
    }
}

#[cfg(test)]
mod tests;
