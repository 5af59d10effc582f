//! Actors that are watched, whether or not they are observed already.

use std::sync::Arc;

use papyra_ractor::{
    SpawnObserved,
    ractor::{Actor, ActorProcessingErr, ActorRef, ActorRuntime, ActorStatus},
};
use tokio::sync::Notify;

use crate::scene::{LONG, Player, Scene, Start, Tell, count, json};

#[tokio::test]
async fn a_watched_actor_crashes_in_a_way_that_nobody_can_tell() {
    let scene = Scene::new().await;
    let (stranger, join): (ActorRef<Tell>, _) =
        Player::spawn(Some("stranger".into()), Player, Start::Well).await.unwrap();
    assert_eq!(count(&stranger).await, 1); // so its start is over, and was not seen
    assert!(scene.observer.watch(&stranger));
    stranger.cast(Tell::Panic).unwrap();
    join.await.unwrap();
    assert!(!scene.observer.watch(&stranger));
    let crash = scene.log.wait_for(LONG, |_| true).await.unwrap().fact;
    assert!(
        matches!(crash, papyra::Fact::Event(crash) if crash.payload == json(r#"{"generation":1,"error":"boom","how":null,"location":null,"message_type":null}"#))
    );
    assert_eq!(scene.facts().await.len(), 1);
}

/// Takes its time to stop.
struct Lingering(Arc<Notify>);

#[cfg_attr(feature = "async-trait", papyra_ractor::ractor::async_trait)]
impl Actor for Lingering {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<()>, (): &mut ()) -> Result<(), ActorProcessingErr> {
        self.0.notified().await;
        Ok(())
    }
}

#[tokio::test]
async fn watching_an_observed_actor_as_it_stops_does_not_lose_its_end() {
    let (scene, end) = (Scene::new().await, Arc::new(Notify::new()));
    let lingering = Lingering(end.clone());
    let (actor, join) =
        Lingering::spawn_observed(&scene.observer, Some("leaving".into()), lingering, ()).await.unwrap();
    actor.stop(None);
    while actor.get_status() != ActorStatus::Stopping {
        tokio::task::yield_now().await;
    }
    assert!(!scene.observer.watch(&actor));
    end.notify_one();
    join.await.unwrap();
    let told = scene.told().await;
    assert_eq!(told[1..], [r#"orders://leaving ActorStopped {"generation":1,"reason":null}"#]);
}

#[tokio::test]
async fn a_wrapped_actor_that_is_watched_before_its_first_step_is_no_stranger() {
    let scene = Scene::new().await;
    let spawned = ActorRuntime::spawn_instant(Some("both".into()), scene.observer.wrap(Player), Start::Well);
    let (player, join) = spawned.unwrap();
    assert!(scene.observer.watch(&player));
    player.cast(Tell::Panic).unwrap();
    join.await.unwrap().unwrap().await.unwrap();
    let told = scene.told().await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].contains(r#""how":"panic""#), "{told:?}");
}
