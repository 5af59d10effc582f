//! Scanning, recovering and compacting streams, also those that others wrote to.

use papyra::{
    AnomalyKind, ErrorKind, Kind, Log, ReadOptions, RecoveryConfig, Retention, Rule, ScanOptions, ScanReport,
};

use crate::{
    facts::{assert_exactly, entries, facts, log, numbers},
    lab::{Client, Reply, Server},
};

const EVENTS: &str = "papyra:local:events";

fn kinds(report: &ScanReport) -> Vec<AnomalyKind> {
    report.anomalies.iter().map(|anomaly| anomaly.kind).collect()
}

async fn scan(log: &Log) -> ScanReport {
    log.scan(ScanOptions::deep()).await.unwrap()
}

/// The ids and field sets of a stream.
fn stream(client: &mut Client, key: &str) -> Vec<(String, Vec<String>)> {
    let entry = |entry: Reply| {
        let mut parts = entry.list();
        let fields = parts.pop().unwrap().list().iter().map(Reply::text).collect();
        (parts[0].text(), fields)
    };
    client.call(["XRANGE", key, "-", "+"]).list().into_iter().map(entry).collect()
}

/// A log of twelve facts, and one entry of each sort of damage.
async fn damaged(server: &Server) -> Log {
    let log = log(server);
    for first in [0, 3, 6, 9] {
        log.append(&facts(first, 3)).await.unwrap();
    }
    let mut client = server.client();
    let events = stream(&mut client, EVENTS);
    client.call(["XADD", EVENTS, "*", "other", "x"]);
    client.call(["XADD", EVENTS, "*", "data", &events[0].1[1].replace("Tried", "Tired"), "more", "y"]);
    client.call(["XADD", EVENTS, "*", "data", "no json"]);
    client.call(["XADD", EVENTS, "*", "data", &events[3].1[1]]);
    client.call(["XDEL", EVENTS, &events[1].0]);
    log
}

#[tokio::test]
async fn every_sort_of_damage_is_found_and_none_of_it_is_read() {
    let server = Server::start();
    let log = damaged(&server).await;
    let report = scan(&log).await;
    use AnomalyKind::{CorruptedLine, DuplicateEntry, MissingEntries};
    assert_eq!(kinds(&report), [CorruptedLine, CorruptedLine, CorruptedLine, DuplicateEntry, MissingEntries]);
    assert_eq!(report.anomalies[4].seqs, Some((4, 4)), "{report:?}");
    let mut read = log.read(ReadOptions::oldest_first());
    let mut count = 0;
    while let Some(entry) = read.next().await {
        entry.unwrap();
        count += 1;
    }
    // The double is a sound fact, and a read that goes page by page cannot know that it was there before.
    assert_eq!((count, read.skipped()), (12, 3));
    assert_eq!(log.compact().await.unwrap_err().kind(), ErrorKind::Corrupt);
}

#[tokio::test]
async fn quarantine_keeps_the_whole_entry_before_it_goes_and_a_second_recovery_changes_nothing() {
    let server = Server::start();
    let log = damaged(&server).await;
    let mut client = server.client();
    let before = stream(&mut client, EVENTS);
    let mut dry_run = RecoveryConfig::repair();
    dry_run.dry_run = true;
    for config in [RecoveryConfig::ignore(), dry_run] {
        let report = log.recover(&config).await.unwrap();
        assert_eq!(report.before.anomalies_total, 5);
        assert_eq!(stream(&mut client, EVENTS), before);
    }
    let report = log.recover(&RecoveryConfig::quarantine("unused")).await.unwrap();
    assert!(report.after.as_ref().unwrap().is_clean(), "{:?}", report.after);
    assert_eq!(report.repaired, [std::path::PathBuf::from(EVENTS)]);
    let aside = "papyra:local:quarantine:papyra_local_events";
    assert_eq!(report.quarantined, [std::path::PathBuf::from(aside)]);
    assert_eq!(report.lost, 3);
    let kept = stream(&mut client, aside);
    assert_eq!(kept.len(), 4);
    for (entry, (id, fields)) in kept.iter().zip(before.iter().skip(3)) {
        let (ours, theirs) = entry.1.split_at(8);
        assert_eq!(theirs, fields);
        assert_eq!((ours[1].as_str(), &ours[3], ours[4].as_str()), (EVENTS, id, "reason"));
    }
    let left = stream(&mut client, EVENTS);
    assert_eq!(left, before[..3]);
    let again = log.recover(&RecoveryConfig::quarantine("unused")).await.unwrap();
    assert!(again.after.is_none() && again.repaired.is_empty() && again.lost == 0, "{again:?}");
    assert_eq!(stream(&mut client, aside).len(), 4);
    log.append(&facts(12, 3)).await.unwrap();
    assert!(scan(&log).await.is_clean());
}

