//! Spawning an actor whose life is recorded.

use std::future::Future;

use ractor::{Actor, ActorCell, ActorName, ActorRuntime, SpawnErr, concurrency::JoinHandle};

use crate::{ObservedRef, Observer};

/// What ractor's `spawn` returns, with an observed reference.
type Spawned<M> = Result<(ObservedRef<M>, JoinHandle<()>), SpawnErr>;

/// ractor's `spawn` and `spawn_linked` for actors whose life is to be recorded. Every actor has them.
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
        spawn(observer.clone(), name, actor, args, None)
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
        spawn(observer.clone(), name, actor, args, Some(supervisor))
    }
}

impl<A: Actor> SpawnObserved for A {}

async fn spawn<A: Actor>(
    observer: Observer,
    name: Option<ActorName>,
    actor: A,
    args: A::Arguments,
    supervisor: Option<ActorCell>,
) -> Spawned<A::Msg> {
    let observed = observer.wrap(actor);
    let spawned = match supervisor {
        None => ActorRuntime::spawn(name, observed, args).await,
        Some(supervisor) => ActorRuntime::spawn_linked(name, observed, args, supervisor).await,
    };
    match spawned {
        Ok((actor, join)) => Ok((observer.observed_ref(actor), join)),
        Err(error) => {
            // All other failures happen in the wrapper's sight.
            if let SpawnErr::ActorAlreadyRegistered(name) = &error {
                observer.name_taken(name, &error);
            }
            Err(error)
        }
    }
}
