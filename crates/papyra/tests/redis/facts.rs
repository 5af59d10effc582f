//! Facts that tests can tell apart, and what a log holds of them.

use std::{collections::BTreeMap, time::Duration};

use papyra::{Audit, DeadLetter, Entry, Event, Fact, Log, Payload, ReadOptions, RedisConfig, RedisLog, ScanOptions};

use crate::lab::Server;

/// So many facts of all kinds in turn, numbered from `first` on.
pub(crate) fn facts(first: u64, count: u64) -> Vec<Fact> {
    (first..first + count).map(fact).collect()
}

pub(crate) fn fact(n: u64) -> Fact {
    match n % 3 {
        0 => Event::new(format!("t://{n}"), "Tried").with_payload(Payload::of(&n)).into(),
        1 => DeadLetter::new(format!("t://{n}"), "Try").with_payload(Payload::of(&n)).into(),
        _ => {
            let mut audit = Audit::new("t");
            audit.total_actors = Some(n);
            audit.into()
        }
    }
}

/// The number of a fact; `None` for what Papyra itself has to say.
pub(crate) fn number(fact: &Fact) -> Option<u64> {
    match fact {
        Fact::Event(event) => event.payload.decode().ok(),
        Fact::DeadLetter(letter) => letter.payload.decode().ok(),
        Fact::Audit(audit) => audit.total_actors,
        _ => None,
    }
}

pub(crate) fn config(port: u16) -> RedisConfig {
    RedisConfig::new("127.0.0.1", port).with_timeout(Duration::from_secs(20))
}

pub(crate) fn log(server: &Server) -> Log {
    Log::new(RedisLog::new(config(server.port())))
}

pub(crate) async fn entries(log: &Log) -> Vec<Entry> {
    log.read(ReadOptions::oldest_first()).collect().await.unwrap()
}

/// The numbers of all facts, in the order of the log.
pub(crate) async fn numbers(log: &Log) -> Vec<u64> {
    entries(log).await.iter().filter_map(|entry| number(&entry.fact)).collect()
}

/// What Papyra itself said, by type.
pub(crate) async fn remarks(log: &Log) -> Vec<(String, serde_json::Value)> {
    let own = |entry: Entry| match entry.fact {
        Fact::Event(event) if event.actor_address.as_str() == Some("papyra://log") => {
            Some((event.event_type, event.payload.decode().unwrap()))
        }
        _ => None,
    };
    entries(log).await.into_iter().filter_map(own).collect()
}

/// Every fact of these numbers stands in the log once, and a scan finds nothing.
pub(crate) async fn assert_exactly(log: &Log, numbered: std::ops::Range<u64>) {
    let mut times = BTreeMap::<u64, u32>::new();
    for number in numbers(log).await {
        *times.entry(number).or_default() += 1;
    }
    let missing: Vec<u64> = numbered.clone().filter(|n| !times.contains_key(n)).collect();
    let doubled: Vec<u64> = times.iter().filter(|(_, times)| **times > 1).map(|(n, _)| *n).collect();
    assert!(missing.is_empty() && doubled.is_empty(), "missing {missing:?}, doubled {doubled:?}");
    let scan = log.scan(ScanOptions::deep()).await.unwrap();
    assert!(scan.is_clean(), "{:?}", scan.anomalies);
}

/// Whether the counts of a release are wanted.
pub(crate) fn long() -> bool {
    std::env::var_os("PAPYRA_PROVE_LONG").is_some()
}
