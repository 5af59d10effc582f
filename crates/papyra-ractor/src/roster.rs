//! The actors that an observer knows, from the moment they begin to start until their end was heard.

use std::{
    collections::{HashMap, hash_map::Entry},
    sync::{Arc, Weak},
};

use papyra::observe::{Headcount, Life, Observation};
use ractor::{ActorCell, ActorId, ActorStatus, registry};

/// What is known about one living actor. It holds no actor: a stopped one is freed as if nobody had observed it.
pub(crate) struct Known {
    pub(crate) life: Life,
    /// Whether one of its functions returned an error; an end with an error is a panic otherwise.
    pub(crate) returned_error: bool,
    name: Option<String>,
    /// The cell that the actor's own task holds; `None` for actors that are merely watched.
    cell: Option<Weak<ActorCell>>,
}

impl Known {
    pub(crate) fn is_wrapped(&self) -> bool {
        self.cell.is_some()
    }

    /// The actor's status now, where it can be known.
    fn status(&self, id: ActorId) -> Option<ActorStatus> {
        match &self.cell {
            // Gone, and its end is about to be heard.
            Some(cell) => Some(cell.upgrade().map_or(ActorStatus::Stopped, |cell| cell.get_status())),
            // A name leaves the registry when its actor begins to stop.
            None => self.name.as_ref().map(|name| {
                let found = registry::where_is(name).filter(|cell| cell.get_id() == id);
                found.map_or(ActorStatus::Stopping, |cell| cell.get_status())
            }),
        }
    }
}

/// The known actors.
#[derive(Default)]
pub(crate) struct Roster {
    living: HashMap<ActorId, Known>,
}

impl Roster {
    /// Enters an actor, unless it is known already. `held` is the cell that the actor's own task holds.
    pub(crate) fn enter(&mut self, observation: &Observation, cell: &ActorCell, held: Option<&Arc<ActorCell>>) {
        let Entry::Vacant(vacant) = self.living.entry(cell.get_id()) else { return };
        let name = cell.get_name();
        let life = match &name {
            Some(name) => observation.begin(name),
            None => observation.begin_nameless(cell.get_id()),
        };
        vacant.insert(Known { life, returned_error: false, name, cell: held.map(Arc::downgrade) });
    }

    pub(crate) fn get_mut(&mut self, id: ActorId) -> Option<&mut Known> {
        self.living.get_mut(&id)
    }

    /// Strikes an actor out, once.
    pub(crate) fn end(&mut self, id: ActorId) -> Option<Known> {
        self.living.remove(&id)
    }

    pub(crate) fn count(&self) -> Headcount {
        let (mut alive, mut stopping, mut restarting, mut unknown) = (0, 0, 0, 0);
        for (&id, known) in &self.living {
            match known.status(id) {
                None => unknown += 1,
                Some(ActorStatus::Unstarted | ActorStatus::Starting) if known.life.generation() > 1 => restarting += 1,
                Some(ActorStatus::Draining | ActorStatus::Stopping) => stopping += 1,
                Some(ActorStatus::Stopped) => {}
                Some(_) => alive += 1,
            }
        }
        let certain = |count| (unknown == 0).then_some(count);
        let mut headcount = Headcount::default();
        headcount.total = Some(alive + stopping + restarting + unknown);
        headcount.alive = certain(alive);
        headcount.stopping = certain(stopping);
        headcount.restarting = Some(restarting);
        headcount
    }
}
