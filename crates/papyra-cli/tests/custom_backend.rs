//! The example backend keeps the contract. The macro line is all that it takes to prove it; the rest is the example's own:
//! what it does about crashes, damage and second writers, and that its scheme gives it the command line.

#[allow(dead_code, reason = "the example's main, which is run from the command line")]
#[path = "../examples/custom_backend.rs"]
mod custom_backend;

#[path = "cli/seam.rs"]
mod seam;

use std::{fs, path::Path};

use custom_backend::{Spool, open_spool};
use papyra::{
    Backend, CompactionConfig, ErrorKind, Event, Fact, ReadOptions, RecoveryConfig, Retention, Rule, Schemes, Timestamp,
};
use seam::run;

papyra::conformance!(|dir| Spool::new(dir.join("spool")));

#[tokio::test]
async fn what_a_crash_leaves_is_no_fact_and_in_nobodys_way() {
    let dir = tempfile::tempdir().unwrap();
    let crashed = Spool::new(dir.path());
    crashed.append(&[Event::new("orders://worker/3", "ActorStarted").into()]).await.unwrap();
    crashed.close().await.unwrap();
    fs::write(dir.path().join("new"), "{\"kind\":\"event\",\"time").unwrap();

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
    fs::remove_file(dir.path().join("00000000000000000002.facts")).unwrap();
    fs::write(dir.path().join("00000000000000000003.facts"), "{\"kind\"\n").unwrap();
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

fn event(n: u32) -> Fact {
    let at = Timestamp::from_seconds(f64::from(n)).unwrap();
    Event::new("orders://worker/3", format!("E{n}")).at(at).into()
}

/// A closed spool of these batches.
async fn spool(dir: &Path, batches: &[&[u32]]) -> Spool {
    let spool = Spool::new(dir);
    for batch in batches {
        spool.append(&batch.iter().map(|n| event(*n)).collect::<Vec<_>>()).await.unwrap();
    }
    spool.close().await.unwrap();
    Spool::new(dir)
}

async fn positions(spool: &Spool) -> Vec<String> {
    let entries = spool.read(ReadOptions::oldest_first()).collect().await.unwrap();
    entries.iter().map(|entry| entry.position.to_string()).collect()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn keep(records: u64) -> CompactionConfig {
    CompactionConfig::new(Retention::all(Rule::default().with_max_records(records)), std::time::UNIX_EPOCH)
}

#[tokio::test]
async fn recovery_keeps_every_sound_fact_and_its_position_and_the_original_if_wanted() {
    for quarantine in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let spool = spool(&log, &[&[1, 2, 3], &[4], &[5, 6]]).await;
        let damaged = log.join("00000000000000000001.facts");
        let original = fs::read_to_string(&damaged).unwrap().replace(
            "\"kind\":\"event\",\"system_id\":\"orders\",\"actor_address\":\"orders://worker/3\",\"event_type\":\"E2\"",
            "rust",
        );
        fs::write(&damaged, &original).unwrap();
        fs::remove_file(log.join("00000000000000000004.facts")).unwrap();
        let kept = dir.path().join("kept");
        let config = if quarantine { RecoveryConfig::quarantine(&kept) } else { RecoveryConfig::repair() };
        let refused = spool.compact(&keep(1)).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt);
        let report = spool.recover(&config).await.unwrap();
        assert_eq!((report.before.anomalies_total, report.lost), (2, 2));
        assert!(report.after.unwrap().is_clean());
        assert_eq!(positions(&spool).await, ["1", "3", "5", "6"]);
        assert_eq!(report.quarantined.len(), usize::from(quarantine));
        for copy in report.quarantined {
            assert_eq!(fs::read_to_string(copy).unwrap(), original);
        }
        let before = names(&log);
        assert!(spool.recover(&config).await.unwrap().after.is_none());
        assert_eq!(names(&log), before);
        assert_eq!(spool.append(&[event(7)]).await.unwrap().positions[0].to_string(), "7");
    }
}

