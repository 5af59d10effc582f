//! How an observation is to be.

use std::{fmt, time::Duration};

use super::{Headcount, Observation, Registry, redaction::Redaction};
use crate::{Payload, Recorder, address::DEFAULT_SYSTEM};

/// How many dead letters of one sort are recorded in full per window, unless said otherwise.
const DEAD_LETTERS_IN_FULL: u64 = 10;
const DEAD_LETTER_WINDOW: Duration = Duration::from_secs(10);

/// The settings of an [`Observation`].
#[must_use = "an observation begins once it is started"]
pub struct ObservationBuilder {
    pub(super) recorder: Recorder,
    pub(super) system: String,
    pub(super) in_full: u64,
    pub(super) window: Duration,
    pub(super) redaction: Option<Redaction>,
    pub(super) processing_every: Option<Duration>,
    pub(super) audit_every: Option<Duration>,
    pub(super) count: Option<Count>,
}

/// Counts for an audit; `None` if there is none to be taken.
pub(super) type Count = Box<dyn FnMut() -> Option<(Headcount, Registry)> + Send>;

impl ObservationBuilder {
    pub(super) fn new(recorder: Recorder) -> Self {
        ObservationBuilder {
            recorder,
            system: DEFAULT_SYSTEM.to_owned(),
            in_full: DEAD_LETTERS_IN_FULL,
            window: DEAD_LETTER_WINDOW,
            redaction: None,
            processing_every: None,
            audit_every: None,
            count: None,
        }
    }

    /// Names the actor system, the first part of every address; `local` if nobody says otherwise.
    pub fn system(mut self, name: impl Into<String>) -> Self {
        self.system = name.into();
        self
    }

    /// How many dead letters of the same target, message type and reason are recorded in full within each
    /// [window](ObservationBuilder::dead_letter_window); 10 unless said otherwise. The rest is counted: a dead letter with
    /// a `count` follows when the window is over.
    pub fn dead_letters_in_full(mut self, most: u64) -> Self {
        self.in_full = most;
        self
    }

    /// How long a window for [`dead_letters_in_full`](ObservationBuilder::dead_letters_in_full) is; 10 s unless said
    /// otherwise.
    pub fn dead_letter_window(mut self, window: Duration) -> Self {
        self.window = window;
        self
    }

    /// Records the payloads of dead letters that are recorded in full, as far as this hook lets them through: it gets the
    /// message's type and payload, and gives what may stand in the log. Without a hook, payloads are neither made nor kept.
    /// A payload above 64 KiB is left out. The hook runs on the sender's thread.
    pub fn payloads(mut self, hook: impl Fn(&str, Payload) -> Option<Payload> + Send + Sync + 'static) -> Self {
        self.redaction = Some(Redaction::new(hook));
        self
    }

    /// Adds up how many messages of each type every actor handles and how long that takes, and records the sums so
    /// often, where the actors' adapter can tell. Off unless called.
    pub fn processing_every(mut self, period: Duration) -> Self {
        self.processing_every = Some(period);
        self
    }

    /// Records an audit so often, the first one after that time; at most every 10 ms. Without it there are only the audits
    /// asked for with [`Observation::audit`].
    pub fn audit_every(mut self, period: Duration) -> Self {
        self.audit_every = Some(period);
        self
    }

    /// Where the audits of [`audit_every`](ObservationBuilder::audit_every) take their figures from, for adapters that know
    /// more than [`Observation::headcount`]. On `None` there is no audit this time. It is called on the observation's own
    /// thread and must not hold the observation, or that would never end.
    pub fn count_with(mut self, count: impl FnMut() -> Option<(Headcount, Registry)> + Send + 'static) -> Self {
        self.count = Some(Box::new(count));
        self
    }

    /// Begins to observe.
    pub fn start(self) -> Observation {
        Observation::start(self)
    }
}

impl fmt::Debug for ObservationBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObservationBuilder").field("system", &self.system).finish_non_exhaustive()
    }
}
