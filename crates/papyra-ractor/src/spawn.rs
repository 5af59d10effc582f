//! Spawning an actor whose life is recorded.

use std::future::Future;

use papyra::observe::Restart;
use ractor::{Actor, ActorCell, ActorName, ActorRuntime, SpawnErr, concurrency::JoinHandle};

use crate::{ObservedRef, Observer, link::Link};

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
        spawn(observer.link(), name, actor, args, None, Restart::default())
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
        spawn(observer.link(), name, actor, args, Some(supervisor), Restart::default())
    }

    /// Spawns this actor and does not wait for its start, under a supervisor if you name one.
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
        let link = observer.link();
        let observed = link.wrap(actor, Restart::default());
        let trail = observed.trail();
        let spawned = match supervisor {
            None => ActorRuntime::spawn_instant(name, observed, args),
            Some(supervisor) => ActorRuntime::spawn_linked_instant(name, observed, args, supervisor),
        };
        let (actor, join) = spawned.inspect_err(|error| link.spawn_failed(None, &trail, error))?;
        // From now on it can be killed, even before it makes its first step.
        link.enter_spawned(&actor, &trail);
        Ok((ObservedRef::new(actor, link.sight, Some(trail)), join))
    }
}

impl<A: Actor> SpawnObserved for A {}

pub(crate) async fn spawn<A: Actor>(
    link: Link,
    name: Option<ActorName>,
    actor: A,
    args: A::Arguments,
    supervisor: Option<ActorCell>,
    restart: Restart,
) -> Spawned<A::Msg> {
    let observed = link.wrap(actor, restart);
    let (trail, known_as) = (observed.trail(), name.clone());
    let spawned = match supervisor {
        None => ActorRuntime::spawn(name, observed, args).await,
        Some(supervisor) => ActorRuntime::spawn_linked(name, observed, args, supervisor).await,
    };
    let (actor, join) = spawned.inspect_err(|error| link.spawn_failed(known_as.as_deref(), &trail, error))?;
    Ok((ObservedRef::new(actor, link.sight, Some(trail)), join))
}
