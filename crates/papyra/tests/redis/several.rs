//! Clusters and Sentinels: the same log on several servers.

use std::path::Path;

use papyra::{
    Log, RedisConfig, RedisLog, ScanOptions,
    conformance::{self, Harness},
};

use crate::{
    facts::{assert_exactly, facts, numbers, remarks},
    lab::{Cluster, Pair},
};

/// A name that is used once in the world.
fn prefix(dir: &Path) -> String {
    dir.file_name().unwrap().to_string_lossy().into_owned()
}

macro_rules! all_checks {
    ($($check:ident,)*) => {
        /// Runs every check of the conformance suite; on servers that take long to start, one after another on the same.
        fn conforms(harness: &Harness) {
            $(
                eprintln!(stringify!($check));
                harness.verdict(conformance::$check).unwrap();
            )*
        }
    };
}

papyra::__conformance_checks!(all_checks);

#[test]
fn a_cluster_with_a_hash_tag_conforms() {
    let cluster = Cluster::start();
    let addresses = cluster.addresses();
    conforms(&Harness::new(move |dir| {
        let config = RedisConfig::cluster(addresses.clone());
        RedisLog::new(config.with_prefix(format!("{{{}}}", prefix(dir))).unwrap())
    }));
}

#[test]
fn a_sentinel_pair_conforms() {
    let pair = Pair::start();
    let port = pair.port();
    conforms(&Harness::new(move |dir| {
        RedisLog::new(RedisConfig::sentinel([("127.0.0.1", port)], "main").with_prefix(prefix(dir)).unwrap())
    }));
}

#[tokio::test]
async fn a_cluster_without_a_hash_tag_keeps_the_order_of_each_kind() {
    let cluster = Cluster::start();
    let log = papyra::open(&cluster.url("prefix=spread")).await.unwrap();
    for first in 0..20 {
        let appended = log.append(&facts(first * 9, 9)).await.unwrap();
        assert_eq!(appended.positions.len(), 9);
    }
    let there = numbers(&log).await;
    for kind in 0..3 {
        let own: Vec<u64> = there.iter().copied().filter(|n| n % 3 == kind).collect();
        assert_eq!(own, (0..60).map(|n| n * 3 + kind).collect::<Vec<_>>());
    }
    let scan = log.scan(ScanOptions::deep()).await.unwrap();
    assert!(scan.is_clean(), "{:?}", scan.anomalies);
    let retention = papyra::Retention::all(papyra::Rule::default().with_max_records(20));
    log.clone().with_retention(retention).compact().await.unwrap();
    assert_eq!(numbers(&log).await.len(), 20);
    assert!(log.scan(ScanOptions::deep()).await.unwrap().is_clean());
    assert!(log.backend().shipping().is_none());
    let dir = tempfile::tempdir().unwrap();
    let spool = dir.path().join("spool");
    let error = papyra::open(&cluster.url(&format!("prefix=spread&spool={}", spool.display()))).await.unwrap_err();
    assert_eq!(error.kind(), papyra::ErrorKind::Config);
    assert!(error.cure().unwrap().contains("prefix={papyra}") && !spool.exists(), "{error:?}");
}

#[tokio::test]
async fn appending_goes_on_after_a_failover() {
    let mut pair = Pair::start();
    let log = papyra::open(&pair.url("prefix=watched")).await.unwrap();
    log.append(&facts(0, 9)).await.unwrap();
    while pair.replica.client().call(["XLEN", "watched:local:events"]).number() < 3 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    pair.fail_over();
    log.append(&facts(9, 9)).await.unwrap();
    assert_exactly(&log, 0..18).await;
}

#[tokio::test]
async fn a_replica_that_was_behind_is_brought_up_to_date_after_a_failover() {
    let mut pair = Pair::start();
    let log = Log::new(RedisLog::open(RedisConfig::sentinel([("127.0.0.1", pair.port())], "main")).await.unwrap());
    log.append(&facts(0, 9)).await.unwrap();
    while pair.replica.client().call(["XLEN", "papyra:local:events"]).number() < 3 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    // From here on the replica hears nothing of its master.
    pair.replica.pause();
    log.append(&facts(9, 9)).await.unwrap();
    pair.master.kill();
    pair.replica.resume();
    pair.fail_over();
    log.append(&facts(18, 3)).await.unwrap();
    log.append(&facts(21, 3)).await.unwrap();
    assert_exactly(&log, 0..24).await;
    let said = remarks(&log).await;
    // What the replica had in its socket when its master died may have reached it after all.
    assert!(said.iter().all(|(name, _)| name == "ServerSetBack"), "{said:?}");
}
