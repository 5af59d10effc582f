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

/// Its state panics when it is dropped.
struct Messy;

struct Mess;

impl Drop for Mess {
    fn drop(&mut self) {
        panic!("left a mess")
    }
}

#[cfg_attr(feature = "async-trait", papyra_ractor::ractor::async_trait)]
impl Actor for Messy {
    type Msg = ();
    type State = Mess;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<()>, (): ()) -> Result<Mess, ActorProcessingErr> {
        Ok(Mess)
    }
}

#[tokio::test]
async fn a_crash_says_where_and_a_process_panicked_only_where_no_actor_crashed() {
    let log = Log::memory();
    let recorder = Recorder::start(log.clone()).unwrap();
    let observer = Observer::start(&recorder).await.unwrap();
    PanicHook::of(observer.observation()).install();

    assert!(Clumsy::spawn_observed(&observer, Some("early".into()), Clumsy, true).await.is_err());
    let (clumsy, join) = Clumsy::spawn_observed(&observer, Some("late".into()), Clumsy, false).await.unwrap();
    clumsy.cast(()).unwrap();
    join.await.unwrap();
    let (messy, join) = Messy::spawn_observed(&observer, Some("messy".into()), Messy, ()).await.unwrap();
    messy.stop(None);
    join.await.unwrap_err();

    observer.stop().await;
    assert_eq!(recorder.shutdown(Duration::from_secs(20)).await.dropped, 0);
    let entries = log.read(ReadOptions::oldest_first()).collect().await.unwrap();
    let (of_the_process, told): (Vec<_>, Vec<_>) = entries
        .iter()
        .map(|entry| match &entry.fact {
            Fact::Event(event) => format!("{} {}", event.event_type, event.payload),
            other => panic!("not an event: {other:?}"),
        })
        .partition(|told: &String| told.starts_with("ProcessPanicked"));
    let place = format!("{}:{}", file!(), HERE + 14);
    let expected = [
        r#"ActorStartFailed {"generation":1,"error":"not today"}"#.to_owned(),
        r#"ActorStarted {"generation":1,"parent":null}"#.to_owned(),
        format!(
            r#"ActorCrashed {{"generation":1,"error":"dropped it","how":"panic","location":"{place}","message_type":"()"}}"#
        ),
        r#"ActorStarted {"generation":1,"parent":null}"#.to_owned(),
        r#"ActorStopped {"generation":1,"reason":null}"#.to_owned(),
    ];
    assert_eq!(told, expected);
    // What the end of an actor leaves behind crashes nobody.
    let [mess] = &of_the_process[..] else { panic!("{of_the_process:?}") };
    assert!(mess.starts_with(r#"ProcessPanicked {"message":"left a mess""#), "{mess}");
}
