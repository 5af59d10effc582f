//! The contract: what a backend must do to keep a log.

use std::{fmt, time::Duration};

use async_trait::async_trait;

use crate::{
    Backlog, Backups, CompactionConfig, CompactionReport, Connections, ConsumerGroups, Entry, EntryStream, Error, Fact,
    Part, Position, ReadOptions, RecoveryConfig, RecoveryReport, Result, ScanOptions, ScanReport, checkup::Checkup,
    shipping::Shipping,
};

pub mod file;
pub mod hybrid;
pub mod memory;
#[cfg(feature = "redis")]
pub mod redis;
pub mod spooled;

/// The code that keeps a log in one technology.
///
/// `append` and `close` are enough; the other operations answer [`Unsupported`](crate::ErrorKind::Unsupported) until a
/// backend offers them, and every tool copes with that. Retention on read, metrics and startup checks are the business of
/// [`Log`](crate::Log), not of a backend.
///
/// A log whose kinds of facts live in different places says so by [`parts`](Backend::parts) and keeps these sentences for each
/// of its parts: what is said of order, of positions and of whole batches holds among the facts of one part.
///
/// Each sentence with MUST is proven by a check of the [conformance suite](mod@crate::conformance) whose name stands in
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
    /// - It MUST yield the entries in the wanted [`Order`](crate::Order). `[read_in_both_orders]`
    /// - With `after` it MUST yield exactly the entries whose position is above it. `[read_after_a_position]`
    /// - With `since` it MUST yield exactly the entries whose timestamp is not below it, in whatever order timestamps
    ///   stand in the log. `[since_is_exact]`
    /// - With `kinds` it MUST yield exactly the entries of these kinds. `[read_selects_kinds]`
    /// - With `about` it MUST yield exactly the entries about this actor, whatever form its address has in the log.
    ///   `[read_selects_actors]`
    /// - A log without facts MUST give an empty stream or the error `NotFound`. `[an_empty_log_reads_as_nothing]`
    /// - A damaged entry MUST be skipped and counted ([`EntryStream::skipped`]), never yielded and never end the stream:
    ///   an `Err` means that we could not look.
    fn read(&self, options: ReadOptions) -> EntryStream {
        let _ = options;
        EntryStream::failed(Error::unsupported(self.name(), "reading"))
    }

    /// Returns when something may stand behind the position (or in the log at all, if none is given), and after some
    /// seconds at the latest; [`Log::follow`](crate::Log::follow) reads then. By default that is after a tenth of a second.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    async fn news(&self, after: Option<Position>) {
        let _ = after;
        tokio::time::sleep(Duration::from_millis(100)).await;
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
    /// - With [`RecoveryMode::Ignore`](crate::RecoveryMode::Ignore) it MUST change nothing. `[recover_ignore_changes_nothing]`
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
    /// `Corrupt` if the log is damaged: recover first. `Refused` if nothing would remain. Nothing was changed then.
    async fn compact(&self, config: &CompactionConfig) -> Result<CompactionReport> {
        let _ = config;
        Err(Error::unsupported(self.name(), "compaction"))
    }

    /// The parts that the log is made of, if its kinds of facts live in different places; for all other logs none.
    fn parts(&self) -> &[Part] {
        &[]
    }

    /// Ends writing: what was acknowledged as buffered is made durable, locks are released.
    ///
    /// - It MUST be possible to call it twice. `[close_twice_is_fine]`
    /// - Reading MUST still work afterwards, unless the log lives in the handle alone. `[reading_survives_close]`
    async fn close(&self) -> Result<()>;

    /// Whether the log has a place of its own for what a recovery sets aside. Others have to be given a directory.
    fn has_quarantine(&self) -> bool {
        false
    }

    /// What can be said of the settings around this log, if anything can.
    fn checkup(&self) -> Option<&dyn Checkup> {
        None
    }

    /// The way for a spool in front of this log, if it is one that takes sealed lines exactly once.
    fn shipping(&self) -> Option<&dyn Shipping> {
        None
    }

    /// Consumer groups, where the backend has them.
    fn consumer_groups(&self) -> Option<&dyn ConsumerGroups> {
        None
    }

    /// What is needed to back the log up and to restore it, if the backend offers that.
    fn backups(&self) -> Option<&dyn Backups> {
        None
    }

    /// What waits in this process's spool, if the log has one and this process has opened it for writing.
    fn backlog(&self) -> Option<Backlog> {
        None
    }

    /// This process's connections to the servers that the log lives on, if it lives on any.
    fn connections(&self) -> Option<Connections> {
        None
    }
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
    /// How long the sync took that made the batch durable; `None` if there was none, or it is not known.
    pub synced_in: Option<Duration>,
    /// Facts acknowledged earlier that the storage has lost since and that could not be written again; a remark names them.
    pub lost: u64,
}

impl Appended {
    /// One position per fact and the bytes that they took.
    pub fn new(positions: Vec<Position>, bytes: u64) -> Self {
        Appended { positions, bytes, ..Appended::default() }
    }
}
