//! One incarnation of one actor.

use super::{Crash, Observation, Processing, Restart, WeakObservation, facts, headcount::Stage, observing::Observing};
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
    stage: Stage,
    processing: Option<Processing>,
}

impl Life {
    pub(super) fn begin(
        observation: &Observation,
        address: ActorAddress,
        name: Option<String>,
        generation: u64,
    ) -> Self {
        let observing = observation.observing();
        let stage = Stage::Starting { again: generation > 1 };
        observing.lives.enter(stage);
        let processing = observing.processing_of(&address);
        let observation = observation.downgrade();
        Life { observation, address, name, generation, parent: None, stage, processing }
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

    /// What adds up the messages that this actor handles. `None` if nobody asked for it with
    /// [`processing_every`](super::ObservationBuilder::processing_every): then there is no need to look at a clock.
    pub fn processing(&self) -> Option<&Processing> {
        self.processing.as_ref()
    }

    /// The actor takes messages from now on.
    pub fn started(&mut self) {
        if let Some(observation) = self.observation.upgrade() {
            let observing = observation.observing();
            observing.recorder.record(facts::started(self));
            observing.lives.leave(std::mem::replace(&mut self.stage, Stage::Alive));
            observing.lives.enter(self.stage);
        }
    }

    /// The start just recorded was not the first of this name.
    pub fn restarted(&self, restart: Restart) {
        if let Some(observation) = self.observation.upgrade() {
            observation.recorder().record(facts::restarted(self, restart));
        }
    }

    /// The actor did not come as far as taking messages.
    pub fn start_failed(mut self, error: &str) {
        self.end(|life, observing| {
            observing.record_trouble(facts::start_failed(&life.address, Some(life.generation), error));
        });
    }

    /// The actor ended without an error; a killed one has the reason `killed`.
    pub fn stopped(mut self, reason: Option<&str>) {
        self.end(|life, observing| observing.recorder.record(facts::stopped(life, reason)));
    }

    /// The actor ended with an error. If an earlier generation in a row crashed on the same type of message, an event
    /// `PoisonMessage` says so as well.
    pub fn crashed(mut self, crash: &Crash) {
        self.end(|life, observing| {
            let poisoned = life.name.as_ref().zip(crash.message_type.as_ref()).and_then(|(name, message_type)| {
                let generations = observing.generations().crash(name, life.generation, message_type);
                (generations > 1).then(|| facts::poisoned(&life.address, message_type, generations, &crash.error))
            });
            observing.record_trouble(facts::crashed(life, crash));
            if let Some(poisoned) = poisoned {
                observing.recorder.record(poisoned);
            }
        });
    }

    /// For the fact of its end: nothing is told of it afterwards.
    pub(super) fn take_address(&mut self) -> ActorAddress {
        std::mem::replace(&mut self.address, ActorAddress::UNKNOWN)
    }

    /// It ends, once: what was counted is told before its end.
    fn end(&mut self, tell: impl FnOnce(&mut Self, &Observing)) {
        let Some(observation) = std::mem::take(&mut self.observation).upgrade() else { return };
        let observing = observation.observing();
        for sum in self.processing.iter().flat_map(Processing::take) {
            observing.recorder.record(sum);
        }
        tell(self, observing);
        observing.lives.leave(self.stage);
        if let Some(name) = self.name.take() {
            observing.generations().end(name);
        }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.end(|_, _| {});
    }
}
