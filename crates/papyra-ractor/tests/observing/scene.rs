//! An actor that does what it is told, a log in memory, and an observer between them.

use std::{sync::Arc, time::Duration};

use papyra::{Entry, Event, Fact, Log, Payload, ReadOptions, Recorder, observe::ObservationBuilder};
use papyra_ractor::{
    ObservedRef, Observer, SpawnObserved,
    ractor::{self, Actor, ActorProcessingErr, ActorRef, SupervisionEvent, concurrency::JoinHandle},
};
use tokio::sync::Notify;

/// Far beyond what any step takes; a test that waits this long has failed.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) enum Start {
    Well,
    WithError,
    WithPanic,
    /// Says that it has begun, and goes no further.
    Never(&'static Notify),
    ThenFail,
}

#[derive(Debug)]
pub(crate) enum Tell {
    Panic,
    Fail,
    Count(ractor::RpcReplyPort<u64>),
    /// Says that it has begun, and goes no further.
    Hang(Arc<Notify>),
}

/// Counts the requests that it answers; as a supervisor it outlives its children.
pub(crate) struct Player;

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Player {
    type Msg = Tell;
    type State = u64;
    type Arguments = Start;

    async fn pre_start(&self, _: ActorRef<Tell>, start: Start) -> Result<u64, ActorProcessingErr> {
        match start {
            Start::Well => Ok(0),
            Start::ThenFail => Ok(u64::MAX),
            Start::WithError => Err("no database".into()),
            Start::WithPanic => panic!("no luck"),
            Start::Never(begun) => {
                begun.notify_one();
                std::future::pending().await
            }
        }
    }

    async fn post_start(&self, _: ActorRef<Tell>, count: &mut u64) -> Result<(), ActorProcessingErr> {
        if *count == u64::MAX { Err("failed behind the start".into()) } else { Ok(()) }
    }

    async fn handle(&self, _: ActorRef<Tell>, told: Tell, count: &mut u64) -> Result<(), ActorProcessingErr> {
        match told {
            Tell::Panic => panic!("boom"),
            Tell::Fail => Err("cannot go on".into()),
            Tell::Hang(begun) => {
                begun.notify_one();
                std::future::pending().await
            }
            Tell::Count(reply) => {
                *count += 1;
                Ok(reply.send(*count)?)
            }
        }
    }

    async fn handle_supervisor_evt(
        &self,
        _: ActorRef<Tell>,
        heard: SupervisionEvent,
        count: &mut u64,
    ) -> Result<(), ActorProcessingErr> {
        // A supervisor can still take its child's state.
        if let SupervisionEvent::ActorTerminated(_, Some(mut state), _) = heard {
            *count += 100 * state.take::<u64>()?;
        }
        Ok(())
    }
}

pub(crate) struct Scene {
    pub(crate) log: Log,
    pub(crate) recorder: Recorder,
    pub(crate) observer: Observer,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Scene::with(|observation| observation).await
    }

    pub(crate) async fn with(set: impl FnOnce(ObservationBuilder) -> ObservationBuilder) -> Self {
        let log = Log::memory();
        let recorder = Recorder::start(log.clone()).unwrap();
        let observer = Observer::start(&recorder).system("orders").with(set).await.unwrap();
        Scene { log, recorder, observer }
    }

    pub(crate) async fn player(&self, name: &str) -> (ObservedRef<Tell>, JoinHandle<()>) {
        Player::spawn_observed(&self.observer, Some(name.to_owned()), Player, Start::Well).await.unwrap()
    }

    /// An actor that is busy for ever.
    pub(crate) async fn hanging(&self, name: &str) -> ObservedRef<Tell> {
        let (player, begun) = (self.player(name).await.0, Arc::new(Notify::new()));
        player.cast(Tell::Hang(begun.clone())).unwrap();
        begun.notified().await;
        player
    }

    /// Stops observing and gives everything that was recorded, in order.
    pub(crate) async fn facts(self) -> Vec<Fact> {
        self.observer.stop().await;
        assert_eq!(self.recorder.shutdown(LONG).await.dropped, 0);
        let entries = self.log.read(ReadOptions::oldest_first()).collect().await.unwrap();
        entries.into_iter().map(|entry| entry.fact).collect()
    }

    /// Everything that was recorded, as `address type payload`.
    pub(crate) async fn told(self) -> Vec<String> {
        let told = |fact| match fact {
            Fact::Event(Event { actor_address, event_type, payload, .. }) => {
                format!("{actor_address} {event_type} {payload}")
            }
            Fact::DeadLetter(letter) => {
                let why = letter.why.as_ref().map_or("?", |why| why.as_str());
                format!("{} {why} {} x{}", letter.target, letter.payload, letter.count.unwrap_or(1))
            }
            other => format!("{other:?}"),
        };
        self.facts().await.into_iter().map(told).collect()
    }

    pub(crate) async fn wait_for(&self, event_type: &str) -> Event {
        self.log.wait_for(LONG, is_event(event_type)).await.map(into_event).unwrap()
    }
}

pub(crate) async fn count(player: &ActorRef<Tell>) -> u64 {
    player.call(Tell::Count, Some(LONG)).await.unwrap().unwrap()
}

pub(crate) fn json(text: &str) -> Payload {
    Payload::from_json(text).unwrap()
}

fn is_event(event_type: &str) -> impl FnMut(&Entry) -> bool {
    move |entry| matches!(&entry.fact, Fact::Event(event) if event.event_type == event_type)
}

fn into_event(entry: Entry) -> Event {
    match entry.fact {
        Fact::Event(event) => event,
        other => panic!("not an event: {other:?}"),
    }
}
