//! Actors without Papyra's hooks, and a `tracing` layer that listens to kameo.

use std::time::Duration;

use papyra_kameo::{SpawnObserved, kameo::actor::Spawn, layer};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    hookless::{Bare, Echo, FIRST_CRASH, FIRST_RESTART, child, started, told},
    scene::{Panic, Scene, Stop},
};

fn listen() -> DefaultGuard {
    tracing_subscriber::registry().with(layer()).set_default()
}

#[tokio::test]
async fn later_crashes_have_their_text_and_giving_up_is_known() {
    let _listening = listen();
    let scene = Scene::new().await;
    let (parent, child) = child(&scene).await;
    for _ in 0..2 {
        child.tell(Panic).await.unwrap();
        scene.wait_for_next("ActorRestarted").await;
    }
    child.tell(Panic).await.unwrap();
    scene.wait_for("SupervisionDecision").await;
    let crash = |generation| {
        format!(
            r#"ActorCrashed {{"generation":{generation},"error":"boom","how":null,"location":null,"message_type":null}}"#
        )
    };
    let expected = [
        &started(&parent),
        FIRST_CRASH,
        FIRST_RESTART,
        &crash(2),
        r#"ActorRestarted {"generation":3,"in_window":2,"limit":2}"#,
        &crash(3),
        r#"SupervisionDecision {"decision":"give_up","context":{"policy":"permanent","in_window":2,"limit":2,"window_seconds":60.0}}"#,
    ];
    assert_eq!(told(scene).await, expected);
}

#[tokio::test]
async fn later_stops_have_their_reason() {
    let _listening = listen();
    let scene = Scene::new().await;
    let (_parent, child) = child(&scene).await;
    child.tell(Panic).await.unwrap();
    scene.wait_for_next("ActorRestarted").await;
    child.tell(Stop).await.unwrap();
    scene.wait_for_next("ActorRestarted").await;
    assert_eq!(told(scene).await[3], r#"ActorStopped {"generation":2,"reason":null}"#);
}

#[tokio::test]
async fn the_layer_leaves_all_other_events_to_its_neighbours() {
    let _listening = listen();
    assert!(!tracing::enabled!(target: "papyra", tracing::Level::ERROR));
    assert!(!tracing::enabled!(target: "kameo::actor::kind", tracing::Level::INFO));
}

#[test]
fn every_crash_is_told_once_and_in_order_whatever_the_threads_do() {
    // A subscriber for the threads of this runtime only: other tests may run beside.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .on_thread_start(|| std::mem::forget(listen()))
        .build()
        .unwrap();
    const CRASHES: u32 = 300;
    let told = runtime.block_on(runtime.spawn(async {
        let scene = Scene::new().await;
        let parent = Bare::spawn(None);
        let child = Bare::supervise_observed(&scene.observer, "child", &parent, || None)
            .restart_limit(CRASHES, Duration::from_secs(600))
            .spawn()
            .await;
        for _ in 0..=CRASHES {
            child.wait_for_startup().await;
            child.tell(Panic).await.unwrap();
            // What waits for the start behind a crash would be lost.
            let _ = child.ask(Echo).await;
        }
        while child.is_alive() {
            // Some messages were lost after all.
            let _ = child.tell(Panic).await;
            tokio::task::yield_now().await;
        }
        scene.wait_for("SupervisionDecision").await;
        told(scene).await
    }));
    let told: Vec<_> = told.unwrap().into_iter().filter(|line| !line.contains("dead letter")).collect();
    let life = |generation: u32| {
        let crash =
            move |line: &str| line.starts_with(&format!(r#"ActorCrashed {{"generation":{generation},"error":"boom""#));
        let restart = move |line: &str| line.starts_with(&format!(r#"ActorRestarted {{"generation":{generation},"#));
        (crash, restart)
    };
    assert_eq!(told.len() as u32, 2 + 2 * CRASHES + 1, "{told:#?}");
    for generation in 1..=CRASHES + 1 {
        let (crash, restart) = life(generation);
        let at = 2 * generation as usize - 1;
        assert!(crash(&told[at]), "{}", told[at]);
        assert!(generation == 1 || restart(&told[at - 1]), "{}", told[at - 1]);
    }
}
