//! Each life yields exactly its events.

use papyra::{
    Fact, Health, Log, Payload, Recorder,
    observe::{Crash, Decision, Observation, Registry, Restart},
};

use crate::scene::{LONG, Scene};

#[tokio::test]
async fn a_life_yields_its_events_in_their_order() {
    let scene = Scene::new();
    let observation = scene.observation().start();
    let mut first = observation.begin("worker");
    first.set_parent(Some("orders://boss".to_owned()));
    first.started();
    first.crashed(&Crash::panic("boom").at(Some("src/worker.rs:7")));
    let worker = observation.address("worker");
    observation.decided(&worker, Decision::Restart, &Payload::from_json(r#"{"in_window":1,"limit":3}"#).unwrap());
    let mut second = observation.begin("worker");
    second.started();
    second.restarted(Restart::counted(1, 3));
    second.stopped(Some("enough"));
    observation.begin("worker").start_failed("no database");
    observation.start_refused("worker", "the name is taken");
    observation.begin_nameless(7).stopped(None);
    drop(observation);
    let expected = [
        r#"orders://worker ActorStarted {"generation":1,"parent":"orders://boss"}"#,
        r#"orders://worker ActorCrashed {"generation":1,"error":"boom","how":"panic","location":"src/worker.rs:7","message_type":null}"#,
        r#"orders://worker SupervisionDecision {"decision":"restart","context":{"in_window":1,"limit":3}}"#,
        r#"orders://worker ActorStarted {"generation":2,"parent":null}"#,
        r#"orders://worker ActorRestarted {"generation":2,"in_window":1,"limit":3}"#,
        r#"orders://worker ActorStopped {"generation":2,"reason":"enough"}"#,
        r#"orders://worker ActorStartFailed {"generation":3,"error":"no database"}"#,
        r#"orders://worker ActorStartFailed {"generation":null,"error":"the name is taken"}"#,
        r#"orders://7 ActorStopped {"generation":1,"reason":null}"#,
    ];
    assert_eq!(scene.told().await, expected);
}

#[tokio::test]
async fn a_message_that_crashes_two_generations_in_a_row_is_poison() {
    let scene = Scene::new();
    let observation = scene.observation().start();
    for message_type in ["Place", "Place", "Place", "Cancel"] {
        observation.begin("worker").crashed(&Crash::error("bad order").handling(Some(message_type)));
    }
    observation.begin("worker").stopped(None);
    observation.begin("worker").crashed(&Crash::error("bad order").handling(Some("Cancel")));
    drop(observation);
    let told = scene.told().await;
    let poison: Vec<_> = told.iter().enumerate().filter(|(_, told)| told.contains("PoisonMessage")).collect();
    let [(2, second), (4, third)] = poison[..] else { panic!("{told:#?}") };
    let of = |generations| {
        format!(
            r#"orders://worker PoisonMessage {{"message_type":"Place","generations":{generations},"error":"bad order"}}"#
        )
    };
    assert_eq!((second, third), (&of(2), &of(3)));
}

#[tokio::test]
async fn a_text_without_end_is_cut_off_and_still_recorded() {
    let scene = Scene::new();
    let observation = scene.observation().start();
    // The limit lies within a character.
    let endless = format!("x{}", "ä".repeat(10 << 20));
    observation.begin("worker").crashed(&Crash::panic(endless).handling(Some("T".repeat(1 << 20))));
    drop(observation);
    let told = scene.told().await;
    assert!(told[0].contains("ActorCrashed") && told[0].len() < 20_000, "{}", told[0].len());
}

#[tokio::test]
async fn a_name_without_end_is_cut_off_and_its_life_still_recorded() {
    let scene = Scene::new();
    let observation = scene.observation().start();
    let endless = "ä".repeat(10 << 20);
    let mut life = observation.begin(&endless);
    life.set_parent(Some(endless.clone()));
    life.started();
    life.crashed(&Crash::error("boom"));
    observation.start_refused(&endless, "the name is taken");
    observation.dead_letter(&observation.address(&endless), "Place", papyra::Why::Stopped, || None);
    // It is the same name each time.
    assert_eq!(observation.begin(&endless).generation(), 2);
    drop(observation);
    let told = scene.told().await;
    assert_eq!(told.len(), 4);
    assert!(told.iter().all(|told| told.starts_with("orders://ä") && told.len() < 20_000), "{:?}", told[0].len());
}

#[tokio::test]
async fn a_life_that_outlives_its_observation_records_nothing() {
    let scene = Scene::new();
    let observation = scene.observation().start();
    let (mut life, weak) = (observation.begin("worker"), observation.downgrade());
    drop(observation);
    assert!(weak.upgrade().is_none());
    life.started();
    life.crashed(&Crash::unknown("boom"));
    assert_eq!(scene.told().await, [""; 0]);
}

#[tokio::test]
async fn an_audit_counts_lives_and_judges_what_is_new() {
    let scene = Scene::new();
    let observation = scene.observation().start();
    let (mut alive, starting) = (observation.begin("alive"), observation.begin("starting"));
    alive.started();
    observation.begin("again").crashed(&Crash::error("boom"));
    let again = observation.begin("again");
    observation.audit(observation.headcount(), Registry::default());
    drop(again);
    alive.stopped(None);
    let mut registry = Registry::default();
    observation.audit(observation.headcount(), registry.clone());
    registry.dead = Some((0..200).map(|n| n.to_string()).collect());
    observation.audit(observation.headcount(), registry);
    drop((starting, observation));
    let audits: Vec<_> = scene
        .facts()
        .await
        .into_iter()
        .filter_map(|fact| if let Fact::Audit(a) = fact { Some(a) } else { None })
        .collect();
    let counts =
        audits.iter().map(|a| (a.total_actors, a.alive_actors, a.stopping_actors, a.restarting_actors, a.health));
    let expected = [
        (Some(3), Some(1), None, Some(1), Some(Health::Degraded)),
        (Some(1), Some(0), None, Some(0), Some(Health::Ok)),
        (Some(1), Some(0), None, Some(0), Some(Health::Degraded)),
    ];
    assert_eq!(counts.collect::<Vec<_>>(), expected);
    assert_eq!((audits[0].registry_size, &audits[0].registry_dead), (None, &None));
    assert_eq!(audits[2].registry_dead.as_ref().map(Vec::len), Some(Registry::MAX_NAMES));
}

#[tokio::test]
async fn a_hundred_thousand_lives_leave_every_fact_and_nothing_else() {
    const LIVES: u64 = 100_000;
    let log = Log::memory();
    let recorder = Recorder::builder(log).queue_bytes(1 << 30).start().unwrap();
    let observation = Observation::of(&recorder).processing_every(LONG).start();
    for n in 0..LIVES {
        let mut life = observation.begin(&n.to_string());
        life.started();
        life.stopped(None);
    }
    assert_eq!(observation.headcount().total, Some(0));
    drop(observation);
    let report = recorder.shutdown(LONG).await;
    assert_eq!((report.written, report.dropped), (2 * LIVES, 0));
}
