//! The one handle: a backend with its retention, clock and counters.

mod counted;
mod follow;
mod visible;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use self::{counted::Counted, follow::Follow, visible::Visible};

use crate::{
    Appended, Backend, Clock, CompactionConfig, CompactionReport, Entry, EntryStream, Error, ErrorKind, Fact, Position,
    ReadOptions, RecoveryConfig, RecoveryReport, Result, Retention, ScanOptions, ScanReport, SystemClock,
    backend::memory::Memory,
    metrics::{Metrics, MetricsSnapshot},
};

/// A log: what applications, the command line and the recorder hold. Cheap to clone; all clones are the same log.
///
/// Reading applies the log's [`Retention`]; the facts beyond it stay in storage until a compaction.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use papyra::{Event, Log, ReadOptions};
/// let log = Log::memory();
/// log.append(&[Event::new("orders://worker/3", "ActorStarted").into()]).await?;
/// let entries = log.read(ReadOptions::newest_first()).collect().await?;
/// assert_eq!(entries[0].position.to_string(), "1");
/// # Ok::<(), papyra::Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Log {
    backend: Arc<dyn Backend>,
    retention: Retention,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
}

impl Log {
    /// A log that this backend keeps.
    pub fn new(backend: impl Backend) -> Self {
        Log {
            backend: Arc::new(backend),
            retention: Retention::default(),
            clock: Arc::new(SystemClock),
            metrics: Arc::default(),
        }
    }

    /// The same log, with its clock and counters, kept by another backend.
    pub(crate) fn moved_to(self, backend: impl Backend) -> Self {
        Log { backend: Arc::new(backend), ..self }
    }

    pub(crate) fn shared_backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    /// A log in memory, for tests of applications.
    pub fn memory() -> Self {
        Log::new(Memory::new())
    }

    /// The same log under this retention.
    #[must_use]
    pub fn with_retention(mut self, retention: Retention) -> Self {
        self.retention = retention;
        self
    }

    /// The same log under this clock, which decides about ages.
    #[must_use]
    pub fn with_clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The backend that keeps the log.
    pub fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// The log's address for people, without any password.
    pub fn address(&self) -> String {
        self.backend.address()
    }

    /// What stays visible.
    pub fn retention(&self) -> &Retention {
        &self.retention
    }

    /// The counters of this log and its recorder since it was opened.
    pub fn metrics(&self) -> MetricsSnapshot {
        MetricsSnapshot { spool: self.backend.backlog(), ..self.metrics.snapshot() }
    }

    /// Begins the counters of this log and its recorder anew at 0.
    pub fn reset_metrics(&self) {
        self.metrics.reset();
    }

    pub(crate) fn counters(&self) -> &Metrics {
        &self.metrics
    }

    /// Adds facts to the end of the log, all or none, in order. The first append opens the log for writing: it takes the
    /// writer's lock and settles what a crash left. An empty batch does only that.
    ///
    /// # Errors
    /// `Locked` if another process writes to the log; `Invalid` for a fact that no log may hold; see [`Error::outcome`].
    ///
    /// # Durability
    /// When it returns, the configured durability holds.
    ///
    /// # Cancel safety
    /// Dropping the future does not tear the batch: it is added whole or not at all.
    pub async fn append(&self, facts: &[Fact]) -> Result<Appended> {
        let began = Instant::now();
        let appended = self.backend.append(facts).await;
        match &appended {
            Ok(appended) => {
                self.metrics.append_seconds.add(began.elapsed());
                if let Some(time) = appended.synced_in {
                    self.metrics.sync_seconds.add(time);
                }
                self.metrics.records_written.add(appended.positions.len() as u64);
                self.metrics.bytes_written.add(appended.bytes);
                self.metrics.lost.add(appended.lost);
            }
            Err(_) => self.metrics.write_errors.add(1),
        }
        appended
    }

    /// Reads what retention leaves visible. With a retention, oldest first, the log is read twice: what stays is decided
    /// from the newest entry back.
    pub fn read(&self, options: ReadOptions) -> EntryStream {
        self.metrics.reads.add(1);
        let entries = if self.retention.is_unlimited() {
            self.backend.read(options)
        } else {
            Visible::read(self.clone(), options)
        };
        Counted::read(entries, Arc::clone(&self.metrics))
    }

