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
    Appended, Backend, Clock, CompactionConfig, CompactionReport, ConsumerGroups, Entry, EntryStream, Error, ErrorKind,
    Fact, Kind, PartReport, Position, ReadOptions, RecoveryConfig, RecoveryReport, Result, Retention, ScanOptions,
    ScanReport, SystemClock,
    backend::memory::Memory,
    metrics::{Metrics, MetricsSnapshot},
    part,
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
    /// The logs of its parts, if its kinds live in different places.
    parts: Vec<PartLog>,
}

/// A part of a log, as a log.
#[derive(Clone, Debug)]
struct PartLog {
    kinds: Vec<Kind>,
    log: Log,
}

impl Log {
    /// A log that this backend keeps.
    pub fn new(backend: impl Backend) -> Self {
        Log::kept_by(Arc::new(backend), Arc::default())
    }

    fn kept_by(backend: Arc<dyn Backend>, metrics: Arc<Metrics>) -> Self {
        let part = |part: &crate::Part| PartLog {
            kinds: part.kinds.clone(),
            log: Log::kept_by(Arc::clone(&part.backend), Arc::clone(&metrics)).with_retention(part.retention),
        };
        let parts = backend.parts().iter().map(part).collect();
        Log { backend, retention: Retention::default(), clock: Arc::new(SystemClock), metrics, parts }
    }

    /// The same log, with its clock and counters, kept by another backend.
    pub(crate) fn moved_to(self, backend: impl Backend) -> Self {
        Log::kept_by(Arc::new(backend), self.metrics).clocked(&self.clock)
    }

    fn clocked(mut self, clock: &Arc<dyn Clock>) -> Self {
        self.clock = Arc::clone(clock);
        self.parts = self.parts.into_iter().map(|part| PartLog { log: part.log.clocked(clock), ..part }).collect();
        self
    }

    /// A log in memory, for tests of applications.
    pub fn memory() -> Self {
        Log::new(Memory::new())
    }

    /// The same log under this retention. Of a log whose kinds live in different places each part is under it, for itself.
    #[must_use]
    pub fn with_retention(mut self, retention: Retention) -> Self {
        if self.parts.is_empty() {
            self.retention = retention;
        }
        self.parts =
            self.parts.into_iter().map(|part| PartLog { log: part.log.with_retention(retention), ..part }).collect();
        self
    }

