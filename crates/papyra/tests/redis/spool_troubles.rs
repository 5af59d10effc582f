//! What a server does to a spool short of being away: it goes backwards, refuses, promises less than was demanded.

use std::time::Duration;

use papyra::{
    Durability, Entry, ErrorKind, Fact, Log, ReadOptions, RedisConfig, RedisLog, Schemes, checkup::CheckVerdict,
};

use crate::{
    lab::{Cluster, Pair, Server},
    spool::{drained, facts, in_front_of, names, spooled, standing},
};

/// Long enough for any machine.
const PATIENCE: Duration = Duration::from_secs(60);

async fn until(what: &str, so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("not in time: {what}"));
}

fn waiting(log: &Log) -> u64 {
    log.metrics().spool.unwrap().facts
}

async fn stalled(log: &Log) {
    until("shipping stalls", || log.metrics().spool.unwrap().stalled).await;
}

async fn payload(server: &Server, event_type: &str) -> serde_json::Value {
    let log = RedisLog::new(RedisConfig::new("127.0.0.1", server.port()));
    let entries = papyra::Backend::read(&log, ReadOptions::newest_first()).collect().await.unwrap();
    let find = |entry: &Entry| match &entry.fact {
        Fact::Event(event) if event.event_type == event_type => Some(event.payload.decode().unwrap()),
        _ => None,
    };
    entries.iter().find_map(find).unwrap_or_else(|| panic!("no {event_type}: {entries:?}"))
}

#[tokio::test]
async fn a_server_that_came_back_from_an_old_backup_is_sent_again_what_it_lost() {
    let (dir, mut server) = (tempfile::tempdir().unwrap(), Server::start());
    let log = spooled(server.port(), &dir, "spool");
    log.append(&facts(0..30)).await.unwrap();
    drained(&log).await;
    server.client().call(["SAVE"]);
    log.append(&facts(30..50)).await.unwrap();
    drained(&log).await;
    server.kill();
    server.revive();
    log.append(&facts(50..60)).await.unwrap();
    drained(&log).await;
    assert_eq!(standing(&server).await, (names(0..60), vec!["ServerSetBack".to_owned()]));
    let said = payload(&server, "ServerSetBack").await;
    assert_eq!((&said["was"], &said["is"], &said["lost"]), (&50.into(), &30.into(), &0.into()));
}

#[tokio::test]
async fn a_server_that_is_emptied_again_and_again_holds_everything_at_the_end() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let log = spooled(server.port(), &dir, "spool");
    for n in 0..12 {
        log.append(&facts(n * 10..n * 10 + 10)).await.unwrap();
        if n % 2 == 0 {
            drained(&log).await;
        }
        server.client().call(["FLUSHALL"]);
    }
    log.append(&facts(120..121)).await.unwrap();
    drained(&log).await;
    let (shipped, said) = standing(&server).await;
    assert_eq!(shipped, names(0..121));
    assert!(said.iter().all(|event| event == "ServerSetBack"), "{said:?}");
}

#[tokio::test]
async fn a_stream_that_was_deleted_is_told_of() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let log = spooled(server.port(), &dir, "spool");
    log.append(&facts(0..10)).await.unwrap();
    drained(&log).await;
    server.client().call(["DEL", "papyra:local:events"]);
    log.append(&facts(10..12)).await.unwrap();
    until("it is told", || log.metrics().spool.unwrap().shipped >= 13).await;
    drained(&log).await;
    assert_eq!(standing(&server).await, (names(10..12), vec!["StreamReset".to_owned()]));
}

#[tokio::test]
async fn facts_wait_for_a_server_without_memory_without_rights_or_with_a_wrong_key() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let log = spooled(server.port(), &dir, "spool");
    log.append(&facts(0..1)).await.unwrap();
    drained(&log).await;
    let mut client = server.client();
    let troubles: [(&[&str], &[&str]); 3] = [
        (&["CONFIG", "SET", "maxmemory", "1"], &["CONFIG", "SET", "maxmemory", "0"]),
        (&["ACL", "SETUSER", "default", "-@write"], &["ACL", "SETUSER", "default", "+@all"]),
        (&["RENAME", "papyra:local:events", "aside"], &["RENAME", "aside", "papyra:local:events"]),
    ];
    for (n, (wrong, right)) in (1..).zip(troubles) {
        client.call(wrong);
        if n == 3 {
            client.call(["RPUSH", "papyra:local:events", "x"]);
        }
        log.append(&facts(n..n + 1)).await.unwrap();
        stalled(&log).await;
        assert_eq!(waiting(&log), 1, "{wrong:?}");
        if n == 3 {
            client.call(["DEL", "papyra:local:events"]);
        }
        client.call(right);
        drained(&log).await;
    }
    assert_eq!(standing(&server).await, (names(0..4), vec![]));
}

