//! What an actor leaves in its mailbox.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use papyra::{Fact, Why};
use papyra_ractor::{
    SpawnObserved,
    ractor::{Actor, ActorProcessingErr, ActorRef},
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

/// Counts what it handles.
struct Counting(Arc<AtomicU64>);

#[cfg_attr(feature = "async-trait", papyra_ractor::ractor::async_trait)]
impl Actor for Counting {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<()>, (): (), (): &mut ()) -> Result<(), ActorProcessingErr> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn what_is_accepted_is_handled_or_left_however_senders_race_with_the_end() {
    let scene = Scene::with(|observation| observation.dead_letters_in_full(u64::MAX)).await;
    let (handled, accepted) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    for round in 0..100 {
        let actor = Counting(handled.clone());
        let (actor, join) = Counting::spawn_observed(&scene.observer, None, actor, ()).await.unwrap();
        let senders = [(); 2].map(|()| {
            let (actor, accepted) = (actor.clone(), accepted.clone());
            tokio::task::spawn_blocking(move || {
                while actor.cast(()).is_ok() {
                    accepted.fetch_add(1, Ordering::Relaxed);
                }
            })
        });
        while round > 0 && handled.load(Ordering::Relaxed) < round * 50 {
            tokio::task::yield_now().await;
        }
        actor.kill();
        join.await.unwrap();
        for sender in senders {
            sender.await.unwrap();
        }
    }
    let (handled, accepted) = (handled.load(Ordering::Relaxed), accepted.load(Ordering::Relaxed));
    let left = |fact: &Fact| match fact {
        Fact::DeadLetter(letter) if letter.why == Some(Why::LeftInMailbox) => letter.count.unwrap_or(1),
        _ => 0,
    };
    let left: u64 = scene.facts().await.iter().map(left).sum();
    assert_eq!(handled + left, accepted, "{handled} handled, {left} left");
}
