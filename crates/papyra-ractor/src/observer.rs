//! The observer: how it is started and stopped, and whom it observes.

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::{Arc, Weak},
    time::Duration,
};

use papyra::{
    Error, ErrorKind, Recorder, Result,
    observe::{Observation, ObservationBuilder, Restart},
};
use ractor::{Actor, ActorCell, ActorRef, Message};

use crate::{
    Completions, Discards, Observed, ObservedRef,
    roster::{Roster, registered},
    sight::{Sight, is_over},
    watcher::Watcher,
};

/// Observes actors and records what they live through. Cheap to clone; all clones are the same observer.
///
/// When the last clone is dropped, observation ends at once; [`stop`](Observer::stop) records what was seen so far first.
/// In both cases the actors run on, and those that were observed behave like any other actor.
#[derive(Clone)]
pub struct Observer {
    sight: Arc<Sight>,
    /// The observation ends with the last of these, and it is an observer that drops it: not an actor which holds the sight
    /// for a moment.
    observation: Observation,
}

impl Observer {
    /// Starts to observe; what is seen goes to this recorder. Await the result.
    pub fn start(recorder: &Recorder) -> ObserverBuilder {
        ObserverBuilder { observation: Observation::of(recorder) }
    }

    /// Wraps an actor so that its life is recorded, for those who spawn it in a way of their own, such as a factory's
    /// worker builder. Everybody else calls [`spawn_observed`](crate::SpawnObserved::spawn_observed).
    ///
    /// A wrapped actor that is killed before its first step leaves no fact: nobody told its name.
    pub fn wrap<A: Actor>(&self, actor: A) -> Observed<A> {
        Observed::new(actor, self.weak(), Restart::default())
    }

    /// Watches an actor that was spawned without this observer. Its start is recorded if it is still to come, its end in any
    /// case; whether a crash was a panic, what was left in its mailbox, and with an actor without a name whether it is
    /// stopping, cannot be known.
    ///
    /// Returns whether it is observed: an actor that is stopping or has ended is not, and none is after [`stop`](Observer::stop).
    pub fn watch(&self, actor: &ActorCell) -> bool {
        self.sight.watch(actor)
    }

    /// The reference to an actor, made to record as dead letters what cannot be delivered.
    pub fn observed_ref<M: Message>(&self, actor: ActorRef<M>) -> ObservedRef<M> {
        ObservedRef::new(actor, &self.weak(), None)
    }

    /// Records what the factory of this name discards: give it to the factory as its `discard_handler`, in an `Arc`.
    pub fn discards(&self, factory: &str) -> Discards {
        Discards { target: self.observation().address(factory), observation: self.observation().downgrade() }
    }

    /// Adds up the jobs that workers of factories have done: give it to a factory as its `stats`, in an `Arc`. `M` is what
    /// its jobs hold.
    pub fn completions<M: Message>(&self) -> Completions {
        Completions::of::<M>(self.weak())
    }

    /// What this observer records through: for tasks beside the actors, and for facts of your own.
    pub fn observation(&self) -> &Observation {
        &self.observation
    }

    /// Records an audit now; nothing after [`stop`](Observer::stop).
    pub fn audit(&self) {
        if !self.sight.is_over() {
            self.observation().audit(self.sight.roster.count(), registered());
        }
    }

    /// Ends observation, for all clones, once everything that actors have told so far is on its way to the recorder. The
    /// actors run on; messages to dead actors are still recorded until the last clone is dropped.
    pub async fn stop(self) {
        // The watcher prefers what actors tell over this request, so nothing that was told is left behind. An error means
        // that it has stopped already.
        let _ = self.sight.watcher.drain_and_wait(None).await;
        self.observation().flush();
    }

    pub(crate) fn weak(&self) -> Weak<Sight> {
        Arc::downgrade(&self.sight)
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observer").field("system", &self.observation().system()).finish_non_exhaustive()
    }
}

/// An observer that is about to start: await it.
#[derive(Debug)]
#[must_use = "await it to start the observer"]
pub struct ObserverBuilder {
    observation: ObservationBuilder,
}

impl ObserverBuilder {
    /// Names the actor system, the first part of every address; `local` if nobody says otherwise.
    pub fn system(self, name: impl Into<String>) -> Self {
        self.with(|observation| observation.system(name))
    }

    /// Records an audit every so often, the first one after that time; at most every 10 ms. Without it there are only the
    /// audits asked for with [`Observer::audit`].
    pub fn audit_every(self, period: Duration) -> Self {
        self.with(|observation| observation.audit_every(period))
    }

    /// Sets whatever else an observation can be told: `.with(|observation| observation.processing_every(period))`.
    pub fn with(self, set: impl FnOnce(ObservationBuilder) -> ObservationBuilder) -> Self {
        ObserverBuilder { observation: set(self.observation) }
    }

    async fn start(self) -> Result<Observer> {
        let watcher = Watcher::default();
        let seen = watcher.0.clone();
        let (watcher, _) = Actor::spawn(None, watcher, ()).await.map_err(|e| {
            Error::new(ErrorKind::Internal, "the observer's own actor could not start").with_source(e.to_string())
        })?;
        let roster = Arc::<Roster>::default();
        let (counted, heard_by) = (Arc::downgrade(&roster), watcher.clone());
        let count = move || {
            let roster = counted.upgrade().filter(|_| !is_over(&heard_by))?;
            Some((roster.count(), registered()))
        };
        let observation = self.observation.count_with(count).start();
        let seen_through = observation.downgrade().upgrade().unwrap_or_else(|| observation.clone());
        let sight = Arc::new(Sight { observation: seen_through, roster, watcher });
        seen.get_or_init(|| Arc::downgrade(&sight));
        Ok(Observer { sight, observation })
    }
}

impl IntoFuture for ObserverBuilder {
    type Output = Result<Observer>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Observer>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}
