//! Facts come live, each once, also to those who were cut off.

use papyra::{DeadLetter, Kind, Log};
use papyra_http::Service;
use serde_json::{Value, json};

use crate::lab::{Lab, Stream, event, log_of};

fn seq(data: &str) -> Value {
    serde_json::from_str::<Value>(data).unwrap()["seq"].clone()
}

#[tokio::test]
async fn what_is_appended_comes_and_a_resumed_stream_misses_nothing_and_doubles_nothing() {
    let log = log_of(1..=2).await;
    let lab = Lab::of(&log).await;
    let mut stream = Stream::open(&lab, "/api/v1/live", None).await;
    let here = stream.next().await.unwrap();
    assert_eq!((here.event.as_str(), here.id.as_str()), ("here", "2"));
    log.append(&[event(3)]).await.unwrap();
    let third = stream.next().await.unwrap();
    assert_eq!((third.event.as_str(), third.id.as_str(), seq(&third.data)), ("fact", "3", json!(3)));
    drop(stream);

    log.append(&[event(4), event(5)]).await.unwrap();
    for path in ["/api/v1/live", "/api/v1/live?after=3"] {
        let mut stream = Stream::open(&lab, path, (!path.contains("after")).then_some("3")).await;
        assert_eq!(stream.next().await.unwrap().id, "3");
        assert_eq!(seq(&stream.next().await.unwrap().data), json!(4), "{path}");
        assert_eq!(seq(&stream.next().await.unwrap().data), json!(5), "{path}");
    }
    lab.end().await;
}

#[tokio::test]
async fn an_empty_log_is_followed_from_its_first_fact_on() {
    let log = Log::memory();
    let lab = Lab::of(&log).await;
    let mut stream = Stream::open(&lab, "/api/v1/live", None).await;
    assert_eq!(stream.next().await.unwrap().id, "-");
    log.append(&[event(1)]).await.unwrap();
    assert_eq!(stream.next().await.unwrap().id, "1");
    let mut resumed = Stream::open(&lab, "/api/v1/live", Some("-")).await;
    assert_eq!(resumed.next().await.unwrap().event, "here");
    assert_eq!(resumed.next().await.unwrap().id, "1");
    lab.end().await;
}

#[tokio::test]
async fn only_what_is_wanted_comes() {
    let log = log_of(1..=1).await;
    let lab = Lab::of(&log).await;
    let mut letters = Stream::open(&lab, "/api/v1/live?kind=dead_letter", None).await;
    let mut seventh = Stream::open(&lab, "/api/v1/live?actor=t://7&event_type=Event*", None).await;
    letters.next().await.unwrap();
    seventh.next().await.unwrap();
    let mut facts: Vec<_> = (2..=9).map(event).collect();
    facts.push(DeadLetter::new("t://1", "Ping").into());
    log.append(&facts).await.unwrap();
    assert_eq!(letters.next().await.unwrap().id, "10");
    assert_eq!(seventh.next().await.unwrap().id, "7");
    assert_eq!(lab.get("/api/v1/live?kind=envent").await.status, 400);
    lab.end().await;
}

#[tokio::test]
async fn a_log_of_parts_is_resumed_in_each_part() {
    let log = Log::memory().with_kind(Kind::DeadLetter, &Log::memory());
    let letter = |n: u32| DeadLetter::new("t://1", format!("Message{n}")).into();
    log.append(&[event(1), letter(1), letter(2)]).await.unwrap();
    let lab = Lab::serve(Service::of(log.clone())).await;
    let mut stream = Stream::open(&lab, "/api/v1/live", None).await;
    assert_eq!(stream.next().await.unwrap().id, "event:1,dead_letter:2");
    log.append(&[event(2)]).await.unwrap();
    let last = stream.next().await.unwrap();
    assert_eq!(last.id, "event:2,dead_letter:2");
    log.append(&[letter(3)]).await.unwrap();
    let mut resumed = Stream::open(&lab, "/api/v1/live", Some(&last.id)).await;
    assert_eq!(resumed.next().await.unwrap().event, "here");
    let third = resumed.next().await.unwrap();
    assert!(third.id == "event:2,dead_letter:3" && third.data.contains("Message3"), "{third:?}");
    assert_eq!(lab.get("/api/v1/live?after=3").await.status, 400);
    lab.end().await;
}

#[tokio::test]
async fn a_place_that_the_log_never_had_is_an_error_and_no_waiting() {
    let log = log_of(1..=2).await;
    let lab = Lab::of(&log).await;
    let mut stream = Stream::open(&lab, "/api/v1/live", Some("99")).await;
    assert_eq!(stream.next().await.unwrap().event, "here");
    let error = stream.next().await.unwrap();
    assert_eq!((error.event.as_str(), error.id.as_str()), ("error", ""));
    assert_eq!(serde_json::from_str::<Value>(&error.data).unwrap()["exit"], json!(66));
    lab.end().await;
}
