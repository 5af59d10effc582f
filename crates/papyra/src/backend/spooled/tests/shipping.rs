//! Each fact arrives once, in order, whatever happens on the way.

use super::*;
use crate::{ErrorKind, Recorder};

#[tokio::test]
async fn facts_are_acknowledged_while_the_log_is_away_and_arrive_once_it_is_back() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    remote.set_away(true);
    let log = spooled(&remote, config(dir.path()));
    for n in 0..10 {
        log.append(&facts(n * 100..n * 100 + 100)).await.unwrap();
    }
    let backlog = log.backend().backlog().unwrap();
    assert_eq!((backlog.facts, backlog.shipped), (1000, 0));
    assert!(backlog.bytes > 100_000, "{backlog:?}");
    until(|| log.backend().backlog().unwrap().stalled).await;
    remote.set_away(false);
    drained(&log).await;
    assert_eq!(shipped(&remote), names(0..1000));
    let backlog = log.backend().backlog().unwrap();
    assert_eq!((backlog.facts, backlog.bytes, backlog.oldest, backlog.shipped), (0, 0, None, 1000));
    until(|| !log.backend().backlog().unwrap().stalled).await;
}

#[tokio::test]
async fn the_oldest_that_waits_is_told() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    remote.set_away(true);
    let log = spooled(&remote, config(dir.path()));
    log.append(&facts(7..9)).await.unwrap();
    until(|| log.backend().backlog().unwrap().oldest == Some(7.0)).await;
    assert_eq!(log.metrics().spool, log.backend().backlog());
}

#[tokio::test]
async fn lost_answers_double_nothing() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let log = spooled(&remote, config(dir.path()));
    for n in 0..20 {
        remote.cut_replies(n % 3);
        log.append(&facts(n * 10..n * 10 + 10)).await.unwrap();
    }
    drained(&log).await;
    assert_eq!(shipped(&remote), names(0..200));
}

#[tokio::test]
async fn an_answer_that_was_lost_with_the_process_doubles_nothing() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    for n in 0..10 {
        let log = spooled(&remote, config(dir.path()));
        remote.cut_replies(1);
        log.append(&facts(n * 10..n * 10 + 10)).await.unwrap();
        // Closing gives up at the first error; where the cursor was not written down, the mark tells.
        log.close().await.unwrap();
        if n % 2 == 0 {
            std::fs::remove_file(dir.path().join("spool/1.shipped")).unwrap();
        }
    }
    let log = spooled(&remote, config(dir.path()));
    log.append(&[]).await.unwrap();
    drained(&log).await;
    assert_eq!(shipped(&remote), names(0..100));
}

#[tokio::test]
async fn what_close_cannot_ship_waits_for_the_next_start() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    remote.set_away(true);
    let log = spooled(&remote, config(dir.path()));
    log.append(&facts(0..5)).await.unwrap();
    log.close().await.unwrap();
    log.close().await.unwrap();
    assert_eq!(log.append(&facts(5..6)).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(shipped(&remote), names(0..0));
    remote.set_away(false);
    let log = spooled(&remote, config(dir.path()));
    log.append(&facts(5..6)).await.unwrap();
    log.close().await.unwrap();
    assert_eq!(shipped(&remote), names(0..6));
}

#[tokio::test]
async fn a_log_that_lost_everything_gets_again_what_is_held_and_the_rest_is_named() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let log = spooled(&remote, config(dir.path()));
    log.append(&facts(0..10)).await.unwrap();
    drained(&log).await;
    remote.flush();
    log.append(&facts(10..12)).await.unwrap();
    drained(&log).await;
    // All of it was still held.
    assert_eq!(shipped(&remote), names(0..12));
    assert_eq!(said(&remote), ["ServerSetBack"]);
    assert_eq!(log.backend().backlog().unwrap().lost, 0);
    assert!(!dir.path().join("spool/2").exists());
}

#[tokio::test]
async fn a_log_that_lost_everything_is_found_out_without_a_new_fact() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let mut config = config(dir.path());
    config.look = Duration::from_millis(5);
    let log = spooled(&remote, config);
    log.append(&facts(0..10)).await.unwrap();
    drained(&log).await;
    remote.set_away(true);
    until(|| log.backend().backlog().unwrap().stalled).await;
    remote.set_away(false);
    remote.flush();
    until(|| said(&remote) == ["ServerSetBack"]).await;
    drained(&log).await;
    assert_eq!(shipped(&remote), names(0..10));
}

#[tokio::test]
async fn a_log_of_parts_has_a_spool_in_front_of_those_that_can_be_away() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    remote.set_away(true);
    let log = Log::memory().with_kind(crate::Kind::Event, &spooled(&remote, config(dir.path())));
    let audit: Fact = crate::Audit::new("t").into();
    log.append(&[fact(0), audit, fact(1)]).await.unwrap();
    until(|| log.metrics().spool.is_some_and(|spool| spool.stalled && spool.facts == 2)).await;
    assert_eq!(log.read(ReadOptions::oldest_first()).collect().await.unwrap_err().kind(), ErrorKind::Unavailable);
    let report = log.scan(crate::ScanOptions::default()).await.unwrap();
    assert_eq!((report.entries["event"], report.entries["audit"], report.backlog.unwrap().facts), (2, 1, 2));
    assert_eq!(log.stats().await.unwrap().backlog.unwrap().facts, 2);
    remote.set_away(false);
    log.close().await.unwrap();
    assert_eq!(shipped(&remote), names(0..2));
}