#[tokio::test]
async fn compaction_frees_the_files_and_keeps_the_positions() {
    let dir = tempfile::tempdir().unwrap();
    let spool = spool(dir.path(), &[&[1, 2], &[3], &[4, 5, 6], &[7]]).await;
    let report = spool.compact(&keep(3)).await.unwrap();
    assert_eq!((report.before_records, report.after_records, report.changed), (7, 3, true));
    assert_eq!(positions(&spool).await, ["5", "6", "7"]);
    let dropped = "00000000000000000001-00000000000000000003.dropped";
    assert_eq!(names(dir.path()), [dropped, "00000000000000000004.facts", "00000000000000000007.facts", "lock"]);
    assert_eq!(spool.compact(&keep(0)).await.unwrap_err().kind(), ErrorKind::Refused);
    spool.compact(&keep(0).allow_empty(true)).await.unwrap();
    assert_eq!(names(dir.path()), ["00000000000000000001-00000000000000000007.dropped", "lock"]);
    assert_eq!(spool.append(&[event(8)]).await.unwrap().positions[0].to_string(), "8");
    assert!(spool.scan(Default::default()).await.unwrap().is_clean());
}

#[tokio::test]
async fn what_an_interrupted_compaction_leaves_is_no_fact_and_goes_with_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let spool = spool(dir.path(), &[&[1, 2], &[3], &[4]]).await;
    fs::write(dir.path().join("00000000000000000001-00000000000000000003.dropped"), "").unwrap();
    assert_eq!(positions(&spool).await, ["4"]);
    assert!(spool.scan(Default::default()).await.unwrap().is_clean());
    spool.compact(&keep(9)).await.unwrap();
    assert_eq!(names(dir.path()).len(), 3, "{:?}", names(dir.path()));
    assert_eq!(positions(&spool).await, ["4"]);
}

#[tokio::test]
async fn maintenance_is_refused_while_another_process_writes() {
    let dir = tempfile::tempdir().unwrap();
    let writer = Spool::new(dir.path());
    writer.append(&[event(1), event(2)]).await.unwrap();
    let other = Spool::new(dir.path());
    assert_eq!(other.compact(&keep(1)).await.unwrap_err().kind(), ErrorKind::Locked);
    assert_eq!(other.recover(&RecoveryConfig::repair()).await.unwrap_err().kind(), ErrorKind::Locked);
    // The writer itself may.
    assert!(writer.compact(&keep(1)).await.unwrap().changed);
    let missing = Spool::new(dir.path().join("missing"));
    assert_eq!(missing.compact(&keep(1)).await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(!dir.path().join("missing").exists());
}

#[test]
fn its_scheme_gives_it_the_command_line() {
    let dir = tempfile::tempdir().unwrap();
    let log = dir.path().join("facts");
    let schemes = || Schemes::new().with("spool", open_spool);
    let url = format!("spool:{}", log.display());
    let papyra = |args: &[&str], stdin: &str| run(schemes(), &[args, &["--url", &url]].concat(), stdin);
    assert_eq!(papyra(&["doctor", "run"], "").stdout, "no log yet\n");
    let facts: String = (1..=5).map(|n| event(n).to_json() + "\n").collect();
    let acks = papyra(&["append", "--ack"], &facts);
    assert_eq!((acks.code, acks.stdout.lines().count()), (0, 5), "{acks:?}");
    // The environment of the test run may warn of variables that only tests know.
    assert!(acks.stderr.ends_with("appended 5 facts\n"), "{acks:?}");
    assert_eq!(papyra(&["inspect", "events"], "").stdout.lines().count(), 5);
    assert_eq!(papyra(&["persistence", "scan"], "").stdout, "Persistence is healthy\n");
    let compacted = papyra(&["persistence", "compact", "--max-records", "3"], "");
    assert!(
        compacted.stdout.starts_with("Compaction completed\n  before_records: 5\n  after_records: 3\n"),
        "{compacted:?}"
    );
    assert_eq!(papyra(&["inspect", "events"], "").stdout.lines().count(), 3);

    let batch = log.join("00000000000000000001.facts");
    fs::write(&batch, fs::read_to_string(&batch).unwrap().replace("\"E4\"", "E4")).unwrap();
    assert_eq!(papyra(&["persistence", "scan"], "").code, 2);
    assert_eq!(papyra(&["doctor", "run"], "").code, 1);
    let kept = dir.path().join("kept");
    let flags = ["--mode", "recover", "--recovery-mode", "quarantine", "--quarantine-dir", kept.to_str().unwrap()];
    let mended = papyra(&[&["doctor", "run"], &flags[..]].concat(), "");
    assert_eq!(mended.stdout.lines().last(), Some("Recovery successful"), "{mended:?}");
    assert_eq!(papyra(&["inspect", "events"], "").stdout.lines().count(), 2);
    assert_eq!(names(&kept), ["00000000000000000001.facts.quarantine.1"]);
}