#[tokio::test]
async fn what_goes_missing_after_a_recovery_is_found_again() {
    let server = Server::start();
    let log = damaged(&server).await;
    log.recover(&RecoveryConfig::repair()).await.unwrap();
    log.append(&facts(12, 9)).await.unwrap();
    let mut client = server.client();
    let newest = stream(&mut client, EVENTS);
    client.call(["XDEL", EVENTS, &newest[newest.len() - 2].0]);
    assert_eq!(kinds(&scan(&log).await), [AnomalyKind::MissingEntries]);
}

#[tokio::test]
async fn a_key_of_another_type_is_a_finding_and_stays() {
    let server = Server::start();
    let log = log(&server);
    log.append(&facts(0, 1)).await.unwrap();
    server.client().call(["SET", "papyra:local:audits", "x"]);
    let report = log.recover(&RecoveryConfig::repair()).await.unwrap();
    assert_eq!(kinds(&report.before), [AnomalyKind::WrongType]);
    assert!(!report.after.unwrap().is_clean());
    assert_eq!(server.client().call(["GET", "papyra:local:audits"]).text(), "x");
}

#[tokio::test]
async fn a_sample_looks_at_the_newest_alone() {
    let server = Server::start();
    let log = log(&server);
    for first in 0..30 {
        log.append(&facts(first * 3, 3)).await.unwrap();
    }
    let report = log.scan(ScanOptions::default().with_sample(5)).await.unwrap();
    assert_eq!(report.entries.values().sum::<u64>(), 15);
    assert!(report.is_clean() && report.notes.iter().any(|note| note.contains("newest 5")), "{report:?}");
}

#[tokio::test]
async fn a_sample_of_streams_of_unlike_length_finds_nothing_in_a_sound_log() {
    let server = Server::start();
    let log = log(&server);
    log.append(&facts(0, 30)).await.unwrap();
    let events: Vec<_> = (0..60).map(|n| crate::facts::fact(n * 3)).collect();
    log.append(&events).await.unwrap();
    log.append(&facts(30, 3)).await.unwrap();
    let report = log.scan(ScanOptions::default().with_sample(8)).await.unwrap();
    assert!(report.is_clean(), "{:?}", report.anomalies);
}

#[tokio::test]
async fn entries_of_the_python_papyra_are_read_and_kept() {
    let server = Server::start();
    let log = log(&server);
    let mut client = server.client();
    for line in include_str!("../vectors/legacy-python.ndjson").lines() {
        client.call(["XADD", EVENTS, "*", "data", line]);
    }
    log.append(&facts(0, 3)).await.unwrap();
    let report = scan(&log).await;
    assert_eq!(report.legacy_lines, 8, "{report:?}");
    // The vector's audits and dead letters stand in one stream with its events here, which no Papyra does.
    assert!(kinds(&report).iter().all(|kind| *kind == AnomalyKind::ForeignLine), "{report:?}");
    assert!(log.read(ReadOptions::oldest_first().since(0.0)).collect().await.unwrap().len() > 3);
}

#[tokio::test]
async fn compaction_drops_what_reading_hides_and_says_how_much() {
    let server = Server::start();
    let log = log(&server);
    for first in 0..40 {
        log.append(&facts(first * 3, 3)).await.unwrap();
    }
    let log = log.with_retention(
        Retention::all(Rule::default().with_max_records(50))
            .with_kind(Kind::Audit, Rule::default().with_max_records(4)),
    );
    let visible = entries(&log).await;
    let report = log.compact().await.unwrap();
    assert_eq!((report.before_records, report.after_records), (120, visible.len() as u64));
    assert!(report.before_bytes > report.after_bytes && report.changed);
    let lengths: i64 = ["events", "audits", "dead_letters"]
        .map(|kind| server.client().call(["XLEN", &format!("papyra:local:{kind}")]).number())
        .iter()
        .sum();
    assert_eq!(lengths, visible.len() as i64);
    assert_eq!(entries(&log).await, visible);
    assert!(scan(&log).await.is_clean());
    assert!(!log.compact().await.unwrap().changed);
}

