//! How many messages an actor handles, and how long that takes.

use std::time::Duration;

use crate::scene::{Scene, Tell, count};

async fn told_of_three_messages(scene: Scene) -> Vec<String> {
    let (player, join) = scene.player("busy").await;
    count(&player).await;
    count(&player).await;
    player.cast(Tell::Fail).unwrap();
    join.await.unwrap();
    scene.told().await
}

#[tokio::test]
async fn it_is_added_up_and_recorded_before_the_end() {
    let told = told_of_three_messages(
        Scene::with(|observation| observation.processing_every(Duration::from_secs(3600))).await,
    );
    let told = told.await;
    let sum = r#"orders://busy MessageProcessed {"message_type":"observing::scene::Tell","count":3,"#;
    assert!(told[1].starts_with(sum), "{told:?}");
    assert!(told[2].starts_with("orders://busy ActorCrashed"), "{told:?}");
    assert_eq!(told.len(), 3);
}

#[tokio::test]
async fn nobody_is_told_who_did_not_ask() {
    assert_eq!(told_of_three_messages(Scene::new().await).await.len(), 2);
}
