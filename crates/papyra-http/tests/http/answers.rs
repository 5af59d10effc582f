//! What is answered is what the command line prints.

use papyra::{Audit, DeadLetter, Event, Log, Payload, Timestamp};
use serde_json::json;

use crate::lab::{Lab, event, log_of};

fn at(seconds: f64) -> Timestamp {
    Timestamp::from_seconds(seconds).unwrap()
}

#[tokio::test]
async fn every_path_answers_under_its_schema() {
    let lab = Lab::of(&log_of(1..=3).await).await;
    for (path, schema) in [
        ("/healthz", "papyra.health/1"),
        ("/readyz", "papyra.ready/1"),
        ("/api/v1/summary", "papyra.summary/1"),
        ("/api/v1/activity", "papyra.activity/1"),
        ("/api/v1/storms", "papyra.storms/1"),
        ("/api/v1/timeline?actor=t://1", "papyra.timeline/1"),
        ("/api/v1/stats", "papyra.metrics/1"),
        ("/api/v1/status", "papyra.status/1"),
        ("/api/v1/scan", "papyra.scan/1"),
    ] {
        let answer = lab.get(path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{path}");
        assert_eq!((&answer.json()["schema"], &answer.json()["ok"]), (&json!(schema), &json!(true)), "{path}");
    }
    for path in ["/api/v1/events", "/api/v1/audits", "/api/v1/dead-letters"] {
        assert!(lab.get(path).await.json().is_array(), "{path}");
    }
    assert_eq!(lab.get("/api/v1/nothing").await.status, 404);
    for answer in [lab.get("/healthz").await, lab.get("/api/v1/nothing").await] {
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{answer:?}");
        assert!(answer.header("content-security-policy").unwrap().contains("default-src 'none'"), "{answer:?}");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{answer:?}");
    }
    lab.end().await;
}

#[tokio::test]
async fn facts_are_chosen_and_ordered_as_by_the_flags_of_the_command_line() {
    let log = log_of(1..=9).await;
    let lab = Lab::of(&log).await;
    let positions = async |query: &str| -> Vec<u64> {
        let answer = lab.get(&format!("/api/v1/events?{query}")).await;
        let facts = answer.json();
        facts
            .as_array()
            .unwrap_or_else(|| panic!("{answer:?}"))
            .iter()
            .map(|fact| fact["seq"].as_u64().unwrap())
            .collect()
    };
    assert_eq!(positions("").await, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(positions("limit=2").await, [8, 9]);
    assert_eq!(positions("limit=2&reverse=true").await, [9, 8]);
    assert_eq!(positions("after=7").await, [8, 9]);
    assert_eq!(positions("since=1700000008&until=1700000008").await, [8]);
    assert_eq!(positions("event_type=Event3&event_type=*4").await, [3, 4]);
    assert_eq!(positions("actor=t://5&system=t").await, [5]);
    assert_eq!(positions("limit=0").await, [0_u64; 0]);

    let lines = lab
        .ask(&format!("GET /api/v1/events HTTP/1.1\r\nHost: {}\r\nAccept: application/x-ndjson\r\n", lab.address))
        .await;
    assert_eq!((lines.body.lines().count(), lines.header("content-type")), (9, Some("application/x-ndjson")));
    assert_eq!(lines.header("papyra-skipped"), Some("0"));
    // The very text that the command line prints.
    let first = papyra::document::entry(&log.read(papyra::ReadOptions::oldest_first()).next().await.unwrap().unwrap());
    assert_eq!(lines.body.lines().next(), Some(first.as_str()));
    for bad in [
        "limit=many",
        "limit=10001",
        "lmit=1",
        "since=soon",
        "after=x",
        "after=10",
        "limit=1&limit=2",
        "tz=Atlantis/Capital",
    ] {
        let answer = lab.get(&format!("/api/v1/events?{bad}")).await;
        assert_eq!(answer.status, if bad == "after=10" { 404 } else { 400 }, "{bad}: {answer:?}");
        assert_eq!(answer.json()["schema"], json!("papyra.error/1"), "{bad}");
    }
    lab.end().await;
}

#[tokio::test]
async fn the_life_of_an_actor_is_told_with_its_sums() {
    let log = Log::memory();
    let facts = [
        Event::new("t://a", "ActorStarted").at(at(1.0)).into(),
        Event::new("t://b", "ActorStarted").at(at(2.0)).into(),
        Event::new("t://a", "ActorCrashed").at(at(3.0)).into(),
        DeadLetter::new("t://a", "Ping").with_count(7).at(at(4.0)).into(),
    ];
    log.append(&facts).await.unwrap();
    let lab = Lab::of(&log).await;
    let life = lab.get("/api/v1/timeline?actor=t://a&limit=2").await.json();
    assert_eq!(life["moments"].as_array().unwrap().len(), 2);
    assert_eq!((&life["starts"], &life["crashes"], &life["dead_letters"]), (&json!(1), &json!(1), &json!(7)));
    let nobody = lab.get("/api/v1/timeline?actor=t://nobody").await.json();
    assert_eq!((&nobody["moments"], &nobody["first"]), (&json!([]), &json!(null)));
    assert_eq!(lab.get("/api/v1/timeline").await.status, 400);
    lab.end().await;
}

#[tokio::test]
async fn hostile_text_stays_text_in_every_answer() {
    let log = Log::memory();
    let hostile = "\u{1b}[2J</script><img src=x onerror=alert(1)>\u{202e}\u{2028}\"\\\u{9b}";
    let payload = Payload::of(&json!({ "error": hostile, hostile: 1 }));
    let facts = [
        Event::new(hostile, "ActorCrashed").with_payload(payload).at(at(1.0)).into(),
        DeadLetter::new(hostile, hostile).at(at(2.0)).into(),
        Audit::new(hostile).at(at(3.0)).into(),
    ];
    log.append(&facts).await.unwrap();
    let lab = Lab::of(&log).await;
    for path in ["events", "audits", "dead-letters", "summary", "activity", "stats", "status"] {
        let answer = lab.get(&format!("/api/v1/{path}")).await;
        let harmless = |c: char| c == '\n' || !papyra::document::safe::is_unsafe(c);
        assert!(answer.body.chars().all(harmless), "{path}: {}", answer.body);
        assert!(answer.json().is_object() || answer.json()[0]["system_id"].is_string(), "{path}");
    }
    let activity = lab.get("/api/v1/activity").await.json();
    assert_eq!((&activity["actors"][0]["actor"], &activity["targets"][0]["name"]), (&json!(hostile), &json!(hostile)));
    lab.end().await;
}

#[tokio::test]
async fn a_log_that_is_not_there_yet_is_said_so_and_a_damaged_one_is_shown_as_far_as_it_is_sound() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("facts.ndjson");
    let log = papyra::open(path.to_str().unwrap()).await.unwrap();
    let lab = Lab::of(&log).await;
    assert_eq!(lab.get("/api/v1/events").await.status, 404);
    assert_eq!(lab.get("/api/v1/scan").await.status, 404);
    assert_eq!(lab.get("/readyz").await.status, 200);

    log.append(&(1..=3).map(event).collect::<Vec<_>>()).await.unwrap();
    log.close().await.unwrap();
    assert_eq!(lab.get("/api/v1/scan").await.json()["exit"], json!(0));
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("Event2", "Event9")).unwrap();
    let events = lab.get("/api/v1/events").await;
    assert_eq!((events.json().as_array().unwrap().len(), events.header("papyra-skipped")), (2, Some("1")));
    let scan = lab.get("/api/v1/scan").await.json();
    assert_eq!((&scan["exit"], &scan["anomalies"][0]["kind"]), (&json!(2), &json!("CORRUPTED_LINE")));
    lab.end().await;
}

#[tokio::test]
async fn the_router_works_wherever_it_is_mounted() {
    let log = log_of(1..=2).await;
    let mounted = axum::Router::new().nest("/ops/papyra", papyra_http::Service::of(log).router());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = hyper_util::service::TowerToHyperService::new(mounted);
        let io = hyper_util::rt::TokioIo::new(stream);
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, service).await;
    });
    let url = format!("http://{address}/ops/papyra/metrics");
    let metrics = papyra_http::client::Client::new(&url, None).unwrap().metrics().await.unwrap();
    assert!(metrics.contains("papyra_records_written_total{log=\"papyra\",backend=\"memory\"} 2\n"), "{metrics}");
    server.await.unwrap();
}
