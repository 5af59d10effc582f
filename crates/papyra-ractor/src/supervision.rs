//! Children of a supervisor that restarts them, as `ractor-supervisor` does.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Weak},
    time::Duration,
};

use papyra::observe::RestartCount;
use ractor::{Actor, ActorCell, SpawnErr};

use crate::{Observed, Observer, sight::Sight, spawn::spawn};

type Spawned = Pin<Box<dyn Future<Output = Result<ActorCell, SpawnErr>> + Send>>;

/// The children of one restarting supervisor, observed: [`child`](Supervision::child) makes the spawn function of a child
/// specification. Cheap to clone; all clones are the same supervision.
///
/// The supervisor itself is watched, too: its end with too many restarts is recorded as the decision to give up, or to
/// leave it to its own supervisor. Restarts are counted as a one-for-one supervisor counts them; with a strategy that
/// restarts several children for one failure, each of them counts.
#[derive(Clone, Debug)]
pub struct Supervision {
    sight: Weak<Sight>,
    restarts: Arc<RestartCount>,
}

impl Observer {
    /// The children of one supervisor that ends when it has restarted more than `limit` times within `window`.
    pub fn supervision(&self, limit: usize, window: Duration) -> Supervision {
        Supervision { sight: self.weak(), restarts: Arc::new(RestartCount::new(limit as u64, window)) }
    }
}

impl Supervision {
    /// A spawn function that starts an observed child under the name that the supervisor gives it:
    /// `SpawnFn::new(supervision.child(|| (Orders, arguments)))`. It is called for each start, so it makes a new actor and
    /// new arguments each time.
    ///
    /// It does not keep the observer alive; without one, children start all the same.
    pub fn child<A, F>(&self, make: F) -> impl Fn(ActorCell, String) -> Spawned + Send + Sync + 'static
    where
        A: Actor,
        F: Fn() -> (A, A::Arguments) + Send + Sync + 'static,
    {
        let Supervision { sight, restarts } = self.clone();
        move |supervisor, name| {
            let restart = restarts.starting(supervisor.get_id().pid(), &name);
            if let Some(sight) = sight.upgrade() {
                sight.watch(&supervisor);
                sight.roster.with(supervisor.get_id(), |known| known.supervises = true);
            }
            let (actor, args) = make();
            let spawned = spawn(Some(name), Observed::new(actor, sight.clone(), restart), args, Some(supervisor));
            Box::pin(async { spawned.await.map(|(child, _)| child.get_cell()) })
        }
    }
}
