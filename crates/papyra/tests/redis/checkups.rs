//! A checkup names every setting that loses facts, with its cure.

use papyra::checkup::{Check, CheckVerdict};

use crate::{
    facts::{config, facts, log},
    lab::{Cluster, Server},
};

async fn checks(server: &Server) -> Vec<Check> {
    log(server).backend().checkup().unwrap().checks().await.unwrap()
}

#[track_caller]
fn find<'a>(checks: &'a [Check], name: &str) -> &'a Check {
    checks.iter().find(|check| check.name == name).unwrap_or_else(|| panic!("no check {name} in {checks:?}"))
}

#[track_caller]
fn assert_warned(checks: &[Check], name: &str, word: &str) {
    let check = find(checks, name);
    assert_eq!(check.verdict, CheckVerdict::Warning, "{check:?}");
    assert!(check.detail.contains(word) && check.cure.is_some(), "{check:?}");
}

#[tokio::test]
async fn a_server_that_is_set_up_well_passes() {
    let server = Server::synced();
    log(&server).append(&facts(0, 3)).await.unwrap();
    for check in checks(&server).await {
        assert_eq!(check.verdict, CheckVerdict::Ok, "{check:?}");
    }
}

#[tokio::test]
async fn every_unsafe_setting_is_named() {
    let server = Server::start();
    log(&server).append(&facts(0, 3)).await.unwrap();
    let mut client = server.client();
    assert_warned(&checks(&server).await, "persistence", "keeps nothing on disk");
    client.call(["CONFIG", "SET", "save", "3600 1"]);
    assert_warned(&checks(&server).await, "persistence", "snapshot");
    client.call(["CONFIG", "SET", "appendonly", "yes"]);
    client.call(["CONFIG", "SET", "appendfsync", "no"]);
    assert_warned(&checks(&server).await, "persistence", "appendfsync no");
    client.call(["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"]);
    assert_warned(&checks(&server).await, "eviction", "allkeys-lru");
    client.call(["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    client.call(["CONFIG", "SET", "maxmemory", "1mb"]);
    assert_warned(&checks(&server).await, "memory", "refused");
    client.call(["CONFIG", "SET", "maxmemory", "0"]);
    client.call(["EXPIRE", "papyra:local:audits", "1000"]);
    assert_warned(&checks(&server).await, "keys", "papyra:local:audits");
    client.call(["PERSIST", "papyra:local:audits"]);
    client.call(["XGROUP", "CREATE", "papyra:local:events", "nobody", "0"]);
    assert_warned(&checks(&server).await, "groups", "nobody");
    client.call(["DEL", "papyra:local:events"]);
    client.call(["SET", "papyra:local:events", "x"]);
    assert_warned(&checks(&server).await, "keys", "string");
}

#[tokio::test]
async fn a_replica_is_named() {
    let master = Server::start();
    let replica = Server::with(&["--replicaof", &format!("127.0.0.1 {}", master.port())]);
    assert_warned(&checks(&replica).await, "replication", "replica");
}

#[tokio::test]
async fn what_the_server_forbids_is_unknown_and_no_error() {
    let server = Server::start();
    let rights = "ACL SETUSER papyra reset on >word ~papyra:* +@all -info -config -command -xinfo|groups";
    server.client().call(rights.split(' '));
    let config = config(server.port()).with_login(Some("papyra".to_owned()), Some("word".to_owned()));
    let log = papyra::Log::new(papyra::RedisLog::new(config));
    log.append(&facts(0, 3)).await.unwrap();
    let checks = log.backend().checkup().unwrap().checks().await.unwrap();
    for name in ["eviction", "persistence", "replication", "memory", "features", "groups"] {
        assert_eq!(find(&checks, name).verdict, CheckVerdict::Unknown, "{checks:?}");
    }
    assert_eq!(find(&checks, "keys").verdict, CheckVerdict::Ok);
}

#[tokio::test]
async fn every_master_of_a_cluster_is_looked_at() {
    let mut cluster = Cluster::start();
    cluster.nodes()[1].client().call(["CONFIG", "SET", "maxmemory-policy", "allkeys-random"]);
    let log = papyra::open(&cluster.url("")).await.unwrap();
    let checks = log.backend().checkup().unwrap().checks().await.unwrap();
    assert_warned(&checks, "eviction", "allkeys-random");
}
