//! The contract: what a backend must do to keep a log.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::SystemTime,
};

use async_trait::async_trait;
use futures_core::Stream;

use crate::{CompactionReport, Entry, Error, Fact, Kind, Position, RecoveryReport, Result, Retention, ScanReport};

pub mod file;
pub mod memory;

/// The code that keeps a log in one technology.
///
/// `append` and `close` are enough; the other operations answer [`Unsupported`](crate::ErrorKind::Unsupported) until a
/// backend offers them, and every tool copes with that. Retention on read, metrics and startup checks are the business of
/// [`Log`](crate::Log), not of a backend.
///
/// Each sentence with MUST is proven by a check of the [conformance suite](crate::conformance) whose name stands in
/// brackets behind it; the checks of an operation that a backend does not offer are passed over.
#[async_trait]
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// The technology's name, such as `json` or `memory`: it stands in reports and metrics.
    fn name(&self) -> &'static str;

    /// The log's address for people, without any password.
    fn address(&self) -> String {
        self.name().to_owned()
    }

    /// Adds facts to the end of the log.
    ///
    /// - Facts MUST be kept in the order given, and batches in the order appended. `[append_keeps_order]`
    /// - A batch MUST be added whole or not at all. `[append_is_all_or_nothing]`
    /// - It MUST NOT return `Ok` before the configured durability holds. (Each backend proves this in its own tests.)
    /// - It MUST return one position per fact, each above every position given before. `[positions_rise]`
    /// - A fact MUST be readable as soon as it returned. `[read_after_write]`
    /// - An empty batch MUST add nothing; it proves that the log can be written to. `[an_empty_batch_adds_nothing]`
    /// - Every member of a fact MUST be kept. `[facts_are_kept_whole]`
    /// - Concurrent batches MUST NOT mix. `[concurrent_batches_do_not_mix]`
    /// - After `close` it MUST fail with kind `Closed`. `[append_after_close_fails]`
    ///
    /// # Errors
    /// [`Error::outcome`] says whether the facts may nevertheless survive.
    ///
    /// # Cancel safety
    /// Dropping the future MUST NOT tear a batch: it is added whole or not at all. `[a_dropped_append_is_whole_or_absent]`
    async fn append(&self, facts: &[Fact]) -> Result<Appended>;

    /// Reads entries.
    ///
    /// - It MUST yield the entries in the wanted [`Order`]. `[read_in_both_orders]`
    /// - With `after` it MUST yield exactly the entries whose position is above it. `[read_after_a_position]`
    /// - With `since` it MUST yield exactly the entries whose timestamp is not below it, in whatever order timestamps
    ///   stand in the log. `[since_is_exact]`
    /// - With `kinds` it MUST yield exactly the entries of these kinds. `[read_selects_kinds]`
    /// - A log without facts MUST give an empty stream or the error `NotFound`. `[an_empty_log_reads_as_nothing]`
    /// - A damaged entry MUST be skipped and counted ([`EntryStream::skipped`]), never yielded and never end the stream:
    ///   an `Err` means that we could not look.
    fn read(&self, options: ReadOptions) -> EntryStream {
        let _ = options;
        EntryStream::failed(Error::unsupported(self.name(), "reading"))
    }

    /// Looks for damage.
    ///
    /// - It MUST NOT change the log. `[scan_does_not_write]`
    /// - A log that only `append` has written to MUST be clean, its facts counted by kind. `[a_fresh_log_scans_clean]`
    ///
    /// # Errors
    /// Only if it could not look; damage is a report. `NotFound` if there is no log yet.
    async fn scan(&self, options: ScanOptions) -> Result<ScanReport> {
        let _ = options;
        Err(Error::unsupported(self.name(), "scan"))
    }

    /// Makes a damaged log sound.
    ///
    /// - Sound facts MUST stay as they are. `[recover_keeps_sound_facts]`
    /// - A second recovery MUST change nothing. `[recover_twice_changes_nothing]`
    /// - With [`RecoveryMode::Ignore`] it MUST change nothing. `[recover_ignore_changes_nothing]`
    ///
    /// # Errors
    /// `Locked` if a writer, a compaction or a backup is at work.
    async fn recover(&self, config: &RecoveryConfig) -> Result<RecoveryReport> {
        let _ = config;
        Err(Error::unsupported(self.name(), "recovery"))
    }

    /// Makes retention physical.
    ///
    /// - It MUST keep exactly what reading under the same retention at the same time shows. `[compact_equals_read]`
    /// - What stays MUST keep its order and its positions. `[compact_keeps_order_and_positions]`
    /// - A second compaction at the same time MUST change nothing. `[compact_twice_changes_nothing]`
    /// - Facts appended afterwards MUST get positions above all before. `[positions_rise_after_compaction]`
    ///
    /// # Errors
    /// `Corrupt` if the log is damaged: recover first; nothing was changed.
    async fn compact(&self, retention: &Retention, now: SystemTime) -> Result<CompactionReport> {
        let _ = (retention, now);
        Err(Error::unsupported(self.name(), "compaction"))
    }

    /// Ends writing: what was acknowledged as buffered is made durable, locks are released.
    ///
    /// - It MUST be possible to call it twice. `[close_twice_is_fine]`
    /// - Reading MUST still work afterwards, unless the log lives in the handle alone. `[reading_survives_close]`
    async fn close(&self) -> Result<()>;
}

/// What an append did.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Appended {
    /// The position of each fact, in the order given.
    pub positions: Vec<Position>,
    /// What Papyra itself had to say and wrote in front of the facts: a torn tail that was settled, say.
    pub remarks: Vec<Entry>,
    /// Bytes that the batch took in storage, remarks included.
    pub bytes: u64,
}

