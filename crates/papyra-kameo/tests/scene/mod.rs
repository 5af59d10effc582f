//! An actor that does what it is told, a log in memory, and an observer between them.

#![allow(dead_code, reason = "each test program needs a part of it")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use papyra::{Event, Fact, Log, ReadOptions, Recorder, observe::ObservationBuilder};
use papyra_kameo::{
    ObservedRef, Observer, SpawnObserved,
    kameo::{
        Actor,
        actor::ActorRef,
        message::{Context, Message},
    },
};
use tokio::sync::Notify;

/// Far beyond what any step takes; a test that waits this long has failed.
pub(crate) const LONG: Duration = Duration::from_secs(20);

#[derive(Clone, Copy)]
pub(crate) enum Start {
    Well,
    WithError,
    WithPanic,
}

#[derive(Clone, Debug)]
pub(crate) struct NoDatabase;

/// Counts the requests that it answers.
pub(crate) struct Player(u64);

impl Actor for Player {
    type Args = Start;
    type Error = NoDatabase;

    async fn on_start(start: Start, _: ActorRef<Self>) -> Result<Self, NoDatabase> {
        match start {
            Start::Well => Ok(Player(0)),
            Start::WithError => Err(NoDatabase),
            Start::WithPanic => panic!("no luck"),
        }
    }

    papyra_kameo::hooks!(next, on_panic, on_undelivered(Count));
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Panic;

impl Message<Panic> for Player {
    type Reply = ();
    async fn handle(&mut self, _: Panic, _: &mut Context<Self, ()>) {
        panic!("boom")
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Fail;

impl Message<Fail> for Player {
    type Reply = Result<(), &'static str>;
    async fn handle(&mut self, _: Fail, _: &mut Context<Self, Self::Reply>) -> Self::Reply {
        Err("cannot go on")
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Count;

impl Message<Count> for Player {
    type Reply = u64;
    async fn handle(&mut self, _: Count, _: &mut Context<Self, u64>) -> u64 {
        self.0 += 1;
        self.0
    }
}

/// Holds up the actor until it is told to go on.
#[derive(Clone, Debug)]
pub(crate) struct Hold {
    pub(crate) begun: Arc<Notify>,
    pub(crate) go_on: Arc<Notify>,
}

impl Hold {
    pub(crate) fn new() -> Self {
        Hold { begun: Arc::default(), go_on: Arc::default() }
    }
}

impl Message<Hold> for Player {
    type Reply = ();
    async fn handle(&mut self, hold: Hold, _: &mut Context<Self, ()>) {
        hold.begun.notify_one();
        hold.go_on.notified().await;
    }
}

/// Stops the actor from within.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop;

impl Message<Stop> for Player {
    type Reply = ();
    async fn handle(&mut self, _: Stop, context: &mut Context<Self, ()>) {
        context.stop();
    }
}

pub(crate) struct Scene {
    pub(crate) log: Log,
    pub(crate) recorder: Recorder,
    pub(crate) observer: Observer,
    /// Up to where `wait_for_next` has heard.
    heard: AtomicU64,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Scene::with(|observation| observation).await
    }

    pub(crate) async fn with(change: impl FnOnce(ObservationBuilder) -> ObservationBuilder) -> Self {
        let log = Log::memory();
        let recorder = Recorder::start(log.clone()).unwrap();
        let observer = Observer::start(&recorder).system("orders").with(change).await.unwrap();
        Scene { log, recorder, observer, heard: AtomicU64::new(0) }
    }

    pub(crate) fn player(&self, name: &str) -> ObservedRef<Player> {
        Player::spawn_observed(&self.observer, Some(name), Start::Well)
    }

    /// Stops observing and gives everything that was recorded, in order.
    pub(crate) async fn facts(self) -> Vec<Fact> {
        self.observer.stop().await;
        assert_eq!(self.recorder.shutdown(LONG).await.dropped, 0);
        let entries = self.log.read(ReadOptions::oldest_first()).collect().await.unwrap();
        entries.into_iter().map(|entry| entry.fact).collect()
    }

    /// Everything that was recorded, a line each.
    pub(crate) async fn told(self) -> Vec<String> {
        let told = |fact| match fact {
            Fact::Event(Event { actor_address, event_type, payload, .. }) => {
                format!("{actor_address} {event_type} {payload}")
            }
            Fact::DeadLetter(letter) => {
                let why = letter.why.as_ref().map_or("-", |why| why.as_str());
                let (target, message_type, count) = (letter.target, letter.message_type, letter.count.unwrap_or(1));
                assert_eq!(letter.payload.as_json(), "null");
                format!("{target} dead letter {message_type}, {why}, {count}")
            }
            other => format!("{other:?}"),
        };
        self.facts().await.into_iter().map(told).collect()
    }

    pub(crate) async fn wait_for(&self, event_type: &str) -> Event {
        self.wait_behind(0, event_type).await.1
    }

    /// Waits for an event of this type behind the last one that was waited for so.
    pub(crate) async fn wait_for_next(&self, event_type: &str) {
        let heard = self.wait_behind(self.heard.load(Ordering::Relaxed), event_type).await;
        self.heard.store(heard.0, Ordering::Relaxed);
    }

    /// The log's own `wait_for` would run out of time where tests stop tokio's clock.
    async fn wait_behind(&self, behind: u64, event_type: &str) -> (u64, Event) {
        let begun = Instant::now();
        while begun.elapsed() < LONG {
            self.recorder.flush().await.unwrap();
            let entries = self.log.read(ReadOptions::oldest_first()).collect().await.unwrap();
            let mut heard = entries.into_iter().filter_map(|entry| match (entry.position.seq(), entry.fact) {
                (Some(seq), Fact::Event(event)) if seq > behind && event.event_type == event_type => Some((seq, event)),
                _ => None,
            });
            if let Some(heard) = heard.next() {
                return heard;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        panic!("no {event_type}")
    }
}

/// Waits until the actor has ended, all its functions included.
pub(crate) async fn ended<A: Actor>(actor: &ActorRef<A>) {
    tokio::time::timeout(LONG, actor.wait_for_shutdown_with_result(|_| ())).await.unwrap();
}
