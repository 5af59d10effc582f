//! Logs on a server: how far its consumer groups are, and what waits for it.

use std::{sync::Arc, time::Duration};

use papyra::{Group, GroupStart, Kind, Log, RedisConfig, RedisLog, SpoolConfig, Spooled};
use papyra_http::{Readiness, Service};
use serde_json::{Value, json};

use crate::{
    lab::{Lab, event},
    redis_lab::{Server, free_port, is_installed},
};

fn log_at(port: u16) -> RedisLog {
    RedisLog::new(RedisConfig::new("127.0.0.1", port))
}

/// What `/readyz` says of this, once it says it; what was found is believed for a second.
async fn readiness(lab: &Lab, name: &str, ok: bool) -> String {
    for _ in 0..600 {
        let answer = lab.get("/readyz").await;
        let checks = answer.json()["checks"].as_array().unwrap().clone();
        let found = checks.into_iter().find(|check| check["name"] == name).unwrap_or_default();
        if found["ok"] == json!(ok) {
            assert_eq!(answer.status, if ok { 200 } else { 503 }, "{answer:?}");
            return found["detail"].as_str().unwrap().to_owned();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("`{name}` never becomes {ok}");
}

#[tokio::test]
async fn a_group_that_lags_is_told_and_keeps_the_service_from_being_ready_until_it_has_caught_up() {
    if !is_installed("redis-server") {
        return;
    }
    let mut server = Server::start();
    let log = Log::new(log_at(server.port()));
    log.append(&(1..=5).map(event).collect::<Vec<_>>()).await.unwrap();
    let (groups, workers) = (log.consumer_groups().unwrap(), Group::new(Kind::Event, "workers"));
    groups.create(&workers, GroupStart::Beginning).await.unwrap();

    let lab = Lab::serve(Service::of(log.clone()).with_readiness(Readiness::default().with_max_lag(3))).await;
    let why = readiness(&lab, "groups", false).await;
    assert_eq!(why, "the group workers of events has 5 entries before it, more than 3");
    let told = lab.get("/api/v1/groups").await.json();
    assert_eq!((&told["schema"], &told["ok"]), (&json!("papyra.groups/1"), &json!(true)));
    let group = |told: &Value| {
        let it = &told["groups"][0];
        (it["group"].clone(), it["kind"].clone(), it["lag"].clone(), it["pending"].clone())
    };
    assert_eq!(group(&told), (json!("workers"), json!("event"), json!(5), json!(0)));

    let delivered = groups.read(&workers, "one", 4, Duration::ZERO).await.unwrap();
    assert_eq!(delivered.deliveries.len(), 4);
    assert_eq!(readiness(&lab, "groups", true).await, "1 groups keep up");
    let told = lab.get("/api/v1/groups").await.json();
    assert_eq!(group(&told), (json!("workers"), json!("event"), json!(1), json!(4)));
    assert_eq!(told["groups"][0]["consumers"][0]["consumer"], json!("one"));
    assert_eq!(lab.get("/api/v1/status").await.json()["has_groups"], json!(true));

    // Nobody can tell any more: that is no reason to say that all is well.
    server.kill();
    readiness(&lab, "groups", false).await;
    assert_eq!(lab.get("/api/v1/groups").await.status, 503);
    assert_eq!(lab.get("/healthz").await.status, 200);
    lab.end().await;
}

#[tokio::test]
async fn a_spool_beyond_its_limit_keeps_the_service_from_being_ready_until_it_is_shipped() {
    if !is_installed("redis-server") {
        return;
    }
    let (port, spool) = (free_port(), tempfile::tempdir().unwrap());
    let remote = Arc::new(log_at(port));
    let log = Log::new(Spooled::new(remote, SpoolConfig::new(spool.path().join("spool"))).unwrap());
    log.append(&(1..=5).map(event).collect::<Vec<_>>()).await.unwrap();
    let lab = Lab::serve(Service::of(log.clone()).with_readiness(Readiness::default().with_max_spooled(3))).await;
    let why = readiness(&lab, "spool", false).await;
    assert!(why.starts_with("5 facts wait") && why.ends_with(": more than 3"), "{why}");

    let _server = Server::on(port, &[]);
    assert_eq!(readiness(&lab, "spool", true).await, "0 facts wait");
    lab.end().await;
    log.close().await.unwrap();
}
