//! What is known about one observed actor, shared by all who meet it: its follower, hooks, audits.

use std::{
    any::Any,
    collections::VecDeque,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use kameo::{
    Actor,
    actor::{ActorId, WeakActorRef},
};
use papyra::{
    ActorAddress,
    observe::{Processing, WeakObservation},
};
use tokio::sync::Notify;

/// How many pieces of news wait for a follower at most: it takes them at once, unless its runtime is gone.
const MAX_NEWS: usize = 1_000;

/// Something that somebody else saw before the actor's follower.
pub(crate) enum News {
    /// The supervisor begins an incarnation.
    Begins,
    /// The present incarnation's `WeakActorRef<A>`.
    Here(Box<dyn Any + Send>),
    /// An incarnation ended: its stop reason as kameo's `tracing` events show it.
    #[cfg(feature = "tracing")]
    Ended(String),
    /// No supervisor can begin another incarnation.
    Abandoned,
}

/// What a hook saw of a panic or error that its actor is about to end with.
#[derive(Default)]
pub(crate) struct Detail {
    pub(crate) location: Option<String>,
    pub(crate) message_type: Option<&'static str>,
}

/// An observed actor, through all its incarnations: they have one id and one mailbox.
pub(crate) struct Entry {
    pub(crate) address: ActorAddress,
    pub(crate) observation: WeakObservation,
    pub(crate) restarting: AtomicBool,
    pub(crate) detail: Mutex<Detail>,
    /// Set as long as processing is measured.
    pub(crate) processing: Mutex<Option<Processing>>,
    /// What the actor is handling, and since when; noted only while processing is measured.
    pub(crate) in_hand: Mutex<Option<(&'static str, Instant)>>,
    news: Mutex<VecDeque<News>>,
    bell: Notify,
}

impl Entry {
    pub(crate) fn new(address: ActorAddress, observation: WeakObservation) -> Self {
        Entry {
            address,
            observation,
            restarting: AtomicBool::new(false),
            detail: Mutex::default(),
            processing: Mutex::default(),
            in_hand: Mutex::default(),
            news: Mutex::default(),
            bell: Notify::new(),
        }
    }

    pub(crate) fn is_restarting(&self) -> bool {
        self.restarting.load(Ordering::Relaxed)
    }

    pub(crate) fn tell(&self, news: News) {
        let mut waiting = lock(&self.news);
        if waiting.len() < MAX_NEWS {
            waiting.push_back(news);
            drop(waiting);
            self.bell.notify_one();
        }
    }

    /// The next piece of news, once there is one. Dropping the future loses none.
    pub(crate) async fn hear(&self) -> News {
        loop {
            if let Some(news) = lock(&self.news).pop_front() {
                return news;
            }
            self.bell.notified().await;
        }
    }
}

/// What an audit and a hook ask an actor whose type they do not know. It keeps no actor alive.
pub(crate) trait Seen: Send + Sync {
    /// Whether the caller is this actor.
    fn is_current(&self) -> bool;
    /// Whether it takes messages.
    fn takes_messages(&self) -> bool;
}

impl<A: Actor> Seen for WeakActorRef<A> {
    fn is_current(&self) -> bool {
        WeakActorRef::is_current(self)
    }

    fn takes_messages(&self) -> bool {
        match self.upgrade() {
            Some(actor) => actor.is_alive(),
            // A supervised actor lives on when nobody has a reference to it.
            None => self.mailbox_sender().upgrade().is_some_and(|mailbox| !mailbox.is_closed()),
        }
    }
}

/// The number that tells an actor from all others of this process.
pub(crate) fn number(id: ActorId) -> u64 {
    id.sequence_id()
}

/// Nothing panics under these locks, and what they hold is whole after each step.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
