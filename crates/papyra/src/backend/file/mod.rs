//! The file engine: a log in files of lines.
//!
//! The engine is synchronous. Appends go to one thread per log, the `writer`, which commits what has gathered with
//! one write and one sync; each read and each scan runs on a thread of its own. The async face below only hands over and waits.

mod active;
mod compact;
mod config;
mod early_sync;
mod encoded;
mod findings;
mod gaps;
mod judge;
mod layout;
mod lines;
pub(super) mod lock;
pub(super) mod opened;
pub(super) mod outgoing;
mod pass;
mod plan;
mod quarantine;
mod read_back;
mod reader;
mod recent;
mod recover;
mod replace;
mod runs;
mod salvage;
mod scan;
mod sections;
mod sequence;
mod sieve;
pub(super) mod storage;
mod stretch;
mod threads;
mod unsynced;
mod walk;
mod writer;
mod written;

use std::sync::{Arc, Mutex, PoisonError, atomic::AtomicU64};

use async_trait::async_trait;

pub use config::FileConfig;

use self::{encoded::Encoded, reader::Reader, storage::Storage, writer::Writer};
use crate::{
    Appended, Backend, CompactionConfig, CompactionReport, EntryStream, Error, ErrorKind, Fact, ReadOptions,
    RecoveryConfig, RecoveryReport, Result, ScanOptions, ScanReport,
};

/// A log in one NDJSON file.
///
/// Reading, scanning and following take no lock and need no right to write. The first append takes the writer's lock, which
/// is held until [`close`](Backend::close) or until the last handle is dropped.
///
/// # Durability
/// As [`FileConfig::durability`] says: synced by default.
#[derive(Debug)]
pub struct JsonLog {
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

impl JsonLog {
    /// The log in this file. Nothing is opened or created yet: the first append does that.
    pub fn new(config: FileConfig) -> Self {
        JsonLog::on(config, Arc::new(storage::Disk))
    }

    fn on(config: FileConfig, storage: Arc<dyn Storage>) -> Self {
        JsonLog { config, storage, writer: Mutex::new(State::Idle) }
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
impl Backend for JsonLog {
    fn name(&self) -> &'static str {
        "json"
    }

    fn address(&self) -> String {
        format!("json:{}", self.config.path.display())
    }

    async fn append(&self, facts: &[Fact]) -> Result<Appended> {
        let writer = self.writer()?;
        let batch = Encoded::of(facts, &self.config)?;
        writer.append(batch).await.unwrap_or_else(|_| Err(writer::gone()))
    }

    fn read(&self, options: ReadOptions) -> EntryStream {
        let skipped = Arc::new(AtomicU64::new(0));
        let (path, counter) = (self.config.path.clone(), skipped.clone());
        let entries = threads::stream("papyra-reader", move |sink| match Reader::open(&path, options, counter) {
            Ok(reader) => reader.run(sink),
            Err(error) => drop(sink(Err(error))),
        });
        EntryStream::with_skipped(entries, skipped)
    }

    async fn scan(&self, options: ScanOptions) -> Result<ScanReport> {
        let (path, name, address) = (self.config.path.clone(), self.name(), self.address());
        threads::run("papyra-scan", move || scan::scan(&path, options, name, &address)).await
    }

    async fn recover(&self, config: &RecoveryConfig) -> Result<RecoveryReport> {
        let (own, wanted, name, address) = (self.config.clone(), config.clone(), self.name(), self.address());
        threads::run("papyra-recover", move || recover::recover(&own, &wanted, name, &address)).await
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
}

#[cfg(test)]
mod tests;
