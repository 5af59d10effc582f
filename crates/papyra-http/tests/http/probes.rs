//! Probes tell the truth, and cost next to nothing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use papyra::{
    Appended, Backend, EntryStream, Error, ErrorKind, Fact, Log, ReadOptions, Recorder, Result, ScanOptions,
    ScanReport, StartupConfig, StartupMode, backend::memory::Memory, startup,
};
use papyra_http::{Check, Readiness, Service};
use serde_json::json;

use crate::lab::{Lab, event};

/// A log in memory that counts how it is looked at, and may be out of reach.
#[derive(Debug)]
struct Watched {
    inner: Memory,
    scans: Arc<AtomicU64>,
    entries: Arc<AtomicU64>,
    broken: bool,
}

#[async_trait::async_trait]
impl Backend for Watched {
    fn name(&self) -> &'static str {
        "watched"
    }

    async fn append(&self, facts: &[Fact]) -> Result<Appended> {
        if self.broken { Err(Error::new(ErrorKind::Io, "the disk is gone")) } else { self.inner.append(facts).await }
    }

    fn read(&self, options: ReadOptions) -> EntryStream {
        if self.broken {
            return EntryStream::failed(Error::new(ErrorKind::Io, "the disk is gone"));
        }
        let entries = Arc::clone(&self.entries);
        let counted = futures_util::StreamExt::inspect(self.inner.read(options), move |_| {
            entries.fetch_add(1, Ordering::SeqCst);
        });
        EntryStream::new(counted)
    }

    async fn scan(&self, _: ScanOptions) -> Result<ScanReport> {
        self.scans.fetch_add(1, Ordering::SeqCst);
        Ok(ScanReport::new("watched", "watched"))
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

fn watched(broken: bool) -> (Log, Arc<AtomicU64>, Arc<AtomicU64>) {
    let (scans, entries) = (Arc::default(), Arc::default());
    let log =
        Log::new(Watched { inner: Memory::new(), scans: Arc::clone(&scans), entries: Arc::clone(&entries), broken });
    (log, scans, entries)
}

fn check<'a>(ready: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let checks = ready["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == json!(name)).unwrap_or_else(|| panic!("{ready}"))
}

#[tokio::test]
async fn a_hundred_probes_of_a_long_log_scan_nothing_and_read_its_end_only() {
    let (log, scans, entries) = watched(false);
    log.append(&(1..=1000).map(event).collect::<Vec<_>>()).await.unwrap();
    let lab = Lab::of(&log).await;
    for _ in 0..50 {
        assert_eq!((lab.get("/healthz").await.status, lab.get("/readyz").await.status), (200, 200));
    }
    // One entry for each look, and no more than one look a second, however slow this machine is.
    let read = entries.load(Ordering::SeqCst);
    assert!(scans.load(Ordering::SeqCst) == 0 && (1..=100).contains(&read), "{read} entries");
    lab.end().await;
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_not_ready_and_says_why() {
    let lab = Lab::of(&watched(true).0).await;
    let answer = lab.get("/readyz").await;
    assert_eq!(answer.status, 503);
    assert_eq!(
        (&answer.json()["exit"], &check(&answer.json(), "log")["detail"]),
        (&json!(1), &json!("the disk is gone"))
    );
    assert_eq!(lab.get("/healthz").await.status, 200);
    lab.end().await;
}

#[tokio::test]
async fn what_the_startup_check_found_counts_until_a_later_scan() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("facts.ndjson");
    let log = papyra::open(path.to_str().unwrap()).await.unwrap();
    log.append(&(1..=3).map(event).collect::<Vec<_>>()).await.unwrap();
    log.close().await.unwrap();
    let sound = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, sound.replace("Event2", "Event9")).unwrap();
    let report = startup::check(&log, &StartupConfig::new(StartupMode::FailOnAnomaly)).await.unwrap();
    let lab = Lab::serve(Service::of(log).with_startup(report)).await;
    let answer = lab.get("/readyz").await;
    assert_eq!(answer.status, 503);
    assert!(check(&answer.json(), "startup")["detail"].as_str().unwrap().contains("1 anomalies"), "{answer:?}");

    std::fs::write(&path, sound).unwrap();
    assert_eq!(lab.get("/api/v1/scan").await.json()["ok"], json!(true));
    // What was found is believed for a second.
    for _ in 0..200 {
        if lab.get("/readyz").await.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(lab.get("/readyz").await.status, 200);
    assert_eq!(lab.get("/api/v1/status").await.json()["last_check"]["anomalies"], json!(0));
    lab.end().await;
}

#[tokio::test]
async fn a_server_that_scans_first_is_ready_when_the_scan_is_over() {
    let (log, scans, _) = watched(false);
    let lab = Lab::serve(Service::of(log).scan_first()).await;
    for _ in 0..200 {
        if lab.get("/readyz").await.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let ready = lab.get("/readyz").await.json();
    assert_eq!((&check(&ready, "startup")["detail"], scans.load(Ordering::SeqCst)), (&json!("no anomalies"), 1));
    lab.end().await;
}

#[tokio::test]
async fn a_recorder_that_cannot_write_or_was_shut_down_is_not_ready() {
    let recorder = Recorder::start(Log::memory()).unwrap();
    let lab = Lab::serve(Service::of(recorder.clone())).await;
    let ready = lab.get("/readyz").await;
    assert_eq!((ready.status, &check(&ready.json(), "queue")["detail"]), (200, &json!("0 facts wait")));
    lab.end().await;
    recorder.shutdown(Duration::from_secs(30)).await;
    let lab = Lab::serve(Service::of(recorder)).await;
    let ready = lab.get("/readyz").await;
    assert_eq!((ready.status, &check(&ready.json(), "recorder")["ok"]), (503, &json!(false)));
    lab.end().await;
}

#[tokio::test]
async fn a_queue_beyond_its_limit_and_a_check_of_the_programs_own_keep_it_from_being_ready() {
    let (log, ..) = watched(true);
    let recorder = Recorder::start(log).unwrap();
    (1..=5).for_each(|n| recorder.record(event(n)));
    let own = Check::new("licence", || Err("it has ended".to_owned()));
    let service = Service::of(recorder.clone()).with_readiness(Readiness::default().with_max_queued(3)).with_check(own);
    let lab = Lab::serve(service).await;
    let ready = lab.get("/readyz").await;
    assert_eq!(check(&ready.json(), "queue")["detail"], json!("5 facts wait, more than 3"), "{ready:?}");
    assert_eq!((ready.status, &check(&ready.json(), "licence")["ok"]), (503, &json!(false)));
    lab.end().await;
    recorder.shutdown(Duration::ZERO).await;
}
