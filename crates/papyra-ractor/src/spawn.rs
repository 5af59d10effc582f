//! Spawning an actor whose life is recorded.

use std::{
    future::Future,
    sync::{Arc, Weak},
};

use papyra::observe::Restart;
use ractor::{Actor, ActorCell, ActorName, ActorRuntime, SpawnErr, concurrency::JoinHandle};

use crate::{Observed, ObservedRef, Observer, sight::Sight, trail::Trail};

/// What ractor's `spawn` returns, with an observed reference.
type Spawned<M> = Result<(ObservedRef<M>, JoinHandle<()>), SpawnErr>;

/// What ractor's `spawn_instant` returns, with an observed reference.
type SpawnedInstantly<M> = Result<(ObservedRef<M>, JoinHandle<Result<JoinHandle<()>, SpawnErr>>), SpawnErr>;

/// ractor's functions to spawn, for actors whose life is to be recorded. Every actor has them.
pub trait SpawnObserved: Actor {
    /// Spawns this actor without a supervisor.
    ///
    /// # Errors
    /// ractor's own; a failed start is recorded as well.
    fn spawn_observed(
        observer: &Observer,
        name: Option<ActorName>,
        actor: Self,
        args: Self::Arguments,
    ) -> impl Future<Output = Spawned<Self::Msg>> + Send {
        spawn(name, Observed::new(actor, observer.weak(), Restart::default()), args, None)
    }

    /// Spawns this actor under the supervisor that you name; the observer is none.
    ///
    /// # Errors
    /// ractor's own; a failed start is recorded as well.
    fn spawn_linked_observed(
        observer: &Observer,
        name: Option<ActorName>,
        actor: Self,
        args: Self::Arguments,
        supervisor: ActorCell,
    ) -> impl Future<Output = Spawned<Self::Msg>> + Send {
        spawn(name, Observed::new(actor, observer.weak(), Restart::default()), args, Some(supervisor))
    }

    /// Spawns this actor, under a supervisor if you name one, and does not wait for its start.
    ///
    /// # Errors
    /// ractor's own: the name is taken, which is recorded as well. A start that fails is recorded, and the task returns the
    /// error.
    fn spawn_instant_observed(
        observer: &Observer,
        name: Option<ActorName>,
        actor: Self,
        args: Self::Arguments,
        supervisor: Option<ActorCell>,
    ) -> SpawnedInstantly<Self::Msg> {
        let observed = Observed::new(actor, observer.weak(), Restart::default());
        let (sight, trail) = (observed.sight.clone(), observed.trail.clone());
        let spawned = match supervisor {
            None => ActorRuntime::spawn_instant(name, observed, args),
            Some(supervisor) => ActorRuntime::spawn_linked_instant(name, observed, args, supervisor),
        };
        let (actor, join) = spawned.inspect_err(|error| failed(&sight, &trail, None, error))?;
        // From now on it can be killed, even before its first step.
        if let Some(sight) = sight.upgrade() {
            sight.enter(&actor, &trail);
            sight.tell_failed_start(&trail);
        }
        Ok((ObservedRef::new(actor, &sight, Some(trail)), join))
    }
}

impl<A: Actor> SpawnObserved for A {}

pub(crate) async fn spawn<A: Actor>(
    name: Option<ActorName>,
    observed: Observed<A>,
    args: A::Arguments,
    supervisor: Option<ActorCell>,
) -> Spawned<A::Msg> {
    let (sight, trail, named) = (observed.sight.clone(), observed.trail.clone(), name.clone());
    let spawned = match supervisor {
        None => ActorRuntime::spawn(name, observed, args).await,
        Some(supervisor) => ActorRuntime::spawn_linked(name, observed, args, supervisor).await,
    };
    let (actor, join) = spawned.inspect_err(|error| failed(&sight, &trail, named.as_deref(), error))?;
    Ok((ObservedRef::new(actor, &sight, Some(trail)), join))
}

/// Records what the wrapper had no chance to see: a name that was taken, a kill that came before the first step.
fn failed(sight: &Weak<Sight>, trail: &Arc<Trail>, name: Option<&str>, error: &SpawnErr) {
    let Some(sight) = sight.upgrade().filter(|sight| !sight.is_over()) else { return };
    match (error, name) {
        (SpawnErr::ActorAlreadyRegistered(name), _) => sight.observation.start_refused(name, &error.to_string()),
        (_, Some(name)) if trail.id.get().is_none() => sight.observation.begin(name).start_failed(&error.to_string()),
        _ => {}
    }
}
