//! What a worker survives.

use std::{collections::BTreeSet, time::Duration};

use papyra::{
    Consumer, Entry, ErrorKind, Fact, Group, GroupStart, Kind, Log, ReadOptions, RedisConfig, RedisLog, SetAside,
};

use super::{EVENTS, add, kind_of, log, number, state, workers};
use crate::lab::{Client, Cluster, Fault, Proxy, Reply, Server};

fn worker(log: &Log) -> Consumer {
    // Rounds are made twice within the minimum idle time.
    let builder = Consumer::builder(log, workers(), "a").block(Duration::from_millis(20));
    builder.min_idle(Duration::from_secs(2)).open().unwrap()
}

/// Handles facts until so many different ones were acknowledged, beside what Papyra itself has to say.
async fn handle(consumer: &mut Consumer, seen: &mut BTreeSet<usize>, until: usize) {
    while seen.len() < until {
        let delivery = consumer.next().await.unwrap().unwrap();
        if kind_of(&delivery.entry.fact) != "GroupRecreated" {
            seen.insert(number(&delivery.entry.fact));
        }
        consumer.ack(&[delivery.entry.position]).await.unwrap();
    }
}

/// What Papyra itself put on record about the group.
async fn on_record(log: &Log) -> Vec<String> {
    let entries = log.read(ReadOptions::oldest_first().about("papyra://log")).collect().await.unwrap();
    let told = |entry: &Entry| match &entry.fact {
        Fact::Event(event) => format!("{} {}", event.event_type, event.payload),
        other => format!("{other:?}"),
    };
    entries.iter().map(told).collect()
}

