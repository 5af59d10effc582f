//! What one observer knows of ractor's actors, and what becomes of it on the record.

use std::{collections::BTreeMap, sync::Arc};

use papyra::{
    ActorAddress, Payload, Why,
    observe::{Crash, Decision, ExpectedPanic, Observation, Processing},
};
use ractor::{ActorCell, ActorId, ActorRef, ActorStatus, registry};

use crate::{
    roster::{Known, Roster},
    trail::{Failure, Trail},
};

/// How the error begins with which a supervisor of `ractor-supervisor` ends when it has restarted too often.
const GIVEN_UP: &str = "Meltdown";
const UNTOLD: &str = "killed, or refused by its supervisor, before it had started";

/// Observers hold it; the watcher, observed actors and references to them hold it weakly, so that nothing they do keeps an
/// observation alive.
pub(crate) struct Sight {
    pub(crate) observation: Observation,
    pub(crate) roster: Arc<Roster>,
    pub(crate) watcher: ActorRef<u64>,
}

impl Drop for Sight {
    fn drop(&mut self) {
        self.watcher.stop(None);
    }
}

impl Sight {
    /// `SYSTEM://NAME`, or `SYSTEM://ID` for an actor without a name.
    pub(crate) fn address_of(&self, actor: &ActorCell) -> ActorAddress {
        self.observation.address(&actor.get_name().unwrap_or_else(|| actor.get_id().to_string()))
    }

    /// The address of the actor's supervisor.
    pub(crate) fn parent_of(&self, actor: &ActorCell) -> Option<String> {
        actor.try_get_supervisor().map(|parent| self.address_of(&parent).to_string())
    }

    /// Enters an actor and listens, before ractor can tell anything about it.
    pub(crate) fn enter(&self, actor: &ActorCell, trail: &Arc<Trail>) {
        let id = actor.get_id();
        // Its spawner and the actor itself may come here at once: whoever comes second waits until the other listens, or
        // the actor's start would be told to nobody.
        trail.id.get_or_init(|| {
            if !self.is_over() {
                self.roster.enter(&self.observation, actor, Some(trail));
                if let Some(processing) = self.roster.with(id, |known| known.life.processing().cloned()).flatten() {
                    let _ = trail.processing.set(processing);
                }
                self.watcher.monitor(actor.clone());
            }
            id
        });
    }

    /// See [`Observer::watch`](crate::Observer::watch).
    pub(crate) fn watch(&self, actor: &ActorCell) -> bool {
        let is_alive = || actor.get_status() < ActorStatus::Stopping;
        if self.is_over() || !is_alive() || !self.roster.enter(&self.observation, actor, None) {
            return !self.is_over() && is_alive();
        }
        self.watcher.monitor(actor.clone());
        let watched = is_alive();
        if !watched {
            // Its end may have been told before we listened.
            self.watcher.unmonitor(actor.clone());
            self.roster.end(actor.get_id());
        }
        watched
    }

    pub(crate) fn started(&self, actor: &ActorCell) {
        self.roster.with(actor.get_id(), |known| {
            let restart = known.trail.as_ref().map(|trail| trail.restart);
            // The wrapper has noted it down at the start itself; by now, a short-lived actor may have lost it.
            if restart.is_none() {
                known.life.set_parent(self.parent_of(actor));
            }
            known.life.started();
            if known.life.generation() > 1 {
                known.life.restarted(restart.unwrap_or_default());
            }
        });
    }

    pub(crate) fn stopped(&self, actor: ActorId, reason: Option<&str>) {
        self.ended(actor, |known| known.life.stopped(reason));
    }

    pub(crate) fn start_failed(&self, actor: ActorId) {
        self.ended(actor, |known| {
            let error = known.trail.as_ref().and_then(|trail| trail.failure().error.take());
            known.life.start_failed(error.as_deref().unwrap_or(UNTOLD));
        });
    }

