//! The observer: what it knows, where it records, and how it is started and stopped.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use papyra::{
    ActorAddress, Error, ErrorKind, Recorder, Result,
    observe::{Observation, ObservationBuilder},
};
use ractor::{Actor, ActorCell, ActorRef, ActorStatus, Message};
use tokio::task::AbortHandle;

use crate::{
    Observed, ObservedRef, audit,
    observed::Link,
    roster::Roster,
    watcher::{StartFailed, Watcher},
};

/// The shortest time between two audits: an audit walks over all actors and all registered names.
const SHORTEST_AUDIT_PERIOD: Duration = Duration::from_millis(10);

/// Observes actors and records what they live through. Cheap to clone; all clones are the same observer.
///
/// When the last clone is dropped, observation ends at once; [`stop`](Observer::stop) records what was seen so far first.
/// In both cases the actors run on, and those that were observed behave like any other actor.
#[derive(Clone)]
pub struct Observer {
    handle: Arc<Handle>,
}

/// The only strong hold on what is observed: the watcher, the audits and the observed actors hold it weakly, so that its
/// recorder is let go as soon as the observer is.
struct Handle {
    sight: Arc<Sight>,
    watcher: ActorRef<StartFailed>,
    audits: Option<AbortHandle>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.watcher.stop(None);
        if let Some(audits) = &self.audits {
            audits.abort();
        }
    }
}

impl Observer {
    /// Starts to observe; what is seen goes to this recorder. Await the result.
    pub fn start(recorder: &Recorder) -> ObserverBuilder {
        ObserverBuilder { observation: Observation::of(recorder), audit_every: None }
    }

    /// Wraps an actor so that its life is recorded, for those who spawn it in a way of their own
    /// (ractor's `ActorRuntime::spawn_instant`, a supervisor's child specification). Everybody else calls
    /// [`spawn_observed`](crate::SpawnObserved::spawn_observed).
    pub fn wrap<A: Actor>(&self, actor: A) -> Observed<A> {
        Observed::new(actor, self.link())
    }

    /// Watches an actor that was spawned without this observer. Its start is recorded if it is still to come, its end in any
    /// case; whether a crash was a panic, and with an actor without a name whether it is stopping, cannot be known.
    ///
    /// Returns whether it is watched: an actor that is stopping or has ended is not, and none is after [`stop`](Observer::stop).
    pub fn watch(&self, actor: &ActorCell) -> bool {
        let sight = &self.handle.sight;
        if is_over(&self.handle.watcher) {
            return false;
        }
        sight.roster().enter(&sight.observation, actor, None);
        self.handle.watcher.monitor(actor.clone());
        let watched = actor.get_status() < ActorStatus::Stopping;
        if !watched {
            // Its end may have been told before we listened.
            self.handle.watcher.unmonitor(actor.clone());
            sight.roster().end(actor.get_id());
        }
        watched
    }

    /// The reference to an actor, made to record as dead letters what cannot be delivered.
    pub fn observed_ref<M: Message>(&self, actor: ActorRef<M>) -> ObservedRef<M> {
        ObservedRef::new(actor, Arc::downgrade(&self.handle.sight))
    }

    /// Records an audit now; nothing after [`stop`](Observer::stop).
    pub fn audit(&self) {
        if !is_over(&self.handle.watcher) {
            audit::record(&self.handle.sight);
        }
    }

    /// Ends observation, for all clones, once everything that actors have told so far is on its way to the recorder. The
    /// actors run on; messages to dead actors are still recorded until the last clone is dropped.
    pub async fn stop(self) {
        if let Some(audits) = &self.handle.audits {
            audits.abort();
        }
        // The watcher prefers what actors tell over this request, so nothing that was told is left behind. An error means
        // that it has stopped already.
        let _ = self.handle.watcher.drain_and_wait(None).await;
    }

    /// Records that somebody was refused this name.
    pub(crate) fn name_taken(&self, name: &str, error: &ractor::SpawnErr) {
        self.handle.sight.observation.start_refused(name, &error.to_string());
    }

    fn link(&self) -> Link {
        Link { sight: Arc::downgrade(&self.handle.sight), watcher: self.handle.watcher.clone() }
    }
}

impl std::fmt::Debug for Observer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Observer").field("system", &self.handle.sight.observation.system()).finish_non_exhaustive()
    }
}

/// An observer that is about to start: await it.
#[derive(Debug)]
#[must_use = "await it to start the observer"]
pub struct ObserverBuilder {
    observation: ObservationBuilder,
    audit_every: Option<Duration>,
}

impl ObserverBuilder {
    /// Names the actor system, the first part of every address; `local` if nobody says otherwise.
    pub fn system(mut self, name: impl Into<String>) -> Self {
        self.observation = self.observation.system(name);
        self
    }

    /// Records an audit every so often, the first one after that time; at most every 10 ms. Without it there are only the
    /// audits asked for with [`Observer::audit`].
    pub fn audit_every(mut self, period: Duration) -> Self {
        self.audit_every = Some(period.max(SHORTEST_AUDIT_PERIOD));
        self
    }

    async fn start(self) -> Result<Observer> {
        let sight = Arc::new(Sight { observation: self.observation.start(), roster: Mutex::default() });
        let (watcher, _) = Actor::spawn(None, Watcher(Arc::downgrade(&sight)), ()).await.map_err(|e| {
            Error::new(ErrorKind::Internal, "the observer's own actor could not start").with_source(e.to_string())
        })?;
        let audits = self.audit_every.map(|period| {
            let sight = Arc::downgrade(&sight);
            tokio::spawn(audit::record_every(period, sight)).abort_handle()
        });
        Ok(Observer { handle: Arc::new(Handle { sight, watcher, audits }) })
    }
}

impl IntoFuture for ObserverBuilder {
    type Output = Result<Observer>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Observer>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}

/// Whether observation has ended: a stopped watcher hears nothing, so whoever enters the roster now would stay in it.
pub(crate) fn is_over(watcher: &ActorCell) -> bool {
    watcher.get_status() >= ActorStatus::Draining
}

/// What one observer knows of ractor's actors, and where it records.
pub(crate) struct Sight {
    pub(crate) observation: Observation,
    roster: Mutex<Roster>,
}

impl Sight {
    pub(crate) fn roster(&self) -> MutexGuard<'_, Roster> {
        self.roster.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `SYSTEM://NAME`, or `SYSTEM://ID` for an actor without a name.
    pub(crate) fn address_of(&self, actor: &ActorCell) -> ActorAddress {
        match actor.get_name() {
            Some(name) => self.observation.address(&name),
            None => self.observation.address(&actor.get_id().to_string()),
        }
    }
}