#[tokio::test]
async fn compaction_keeps_what_a_group_has_not_read_or_not_acknowledged() {
    let server = Server::start();
    let log = log(&server);
    for first in 0..10 {
        log.append(&facts(first * 3, 3)).await.unwrap();
    }
    let mut client = server.client();
    client.call(["XGROUP", "CREATE", EVENTS, "workers", "0"]);
    let read = client.call(["XREADGROUP", "GROUP", "workers", "w", "COUNT", "6", "STREAMS", EVENTS, ">"]).list();
    let ids: Vec<String> =
        read[0].clone().list()[1].clone().list().iter().map(|entry| entry.clone().list()[0].text()).collect();
    // The third of six stays unacknowledged.
    for id in [0, 1, 3, 4, 5] {
        client.call(["XACK", EVENTS, "workers", &ids[id]]);
    }
    let log = log.with_retention(Retention::all(Rule::default().with_max_records(3)));
    let report = log.compact().await.unwrap();
    assert_eq!(report.held_by_groups, 7, "{report:?}");
    assert_eq!(client.call(["XLEN", EVENTS]).number(), 8);
    assert_eq!(client.call(["XPENDING", EVENTS, "workers"]).list()[0].number(), 1);
    let config = papyra::CompactionConfig::new(*log.retention(), log.now()).ignore_groups(true);
    let report = log.compact_as(&config).await.unwrap();
    assert_eq!((report.held_by_groups, report.after_records), (0, 3));
}

#[tokio::test]
async fn a_stream_is_bounded_while_it_is_written_if_that_is_wanted() {
    let server = Server::start();
    let log = papyra::open(&server.url("maxlen=100")).await.unwrap();
    for first in 0..60 {
        log.append(&facts(first * 30, 30)).await.unwrap();
    }
    let length = server.client().call(["XLEN", EVENTS]).number();
    assert!((100..400).contains(&length), "{length}");
    assert!(scan(&log).await.is_clean());
}

#[tokio::test]
async fn a_follower_sees_what_is_added_without_asking_all_the_time() {
    let server = Server::start();
    let log = log(&server);
    log.append(&facts(0, 3)).await.unwrap();
    let mut following = log.follow(ReadOptions::oldest_first());
    for _ in 0..3 {
        following.next().await.unwrap().unwrap();
    }
    let calls = |server: &Server| -> i64 {
        let info = server.client().call(["INFO", "stats"]).text();
        let line = info.lines().find(|line| line.starts_with("total_commands_processed:")).unwrap().to_owned();
        line.split(':').nth(1).unwrap().trim().parse().unwrap()
    };
    let before = calls(&server);
    let waiting = tokio::time::timeout(std::time::Duration::from_millis(1500), following.next()).await;
    assert!(waiting.is_err(), "there is nothing new");
    let asked = calls(&server) - before;
    assert!(asked < 30, "{asked} commands while nothing happened");
    let appending = tokio::spawn({
        let log = log.clone();
        async move { log.append(&facts(3, 3)).await }
    });
    let next = following.next().await.unwrap().unwrap();
    assert_eq!(crate::facts::number(&next.fact), Some(3));
    appending.await.unwrap().unwrap();
    assert_eq!(numbers(&log).await, (0..6).collect::<Vec<_>>());
    assert_exactly(&log, 0..6).await;
}

#[tokio::test]
async fn a_position_that_the_log_lost_is_an_error_and_no_endless_wait() {
    let server = Server::start();
    let log = log(&server);
    let appended = log.append(&facts(0, 3)).await.unwrap();
    server.client().call(["FLUSHALL"]);
    let behind = ReadOptions::oldest_first().after(appended.positions[2]);
    assert_eq!(log.read(behind.clone()).collect().await.unwrap_err().kind(), ErrorKind::NotFound);
    let counted = ReadOptions::oldest_first().after(papyra::Position::from_seq(3));
    assert_eq!(log.read(counted).collect().await.unwrap_err().kind(), ErrorKind::NotFound);
}
