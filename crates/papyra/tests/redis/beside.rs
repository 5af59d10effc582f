//! Readers and scans beside writers whose batches have facts of all kinds: a batch is seen whole or not at all.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use papyra::{Log, ReadOptions, ScanOptions};
use tokio::task::JoinSet;

use crate::{
    facts::{assert_exactly, facts, log, number, numbers},
    lab::Server,
};

/// Writers that append batches of seven facts until they are told to stop; each has a million numbers of its own.
struct Writers {
    stop: Arc<AtomicBool>,
    tasks: JoinSet<u64>,
}

impl Writers {
    fn start(server: &Server, writers: u64) -> Writers {
        let mut running = Writers { stop: Arc::default(), tasks: JoinSet::new() };
        for writer in 0..writers {
            let (log, stop): (Log, _) = (log(server), running.stop.clone());
            running.tasks.spawn(async move {
                let mut written = 0;
                while !stop.load(Ordering::Relaxed) {
                    log.append(&facts(writer * 1_000_000 + written, 7)).await.unwrap();
                    written += 7;
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                written
            });
        }
        running
    }

    /// How many facts there are in all.
    async fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.tasks.join_all().await.into_iter().sum()
    }
}

#[tokio::test]
async fn a_scan_beside_writers_finds_nothing() {
    let server = Server::start();
    let writers = Writers::start(&server, 3);
    let log = log(&server);
    log.append(&facts(9_000_000, 3)).await.unwrap();
    for _ in 0..40 {
        let scan = log.scan(ScanOptions::default().with_sample(200)).await.unwrap();
        assert!(scan.is_clean(), "{:?}", scan.anomalies);
    }
    let scan = log.scan(ScanOptions::deep()).await.unwrap();
    assert!(scan.is_clean(), "{:?}", scan.anomalies);
    writers.stop().await;
}

#[tokio::test]
async fn a_read_beside_writers_sees_whole_batches() {
    let server = Server::start();
    let writers = Writers::start(&server, 3);
    let log = log(&server);
    log.append(&facts(9_000_000, 7)).await.unwrap();
    for _ in 0..30 {
        let there = numbers(&log).await;
        for writer in 0..3 {
            let own = there.iter().filter(|n| **n / 1_000_000 == writer).count();
            assert_eq!(own % 7, 0, "{own} facts of the writer {writer}");
        }
    }
    writers.stop().await;
}

#[tokio::test]
async fn a_follower_beside_writers_sees_each_fact_once() {
    let server = Server::start();
    let log = log(&server);
    log.append(&facts(9_000_000, 7)).await.unwrap();
    let mut following = log.follow(ReadOptions::oldest_first());
    let writers = Writers::start(&server, 3);
    let mut seen = BTreeSet::new();
    while seen.len() < 700 {
        let entry = following.next().await.unwrap().unwrap();
        assert!(seen.insert(number(&entry.fact).unwrap()), "{entry:?} came twice");
    }
    let all = writers.stop().await + 7;
    while (seen.len() as u64) < all {
        let entry = following.next().await.unwrap().unwrap();
        assert!(seen.insert(number(&entry.fact).unwrap()), "{entry:?} came twice");
    }
    assert_eq!(seen, numbers(&log).await.into_iter().collect());
    assert!((9_000_000..9_000_007).all(|n| seen.contains(&n)));
}

#[tokio::test]
async fn what_is_appended_while_a_scan_goes_on_is_none_of_its_business() {
    let server = Server::start();
    let log = log(&server);
    log.append(&facts(0, 900)).await.unwrap();
    let (scan, appended) =
        tokio::join!(log.scan(ScanOptions::deep()), async { log.append(&facts(900, 9)).await.unwrap() });
    assert!(scan.unwrap().is_clean() && appended.positions.len() == 9);
    assert_exactly(&log, 0..909).await;
}
