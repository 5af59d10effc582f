//! The observer: how it is started and stopped, and how it comes to know an actor.

use std::{
    future::{IntoFuture, Ready, ready},
    sync::Arc,
    time::Duration,
};

use kameo::{Actor, actor::ActorRef};
use papyra::{
    Error, ErrorKind, Recorder, Result,
    observe::{Observation, ObservationBuilder, Registry},
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
pub struct Observer(pub(crate) Arc<Sight>);

/// The only strong hold on what is observed: followers hold it weakly, so that its recorder is let go as soon as the
/// observer is.
pub(crate) struct Sight {
    pub(crate) observation: Observation,
    pub(crate) roster: Arc<Roster>,
    /// Tells followers that observation ends; dropping it does the same.
    over: watch::Sender<()>,
    runtime: Handle,
}

impl Observer {
    /// Starts to observe; what is seen goes to this recorder. Await the result, within tokio.
    pub fn start(recorder: &Recorder) -> ObserverBuilder {
        ObserverBuilder { observation: Observation::of(recorder), audit_every: None }
    }

    /// Watches an actor that runs already, or one that is prepared and about to run, under this name; without a name it is
    /// known by its number. What it is sent through the reference returned is observed as well.
    ///
    /// Its start is recorded if it is still to come, and its end. A supervised actor is seen up to its first restart:
    /// [`supervise_observed`](crate::SpawnObserved::supervise_observed) sees more. An actor that is watched
    /// already keeps its name; after [`stop`](Observer::stop), none is watched any more.
    pub fn watch<A: Actor>(&self, actor: &ActorRef<A>, name: Option<&str>) -> ObservedRef<A> {
        let (observation, id) = (&self.0.observation, number(actor.id()));
        let known = self.0.roster.get(id);
        if known.is_none() && !self.is_over() {}
        todo!()
    }
}
