//! The spool in front of a remote log that fails on purpose.

mod care;
mod copies;
mod reading;
mod remote;
mod shipping;

/// The contract, kept by what waits; the log behind it takes nothing. Where a fact stands changes once it is shipped, so the
/// checks that compare positions hold before that alone.
mod conformance {
    use std::sync::Arc;

    use super::{Remote, SpoolConfig, Spooled};

    fn held(dir: &std::path::Path) -> Spooled {
        let remote = Remote::default();
        remote.set_read_only(true);
        Spooled::new(Arc::new(remote), SpoolConfig::new(dir.join("spool"))).unwrap()
    }

    crate::conformance!(held);
}

use std::{path::Path, sync::Arc, time::Duration};

use self::remote::Remote;
use super::{SpoolConfig, Spooled};
use crate::{Entry, Event, Fact, Log, ReadOptions, Timestamp};

/// Long enough for any machine; nobody waits for it if all is well.
const PATIENCE: Duration = Duration::from_secs(60);

fn config(dir: &Path) -> SpoolConfig {
    SpoolConfig::new(dir.join("spool"))
}

fn spooled(remote: &Remote, config: SpoolConfig) -> Log {
    Log::new(Spooled::new(Arc::new(remote.clone()), config).unwrap())
}

fn fact(n: u64) -> Fact {
    Event::new("t://a", format!("E{n}")).at(Timestamp::from_seconds(n as f64).unwrap()).into()
}

fn facts(range: std::ops::Range<u64>) -> Vec<Fact> {
    range.map(fact).collect()
}

fn name(entry: &Entry) -> String {
    match &entry.fact {
        Fact::Event(event) => event.event_type.clone(),
        other => other.kind().to_string(),
    }
}

fn names(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|n| format!("E{n}")).collect()
}

/// What stands in the remote log, what Papyra itself said aside.
fn shipped(remote: &Remote) -> Vec<String> {
    remote.entries().iter().map(name).filter(|name| name.starts_with('E')).collect()
}

/// What Papyra itself said there.
fn said(remote: &Remote) -> Vec<String> {
    remote.entries().iter().map(name).filter(|name| !name.starts_with('E')).collect()
}

async fn read(log: &Log, options: ReadOptions) -> Vec<Entry> {
    log.backend().read(options).collect().await.unwrap()
}

/// Waits until it is so.
async fn until(so: impl Fn() -> bool) {
    let waiting = async {
        while !so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waiting).await.expect("it does not become so");
}

/// Waits until nothing waits any more.
async fn drained(log: &Log) {
    until(|| log.backend().backlog().unwrap().facts == 0).await;
}