    /// The same log under this clock, which decides about ages.
    #[must_use]
    pub fn with_clock(self, clock: impl Clock) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(clock);
        self.clocked(&clock)
    }

    /// The parts of a log whose kinds live in different places, each with its kinds; none for any other log.
    ///
    /// Each is a log of its own, with its own retention and positions. Its counters are those of the whole.
    pub fn parts(&self) -> impl Iterator<Item = (&[Kind], &Log)> {
        self.parts.iter().map(|part| (&*part.kinds, &part.log))
    }

    /// The log in which facts of this kind live: a part, or this log itself. Positions of such facts are positions of it.
    pub fn for_kind(&self, kind: Kind) -> &Log {
        let kind = if kind == Kind::Unknown { Kind::Event } else { kind };
        let part = self.parts.iter().find(|part| part.kinds.contains(&kind));
        part.map_or(self, |part| &part.log)
    }

    pub(crate) fn shared_backend(&self) -> Arc<dyn Backend> {
        Arc::clone(&self.backend)
    }

    /// The backend that keeps the log.
    pub fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    /// The log's address for people, without any password.
    pub fn address(&self) -> String {
        self.backend.address()
    }

    /// Consumer groups: several workers that share the facts of this log and acknowledge them.
    ///
    /// # Errors
    /// `Unsupported` if the backend has none.
    pub fn consumer_groups(&self) -> Result<&dyn ConsumerGroups> {
        self.backend.consumer_groups().ok_or_else(|| {
            Error::unsupported(self.backend.name(), "consumer groups")
                .with_cure("consumer groups need a log in Redis, such as redis://host:6379/0")
        })
    }

    /// What stays visible. A log whose kinds live in different places has none of its own: each of its
    /// [parts](Log::parts) has.
    pub fn retention(&self) -> &Retention {
        &self.retention
    }

    /// The counters of this log and its recorder since it was opened.
    pub fn metrics(&self) -> MetricsSnapshot {
        let (spool, connections) = (self.backend.backlog(), self.backend.connections());
        MetricsSnapshot { spool, connections, ..self.metrics.snapshot() }
    }

    /// Begins the counters of this log and its recorder anew at 0. What its storage counts by itself, in a spool or of
    /// connections, goes on.
    pub fn reset_metrics(&self) {
        self.metrics.reset();
    }

    pub(crate) fn counters(&self) -> &Metrics {
        &self.metrics
    }

    /// Adds facts to the end of the log, all or none, in order. Of a log whose kinds live in different places each part takes
    /// its facts, all or none; if not every part does, [`Error::fates`] says where each fact is. The first append opens the log for writing: it takes the
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
            Err(error) => {
                self.metrics.write_errors.add(1);
                // Some parts of the log may have taken theirs. How many bytes that was, the error does not say.
                let written = error.fates().map_or(0, |fates| fates.written());
                self.metrics.records_written.add(written as u64);
            }
        }
        appended
    }

    /// Reads what retention leaves visible. With a retention, oldest first, the log is read twice: what stays is decided
    /// from the newest entry back.
    ///
    /// Of a log whose kinds live in different places, the kinds that are asked for decide which parts are touched, and
    /// entries of several parts come by time. A part that cannot be read gives one error, and the others go on.
    pub fn read(&self, options: ReadOptions) -> EntryStream {
        self.metrics.reads.add(1);
        Counted::read(self.visible(options), Arc::clone(&self.metrics))
    }

    fn visible(&self, options: ReadOptions) -> EntryStream {
        if self.parts.is_empty() {
            return if self.retention.is_unlimited() {
                self.backend.read(options)
            } else {
                Visible::read(self.clone(), options)
            };
        }
        match part::asked(self.parts.iter().map(|part| &*part.kinds), &options) {
            Ok(asked) => {
                let reads = asked.into_iter().map(|(part, options)| self.parts[part].log.visible(options));
                EntryStream::merged(reads.collect(), options.order)
            }
            Err(error) => EntryStream::failed(error),
        }
    }

    /// The entries behind a position (or all, if none is given), and then each new one as it is appended. The
    /// stream ends with an error or when it is dropped, never by itself. Retention does not apply.
    ///
    /// Must be polled within a tokio runtime with timers.
    pub fn follow(&self, options: ReadOptions) -> EntryStream {
        if self.parts.is_empty() {
            return EntryStream::new(Follow::new(self.clone(), options));
        }
        match part::asked(self.parts.iter().map(|part| &*part.kinds), &options) {
            Ok(asked) => EntryStream::interleaved(
                asked.into_iter().map(|(part, options)| self.parts[part].log.follow(options)).collect(),
            ),
            Err(error) => EntryStream::failed(error),
        }
    }

    /// The position of the newest entry; `None` if the log is empty or does not exist yet.
    ///
    /// # Errors
    /// If the backend cannot look. `Config` for a log whose kinds live in different places: ask the log
    /// [of a kind](Log::for_kind).
    pub async fn last_position(&self) -> Result<Option<Position>> {
        if !self.parts.is_empty() {
            return Err(Error::new(ErrorKind::Config, "a log of several parts has no one last position")
                .with_cure("ask for the position of one kind: `log.for_kind(kind).last_position()`"));
        }
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
            let whole = || ReadOptions::oldest_first();
            let part = |part: &PartLog| {
                let options = ReadOptions { kinds: part.kinds.clone(), ..whole() };
                (Arc::clone(&part.log.backend), options)
            };
            let mut reads: Vec<_> = self.parts.iter().map(part).collect();
            if reads.is_empty() {
                reads.push((Arc::clone(&self.backend), whole()));
            }
            loop {
                for (backend, options) in &mut reads {
                    let mut entries = backend.read(options.clone());
                    while let Some(entry) = entries.next().await {
                        match entry {
                            Ok(entry) if accept(&entry) => return Ok(entry),
                            Ok(entry) => options.after = Some(entry.position),
                            Err(error) if error.kind() == ErrorKind::NotFound => break,
                            Err(error) => return Err(error),
                        }
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
            Ok(report) => {
                self.metrics.anomalies_detected.add(report.anomalies_total);
                self.metrics.scan_errors.add(failures(&report.parts));
            }
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
    /// `Locked` if a writer, a compaction or a backup is at work. That one part of several failed is in the report.
    pub async fn recover(&self, config: &RecoveryConfig) -> Result<RecoveryReport> {
        self.metrics.recoveries.add(1);
        let began = Instant::now();
        let recovered = self.backend.recover(config).await;
        self.metrics.recovery_seconds.add(began.elapsed());
        let failed = recovered.as_ref().map_or(1, |report| failures(&report.parts));
        self.metrics.recovery_errors.add(failed);
        recovered
    }

    /// Makes the log's retention physical; of a log whose kinds live in different places, that of each part.
    ///
    /// # Errors
    /// `Corrupt` if the log is damaged: recover first. `Refused` if nothing would remain. That one part of several failed is
    /// in the report.
    pub async fn compact(&self) -> Result<CompactionReport> {
        let now = self.clock.now();
        let config = |log: &Log| CompactionConfig::new(log.retention, now);
        if self.parts.is_empty() {
            return self.compact_as(&config(self)).await;
        }
        self.compact_parts(config).await
    }

    /// Makes a retention physical, as this configuration says; see [`compact`](Log::compact). Of a log whose kinds live in
    /// different places each part is compacted under it, for itself.
    ///
    /// # Errors
    /// `Corrupt` if the log is damaged: recover first. `Refused` if nothing would remain. That one part of several failed is
    /// in the report.
    pub async fn compact_as(&self, config: &CompactionConfig) -> Result<CompactionReport> {
        self.metrics.compactions.add(1);
        let began = Instant::now();
        let compacted = self.backend.compact(config).await;
        self.metrics.compaction_seconds.add(began.elapsed());
        let failed = compacted.as_ref().map_or(1, |report| failures(&report.parts));
        self.metrics.compaction_errors.add(failed);
        compacted
    }

    /// Compacts each part of a log whose kinds live in different places, as this function says of the part.
    ///
    /// # Errors
    /// If no part could be compacted.
    pub async fn compact_parts(&self, config: impl Fn(&Log) -> CompactionConfig) -> Result<CompactionReport> {
        let mut reports = Vec::new();
        for (kinds, part) in self.parts() {
            let result = Box::pin(part.compact_as(&config(part))).await;
            reports.push(PartReport::new(kinds, part.address(), result));
        }
        CompactionReport::of_parts(self.backend.name(), reports)
    }

    /// Ends writing. Reading still works.
    ///
    /// # Errors
    /// If what was acknowledged as buffered could not be made durable.
    pub async fn close(&self) -> Result<()> {
        self.backend.close().await
    }
}

/// How many parts failed.
fn failures<T>(parts: &[PartReport<T>]) -> u64 {
    parts.iter().filter(|part| part.failure().is_some()).count() as u64
}