/// How often the server was asked for this.
fn calls(client: &mut Client, command: &str) -> u64 {
    let stats = client.call(["INFO", "commandstats"]).text();
    let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

#[tokio::test]
async fn after_the_server_lost_everything_the_worker_gets_exactly_what_is_new() {
    let server = Server::start();
    let log = log(&server);
    let mut client = server.client();
    add(&mut client, 0..5);
    let mut consumer = worker(&log);
    let mut seen = BTreeSet::new();
    handle(&mut consumer, &mut seen, 5).await;
    client.call(["FLUSHALL"]);
    add(&mut client, 5..9);
    handle(&mut consumer, &mut seen, 9).await;
    assert_eq!(seen, (0..9).collect());
    let counted = consumer.metrics();
    assert_eq!((counted.redelivered, counted.groups_recreated), (0, 1));
    let told = on_record(&log).await;
    let [told] = told.as_slice() else { panic!("{told:?}") };
    assert!(told.starts_with(r#"GroupRecreated {"group":"workers","kind":"event","from":""#), "{told}");
}

#[tokio::test]
async fn a_group_that_somebody_deleted_goes_on_behind_what_it_had_acknowledged() {
    let server = Server::start();
    let log = log(&server);
    let mut client = server.client();
    add(&mut client, 0..10);
    let mut consumer = worker(&log);
    let mut seen = BTreeSet::new();
    handle(&mut consumer, &mut seen, 4).await;
    // Delivered, and not acknowledged by anybody when the group goes.
    for _ in 4..8 {
        consumer.next().await.unwrap().unwrap();
    }
    // It looks after the group twice, so once at least with all of this behind it.
    let looked = calls(&mut client, "xinfo|groups");
    while calls(&mut client, "xinfo|groups") < looked + 2 {
        if let Ok(delivery) = tokio::time::timeout(Duration::from_millis(10), consumer.next()).await {
            delivery.unwrap().unwrap();
        }
    }
    client.call(["XGROUP", "DESTROY", EVENTS, "workers"]);
    add(&mut client, 10..12);
    let mut again = BTreeSet::new();
    handle(&mut consumer, &mut again, 8).await;
    assert_eq!(again, (4..12).collect());
    assert_eq!(consumer.metrics().groups_recreated, 1);
}

#[tokio::test]
async fn a_log_that_went_backwards_is_read_from_its_beginning_by_a_group_that_is_gone() {
    let server = Server::start();
    let log = log(&server);
    let mut client = server.client();
    client.call(["XADD", EVENTS, "9000000000000-0", "data", &super::fact(0)]);
    let mut consumer = worker(&log);
    let mut seen = BTreeSet::new();
    handle(&mut consumer, &mut seen, 1).await;
    client.call(["FLUSHALL"]);
    // The new entries have lower ids than what was acknowledged.
    add(&mut client, 1..3);
    handle(&mut consumer, &mut seen, 3).await;
    assert_eq!(seen, (0..3).collect());
}

#[tokio::test]
async fn a_server_that_is_away_at_the_start_and_killed_in_the_middle_costs_no_fact() {
    let mut server = Server::synced();
    add(&mut server.client(), 0..300);
    server.kill();
    let log = log(&server);
    let mut consumer = worker(&log);
    let handle = consumer.handle();
    let working = tokio::spawn(async move {
        let mut seen = BTreeSet::new();
        while seen.len() < 300 {
            let delivery = consumer.next().await.unwrap().unwrap();
            seen.insert(number(&delivery.entry.fact));
            consumer.ack(&[delivery.entry.position]).await.unwrap();
        }
        consumer
    });
    while handle.metrics().errors == 0 {
        tokio::task::yield_now().await;
    }
    server.revive();
    for acknowledged in [30, 120, 200] {
        while handle.metrics().acknowledged < acknowledged {
            tokio::task::yield_now().await;
        }
        server.kill();
        server.revive();
    }
    let consumer = working.await.unwrap();
    assert_eq!(state(&log).await.pending, 0);
    assert!(!consumer.close().await.unwrap().has_pending);
}

#[tokio::test]
async fn a_connection_that_has_fallen_silent_is_given_up_and_nothing_is_lost() {
    let server = Server::start();
    let proxy = Proxy::to(server.port());
    let log = Log::new(RedisLog::new(RedisConfig::new("127.0.0.1", proxy.port())));
    add(&mut server.client(), 0..5);
    let mut consumer = worker(&log);
    let mut seen = BTreeSet::new();
    handle(&mut consumer, &mut seen, 5).await;
    proxy.set(Fault::Silence);
    // Delivered by the server, and never heard of.
    add(&mut server.client(), 5..8);
    let metrics = consumer.handle();
    let waiting = tokio::spawn(async move {
        handle(&mut consumer, &mut seen, 8).await;
        seen
    });
    while metrics.metrics().errors == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    proxy.set(Fault::None);
    assert_eq!(waiting.await.unwrap(), (0..8).collect());
}

#[tokio::test]
async fn a_server_that_takes_no_writes_for_a_while_is_waited_for() {
    let server = Server::start();
    let log = log(&server);
    let mut client = server.client();
    add(&mut client, 0..3);
    let mut consumer = worker(&log);
    let mut seen = BTreeSet::new();
    handle(&mut consumer, &mut seen, 3).await;
    // The master that it follows does not exist.
    client.call(["REPLICAOF", "127.0.0.1", "1"]);
    let metrics = consumer.handle();
    let waiting = tokio::spawn(async move {
        handle(&mut consumer, &mut seen, 5).await;
        seen
    });
    while metrics.metrics().errors == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    client.call(["REPLICAOF", "NO", "ONE"]);
    add(&mut client, 3..5);
    assert_eq!(waiting.await.unwrap(), (0..5).collect());
}

#[tokio::test]
async fn what_only_a_person_can_mend_is_told_and_the_worker_goes_on_once_it_is() {
    let server = Server::start();
    let mut client = server.client();
    add(&mut client, 0..3);
    let allow = ["ACL", "SETUSER", "worker", "on", ">s3cret", "~papyra:*", "+@all", "-xreadgroup"];
    client.call(allow);
    let login = (Some("worker".to_owned()), Some("s3cret".to_owned()));
    let config = RedisConfig::new("127.0.0.1", server.port()).with_login(login.0, login.1);
    let log = Log::new(RedisLog::new(config));
    let mut consumer = worker(&log);
    let error = consumer.next().await.unwrap().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Permission);
    assert!(!format!("{error:?}").contains("s3cret"));
    client.call(["ACL", "SETUSER", "worker", "+xreadgroup"]);
    let mut seen = BTreeSet::new();
    handle(&mut consumer, &mut seen, 3).await;
    assert_eq!(seen, (0..3).collect());
}

#[tokio::test]
async fn groups_work_in_a_cluster_each_kind_on_its_own_node() {
    let mut cluster = Cluster::start();
    let log = papyra::open(&cluster.url("prefix=papyra")).await.unwrap();
    let groups = log.consumer_groups().unwrap();
    for (kind, key) in [(Kind::Event, EVENTS), (Kind::Audit, "papyra:local:audits")] {
        let group = Group::new(kind, "workers");
        groups.create(&group, GroupStart::Beginning).await.unwrap();
        // Longer than a command may take that does not wait.
        let waited = groups.read(&group, "a", 10, Duration::from_millis(2500)).await.unwrap();
        assert_eq!(waited.deliveries, []);
        let mut nodes = cluster.nodes().iter().map(Server::client).collect::<Vec<_>>();
        // The others say where it has moved to.
        nodes.retain_mut(|node| !matches!(node.try_call(["XLEN", key]).unwrap(), Reply::Error(_)));
        let home = &mut nodes[0];
        for n in 0..3 {
            home.call(["XADD", key, "*", "data", &super::fact(n)]);
        }
        let delivered = groups.read(&group, "a", 10, Duration::ZERO).await.unwrap();
        let all = super::positions(&delivered);
        assert_eq!(all.len(), 3);
        assert_eq!(groups.hold(&group, "a", &all).await.unwrap(), all);
        assert_eq!(groups.set_aside(&group, "a", SetAside::Deliveries, &all[..1]).await.unwrap(), 1);
        assert_eq!(groups.claim(&group, "b", Duration::ZERO, &all).await.unwrap().deliveries.len(), 2);
        assert_eq!(groups.ack(&group, &all).await.unwrap(), 2);
        assert_eq!(groups.dead(kind, None, 10).await.unwrap().len(), 1);
        let states = groups.list(kind).await.unwrap();
        assert_eq!((states.len(), states[0].pending), (1, 0));
    }
}
