//! The transparent wrapper around an actor.

use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use papyra::observe::panic_text;
use ractor::{Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::{
    observer::{Sight, is_over},
    watcher::StartFailed,
};

/// An actor whose life is recorded. To everybody else it is the actor itself: messages, state and arguments are the same,
/// and so are its errors and panics.
pub struct Observed<A> {
    actor: A,
    link: Link,
    /// Set when the actor begins to start. Freed together with the actor, so the roster's weak hold tells its status.
    cell: OnceLock<Arc<ActorCell>>,
    /// Whether it came as far as its supervision: from then on ractor tells how it ends, whatever happens.
    launched: AtomicBool,
}

impl<A> Observed<A> {
    pub(crate) fn new(actor: A, link: Link) -> Self {
        Observed { actor, link, cell: OnceLock::new(), launched: AtomicBool::new(false) }
    }

    /// Remembers that the actor's end, if it comes now, is not a panic.
    fn note_error<T>(&self, returned: Result<T, ActorProcessingErr>) -> Result<T, ActorProcessingErr> {
        if returned.is_err()
            && let (Some(cell), Some(sight)) = (self.cell.get(), self.link.sight.upgrade())
            && let Some(known) = sight.roster().get_mut(cell.get_id())
        {
            known.returned_error = true;
        }
        returned
    }
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl<A: Actor> Actor for Observed<A> {
    type Msg = A::Msg;
    type State = A::State;
    type Arguments = A::Arguments;

    async fn pre_start(&self, myself: ActorRef<A::Msg>, args: A::Arguments) -> Result<A::State, ActorProcessingErr> {
        let cell = self.cell.get_or_init(|| Arc::new(myself.get_cell()));
        self.link.enter(cell);
        match caught(async { self.actor.pre_start(myself, args).await }).await {
            Ok(Ok(state)) => Ok(state),
            Ok(Err(error)) => {
                self.link.start_failed(cell.get_id(), &error.to_string());
                Err(error)
            }
            Err(panic) => {
                self.link.start_failed(cell.get_id(), panic_text(&*panic));
                resume_unwind(panic)
            }
        }
    }

    async fn post_start(&self, myself: ActorRef<A::Msg>, state: &mut A::State) -> Result<(), ActorProcessingErr> {
        self.launched.store(true, Ordering::Relaxed);
        self.link.note_parent(&myself);
        self.note_error(self.actor.post_start(myself, state).await)
    }

    async fn post_stop(&self, myself: ActorRef<A::Msg>, state: &mut A::State) -> Result<(), ActorProcessingErr> {
        self.note_error(self.actor.post_stop(myself, state).await)
    }

    async fn handle(
        &self,
        myself: ActorRef<A::Msg>,
        message: A::Msg,
        state: &mut A::State,
    ) -> Result<(), ActorProcessingErr> {
        self.note_error(self.actor.handle(myself, message, state).await)
    }

    async fn handle_supervisor_evt(
        &self,
        myself: ActorRef<A::Msg>,
        heard: SupervisionEvent,
        state: &mut A::State,
    ) -> Result<(), ActorProcessingErr> {
        self.note_error(self.actor.handle_supervisor_evt(myself, heard, state).await)
    }
}

impl<A> Drop for Observed<A> {
    fn drop(&mut self) {
        // Killed in `pre_start`, or refused by a supervisor that is stopping: ractor tells nobody.
        if let Some(cell) = self.cell.get()
            && !self.launched.load(Ordering::Relaxed)
        {
            self.link.start_failed(cell.get_id(), "killed, or refused by its supervisor, before it had started");
        }
    }
}

impl<A: std::fmt::Debug> std::fmt::Debug for Observed<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Observed").field(&self.actor).finish()
    }
}

/// What an observed actor holds of its observer: nothing that keeps observation alive.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) sight: Weak<Sight>,
    pub(crate) watcher: ActorRef<StartFailed>,
}

impl Link {
    /// Enters the actor and listens, before ractor can tell anything about it.
    fn enter(&self, cell: &Arc<ActorCell>) {
        if let Some(sight) = self.sight.upgrade()
            && !is_over(&self.watcher)
        {
            sight.roster().enter(&sight.observation, cell, Some(cell));
            self.watcher.monitor(ActorCell::clone(cell));
        }
    }

    fn note_parent(&self, actor: &ActorCell) {
        if let Some(sight) = self.sight.upgrade() {
            let parent = sight.parent_of(actor);
            if let Some(known) = sight.roster().get_mut(actor.get_id()) {
                known.life.set_parent(parent);
            }
        }
    }

    /// Tells why the actor could not start; only the first telling counts.
    fn start_failed(&self, actor: ActorId, error: &str) {
        // A watcher that has stopped is an observation that has ended.
        let _ = self.watcher.cast(StartFailed { actor, error: error.to_owned() });
    }
}

/// Runs a future up to its own panic, as ractor does around it.
async fn caught<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = Box::pin(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}
