//! What an audit counts; what is not known is `None`, never 0.

use std::sync::atomic::{AtomicU64, Ordering};

/// How many of the observed actors are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Headcount {
    /// Actors that began to start and have not ended.
    pub total: Option<u64>,
    /// Of them, those that take messages.
    pub alive: Option<u64>,
    /// Of them, those that are stopping.
    pub stopping: Option<u64>,
    /// Of them, those that start and are not the first of their name.
    pub restarting: Option<u64>,
}

/// What the framework's registry of names holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Registry {
    /// Names in it.
    pub size: Option<u64>,
    /// Names that lead to no actor at all.
    pub orphans: Option<Vec<String>>,
    /// Names that lead to an actor which is not alive.
    pub dead: Option<Vec<String>>,
}

impl Registry {
    /// How many names an audit lists of each sort; adapters need not collect more.
    pub const MAX_NAMES: usize = 100;
}

/// What an incarnation is up to, as far as its [`Life`](super::Life) was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Starting { again: bool },
    Alive,
}

/// All lives that have not ended, by their stage.
#[derive(Debug, Default)]
pub(super) struct Lives {
    starting: AtomicU64,
    restarting: AtomicU64,
    alive: AtomicU64,
}

impl Lives {
    pub(super) fn enter(&self, stage: Stage) {
        self.at(stage).fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn leave(&self, stage: Stage) {
        self.at(stage).fetch_sub(1, Ordering::Relaxed);
    }

    /// Nobody has told whether one of them is stopping.
    pub(super) fn count(&self) -> Headcount {
        let [starting, restarting, alive] =
            [&self.starting, &self.restarting, &self.alive].map(|count| count.load(Ordering::Relaxed));
        Headcount {
            total: Some(starting + restarting + alive),
            alive: Some(alive),
            stopping: None,
            restarting: Some(restarting),
        }
    }

    fn at(&self, stage: Stage) -> &AtomicU64 {
        match stage {
            Stage::Starting { again: false } => &self.starting,
            Stage::Starting { again: true } => &self.restarting,
            Stage::Alive => &self.alive,
        }
    }
}
