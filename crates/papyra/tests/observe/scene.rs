//! A log in memory and a recorder in front of it.

use std::time::Duration;

use papyra::{
    Fact, Log, ReadOptions, Recorder,
    observe::{Observation, ObservationBuilder},
};

/// Far beyond what any step takes; a test that waits this long has failed.
pub(crate) const LONG: Duration = Duration::from_secs(20);

pub(crate) struct Scene {
    pub(crate) log: Log,
    pub(crate) recorder: Recorder,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let log = Log::memory();
        Scene { recorder: Recorder::start(log.clone()).unwrap(), log }
    }

    pub(crate) fn observation(&self) -> ObservationBuilder {
        Observation::of(&self.recorder).system("orders")
    }

    /// Everything that was recorded, in order.
    pub(crate) async fn facts(self) -> Vec<Fact> {
        assert_eq!(self.recorder.shutdown(LONG).await.dropped, 0);
        let entries = self.log.read(ReadOptions::oldest_first()).collect().await.unwrap();
        entries.into_iter().map(|entry| entry.fact).collect()
    }

    /// Everything that was recorded, in order, as text.
    pub(crate) async fn told(self) -> Vec<String> {
        self.facts().await.iter().map(told).collect()
    }
}

/// An event as `address type payload`, a dead letter as `target message-type why count payload`.
pub(crate) fn told(fact: &Fact) -> String {
    match fact {
        Fact::Event(event) => format!("{} {} {}", event.actor_address, event.event_type, event.payload),
        Fact::DeadLetter(letter) => {
            let why = letter.why.as_ref().map_or("-", |why| why.as_str());
            format!("{} {} {why} {} {}", letter.target, letter.message_type, letter.count.unwrap_or(1), letter.payload)
        }
        other => format!("{other:?}"),
    }
}
