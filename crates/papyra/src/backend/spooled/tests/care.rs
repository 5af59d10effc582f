//! The spool and the remote log are scanned and recovered as one.

use super::*;
use crate::{AnomalyKind, ErrorKind, Recorder, RecoveryConfig, ScanOptions};

#[tokio::test]
async fn a_scan_counts_each_fact_once_and_says_what_waits() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let log = spooled(&remote, config(dir.path()));
    log.append(&facts(0..5)).await.unwrap();
    drained(&log).await;
    remote.set_read_only(true);
    log.append(&facts(5..8)).await.unwrap();
    for log in [log.clone(), spooled(&remote, config(dir.path()))] {
        let report = log.scan(ScanOptions::deep()).await.unwrap();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!((report.entries["event"], report.timestamps), (8, Some((0.0, 7.0))));
        let backlog = report.backlog.unwrap();
        assert_eq!((backlog.facts, backlog.oldest, backlog.shipped), (3, Some(5.0), 5));
        assert!(
            report.notes.iter().any(|note| note.contains("3 facts in") && note.contains("1970-01-01T00:00:05Z")),
            "{report:?}"
        );
        let stats = log.stats().await.unwrap();
        assert_eq!((stats.entries, stats.backlog), (8, Some(backlog)));
    }
}

#[tokio::test]
async fn a_recorder_starts_while_the_log_is_away_before_anything_was_written() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    remote.set_away(true);
    let log = spooled(&remote, config(dir.path()));
    let report = log.scan(ScanOptions::default()).await.unwrap();
    assert!(report.notes.iter().any(|note| note.contains("was not looked at")), "{report:?}");
    let recorder = Recorder::builder(log).open().await.unwrap();
    recorder.record_durable(fact(0)).await.unwrap();
    let report = recorder.shutdown(PATIENCE).await;
    assert_eq!((report.written, report.synced, report.dropped), (1, true, 0));
    remote.set_away(false);
    let recorder = Recorder::builder(spooled(&remote, config(dir.path()))).open().await.unwrap();
    recorder.shutdown(PATIENCE).await;
    assert_eq!(shipped(&remote), names(0..1));
}

#[tokio::test]
async fn a_damaged_spool_is_found_and_recovered_and_ships_the_rest() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    remote.set_away(true);
    let log = spooled(&remote, config(dir.path()));
    log.append(&facts(0..10)).await.unwrap();
    assert_eq!(log.recover(&RecoveryConfig::repair()).await.unwrap_err().kind(), ErrorKind::Locked);
    log.close().await.unwrap();
    let file = dir.path().join("spool/1/facts.000001.ndjson");
    let text = std::fs::read_to_string(&file).unwrap().replace("E4", "XX");
    std::fs::write(&file, text).unwrap();
    let log = spooled(&remote, config(dir.path()));
    let report = log.scan(ScanOptions::default()).await.unwrap();
    assert_eq!(report.anomalies[0].kind, AnomalyKind::CorruptedLine);
    let recovered = log.recover(&RecoveryConfig::repair()).await.unwrap();
    assert_eq!((recovered.lost, recovered.after.unwrap().is_clean()), (1, true));
    remote.set_away(false);
    log.append(&facts(10..11)).await.unwrap();
    drained(&log).await;
    assert_eq!(shipped(&remote), [names(0..4), names(5..11)].concat());
}

#[tokio::test]
async fn there_is_no_spool_in_front_of_a_log_that_takes_no_shipments() {
    let dir = tempfile::tempdir().unwrap();
    let error = Spooled::new(Arc::new(crate::backend::memory::Memory::new()), config(dir.path())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(!dir.path().join("spool").exists());
}
