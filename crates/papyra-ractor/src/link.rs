//! What an observed actor holds of its observer: nothing that keeps observation alive.

use std::sync::{Arc, Weak};

use papyra::observe::Restart;
use ractor::{Actor, ActorCell, ActorId, ActorRef, ActorStatus, Message, SpawnErr};

use crate::{Observed, ObservedRef, sight::Sight, trail::Trail, watcher::StartFailed};

const UNTOLD: &str = "killed, or refused by its supervisor, before it had started";

#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) sight: Weak<Sight>,
    pub(crate) watcher: ActorRef<StartFailed>,
}

impl Link {
    /// Whether observation has ended: a stopped watcher hears nothing, so whoever enters the roster now would stay in it.
    pub(crate) fn is_over(&self) -> bool {
        self.watcher.get_status() >= ActorStatus::Draining
    }

    pub(crate) fn wrap<A: Actor>(&self, actor: A, restart: Restart) -> Observed<A> {
        Observed::new(actor, self.clone(), Trail::new(std::any::type_name::<A::Msg>(), restart))
    }

    pub(crate) fn observed_ref<M: Message>(&self, actor: ActorRef<M>) -> ObservedRef<M> {
        let trail = self.sight.upgrade().and_then(|sight| sight.roster().get_mut(actor.get_id())?.trail.clone());
        ObservedRef::new(actor, self.sight.clone(), trail)
    }

    /// Enters an actor and listens, before ractor can tell anything about it.
    pub(crate) fn enter(&self, cell: &ActorCell, trail: &Arc<Trail>) {
        if trail.begin(cell.get_id())
            && let Some(sight) = self.sight.upgrade()
            && !self.is_over()
        {
            sight.roster().enter(&sight.observation, cell, Some(trail));
            self.watcher.monitor(cell.clone());
        }
    }

    /// Enters an actor that was spawned but may not have come to its own start yet, or never will.
    pub(crate) fn enter_spawned(&self, cell: &ActorCell, trail: &Arc<Trail>) {
        self.enter(cell, trail);
        self.tell_untold(trail);
    }

    /// Tells a failed start that ractor tells nobody.
    pub(crate) fn tell_untold(&self, trail: &Trail) {
        if trail.ended_untold()
            && let Some(id) = trail.id()
        {
            self.start_failed(id, UNTOLD);
        }
    }

    /// Records what the wrapper had no chance to see: a name that was taken, a kill that came before the first step.
    pub(crate) fn spawn_failed(&self, name: Option<&str>, trail: &Trail, error: &SpawnErr) {
        let (Some(sight), false) = (self.sight.upgrade(), self.is_over()) else { return };
        match (error, name) {
            (SpawnErr::ActorAlreadyRegistered(name), _) => sight.observation.start_refused(name, &error.to_string()),
            (_, Some(name)) if trail.id().is_none() => sight.observation.begin(name).start_failed(&error.to_string()),
            _ => {}
        }
    }

    /// See [`Observer::watch`](crate::Observer::watch).
    pub(crate) fn watch(&self, actor: &ActorCell) -> bool {
        let is_alive = || actor.get_status() < ActorStatus::Stopping;
        let Some(sight) = self.sight.upgrade().filter(|_| !self.is_over() && is_alive()) else { return false };
        if !sight.roster().enter(&sight.observation, actor, None) {
            return true;
        }
        self.watcher.monitor(actor.clone());
        let watched = is_alive();
        if !watched {
            // Its end may have been told before we listened.
            self.watcher.unmonitor(actor.clone());
            sight.roster().end(actor.get_id());
        }
        watched
    }

    pub(crate) fn note_parent(&self, actor: &ActorCell) {
        if let Some(sight) = self.sight.upgrade() {
            let parent = sight.parent_of(actor);
            if let Some(known) = sight.roster().get_mut(actor.get_id()) {
                known.life.set_parent(parent);
            }
        }
    }

    /// Tells why the actor could not start; only the first telling counts.
    pub(crate) fn start_failed(&self, actor: ActorId, error: &str) {
        // A watcher that has stopped is an observation that has ended.
        let _ = self.watcher.cast(StartFailed { actor, error: error.to_owned() });
    }
}