    /// The entries behind a position (or all, if none is given), and then each new one as it is appended. The
    /// stream ends with an error or when it is dropped, never by itself. Retention does not apply.
    ///
    /// Must be polled within a tokio runtime with timers.
    pub fn follow(&self, options: ReadOptions) -> EntryStream {
        EntryStream::new(Follow::new(self.clone(), options))
    }

    /// The position of the newest entry; `None` if the log is empty or does not exist yet.
    ///
    /// # Errors
    /// If the backend cannot look.
    pub async fn last_position(&self) -> Result<Option<Position>> {
        match self.backend.read(ReadOptions::newest_first()).next().await {
            None => Ok(None),
            Some(Ok(entry)) => Ok(Some(entry.position)),
            Some(Err(error)) if error.kind() == ErrorKind::NotFound => Ok(None),
            Some(Err(error)) => Err(error),
        }
    }

    /// Waits until an entry is there that the predicate accepts, and gives it; for tests of applications.
    ///
    /// # Errors
    /// `NotFound` if the time is over. Must be called within a tokio runtime with timers.
    pub async fn wait_for(&self, timeout: Duration, mut accept: impl FnMut(&Entry) -> bool) -> Result<Entry> {
        let find = async {
            // Everything from the first entry on, not only what is new.
            let mut options = ReadOptions::oldest_first();
            loop {
                let mut entries = self.backend.read(options.clone());
                while let Some(entry) = entries.next().await {
                    match entry {
                        Ok(entry) if accept(&entry) => return Ok(entry),
                        Ok(entry) => options.after = Some(entry.position),
                        Err(error) if error.kind() == ErrorKind::NotFound => break,
                        Err(error) => return Err(error),
                    }
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(timeout, find).await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::NotFound,
                format!("no such entry came into `{}` within {timeout:?}", self.address()),
            ))
        })
    }

    /// Looks for damage. It never changes the log and takes no lock.
    ///
    /// # Errors
    /// Only if it could not look: damage is in the report.
    pub async fn scan(&self, options: ScanOptions) -> Result<ScanReport> {
        self.metrics.scans.add(1);
        let began = Instant::now();
        let report = self.backend.scan(options).await;
        self.metrics.scan_seconds.add(began.elapsed());
        match &report {
            Ok(report) => self.metrics.anomalies_detected.add(report.anomalies_total),
            Err(_) => self.metrics.scan_errors.add(1),
        }
        report
    }

    /// The time by the log's clock.
    pub fn now(&self) -> std::time::SystemTime {
        self.clock.now()
    }

    /// Makes a damaged log sound.
    ///
    /// # Errors
    /// `Locked` if a writer, a compaction or a backup is at work.
    pub async fn recover(&self, config: &RecoveryConfig) -> Result<RecoveryReport> {
        self.metrics.recoveries.add(1);
        let began = Instant::now();
        let recovered = self.backend.recover(config).await;
        self.metrics.recovery_seconds.add(began.elapsed());
        recovered.inspect_err(|_| self.metrics.recovery_errors.add(1))
    }

    /// Makes the log's retention physical.
    ///
    /// # Errors
    /// `Corrupt` if the log is damaged: recover first. `Refused` if nothing would remain.
    pub async fn compact(&self) -> Result<CompactionReport> {
        let config = CompactionConfig::new(self.retention, self.clock.now());
        self.compact_as(&config).await
    }

    /// Makes a retention physical, as this configuration says; see [`compact`](Log::compact).
    ///
    /// # Errors
    /// `Corrupt` if the log is damaged: recover first. `Refused` if nothing would remain.
    pub async fn compact_as(&self, config: &CompactionConfig) -> Result<CompactionReport> {
        self.metrics.compactions.add(1);
        let began = Instant::now();
        let compacted = self.backend.compact(config).await;
        self.metrics.compaction_seconds.add(began.elapsed());
        compacted.inspect_err(|_| self.metrics.compaction_errors.add(1))
    }

    /// Ends writing. Reading still works.
    ///
    /// # Errors
    /// If what was acknowledged as buffered could not be made durable.
    pub async fn close(&self) -> Result<()> {
        self.backend.close().await
    }
}
