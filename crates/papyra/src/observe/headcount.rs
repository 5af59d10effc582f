//! What an audit counts; what is not known is `None`, never 0.

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
