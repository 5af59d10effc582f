//! Observation changes nothing for the actors.

use papyra_ractor::{SpawnObserved, ractor::Actor};

use crate::scene::{Player, Scene, Start, Tell, count};

#[tokio::test]
async fn actors_run_on_when_the_observer_is_dropped() {
    let Scene { log, recorder, observer } = Scene::new().await;
    let (player, join) = Player::spawn_observed(&observer, Some("runs-on".into()), Player, Start::Well).await.unwrap();
    assert_eq!(count(&player).await, 1);
    drop(observer);
    assert_eq!(count(&player).await, 2);
    player.cast(Tell::Panic).unwrap();
    join.await.unwrap();
    assert!(player.cast(Tell::Panic).is_err());
    recorder.shutdown(crate::scene::LONG).await;
    // The start may have been told before the drop or not; nothing is recorded after it.
    assert!(log.last_position().await.unwrap().is_none_or(|last| last.seq() == Some(1)));
}

#[tokio::test]
async fn an_observer_survives_the_end_of_every_actor_and_keeps_none() {
    let scene = Scene::new().await;
    for _ in 0..50 {
        let (player, join) = Player::spawn_observed(&scene.observer, None, Player, Start::Well).await.unwrap();
        player.cast(Tell::Panic).unwrap();
        join.await.unwrap();
    }
    scene.observer.audit();
    let last = scene.observer.clone();
    let facts = scene.facts().await;
    assert_eq!(facts.len(), 101);
    drop(last);
}

#[tokio::test]
async fn an_observed_actor_is_linked_to_nobody() {
    let scene = Scene::new().await;
    let (player, _) = scene.player("alone").await;
    let (watched, _) = Player::spawn(None, Player, Start::Well).await.unwrap();
    scene.observer.watch(&watched);
    for cell in [player.get_cell(), watched.get_cell()] {
        assert!(cell.try_get_supervisor().is_none() && cell.get_children().is_empty());
    }
    player.kill();
    watched.kill();
}

#[tokio::test]
async fn a_stopped_observer_lets_actors_start_unseen() {
    let scene = Scene::new().await;
    let clone = scene.observer.clone();
    assert_eq!(scene.facts().await, []);
    let (player, join) = Player::spawn_observed(&clone, None, Player, Start::Well).await.unwrap();
    assert_eq!(count(&player).await, 1);
    assert!(!clone.watch(&player));
    player.kill();
    join.await.unwrap();
}
