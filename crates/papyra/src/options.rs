//! What the operations of a backend are told.

use std::time::SystemTime;

use crate::{ActorAddress, Cut, Fact, Kind, Position, Progress, Retention};

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
    /// Only entries about this actor: events that happened to it, dead letters that were for it.
    pub about: Option<ActorAddress>,
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

    /// Only entries about this actor.
    #[must_use]
    pub fn about(mut self, actor: impl Into<ActorAddress>) -> Self {
        self.about = Some(actor.into());
        self
    }

    /// Whether an entry is among what was asked for, its order and position aside.
    pub fn selects(&self, fact: &Fact) -> bool {
        let kind = fact.kind();
        kind != Kind::Unknown
            && (self.kinds.is_empty() || self.kinds.contains(&kind))
            && self.since.is_none_or(|since| fact.timestamp().seconds() >= since)
            && self.about.as_ref().is_none_or(|actor| fact.actor() == Some(actor))
    }
}

/// How to scan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScanOptions {
    /// Decode every fact too, not only its checksum and head.
    pub deep: bool,
    /// Look only at so many of the newest entries, of each stream where a log has several. A backend that reads its own disk
    /// may look at everything all the same.
    pub sample: Option<u64>,
    /// Where to count how far the scan is, if anybody looks.
    pub progress: Option<Progress>,
}

impl ScanOptions {
    /// Every fact is decoded too.
    pub fn deep() -> Self {
        ScanOptions { deep: true, ..ScanOptions::default() }
    }

    /// Looks only at so many of the newest entries, where looking at all costs a network.
    #[must_use]
    pub fn with_sample(mut self, entries: u64) -> Self {
        self.sample = Some(entries);
        self
    }

    /// Counts here how far the scan is.
    #[must_use]
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = Some(progress);
        self
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
    /// Where to count how far the recovery is, if anybody looks.
    pub progress: Option<Progress>,
}

impl RecoveryConfig {
    /// Counts here how far the recovery is.
    #[must_use]
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = Some(progress);
        self
    }

    /// The same for the part of a log in which these kinds live: what it keeps aside has a directory of its own, named by the
    /// first of them, or files of the same name would meet.
    #[must_use]
    pub fn for_part(&self, kinds: &[Kind]) -> Self {
        let name = kinds.first().map_or("", |kind| kind.as_str());
        let quarantine_dir = self.quarantine_dir.as_ref().map(|directory| directory.join(name));
        RecoveryConfig { quarantine_dir, ..self.clone() }
    }

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

/// How to compact.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CompactionConfig {
    /// What stays.
    pub retention: Retention,
    /// The time by which ages are measured.
    pub now: SystemTime,
    /// Go on even if nothing would remain: otherwise a clock that jumped ahead could empty a log.
    pub allow_empty: bool,
    /// Look and report, take no lock, change nothing.
    pub dry_run: bool,
    /// Drop also what consumer groups have not read, or not acknowledged, where a log has such groups.
    pub ignore_groups: bool,
    /// Where to count how far the compaction is, if anybody looks.
    pub progress: Option<Progress>,
    /// Whatever retention says, everything up to this position goes: a spool drops what was shipped.
    pub(crate) through: Option<Position>,
}

impl CompactionConfig {
    /// Make this retention physical, as of this time.
    pub fn new(retention: Retention, now: SystemTime) -> Self {
        CompactionConfig {
            retention,
            now,
            allow_empty: false,
            dry_run: false,
            ignore_groups: false,
            progress: None,
            through: None,
        }
    }

    /// Drop everything up to this position and nothing else.
    pub(crate) fn dropping_through(position: Position, now: SystemTime) -> Self {
        let config = CompactionConfig::new(Retention::default(), now).allow_empty(true);
        CompactionConfig { through: Some(position), ..config }
    }

    /// Begins to decide what stays: feed the entries newest first.
    pub(crate) fn cut(&self) -> Cut {
        self.retention.cut(self.now).dropping_through(self.through)
    }

    /// Go on even if nothing would remain.
    #[must_use]
    pub fn allow_empty(mut self, allow: bool) -> Self {
        self.allow_empty = allow;
        self
    }

    /// Look and report, change nothing.
    #[must_use]
    pub fn dry_run(mut self, dry: bool) -> Self {
        self.dry_run = dry;
        self
    }

    /// Drop also what consumer groups have not read, or not acknowledged.
    #[must_use]
    pub fn ignore_groups(mut self, ignore: bool) -> Self {
        self.ignore_groups = ignore;
        self
    }

    /// Counts here how far the compaction is.
    #[must_use]
    pub fn with_progress(mut self, progress: Progress) -> Self {
        self.progress = Some(progress);
        self
    }
}
