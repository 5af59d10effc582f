//! What supervisors do about an actor that ended.

/// What is known about a restart; what is not known is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Restart {
    /// How many restarts the supervisor has counted within its window, this one included.
    pub in_window: Option<u64>,
    /// How many it allows.
    pub limit: Option<u64>,
}

impl Restart {
    /// The so many-th restart of so many that the supervisor allows within its window.
    pub fn counted(in_window: u64, limit: u64) -> Self {
        Restart { in_window: Some(in_window), limit: Some(limit) }
    }
}

/// What a supervisor decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Decision {
    /// To start the actor again.
    Restart,
    /// Not to start it any more: it has been restarted too often.
    GiveUp,
    /// To leave it to its own supervisor.
    Escalate,
    /// To leave it stopped, as it was told.
    Stop,
}

impl Decision {
    /// The word that stands in logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Decision::Restart => "restart",
            Decision::GiveUp => "give_up",
            Decision::Escalate => "escalate",
            Decision::Stop => "stop",
        }
    }
}
