//! What an actor leaves in its mailbox.

use papyra_ractor::{
    SpawnObserved,
    ractor::{Actor, ActorRef},
};
use tokio::sync::Notify;

use crate::scene::{Player, Scene, Start, Tell, count};

async fn left_of(name: &str, scene: Scene) -> Vec<String> {
    let left = format!("orders://{name} left_in_mailbox");
    scene.told().await.into_iter().filter(|told| told.starts_with(&left)).collect()
}

#[tokio::test]
async fn every_observed_reference_counts_wherever_it_comes_from() {
    let scene = Scene::new().await;
    let player = scene.hanging("busy").await;
    let found: ActorRef<Tell> = ActorRef::where_is("busy").unwrap();
    let from_the_registry = scene.observer.observed_ref(found);
    for reference in [&player, &player.clone(), &from_the_registry] {
        reference.cast(Tell::Fail).unwrap();
    }
    let waiting = player.send_after(std::time::Duration::ZERO, || Tell::Fail);
    waiting.await.unwrap().unwrap();
    player.kill_and_wait(None).await.unwrap();
    assert_eq!(left_of("busy", scene).await, ["orders://busy left_in_mailbox null x4"]);
}

#[tokio::test]
async fn an_actor_that_drains_leaves_nothing() {
    let scene = Scene::new().await;
    let (player, _) = scene.player("thorough").await;
    let counts = [count(&player), count(&player)];
    for counted in counts {
        counted.await;
    }
    player.drain_and_wait(None).await.unwrap();
    assert_eq!(left_of("thorough", scene).await, [""; 0]);
}

#[tokio::test]
async fn what_came_by_plain_references_is_not_known_to_be_left() {
    let scene = Scene::new().await;
    let player = scene.hanging("half-seen").await;
    let plain: ActorRef<Tell> = player.get_cell().into();
    plain.cast(Tell::Fail).unwrap();
    player.cast(Tell::Fail).unwrap();
    player.kill_and_wait(None).await.unwrap();
    assert_eq!(left_of("half-seen", scene).await, ["orders://half-seen left_in_mailbox null x1"]);
}

#[tokio::test]
async fn what_waited_for_a_start_that_failed_is_left() {
    static BEGUN: Notify = Notify::const_new();
    let scene = Scene::new().await;
    let name = Some("never".to_owned());
    let (player, join) =
        Player::spawn_instant_observed(&scene.observer, name, Player, Start::Never(&BEGUN), None).unwrap();
    player.cast(Tell::Fail).unwrap();
    player.cast(Tell::Fail).unwrap();
    BEGUN.notified().await;
    player.kill();
    assert!(join.await.unwrap().is_err());
    let told = scene.told().await;
    assert!(told[0].starts_with("orders://never ActorStartFailed"), "{told:?}");
    assert_eq!(told[1..], ["orders://never left_in_mailbox null x2"]);
}

#[tokio::test]
async fn a_stranger_is_not_counted() {
    let scene = Scene::new().await;
    let (stranger, join) = Player::spawn(None, Player, Start::Well).await.unwrap();
    assert!(scene.observer.watch(&stranger));
    let observed = scene.observer.observed_ref(stranger);
    count(&observed).await;
    observed.cast(Tell::Fail).unwrap();
    join.await.unwrap();
    let told = scene.told().await;
    assert!(told.len() == 2 && told[1].contains("ActorCrashed"), "{told:?}");
}