impl Appended {
    /// One position per fact and the bytes that they took.
    pub fn new(positions: Vec<Position>, bytes: u64) -> Self {
        Appended { positions, remarks: Vec::new(), bytes }
    }
}

/// What an acknowledgement promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The facts survive a power cut.
    #[default]
    Synced,
    /// The facts survive the end of this process; a power cut may cost the last second.
    Buffered,
}

impl Durability {
    /// The word that stands in log addresses and configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Durability::Synced => "synced",
            Durability::Buffered => "buffered",
        }
    }
}

/// Which end of the log to begin with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// From the oldest entry on.
    #[default]
    OldestFirst,
    /// From the newest entry back.
    NewestFirst,
}

/// What to read.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Which end to begin with.
    pub order: Order,
    /// Only entries behind this position. A position that the log has not reached is an error of kind `NotFound`.
    pub after: Option<Position>,
    /// Only entries whose timestamp (seconds since 1970) is not below this.
    pub since: Option<f64>,
    /// Only these kinds; empty means all that this version knows.
    pub kinds: Vec<Kind>,
}

impl ReadOptions {
    /// Everything, from the oldest entry on.
    pub fn oldest_first() -> Self {
        ReadOptions::default()
    }

    /// Everything, from the newest entry back.
    pub fn newest_first() -> Self {
        ReadOptions { order: Order::NewestFirst, ..ReadOptions::default() }
    }

    /// Only entries behind this position.
    #[must_use]
    pub fn after(mut self, position: Position) -> Self {
        self.after = Some(position);
        self
    }

    /// Only entries whose timestamp (seconds since 1970) is not below this.
    #[must_use]
    pub fn since(mut self, seconds: f64) -> Self {
        self.since = Some(seconds);
        self
    }

    /// Only entries of this kind, and of those named before.
    #[must_use]
    pub fn kind(mut self, kind: Kind) -> Self {
        self.kinds.push(kind);
        self
    }

    /// Whether an entry is among what was asked for, its order and position aside.
    pub fn selects(&self, fact: &Fact) -> bool {
        let kind = fact.kind();
        kind != Kind::Unknown
            && (self.kinds.is_empty() || self.kinds.contains(&kind))
            && self.since.is_none_or(|since| fact.timestamp().seconds() >= since)
    }
}

/// How to scan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScanOptions {
    /// Decode every fact too, not only its checksum and head.
    pub deep: bool,
}

impl ScanOptions {
    /// Every fact is decoded too.
    pub fn deep() -> Self {
        ScanOptions { deep: true }
    }
}

/// What a recovery does with damaged bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecoveryMode {
    /// Look, change nothing.
    Ignore,
    /// Drop the damaged bytes.
    #[default]
    Repair,
    /// Copy the original files aside first.
    Quarantine,
}

/// How to recover.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecoveryConfig {
    /// What to do with damaged bytes.
    pub mode: RecoveryMode,
    /// Where the originals go in [`RecoveryMode::Quarantine`].
    pub quarantine_dir: Option<std::path::PathBuf>,
    /// Look and report, take no lock, change nothing.
    pub dry_run: bool,
}

impl RecoveryConfig {
    /// Drop the damaged bytes.
    pub fn repair() -> Self {
        RecoveryConfig::default()
    }

    /// Look, change nothing.
    pub fn ignore() -> Self {
        RecoveryConfig { mode: RecoveryMode::Ignore, ..RecoveryConfig::default() }
    }

    /// Copy the original files into this directory first.
    pub fn quarantine(dir: impl Into<std::path::PathBuf>) -> Self {
        RecoveryConfig { mode: RecoveryMode::Quarantine, quarantine_dir: Some(dir.into()), ..RecoveryConfig::default() }
    }
}

/// The entries of a read, as a [`Stream`], with the count of damaged ones that were skipped.
pub struct EntryStream {
    entries: Pin<Box<dyn Stream<Item = Result<Entry>> + Send>>,
    skipped: Arc<AtomicU64>,
}

impl EntryStream {
    /// A stream that skips nothing.
    pub fn new(entries: impl Stream<Item = Result<Entry>> + Send + 'static) -> Self {
        EntryStream::with_skipped(entries, Arc::default())
    }

    /// A stream that counts here what it skips.
    pub fn with_skipped(entries: impl Stream<Item = Result<Entry>> + Send + 'static, skipped: Arc<AtomicU64>) -> Self {
        EntryStream { entries: Box::pin(entries), skipped }
    }

    /// Entries that are already at hand.
    pub fn of(entries: impl IntoIterator<Item = Result<Entry>, IntoIter: Send + 'static>) -> Self {
        EntryStream::new(Ready(entries.into_iter()))
    }

    /// A read that could not begin.
    pub fn failed(error: Error) -> Self {
        EntryStream::of([Err(error)])
    }

    /// The next entry; `None` at the end.
    ///
    /// # Cancel safety
    /// Dropping the future loses no entry.
    pub async fn next(&mut self) -> Option<Result<Entry>> {
        std::future::poll_fn(|cx| self.entries.as_mut().poll_next(cx)).await
    }

    /// All remaining entries.
    ///
    /// # Errors
    /// The first error ends the collection.
    pub async fn collect(mut self) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        while let Some(entry) = self.next().await {
            entries.push(entry?);
        }
        Ok(entries)
    }

    /// Damaged entries that were skipped so far: final once the stream has ended.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }
}

impl Stream for EntryStream {
    type Item = Result<Entry>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.entries.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for EntryStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryStream").field("skipped", &self.skipped()).finish_non_exhaustive()
    }
}

struct Ready<I>(I);

// Nothing in it is ever pinned: the iterator is moved out of nowhere and called by plain reference.
impl<I> Unpin for Ready<I> {}

impl<I: Iterator> Stream for Ready<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}
