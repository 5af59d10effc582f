//! Actors, names and moments that nobody planned for.

use std::{panic::panic_any, sync::Arc, time::Duration};

use papyra::{Fact, Log, ReadOptions, Recorder, open};
use papyra_kameo::{
    Observer, SpawnObserved, hook,
    kameo::{
        Actor,
        actor::{ActorRef, Spawn},
        error::Infallible,
        message::{Context, Message},
    },
};
use tokio::{runtime::Builder, sync::Notify, time::timeout};

use crate::{
    hookless::Bare,
    scene::{Count, LONG, Panic, Player, Scene, Start, ended},
};

/// Panics with a number, and returns errors that panic when they are shown.
struct Odd;

#[papyra_kameo::observed]
impl Actor for Odd {
    type Args = ();
    type Error = Infallible;

    async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Odd)
    }
}

#[derive(Clone, Copy)]
enum Way {
    Panic,
    Error,
}

struct Mute;

impl std::fmt::Debug for Mute {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no words")
    }
}

impl Message<Way> for Odd {
    type Reply = Result<(), Mute>;
    async fn handle(&mut self, way: Way, _: &mut Context<Self, Self::Reply>) -> Self::Reply {
        match way {
            Way::Panic => panic_any(7),
            Way::Error => Err(Mute),
        }
    }
}

#[tokio::test]
async fn an_end_that_says_nothing_is_a_crash_all_the_same() {
    for (way, error, how) in [
        (Way::Panic, "a panic without a text", "panic"),
        (Way::Error, "an error that panics when it is shown", "error"),
    ] {
        let scene = Scene::new().await;
        let odd = Odd::spawn_observed(&scene.observer, Some("odd"), ());
        odd.tell(way).await.unwrap();
        ended(&odd).await;
        let told = scene.told().await;
        let crash = format!(r#"orders://odd ActorCrashed {{"generation":1,"error":"{error}","how":"{how}""#);
        assert!(told[1].starts_with(&crash), "{told:?}");
    }
}

/// Has a child before it has started itself, and then perhaps does not start.
struct Parent;

impl Actor for Parent {
    type Args = (Observer, bool);
    type Error = &'static str;

    async fn on_start((observer, starts): Self::Args, actor: ActorRef<Self>) -> Result<Self, &'static str> {
        hook::begins(&actor);
        let child = Player::supervise_observed(&observer, "child", &actor, || Start::Well).spawn().await;
        assert_eq!(child.ask(Count).await.unwrap(), 1);
        if starts { Ok(Parent) } else { Err("cannot pay") }
    }
}

