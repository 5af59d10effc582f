//! What an actor, its spawner and those who send to it leave for the record, without a lock on a message's way.

use std::sync::{
    Mutex, OnceLock, PoisonError, Weak,
    atomic::{AtomicBool, Ordering, fence},
};

use papyra::{
    Payload,
    observe::{Crash, Restart},
};
use ractor::{ActorCell, ActorId, ActorStatus};

use crate::mailbox::Mailbox;

/// Shared by the wrapper around an actor, the roster and the observed references. It holds no actor.
pub(crate) struct Trail {
    pub(crate) message_type: &'static str,
    pub(crate) mailbox: Mailbox,
    pub(crate) restart: Restart,
    /// Set by whoever enters the actor into the roster.
    id: OnceLock<ActorId>,
    /// The cell that the wrapper holds; gone together with the actor.
    cell: OnceLock<Weak<ActorCell>>,
    /// Whether it came as far as its supervision: from then on ractor tells how it ends, whatever happens.
    launched: AtomicBool,
    /// Whether the wrapper was dropped.
    gone: AtomicBool,
    failure: Mutex<Option<Failure>>,
}

/// How the wrapper saw the actor fail; ractor tells the end itself.
pub(crate) struct Failure {
    pub(crate) crash: Crash,
    /// Where a supervisor fails because of a child's end: what it knew.
    pub(crate) escalated: Option<Payload>,
}

impl Trail {
    pub(crate) fn new(message_type: &'static str, restart: Restart) -> Self {
        Trail {
            message_type,
            mailbox: Mailbox::default(),
            restart,
            id: OnceLock::new(),
            cell: OnceLock::new(),
            launched: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            failure: Mutex::new(None),
        }
    }

    /// Whether the caller is to enter the actor: the first one is, be it the spawner or the actor as it starts.
    pub(crate) fn begin(&self, id: ActorId) -> bool {
        self.id.set(id).is_ok()
    }

    pub(crate) fn id(&self) -> Option<ActorId> {
        self.id.get().copied()
    }

    pub(crate) fn hold(&self, cell: Weak<ActorCell>) {
        // It is set once, before the actor starts.
        let _ = self.cell.set(cell);
    }

    pub(crate) fn status(&self) -> ActorStatus {
        match self.cell.get() {
            // Gone, and its end is about to be heard.
            Some(cell) => cell.upgrade().map_or(ActorStatus::Stopped, |cell| cell.get_status()),
            None => ActorStatus::Unstarted,
        }
    }

    pub(crate) fn launch(&self) {
        self.launched.store(true, Ordering::Release);
    }

    pub(crate) fn leave(&self) {
        self.gone.store(true, Ordering::Relaxed);
        // The spawner enters the actor and then asks whether it is gone; here it is the other way round. With the two
        // fences, at least one of both sees what the other did.
        fence(Ordering::SeqCst);
    }

    /// Whether it ended in a way that ractor tells nobody: killed in or before `pre_start`, or refused by a supervisor
    /// that is stopping.
    pub(crate) fn ended_untold(&self) -> bool {
        fence(Ordering::SeqCst);
        self.gone.load(Ordering::Relaxed) && !self.launched.load(Ordering::Acquire)
    }

    pub(crate) fn fail(&self, crash: Crash, escalated: Option<Payload>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(Failure { crash, escalated });
    }

    pub(crate) fn failure(&self) -> Option<Failure> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