#[tokio::test]
async fn what_a_stale_log_lost_and_the_spool_dropped_is_counted_and_named() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let small = || config(dir.path()).with_max_bytes(64 << 10);
    let log = spooled(&remote, small());
    log.append(&facts(0..10)).await.unwrap();
    drained(&log).await;
    let put_back = remote.snapshot();
    // Until room is scarce, and what was shipped is dropped.
    let (mut n, mut longest) = (10, 0);
    while bytes(&dir) >= longest {
        longest = bytes(&dir);
        log.append(&facts(n..n + 10)).await.unwrap();
        n += 10;
        drained(&log).await;
    }
    log.close().await.unwrap();
    put_back();
    let log = spooled(&remote, small());
    log.append(&facts(n..n + 1)).await.unwrap();
    drained(&log).await;
    let lost = log.backend().backlog().unwrap().lost;
    assert_eq!(shipped(&remote), [names(0..10), names(10 + lost..n + 1)].concat());
    assert!(lost > 0);
    let payload = remote.entries().iter().find_map(|entry| match &entry.fact {
        Fact::Event(event) if event.event_type == "ServerSetBack" => Some(event.payload.as_json().to_owned()),
        _ => None,
    });
    let payload: serde_json::Value = serde_json::from_str(&payload.unwrap()).unwrap();
    assert_eq!((&payload["is"], &payload["lost"], &payload["first_lost"]), (&10.into(), &lost.into(), &11.into()));
}

#[tokio::test]
async fn what_was_shipped_leaves_the_spool() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let log = spooled(&remote, config(dir.path()).with_max_bytes(64 << 10));
    for n in 0..100 {
        log.append(&facts(n * 20..n * 20 + 20)).await.unwrap();
        drained(&log).await;
    }
    log.close().await.unwrap();
    assert_eq!(shipped(&remote), names(0..2000));
    assert!(bytes(&dir) < 56 << 10, "{}", bytes(&dir));
}

/// How many bytes the spool takes.
fn bytes(dir: &tempfile::TempDir) -> u64 {
    std::fs::metadata(dir.path().join("spool/1/facts.000001.ndjson")).unwrap().len()
}

#[tokio::test]
async fn a_full_spool_takes_nothing_until_something_was_shipped() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    remote.set_away(true);
    let log = spooled(&remote, config(dir.path()).with_max_bytes(16 << 10));
    let mut n = 0;
    let error = loop {
        match log.append(&[fact(n)]).await {
            Ok(_) => n += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("is full"), "{error}");
    assert!(n > 50 && bytes(&dir) <= 16 << 10);
    remote.set_away(false);
    drained(&log).await;
    let taken = async {
        while log.append(&[fact(n)]).await.is_err() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(PATIENCE, taken).await.unwrap();
    drained(&log).await;
    assert_eq!(shipped(&remote), names(0..n + 1));
}

#[tokio::test]
async fn a_recorder_on_a_full_spool_counts_what_it_drops_and_says_so() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    remote.set_away(true);
    let log = spooled(&remote, config(dir.path()).with_max_bytes(16 << 10));
    let recorder = Recorder::builder(log.clone()).queue_bytes(16 << 10).start().unwrap();
    for n in 0..2000 {
        recorder.record(fact(n));
    }
    remote.set_away(false);
    let report = recorder.shutdown(PATIENCE).await;
    assert!(report.dropped > 0, "{report:?}");
    assert_eq!(report.written + report.dropped, 2000);
    let log = spooled(&remote, config(dir.path()));
    log.append(&[]).await.unwrap();
    drained(&log).await;
    assert_eq!(shipped(&remote).len() as u64, report.written);
    assert!(said(&remote).contains(&"FactsDropped".to_owned()), "{:?}", said(&remote));
}

#[tokio::test]
async fn only_one_process_writes_to_a_spool() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let log = spooled(&remote, config(dir.path()));
    log.append(&facts(0..1)).await.unwrap();
    let other = spooled(&remote, config(dir.path()).with_lock_timeout(Duration::ZERO));
    let error = other.append(&facts(1..2)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    log.close().await.unwrap();
    other.append(&facts(1..2)).await.unwrap();
    drained(&other).await;
    assert_eq!(shipped(&remote), names(0..2));
}

#[tokio::test]
async fn an_append_that_is_let_go_of_is_shipped_all_the_same() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let log = spooled(&remote, config(dir.path()));
    log.append(&[]).await.unwrap();
    for n in 0..20 {
        let facts = [fact(n)];
        let mut append = Box::pin(log.append(&facts));
        std::future::poll_fn(|cx| std::task::Poll::Ready(append.as_mut().poll(cx).is_ready())).await;
    }
    until(|| shipped(&remote).len() >= 20).await;
    assert_eq!(shipped(&remote), names(0..20));
}

#[tokio::test]
async fn facts_of_unknown_kinds_are_shipped_too() {
    let (dir, remote) = (tempfile::tempdir().unwrap(), Remote::default());
    let log = spooled(&remote, config(dir.path()));
    let metric = Fact::from_json(r#"{"kind":"metric","x":1,"timestamp":5.0}"#).unwrap();
    log.append(&[fact(0), metric.clone(), fact(1)]).await.unwrap();
    drained(&log).await;
    let facts: Vec<Fact> = remote.entries().into_iter().map(|entry| entry.fact).collect();
    assert_eq!(facts, [fact(0), metric, fact(1)]);
}
