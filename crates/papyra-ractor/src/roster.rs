//! The actors that an observer knows, from the moment they begin to start until their end was heard.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use papyra::ActorAddress;
use ractor::{ActorCell, ActorId, ActorStatus, registry};

use crate::generations::Generations;

/// What is known about one living actor. It holds no actor: a stopped one is freed as if nobody had observed it.
pub(crate) struct Life {
    pub(crate) address: ActorAddress,
    pub(crate) generation: u64,
    /// The supervisor's address when the actor started.
    pub(crate) parent: Option<String>,
    /// Whether one of its functions returned an error; an end with an error is a panic otherwise.
    pub(crate) returned_error: bool,
    name: Option<String>,
    /// The cell that the actor's own task holds; `None` for actors that are merely watched.
    cell: Option<Weak<ActorCell>>,
}

impl Life {
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

/// How many of the known actors are in which state; `None` where it cannot be known.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Headcount {
    pub(crate) total: u64,
    pub(crate) alive: Option<u64>,
    pub(crate) stopping: Option<u64>,
    pub(crate) restarting: u64,
}

/// The known actors.
#[derive(Default)]
pub(crate) struct Roster {
    living: HashMap<ActorId, Life>,
    generations: Generations,
}

impl Roster {
    /// Enters an actor, unless it is known already. `held` is the cell that the actor's own task holds.
    pub(crate) fn enter(&mut self, address: ActorAddress, cell: &ActorCell, held: Option<&Arc<ActorCell>>) {
        if self.living.contains_key(&cell.get_id()) {
            return;
        }
        let name = cell.get_name();
        let generation = name.as_ref().map_or(1, |name| self.generations.begin(name));
        let held = held.map(Arc::downgrade);
        let life = Life { address, generation, parent: None, returned_error: false, name, cell: held };
        self.living.insert(cell.get_id(), life);
    }

    pub(crate) fn get_mut(&mut self, id: ActorId) -> Option<&mut Life> {
        self.living.get_mut(&id)
    }

    /// Strikes an actor out, once.
    pub(crate) fn end(&mut self, id: ActorId) -> Option<Life> {
        let life = self.living.remove(&id)?;
        if let Some(name) = &life.name {
            self.generations.end(name);
        }
        Some(life)
    }

    pub(crate) fn count(&self) -> Headcount {
        let (mut alive, mut stopping, mut restarting, mut unknown) = (0, 0, 0, 0);
        for (&id, life) in &self.living {
            match life.status(id) {
                None => unknown += 1,
                Some(ActorStatus::Unstarted | ActorStatus::Starting) if life.generation > 1 => restarting += 1,
                Some(ActorStatus::Draining | ActorStatus::Stopping) => stopping += 1,
                Some(ActorStatus::Stopped) => {}
                Some(_) => alive += 1,
            }
        }
        let known = |count| (unknown == 0).then_some(count);
        Headcount {
            total: alive + stopping + restarting + unknown,
            alive: known(alive),
            stopping: known(stopping),
            restarting,
        }
    }
}
