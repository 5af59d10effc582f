//! One incarnation of one actor.

use super::{Crash, Restart, WeakObservation, facts};
use crate::ActorAddress;

/// One incarnation of one actor or task, from the moment it begins to start. It records what the incarnation lives
/// through, and one of its ends: [`stopped`](Life::stopped), [`crashed`](Life::crashed) or
/// [`start_failed`](Life::start_failed) consumes it. Dropped without one, it records no end.
///
/// It does not keep the observation alive: once that has ended, a life records nothing.
#[derive(Debug)]
#[must_use = "a life that is dropped at once has no end on record"]
pub struct Life {
    observation: WeakObservation,
    address: ActorAddress,
    /// `None` for an actor whose name nobody gave, so that it cannot come again.
    name: Option<String>,
    generation: u64,
    parent: Option<String>,
}

impl Life {
    pub(super) fn new(
        observation: WeakObservation,
        address: ActorAddress,
        name: Option<String>,
        generation: u64,
    ) -> Self {
        Life { observation, address, name, generation, parent: None }
    }

    /// The actor's address.
    pub fn address(&self) -> &ActorAddress {
        &self.address
    }

    /// How often an actor of this name began to start, this time included; always 1 without a name.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The supervisor's address, if there is one and it is known.
    pub fn parent(&self) -> Option<&str> {
        self.parent.as_deref()
    }

    /// Says whose child it is: the supervisor's address.
    pub fn set_parent(&mut self, parent: Option<String>) {
        self.parent = parent;
    }

    /// The actor takes messages from now on.
    pub fn started(&self) {
        if let Some(observation) = self.observation.upgrade() {
            observation.recorder().record(facts::started(self));
        }
    }

    /// The start just recorded was not the first of this name.
    pub fn restarted(&self, restart: Restart) {
        if let Some(observation) = self.observation.upgrade() {
            observation.recorder().record(facts::restarted(self, restart));
        }
    }

    /// The actor did not come as far as taking messages.
    pub fn start_failed(self, error: &str) {
        if let Some(observation) = self.observation.upgrade() {
            observation.record_trouble(facts::start_failed(&self.address, Some(self.generation), error));
        }
    }

    /// The actor ended without an error; a killed one has the reason `killed`.
    pub fn stopped(self, reason: Option<&str>) {
        if let Some(observation) = self.observation.upgrade() {
            observation.recorder().record(facts::stopped(&self, reason));
        }
    }

    /// The actor ended with an error.
    pub fn crashed(self, crash: &Crash) {
        if let Some(observation) = self.observation.upgrade() {
            observation.record_trouble(facts::crashed(&self, crash));
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if let (Some(name), Some(observation)) = (&self.name, self.observation.upgrade()) {
            observation.generations().end(name);
        }
    }
}
