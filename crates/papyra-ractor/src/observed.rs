//! The transparent wrapper around an actor.

use std::{
    any::type_name,
    collections::BTreeMap,
    future::Future,
    sync::{Arc, OnceLock, Weak, atomic::Ordering},
    time::Instant,
};

use papyra::{
    Payload,
    observe::{Crash, ExpectedPanic, Restart, caught},
};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::{sight::Sight, trail::Trail};

/// An actor whose life is recorded. To everybody else it is the actor itself: messages, state and arguments are the same,
/// and so are its errors and panics.
pub struct Observed<A> {
    actor: A,
    pub(crate) sight: Weak<Sight>,
    pub(crate) trail: Arc<Trail>,
    /// Set when the actor begins to start. Freed together with the actor, so the roster's weak hold tells its status.
    cell: OnceLock<Arc<ActorCell>>,
}

impl<A: Actor> Observed<A> {
    pub(crate) fn new(actor: A, sight: Weak<Sight>, restart: Restart) -> Self {
        let trail = Trail { message_type: type_name::<A::Msg>(), restart, ..Trail::default() };
        Observed { actor, sight, trail: Arc::new(trail), cell: OnceLock::new() }
    }

    /// Lets the actor work and notes how it fails, if it does; whoever called gets the same error or panic.
    async fn noted<T>(
        &self,
        work: impl Future<Output = Result<T, ActorProcessingErr>>,
    ) -> Result<T, ActorProcessingErr> {
        let (error, crash, done) = match caught(work).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => (error.to_string(), Crash::error(error.to_string()), Ok(Err(error))),
            Err(panic) => (panic.text().to_owned(), panic.crash(), Err(panic)),
        };
        let mut failure = self.trail.failure();
        (failure.error, failure.crash) = (Some(error), Some(crash));
        drop(failure);
        done.unwrap_or_else(|panic| panic.resume())
    }
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl<A: Actor> Actor for Observed<A> {
    type Msg = A::Msg;
    type State = A::State;
    type Arguments = A::Arguments;

    async fn pre_start(&self, myself: ActorRef<A::Msg>, args: A::Arguments) -> Result<A::State, ActorProcessingErr> {
        let cell = self.cell.get_or_init(|| Arc::new(myself.get_cell()));
        if let Some(sight) = self.sight.upgrade() {
            sight.enter(cell, &self.trail);
            sight.roster.with(cell.get_id(), |known| known.cell = Arc::downgrade(cell));
        }
        self.noted(async { self.actor.pre_start(myself, args).await }).await
    }

    async fn post_start(&self, myself: ActorRef<A::Msg>, state: &mut A::State) -> Result<(), ActorProcessingErr> {
        self.trail.launched.store(true, Ordering::Relaxed);
        self.trail.failure().panic = Some(ExpectedPanic::of_this_task());
        if let Some(sight) = self.sight.upgrade() {
            let parent = sight.parent_of(&myself);
            sight.roster.with(myself.get_id(), |known| known.life.set_parent(parent));
        }
        self.noted(async { self.actor.post_start(myself, state).await }).await
    }

    async fn post_stop(&self, myself: ActorRef<A::Msg>, state: &mut A::State) -> Result<(), ActorProcessingErr> {
        let stopped = self.noted(async { self.actor.post_stop(myself, state).await }).await;
        // Should its state or the actor itself panic as it is dropped, that is no crash any more: a panic hook may tell.
        self.trail.failure().panic = None;
        stopped
    }

    async fn handle(
        &self,
        myself: ActorRef<A::Msg>,
        message: A::Msg,
        state: &mut A::State,
    ) -> Result<(), ActorProcessingErr> {
        // On the way of every message: nothing is caught, locked or allocated here.
        let trail = &*self.trail;
        trail.mailbox.taken();
        let begun = trail.processing.get().map(|processing| (processing, Instant::now()));
        let handled = self.actor.handle(myself, message, state).await;
        if let Err(error) = &handled {
            let crash = Crash::error(error.to_string()).handling(Some(trail.message_type));
            trail.failure().crash = Some(crash);
        }
        if let Some((processing, begun)) = begun {
            processing.handled(trail.message_type, begun.elapsed());
        }
        handled
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<A::Msg>,
        heard: SupervisionEvent,
        state: &mut A::State,
    ) -> Result<(), ActorProcessingErr> {
        let child = match &heard {
            SupervisionEvent::ActorTerminated(child, ..) | SupervisionEvent::ActorFailed(child, _) => {
                Some(child.clone())
            }
            _ => None,
        };
        let heeded = self.noted(async { self.actor.handle_supervisor_evt(myself, heard, state).await }).await;
        // A supervisor that fails over its child's end leaves the decision to its own supervisor.
        if let (Err(error), Some(child), Some(sight)) = (&heeded, child, self.sight.upgrade()) {
            let (child, error) = (sight.address_of(&child).to_string(), error.to_string());
            self.trail.failure().escalated = Some(Payload::of(&BTreeMap::from([("child", child), ("error", error)])));
        }
        heeded
    }
}

impl<A> Drop for Observed<A> {
    fn drop(&mut self) {
        self.trail.leave();
        if let Some(sight) = self.sight.upgrade() {
            sight.tell_failed_start(&self.trail);
        }
    }
}
