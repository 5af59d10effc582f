//! Actors without Papyra's hooks, and a `tracing` layer that listens to kameo.

use papyra_kameo::layer;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::{layer::SubscriberExt, util::SubscriberInitExt};

use crate::{
    hookless::{FIRST_CRASH, FIRST_RESTART, child, started, told},
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
