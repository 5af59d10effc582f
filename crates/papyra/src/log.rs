//! The one handle: a backend with its retention, clock and counters.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;

use crate::{
    Appended, Backend, Clock, CompactionReport, Cut, Entry, EntryStream, Error, ErrorKind, Fact, Order, Position,
    ReadOptions, RecoveryConfig, RecoveryReport, Result, Retention, ScanOptions, ScanReport, SystemClock,
    backend::memory::Memory,
    metrics::{Metrics, MetricsSnapshot},
};

/// How often a [`follow`](Log::follow) looks for new entries.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(100);

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
        self.metrics.snapshot()
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
        let appended = self.backend.append(facts).await;
        match &appended {
            Ok(appended) => {
                self.metrics.records_written.add(appended.positions.len() as u64);
                self.metrics.bytes_written.add(appended.bytes);
            }
            Err(_) => self.metrics.write_errors.add(1),
        }
        appended
    }

    /// Reads what retention leaves visible. With a retention, oldest first, the log is read twice: what stays is decided
    /// from the newest entry back.
    pub fn read(&self, options: ReadOptions) -> EntryStream {
        self.metrics.reads.add(1);
        if self.retention.is_unlimited() {
            return self.backend.read(options);
        }
        let entries = Visible::new(self.clone(), options);
        let skipped = entries.skipped.clone();
        EntryStream::with_skipped(entries, skipped)
    }

    /// The entries behind a position (or all, if none is given), and then each new one as it is appended. The
    /// stream ends with an error or when it is dropped, never by itself. Retention does not apply.
    ///
    /// Must be polled within a tokio runtime with timers.
    pub fn follow(&self, options: ReadOptions) -> EntryStream {
        EntryStream::new(Follow {
            log: self.clone(),
            options: ReadOptions { order: Order::OldestFirst, ..options },
            reading: None,
            pause: None,
            positioned: false,
        })
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
        let report = self.backend.scan(options).await;
        match &report {
            Ok(report) => self.metrics.anomalies_detected.add(report.anomalies_total),
            Err(_) => self.metrics.scan_errors.add(1),
        }
        report
    }

    /// Makes a damaged log sound.
    ///
    /// # Errors
    /// `Locked` if a writer, a compaction or a backup is at work.
    pub async fn recover(&self, config: &RecoveryConfig) -> Result<RecoveryReport> {
        self.metrics.recoveries.add(1);
        self.backend.recover(config).await.inspect_err(|_| self.metrics.recovery_errors.add(1))
    }

    /// Makes the log's retention physical.
    ///
    /// # Errors
    /// `Corrupt` if the log is damaged: recover first.
    pub async fn compact(&self) -> Result<CompactionReport> {
        self.metrics.compactions.add(1);
        let compacted = self.backend.compact(&self.retention, self.clock.now()).await;
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

/// A read under a retention: entries come newest first from the backend, and stay or go.
struct Visible {
    log: Log,
    options: ReadOptions,
    stage: Stage,
    skipped: Arc<std::sync::atomic::AtomicU64>,
}

enum Stage {
    /// Newest first: what stays is given out at once, or noted down for the second pass.
    Deciding {
        entries: EntryStream,
        cut: Cut,
        kept: Option<Kept>,
    },
    /// Oldest first: what was noted down is given out; what is newer than the first pass stays.
    Giving {
        entries: EntryStream,
        kept: Kept,
    },
    Over,
}

/// The positions that stay: runs of neighbours among all entries that the first pass saw, newest run first.
#[derive(Default)]
struct Kept {
    newest_seen: Option<Position>,
    runs: VecDeque<(Position, Position)>,
    /// Whether the entry before was kept, so that the next one joins its run.
    open: bool,
}

impl Kept {
    fn note(&mut self, position: Position, keeps: bool) {
        self.newest_seen = self.newest_seen.max(Some(position));
        match self.runs.front_mut() {
            Some((first, _)) if keeps && self.open => *first = position,
            _ if keeps => self.runs.push_front((position, position)),
            _ => {}
        }
        self.open = keeps;
    }

    /// Whether an entry stays; called with rising positions.
    fn keeps(&mut self, position: Position) -> bool {
        if self.newest_seen.is_none_or(|newest| position > newest) {
            return true;
        }
        while self.runs.front().is_some_and(|(_, last)| *last < position) {
            self.runs.pop_front();
        }
        self.runs.front().is_some_and(|(first, last)| (*first..=*last).contains(&position))
    }
}

impl Visible {
    fn new(log: Log, options: ReadOptions) -> Self {
        // What stays depends on every newer entry, whatever was asked for: selection comes after.
        let entries = log.backend.read(ReadOptions::newest_first());
        let kept = (options.order == Order::OldestFirst).then(Kept::default);
        let cut = log.retention.cut(log.clock.now());
        Visible { log, options, stage: Stage::Deciding { entries, cut, kept }, skipped: Arc::default() }
    }

    fn selects(&self, entry: &Entry) -> bool {
        self.options.after.is_none_or(|after| entry.position > after) && self.options.selects(&entry.fact)
    }

    fn count_skipped(&self, entries: &EntryStream) {
        self.skipped.store(entries.skipped(), std::sync::atomic::Ordering::Relaxed);
    }
}

impl Stream for Visible {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let this = &mut *self;
            match std::mem::replace(&mut this.stage, Stage::Over) {
                Stage::Over => return Poll::Ready(None),
                Stage::Deciding { mut entries, mut cut, mut kept } => {
                    let polled = if cut.is_closed() { Poll::Ready(None) } else { Pin::new(&mut entries).poll_next(cx) };
                    this.count_skipped(&entries);
                    let entry = match polled {
                        Poll::Pending => {
                            this.stage = Stage::Deciding { entries, cut, kept };
                            return Poll::Pending;
                        }
                        Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                        Poll::Ready(Some(Ok(entry))) => entry,
                        Poll::Ready(None) => {
                            let Some(kept) = kept else { return Poll::Ready(None) };
                            let entries = this.log.backend.read(this.options.clone());
                            this.stage = Stage::Giving { entries, kept };
                            continue;
                        }
                    };
                    let keeps = cut.keeps(&entry);
                    if let Some(kept) = &mut kept {
                        kept.note(entry.position, keeps);
                    }
                    let gives = kept.is_none() && keeps && this.selects(&entry);
                    this.stage = Stage::Deciding { entries, cut, kept };
                    if gives {
                        return Poll::Ready(Some(Ok(entry)));
                    }
                }
                Stage::Giving { mut entries, mut kept } => {
                    let polled = Pin::new(&mut entries).poll_next(cx);
                    this.count_skipped(&entries);
                    let keeps = match &polled {
                        Poll::Ready(Some(Ok(entry))) => kept.keeps(entry.position),
                        _ => true,
                    };
                    if !matches!(polled, Poll::Ready(None)) {
                        this.stage = Stage::Giving { entries, kept };
                    }
                    if keeps {
                        return polled;
                    }
                }
            }
        }
    }
}

/// An endless read: read to the end, wait a little, read on behind the last entry.
struct Follow {
    log: Log,
    options: ReadOptions,
    reading: Option<EntryStream>,
    pause: Option<Pin<Box<tokio::time::Sleep>>>,
    positioned: bool,
}

impl Stream for Follow {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(pause) = &mut this.pause {
                std::task::ready!(pause.as_mut().poll(cx));
                this.pause = None;
            }
            let reading = this.reading.get_or_insert_with(|| this.log.backend.read(this.options.clone()));
            match std::task::ready!(Pin::new(reading).poll_next(cx)) {
                Some(Ok(entry)) => {
                    this.options.after = Some(entry.position);
                    this.positioned = true;
                    return Poll::Ready(Some(Ok(entry)));
                }
                // A log that does not exist yet may be created while we wait; a wrong position never becomes right.
                Some(Err(error))
                    if error.kind() != ErrorKind::NotFound || (this.options.after.is_some() && !this.positioned) =>
                {
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Err(_)) | None => {
                    this.reading = None;
                    this.pause = Some(Box::pin(tokio::time::sleep(FOLLOW_INTERVAL)));
                }
            }
        }
    }
}
