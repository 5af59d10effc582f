//! More facts than the log takes.

use papyra::{DeadLetter, Event, Fact, Kind, Log, Payload, Recorder, RecorderHealth};

use super::{HANG, backends::Unruly, entries, event, held_up, noted_drops, number, numbers};

const QUEUE: usize = 64 << 10;

/// Records until the queue drops something, and says how many were recorded before.
fn fill(recorder: &Recorder, from: u64) -> u64 {
    let before = recorder.state().dropped;
    let mut n = from;
    while recorder.state().dropped == before {
        recorder.record(event(n));
        n += 1;
    }
    n - 1
}

#[tokio::test]
async fn a_hung_backend_blocks_nobody_and_the_queue_stays_bounded() {
    let (backend, gate) = Unruly::blocking();
    let recorder = Recorder::builder(Log::new(backend.clone())).queue_bytes(QUEUE).start().unwrap();
    for n in 0..100_000 {
        recorder.record(event(n));
    }
    let state = recorder.state();
    assert_eq!(state.queued + state.dropped, 100_000);
    assert!(state.queued < QUEUE as u64 / 200, "{state:?}");
    assert!(matches!(recorder.health(), RecorderHealth::Degraded(_)));
    gate.open();
    let report = recorder.shutdown(HANG).await;
    assert_eq!((report.written, report.dropped), (state.queued, state.dropped));
}

#[tokio::test]
async fn drops_stand_in_the_log_where_the_facts_would_have_stood() {
    let (backend, gate) = Unruly::waiting();
    let recorder = Recorder::builder(Log::new(backend.clone())).queue_bytes(QUEUE).start().unwrap();
    recorder.record(event(0));
    held_up(&backend).await;
    let fit = fill(&recorder, 1);
    (0..9).for_each(|_| recorder.record(event(u64::MAX)));
    recorder.record(Event::new("orders://worker/3", "ActorCrashed"));
    gate.send_replace(true);
    recorder.flush().await.unwrap();
    assert!(recorder.health().is_ok());
    recorder.record(event(1_000_000));
    recorder.flush().await.unwrap();

    let words: Vec<String> = entries(recorder.log())
        .await
        .into_iter()
        .map(|entry| match (&entry.fact, number(&entry.fact)) {
            (_, Some(n)) => n.to_string(),
            (Fact::Event(event), None) => event.event_type.clone(),
            _ => unreachable!("only events were recorded"),
        })
        .collect();
    let mut expected: Vec<String> = (0..fit).map(|n| n.to_string()).collect();
    expected.extend(["FactsDropped".to_owned(), "ActorCrashed".to_owned(), "1000000".to_owned()]);
    assert_eq!(words, expected);
    assert_eq!(noted_drops(recorder.log()).await, [10]);
}

#[tokio::test]
async fn dead_letters_and_crashes_find_room_in_a_flood() {
    let (backend, gate) = Unruly::waiting();
    let recorder = Recorder::builder(Log::new(backend.clone())).queue_bytes(QUEUE).start().unwrap();
    fill(&recorder, 0);
    let dropped = recorder.state().dropped;
    for urgent in ["ActorCrashed", "ActorStartFailed", "ActorRestarted", "SupervisionDecision"] {
        recorder.record(Event::new("orders://worker/3", urgent));
    }
    recorder.record(DeadLetter::new("orders://worker/3", "Order"));
    assert_eq!(recorder.state().dropped, dropped);
    // The reserve has an end too.
    (0..1000).for_each(|_| recorder.record(DeadLetter::new("orders://worker/3", "Order")));
    assert!(recorder.state().dropped > dropped);
    gate.send_replace(true);
    let report = recorder.shutdown(HANG).await;
    assert_eq!(noted_drops(recorder.log()).await.iter().sum::<u64>(), report.dropped);
    assert!(entries(recorder.log()).await.iter().any(|entry| entry.fact.kind() == Kind::DeadLetter));
}

#[tokio::test]
async fn a_durable_fact_waits_for_room_and_is_not_starved_by_a_flood() {
    let (backend, gate) = Unruly::waiting();
    let recorder = Recorder::builder(Log::new(backend.clone())).queue_bytes(QUEUE).start().unwrap();
    let fit = fill(&recorder, 0);
    let durable = tokio::spawn({
        let recorder = recorder.clone();
        async move { recorder.record_durable(event(u64::MAX)).await }
    });
    tokio::task::yield_now().await;
    assert_eq!(recorder.state().queued, fit);
    gate.send_replace(true);
    while !durable.is_finished() {
        recorder.record(event(7));
        tokio::task::yield_now().await;
    }
    durable.await.unwrap().unwrap();
    assert!(numbers(recorder.log()).await.contains(&u64::MAX));
}

#[tokio::test]
async fn a_durable_fact_whose_future_is_dropped_before_there_is_room_leaves_no_trace() {
    let (backend, gate) = Unruly::waiting();
    let recorder = Recorder::builder(Log::new(backend.clone())).queue_bytes(QUEUE).start().unwrap();
    let fit = fill(&recorder, 0);
    let waiting = recorder.record_durable(event(u64::MAX));
    tokio::time::timeout(std::time::Duration::from_millis(5), waiting).await.unwrap_err();
    gate.send_replace(true);
    let report = recorder.shutdown(HANG).await;
    assert_eq!((report.written, report.dropped, report.rejected), (fit, 1, 0));
}

#[tokio::test]
async fn a_fact_larger_than_the_queue_is_rejected_not_waited_for() {
    let recorder = Recorder::builder(Log::memory()).queue_bytes(QUEUE).start().unwrap();
    let huge = || event(0).with_payload(Payload::of(&"x".repeat(QUEUE)));
    recorder.record(huge());
    let error = recorder.record_durable(huge()).await.unwrap_err();
    assert_eq!(error.kind(), papyra::ErrorKind::Invalid);
    recorder.record(event(1));
    let report = recorder.shutdown(HANG).await;
    assert_eq!((report.written, report.dropped, report.rejected), (1, 0, 2));
}

#[test]
fn a_queue_that_holds_nothing_is_refused() {
    let error = Recorder::builder(Log::memory()).queue_bytes(100).start().unwrap_err();
    assert_eq!(error.kind(), papyra::ErrorKind::Config);
}