#[tokio::test]
async fn a_fact_leaves_the_spool_only_once_it_is_as_durable_as_was_demanded() {
    let mut pair = Pair::start();
    let dir = tempfile::tempdir().unwrap();
    let config = RedisConfig::sentinel([("127.0.0.1", pair.port())], "main").with_replicas(1);
    let log = in_front_of(config, &dir, "spool");
    log.append(&facts(0..5)).await.unwrap();
    drained(&log).await;
    pair.replica.pause();
    log.append(&facts(5..10)).await.unwrap();
    stalled(&log).await;
    assert_eq!(waiting(&log), 5);
    pair.replica.resume();
    drained(&log).await;
    pair.fail_over();
    log.append(&facts(10..15)).await.unwrap();
    // The new master has no replica.
    stalled(&log).await;
    assert_eq!(standing(&pair.replica).await.0, names(0..10));
}

#[tokio::test]
async fn a_durability_that_the_server_cannot_give_is_refused_before_anything_is_written() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let spool = dir.path().join("spool");
    let url = server.url(&format!("durability=synced&spool={}", spool.display()));
    let error = Schemes::new().open(&url).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(!spool.exists());
    // One that is away is asked when it is back, and what is acknowledged until then waits.
    let config = RedisConfig::new("127.0.0.1", server.port()).with_durability(Durability::Synced);
    let log = in_front_of(config, &dir, "spool");
    log.append(&facts(0..3)).await.unwrap();
    stalled(&log).await;
    assert_eq!(standing(&server).await.0, names(0..0));
    server.client().call(["CONFIG", "SET", "appendonly", "yes"]);
    server.client().call(["CONFIG", "SET", "appendfsync", "always"]);
    drained(&log).await;
    assert_eq!(standing(&server).await.0, names(0..3));
}

#[tokio::test]
async fn a_cluster_with_a_hash_tag_is_shipped_to() {
    let cluster = Cluster::start();
    let dir = tempfile::tempdir().unwrap();
    let config = RedisConfig::cluster(cluster.addresses()).with_prefix("{papyra}").unwrap();
    let log = in_front_of(config.clone(), &dir, "spool");
    for n in 0..20 {
        log.append(&facts(n * 10..n * 10 + 10)).await.unwrap();
    }
    drained(&log).await;
    let there = Log::new(RedisLog::new(config)).read(ReadOptions::oldest_first()).collect().await.unwrap();
    assert_eq!(there.len(), 200);
}

#[tokio::test]
async fn the_doctor_names_what_waits_and_who_does_not_ship_it() {
    let (dir, mut server) = (tempfile::tempdir().unwrap(), Server::start());
    let log = spooled(server.port(), &dir, "spool");
    log.append(&facts(0..3)).await.unwrap();
    drained(&log).await;
    let cursor = dir.path().join("spool/1.shipped");
    until("the cursor is written", || std::fs::read_to_string(&cursor).is_ok_and(|text| text.contains("\"seq\":3")))
        .await;
    server.kill();
    log.append(&facts(3..5)).await.unwrap();
    let port = server.port();
    let checks = async || spooled(port, &dir, "spool").backend().checkup().unwrap().checks().await.unwrap();
    let found = checks().await;
    let verdict =
        |name: &str| found.iter().find(|check| check.name == name).map(|check| (check.verdict, &check.detail));
    let (spool, detail) = verdict("spool").unwrap();
    assert_eq!(spool, CheckVerdict::Ok, "{found:?}");
    assert!(detail.contains("2 facts in"), "{detail}");
    assert_eq!(verdict("server").unwrap().0, CheckVerdict::Unknown);
    log.close().await.unwrap();
    let found = checks().await;
    assert_eq!(found[0].verdict, CheckVerdict::Warning, "{found:?}");
    assert!(found[0].detail.contains("nobody ships them"), "{found:?}");
    server.revive();
    let log = spooled(server.port(), &dir, "spool");
    log.append(&[]).await.unwrap();
    drained(&log).await;
    let found = checks().await;
    assert_eq!(found[0].verdict, CheckVerdict::Ok);
    assert!(found[0].detail.starts_with("nothing waits") && found.iter().any(|check| check.name == "persistence"));
}
