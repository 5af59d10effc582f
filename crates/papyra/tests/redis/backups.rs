//! Backups of streams: everything that is in them comes back, beside whoever writes, and nothing else is touched.

use std::{fs, time::Duration};

use papyra::{
    AnomalyKind, ErrorKind, Group, GroupStart, Kind, Log, PendingOptions, RedisConfig, RedisLog, ScanOptions, Schemes,
    backup::{BackupDir, BackupOptions, Made},
};

use crate::{
    facts::{assert_exactly, config, entries, fact, facts, log, numbers},
    lab::{Client, Cluster, Pair, Reply, Server},
};

const EVENTS: &str = "papyra:local:events";

struct Shelf {
    _dir: tempfile::TempDir,
    backups: BackupDir,
}

impl Shelf {
    fn new() -> Shelf {
        let dir = tempfile::tempdir().unwrap();
        let backups = Schemes::new().backups(dir.path().join("backups"));
        Shelf { _dir: dir, backups }
    }

    async fn create(&self, log: &Log) -> Made {
        self.backups.create(log, &BackupOptions::default()).await.unwrap()
    }

    async fn restore(&self, made: &Made, log: &Log) -> papyra::Result<papyra::Restored> {
        self.backups.restore(&made.name, log, &BackupOptions::default()).await
    }
}

fn named(server: &Server, system: &str) -> Log {
    Log::new(RedisLog::new(config(server.port()).with_system(system).unwrap()))
}

/// Everything in a stream, as the server tells it.
fn raw(client: &mut Client, key: &str) -> Vec<Reply> {
    client.call(["XRANGE", key, "-", "+"]).list()
}

fn shown(replies: &[Reply]) -> String {
    format!("{replies:?}")
}

/// All keys of the server that begin like this.
fn keys(client: &mut Client, pattern: &str) -> Vec<String> {
    let mut keys: Vec<String> = client.call(["KEYS", pattern]).list().iter().map(Reply::text).collect();
    keys.sort();
    keys
}

