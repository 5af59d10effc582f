//! How an observation is to be.

use super::Observation;
use crate::{Recorder, address::DEFAULT_SYSTEM};

/// The settings of an [`Observation`].
#[derive(Clone, Debug)]
#[must_use = "an observation begins once it is started"]
pub struct ObservationBuilder {
    pub(super) recorder: Recorder,
    pub(super) system: String,
}

impl ObservationBuilder {
    pub(super) fn new(recorder: Recorder) -> Self {
        ObservationBuilder { recorder, system: DEFAULT_SYSTEM.to_owned() }
    }

    /// Names the actor system, the first part of every address; `local` if nobody says otherwise.
    pub fn system(mut self, name: impl Into<String>) -> Self {
        self.system = name.into();
        self
    }

    /// Begins to observe.
    pub fn start(self) -> Observation {
        Observation::start(self)
    }
}
