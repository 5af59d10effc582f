//! Spawning actors whose lives are recorded.

use std::future::Future;

use kameo::{
    Actor,
    actor::{ActorRef, Spawn},
    mailbox::{MailboxReceiver, MailboxSender},
};

use crate::{ObservedChild, ObservedRef, Observer};

/// kameo's `spawn` and `supervise` for actors whose lives are to be recorded. Every actor has them.
///
/// For other ways to spawn, in a thread of its own say: [prepare](Spawn::prepare) the actor,
/// [watch](Observer::watch) its reference, and spawn what you prepared.
pub trait SpawnObserved: Actor {
    /// Spawns this actor with kameo's usual mailbox, for 64 messages. Without a name it is known by its number.
    fn spawn_observed(observer: &Observer, name: Option<&str>, args: Self::Args) -> ObservedRef<Self> {
        let prepared = Self::prepare();
        let actor = observer.watch(prepared.actor_ref(), name);
        prepared.spawn(args);
        actor
    }

    /// Spawns this actor with the mailbox that you choose.
    fn spawn_observed_with_mailbox(
        observer: &Observer,
        name: Option<&str>,
        args: Self::Args,
        mailbox: (MailboxSender<Self>, MailboxReceiver<Self>),
    ) -> ObservedRef<Self> {
        let prepared = Self::prepare_with_mailbox(mailbox);
        let actor = observer.watch(prepared.actor_ref(), name);
        prepared.spawn(args);
        actor
    }

    /// Spawns this actor linked to another one, which you name; the observer is linked to none.
    fn spawn_link_observed<L: Actor>(
        observer: &Observer,
        name: Option<&str>,
        link: &ActorRef<L>,
        args: Self::Args,
    ) -> impl Future<Output = ObservedRef<Self>> + Send {
        async move {
            let prepared = Self::prepare();
            prepared.actor_ref().link(link).await;
            let actor = observer.watch(prepared.actor_ref(), name);
            prepared.spawn(args);
            actor
        }
    }

    /// Prepares this actor to be spawned under a supervisor that may restart it; `args` is asked once per incarnation.
    fn supervise_observed<'a, S: Actor>(
        observer: &Observer,
        name: &str,
        supervisor: &'a ActorRef<S>,
        args: impl Fn() -> Self::Args + Send + Sync + 'static,
    ) -> ObservedChild<'a, S, Self> {
        ObservedChild::new(observer, name, supervisor, args)
    }
}

impl<A: Actor> SpawnObserved for A {}
