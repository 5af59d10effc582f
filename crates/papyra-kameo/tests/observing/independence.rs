//! Observation changes nothing for the actors.

use std::{sync::atomic::Ordering, time::Duration};

use papyra::{Log, Recorder};
use papyra_kameo::{
    Observer, SpawnObserved,
    kameo::{actor::Spawn, error::SendError},
};

use crate::{
    hookless::Bare,
    scene::{Count, LONG, Panic, Player, Scene, Start, ended},
    unruly::{Manner, Unruly},
};

/// Actors live, crash, are restarted and get messages too late while the log is in this trouble.
async fn actors_go_on(manner: Manner) {
    let backend = Unruly::new(manner);
    let recorder = Recorder::builder(Log::new(backend.clone()))
        .queue_bytes(16 << 10)
        .drop_timeout(Duration::from_millis(10))
        .start()
        .unwrap();
    let observer = Observer::start(&recorder).audit_every(Duration::from_millis(10)).await.unwrap();
    let parent = Bare::spawn(None);
    let child = Player::supervise_observed(&observer, "child", &parent, || Start::Well)
        .restart_limit(1_000, LONG)
        .spawn()
        .await;
    child.wait_for_startup().await;
    for _ in 0..100 {
        let player = Player::spawn_observed(&observer, None, Start::Well);
        for n in 1..=3 {
            assert_eq!(player.ask(Count).await.unwrap(), n);
        }
        player.tell(Panic).await.unwrap();
        ended(&player).await;
        assert!(matches!(player.tell(Count).await, Err(SendError::ActorNotRunning(Count))));
        child.tell(Panic).await.unwrap();
    }
    assert!(child.is_alive());
    assert!(backend.appends.load(Ordering::SeqCst) > 0);
    // Far more has happened than the queue holds: it was dropped, and nobody waited.
    observer.audit();
    tokio::time::timeout(LONG, observer.stop()).await.unwrap();
    assert_eq!(recorder.shutdown(Duration::from_millis(10)).await.written, 0);
    parent.kill();
    ended(&parent).await;
    backend.open();
}

#[tokio::test]
async fn actors_go_on_while_the_disk_hangs() {
    actors_go_on(Manner::Hangs).await;
}

#[tokio::test]
async fn actors_go_on_while_the_disk_is_full() {
    actors_go_on(Manner::Full).await;
}

#[tokio::test]
async fn actors_go_on_when_the_backend_panics() {
    actors_go_on(Manner::Panics).await;
}

#[tokio::test]
async fn actors_run_on_when_the_observer_is_dropped() {
    let scene = Scene::new().await;
    let player = scene.player("runs-on");
    assert_eq!(player.ask(Count).await.unwrap(), 1);
    scene.wait_for("ActorStarted").await;
    let Scene { log, recorder, observer, .. } = scene;
    drop(observer);
    assert_eq!(player.ask(Count).await.unwrap(), 2);
    player.tell(Panic).await.unwrap();
    ended(&player).await;
    assert!(player.tell(Panic).await.is_err());
    assert_eq!(recorder.shutdown(LONG).await.written, 1);
    assert_eq!(log.last_position().await.unwrap().and_then(|last| last.seq()), Some(1));
}

#[tokio::test]
async fn an_actor_that_nobody_needs_ends_though_it_is_observed() {
    let scene = Scene::new().await;
    let player = scene.player("unneeded");
    assert_eq!(player.ask(Count).await.unwrap(), 1);
    assert_eq!(player.strong_count(), 1);
    let weak = player.downgrade();
    drop(player);
    tokio::time::timeout(LONG, weak.wait_for_shutdown()).await.unwrap();
    scene.wait_for("ActorStopped").await;
    assert_eq!(scene.facts().await.len(), 2);
}

#[tokio::test]
async fn an_observed_actor_is_linked_to_nobody() {
    let scene = Scene::new().await;
    let player = scene.player("alone");
    assert_eq!(player.ask(Count).await.unwrap(), 1);
    assert!(format!("{:?}", *player).contains("parent: None, links: []"), "{player:?}");
    player.kill();
}

#[tokio::test]
async fn a_stopped_observer_lets_actors_live_unseen() {
    let scene = Scene::new().await;
    let observer = scene.observer.clone();
    assert_eq!(scene.facts().await, []);
    let player = Player::spawn_observed(&observer, None, Start::Well);
    assert_eq!(player.ask(Count).await.unwrap(), 1);
    player.kill();
    ended(&player).await;
    tokio::time::timeout(LONG, observer.stop()).await.unwrap();
}
