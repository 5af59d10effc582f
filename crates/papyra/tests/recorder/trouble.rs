//! Logs that fail.

use papyra::{Error, ErrorKind, Event, Log, Outcome, Recorder, RecorderHealth, ShutdownReport};

use super::{
    HANG,
    backends::{Manner, Unruly},
    event, noted_drops, numbers,
};

fn sums_up(report: ShutdownReport) -> u64 {
    report.written + report.dropped + report.rejected
}

#[tokio::test]
async fn a_full_disk_costs_no_fact_once_it_has_space_again() {
    let backend = Unruly::full();
    let recorder = Recorder::start(Log::new(backend.clone())).unwrap();
    (0..100).for_each(|n| recorder.record(event(n)));
    let error = recorder.flush().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    assert!(matches!(recorder.health(), RecorderHealth::Degraded(_)));
    assert_eq!(recorder.state().queued, 100);
    backend.heal();
    while recorder.flush().await.is_err() {}
    assert!(recorder.health().is_ok());
    assert_eq!(numbers(recorder.log()).await, Vec::from_iter(0..100));
    assert_eq!(recorder.log().metrics().dropped, 0);
}

#[tokio::test]
async fn a_durable_fact_learns_of_a_full_disk_and_is_not_written_later() {
    let backend = Unruly::full();
    let recorder = Recorder::start(Log::new(backend.clone())).unwrap();
    recorder.record(event(1));
    let (first, second) = tokio::join!(recorder.record_durable(event(2)), recorder.record_durable(event(3)));
    for result in [first, second] {
        let error = result.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Io, Outcome::NotWritten));
    }
    recorder.record(event(4));
    backend.heal();
    let report = recorder.shutdown(HANG).await;
    assert_eq!((report.written, report.dropped, report.rejected), (2, 0, 2));
    assert_eq!(numbers(recorder.log()).await, [1, 4]);
}

#[tokio::test]
async fn while_the_disk_is_full_nobody_waits_in_the_queue_for_ever() {
    let recorder = Recorder::start(Log::new(Unruly::full())).unwrap();
    for n in 0..3 {
        assert!(recorder.record_durable(event(n)).await.is_err());
    }
    recorder.record(event(3));
    assert!(recorder.flush().await.is_err());
    assert!(recorder.record_durable(event(4)).await.is_err());
    let report = recorder.shutdown(std::time::Duration::from_millis(20)).await;
    assert_eq!((report.written, report.dropped, report.rejected), (0, 1, 4));
}

#[tokio::test]
async fn one_fact_that_no_log_may_hold_does_not_hurt_the_others() {
    let backend = Unruly::new(Manner::Refuses("TooLarge"));
    let recorder = Recorder::start(Log::new(backend)).unwrap();
    for n in 0..1000 {
        recorder.record(event(n));
        if n % 300 == 0 {
            recorder.record(Event::new("orders://worker/3", "TooLarge"));
        }
    }
    let error = recorder.record_durable(Event::new("orders://worker/3", "TooLarge")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    recorder.record_durable(event(1000)).await.unwrap();
    assert!(recorder.health().is_ok());
    let report = recorder.shutdown(HANG).await;
    assert_eq!((report.written, report.dropped, report.rejected), (1001, 0, 5));
    assert_eq!(numbers(recorder.log()).await, Vec::from_iter(0..=1000));
}

#[tokio::test]
async fn after_an_unknown_outcome_nothing_is_written_twice() {
    let unknown = Error::new(ErrorKind::Io, "the sync failed").with_unknown_outcome();
    let recorder = Recorder::start(Log::new(Unruly::failing(unknown, 1))).unwrap();
    let error = recorder.record_durable(event(1)).await.unwrap_err();
    assert_eq!(error.outcome(), Outcome::Unknown);
    assert!(matches!(recorder.health(), RecorderHealth::Failed(_)));
    recorder.record(event(2));
    let late = recorder.record_durable(event(3)).await.unwrap_err();
    assert_eq!((late.kind(), late.outcome()), (ErrorKind::Closed, Outcome::NotWritten));
    assert_eq!(recorder.flush().await.unwrap_err().kind(), ErrorKind::Closed);
    let report = recorder.shutdown(HANG).await;
    assert_eq!((report.written, report.dropped, report.rejected), (0, 1, 2));
    assert!(numbers(recorder.log()).await.is_empty());
}

#[tokio::test]
async fn a_log_that_was_closed_fails_the_recorder() {
    let recorder = Recorder::start(Log::memory()).unwrap();
    recorder.log().close().await.unwrap();
    assert_eq!(recorder.record_durable(event(1)).await.unwrap_err().kind(), ErrorKind::Closed);
    assert!(matches!(recorder.health(), RecorderHealth::Failed(_)));
}

#[tokio::test]
async fn a_panicking_backend_leaves_the_host_undisturbed() {
    let recorder = Recorder::start(Log::new(Unruly::new(Manner::Panics))).unwrap();
    recorder.record(event(1));
    let error = recorder.record_durable(event(2)).await.unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Internal | ErrorKind::Closed), "{error:?}");
    assert!(matches!(recorder.health(), RecorderHealth::Failed(_)));
    (0..1000).for_each(|n| recorder.record(event(n)));
    assert!(recorder.flush().await.is_err());
    let report = recorder.shutdown(HANG).await;
    assert_eq!((report.written, sums_up(report)), (0, 1002));
}

#[tokio::test]
async fn a_long_outage_loses_only_what_the_log_then_tells() {
    let backend = Unruly::full();
    let recorder = Recorder::builder(Log::new(backend.clone())).queue_bytes(32 << 10).start().unwrap();
    (0..10_000).for_each(|n| recorder.record(event(n)));
    backend.heal();
    while recorder.flush().await.is_err() {}
    let report = recorder.shutdown(HANG).await;
    assert_eq!(sums_up(report), 10_000);
    assert!(report.dropped > 0);
    assert_eq!(noted_drops(recorder.log()).await.iter().sum::<u64>(), report.dropped);
    assert_eq!(numbers(recorder.log()).await.len() as u64, report.written);
}