    pub(crate) fn crashed(&self, actor: ActorId, error: &str) {
        self.ended(actor, |known| {
            let failure = known.trail.as_ref().map(|trail| std::mem::take(&mut *trail.failure())).unwrap_or_default();
            let given_up = known.supervises && error.starts_with(GIVEN_UP);
            let context = given_up.then(|| Payload::of(&BTreeMap::from([("error", error)]))).or(failure.escalated);
            if let Some(context) = context {
                let decision = known.life.parent().map_or(Decision::GiveUp, |_| Decision::Escalate);
                self.observation.decided(known.life.address(), decision, &context);
            }
            // Only the wrapper sees how it failed; of an actor that is merely watched nobody can say.
            // What it does besides handling messages is caught, and then noted.
            let message_type = known.trail.as_ref().map(|trail| trail.message_type);
            let panicked = |panic: ExpectedPanic| Crash::panic(error).at(panic.location()).handling(message_type);
            let crash = failure.crash.or_else(|| failure.panic.map(panicked));
            known.life.crashed(&crash.unwrap_or_else(|| Crash::unknown(error)));
        });
    }

    /// Strikes an actor out and records its end, once, and behind it what it left in its mailbox.
    fn ended(&self, actor: ActorId, record: impl FnOnce(Known)) {
        let Some(known) = self.roster.end(actor) else { return };
        let (address, trail) = (known.life.address().clone(), known.trail.clone());
        record(known);
        if let Some(trail) = trail {
            self.left_behind(&address, trail.message_type, trail.mailbox.close());
            *trail.failure() = Failure::default();
        }
    }

    pub(crate) fn left_behind(&self, address: &ActorAddress, message_type: &str, count: u64) {
        self.observation.dead_letters(address, message_type, Why::LeftInMailbox, count);
    }

    /// What adds up the messages of the living actor of this name, if that is measured.
    pub(crate) fn processing_of(&self, name: &str) -> Option<Processing> {
        let actor = registry::where_is(name)?.get_id();
        self.roster.with(actor, |known| known.life.processing().cloned()).flatten()
    }

    /// Tells of a failed start of which ractor tells nobody; only the first telling counts. As a message it is heard behind
    /// everything that ractor has told so far: behind the crash of the actor's earlier generation above all.
    pub(crate) fn tell_failed_start(&self, trail: &Trail) {
        if let Some(actor) = trail.start_failed() {
            // A watcher that has stopped is an observation that has ended.
            let _ = self.watcher.cast(actor.pid());
        }
    }

    /// Whether observation has ended.
    pub(crate) fn is_over(&self) -> bool {
        is_over(&self.watcher)
    }
}

/// Whether observation has ended: a stopped watcher hears nothing, so whoever enters the roster now would stay in it.
pub(crate) fn is_over(watcher: &ActorCell) -> bool {
    watcher.get_status() >= ActorStatus::Draining
}

#[cfg(test)]
mod tests {
    use std::{
        hint::spin_loop,
        sync::atomic::{AtomicU64, Ordering},
        thread,
    };

    use papyra::{Log, Recorder};

    use super::*;
    use crate::{Observer, watcher::Watcher};

    #[tokio::test]
    async fn whoever_enters_an_actor_second_finds_it_listened_to() {
        let recorder = Recorder::start(Log::memory()).unwrap();
        let observer = Observer::start(&recorder).await.unwrap();
        let sight = observer.weak().upgrade().unwrap();
        let mut actors = Vec::new();
        for _ in 0..1_000 {
            let (actor, _) = ractor::Actor::spawn(None, Watcher::default(), ()).await.unwrap();
            actors.push((actor.get_cell(), Arc::<Trail>::default(), AtomicU64::new(0)));
        }
        let enter_all = || {
            let known = actors.iter().filter(|(actor, trail, both)| {
                both.fetch_add(1, Ordering::Relaxed);
                while both.load(Ordering::Relaxed) < 2 {
                    spin_loop();
                }
                sight.enter(actor, trail);
                sight.roster.with(actor.get_id(), |_| ()).is_some()
            });
            known.count()
        };
        let known = thread::scope(|scope| [scope.spawn(enter_all), scope.spawn(enter_all)].map(|both| both.join()));
        assert_eq!(known.map(Result::unwrap), [1_000, 1_000]);
        actors.iter().for_each(|(actor, ..)| actor.stop(None));
    }
}
