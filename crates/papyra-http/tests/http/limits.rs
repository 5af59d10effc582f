//! Nobody can make the server do without end, or hold without end.

use std::time::Duration;

use papyra::{Appended, Backend, EntryStream, Event, Fact, Log, ReadOptions, Result, ScanOptions, ScanReport};
use papyra_http::{Limits, Service};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::lab::{Lab, Stream, log_of};

/// A log that never answers.
#[derive(Debug)]
struct Hung;

#[async_trait::async_trait]
impl Backend for Hung {
    fn name(&self) -> &'static str {
        "hung"
    }

    async fn append(&self, _: &[Fact]) -> Result<Appended> {
        std::future::pending().await
    }

    fn read(&self, _: ReadOptions) -> EntryStream {
        EntryStream::new(futures_util::stream::pending())
    }

    async fn scan(&self, _: ScanOptions) -> Result<ScanReport> {
        std::future::pending().await
    }

    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

#[tokio::test]
async fn a_request_that_is_too_large_is_refused() {
    let lab = Lab::of(&log_of(1..=2).await).await;
    assert_eq!(lab.get(&format!("/api/v1/events?actor={}", "a".repeat(9000))).await.status, 414);
    let many: String = (0..100).map(|n| format!("x-{n}: 1\r\n")).collect();
    assert_eq!(lab.ask(&format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{many}")).await.status, 431);
    let long = format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Long: {}\r\n", "a".repeat(64 << 10));
    assert_eq!(lab.ask(&long).await.status, 431);
    // A body is nobody's business here: it is not read, whatever its length.
    let huge = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n";
    assert_eq!(lab.ask(huge).await.status, 200);
    lab.end().await;
}

#[tokio::test]
async fn what_is_no_http_ends_the_connection_and_nothing_else() {
    let lab = Lab::of(&log_of(1..=2).await).await;
    for nonsense in
        [&b"\x16\x03\x01\x02\x00"[..], b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", &[0; 2000], b"\r\n\r\n\r\n"]
    {
        let mut stream = TcpStream::connect(lab.address).await.unwrap();
        let _ = stream.write_all(nonsense).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(!answer.starts_with(b"HTTP/1.1 200"), "{nonsense:?}");
    }
    assert_eq!(lab.get("/healthz").await.status, 200);
    lab.end().await;
}

#[tokio::test]
async fn a_log_that_hangs_costs_time_and_no_more_and_probes_answer_all_the_same() {
    let limits = limits(|limits| {
        limits.reads = 1;
        limits.read_time = Duration::from_secs(4);
        limits.scan_time = Duration::from_millis(100);
    });
    let lab = Lab::serve(Service::of(Log::new(Hung)).with_limits(limits)).await;
    let (first, second, probe) =
        tokio::join!(lab.get("/api/v1/events"), lab.get("/api/v1/summary"), lab.get("/healthz"));
    let mut reads = [first.status, second.status];
    reads.sort_unstable();
    assert_eq!((reads, probe.status), ([503, 504], 200));
    assert_eq!(lab.get("/api/v1/scan").await.status, 504);
    let busy = lab.get("/api/v1/scan").await;
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("1")));
    assert_eq!(lab.get("/api/v1/stats").await.status, 503);
    assert_eq!(lab.get("/readyz").await.status, 503);
    lab.end().await;
}

#[tokio::test]
async fn an_answer_has_a_bounded_size_and_says_what_it_leaves_out() {
    let log = Log::memory();
    let facts: Vec<Fact> = (0..100).map(|n| Event::new(format!("t://{n}"), "E".repeat(1000)).into()).collect();
    log.append(&facts).await.unwrap();
    let lab =
        Lab::serve(Service::of(log).with_limits(limits(|limits| (limits.facts, limits.bytes) = (50, 20_000)))).await;
    let answer = lab.get("/api/v1/events").await;
    assert_eq!(answer.header("papyra-truncated"), Some("true"));
    let facts = answer.json();
    let facts = facts.as_array().unwrap();
    assert!(answer.body.len() < 22_000 && facts.len() > 10, "{}", answer.body.len());
    // The newest are there.
    assert_eq!(facts.last().unwrap()["actor_address"], json!("t://99"));
    assert_eq!(lab.get("/api/v1/events?limit=51").await.status, 400);
    let few = lab.get("/api/v1/events?limit=3").await;
    assert_eq!((few.json().as_array().unwrap().len(), few.header("papyra-truncated")), (3, None));
    lab.end().await;
}

#[tokio::test]
async fn followers_and_connections_are_limited_and_come_again() {
    let limits = limits(|limits| {
        limits.followers = 2;
        limits.connection_time = Duration::from_millis(700);
    });
    let lab = Lab::serve(Service::of(log_of(1..=2).await).with_limits(limits)).await;
    let mut first = Stream::open(&lab, "/api/v1/live", None).await;
    let second = Stream::open(&lab, "/api/v1/live", None).await;
    assert_eq!(lab.get("/api/v1/live").await.status, 503);
    // One that goes makes room. The server notices at the next heartbeat or fact, or when the time is over.
    drop(second);
    assert_eq!(first.next().await.unwrap().event, "here");
    assert_eq!(first.next().await, None);
    drop(Stream::open(&lab, "/api/v1/live", None).await);
    lab.end().await;
}

#[tokio::test]
async fn a_server_ends_although_somebody_follows() {
    let lab = Lab::of(&log_of(1..=2).await).await;
    let mut stream = Stream::open(&lab, "/api/v1/live", None).await;
    assert_eq!(stream.next().await.unwrap().event, "here");
    lab.end().await;
    assert_eq!(stream.next().await, None);
}
