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
    observe::{Life, Processing, WeakObservation},
};
use tokio::sync::Notify;

/// How many references, and how many ends, wait for a follower at most: it takes them at once, unless its runtime is gone.
const MAX_NEWS: usize = 1_000;

/// Whether any observer of this process measures what actors handle: as long as none does, that costs nothing.
static MEASURED: AtomicBool = AtomicBool::new(false);

pub(crate) fn is_measured() -> bool {
    MEASURED.load(Ordering::Relaxed)
}

/// What others saw before the actor's follower.
#[derive(Default)]
struct News {
    /// How many incarnations the supervisor has begun.
    begun: u64,
    /// References to incarnations, each with its number: a hook runs in the incarnation that was begun last.
    here: VecDeque<(u64, Box<dyn Any + Send>)>,
    /// Stop reasons as kameo's `tracing` events show them, one for each incarnation, if there are such events.
    ends: VecDeque<String>,
    has_ends: bool,
}

/// What a hook saw of a panic or error that its actor is about to end with.
#[derive(Default)]
pub(crate) struct Detail {
    /// Which incarnation it was: in a storm of crashes the follower may be some behind.
    pub(crate) incarnation: u64,
    pub(crate) location: Option<String>,
    pub(crate) message_type: Option<&'static str>,
}

/// An observed actor, through all its incarnations: they have one id and one mailbox.
pub(crate) struct Entry {
    pub(crate) address: ActorAddress,
    pub(crate) observation: WeakObservation,
    pub(crate) restarting: AtomicBool,
    detail: Mutex<Detail>,
    /// Set as long as processing is measured.
    processing: Mutex<Option<Processing>>,
    /// What the actor is handling, and since when; noted only while processing is measured.
    in_hand: Mutex<Option<(&'static str, Instant)>>,
    news: Mutex<News>,
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

    /// The actor begins to handle a message of this type, or none.
    pub(crate) fn take_up(&self, message_type: Option<&'static str>) {
        // Another observer may measure, but this one does not.
        if lock(&self.processing).is_some() {
            *lock(&self.in_hand) = message_type.map(|message_type| (message_type, Instant::now()));
        }
    }

    /// The actor is done with what it had in hand, if that was noted: it counts as handled. Its type.
    pub(crate) fn put_down(&self) -> Option<&'static str> {
        let (message_type, since) = lock(&self.in_hand).take()?;
        if let Some(processing) = &*lock(&self.processing) {
            processing.handled(message_type, since.elapsed());
        }
        Some(message_type)
    }

    /// Another incarnation begins.
    pub(crate) fn begin(&self, life: &Life) {
        let processing = life.processing().cloned();
        MEASURED.fetch_or(processing.is_some(), Ordering::Relaxed);
        *lock(&self.processing) = processing;
        self.restarting.store(false, Ordering::Relaxed);
    }

    pub(crate) fn is_restarting(&self) -> bool {
        self.restarting.load(Ordering::Relaxed)
    }

    /// The supervisor begins an incarnation.
    pub(crate) fn tell_begin(&self) {
        lock(&self.news).begun += 1;
        self.bell.notify_one();
    }

    /// The `WeakActorRef<A>` of the present incarnation.
    pub(crate) fn tell_here(&self, actor: Box<dyn Any + Send>) {
        let mut news = lock(&self.news);
        let begun = news.begun;
        news.here.truncate(MAX_NEWS);
        news.here.push_back((begun, actor));
        drop(news);
        self.bell.notify_one();
    }

    /// The next incarnation has ended.
    #[cfg(feature = "tracing")]
    pub(crate) fn tell_end(&self, reason: String) {
        let mut news = lock(&self.news);
        news.has_ends = true;
        news.ends.truncate(MAX_NEWS);
        news.ends.push_back(reason);
        drop(news);
        self.bell.notify_one();
    }

    pub(crate) fn tell_detail(&self, location: Option<String>, message_type: Option<&'static str>) {
        let incarnation = lock(&self.news).begun;
        *lock(&self.detail) = Detail { incarnation, location, message_type };
    }

    /// What a hook saw of the end of this incarnation, if any did.
    pub(crate) fn take_detail(&self, incarnation: u64) -> Detail {
        let mut detail = lock(&self.detail);
        if detail.incarnation == incarnation { std::mem::take(&mut *detail) } else { Detail::default() }
    }

    /// Returns when something may have been told since the last time.
    pub(crate) async fn news(&self) {
        self.bell.notified().await;
    }

    /// Whether this incarnation, counted from 1, has begun.
    pub(crate) fn has_begun(&self, incarnation: u64) -> bool {
        lock(&self.news).begun >= incarnation
    }

    /// A reference to this incarnation. Those to earlier ones are forgotten.
    pub(crate) fn take_here(&self, incarnation: u64) -> Option<Box<dyn Any + Send>> {
        let mut news = lock(&self.news);
        let past = news.here.iter().take_while(|(of, _)| *of <= incarnation).count();
        // What a reference keeps may be dropped with it: not under the lock.
        let past: Vec<_> = news.here.drain(..past).collect();
        drop(news);
        past.into_iter().rfind(|(of, _)| *of == incarnation).map(|(_, actor)| actor)
    }

    pub(crate) fn take_end(&self) -> Option<String> {
        lock(&self.news).ends.pop_front()
    }

    /// Whether each end is told.
    pub(crate) fn has_ends(&self) -> bool {
        lock(&self.news).has_ends
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
