//! The observer: how it is started and stopped, and how it comes to know an actor.

use std::{
    future::{Future, IntoFuture, Ready, ready},
    sync::Arc,
    time::Duration,
};

use kameo::{
    Actor,
    actor::{ActorRef, WeakActorRef},
};
use papyra::{
    ActorAddress, Error, ErrorKind, Recorder, Result,
    observe::{Observation, ObservationBuilder},
};
use tokio::{runtime::Handle, sync::watch};

use crate::{
    ObservedRef,
    entry::{Entry, number},
    follower::Follower,
    roster::Roster,
};

/// Observes actors and records what they live through. Cheap to clone; all clones are the same observer.
///
/// When the last clone is dropped, observation ends at once; [`stop`](Observer::stop) records what was seen so far first.
/// In both cases the actors run on.
#[derive(Clone)]
pub struct Observer(Arc<Sight>);

/// The only strong hold on what is observed: followers hold it weakly, so that its recorder is let go as soon as the
/// observer is.
struct Sight {
    observation: Observation,
    roster: Arc<Roster>,
    /// Followers end when it says `true`, and when it is dropped.
    over: watch::Sender<bool>,
    runtime: Handle,
}

impl Observer {
    /// Starts to observe; what is seen goes to this recorder. Await the result, within tokio.
    pub fn start(recorder: &Recorder) -> ObserverBuilder {
        ObserverBuilder { observation: Observation::of(recorder) }
    }

    /// Watches an actor that runs, or one that is prepared and about to run, under this name; without a name it is known by
    /// its number. What it is sent through the reference returned is observed as well.
    ///
    /// Its start is recorded if it is still to come, and its end. Of a supervised actor only the first incarnation is seen:
    /// [`supervise_observed`](crate::SpawnObserved::supervise_observed) sees more. An actor that is watched already
    /// keeps its name, and so do the dead letters of the reference returned. One that has ended is not watched, and after [`stop`](Observer::stop) none is.
    pub fn watch<A: Actor>(&self, actor: &ActorRef<A>, name: Option<&str>) -> ObservedRef<A> {
        let (observation, number) = (&self.0.observation, number(actor.id()));
        let address = observation.address(name.unwrap_or(&number.to_string()));
        let entry = Arc::new(Entry::new(address, observation.downgrade()));
        let weak = actor.downgrade();
        if weak.is_alive() && self.enter(&entry, &weak) {
            let started = weak.with_startup_result(|start| start.is_ok()).unwrap_or(false);
            let life = match name {
                Some(name) => observation.begin(name),
                None => observation.begin_nameless(number),
            };
            self.spawn(self.follower(&entry, number).follow(weak, life, started));
        }
        // It may have been known before, under another name.
        self.reference(actor.clone(), &self.0.roster.get(number).unwrap_or(entry))
    }

    /// The reference to an actor, one from the registry or from a message say, made to record as dead letters what cannot be
    /// delivered. An actor that is not observed, or has ended by now, is known by its number.
    pub fn observed_ref<A: Actor>(&self, actor: ActorRef<A>) -> ObservedRef<A> {
        let address = self.address_of(&actor);
        ObservedRef::new(actor, address, self.0.observation.downgrade())
    }

    /// What this observer records through: for a panic hook, for plain tasks, for facts of your own.
    pub fn observation(&self) -> &Observation {
        &self.0.observation
    }

    /// Records an audit now; nothing after [`stop`](Observer::stop).
    pub fn audit(&self) {
        if !self.0.roster.is_closed() {
            let (headcount, registry) = self.0.roster.count();
            self.0.observation.audit(headcount, registry);
        }
    }

    /// Ends observation, for all clones, once everything that kameo has told so far is on its way to the recorder. The
    /// actors run on; messages to dead actors are still recorded until the last clone is dropped.
    ///
    /// kameo tells an end behind `on_stop`, and a mailbox closes before: who wants an actor's end on record awaits its
    /// `wait_for_shutdown_with_result` first, not only its `wait_for_shutdown`.
    ///
    /// It waits for tasks of the runtime in which the observer was started: if nobody drives that runtime any more, drop the
    /// observer instead.
    pub async fn stop(self) {
        self.0.roster.close();
        self.0.over.send_replace(true);
        self.0.over.closed().await;
        self.0.observation.flush();
    }

    /// Makes hooks and `tracing` events find the actor. `false` if it is known already.
    pub(crate) fn enter<A: Actor>(&self, entry: &Arc<Entry>, actor: &WeakActorRef<A>) -> bool {
        !self.0.roster.is_closed() && self.0.roster.enter(entry, actor.clone())
    }

    pub(crate) fn follower(&self, entry: &Arc<Entry>, number: u64) -> Follower {
        Follower {
            number,
            entry: Arc::clone(entry),
            roster: Arc::clone(&self.0.roster),
            observation: self.0.observation.downgrade(),
            over: self.0.over.subscribe(),
        }
    }

    pub(crate) fn spawn(&self, follow: impl Future<Output = ()> + Send + 'static) {
        drop(self.0.runtime.spawn(follow));
    }

    pub(crate) fn reference<A: Actor>(&self, actor: ActorRef<A>, entry: &Entry) -> ObservedRef<A> {
        ObservedRef::new(actor, entry.address.clone(), self.0.observation.downgrade())
    }

    /// The address of an actor, observed or not.
    pub(crate) fn address_of<A: Actor>(&self, actor: &ActorRef<A>) -> ActorAddress {
        let number = number(actor.id());
        let known = self.0.roster.get(number).map(|entry| entry.address.clone());
        known.unwrap_or_else(|| self.0.observation.address(&number.to_string()))
    }
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observer").field("system", &self.0.observation.system()).finish_non_exhaustive()
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

    /// Changes any other setting of the [observation](ObservationBuilder): how many dead letters are recorded in full, what
    /// of them, and whether processing is measured.
    pub fn with(mut self, change: impl FnOnce(ObservationBuilder) -> ObservationBuilder) -> Self {
        self.observation = change(self.observation);
        self
    }
}

impl IntoFuture for ObserverBuilder {
    type Output = Result<Observer>;
    type IntoFuture = Ready<Result<Observer>>;

    fn into_future(self) -> Self::IntoFuture {
        let Ok(runtime) = Handle::try_current() else {
            let error = Error::new(ErrorKind::Config, "an observer of kameo actors starts within a tokio runtime");
            return ready(Err(error.with_cure("await it in the runtime that runs the actors")));
        };
        let roster = Roster::open();
        let counted = Arc::downgrade(&roster);
        let count = move || counted.upgrade().filter(|roster| !roster.is_closed()).map(|roster| roster.count());
        let observation = self.observation.count_with(count).start();
        ready(Ok(Observer(Arc::new(Sight { observation, roster, over: watch::Sender::new(false), runtime }))))
    }
}
