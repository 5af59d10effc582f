//! A spool in front of a server that is away, dies, forgets, or does not answer.

use std::{sync::Arc, time::Duration};

use papyra::{
    Backend, Entry, Event, Fact, Log, ReadOptions, Recorder, RedisConfig, RedisLog, ScanOptions, SpoolConfig, Spooled,
    Timestamp,
};
use tempfile::TempDir;

use crate::lab::{Fault, Proxy, Server, free_port};

/// Long enough for any machine.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn spooled(port: u16, dir: &TempDir, name: &str) -> Log {
    in_front_of(RedisConfig::new("127.0.0.1", port), dir, name)
}

pub(crate) fn in_front_of(remote: RedisConfig, dir: &TempDir, name: &str) -> Log {
    let remote = RedisLog::new(remote);
    Log::new(Spooled::new(Arc::new(remote), SpoolConfig::new(dir.path().join(name))).unwrap())
}

pub(crate) fn fact(n: u64) -> Fact {
    Event::new("t://a", format!("E{n}")).at(Timestamp::from_seconds(n as f64).unwrap()).into()
}

pub(crate) fn facts(range: std::ops::Range<u64>) -> Vec<Fact> {
    range.map(fact).collect()
}

pub(crate) fn names(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|n| format!("E{n}")).collect()
}

pub(crate) fn name(entry: &Entry) -> String {
    let Fact::Event(event) = &entry.fact else { panic!("not an event: {entry:?}") };
    event.event_type.clone()
}

/// What the server holds, and what Papyra itself said there.
pub(crate) async fn standing(server: &Server) -> (Vec<String>, Vec<String>) {
    let log = RedisLog::new(RedisConfig::new("127.0.0.1", server.port()));
    let entries = log.read(ReadOptions::oldest_first()).collect().await.unwrap();
    entries.iter().map(name).partition(|name| name.starts_with('E'))
}

pub(crate) async fn drained(log: &Log) {
    let drained = async {
        while log.metrics().spool.unwrap().facts > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, drained).await.expect("the backlog does not shrink");
}

#[tokio::test]
async fn a_server_that_is_down_at_the_start_gets_everything_once_it_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let port = free_port();
    let recorder = Recorder::builder(spooled(port, &dir, "spool")).open().await.unwrap();
    for n in 0..100 {
        recorder.record(fact(n));
    }
    recorder.flush().await.unwrap();
    assert_eq!(recorder.metrics().spool.unwrap().facts, 100);
    let server = Server::on(port, &[]);
    drained(recorder.log()).await;
    assert_eq!(standing(&server).await, (names(0..100), vec![]));
    assert_eq!(recorder.shutdown(PATIENCE).await.dropped, 0);
}

#[tokio::test]
async fn a_server_that_is_killed_again_and_again_holds_everything_once() {
    let (dir, mut server) = (tempfile::tempdir().unwrap(), Server::synced());
    let log = spooled(server.port(), &dir, "spool");
    for round in 0..6 {
        for n in 0..20 {
            let n = round * 200 + n * 10;
            log.append(&facts(n..n + 10)).await.unwrap();
            if n % 200 == 70 {
                server.kill();
            }
        }
        server.revive();
    }
    drained(&log).await;
    assert_eq!(standing(&server).await, (names(0..1200), vec![]));
}

#[tokio::test]
async fn a_server_that_comes_back_empty_gets_again_what_is_held_and_says_so() {
    let (dir, mut server) = (tempfile::tempdir().unwrap(), Server::start());
    let log = spooled(server.port(), &dir, "spool");
    log.append(&facts(0..50)).await.unwrap();
    drained(&log).await;
    // It keeps nothing on disk.
    server.kill();
    server.revive();
    log.append(&facts(50..60)).await.unwrap();
    drained(&log).await;
    assert_eq!(standing(&server).await, (names(0..60), vec!["ServerSetBack".to_owned()]));
}

