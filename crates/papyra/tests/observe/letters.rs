//! Dead letters: the first in full, the rest counted, their sum exact; payloads only as far as the hook lets them.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::Duration,
};

use papyra::{Fact, Payload, Why, observe::Registry};

use crate::scene::{LONG, Scene};

#[tokio::test]
async fn a_storm_from_many_threads_is_counted_exactly() {
    const THREADS: u64 = 4;
    const LETTERS: u64 = 5_000;
    let scene = Scene::new();
    let observation = scene.observation().dead_letter_window(Duration::from_millis(10)).start();
    let target = observation.address("gone");
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| (0..LETTERS).for_each(|_| observation.dead_letter(&target, "Place", Why::Stopped, || None)));
        }
    });
    observation.dead_letters(&target, "Place", Why::LeftInMailbox, 3);
    observation.dead_letters(&target, "Place", Why::LeftInMailbox, 1);
    observation.dead_letters(&target, "Place", Why::LeftInMailbox, 0);
    observation.audit(observation.headcount(), Registry::default());
    drop(observation);
    let (mut letters, mut sum, mut audited) = (0, 0, None);
    for fact in scene.facts().await {
        match fact {
            Fact::DeadLetter(letter) => (letters, sum) = (letters + 1, sum + letter.count.unwrap_or(1)),
            Fact::Audit(audit) => audited = audit.dead_letters_count,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((sum, audited), (THREADS * LETTERS + 4, Some(THREADS * LETTERS + 4)));
    assert!(letters < sum / 2, "{letters} facts for {sum} letters");
}

#[tokio::test]
async fn the_end_of_the_last_clone_flushes_whoever_else_looks_at_the_observation() {
    let scene = Scene::new();
    let observation = scene.observation().dead_letters_in_full(1).start();
    let weak = observation.downgrade();
    let moment = weak.upgrade().unwrap();
    let target = observation.address("gone");
    for _ in 0..3 {
        moment.dead_letter(&target, "Place", Why::Stopped, || None);
    }
    drop(observation.clone());
    assert!(weak.upgrade().is_some());
    drop(observation);
    assert!(weak.upgrade().is_none());
    moment.dead_letter(&target, "Place", Why::Stopped, || None);
    assert_eq!(scene.told().await, ["orders://gone Place stopped 1 null", "orders://gone Place stopped 2 null"]);
}

#[tokio::test]
async fn counts_become_facts_by_themselves_when_the_window_is_over() {
    let scene = Scene::new();
    let observation = scene.observation().dead_letters_in_full(1).dead_letter_window(Duration::from_millis(10)).start();
    let target = observation.address("gone");
    let mut sum = 0;
    for _ in 0..3 {
        observation.dead_letter(&target, "Place", Why::Timeout, || None);
    }
    // The observation lives on: nobody but its own thread flushes.
    let counts = |entry: &papyra::Entry| {
        if let Fact::DeadLetter(letter) = &entry.fact {
            sum += letter.count.unwrap_or(1);
        }
        sum == 3
    };
    scene.log.wait_for(LONG, counts).await.unwrap();
    drop(observation);
}

#[tokio::test]
async fn payloads_are_made_only_on_request_and_stand_in_full_letters_as_the_hook_left_them() {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let make = || {
        MADE.fetch_add(1, Ordering::Relaxed);
        Some(Payload::of(&"4111 1111 1111 1111"))
    };
    let scene = Scene::new();
    let without = scene.observation().start();
    without.dead_letter(&without.address("a"), "Place", Why::Stopped, make);
    drop(without);
    assert_eq!(MADE.load(Ordering::Relaxed), 0);

    let hook = |message_type: &str, payload: Payload| match message_type {
        "Place" => Some(Payload::of(&format!("{}…", payload.decode::<String>().ok()?.get(..4)?))),
        "Panic" => panic!("the hook's own fault"),
        "Large" => Some(Payload::of(&"x".repeat(100_000))),
        _ => None,
    };
    let with = scene.observation().dead_letters_in_full(2).payloads(hook).start();
    let target = with.address("a");
    for message_type in ["Place", "Secret", "Panic", "Large", "Place", "Place"] {
        with.dead_letter(&target, message_type, Why::Stopped, make);
    }
    drop(with);
    assert_eq!(MADE.load(Ordering::Relaxed), 5);
    let expected = [
        "orders://a Place stopped 1 null",
        "orders://a Place stopped 1 \"4111…\"",
        "orders://a Secret stopped 1 null",
        "orders://a Panic stopped 1 null",
        "orders://a Large stopped 1 null",
        "orders://a Place stopped 1 \"4111…\"",
        "orders://a Place stopped 1 null",
    ];
    assert_eq!(scene.told().await, expected);
}
