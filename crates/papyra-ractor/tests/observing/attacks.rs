//! Actors, names and moments that nobody planned for.

use std::{panic::panic_any, sync::Arc, thread, time::Duration};

use papyra::{Fact, Log, ReadOptions, Recorder, open};
use papyra_ractor::{
    Observer, SpawnObserved,
    ractor::{
        Actor, ActorProcessingErr, ActorRef, ActorStatus,
        thread_local::{ThreadLocalActor, ThreadLocalActorSpawner},
    },
};
use tokio::{runtime::Builder, sync::Notify, time::timeout};

use crate::scene::{LONG, Player, Scene, Start, Tell, count};

/// Panics with a number, as it starts or over a message.
struct Odd;

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Odd {
    type Msg = ();
    type State = ();
    type Arguments = bool;

    async fn pre_start(&self, _: ActorRef<()>, starts: bool) -> Result<(), ActorProcessingErr> {
        if starts { Ok(()) } else { panic_any(7) }
    }

    async fn handle(&self, _: ActorRef<()>, (): (), (): &mut ()) -> Result<(), ActorProcessingErr> {
        panic_any(7)
    }
}

#[tokio::test]
async fn a_panic_that_says_nothing_is_a_panic_all_the_same() {
    let scene = Scene::new().await;
    assert!(Odd::spawn_observed(&scene.observer, Some("odd-1".into()), Odd, false).await.is_err());
    let (odd, join) = Odd::spawn_observed(&scene.observer, Some("odd-2".into()), Odd, true).await.unwrap();
    odd.cast(()).unwrap();
    join.await.unwrap();
    let told = scene.told().await;
    assert_eq!(told[0], r#"orders://odd-1 ActorStartFailed {"generation":1,"error":"a panic without a text"}"#);
    // This text is ractor's.
    assert!(told[2].starts_with(r#"orders://odd-2 ActorCrashed {"generation":1,"error":"Unknown panic"#), "{told:?}");
    assert!(told[2].contains(r#""how":"panic""#), "{told:?}");
}

/// Has a child before it has started itself, and then perhaps does not start.
struct Parent(Observer, &'static str);

#[cfg_attr(feature = "async-trait", ractor::async_trait)]
impl Actor for Parent {
    type Msg = ();
    type State = ();
    type Arguments = bool;

    async fn pre_start(&self, myself: ActorRef<()>, starts: bool) -> Result<(), ActorProcessingErr> {
        let name = Some(format!("{}-child", self.1));
        let spawned = Player::spawn_linked_observed(&self.0, name, Player, Start::Well, myself.get_cell()).await?;
        assert_eq!(count(&spawned.0).await, 1);
        if starts { Ok(()) } else { Err("cannot pay".into()) }
    }
}

/// What is told of the parent and of the child, each in its order.
async fn told_of_family(name: &'static str, starts: bool) -> [Vec<String>; 2] {
    let scene = Scene::new().await;
    let parent = Parent(scene.observer.clone(), name);
    if let Ok((parent, _)) = Parent::spawn_observed(&scene.observer, Some(name.into()), parent, starts).await {
        parent.stop_and_wait(None, Some(LONG)).await.unwrap();
    }
    scene.log.wait_for(LONG, |entry| is_event(&entry.fact, "child", "ActorStopped")).await.unwrap();
    let told = scene.told().await;
    let of = |who: String| told.iter().filter(|told| told.starts_with(&format!("{who} "))).cloned().collect();
    [of(format!("orders://{name}")), of(format!("orders://{name}-child"))]
}

fn is_event(fact: &Fact, address: &str, event_type: &str) -> bool {
    matches!(fact, Fact::Event(event)
        if event.event_type == event_type && event.actor_address.to_string().ends_with(address))
}

#[tokio::test]
async fn a_child_that_is_spawned_in_pre_start_has_its_parent_and_its_end() {
    for (name, starts) in [("family-1", true), ("family-2", false)] {
        let [parent, child] = told_of_family(name, starts).await;
        let first = if starts { "ActorStarted" } else { "ActorStartFailed" };
        assert!(parent[0].contains(first) && parent.len() == 1 + usize::from(starts), "{parent:?}");
        let started = format!(r#"ActorStarted {{"generation":1,"parent":"orders://{name}"}}"#);
        assert!(child[0].ends_with(&started), "{child:?}");
        assert!(child[1].ends_with(r#"ActorStopped {"generation":1,"reason":"killed"}"#), "{child:?}");
        assert_eq!(child.len(), 2);
    }
}

/// Lives on one thread, with a state that cannot leave it.
#[derive(Default)]
struct Local;

impl ThreadLocalActor for Local {
    type Msg = ();
    type State = std::rc::Rc<()>;
    type Arguments = Arc<Notify>;

    async fn pre_start(&self, _: ActorRef<()>, go_on: Arc<Notify>) -> Result<Self::State, ActorProcessingErr> {
        go_on.notified().await;
        Ok(Self::State::default())
    }

    async fn handle(&self, _: ActorRef<()>, (): (), _: &mut Self::State) -> Result<(), ActorProcessingErr> {
        panic!("boom")
    }
}

#[tokio::test]
async fn an_actor_of_one_thread_is_watched_from_its_start_on() {
    let (scene, go_on) = (Scene::new().await, Arc::new(Notify::new()));
    let spawner = ThreadLocalActorSpawner::new();
    let (local, join) = Local::spawn_instant(Some("local".into()), go_on.clone(), spawner).unwrap();
    assert!(scene.observer.watch(&local));
    go_on.notify_one();
    let join = join.await.unwrap().unwrap();
    local.cast(()).unwrap();
    join.await.unwrap();
    let crash = r#"{"generation":1,"error":"boom","how":null,"location":null,"message_type":null}"#;
    let expected = [
        r#"orders://local ActorStarted {"generation":1,"parent":null}"#.to_owned(),
        format!("orders://local ActorCrashed {crash}"),
    ];
    assert_eq!(scene.told().await, expected);
}

#[tokio::test]
async fn names_are_kept_as_they_are_up_to_a_length() {
    let dir = tempfile::tempdir().unwrap();
    let address = format!("json:{}", dir.path().join("facts.ndjson").display());
    let recorder = Recorder::open(&address).await.unwrap();
    let observer = Observer::start(&recorder).system("orders").await.unwrap();
    let hostile = ["", "a\nb", "a\0b", "\u{202e}txt", "x://y", "\"},{\"kind\":\"audit\"", "../../etc", "\u{1b}[2J"];
    let huge = "n".repeat(4 << 20);
    for name in hostile.into_iter().chain([&*huge]) {
        let spawned = Player::spawn_observed(&observer, Some(name.to_owned()), Player, Start::Well).await;
        let (player, join) = spawned.unwrap();
        assert_eq!(count(&player).await, 1);
        player.stop(None);
        join.await.unwrap();
    }
    observer.stop().await;
    assert_eq!(recorder.shutdown(LONG).await.dropped, 0);
    let log = open(&address).await.unwrap();
    let entries = log.read(ReadOptions::oldest_first()).collect().await.unwrap();
    let addresses: Vec<_> = entries
        .iter()
        .filter(|entry| is_event(&entry.fact, "", "ActorStopped"))
        .map(|entry| if let Fact::Event(event) = &entry.fact { event.actor_address.to_string() } else { String::new() })
        .collect();
    let short: Vec<_> = hostile.iter().map(|name| format!("orders://{name}")).collect();
    assert_eq!(addresses[..hostile.len()], short);
    assert!(addresses.last().is_some_and(|last| last.starts_with("orders://nnn") && last.len() < 10_000));
    assert_eq!(entries.len(), 2 * (hostile.len() + 1));
}

#[test]
fn a_runtime_that_ends_takes_its_actors_and_holds_up_nobody() {
    let log = Log::memory();
    let recorder = Recorder::start(log.clone()).unwrap();
    let (first, second) = (Builder::new_multi_thread(), Builder::new_current_thread());
    let [first, second] = [first, second].map(|mut builder| builder.enable_time().build().unwrap());
    // One observer lives in the runtime that ends, and one in the other.
    let observers = [&first, &second].map(|runtime| {
        let start = Observer::start(&recorder).system(if std::ptr::eq(runtime, &first) { "first" } else { "second" });
        runtime.block_on(async { start.await.unwrap() })
    });
    let players = observers.each_ref().map(|observer| {
        first.block_on(async {
            let spawned = Player::spawn_observed(observer, None, Player, Start::Well).await.unwrap().0;
            assert_eq!(count(&spawned).await, 1);
            spawned
        })
    });
    first.shutdown_timeout(LONG);
    second.block_on(async {
        for player in &players {
            timeout(LONG, player.wait(None)).await.unwrap().unwrap();
            assert_eq!(player.get_status(), ActorStatus::Stopped);
            assert!(player.cast(Tell::Fail).is_err());
        }
        for observer in observers {
            observer.audit();
            timeout(LONG, observer.stop()).await.unwrap();
        }
        assert_eq!(recorder.shutdown(LONG).await.dropped, 0);
        let entries = log.read(ReadOptions::oldest_first()).collect().await.unwrap();
        let told = |system: &str, what: &str| {
            let is_it = |fact: &Fact| fact.system_id() == system && format!("{fact:?}").contains(what);
            entries.iter().filter(|entry| is_it(&entry.fact)).count()
        };
        assert_eq!(told("second", "actor_task_cancelled"), 1, "{entries:#?}");
        // Each has its dead letter, whoever was there to hear of the end.
        assert_eq!((told("first", "Stopped"), told("second", "DeadLetter")), (1, 1), "{entries:#?}");
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorder_that_is_shut_down_while_actors_crash_harms_neither() {
    let Scene { recorder, observer, log } = Scene::new().await;
    let shut_down = Arc::new(Notify::new());
    let crashing = {
        let (observer, shut_down) = (observer.clone(), shut_down.clone());
        tokio::spawn(async move {
            for n in 0..400 {
                let (player, join) =
                    Player::spawn_observed(&observer, Some("restless".into()), Player, Start::Well).await.unwrap();
                player.cast(Tell::Panic).unwrap();
                join.await.unwrap();
                assert!(player.cast(Tell::Panic).is_err());
                if n == 200 {
                    shut_down.notify_one();
                }
            }
        })
    };
    shut_down.notified().await;
    let report = recorder.shutdown(LONG).await;
    crashing.await.unwrap();
    observer.audit();
    timeout(LONG, observer.stop()).await.unwrap();
    // What was written is whole, and nothing came behind it. What the recorder says of drops was handed to it by nobody.
    let entries = log.read(ReadOptions::oldest_first()).collect().await.unwrap();
    let facts: Vec<String> = entries.iter().map(|entry| entry.fact.to_json()).collect();
    let handed = facts.iter().filter(|fact| !fact.contains(r#""FactsDropped""#));
    assert_eq!(handed.count() as u64, report.written, "{report:?} {:?}", facts.last());
}

#[tokio::test]
async fn two_observers_see_one_actor_each_as_if_it_were_alone() {
    let (outer, inner, watching) = (Scene::new().await, Scene::new().await, Scene::new().await);
    let wrapped = inner.observer.wrap(Player);
    let spawned = SpawnObserved::spawn_observed(&outer.observer, Some("shared".into()), wrapped, Start::Well);
    let (player, join) = spawned.await.unwrap();
    assert!(watching.observer.watch(&player));
    assert_eq!(count(&player).await, 1);
    player.cast(Tell::Panic).unwrap();
    join.await.unwrap();
    assert!(player.cast(Tell::Panic).is_err());
    let started = r#"orders://shared ActorStarted {"generation":1,"parent":null}"#;
    let crashed = |how: &str, message_type: &str| {
        let known = format!(r#""how":{how},"location":null,"message_type":{message_type}"#);
        format!(r#"orders://shared ActorCrashed {{"generation":1,"error":"boom",{known}}}"#)
    };
    let seen = crashed(r#""panic""#, r#""observing::scene::Tell""#);
    let letter = "orders://shared stopped null x1".to_owned();
    assert_eq!(outer.told().await, [started.to_owned(), seen.clone(), letter]);
    assert_eq!(inner.told().await, [started.to_owned(), seen]);
    assert_eq!(watching.told().await, [started.to_owned(), crashed("null", "null")]);
}

#[tokio::test]
async fn an_actor_of_a_runtime_within_an_actor_is_seen_to_its_end() {
    let scene = Scene::new().await;
    let observer = scene.observer.clone();
    let nested = thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let name = Some("nested".to_owned());
            let (player, _) = Player::spawn_observed(&observer, name, Player, Start::Well).await.unwrap();
            assert_eq!(count(&player).await, 1);
        });
    });
    tokio::task::spawn_blocking(|| nested.join().unwrap()).await.unwrap();
    let expected = [
        r#"orders://nested ActorStarted {"generation":1,"parent":null}"#,
        r#"orders://nested ActorStopped {"generation":1,"reason":"actor_task_cancelled"}"#,
    ];
    assert_eq!(scene.told().await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarts_that_come_faster_than_audits_never_make_one_actor_two() {
    let scene = Scene::with(|observation| observation.audit_every(Duration::from_millis(10))).await;
    let mut audits = 0;
    // Until there was time for a few audits.
    while audits < 3 {
        for _ in 0..50 {
            let (player, join) = scene.player("hasty").await;
            player.cast(Tell::Panic).unwrap();
            join.await.unwrap();
        }
        let entries = scene.log.read(ReadOptions::oldest_first()).collect().await.unwrap();
        audits = entries.iter().filter(|entry| matches!(entry.fact, Fact::Audit(_))).count();
    }
    let facts = scene.facts().await;
    let count = |event_type: &str| facts.iter().filter(|fact| is_event(fact, "hasty", event_type)).count();
    assert_eq!(count("ActorCrashed"), count("ActorStarted"));
    for fact in &facts {
        if let Fact::Audit(audit) = fact {
            assert!(audit.alive_actors <= audit.total_actors && audit.total_actors <= Some(1), "{audit:?}");
        }
    }
}
