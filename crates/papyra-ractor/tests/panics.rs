//! Where actors panicked. A panic hook is one for the whole process, so this test is alone in its program.

use std::time::Duration;

use papyra::{Fact, Log, ReadOptions, Recorder, observe::PanicHook};
use papyra_ractor::{
    Observer, SpawnObserved,
    ractor::{Actor, ActorProcessingErr, ActorRef},
};

/// Panics if it is told to: as it starts, or over a message.
struct Clumsy;

const HERE: u32 = line!();

#[cfg_attr(feature = "async-trait", papyra_ractor::ractor::async_trait)]
impl Actor for Clumsy {
    type Msg = ();
    type State = ();
    type Arguments = bool;

    async fn pre_start(&self, _: ActorRef<()>, panics: bool) -> Result<(), ActorProcessingErr> {
        assert!(!panics, "not today");
        Ok(())
    }

    async fn handle(&self, _: ActorRef<()>, (): (), (): &mut ()) -> Result<(), ActorProcessingErr> {
        panic!("dropped it")
    }
}

#[tokio::test]
async fn a_crash_says_where_and_no_process_is_said_to_have_panicked() {
    let log = Log::memory();
    let recorder = Recorder::start(log.clone()).unwrap();
    let observer = Observer::start(&recorder).await.unwrap();
    PanicHook::of(observer.observation()).install();

    assert!(Clumsy::spawn_observed(&observer, Some("early".into()), Clumsy, true).await.is_err());
    let (clumsy, join) = Clumsy::spawn_observed(&observer, Some("late".into()), Clumsy, false).await.unwrap();
    clumsy.cast(()).unwrap();
    join.await.unwrap();

    observer.stop().await;
    assert_eq!(recorder.shutdown(Duration::from_secs(20)).await.dropped, 0);
    let entries = log.read(ReadOptions::oldest_first()).collect().await.unwrap();
    let told: Vec<_> = entries
        .iter()
        .map(|entry| match &entry.fact {
            Fact::Event(event) => format!("{} {}", event.event_type, event.payload),
            other => panic!("not an event: {other:?}"),
        })
        .collect();
    let place = format!("{}:{}", file!(), HERE + 14);
    let expected = [
        r#"ActorStartFailed {"generation":1,"error":"not today"}"#.to_owned(),
        r#"ActorStarted {"generation":1,"parent":null}"#.to_owned(),
        format!(
            r#"ActorCrashed {{"generation":1,"error":"dropped it","how":"panic","location":"{place}","message_type":"()"}}"#
        ),
    ];
    assert_eq!(told, expected);
}
