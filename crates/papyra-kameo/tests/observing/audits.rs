//! Audits count what is known and say null where it is not.

use std::time::Duration;

use papyra::{Audit, Fact, Health, Log, Recorder};
use papyra_kameo::{
    Observer, SpawnObserved,
    kameo::{actor::Spawn, registry::ACTOR_REGISTRY},
};

use crate::{
    hookless::Bare,
    scene::{Count, Hold, LONG, Player, Scene, Start, ended},
};

fn audits(facts: Vec<Fact>) -> Vec<Audit> {
    facts.into_iter().filter_map(|fact| if let Fact::Audit(audit) = fact { Some(audit) } else { None }).collect()
}

#[tokio::test]
async fn an_audit_counts_the_living_and_judges_what_is_new() {
    let scene = Scene::new().await;
    let (staying, leaving) = (scene.player("staying"), scene.player("leaving"));
    let held = Hold::new();
    leaving.tell(held.clone()).await.unwrap();
    held.begun.notified().await;
    scene.observer.audit();
    // It stops as soon as it has done what it does now.
    leaving.stop_gracefully().await.unwrap();
    scene.observer.audit();
    held.go_on.notify_one();
    ended(&leaving).await;
    scene.wait_for("ActorStopped").await;
    assert!(leaving.tell(Count).await.is_err());
    scene.observer.audit();
    scene.observer.audit();

    let audits = audits(scene.facts().await);
    let seen: Vec<_> = audits
        .iter()
        .map(|audit| {
            let actors = (audit.total_actors, audit.alive_actors, audit.stopping_actors, audit.restarting_actors);
            (actors, audit.dead_letters_count, audit.health)
        })
        .collect();
    let expected = [
        ((Some(2), Some(2), Some(0), Some(0)), Some(0), Some(Health::Ok)),
        ((Some(2), Some(1), Some(1), Some(0)), Some(0), Some(Health::Ok)),
        ((Some(1), Some(1), Some(0), Some(0)), Some(1), Some(Health::Degraded)),
        ((Some(1), Some(1), Some(0), Some(0)), Some(1), Some(Health::Ok)),
    ];
    assert_eq!(seen, expected);
    assert_eq!((audits[0].system_id.as_str(), audits[0].scope.as_deref()), ("orders", Some("observed")));
    assert_eq!(audits[0].recorder.map(|recorder| recorder.dropped), Some(0));
    staying.kill();
}

#[tokio::test]
async fn whether_a_name_is_dead_is_unknown_if_nobody_observes_actors_of_its_type() {
    let scene = Scene::new().await;
    let stranger = Bare::spawn(None);
    stranger.register("audits/stranger").unwrap();
    let player = scene.player("known");
    player.register("audits/known").unwrap();
    assert_eq!(player.ask(Count).await.unwrap(), 1);
    scene.observer.audit();
    ACTOR_REGISTRY.lock().unwrap().remove("audits/stranger");
    let audit = audits(scene.facts().await).remove(0);
    assert!(audit.registry_size >= Some(2));
    assert_eq!(audit.registry_dead, None);
}

#[tokio::test]
async fn audits_come_by_themselves_until_observation_ends() {
    let log = Log::memory();
    let recorder = Recorder::start(log.clone()).unwrap();
    let observer = Observer::start(&recorder).audit_every(Duration::from_millis(10)).await.unwrap();
    let player = Player::spawn_observed(&observer, None, Start::Well);
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

#[tokio::test]
async fn there_is_no_audit_once_observation_has_ended() {
    let scene = Scene::new().await;
    let player = scene.player("runs on");
    scene.observer.clone().stop().await;
    scene.observer.audit();
    assert_eq!(audits(scene.facts().await), []);
    player.kill();
}