#[tokio::test]
async fn a_child_that_is_spawned_in_on_start_has_its_parent_and_its_end() {
    for starts in [true, false] {
        let scene = Scene::new().await;
        let parent = Parent::spawn_observed(&scene.observer, Some("parent"), (scene.observer.clone(), starts));
        parent.wait_for_startup_with_result(|_| ()).await;
        let _ = parent.stop_gracefully().await;
        ended(&parent).await;
        let is_end = |fact: &Fact| matches!(fact, Fact::Event(event) if event.event_type == "ActorStopped" && event.actor_address == "orders://child".into());
        scene.log.wait_for(LONG, |entry| is_end(&entry.fact)).await.unwrap();
        let told = scene.told().await;
        let of = |who: &str| told.iter().filter(|told| told.starts_with(who)).map(String::as_str).collect::<Vec<_>>();
        let expected = [
            r#"orders://child ActorStarted {"generation":1,"parent":"orders://parent"}"#,
            r#"orders://child ActorStopped {"generation":1,"reason":null}"#,
        ];
        assert_eq!(of("orders://child "), expected);
        let parents = of("orders://parent ");
        if starts {
            assert!(parents[0].contains("ActorStarted") && parents[1].contains("ActorStopped"), "{told:?}");
            assert_eq!(parents.len(), 2);
        } else {
            assert_eq!(parents, [r#"orders://parent ActorStartFailed {"generation":1,"error":"cannot pay"}"#]);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_actor_of_a_thread_of_its_own_is_seen_as_any_other() {
    let scene = Scene::new().await;
    let prepared = Player::prepare();
    let player = scene.observer.watch(prepared.actor_ref(), Some("threaded"));
    prepared.spawn_in_thread(Start::Well);
    assert_eq!(player.ask(Count).await.unwrap(), 1);
    player.tell(Panic).await.unwrap();
    ended(&player).await;
    let told = scene.told().await;
    assert_eq!(told[0], r#"orders://threaded ActorStarted {"generation":1,"parent":null}"#);
    assert!(told[1].starts_with(r#"orders://threaded ActorCrashed {"generation":1,"error":"boom","how":"panic""#));
    assert_eq!(told.len(), 2);
}

#[tokio::test]
async fn an_actor_that_ends_with_the_one_it_is_linked_to_has_stopped_and_says_why() {
    let scene = Scene::new().await;
    let other = Bare::spawn(None);
    let player = Player::spawn_link_observed(&scene.observer, Some("linked"), &other, Start::Well).await;
    assert_eq!(player.ask(Count).await.unwrap(), 1);
    other.kill();
    ended(&player).await;
    let told = scene.told().await;
    assert!(told[1].starts_with(r#"orders://linked ActorStopped {"generation":1,"reason":"link"#), "{told:?}");
    assert_eq!(told.len(), 2);
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
        let player = Player::spawn_observed(&observer, Some(name), Start::Well);
        assert_eq!(player.ask(Count).await.unwrap(), 1);
        player.stop_gracefully().await.unwrap();
        ended(&player).await;
    }
    observer.stop().await;
    assert_eq!(recorder.shutdown(LONG).await.dropped, 0);
    let log = open(&address).await.unwrap();
    let entries = log.read(ReadOptions::oldest_first()).collect().await.unwrap();
    let stopped = |fact: &Fact| match fact {
        Fact::Event(event) if event.event_type == "ActorStopped" => Some(event.actor_address.to_string()),
        _ => None,
    };
    let addresses: Vec<_> = entries.iter().filter_map(|entry| stopped(&entry.fact)).collect();
    let short: Vec<_> = hostile.iter().map(|name| format!("orders://{name}")).collect();
    assert_eq!(addresses[..hostile.len()], short);
    assert!(addresses.last().is_some_and(|last| last.starts_with("orders://nnn") && last.len() < 10_000));
    assert_eq!(entries.len(), 2 * (hostile.len() + 1));
}

#[test]
fn a_runtime_that_ends_takes_its_actors_and_holds_up_nobody() {
    let recorder = Recorder::start(Log::memory()).unwrap();
    let (first, second) = (Builder::new_multi_thread(), Builder::new_current_thread());
    let [first, second] = [first, second].map(|mut builder| builder.enable_time().build().unwrap());
    // One observer lives in the runtime that ends, and one in the other.
    let observers =
        [&first, &second].map(|runtime| runtime.block_on(async { Observer::start(&recorder).await.unwrap() }));
    let players = observers.each_ref().map(|observer| {
        first.block_on(async {
            let player = Player::spawn_observed(observer, None, Start::Well);
            assert_eq!(player.ask(Count).await.unwrap(), 1);
            player
        })
    });
    first.shutdown_timeout(LONG);
    second.block_on(async {
        for player in &players {
            assert!(player.tell(Count).await.is_err());
        }
        for observer in observers {
            observer.audit();
            timeout(LONG, observer.stop()).await.unwrap();
        }
        assert_eq!(recorder.shutdown(LONG).await.dropped, 0);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_recorder_that_is_shut_down_while_actors_crash_harms_neither() {
    let scene = Scene::new().await;
    let shut_down = Arc::new(Notify::new());
    let crashing = {
        let (observer, shut_down) = (scene.observer.clone(), shut_down.clone());
        tokio::spawn(async move {
            for n in 0..400 {
                let player = Player::spawn_observed(&observer, Some("restless"), Start::Well);
                player.tell(Panic).await.unwrap();
                ended(&player).await;
                assert!(player.tell(Panic).await.is_err());
                if n == 200 {
                    shut_down.notify_one();
                }
            }
        })
    };
    shut_down.notified().await;
    let report = scene.recorder.shutdown(LONG).await;
    crashing.await.unwrap();
    scene.observer.audit();
    timeout(LONG, scene.observer.stop()).await.unwrap();
    // What was written is whole, and nothing came behind it. What the recorder says of drops was handed to it by nobody.
    let entries = scene.log.read(ReadOptions::oldest_first()).collect().await.unwrap();
    let facts: Vec<String> = entries.iter().map(|entry| entry.fact.to_json()).collect();
    let handed = facts.iter().filter(|fact| !fact.contains(r#""FactsDropped""#));
    assert_eq!(handed.count() as u64, report.written, "{report:?} {:?}", facts.last());
}

#[tokio::test]
async fn two_observers_see_one_actor_each_as_if_it_were_alone() {
    let (first, second) = (Scene::new().await, Scene::new().await);
    let player = first.player("shared");
    let watched = second.observer.watch(&player, Some("theirs"));
    assert_eq!(player.ask(Count).await.unwrap(), 1);
    player.tell(Panic).await.unwrap();
    ended(&player).await;
    assert!(player.tell(Count).await.is_err());
    assert!(watched.tell(Count).await.is_err());
    let life = |name: &str| {
        [
            format!(r#"orders://{name} ActorStarted {{"generation":1,"parent":null}}"#),
            format!(
                r#"orders://{name} ActorCrashed {{"generation":1,"error":"boom","how":"panic","location":null,"message_type":null}}"#
            ),
            format!("orders://{name} dead letter observing::scene::Count, stopped, 1"),
        ]
    };
    assert_eq!(first.told().await, life("shared"));
    assert_eq!(second.told().await, life("theirs"));
}

#[tokio::test]
async fn a_supervised_actor_that_another_observer_watches_is_seen_by_each_as_far_as_it_can_be() {
    let (first, second) = (Scene::new().await, Scene::new().await);
    let parent = Bare::spawn(None);
    let child = Player::supervise_observed(&first.observer, "child", &parent, || Start::Well)
        .restart_limit(1, Duration::from_secs(60))
        .spawn()
        .await;
    child.wait_for_startup().await;
    second.observer.watch(&child, Some("theirs"));
    for _ in 0..2 {
        child.tell(Panic).await.unwrap();
        // Behind the restart, or behind the end.
        let _ = child.ask(Count).await;
    }
    first.wait_for("SupervisionDecision").await;
    let seen = |told: Vec<String>, of: &str| told.iter().filter(|told| told.contains(of)).count();
    let (told, theirs) = (first.told().await, second.told().await);
    assert_eq!((seen(told.clone(), "ActorCrashed"), seen(told, "ActorRestarted")), (2, 1));
    assert_eq!((seen(theirs.clone(), "ActorCrashed"), seen(theirs, "ActorRestarted")), (1, 0));
}
