//! How recorders end.

use std::time::Duration;

use papyra::{ErrorKind, Log, Recorder, RecorderHealth, backend::memory::Memory};

use super::{HANG, backends::Unruly, event, held_up, noted_drops, numbers};

/// A time that is over at once.
const MOMENT: Duration = Duration::from_millis(20);

#[tokio::test]
async fn a_shutdown_writes_what_waits_and_closes_the_log() {
    let recorder = Recorder::start(Log::memory()).unwrap();
    (0..1000).for_each(|n| recorder.record(event(n)));
    let report = recorder.shutdown(HANG).await;
    assert_eq!((report.written, report.synced, report.dropped, report.rejected), (1000, true, 0, 0));
    assert_eq!(numbers(recorder.log()).await.len(), 1000);
    assert_eq!(recorder.log().append(&[]).await.unwrap_err().kind(), ErrorKind::Closed);
    assert!(matches!(recorder.health(), RecorderHealth::Closed));

    recorder.record(event(0));
    assert_eq!(recorder.record_durable(event(0)).await.unwrap_err().kind(), ErrorKind::Closed);
    assert_eq!(recorder.flush().await.unwrap_err().kind(), ErrorKind::Closed);
    let again = recorder.shutdown(HANG).await;
    assert_eq!((again.written, again.dropped, again.rejected), (1000, 1, 1));
}

#[tokio::test]
async fn a_shutdown_ends_in_time_with_a_disk_that_hangs_in_a_system_call() {
    let (backend, gate) = Unruly::blocking();
    let recorder = Recorder::start(Log::new(backend.clone())).unwrap();
    recorder.record(event(0));
    held_up(&backend).await;
    let durable = tokio::spawn({
        let recorder = recorder.clone();
        async move { recorder.record_durable(event(1)).await }
    });
    while recorder.state().queued < 2 {
        tokio::task::yield_now().await;
    }
    let report = recorder.shutdown(MOMENT).await;
    assert_eq!((report.written, report.synced, report.dropped, report.rejected), (0, false, 1, 1));
    assert_eq!(durable.await.unwrap().unwrap_err().kind(), ErrorKind::Closed);
    // What the disk does when it comes back changes the accounts no more.
    gate.open();
    recorder.shutdown(HANG).await;
    assert_eq!(recorder.log().metrics().acknowledged, 0);
    assert_eq!(recorder.log().metrics().dropped, 1);
}

#[tokio::test]
async fn a_shutdown_ends_in_time_with_a_server_that_never_answers() {
    let (backend, _gate) = Unruly::waiting();
    let recorder = Recorder::start(Log::new(backend.clone())).unwrap();
    recorder.record(event(0));
    held_up(&backend).await;
    let report = recorder.shutdown(MOMENT).await;
    assert_eq!((report.written, report.dropped), (0, 1));
}

#[tokio::test]
async fn a_shutdown_during_an_outage_tries_until_its_time_is_over() {
    let backend = Unruly::full();
    let recorder = Recorder::start(Log::new(backend.clone())).unwrap();
    (0..10).for_each(|n| recorder.record(event(n)));
    assert!(recorder.flush().await.is_err());
    let (report, ()) = tokio::join!(recorder.shutdown(HANG), async { backend.heal() });
    assert_eq!((report.written, report.synced, report.dropped), (10, true, 0));
}

#[tokio::test]
async fn what_was_dropped_before_a_shutdown_stands_in_the_log() {
    let (backend, gate) = Unruly::waiting();
    let recorder = Recorder::builder(Log::new(backend.clone())).queue_bytes(16 << 10).start().unwrap();
    recorder.record(event(0));
    held_up(&backend).await;
    (1..1000).for_each(|n| recorder.record(event(n)));
    let shutdown = recorder.shutdown(HANG);
    let (report, _) = tokio::join!(shutdown, async {
        // Too late to be written, not too late to be told of.
        (0..10).for_each(|n| recorder.record(event(n)));
        gate.send_replace(true)
    });
    assert_eq!(report.written + report.dropped, 1010);
    assert_eq!(noted_drops(recorder.log()).await.iter().sum::<u64>(), report.dropped);
}

#[test]
fn a_shutdown_needs_no_timer_of_the_callers_runtime() {
    let recorder = Recorder::start(Log::memory()).unwrap();
    recorder.record(event(0));
    let bare = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(bare.block_on(recorder.shutdown(Duration::MAX)).written, 1);
}

#[test]
fn dropping_the_last_handle_writes_what_waits() {
    let (log, recorder) = recorder_and_log();
    (0..1000).for_each(|n| recorder.record(event(n)));
    drop(recorder.clone());
    recorder.record(event(1000));
    drop(recorder);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(numbers(&log)).len(), 1001);
}

#[tokio::test]
async fn the_last_handle_may_be_dropped_within_a_runtime() {
    let (log, recorder) = recorder_and_log();
    recorder.record(event(7));
    drop(recorder);
    assert_eq!(numbers(&log).await, [7]);
}

#[test]
fn dropping_the_last_handle_does_not_wait_for_a_hung_disk_for_ever() {
    let (backend, _gate) = Unruly::blocking();
    let log = Log::new(backend);
    let recorder = Recorder::builder(log.clone()).drop_timeout(MOMENT).start().unwrap();
    (0..10).for_each(|n| recorder.record(event(n)));
    drop(recorder);
    let counters = log.metrics();
    assert_eq!((counters.recorded, counters.acknowledged, counters.dropped), (10, 0, 10));
}

#[tokio::test]
async fn a_drop_after_a_shutdown_in_vain_waits_no_more() {
    let (backend, _gate) = Unruly::blocking();
    let recorder = Recorder::builder(Log::new(backend)).drop_timeout(Duration::MAX).start().unwrap();
    recorder.record(event(0));
    assert_eq!(recorder.shutdown(MOMENT).await.dropped, 1);
    // It would wait for ever.
    drop(recorder);
}

#[test]
fn facts_are_recorded_after_the_hosts_runtime_has_ended() {
    struct Actor(Recorder);
    impl Drop for Actor {
        fn drop(&mut self) {
            self.0.record(event(2));
        }
    }

    let (log, recorder) = recorder_and_log();
    let host = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let actor = Actor(recorder.clone());
    host.spawn(async move {
        let actor = actor;
        actor.0.record(event(1));
        std::future::pending::<()>().await;
    });
    while recorder.log().metrics().recorded == 0 {
        std::thread::yield_now();
    }
    drop(host);
    recorder.record(event(3));
    drop(recorder);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(numbers(&log)), [1, 2, 3]);
}

#[test]
fn a_thread_that_panics_can_still_record() {
    let (log, recorder) = recorder_and_log();
    struct Last(Recorder);
    impl Drop for Last {
        fn drop(&mut self) {
            self.0.record(event(1));
        }
    }
    let last = Last(recorder.clone());
    let thread = std::thread::spawn(move || {
        let _last = last;
        panic!("on purpose");
    });
    thread.join().unwrap_err();
    drop(recorder);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(runtime.block_on(numbers(&log)), [1]);
}

fn recorder_and_log() -> (Log, Recorder) {
    let log = Log::new(Memory::new());
    (log.clone(), Recorder::start(log).unwrap())
}
