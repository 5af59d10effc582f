//! The example backend keeps the contract. The macro line is all that it takes to prove it; the rest is the example's own:
//! what it does about crashes and second writers, and that its scheme opens it.

#[allow(dead_code, reason = "the example's main, which is run from the command line")]
#[path = "../examples/custom_backend.rs"]
mod custom_backend;

use custom_backend::{Spool, open_spool};
use papyra::{Backend, ErrorKind, Event, ReadOptions, Schemes};

papyra::conformance!(|dir| Spool::new(dir.join("spool")));

#[tokio::test]
async fn what_a_crash_leaves_is_no_fact_and_in_nobodys_way() {
    let dir = tempfile::tempdir().unwrap();
    let crashed = Spool::new(dir.path());
    crashed.append(&[Event::new("orders://worker/3", "ActorStarted").into()]).await.unwrap();
    crashed.close().await.unwrap();
    std::fs::write(dir.path().join("new"), "{\"kind\":\"event\",\"time").unwrap();

    let spool = Spool::new(dir.path());
    assert_eq!(spool.read(ReadOptions::oldest_first()).collect().await.unwrap().len(), 1);
    assert!(spool.scan(Default::default()).await.unwrap().is_clean());
    let appended = spool.append(&[Event::new("orders://worker/3", "ActorStopped").into()]).await.unwrap();
    assert_eq!(appended.positions[0].to_string(), "2");
    assert_eq!(spool.read(ReadOptions::oldest_first()).collect().await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_second_writer_is_refused_until_the_first_closes() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (Spool::new(dir.path()), Spool::new(dir.path()));
    first.append(&[]).await.unwrap();
    assert_eq!(second.append(&[]).await.unwrap_err().kind(), ErrorKind::Locked);
    first.close().await.unwrap();
    second.append(&[]).await.unwrap();
}

#[tokio::test]
async fn a_missing_batch_and_a_damaged_line_are_findings() {
    let dir = tempfile::tempdir().unwrap();
    let spool = Spool::new(dir.path());
    for kind in ["ActorStarted", "ActorCrashed", "ActorStopped"] {
        spool.append(&[Event::new("orders://worker/3", kind).into()]).await.unwrap();
    }
    std::fs::remove_file(dir.path().join("00000000000000000002.facts")).unwrap();
    std::fs::write(dir.path().join("00000000000000000003.facts"), "{\"kind\"\n").unwrap();
    let report = spool.scan(Default::default()).await.unwrap();
    let found: Vec<_> = report.anomalies.iter().map(|anomaly| anomaly.kind.as_str()).collect();
    assert_eq!(found, ["MISSING_ENTRIES", "CORRUPTED_LINE"]);
    let mut entries = spool.read(ReadOptions::newest_first());
    assert_eq!(entries.next().await.unwrap().unwrap().position.to_string(), "1");
    assert!(entries.next().await.is_none());
    assert_eq!(entries.skipped(), 1);
}

#[tokio::test]
async fn its_scheme_opens_it() {
    let dir = tempfile::tempdir().unwrap();
    let schemes = Schemes::new().with("spool", open_spool);
    let address = format!("spool:{}", dir.path().join("facts").display());
    let log = schemes.open(&format!("{address}?retention.max_records=1")).await.unwrap();
    assert_eq!(log.address(), address);
    for kind in ["ActorStarted", "ActorStopped"] {
        log.append(&[Event::new("orders://worker/3", kind).into()]).await.unwrap();
    }
    assert_eq!(log.read(ReadOptions::oldest_first()).collect().await.unwrap().len(), 1);
}