#[tokio::test]
async fn entries_come_back_with_their_ids_and_all_their_fields() {
    let (server, shelf) = (Server::start(), Shelf::new());
    let log = log(&server);
    log.append(&facts(0, 40)).await.unwrap();
    let mut client = server.client();
    // What others wrote, what is damaged, and what no text holds.
    client.call(["XADD", EVENTS, "*", "data", r#"{"kind":"event","event_type":"E","timestamp":1.0}"#]);
    client.call([&b"XADD"[..], EVENTS.as_bytes(), b"*", b"data", b"\xff\x00\n", b"more", b""]);
    log.append(&facts(40, 2)).await.unwrap();
    let made = shelf.create(&log).await;
    assert_eq!((made.manifest.anomalies_total, made.manifest.figures.entries), (Some(1), 43));
    let verified = shelf.backups.verify(&made.name, &BackupOptions::default()).await.unwrap();
    assert!(verified.is_sound() && verified.facts_checked, "{verified:?}");

    let copy = named(&server, "copy");
    let restored = shelf.restore(&made, &copy).await.unwrap();
    assert_eq!(restored.scan.anomalies_total, 1);
    assert_eq!(restored.scan.anomalies[0].path.to_str(), Some("papyra:copy:events"));
    for kind in ["events", "audits", "dead_letters"] {
        let (from, to) = (format!("papyra:local:{kind}"), format!("papyra:copy:{kind}"));
        assert_eq!(shown(&raw(&mut client, &to)), shown(&raw(&mut client, &from)));
        for key in [&from, &to] {
            assert_eq!(client.call(["PTTL", key]).number(), -1, "{key}");
        }
        let about = |client: &mut Client, key: &str| {
            let about = client.call(["XINFO", "STREAM", key]).list();
            let members = about.chunks_exact(2).map(|pair| (pair[0].text(), shown(&pair[1..])));
            members.filter(|(name, _)| !name.starts_with("radix")).collect::<Vec<_>>()
        };
        assert_eq!(about(&mut client, &to), about(&mut client, &from));
    }
    assert_eq!(entries(&copy).await, entries(&log).await);
    // It goes on behind what it has, as a log of its own.
    copy.append(&facts(42, 3)).await.unwrap();
    assert_eq!(numbers(&copy).await.len(), numbers(&log).await.len() + 3);
    assert_ne!(restored.log_id, made.manifest.log_id);
    assert_eq!(keys(&mut client, "*restoring*"), [] as [&str; 0]);
}

#[tokio::test]
async fn groups_come_back_with_what_was_delivered_and_what_is_pending() {
    let (server, shelf) = (Server::start(), Shelf::new());
    let log = log(&server);
    log.append(&facts(0, 60)).await.unwrap();
    let (groups, group) = (log.consumer_groups().unwrap(), Group::new(Kind::Event, "workers"));
    groups.create(&group, GroupStart::Beginning).await.unwrap();
    groups.create(&Group::new(Kind::Audit, "auditors"), GroupStart::End).await.unwrap();
    let first = groups.read(&group, "a", 5, Duration::ZERO).await.unwrap();
    groups.read(&group, "b", 4, Duration::ZERO).await.unwrap();
    let places: Vec<_> = first.deliveries.iter().map(|delivery| delivery.entry.position).collect();
    groups.ack(&group, &places[..2]).await.unwrap();
    groups.claim(&group, "c", Duration::ZERO, &places[4..]).await.unwrap();
    // One is pending, and not in the log any more.
    let mut client = server.client();
    client.call(["XDEL", EVENTS, &places[2].to_string()]);
    log.recover(&papyra::RecoveryConfig::repair()).await.unwrap();
    let set_aside = groups.set_aside(&group, "a", papyra::SetAside::Deliveries, &places[3..4]).await.unwrap();
    assert_eq!(set_aside, 1);

    let made = shelf.create(&log).await;
    let copy = named(&server, "copy");
    let restored = shelf.restore(&made, &copy).await.unwrap();
    assert!(
        restored.scan.notes.iter().any(|note| note.starts_with("1 entry was pending")),
        "{:?}",
        restored.scan.notes
    );
    let states = |log: &Log| {
        let log = log.clone();
        async move {
            let groups = log.consumer_groups().unwrap();
            let mut states = groups.list(Kind::Event).await.unwrap();
            states.extend(groups.list(Kind::Audit).await.unwrap());
            states
                .into_iter()
                .map(|state| (state.group, state.last_delivered, state.lag, state.consumers.len()))
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(states(&copy).await, states(&log).await);
    let pending = |log: &Log| {
        let (log, group) = (log.clone(), group.clone());
        async move {
            let all = log.consumer_groups().unwrap().pending(&group, &PendingOptions::default()).await.unwrap();
            all.into_iter().map(|entry| (entry.position, entry.consumer, entry.deliveries)).collect::<Vec<_>>()
        }
    };
    let (mut before, after) = (pending(&log).await, pending(&copy).await);
    assert_eq!(before.len(), 6);
    before.retain(|(position, ..)| *position != places[2]);
    assert_eq!(after, before);
    assert!(after.iter().any(|(position, consumer, deliveries)| {
        (*position, consumer.as_str(), *deliveries) == (places[4], "c", 2)
    }));
    let dead = |log: &Log| {
        let log = log.clone();
        async move { log.consumer_groups().unwrap().dead(Kind::Event, None, 10).await.unwrap() }
    };
    assert_eq!(dead(&copy).await, dead(&log).await);
    // The next read goes on where the other log's group was.
    let next = copy.consumer_groups().unwrap().read(&group, "a", 100, Duration::ZERO).await.unwrap();
    assert_eq!(next.deliveries.len(), 11);
}

#[tokio::test]
async fn a_copy_beside_writers_holds_everything_acknowledged_before_and_no_half_of_a_batch() {
    let (server, shelf) = (Server::start(), Shelf::new());
    let log = log(&server);
    let mut beside = Vec::new();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    for writer in 0..3 {
        let (log, stop) = (named(&server, "local"), stop.clone());
        beside.push(tokio::spawn(async move {
            let mut written = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                log.append(&facts(writer * 1_000_000 + written, 9)).await.unwrap();
                written += 9;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            log.close().await.unwrap();
        }));
    }
    for round in 0..5 {
        log.append(&facts(9_000_000 + round * 30, 30)).await.unwrap();
        let made = shelf.create(&log).await;
        let copy = named(&server, &format!("copy{round}"));
        let restored = shelf.restore(&made, &copy).await.unwrap();
        assert!(restored.scan.is_clean(), "{:?}", restored.scan.anomalies);
        let there = numbers(&copy).await;
        let own = there.iter().filter(|n| **n >= 9_000_000).count() as u64;
        assert_eq!(own, (round + 1) * 30);
        for writer in 0..3 {
            let theirs = there.iter().filter(|n| **n / 1_000_000 == writer).count();
            assert_eq!(theirs % 9, 0, "half a batch of the writer {writer}");
        }
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for task in beside {
        task.await.unwrap();
    }
}

#[tokio::test]
async fn nothing_is_ever_replaced_and_a_failed_restoration_leaves_nothing() {
    let (server, shelf) = (Server::start(), Shelf::new());
    let log = log(&server);
    log.append(&facts(0, 9)).await.unwrap();
    let made = shelf.create(&log).await;
    let mut client = server.client();
    let before = keys(&mut client, "*");
    let error = shelf.restore(&made, &log).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Create, "{error:?}");
    for key in ["papyra:new:audits", "papyra:new:state", "papyra:new:dead:events"] {
        client.call(["SET", key, "mine"]);
        let error = shelf.restore(&made, &named(&server, "new")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Create, "{error:?}");
        assert!(error.to_string().contains(key), "{error}");
        client.call(["DEL", key]);
    }
    // A file takes no streams, and a stream no files.
    let dir = tempfile::tempdir().unwrap();
    let file = papyra::open(&format!("json:{}", dir.path().join("f.ndjson").display())).await.unwrap();
    assert_eq!(shelf.restore(&made, &file).await.unwrap_err().kind(), ErrorKind::Config);
    file.append(&facts(0, 3)).await.unwrap();
    let of_file = shelf.create(&file).await;
    let error = shelf.restore(&of_file, &named(&server, "new")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    // Memory ends half-way.
    client.call(["CONFIG", "SET", "maxmemory", "1"]);
    let error = shelf.restore(&made, &named(&server, "new")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io, "{error:?}");
    client.call(["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(keys(&mut client, "*"), before);
    let nothing = named(&server, "nothing");
    let error = shelf.backups.create(&nothing, &BackupOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error:?}");
}

#[tokio::test]
async fn a_backup_that_was_changed_is_not_restored() {
    let (server, shelf) = (Server::start(), Shelf::new());
    let log = log(&server);
    log.append(&facts(0, 9)).await.unwrap();
    let made = shelf.create(&log).await;
    let piece = made.path.join("data/events.ndjson");
    let text = fs::read_to_string(&piece).unwrap();
    fs::write(&piece, text.replace("Tried", "Tired")).unwrap();
    let verified = shelf.backups.verify(&made.name, &BackupOptions::default()).await.unwrap();
    assert!(!verified.is_sound());
    let error = shelf.restore(&made, &named(&server, "new")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Mismatch);
    assert_eq!(keys(&mut server.client(), "papyra:new:*"), [] as [&str; 0]);
}

#[tokio::test]
async fn what_retention_dropped_is_no_finding_of_the_copy_and_a_gap_stays_one() {
    let (server, shelf) = (Server::start(), Shelf::new());
    let log = log(&server);
    for first in 0..20 {
        log.append(&facts(first * 3, 3)).await.unwrap();
    }
    let retention = papyra::Retention::all(papyra::Rule::default().with_max_records(40))
        .with_kind(Kind::Audit, papyra::Rule::default().with_max_records(4));
    log.clone().with_retention(retention).compact().await.unwrap();
    let restored = shelf.restore(&shelf.create(&log).await, &named(&server, "sound")).await.unwrap();
    assert!(restored.scan.is_clean(), "{:?}", restored.scan.anomalies);
    log.append(&facts(60, 9)).await.unwrap();
    let mut client = server.client();
    let newest = raw(&mut client, EVENTS);
    let id = newest[newest.len() - 2].clone().list()[0].text();
    client.call(["XDEL", EVENTS, &id]);
    let made = shelf.create(&log).await;
    let copy = named(&server, "gap");
    let restored = shelf.restore(&made, &copy).await.unwrap();
    let kinds: Vec<_> = restored.scan.anomalies.iter().map(|anomaly| anomaly.kind).collect();
    assert_eq!(kinds, [AnomalyKind::MissingEntries]);
    assert_eq!(copy.scan(ScanOptions::default()).await.unwrap().anomalies_total, 1);
}

#[tokio::test]
async fn a_writer_that_goes_on_in_a_restored_log_doubles_nothing() {
    let (server, shelf) = (Server::start(), Shelf::new());
    let log = log(&server);
    log.append(&facts(0, 9)).await.unwrap();
    let made = shelf.create(&log).await;
    // The server loses everything, and an operator restores while the writer still runs.
    server.client().call(["FLUSHALL"]);
    shelf.restore(&made, &named(&server, "local")).await.unwrap();
    log.append(&facts(9, 3)).await.unwrap();
    log.append(&[fact(12)]).await.unwrap();
    assert_exactly(&log, 0..13).await;
}

#[tokio::test]
async fn logs_on_clusters_and_behind_sentinels_are_backed_up_too() {
    let (cluster, pair, shelf) = (Cluster::start(), Pair::start(), Shelf::new());
    let spread = papyra::open(&cluster.url("prefix=spread")).await.unwrap();
    spread.append(&facts(0, 30)).await.unwrap();
    let tagged = papyra::open(&cluster.url("prefix={tagged}")).await.unwrap();
    tagged.append(&facts(0, 30)).await.unwrap();
    let watched = papyra::open(&pair.url("prefix=watched")).await.unwrap();
    watched.append(&facts(0, 30)).await.unwrap();
    for (log, into) in [
        (&spread, cluster.url("prefix={one}")),
        (&tagged, cluster.url("prefix={two}")),
        (&watched, pair.url("prefix=three")),
        (&watched, cluster.url("prefix={four}")),
    ] {
        let copy = papyra::open(&into).await.unwrap();
        let made = shelf.create(log).await;
        let restored = shelf.restore(&made, &copy).await.unwrap();
        assert!(restored.scan.is_clean(), "{:?}", restored.scan.anomalies);
        let mut there = numbers(&copy).await;
        there.sort_unstable();
        assert_eq!(there, (0..30).collect::<Vec<_>>());
    }
    let made = shelf.create(&tagged).await;
    let error = shelf.restore(&made, &papyra::open(&cluster.url("prefix=other")).await.unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config, "{error:?}");
    assert!(error.cure().unwrap().contains("hash tag"));
}

#[tokio::test]
async fn a_backup_beside_a_compaction_is_whole_or_says_why_there_is_none() {
    let (server, shelf) = (Server::start(), Shelf::new());
    let log = log(&server);
    for first in 0..50 {
        log.append(&facts(first * 60, 60)).await.unwrap();
    }
    let compacting = tokio::spawn({
        let log = log.clone();
        async move {
            for records in (0..10).rev().map(|n| n * 200 + 100) {
                let rule = papyra::Rule::default().with_max_records(records);
                let retention = papyra::Retention::all(papyra::Rule::default()).with_kind(Kind::Audit, rule);
                log.clone().with_retention(retention).compact().await.unwrap();
            }
        }
    });
    for _ in 0..4 {
        match shelf.backups.create(&log, &BackupOptions::default()).await {
            Ok(made) => assert_eq!(made.manifest.anomalies_total, Some(0), "{:?}", made.manifest.anomalies),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Locked, "{error:?}"),
        }
    }
    compacting.await.unwrap();
    assert_eq!(shelf.create(&log).await.manifest.anomalies_total, Some(0));
}

#[tokio::test]
async fn streams_that_their_writers_bound_are_copied_without_a_hole() {
    let (server, shelf) = (Server::start(), Shelf::new());
    let bounded = || Log::new(RedisLog::new(RedisConfig::new("127.0.0.1", server.port()).with_max_len(300)));
    let log = bounded();
    log.append(&facts(0, 900)).await.unwrap();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let writing = tokio::spawn({
        let (log, stop) = (bounded(), stop.clone());
        async move {
            let mut next = 900;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                log.append(&facts(next, 30)).await.unwrap();
                next += 30;
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
    for _ in 0..5 {
        match shelf.backups.create(&log, &BackupOptions::default()).await {
            Ok(made) => assert_eq!(made.manifest.anomalies_total, Some(0), "{:?}", made.manifest.anomalies),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Locked, "{error:?}"),
        }
        assert!(log.scan(ScanOptions::default()).await.unwrap().is_clean());
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    writing.await.unwrap();
}
