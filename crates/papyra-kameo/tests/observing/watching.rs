//! Actors that were spawned without the observer.

use papyra_kameo::kameo::{actor::Spawn, error::SendError};

use crate::scene::{Count, Panic, Player, Scene, Start, ended};

#[tokio::test]
async fn a_running_actor_is_seen_from_now_on() {
    let scene = Scene::new().await;
    let stranger = Player::spawn(Start::Well);
    stranger.wait_for_startup().await;
    let watched = scene.observer.watch(&stranger, Some("stranger"));
    stranger.tell(Panic).await.unwrap();
    ended(&stranger).await;
    scene.wait_for("ActorCrashed").await;
    assert!(matches!(watched.tell(Count).await, Err(SendError::ActorNotRunning(Count))));
    let expected = [
        r#"orders://stranger ActorCrashed {"generation":1,"error":"boom","how":"panic","location":null,"message_type":null}"#,
        "orders://stranger dead letter observing::scene::Count, stopped, 1",
    ];
    assert_eq!(scene.told().await, expected);
}

#[tokio::test]
async fn an_actor_without_a_name_is_known_by_its_number() {
    let scene = Scene::new().await;
    let prepared = Player::prepare();
    let watched = scene.observer.watch(prepared.actor_ref(), None);
    let number = watched.id().sequence_id();
    prepared.spawn(Start::Well);
    watched.stop_gracefully().await.unwrap();
    ended(&watched).await;
    let expected = [
        format!(r#"orders://{number} ActorStarted {{"generation":1,"parent":null}}"#),
        format!(r#"orders://{number} ActorStopped {{"generation":1,"reason":null}}"#),
    ];
    assert_eq!(scene.told().await, expected);
}

#[tokio::test]
async fn an_actor_is_watched_once_and_not_when_it_has_ended() {
    let scene = Scene::new().await;
    let player = scene.player("once");
    scene.observer.watch(&player, Some("twice"));
    player.stop_gracefully().await.unwrap();
    ended(&player).await;
    scene.observer.watch(&player, Some("late"));
    assert_eq!(scene.told().await.len(), 2);
}

#[tokio::test]
async fn a_start_into_a_full_mailbox_is_told_with_the_end() {
    let scene = Scene::new().await;
    let prepared = Player::prepare_with_mailbox(papyra_kameo::kameo::mailbox::bounded(1));
    let watched = scene.observer.watch(prepared.actor_ref(), Some("full"));
    watched.tell(Count).try_send().unwrap();
    prepared.spawn(Start::Well);
    assert_eq!(watched.ask(Count).await.unwrap(), 2);
    assert!(watched.with_startup_result(|_| ()).is_none(), "kameo tells such a start now: tell it in time");
    watched.stop_gracefully().await.unwrap();
    ended(&watched).await;
    let expected = [
        r#"orders://full ActorStarted {"generation":1,"parent":null}"#,
        r#"orders://full ActorStopped {"generation":1,"reason":null}"#,
    ];
    assert_eq!(scene.told().await, expected);
}

#[tokio::test]
async fn a_second_reference_to_a_watched_actor_says_its_first_name() {
    let scene = Scene::new().await;
    let player = scene.player("first");
    player.wait_for_startup().await;
    let again = scene.observer.watch(&player, None);
    player.stop_gracefully().await.unwrap();
    ended(&player).await;
    assert!(again.tell(Count).await.is_err());
    let told = scene.told().await;
    let letter = "orders://first dead letter observing::scene::Count, stopped, 1";
    assert!(told.iter().any(|told| told == letter), "{told:?}");
}

#[tokio::test]
async fn a_plain_reference_is_made_an_observed_one() {
    let scene = Scene::new().await;
    let known = scene.player("known");
    let stranger = Player::spawn(Start::Well);
    let number = stranger.id().sequence_id();
    let plain = (*known).clone();
    let references = [scene.observer.observed_ref(plain), scene.observer.observed_ref(stranger.clone())];
    for actor in [&*known, &stranger] {
        actor.stop_gracefully().await.unwrap();
        ended(actor).await;
    }
    scene.wait_for("ActorStopped").await;
    for reference in &references {
        assert!(matches!(reference.tell(Count).await, Err(SendError::ActorNotRunning(Count))));
    }
    let expected = [
        r#"orders://known ActorStarted {"generation":1,"parent":null}"#.to_owned(),
        r#"orders://known ActorStopped {"generation":1,"reason":null}"#.to_owned(),
        "orders://known dead letter observing::scene::Count, stopped, 1".to_owned(),
        format!("orders://{number} dead letter observing::scene::Count, stopped, 1"),
    ];
    assert_eq!(scene.told().await, expected);
}
