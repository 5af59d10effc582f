//! Where actors panicked. A panic hook is one for the whole process, so this test is alone in its program.

use std::time::Duration;

use papyra::{Fact, Log, ReadOptions, Recorder, observe::PanicHook};
use papyra_ractor::{
    Observer, SpawnObserved,
    ractor::{Actor, ActorProcessingErr, ActorRef},
};

/// Panics if it is told to: as it starts, or over a message.
struct Clumsy;

/// Far beyond what any step takes.
const LONG: Duration = Duration::from_secs(20);

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

async fn told_in(log: &Log) -> Vec<String> {
    let entries = log.read(ReadOptions::oldest_first()).collect().await.unwrap();
    let told = |fact: &Fact| match fact {
        Fact::Event(event) => format!("{} {}", event.event_type, event.payload),
        other => panic!("not an event: {other:?}"),
    };
    entries.iter().map(|entry| told(&entry.fact)).collect()
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
    // Two observers of one actor both know where.
    let second_log = Log::memory();
    let second_recorder = Recorder::start(second_log.clone()).unwrap();
    let second = Observer::start(&second_recorder).await.unwrap();
    let twice = second.wrap(Clumsy);
    let (twice, join) = SpawnObserved::spawn_observed(&observer, Some("twice".into()), twice, false).await.unwrap();
    twice.cast(()).unwrap();
    join.await.unwrap();
    second.stop().await;
    second_recorder.shutdown(LONG).await;
    let (messy, join) = Messy::spawn_observed(&observer, Some("messy".into()), Messy, ()).await.unwrap();
    messy.stop(None);
    join.await.unwrap_err();

    observer.stop().await;
    assert_eq!(recorder.shutdown(LONG).await.dropped, 0);
    let (of_the_process, told): (Vec<_>, Vec<_>) =
        told_in(&log).await.into_iter().partition(|told| told.starts_with("ProcessPanicked"));
    let place = format!("{}:{}", file!(), HERE + 14);
    let life = [
        r#"ActorStarted {"generation":1,"parent":null}"#.to_owned(),
        format!(
            r#"ActorCrashed {{"generation":1,"error":"dropped it","how":"panic","location":"{place}","message_type":"()"}}"#
        ),
    ];
    assert_eq!(told_in(&second_log).await, life);
    let [started, crashed] = life;
    let expected = [
        r#"ActorStartFailed {"generation":1,"error":"not today"}"#.to_owned(),
        started.clone(),
        crashed.clone(),
        started,
        crashed,
        r#"ActorStarted {"generation":1,"parent":null}"#.to_owned(),
        r#"ActorStopped {"generation":1,"reason":null}"#.to_owned(),
    ];
    assert_eq!(told, expected);
    // What the end of an actor leaves behind crashes nobody.
    let [mess] = &of_the_process[..] else { panic!("{of_the_process:?}") };
    assert!(mess.starts_with(r#"ProcessPanicked {"message":"left a mess""#), "{mess}");
}
