//! What an actor, its spawner and those who send to it leave for the record, without a lock on a message's way.

use std::sync::{
    Mutex, MutexGuard, OnceLock, PoisonError,
    atomic::{AtomicBool, Ordering, fence},
};

use papyra::{
    Payload,
    observe::{Crash, ExpectedPanic, Mailbox, Processing, Restart},
};
use ractor::ActorId;

/// Shared by the wrapper around an actor, the roster and the observed references. It holds no actor.
#[derive(Default)]
pub(crate) struct Trail {
    pub(crate) message_type: &'static str,
    pub(crate) restart: Restart,
    pub(crate) mailbox: Mailbox,
    pub(crate) processing: OnceLock<Processing>,
    /// The actor's id, set by whoever enters it into the roster: the spawner, or the actor as it starts.
    pub(crate) id: OnceLock<ActorId>,
    /// Whether it came as far as its supervision: from then on ractor tells how it ends, whatever happens.
    pub(crate) launched: AtomicBool,
    pub(crate) gone: AtomicBool,
    pub(crate) failure: Mutex<Failure>,
}

/// How the wrapper saw the actor fail; that it ends, ractor tells.
#[derive(Default)]
pub(crate) struct Failure {
    pub(crate) error: Option<String>,
    pub(crate) crash: Option<Crash>,
    /// Where it panicked over a message; what the panic said, ractor tells.
    pub(crate) panic: Option<ExpectedPanic>,
    /// What a supervisor knew that fails because of its child's end.
    pub(crate) escalated: Option<Payload>,
}

impl Trail {
    pub(crate) fn failure(&self) -> MutexGuard<'_, Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The wrapper is gone.
    pub(crate) fn leave(&self) {
        self.gone.store(true, Ordering::Release);
        // The spawner sets the id and then asks whether the wrapper is gone; the wrapper does it the other way round. With
        // the two fences, at least one of both sees what the other did.
        fence(Ordering::SeqCst);
    }

    /// The id of an actor whose start failed, which ractor tells nobody but the spawner: an error, a kill in or before
    /// `pre_start`, a supervisor that is stopping.
    pub(crate) fn start_failed(&self) -> Option<ActorId> {
        fence(Ordering::SeqCst);
        let failed = self.gone.load(Ordering::Acquire) && !self.launched.load(Ordering::Relaxed);
        self.id.get().copied().filter(|_| failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_second_knows_of_the_failed_start() {
        let spawner_first = Trail::default();
        spawner_first.id.set(ActorId::Local(7)).unwrap();
        assert_eq!(spawner_first.start_failed(), None);
        spawner_first.leave();
        assert_eq!(spawner_first.start_failed(), Some(ActorId::Local(7)));

        let wrapper_first = Trail::default();
        wrapper_first.leave();
        assert_eq!(wrapper_first.start_failed(), None);
        wrapper_first.id.set(ActorId::Local(7)).unwrap();
        assert_eq!(wrapper_first.start_failed(), Some(ActorId::Local(7)));
    }

    #[test]
    fn an_actor_that_was_launched_has_an_end_of_its_own() {
        let trail = Trail::default();
        trail.id.set(ActorId::Local(7)).unwrap();
        trail.launched.store(true, Ordering::Relaxed);
        trail.leave();
        assert_eq!(trail.start_failed(), None);
    }
}