#[tokio::test]
async fn a_wire_that_is_cut_before_the_answer_doubles_nothing() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let proxy = Proxy::to(server.port());
    let log = spooled(proxy.port(), &dir, "spool");
    for n in 0..40 {
        let fault = if n % 4 == 3 { Fault::CutAfter(n * 97) } else { Fault::CutBeforeReply };
        proxy.set(fault);
        log.append(&facts(n * 5..n * 5 + 5)).await.unwrap();
        drained(&log).await;
    }
    assert!(proxy.cuts() >= 20, "{}", proxy.cuts());
    proxy.set(Fault::None);
    assert_eq!(standing(&server).await, (names(0..200), vec![]));
}

#[tokio::test]
async fn nobody_waits_for_a_server_that_does_not_answer() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let log = spooled(server.port(), &dir, "spool");
    log.append(&facts(0..1)).await.unwrap();
    drained(&log).await;
    server.pause();
    // Paused for as long as this takes: were it waited for, this would never end.
    for n in 1..50 {
        log.append(&[fact(n)]).await.unwrap();
    }
    assert_eq!(log.metrics().spool.unwrap().facts, 49);
    server.resume();
    drained(&log).await;
    assert_eq!(standing(&server).await, (names(0..50), vec![]));
}

#[tokio::test]
async fn a_copied_spool_goes_on_under_a_name_of_its_own() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let log = spooled(server.port(), &dir, "spool");
    log.append(&facts(0..10)).await.unwrap();
    log.close().await.unwrap();
    copy(&dir.path().join("spool"), &dir.path().join("copy"));
    let (one, other) = (spooled(server.port(), &dir, "spool"), spooled(server.port(), &dir, "copy"));
    for n in 0..10 {
        one.append(&[fact(100 + n)]).await.unwrap();
        other.append(&[fact(200 + n)]).await.unwrap();
    }
    drained(&one).await;
    drained(&other).await;
    let (mut shipped, said) = standing(&server).await;
    shipped.sort_by_key(|name| name[1..].parse::<u64>().unwrap());
    assert_eq!(shipped, [names(0..10), names(100..110), names(200..210)].concat());
    assert_eq!(said, ["SpoolForked"]);
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for item in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(item.file_name());
        if item.path().is_dir() {
            copy(&item.path(), &target);
        } else {
            std::fs::copy(item.path(), target).unwrap();
        }
    }
}

#[tokio::test]
async fn two_spools_into_one_log_are_read_as_one_beside_their_shippers() {
    let (dir, server) = (tempfile::tempdir().unwrap(), Server::start());
    let (one, other) = (spooled(server.port(), &dir, "one"), spooled(server.port(), &dir, "other"));
    let mut follower = one.follow(ReadOptions::oldest_first());
    for n in 0..20 {
        one.append(&facts(n * 10..n * 10 + 5)).await.unwrap();
        other.append(&facts(n * 10 + 5..n * 10 + 10)).await.unwrap();
        let read = one.read(ReadOptions::oldest_first()).collect().await.unwrap();
        let mut own: Vec<u64> = read.iter().map(|entry| name(entry)[1..].parse::<u64>().unwrap()).collect();
        let all = own.len();
        own.retain(|n| n % 10 < 5);
        assert_eq!(own, (0..n + 1).flat_map(|n| n * 10..n * 10 + 5).collect::<Vec<_>>());
        assert!(all <= (n as usize + 1) * 10);
    }
    let mut seen = Vec::new();
    while seen.len() < 200 {
        let entry = tokio::time::timeout(PATIENCE, follower.next()).await.unwrap().unwrap().unwrap();
        seen.push(name(&entry)[1..].parse::<u64>().unwrap());
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..200).collect::<Vec<_>>());
    drained(&other).await;
    assert_eq!(standing(&server).await.0.len(), 200);
    assert!(
        one.scan(ScanOptions::deep()).await.is_ok_and(|report| report.is_clean() && report.entries["event"] == 200)
    );
}
