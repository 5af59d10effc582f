//! Observation never interferes: not with its disk hung, full or broken, not when it is dropped, not with very many actors.

use std::{
    sync::{Arc, Condvar, Mutex},
    time::Duration,
};

use papyra::{Appended, Backend, Error, ErrorKind, Fact, Log, ReadOptions, Recorder, Result};
use papyra_ractor::{
    ObservedRef, Observer, SpawnObserved,
    ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, concurrency::JoinHandle},
};
use tokio::time::timeout;

/// Far beyond what any test takes; one that lasts this long hangs.
const LONG: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
struct Gate(Mutex<bool>, Condvar);

impl Gate {
    fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn wait(&self) {
        drop(self.1.wait_while(self.0.lock().unwrap(), |open| !*open).unwrap());
    }
}

#[derive(Debug)]
enum Bad {
    /// Holds up its thread until the test is over.
    Hung(Arc<Gate>),
    Full,
    Broken,
}

#[async_trait::async_trait]
impl Backend for Bad {
    fn name(&self) -> &'static str {
        "bad"
    }

    async fn append(&self, facts: &[Fact]) -> Result<Appended> {
        match self {
            Bad::Hung(gate) => {
                gate.wait();
                Ok(Appended::new(vec![papyra::Position::from_seq(1); facts.len()], 0))
            }
            Bad::Full => Err(Error::new(ErrorKind::Io, "no space left")),
            Bad::Broken => panic!("the backend has a bug"),
        }
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

enum Tell {
    Panic,
    Answer(RpcReplyPort<()>),
}

/// Lives as long as its token is held.
struct Mortal(#[allow(dead_code)] Arc<()>); // It is only counted.

#[cfg_attr(feature = "async-trait", papyra_ractor::ractor::async_trait)]
impl Actor for Mortal {
    type Msg = Tell;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Tell>, (): ()) -> std::result::Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Tell>, told: Tell, (): &mut ()) -> std::result::Result<(), ActorProcessingErr> {
        match told {
            Tell::Panic => Err("the end".into()),
            Tell::Answer(reply) => Ok(reply.send(())?),
        }
    }
}

async fn spawn(observer: &Observer, name: Option<String>, token: &Arc<()>) -> (ObservedRef<Tell>, JoinHandle<()>) {
    Mortal::spawn_observed(observer, name, Mortal(token.clone()), ()).await.unwrap()
}

/// Actors answer, crash, are written to behind their end, and are gone: as if nobody looked.
async fn actors_live_and_die(observer: &Observer, name: &str) {
    let token = Arc::new(());
    for _ in 0..20 {
        let (actor, join) = spawn(observer, Some(name.to_owned()), &token).await;
        actor.call(Tell::Answer, None).await.unwrap().unwrap();
        actor.cast(Tell::Panic).unwrap();
        join.await.unwrap();
        assert!(actor.cast(Tell::Panic).is_err());
    }
    assert_eq!(Arc::strong_count(&token), 1, "somebody keeps actors alive");
}

/// The recorder, with room for some hundred facts only.
fn recorder(backend: Bad) -> Recorder {
    Recorder::builder(Log::new(backend)).queue_bytes(64 * 1024).drop_timeout(Duration::ZERO).start().unwrap()
}

#[tokio::test]
async fn actors_run_on_while_the_disk_hangs() {
    let gate = Arc::new(Gate::default());
    let recorder = recorder(Bad::Hung(gate.clone()));
    let scene = async {
        let observer = Observer::start(&recorder).audit_every(Duration::from_millis(10)).await.unwrap();
        // Enough for the queue to be full in the end.
        for _ in 0..30 {
            actors_live_and_die(&observer, "before-a-hung-disk").await;
        }
        assert!(recorder.state().dropped > 0, "{:?}", recorder.state());
        observer.stop().await;
    };
    timeout(LONG, scene).await.unwrap();
    assert_eq!(recorder.shutdown(Duration::ZERO).await.written, 0);
    gate.open();
}

#[tokio::test]
async fn actors_run_on_while_the_disk_is_full_or_the_backend_panics() {
    for (bad, name) in [(Bad::Full, "before-a-full-disk"), (Bad::Broken, "before-a-bug")] {
        let recorder = recorder(bad);
        let scene = async {
            let observer = Observer::start(&recorder).await.unwrap();
            actors_live_and_die(&observer, name).await;
            observer.stop().await;
        };
        timeout(LONG, scene).await.unwrap();
        assert_eq!(recorder.shutdown(Duration::ZERO).await.written, 0);
    }
}

#[tokio::test]
async fn an_observer_dropped_before_a_hung_disk_holds_up_nobody() {
    let gate = Arc::new(Gate::default());
    let recorder = recorder(Bad::Hung(gate.clone()));
    let scene = async {
        let observer = Observer::start(&recorder).audit_every(Duration::from_millis(10)).await.unwrap();
        let token = Arc::new(());
        let (actor, join) = spawn(&observer, None, &token).await;
        drop(observer);
        actor.call(Tell::Answer, None).await.unwrap().unwrap();
        actor.cast(Tell::Panic).unwrap();
        join.await.unwrap();
        assert!(actor.cast(Tell::Panic).is_err());
        assert_eq!(Arc::strong_count(&token), 1);
    };
    timeout(LONG, scene).await.unwrap();
    gate.open();
    recorder.shutdown(LONG).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_actors_leave_every_fact_and_nothing_else() {
    const ACTORS: usize = 100_000;
    const AT_ONCE: usize = 1_000;
    let log = Log::memory();
    let recorder = Recorder::builder(log.clone()).queue_bytes(256 * 1024 * 1024).start().unwrap();
    let observer = Observer::start(&recorder).await.unwrap();
    let token = Arc::new(());
    for round in 0..ACTORS / AT_ONCE {
        let mut joins = Vec::with_capacity(AT_ONCE);
        for n in 0..AT_ONCE {
            // Names that never come again, names that come each round, and none.
            let name = [Some(format!("once-{round}-{n}")), Some(format!("again-{n}")), None][n % 3].clone();
            let (actor, join) = spawn(&observer, name, &token).await;
            actor.stop(None);
            joins.push(join);
        }
        for join in joins {
            join.await.unwrap();
        }
    }
    assert_eq!(Arc::strong_count(&token), 1);

    let last = observer.clone();
    observer.stop().await;
    assert_eq!(last.observation().headcount().total, Some(0));
    drop(last);
    assert_eq!(recorder.shutdown(LONG).await.dropped, 0);
    let (mut started, mut stopped, mut restarted) = (0, 0, 0);
    let mut entries = log.read(ReadOptions::oldest_first());
    while let Some(entry) = entries.next().await {
        let Fact::Event(event) = entry.unwrap().fact else { panic!("not an event") };
        match event.event_type.as_str() {
            "ActorStarted" => started += 1,
            "ActorStopped" => stopped += 1,
            "ActorRestarted" => restarted += 1,
            other => panic!("{other}"),
        }
    }
    let again = (0..AT_ONCE).filter(|n| n % 3 == 1).count() * (ACTORS / AT_ONCE - 1);
    assert_eq!((started, stopped, restarted), (ACTORS, ACTORS, again));
}
