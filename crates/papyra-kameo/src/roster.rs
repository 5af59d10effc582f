//! The actors that an observer knows, from the moment they begin to start until their end was seen.

use std::{
    any::TypeId,
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use kameo::{Actor, actor::WeakActorRef};
use papyra::observe::{Headcount, Registry};

use crate::entry::{Entry, Seen, number};
#[cfg(feature = "registry")]
use crate::names::{self, Probe, probe};

/// The rosters of all observers of this process. Hooks and `tracing` events tell which actor they are about, not who
/// observes it.
static ROSTERS: RwLock<Vec<Weak<Roster>>> = RwLock::new(Vec::new());

/// The known actors by their number.
#[derive(Default)]
pub(crate) struct Roster {
    /// Set when observation ends: then nobody enters any more.
    closed: AtomicBool,
    present: RwLock<HashMap<u64, Present>>,
    /// How to ask for a registered actor of each type seen so far.
    #[cfg(feature = "registry")]
    probes: RwLock<HashMap<TypeId, Probe>>,
}

struct Present {
    entry: Arc<Entry>,
    seen: Box<dyn Seen>,
    kind: TypeId,
}

impl Roster {
    /// A roster that hooks find.
    pub(crate) fn open() -> Arc<Self> {
        let roster = Arc::new(Roster::default());
        let mut rosters = write(&ROSTERS);
        rosters.retain(|other| other.strong_count() > 0);
        rosters.push(Arc::downgrade(&roster));
        roster
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// Enters an actor, unless it is known already.
    pub(crate) fn enter<A: Actor>(&self, entry: &Arc<Entry>, actor: WeakActorRef<A>) -> bool {
        let (id, kind) = (number(actor.id()), TypeId::of::<A>());
        #[cfg(feature = "registry")]
        if !read(&self.probes).contains_key(&kind) {
            write(&self.probes).insert(kind, probe::<A>);
        }
        let mut present = write(&self.present);
        if present.contains_key(&id) {
            return false;
        }
        present.insert(id, Present { entry: Arc::clone(entry), seen: Box::new(actor), kind });
        true
    }

    pub(crate) fn leave(&self, id: u64) {
        // What a weak reference keeps may be dropped with it: not under the lock.
        let left = write(&self.present).remove(&id);
        drop(left);
    }

    pub(crate) fn get(&self, id: u64) -> Option<Arc<Entry>> {
        read(&self.present).get(&id).map(|present| Arc::clone(&present.entry))
    }

    /// What an audit says of the actors in it, and of the names in kameo's registry.
    pub(crate) fn count(&self) -> (Headcount, Registry) {
        #[cfg(feature = "registry")]
        let registry = {
            // Not under the lock: whoever spawns an actor of a new type would wait for it.
            let probes: Vec<Probe> = read(&self.probes).values().copied().collect();
            names::snapshot(&probes)
        };
        // With kameo's feature `remote` there is no registry that could be asked.
        #[cfg(not(feature = "registry"))]
        let registry = Registry::default();
        (self.headcount(), registry)
    }

    fn headcount(&self) -> Headcount {
        let (mut alive, mut stopping, mut restarting) = (0, 0, 0);
        for present in read(&self.present).values() {
            match (present.entry.is_restarting(), present.seen.takes_messages()) {
                (true, true) => restarting += 1,
                // Its end was seen, and its mailbox is not kept for another incarnation: it has left.
                (true, false) => {}
                (false, true) => alive += 1,
                (false, false) => stopping += 1,
            }
        }
        let mut headcount = Headcount::default();
        headcount.total = Some(alive + stopping + restarting);
        headcount.alive = Some(alive);
        headcount.stopping = Some(stopping);
        headcount.restarting = Some(restarting);
        headcount
    }
}

/// Tells what each observer knows about the actor of this number.
pub(crate) fn known(number: u64, tell: impl FnMut(Arc<Entry>)) {
    read(&ROSTERS).iter().filter_map(Weak::upgrade).filter_map(|roster| roster.get(number)).for_each(tell);
}

/// Tells what each observer knows about the actor of type `A` that calls this. kameo gives no number then, so all actors of
/// that type are asked.
pub(crate) fn current<A: Actor>(tell: impl FnMut(Arc<Entry>)) {
    let is_it = |present: &&Present| present.kind == TypeId::of::<A>() && present.seen.is_current();
    let find = |roster: Arc<Roster>| read(&roster.present).values().find(is_it).map(|it| Arc::clone(&it.entry));
    read(&ROSTERS).iter().filter_map(Weak::upgrade).filter_map(find).for_each(tell);
}

// Nothing panics under these locks, and what they hold is whole after each step.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use kameo::{actor::Spawn, error::Infallible, prelude::ActorRef};
    use papyra::observe::WeakObservation;

    use super::*;

    struct Idle;

    impl Actor for Idle {
        type Args = ();
        type Error = Infallible;

        async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Infallible> {
            Ok(Idle)
        }
    }

    #[test]
    fn an_actor_counts_until_its_end_was_seen_and_nobody_restarts_it() {
        let roster = Roster::default();
        let prepared = Idle::prepare();
        let entry = Arc::new(Entry::new("orders://idle".into(), WeakObservation::default()));
        roster.enter(&entry, prepared.actor_ref().downgrade());
        let counts = || {
            let count = roster.headcount();
            [count.total, count.alive, count.stopping, count.restarting].map(Option::unwrap)
        };
        assert_eq!(counts(), [1, 1, 0, 0]);
        entry.restarting.store(true, Ordering::Relaxed);
        assert_eq!(counts(), [1, 0, 0, 1]);
        // Its mailbox closes, as it does with the last incarnation.
        drop(prepared);
        assert_eq!(counts(), [0, 0, 0, 0]);
        entry.restarting.store(false, Ordering::Relaxed);
        assert_eq!(counts(), [1, 0, 1, 0]);
    }
}
