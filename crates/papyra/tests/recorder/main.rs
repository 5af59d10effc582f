//! The recorder, in front of logs that behave and of logs that do not.

mod backends;
mod ending;
mod overload;
mod parts;
mod trouble;

use std::{sync::atomic::Ordering, time::Duration};

use backends::Unruly;
use papyra::{Entry, Event, Fact, Log, Payload, ReadOptions, Recorder};

/// Far longer than anything takes: a test that needs it hangs.
const HANG: Duration = Duration::from_secs(60);

fn event(n: u64) -> Event {
    Event::new("orders://worker/3", "Numbered").with_payload(Payload::of(&n))
}

fn number(fact: &Fact) -> Option<u64> {
    match fact {
        Fact::Event(event) if event.event_type == "Numbered" => event.payload.decode().ok(),
        _ => None,
    }
}

async fn entries(log: &Log) -> Vec<Entry> {
    log.read(ReadOptions::oldest_first()).collect().await.unwrap()
}

async fn numbers(log: &Log) -> Vec<u64> {
    entries(log).await.iter().filter_map(|entry| number(&entry.fact)).collect()
}

/// The sizes of the gaps that the log tells of.
async fn noted_drops(log: &Log) -> Vec<u64> {
    let noted = |entry: &Entry| match &entry.fact {
        Fact::Event(event) if event.event_type == "FactsDropped" => {
            assert_eq!(event.actor_address.as_str(), Some("papyra://log"));
            event.payload.decode::<serde_json::Value>().unwrap()["n"].as_u64()
        }
        _ => None,
    };
    entries(log).await.iter().filter_map(noted).collect()
}

/// Waits until the writer is held up in its first append, so that the queue behind it fills in a known way.
async fn held_up(backend: &Unruly) {
    while backend.appends.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn facts_stand_in_the_order_of_recording_after_a_flush() {
    let recorder = Recorder::start(Log::memory()).unwrap();
    for n in 0..10_000 {
        recorder.record(event(n));
    }
    recorder.flush().await.unwrap();
    assert_eq!(numbers(recorder.log()).await, Vec::from_iter(0..10_000));
    assert_eq!((recorder.state().queued, recorder.state().dropped), (0, 0));
    assert!(recorder.health().is_ok());
}

#[tokio::test]
async fn a_flush_of_an_empty_queue_returns_at_once() {
    let recorder = Recorder::start(Log::memory()).unwrap();
    recorder.flush().await.unwrap();
    assert!(entries(recorder.log()).await.is_empty());
}

#[tokio::test]
async fn durable_facts_get_rising_positions_that_hold_them() {
    let recorder = Recorder::start(Log::memory()).unwrap();
    let mut last = None;
    for n in 0..50 {
        recorder.record(event(1000 + n));
        let position = recorder.record_durable(event(n)).await.unwrap();
        assert!(last.is_none_or(|last| last < position));
        last = Some(position);
        let held = entries(recorder.log()).await.into_iter().find(|entry| entry.position == position).unwrap();
        assert_eq!(number(&held.fact), Some(n));
    }
}

#[test]
fn each_thread_keeps_its_order_and_no_fact_goes_missing_from_the_accounts() {
    let recorder = Recorder::builder(Log::memory()).queue_bytes(64 << 10).start().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let recorder = recorder.clone();
            scope.spawn(move || (0..5_000).for_each(|n| recorder.record(event(thread << 32 | n))));
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let report = recorder.shutdown(HANG).await;
        assert_eq!(report.written + report.dropped + report.rejected, 40_000);
        assert!(report.synced);
        let numbers = numbers(recorder.log()).await;
        assert_eq!(numbers.len() as u64, report.written);
        assert_eq!(noted_drops(recorder.log()).await.iter().sum::<u64>(), report.dropped);
        for thread in 0..8 {
            let of_thread: Vec<_> = numbers.iter().filter(|n| **n >> 32 == thread).collect();
            assert!(of_thread.is_sorted());
        }
        let counters = recorder.log().metrics();
        assert_eq!(counters.recorded, 40_000);
        assert_eq!(counters.acknowledged, report.written);
        assert_eq!(counters.dropped, report.dropped);
    });
}

#[test]
fn handles_may_go_to_any_thread_and_task() {
    fn goes_anywhere<T: Send + Sync + Clone + 'static>() {}
    fn is_sent<T: Send>(_: T) {}
    goes_anywhere::<Recorder>();
    let recorder = Recorder::start(Log::memory()).unwrap();
    is_sent(recorder.record_durable(event(1)));
    is_sent(recorder.flush());
    is_sent(recorder.shutdown(HANG));
}
