//! The recorder in front of a log whose kinds live in different places, of which some take nothing.

use std::sync::atomic::Ordering;

use papyra::{Audit, Error, ErrorKind, Fact, Hybrid, Kind, Log, Recorder, RecorderHealth};

use crate::{
    HANG,
    backends::{Manner, Unruly},
    entries, event, noted_drops, number, numbers,
};

fn audit(n: u64) -> Audit {
    let mut audit = Audit::new("orders");
    audit.total_actors = Some(n);
    audit
}

async fn audits(log: &Log) -> Vec<u64> {
    let of = |fact: &Fact| if let Fact::Audit(audit) = fact { audit.total_actors } else { None };
    entries(log).await.iter().filter_map(|entry| of(&entry.fact)).collect()
}

/// Events in the first, audits in the second, dead letters with the events.
fn log_of(events: &Unruly, audits: &Unruly) -> Log {
    Log::new(Hybrid::new(events.clone()).with_kinds([Kind::Audit], audits.clone()))
}

fn healthy() -> Unruly {
    Unruly::failing(Error::new(ErrorKind::Io, "never"), 0)
}

#[tokio::test]
async fn a_part_that_takes_nothing_stops_no_other_and_the_log_says_what_it_lost() {
    let sick = Unruly::full();
    let recorder = Recorder::start(log_of(&healthy(), &sick)).unwrap();
    for n in 0..50 {
        recorder.record(event(n));
        recorder.record(audit(n));
    }
    recorder.flush().await.unwrap();
    // The notes came behind what was lost.
    recorder.flush().await.unwrap();
    assert_eq!(numbers(recorder.log()).await, Vec::from_iter(0..50));
    assert_eq!(noted_drops(recorder.log()).await.iter().sum::<u64>(), 50);
    assert_eq!((recorder.state().queued, recorder.state().dropped), (0, 50));
    assert!(matches!(recorder.health(), RecorderHealth::Degraded(_)), "{:?}", recorder.health());
    // What the other parts take says nothing about the sick one.
    recorder.record_durable(event(50)).await.unwrap();
    assert!(matches!(recorder.health(), RecorderHealth::Degraded(_)), "{:?}", recorder.health());

    sick.heal();
    recorder.record_durable(audit(99)).await.unwrap();
    assert_eq!(audits(recorder.log()).await, [99]);
    assert!(recorder.health().is_ok());
    let report = recorder.shutdown(HANG).await;
    assert_eq!((report.written, report.dropped, report.rejected), (52, 50, 0));
}

#[tokio::test]
async fn what_the_part_of_the_events_lost_is_told_when_it_takes_facts_again() {
    let sick = Unruly::full();
    let recorder = Recorder::start(log_of(&sick, &healthy())).unwrap();
    for n in 0..20 {
        recorder.record(event(n));
        recorder.record(audit(n));
    }
    recorder.flush().await.unwrap();
    assert_eq!(audits(recorder.log()).await, Vec::from_iter(0..20));
    assert_eq!(recorder.state().dropped, 20);
    sick.heal();
    recorder.record_durable(event(20)).await.unwrap();
    recorder.flush().await.unwrap();
    assert_eq!(numbers(recorder.log()).await, [20]);
    assert_eq!(noted_drops(recorder.log()).await.iter().sum::<u64>(), 20);
    assert!(recorder.health().is_ok());
}

#[tokio::test]
async fn a_part_is_well_again_for_all_its_kinds_at_once() {
    let sick = Unruly::full();
    let recorder = Recorder::start(log_of(&sick, &healthy())).unwrap();
    recorder.record(papyra::DeadLetter::new("orders://1", "Order"));
    recorder.record(event(1));
    recorder.record(audit(1));
    recorder.flush().await.unwrap();
    assert!(!recorder.health().is_ok());
    sick.heal();
    recorder.record_durable(papyra::DeadLetter::new("orders://1", "Order")).await.unwrap();
    assert!(recorder.health().is_ok(), "{:?}", recorder.health());
    recorder.flush().await.unwrap();
    assert_eq!(noted_drops(recorder.log()).await.iter().sum::<u64>(), 2);
}

#[tokio::test]
async fn the_end_is_a_last_chance_to_tell_what_was_lost() {
    for heals in [true, false] {
        let sick = Unruly::full();
        let recorder = Recorder::start(log_of(&sick, &healthy())).unwrap();
        recorder.record(event(1));
        recorder.flush().await.unwrap();
        if heals {
            sick.heal();
        }
        let report = recorder.shutdown(HANG).await;
        assert_eq!((report.written, report.dropped), (0, 1));
        let noted: Vec<u64> = if heals { vec![1] } else { Vec::new() };
        assert_eq!(noted_drops(&log_of(&sick, &healthy())).await, noted);
    }
}

#[tokio::test]
async fn who_waits_for_a_fact_learns_what_its_own_part_said() {
    let recorder = Recorder::start(log_of(&healthy(), &Unruly::full())).unwrap();
    for n in 0..20 {
        let (written, refused, other) = tokio::join!(
            recorder.record_durable(event(3 * n)),
            recorder.record_durable(audit(n)),
            recorder.record_durable(event(3 * n + 1)),
        );
        assert_eq!(refused.unwrap_err().to_string(), "no space left");
        let (written, other) = (written.unwrap(), other.unwrap());
        assert!(written < other);
        let held = entries(recorder.log()).await.into_iter().find(|entry| entry.position == other).unwrap();
        assert_eq!(number(&held.fact), Some(3 * n + 1));
    }
    let report = recorder.shutdown(HANG).await;
    assert_eq!((report.written, report.dropped, report.rejected), (40, 0, 20));
}

#[tokio::test]
async fn a_log_of_which_every_part_is_down_is_waited_for() {
    let (events, others) = (Unruly::full(), Unruly::full());
    let log = log_of(&events, &others);
    for fact in [Fact::from(event(0)), Fact::from(audit(0))] {
        assert_eq!(log.append(&[fact]).await.unwrap_err().kind(), ErrorKind::Io);
    }
    let recorder = Recorder::start(log).unwrap();
    for n in 0..10 {
        recorder.record(event(n));
        recorder.record(audit(n));
    }
    assert!(recorder.flush().await.is_err());
    assert_eq!(recorder.state().dropped, 0);
    events.heal();
    others.heal();
    let report = recorder.shutdown(HANG).await;
    assert_eq!((report.written, report.dropped), (20, 0));
    assert_eq!(audits(recorder.log()).await, Vec::from_iter(0..10));
}

#[tokio::test]
async fn a_fact_that_its_part_refuses_costs_no_other() {
    let picky = Unruly::new(Manner::Refuses("Wrong"));
    let recorder = Recorder::start(log_of(&picky, &healthy())).unwrap();
    for n in 0..40 {
        recorder.record(event(n));
        recorder.record(audit(n));
        if n % 10 == 3 {
            recorder.record(papyra::Event::new("orders://1", "Wrong"));
        }
    }
    recorder.flush().await.unwrap();
    assert_eq!(numbers(recorder.log()).await, Vec::from_iter(0..40));
    assert_eq!(audits(recorder.log()).await, Vec::from_iter(0..40));
    let report = recorder.shutdown(HANG).await;
    assert_eq!((report.written, report.dropped, report.rejected), (80, 0, 4));
    assert!(picky.appends.load(Ordering::SeqCst) > 1);
}
