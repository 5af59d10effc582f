//! Very many actors leave every fact, and nothing else.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use papyra::{Fact, Log, ReadOptions, Recorder};
use papyra_kameo::{Observer, SpawnObserved, kameo::actor::Spawn};

use crate::{
    hookless::Bare,
    scene::{LONG, Panic, Player, Scene, Start, ended},
};

const ACTORS: u64 = 100_000;
const CRASHES: u32 = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_life_of_a_restarted_actor_is_whole_and_in_order_whatever_the_threads_do() {
    let scene = Scene::new().await;
    let parent = Bare::spawn(None);
    let child = Player::supervise_observed(&scene.observer, "child", &parent, || Start::Well)
        .restart_limit(CRASHES, Duration::from_secs(600))
        .spawn()
        .await;
    while child.is_alive() {
        // What waits for the start behind it is lost with the actor.
        let _ = child.as_ref().tell(Panic).await;
    }
    scene.wait_for("SupervisionDecision").await;
    let told: Vec<String> = scene
        .told()
        .await
        .into_iter()
        .filter(|line| !line.contains("dead letter"))
        .map(|line| line.replace("orders://child ", "").split(',').next().unwrap().to_owned())
        .collect();
    let mut expected: Vec<String> = Vec::new();
    for generation in 1..=CRASHES + 1 {
        let events = ["ActorRestarted", "ActorStarted", "ActorCrashed"].iter().skip(usize::from(generation == 1));
        expected.extend(events.map(|event| format!(r#"{event} {{"generation":{generation}"#)));
    }
    expected.push(r#"SupervisionDecision {"decision":"give_up""#.to_owned());
    assert_eq!(told, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_thousand_actors_miss_no_fact_and_leave_nothing_behind() {
    let log = Log::memory();
    let recorder = Recorder::builder(log.clone()).queue_bytes(1 << 30).start().unwrap();
    let observer = Observer::start(&recorder).await.unwrap();
    for _ in 0..ACTORS / 1_000 {
        let players: Vec<_> = (0..1_000).map(|_| Player::spawn_observed(&observer, None, Start::Well)).collect();
        for player in &players {
            player.stop_gracefully().await.unwrap();
        }
        for player in &players {
            ended(player).await;
        }
    }
    // The followers end with their actors, not only with the observer.
    let runtime = tokio::runtime::Handle::current().metrics();
    let begun = Instant::now();
    while runtime.num_alive_tasks() > 0 {
        assert!(begun.elapsed() < LONG, "{} tasks are left", runtime.num_alive_tasks());
        tokio::task::yield_now().await;
    }
    observer.audit();
    observer.stop().await;
    assert_eq!(recorder.shutdown(LONG).await.dropped, 0);

    let mut lives: HashMap<String, Vec<String>> = HashMap::new();
    let mut audits = Vec::new();
    for entry in log.read(ReadOptions::oldest_first()).collect().await.unwrap() {
        match entry.fact {
            Fact::Event(event) => lives.entry(event.actor_address.to_string()).or_default().push(event.event_type),
            Fact::Audit(audit) => audits.push(audit),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(lives.len() as u64, ACTORS);
    assert!(lives.values().all(|life| life[..] == ["ActorStarted", "ActorStopped"]));
    assert_eq!((audits.len(), audits[0].total_actors), (1, Some(0)));
}
