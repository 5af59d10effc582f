//! The demo's story, in a log in memory.

use std::time::Duration;

use papyra::{Entry, Fact, Log, ReadOptions};
use papyra_cli::demo::{self, Runtime};

/// No machine is so slow.
const HANG: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_on_ractor_records_crashes_restarts_dead_letters_and_audits() {
    the_demo_records_its_story(Runtime::Ractor).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_on_kameo_records_crashes_restarts_dead_letters_and_audits() {
    the_demo_records_its_story(Runtime::Kameo).await;
}

async fn the_demo_records_its_story(runtime: Runtime) {
    let log = Log::memory();
    let mut turns = 0;
    let story = demo::record_story(log.clone(), runtime, Duration::from_secs(1), |_, _| turns += 1);
    let written = tokio::time::timeout(HANG, story).await.unwrap().unwrap();
    let entries: Vec<Entry> = log.read(ReadOptions::oldest_first()).collect().await.unwrap();
    assert_eq!((entries.len() as u64, turns), (written, 6));

    let mut events = Vec::new();
    let (mut letters, mut audits) = (Vec::new(), Vec::new());
    for entry in entries {
        match entry.fact {
            Fact::Event(event) => events.push(event),
            Fact::DeadLetter(letter) => letters.push(letter),
            Fact::Audit(audit) => audits.push(audit),
            other => panic!("not a fact of the demo: {other:?}"),
        }
    }
    let of_type = |event_type: &str| events.iter().filter(|event| event.event_type == event_type).collect::<Vec<_>>();
    // The shop and three workers, and one of them three times more.
    assert_eq!(of_type("ActorStarted").len(), 7);
    assert_eq!(of_type("ActorStopped").len(), 4);
    for (generation, (crash, restart)) in of_type("ActorCrashed").into_iter().zip(of_type("ActorRestarted")).enumerate()
    {
        assert_eq!(crash.actor_address, "orders://worker-2".into());
        assert!(crash.payload.as_json().contains("has no price"));
        assert!(restart.payload.as_json().contains(&(generation + 2).to_string()));
    }
    assert_eq!(of_type("ActorCrashed").len(), 3);
    assert_eq!(of_type("ActorRestarted").len(), 3);
    // What was sent to the worker that had gone home, and nothing else.
    assert_eq!(letters.iter().map(|letter| letter.target.as_str()).collect::<Vec<_>>(), [Some("orders://worker-3"); 3]);
    assert_eq!(audits.len(), 10);
    let last = audits.last().unwrap();
    assert_eq!((last.total_actors, last.alive_actors), (Some(3), Some(3)));
    assert_eq!(last.dead_letters_count, Some(letters.len() as u64));
}
