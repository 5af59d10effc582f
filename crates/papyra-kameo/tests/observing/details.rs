//! What hooks and settings add to the facts.

use papyra::{Log, Payload, Recorder};
use papyra_kameo::{Observer, SpawnObserved};
use serde::Serialize;

use crate::scene::{Count, Panic, Player, Scene, Start, Stop, ended};

async fn measuring() -> Scene {
    Scene::with(|observation| observation.processing_every(std::time::Duration::from_secs(3600))).await
}

/// The facts without their times.
async fn told(scene: Scene) -> Vec<String> {
    let untimed =
        |line: String| line.split_once(r#","total_seconds"#).map_or(line.clone(), |(told, _)| told.to_owned());
    scene.told().await.into_iter().map(untimed).collect()
}

#[tokio::test]
async fn what_an_actor_handles_is_counted_even_its_last_message() {
    let scene = measuring().await;
    let player = scene.player("busy");
    player.wait_for_startup().await;
    for _ in 0..3 {
        player.ask(Count).await.unwrap();
    }
    player.tell(Stop).await.unwrap();
    ended(&player).await;
    let expected = [
        r#"orders://busy ActorStarted {"generation":1,"parent":null}"#,
        r#"orders://busy MessageProcessed {"message_type":"observing::scene::Count","count":3"#,
        r#"orders://busy MessageProcessed {"message_type":"observing::scene::Stop","count":1"#,
        r#"orders://busy ActorStopped {"generation":1,"reason":null}"#,
    ];
    assert_eq!(told(scene).await, expected);
}

#[tokio::test]
async fn a_message_that_crashes_an_actor_again_is_called_poison() {
    let scene = measuring().await;
    for _ in 0..2 {
        let player = scene.player("poisoned");
        player.wait_for_startup().await;
        player.tell(Panic).await.unwrap();
        ended(&player).await;
        scene.wait_for_next("ActorCrashed").await;
    }
    let crash = |generation: u64| {
        format!(
            r#"orders://poisoned ActorCrashed {{"generation":{generation},"error":"boom","how":"panic","location":null,"message_type":"observing::scene::Panic"}}"#
        )
    };
    let told = told(scene).await;
    let at = told.iter().position(|line| *line == crash(2)).unwrap();
    assert!(told.contains(&crash(1)));
    assert_eq!(
        told[at + 1..],
        [
            r#"orders://poisoned PoisonMessage {"message_type":"observing::scene::Panic","generations":2,"error":"boom"}"#
        ]
    );
    // A name that comes again is a restart, which no supervisor counted.
    assert!(
        told.contains(&r#"orders://poisoned ActorRestarted {"generation":2,"in_window":null,"limit":null}"#.to_owned())
    );
}

#[derive(Clone, Serialize)]
struct Secret(&'static str);

impl papyra_kameo::kameo::message::Message<Secret> for Player {
    type Reply = ();
    async fn handle(&mut self, _: Secret, _: &mut papyra_kameo::kameo::message::Context<Self, ()>) {}
}

#[tokio::test]
async fn a_payload_stands_in_a_dead_letter_if_both_sides_want_it() {
    let log = Log::memory();
    let recorder = Recorder::start(log.clone()).unwrap();
    let observer = Observer::start(&recorder)
        .with(|observation| observation.payloads(|_, payload| (payload.as_json() != r#""hidden""#).then_some(payload)))
        .await
        .unwrap();
    let player = Player::spawn_observed(&observer, None, Start::Well);
    player.kill();
    ended(&player).await;
    let secrets = ["shown", "hidden"].map(Secret);
    assert!(player.tell(secrets[0].clone()).await.is_err());
    for secret in secrets {
        assert!(player.tell(secret).with_payload().await.is_err());
    }
    observer.stop().await;
    recorder.shutdown(crate::scene::LONG).await;
    let entries = log.read(papyra::ReadOptions::oldest_first()).collect().await.unwrap();
    let payloads = entries.iter().filter_map(|entry| match &entry.fact {
        papyra::Fact::DeadLetter(letter) => Some(letter.payload.clone()),
        _ => None,
    });
    let shown = Payload::of("shown");
    assert_eq!(payloads.collect::<Vec<_>>(), [Payload::null(), shown, Payload::null()]);
}
