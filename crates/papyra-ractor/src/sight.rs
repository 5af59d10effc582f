//! What one observer knows of ractor's actors, and what becomes of it on the record.

use std::sync::{Mutex, MutexGuard, PoisonError};

use papyra::{
    ActorAddress, Why,
    observe::{Crash, Observation, Restart},
};
use ractor::{ActorCell, ActorId};

use crate::{
    roster::{Known, Roster},
    trail::{Failure, Trail},
};

pub(crate) struct Sight {
    pub(crate) observation: Observation,
    roster: Mutex<Roster>,
}

impl Sight {
    pub(crate) fn new(observation: Observation) -> Self {
        Sight { observation, roster: Mutex::default() }
    }

    pub(crate) fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `SYSTEM://NAME`, or `SYSTEM://ID` for an actor without a name.
    pub(crate) fn address_of(&self, actor: &ActorCell) -> ActorAddress {
        match actor.get_name() {
            Some(name) => self.observation.address(&name),
            None => self.observation.address(&actor.get_id().to_string()),
        }
    }

    /// The address of the actor's supervisor.
    pub(crate) fn parent_of(&self, actor: &ActorCell) -> Option<String> {
        let parent = actor.try_get_supervisor()?;
        self.address_of(&parent).as_str().map(str::to_owned)
    }

    pub(crate) fn started(&self, actor: &ActorCell) {
        let mut roster = self.roster();
        let Some(known) = roster.get_mut(actor.get_id()) else { return };
        // The wrapper has noted it down at the start itself; by now, a short-lived actor may have lost it.
        if known.trail.is_none() && known.life.parent().is_none() {
            known.life.set_parent(self.parent_of(actor));
        }
        known.life.started();
        if known.life.generation() > 1 {
            known.life.restarted(known.trail.as_ref().map_or_else(Restart::default, |trail| trail.restart));
        }
    }

    pub(crate) fn stopped(&self, id: ActorId, reason: Option<&str>) {
        self.ended(id, |known| known.life.stopped(reason));
    }

    pub(crate) fn start_failed(&self, id: ActorId, error: &str) {
        self.ended(id, |known| known.life.start_failed(error));
    }

    pub(crate) fn crashed(&self, id: ActorId, error: &str) {
        self.ended(id, |known| {
            // Only the wrapper sees how it failed; of an actor that is merely watched nobody can say.
            let failure = known.trail.as_deref().and_then(Trail::failure);
            let (crash, escalated) = match failure {
                Some(Failure { crash, escalated }) => (crash, escalated),
                None => (Crash::unknown(error), None),
            };
            self.decided(&known, error, escalated);
            known.life.crashed(&crash);
        });
    }

    /// Strikes an actor out and records its end, once, and behind it what it left in its mailbox.
    fn ended(&self, id: ActorId, record: impl FnOnce(Known)) {
        // The lock is not held while facts are recorded.
        let Some(known) = self.roster().end(id) else { return };
        let (address, trail) = (known.life.address().clone(), known.trail.clone());
        record(known);
        if let Some(trail) = trail {
            self.observation.dead_letters(&address, trail.message_type, Why::LeftInMailbox, trail.mailbox.close());
        }
    }
}
