//! The transparent wrapper around an actor.

use std::{
    any::Any,
    future::{Future, poll_fn},
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::pin,
    sync::{Arc, OnceLock},
    task::Poll,
};

use papyra::{
    Payload,
    observe::{Crash, panic_text},
};
use ractor::{Actor, ActorCell, ActorProcessingErr, ActorRef, SupervisionEvent};

use crate::{link::Link, trail::Trail};

/// An actor whose life is recorded. To everybody else it is the actor itself: messages, state and arguments are the same,
/// and so are its errors and panics.
pub struct Observed<A> {
    actor: A,
    link: Link,
    trail: Arc<Trail>,
    /// Set when the actor begins to start. Freed together with the actor, so the trail's weak hold tells its status.
    cell: OnceLock<Arc<ActorCell>>,
}

impl<A> Observed<A> {
    pub(crate) fn new(actor: A, link: Link, trail: Trail) -> Self {
        Observed { actor, link, trail: Arc::new(trail), cell: OnceLock::new() }
    }

    pub(crate) fn trail(&self) -> Arc<Trail> {
        self.trail.clone()
    }

    /// Lets the actor work and notes how it fails, if it does; whoever called gets the same error or panic.
    async fn noted(
        &self,
        handling: Option<&'static str>,
        work: impl Future<Output = Result<(), ActorProcessingErr>>,
    ) -> Result<(), ActorProcessingErr> {
        match caught(work).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                self.trail.fail(Crash::error(error.to_string()).handling::<&str>(handling), None);
                Err(error)
            }
            Err(panic) => {
                self.trail.fail(Crash::panic(panic_text(&*panic)).handling::<&str>(handling), None);
                resume_unwind(panic)
            }
        }
    }
}

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl<A: Actor> Actor for Observed<A> {
    type Msg = A::Msg;
    type State = A::State;
    type Arguments = A::Arguments;

    async fn pre_start(&self, myself: ActorRef<A::Msg>, args: A::Arguments) -> Result<A::State, ActorProcessingErr> {
        let cell = self.cell.get_or_init(|| Arc::new(myself.get_cell()));
        self.trail.hold(Arc::downgrade(cell));
        self.link.enter(cell, &self.trail);
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
        self.trail.launch();
        self.link.note_parent(&myself);
        self.noted(None, async { self.actor.post_start(myself, state).await }).await
    }

    async fn post_stop(&self, myself: ActorRef<A::Msg>, state: &mut A::State) -> Result<(), ActorProcessingErr> {
        self.noted(None, async { self.actor.post_stop(myself, state).await }).await
    }

    async fn handle(
        &self,
        myself: ActorRef<A::Msg>,
        message: A::Msg,
        state: &mut A::State,
    ) -> Result<(), ActorProcessingErr> {
        self.trail.mailbox.handled();
        self.noted(Some(self.trail.message_type), async { self.actor.handle(myself, message, state).await }).await
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
        let heeded = self.noted(None, async { self.actor.handle_supervisor_evt(myself, heard, state).await }).await;
        if let (Err(error), Some(child)) = (&heeded, child) {
            // A supervisor that fails over its child's end leaves the decision to its own supervisor.
            let error = error.to_string();
            let context = self.link.sight.upgrade().map(|sight| {
                let child = sight.address_of(&child);
                Payload::of(&[("child", child.to_string()), ("error", error.clone())].into_iter().collect::<Context>())
            });
            self.trail.fail(Crash::error(error), context);
        }
        heeded
    }
}

type Context = std::collections::BTreeMap<&'static str, String>;

impl<A> Drop for Observed<A> {
    fn drop(&mut self) {
        self.trail.leave();
        self.link.tell_untold(&self.trail);
    }
}

impl<A: std::fmt::Debug> std::fmt::Debug for Observed<A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Observed").field(&self.actor).finish()
    }
}

/// Runs a future up to its own panic, as ractor does around it.
async fn caught<F: Future>(future: F) -> Result<F::Output, Box<dyn Any + Send>> {
    let mut future = pin!(future);
    poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
        Ok(polled) => polled.map(Ok),
        Err(panic) => Poll::Ready(Err(panic)),
    })
    .await
}
