//! What actors handled, added up; and audits: what an observation records by itself.

use std::{sync::mpsc, time::Duration};

use papyra::{
    Event, Fact,
    observe::{Headcount, Registry},
};

use crate::scene::{LONG, Scene};

#[tokio::test]
async fn processing_is_off_unless_asked_for() {
    let scene = Scene::new();
    let observation = scene.observation().start();
    assert!(observation.begin("worker").processing().is_none());
}

#[tokio::test]
async fn sums_come_by_themselves_and_the_last_ones_before_the_end() {
    let scene = Scene::new();
    let observation = scene.observation().processing_every(Duration::from_millis(10)).start();
    let life = observation.begin("worker");
    let processing = life.processing().unwrap().clone();
    processing.handled("Place", Duration::from_secs(2));
    scene.log.wait_for(LONG, |_| true).await.unwrap();
    processing.handled("Place", Duration::from_secs(1));
    life.stopped(None);
    drop(observation);
    let facts = scene.facts().await;
    let told: Vec<_> = facts
        .iter()
        .map(|fact| {
            let Fact::Event(Event { event_type, payload, timestamp, .. }) = fact else { panic!("{fact:?}") };
            let since = payload.decode::<serde_json::Value>().unwrap()["since"].as_f64();
            assert!(since.is_none_or(|since| since > 1e9 && since <= timestamp.seconds()));
            format!("{event_type} {}", payload.as_json().split(",\"since").next().unwrap())
        })
        .collect();
    let of = |total| {
        format!(
            r#"MessageProcessed {{"message_type":"Place","count":1,"total_seconds":{total}.0,"max_seconds":{total}.0"#
        )
    };
    let end = r#"ActorStopped {"generation":1,"reason":null}"#.to_owned();
    assert_eq!(told, [of(2), of(1), end]);
}

#[tokio::test]
async fn audits_take_their_figures_from_the_adapter_until_it_has_none() {
    let scene = Scene::new();
    let (told, heard) = mpsc::channel();
    let mut calls = 0;
    let count = move || {
        calls += 1;
        let mut headcount = Headcount::default();
        headcount.total = Some(calls);
        if calls > 2 {
            told.send(()).unwrap();
            return None;
        }
        Some((headcount, Registry::default()))
    };
    let observation = scene.observation().audit_every(Duration::ZERO).count_with(count).start();
    heard.recv_timeout(LONG).unwrap();
    heard.recv_timeout(LONG).unwrap();
    drop(observation);
    let totals: Vec<_> = scene
        .facts()
        .await
        .into_iter()
        .map(|fact| if let Fact::Audit(audit) = fact { audit.total_actors } else { panic!("{fact:?}") })
        .collect();
    assert_eq!(totals, [Some(1), Some(2)]);
}
