//! What an observer knows, and where it records.

use std::{
    fmt,
    sync::{Arc, Weak},
};

use super::{Decision, Headcount, Life, ObservationBuilder, Registry, facts, observing::Observing, ticker::Ticker};
use crate::{ActorAddress, Payload, Recorder, Why};

/// What one observer of an actor system knows, and where it records. Cheap to clone; all clones are the same observation.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use papyra::{Log, Recorder, Why, observe::{Crash, Observation}};
/// let recorder = Recorder::start(Log::memory())?;
/// let observation = Observation::of(&recorder).system("orders").start();
///
/// let mut life = observation.begin("worker");
/// life.started();
/// life.crashed(&Crash::panic("boom").at(Some("src/worker.rs:7")));
/// observation.dead_letter(&observation.address("worker"), "orders::Place", Why::Stopped, || None);
///
/// drop(observation);
/// assert_eq!(recorder.shutdown(std::time::Duration::from_secs(5)).await.written, 3);
/// # Ok::<(), papyra::Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Observation {
    observing: Arc<Observing>,
    /// `None` in what a weak hold gave: that does not put off the end.
    _hold: Option<Arc<Hold>>,
}

/// What keeps an observation going.
struct Hold {
    observing: Arc<Observing>,
    ticker: Option<Ticker>,
}

impl Drop for Hold {
    fn drop(&mut self) {
        // It ends first, so that the recorder is let go where the last handle is, and waits for its queue there.
        drop(self.ticker.take());
        self.observing.end();
    }
}

impl Observation {
    /// An observation that records here, with the usual settings until others are given; start it.
    pub fn of(recorder: &Recorder) -> ObservationBuilder {
        ObservationBuilder::new(recorder.clone())
    }

    pub(super) fn start(mut builder: ObservationBuilder) -> Self {
        let (window, processing, audit) = (builder.window, builder.processing_every, builder.audit_every);
        let count = builder.count.take();
        let observing = Arc::new(Observing::new(builder));
        let mut rounds = vec![observing.round(window, Observing::flush_dead_letters)];
        rounds.extend(processing.map(|every| observing.round(every, Observing::flush_processing)));
        rounds.extend(audit.map(|every| match count {
            None => observing.round(every, |observing| observing.audit(observing.lives.count(), Registry::default())),
            Some(mut count) => observing.round(every, move |observing| {
                if let Some((headcount, registry)) = count() {
                    observing.audit(headcount, registry);
                }
            }),
        }));
        let hold = Hold { observing: Arc::clone(&observing), ticker: Ticker::start(rounds) };
        Observation { observing, _hold: Some(Arc::new(hold)) }
    }

    /// The actor system's name.
    pub fn system(&self) -> &str {
        &self.observing.system
    }

    /// Where facts go.
    pub fn recorder(&self) -> &Recorder {
        &self.observing.recorder
    }

    /// `SYSTEM://NAME`, the address of an actor by its name or by whatever else tells it from the others. Of a name above
    /// 8 KiB only the beginning counts.
    pub fn address(&self, name: &str) -> ActorAddress {
        ActorAddress::new(format!("{}://{}", self.observing.system, facts::shortened(name)))
    }

    /// An actor or task of this name begins to start. Its generation is how often this has happened before, plus one;
    /// of names without a living actor the latest 10,000 are remembered.
    pub fn begin(&self, name: &str) -> Life {
        let name = facts::shortened(name);
        let generation = self.observing.generations().begin(name);
        Life::begin(self, self.address(name), Some(name.to_owned()), generation)
    }

    /// An actor without a name begins to start; its id stands in its address, and its generation is always 1.
    pub fn begin_nameless(&self, id: impl fmt::Display) -> Life {
        Life::begin(self, self.address(&id.to_string()), None, 1)
    }

    /// An actor was refused its name, because a living one has it.
    pub fn start_refused(&self, name: &str, error: &str) {
        self.observing.record_trouble(facts::start_failed(&self.address(name), None, error));
    }

    /// A supervisor decided what to do about this actor. The context says what it knew.
    pub fn decided(&self, actor: &ActorAddress, decision: Decision, context: &Payload) {
        self.observing.recorder.record(facts::decided(actor, decision, context));
    }

    /// A message that this actor did not get. The payload is asked for only if payloads are to be recorded, and only of
    /// letters that are recorded in full; see [`ObservationBuilder`] for both.
    pub fn dead_letter(
        &self,
        target: &ActorAddress,
        message_type: &str,
        why: Why,
        payload: impl FnOnce() -> Option<Payload>,
    ) {
        self.observing.dead_letter(target, message_type, why, payload);
    }

    /// Several messages that this actor did not get, of which no more is known than their number: one fact stands for
    /// all of them. None is no fact.
    pub fn dead_letters(&self, target: &ActorAddress, message_type: &str, why: Why, count: u64) {
        self.observing.dead_letters(target, message_type, why, count);
    }

    /// How many lives of this observation have not ended, and what they are up to as far as they were told.
    pub fn headcount(&self) -> Headcount {
        self.observing.lives.count()
    }

    /// Records a snapshot of the whole system. Health is judged by what happened since the last one: crashes, failed
    /// starts, dead letters, drops of the recorder; and by dead names and orphans in the registry.
    pub fn audit(&self, headcount: Headcount, registry: Registry) {
        self.observing.audit(headcount, registry);
    }

    /// Records now what was only counted so far: dead letters, and what actors handled. The end of the last clone does
    /// the same, and no dead letter is taken behind it. A recorder that was shut down before records nothing of it.
    pub fn flush(&self) {
        self.observing.flush();
    }

    /// A hold that does not keep the observation alive, for what lives in an actor.
    pub fn downgrade(&self) -> WeakObservation {
        WeakObservation(Arc::downgrade(&self.observing))
    }

    pub(super) fn observing(&self) -> &Observing {
        &self.observing
    }
}

impl fmt::Debug for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observation").field("system", &self.observing.system).finish_non_exhaustive()
    }
}

/// An [`Observation`] that may have ended.
#[derive(Clone, Default)]
pub struct WeakObservation(Weak<Observing>);

impl WeakObservation {
    /// The observation, if it has not ended. It ends with the last clone of what was
    /// [started](ObservationBuilder::start), whoever holds what this gives.
    pub fn upgrade(&self) -> Option<Observation> {
        let observing = self.0.upgrade().filter(|observing| !observing.has_ended())?;
        Some(Observation { observing, _hold: None })
    }
}

impl fmt::Debug for WeakObservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakObservation").finish_non_exhaustive()
    }
}
