//! The actors that an observer knows, from the moment they begin to start until their end was heard.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use papyra::observe::{Headcount, Life, Observation, Registry};
use ractor::{ActorCell, ActorId, ActorStatus, registry};

use crate::trail::Trail;

/// What is known about one living actor. It holds no actor: a stopped one is freed as if nobody had observed it.
pub(crate) struct Known {
    pub(crate) life: Life,
    /// `None` for actors that are merely watched.
    pub(crate) trail: Option<Arc<Trail>>,
    /// Whether it restarts its children and gives up at some point.
    pub(crate) supervises: bool,
    name: Option<String>,
    /// The cell that the wrapper holds.
    pub(crate) cell: Weak<ActorCell>,
}

impl Known {
    /// The actor's status now, where it can be known.
    fn status(&self, id: ActorId) -> Option<ActorStatus> {
        if self.trail.is_some() {
            // Gone: either it has not begun, or its end is about to be heard.
            return Some(self.cell.upgrade().map_or(ActorStatus::Stopped, |cell| cell.get_status()));
        }
        // A name leaves the registry when its actor begins to stop.
        let found = registry::where_is(self.name.as_ref()?).filter(|cell| cell.get_id() == id);
        Some(found.map_or(ActorStatus::Stopping, |cell| cell.get_status()))
    }
}

/// The known actors by their ids. Whole ones: an actor of another node may have the number of one of ours.
#[derive(Default)]
pub(crate) struct Roster(Mutex<HashMap<ActorId, Known>>);

impl Roster {
    /// Enters an actor and says whether it was unknown; of a known one, the roster only learns the trail.
    pub(crate) fn enter(&self, observation: &Observation, actor: &ActorCell, trail: Option<&Arc<Trail>>) -> bool {
        match self.known().entry(actor.get_id()) {
            Entry::Occupied(mut known) => {
                known.get_mut().trail = known.get_mut().trail.take().or_else(|| trail.cloned());
                false
            }
            Entry::Vacant(vacant) => {
                let name = actor.get_name();
                let life = match &name {
                    Some(name) => observation.begin(name),
                    None => observation.begin_nameless(actor.get_id()),
                };
                vacant.insert(Known { life, trail: trail.cloned(), supervises: false, name, cell: Weak::new() });
                true
            }
        }
    }

    /// Asks or changes what is known about an actor.
    pub(crate) fn with<T>(&self, actor: ActorId, use_it: impl FnOnce(&mut Known) -> T) -> Option<T> {
        self.known().get_mut(&actor).map(use_it)
    }

    /// Strikes an actor out, once.
    pub(crate) fn end(&self, actor: ActorId) -> Option<Known> {
        self.known().remove(&actor)
    }

    /// How many of the known actors are in which state.
    pub(crate) fn count(&self) -> Headcount {
        let (mut alive, mut stopping, mut restarting, mut unknown) = (0, 0, 0, 0);
        for (&id, known) in &*self.known() {
            match known.status(id) {
                None => unknown += 1,
                Some(ActorStatus::Unstarted | ActorStatus::Starting) if known.life.generation() > 1 => restarting += 1,
                Some(ActorStatus::Draining | ActorStatus::Stopping) => stopping += 1,
                Some(ActorStatus::Stopped) => {}
                Some(_) => alive += 1,
            }
        }
        let mut headcount = Headcount::default();
        headcount.total = Some(alive + stopping + restarting + unknown);
        headcount.alive = (unknown == 0).then_some(alive);
        headcount.stopping = (unknown == 0).then_some(stopping);
        headcount.restarting = Some(restarting);
        headcount
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ActorId, Known>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What ractor's registry holds, which is one for the whole process.
pub(crate) fn registered() -> Registry {
    let names = registry::registered();
    let is_dead = |name: &&String| {
        registry::where_is(name.as_str()).is_some_and(|actor| actor.get_status() == ActorStatus::Stopped)
    };
    let mut registered = Registry::default();
    registered.size = Some(names.len() as u64);
    // The registry holds the actors themselves: a name that leads nowhere cannot be.
    registered.orphans = Some(Vec::new());
    registered.dead = Some(names.iter().filter(is_dead).take(Registry::MAX_NAMES).cloned().collect());
    registered
}
