//! Plain tasks and their channels: the same outputs, errors and panics as ever, and each life on record.

use std::{
    future::{pending, ready},
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use papyra::{
    Payload,
    observe::{Crash, Observation, TaskGuard},
};
use tokio::sync::mpsc::{channel, unbounded_channel};

use crate::scene::{LONG, Scene};

/// Everything that is recorded while a play is on.
async fn recorded(play: impl AsyncFnOnce(&Observation)) -> Vec<String> {
    let scene = Scene::new();
    let observation = scene.observation().start();
    play(&observation).await;
    drop(observation);
    scene.told().await
}

const STARTED: &str = r#"orders://importer ActorStarted {"generation":1,"parent":null}"#;

#[tokio::test]
async fn a_task_that_finishes_gives_its_output_and_stops() {
    let told = recorded(async |observation| {
        assert_eq!(observation.spawn("importer", ready(42)).await.unwrap(), 42);
    });
    assert_eq!(told.await, [STARTED, r#"orders://importer ActorStopped {"generation":1,"reason":null}"#]);
}

#[tokio::test]
async fn a_panic_comes_to_the_join_handle_and_is_a_crash() {
    let told = recorded(async |observation| {
        let failed = observation.spawn("importer", async { panic!("no luck") }).await.unwrap_err();
        assert_eq!(failed.into_panic().downcast_ref::<&str>(), Some(&"no luck"));
    });
    let crash = r#"orders://importer ActorCrashed {"generation":1,"error":"no luck","how":"panic","location":null,"message_type":null}"#;
    assert_eq!(told.await, [STARTED, crash]);
}

#[tokio::test]
async fn an_aborted_task_stops_as_aborted() {
    let told = recorded(async |observation| {
        let task = observation.spawn("importer", pending::<()>());
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    });
    assert_eq!(told.await, [STARTED, r#"orders://importer ActorStopped {"generation":1,"reason":"aborted"}"#]);
}

#[tokio::test]
async fn an_error_is_a_crash_only_by_choice() {
    let told = recorded(async |observation| {
        let fails = || ready(Err::<(), _>("no file"));
        assert_eq!(tokio::spawn(observation.task("importer").around(fails())).await.unwrap(), Err("no file"));
        assert_eq!(tokio::spawn(observation.task("strict").around_fallible(fails())).await.unwrap(), Err("no file"));
    });
    let expected = [
        STARTED,
        r#"orders://importer ActorStopped {"generation":1,"reason":null}"#,
        r#"orders://strict ActorStarted {"generation":1,"parent":null}"#,
        r#"orders://strict ActorCrashed {"generation":1,"error":"no file","how":"error","location":null,"message_type":null}"#,
    ];
    assert_eq!(told.await, expected);
}

#[tokio::test]
async fn an_error_that_cannot_say_what_it_is_comes_through_all_the_same() {
    #[derive(Debug)]
    struct Mute;
    impl std::fmt::Display for Mute {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("no words")
        }
    }
    let told = recorded(async |observation| {
        assert!(observation.task("importer").around_fallible(ready(Err::<(), _>(Mute))).await.is_err());
    });
    assert!(told.await[1].contains(r#""error":"an error whose text cannot be had","how":"error""#));
}

#[tokio::test]
async fn a_guard_lives_a_life_of_its_own() {
    let told = recorded(async |observation| {
        drop(observation.task("importer").parent(&observation.address("boss")).guard());
        let guard = observation.task("importer").guard();
        assert!(
            catch_unwind(AssertUnwindSafe(move || {
                let _guard = guard;
                panic!("no luck")
            }))
            .is_err()
        );
        observation.task("importer").guard().stopped("enough");
        observation.task("importer").guard().crashed(&Crash::error("no file"));
        assert_eq!(observation.headcount().total, Some(0));
    });
    let ends: Vec<_> = told.await.into_iter().filter(|told| !told.contains("ActorRestarted")).collect();
    let expected = [
        r#"orders://importer ActorStarted {"generation":1,"parent":"orders://boss"}"#,
        r#"orders://importer ActorStopped {"generation":1,"reason":null}"#,
        r#"orders://importer ActorStarted {"generation":2,"parent":null}"#,
        r#"orders://importer ActorCrashed {"generation":2,"error":"a panic whose text only a panic hook could tell","how":"panic","location":null,"message_type":null}"#,
        r#"orders://importer ActorStarted {"generation":3,"parent":null}"#,
        r#"orders://importer ActorStopped {"generation":3,"reason":"enough"}"#,
        r#"orders://importer ActorStarted {"generation":4,"parent":null}"#,
        r#"orders://importer ActorCrashed {"generation":4,"error":"no file","how":"error","location":null,"message_type":null}"#,
    ];
    assert_eq!(ends, expected);
}

/// As actix has it: the actor is a part of its own future, which its runtime drops.
struct Actor {
    _life: TaskGuard,
}

impl Future for Actor {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        panic!("no luck")
    }
}

#[tokio::test]
async fn a_guard_within_an_actor_tells_a_panic_from_a_stop() {
    let told = recorded(async |observation| {
        let actor = Actor { _life: observation.task("importer").guard() };
        assert!(tokio::spawn(actor).await.unwrap_err().is_panic());
    });
    assert!(told.await[1].starts_with("orders://importer ActorCrashed "));
}

#[tokio::test]
async fn tasks_run_on_unseen_when_the_observation_ends() {
    let scene = Scene::new();
    let observation = scene.observation().start();
    let (sender, mut receiver) = channel::<u8>(1);
    let task = observation.spawn("importer", async move { receiver.recv().await });
    let sender = observation.sender("importer", sender);
    drop(observation);
    sender.send(7).await.unwrap();
    assert_eq!(task.await.unwrap(), Some(7));
    assert!(sender.send(8).await.is_err());
    assert_eq!(scene.told().await, [STARTED]);
}

#[tokio::test]
async fn what_cannot_be_sent_is_a_dead_letter_and_comes_back_in_tokios_error() {
    let scene = Scene::new();
    let observation = scene.observation().payloads(|_, payload| Some(payload)).start();
    let (sender, receiver) = channel(1);
    let sender = observation.sender("importer", sender).with_payload(|n: &u8| Payload::of(n));
    assert!(sender.send(0).await.is_ok());
    assert_eq!(sender.try_send(1).unwrap_err().into_inner(), 1);
    assert_eq!(sender.send_timeout(2, Duration::ZERO).await.unwrap_err().into_inner(), 2);
    drop(receiver);
    assert_eq!(sender.try_send(3).unwrap_err().into_inner(), 3);
    assert_eq!(sender.send(4).await.unwrap_err().0, 4);
    assert_eq!(sender.send_timeout(5, LONG).await.unwrap_err().into_inner(), 5);
    let blocking = sender.clone();
    assert_eq!(std::thread::spawn(move || blocking.blocking_send(6)).join().unwrap().unwrap_err().0, 6);
    let (sender, receiver) = unbounded_channel();
    let sender = observation.unbounded_sender("importer", sender);
    assert!(sender.send(7_u16).is_ok() && !sender.is_closed());
    drop(receiver);
    assert_eq!(sender.clone().send(8).unwrap_err().0, 8);
    drop(observation);
    let expected = [
        "orders://importer u8 mailbox_full 1 1",
        "orders://importer u8 timeout 1 2",
        "orders://importer u8 stopped 1 3",
        "orders://importer u8 stopped 1 4",
        "orders://importer u8 stopped 1 5",
        "orders://importer u8 stopped 1 6",
        "orders://importer u16 stopped 1 null",
    ];
    assert_eq!(scene.told().await, expected);
}
