//! Audits count what is known and say null where it is not.

use std::time::Duration;

use papyra::{Audit, Fact, Health, Log, Recorder};
use papyra_ractor::{
    Observer, SpawnObserved,
    ractor::{Actor, ActorRef, ActorRuntime},
};
use tokio::sync::Notify;

use crate::scene::{LONG, Player, Scene, Start, Tell, count};

fn audits(facts: Vec<Fact>) -> Vec<Audit> {
    facts.into_iter().filter_map(|fact| if let Fact::Audit(audit) = fact { Some(audit) } else { None }).collect()
}

#[tokio::test]
async fn an_audit_counts_the_living_and_judges_what_is_new() {
    let scene = Scene::new().await;
    let (staying, _) = scene.player("staying").await;
    let (leaving, join) = scene.player("leaving").await;
    assert_eq!((count(&staying).await, count(&leaving).await), (1, 1));
    scene.observer.audit();
    leaving.stop(None);
    join.await.unwrap();
    scene.wait_for("ActorStopped").await;
    assert!(leaving.cast(Tell::Fail).is_err());
    scene.observer.audit();
    scene.observer.audit();

    let audits = audits(scene.facts().await);
    let seen: Vec<_> = audits
        .iter()
        .map(|audit| (audit.total_actors, audit.alive_actors, audit.dead_letters_count, audit.health))
        .collect();
    let expected = [
        (Some(2), Some(2), Some(0), Some(Health::Ok)),
        (Some(1), Some(1), Some(1), Some(Health::Degraded)),
        (Some(1), Some(1), Some(1), Some(Health::Ok)),
    ];
    assert_eq!(seen, expected);
    let first = &audits[0];
    assert_eq!((first.stopping_actors, first.restarting_actors), (Some(0), Some(0)));
    assert_eq!((first.system_id.as_str(), first.scope.as_deref()), ("orders", Some("observed")));
    assert!(first.registry_size >= Some(2));
    assert_eq!(first.registry_orphans, Some(vec![]));
    assert_eq!(first.recorder.map(|recorder| recorder.dropped), Some(0));
    staying.kill();
}

#[tokio::test]
async fn an_actor_that_starts_again_is_restarting() {
    static BEGUN: Notify = Notify::const_new();
    let scene = Scene::new().await;
    let (first, join) = scene.player("slowly").await;
    first.kill();
    join.await.unwrap();
    scene.wait_for("ActorStopped").await;
    let again = scene.observer.wrap(Player);
    let (second, join) = ActorRuntime::spawn_instant(Some("slowly".into()), again, Start::Never(&BEGUN)).unwrap();
    BEGUN.notified().await;
    scene.observer.audit();
    second.kill();
    assert!(join.await.unwrap().is_err());
    let audit = audits(scene.facts().await).remove(0);
    assert_eq!((audit.total_actors, audit.alive_actors, audit.restarting_actors), (Some(1), Some(0), Some(1)));
}

#[tokio::test]
async fn what_cannot_be_known_of_a_strangers_state_is_null() {
    let scene = Scene::new().await;
    let (stranger, _): (ActorRef<Tell>, _) = Player::spawn(None, Player, Start::Well).await.unwrap();
    assert!(scene.observer.watch(&stranger));
    scene.observer.audit();
    let audit = audits(scene.facts().await).remove(0);
    assert_eq!((audit.total_actors, audit.alive_actors, audit.stopping_actors), (Some(1), None, None));
    stranger.kill();
}

#[tokio::test]
async fn audits_come_by_themselves_until_the_observer_is_gone() {
    let log = Log::memory();
    let recorder = Recorder::start(log.clone()).unwrap();
    let observer = Observer::start(&recorder).audit_every(Duration::from_millis(10)).await.unwrap();
    let (player, _) = Player::spawn_observed(&observer, None, Player, Start::Well).await.unwrap();
    let mut audits = 0;
    log.wait_for(LONG, |entry| {
        audits += u64::from(matches!(entry.fact, Fact::Audit(_)));
        audits == 3
    })
    .await
    .unwrap();
    observer.stop().await;
    player.kill();
}
