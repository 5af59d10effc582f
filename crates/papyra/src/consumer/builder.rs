//! What a consumer is told before it starts.

use std::time::Duration;

use tokio::sync::watch;

use super::{Consumer, duty::Duty};
use crate::{
    Error, ErrorKind, Group, GroupStart, Log, Result,
    groups::{MAX_BATCH, MAX_BLOCK},
};

/// A consumer that has not started yet.
#[derive(Clone, Debug)]
pub struct ConsumerBuilder {
    log: Log,
    group: Group,
    name: String,
    settings: Settings,
}

/// What can be set.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) start: GroupStart,
    pub(super) count: usize,
    pub(super) block: Duration,
    pub(super) min_idle: Duration,
    pub(super) max_deliveries: u64,
    pub(super) max_in_hand: usize,
    pub(super) patience: Duration,
    pub(super) forget_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            start: GroupStart::Beginning,
            count: 64,
            block: Duration::from_secs(2),
            min_idle: Duration::from_secs(60),
            max_deliveries: 10,
            max_in_hand: 10_000,
            patience: Duration::from_secs(30),
            forget_after: Duration::from_secs(24 * 60 * 60),
        }
    }
}

impl Consumer {
    /// A worker of this name in a group of this log. No two workers that live at the same time may have one name; a worker
    /// that keeps its name over a restart gets at once what it left.
    pub fn builder(log: &Log, group: Group, name: impl Into<String>) -> ConsumerBuilder {
        ConsumerBuilder { log: log.clone(), group, name: name.into(), settings: Settings::default() }
    }
}

impl ConsumerBuilder {
    /// Where the group begins if it does not exist yet; with the oldest entry, unless said otherwise.
    #[must_use]
    pub fn start(mut self, start: GroupStart) -> Self {
        self.settings.start = start;
        self
    }

    /// How many facts are fetched at once, 1 to 1000; 64 unless said otherwise.
    #[must_use]
    pub fn count(mut self, count: usize) -> Self {
        self.settings.count = count.clamp(1, MAX_BATCH);
        self
    }

    /// How long one read waits for new facts, at most 5 s; 2 s unless said otherwise. A stop waits as long.
    #[must_use]
    pub fn block(mut self, block: Duration) -> Self {
        self.settings.block = block.clamp(Duration::from_millis(1), MAX_BLOCK);
        self
    }

    /// How long an entry must have been pending without a word from its worker before another takes it: more than twice as
    /// long as handling takes. 60 s unless said otherwise.
    #[must_use]
    pub fn min_idle(mut self, min_idle: Duration) -> Self {
        self.settings.min_idle = min_idle.max(Duration::from_millis(1));
        self
    }

    /// How often a fact is delivered before it is set aside among the dead entries; 10 times unless said otherwise.
    #[must_use]
    pub fn max_deliveries(mut self, max: u64) -> Self {
        self.settings.max_deliveries = max.max(1);
        self
    }

    /// How many facts may be handed out and not yet acknowledged before no more are fetched; 10,000 unless said otherwise.
    #[must_use]
    pub fn max_in_hand(mut self, max: usize) -> Self {
        self.settings.max_in_hand = max.max(1);
        self
    }

    /// How long an acknowledgement is tried while the server is away; 30 s unless said otherwise.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.settings.patience = patience;
        self
    }

    /// How long another consumer of the group must have been silent, with nothing pending, before it is removed from the
    /// group; a day unless said otherwise.
    #[must_use]
    pub fn forget_after(mut self, silence: Duration) -> Self {
        self.settings.forget_after = silence;
        self
    }

    /// Starts the consumer. The server is asked when the first fact is: it may still be away now.
    ///
    /// # Errors
    /// `Unsupported` if the log has no consumer groups; `Config` for an empty name.
    pub fn open(self) -> Result<Consumer> {
        self.log.consumer_groups()?;
        if self.name.is_empty() || self.group.name().is_empty() {
            return Err(Error::new(ErrorKind::Config, "a consumer and its group need names"));
        }
        let (stop, _) = watch::channel(None);
        Ok(Consumer::start(Duty::new(self.log, self.group, self.name, self.settings, stop)))
    }
}
