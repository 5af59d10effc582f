//! What an observer knows, and where it records.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use super::{Decision, Headcount, Life, ObservationBuilder, Registry, facts, generations::Generations};
use crate::{ActorAddress, Audit, DeadLetter, Event, Health, Payload, Recorder, Why};

/// What one observer of an actor system knows, and where it records. Cheap to clone; all clones are the same observation.
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// use papyra::{Log, Recorder, Why, observe::{Crash, Observation}};
/// let recorder = Recorder::start(Log::memory())?;
/// let observation = Observation::of(&recorder).system("orders").start();
///
/// let life = observation.begin("worker");
/// life.started();
/// life.crashed(&Crash::panic("boom").at("src/worker.rs:7"));
/// observation.dead_letter(&observation.address("worker"), "orders::Place", Why::Stopped, || None);
///
/// drop(observation);
/// assert_eq!(recorder.shutdown(std::time::Duration::from_secs(5)).await.written, 3);
/// # Ok::<(), papyra::Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Observation(Arc<Inner>);

struct Inner {
    system: String,
    recorder: Recorder,
    generations: Mutex<Generations>,
    /// Since the observation began.
    dead_letters: AtomicU64,
    /// Crashes, failed starts and dead letters since the observation began.
    troubles: AtomicU64,
    /// Of them, and of the recorder's drops, those that an audit has already judged.
    troubles_audited: AtomicU64,
}

impl Observation {
    /// An observation that records here, with the usual settings until others are given; start it.
    pub fn of(recorder: &Recorder) -> ObservationBuilder {
        ObservationBuilder::new(recorder.clone())
    }

    pub(super) fn start(builder: ObservationBuilder) -> Self {
        Observation(Arc::new(Inner {
            system: builder.system,
            recorder: builder.recorder,
            generations: Mutex::default(),
            dead_letters: AtomicU64::new(0),
            troubles: AtomicU64::new(0),
            troubles_audited: AtomicU64::new(0),
        }))
    }

    /// The actor system's name.
    pub fn system(&self) -> &str {
        &self.0.system
    }

    /// Where facts go.
    pub fn recorder(&self) -> &Recorder {
        &self.0.recorder
    }

    /// `SYSTEM://NAME`, the address of an actor by its name or by whatever else tells it from the others.
    pub fn address(&self, name: &str) -> ActorAddress {
        ActorAddress::new(format!("{}://{name}", self.0.system))
    }

    /// An actor or task of this name begins to start. Its generation is how often this has happened before, plus one;
    /// of names without a living actor the latest 10,000 are remembered.
    pub fn begin(&self, name: &str) -> Life {
        let generation = self.generations().begin(name);
        Life::new(self.downgrade(), self.address(name), Some(name.to_owned()), generation)
    }

    /// An actor without a name begins to start; its id stands in its address, and its generation is always 1.
    pub fn begin_nameless(&self, id: impl fmt::Display) -> Life {
        Life::new(self.downgrade(), self.address(&id.to_string()), None, 1)
    }

    /// An actor was refused its name, because a living one has it.
    pub fn start_refused(&self, name: &str, error: &str) {
        self.record_trouble(facts::start_failed(&self.address(name), None, error));
    }

    /// A supervisor decided what to do about this actor. The context says what it knew.
    pub fn decided(&self, actor: &ActorAddress, decision: Decision, context: &Payload) {
        self.0.recorder.record(facts::decided(actor, decision, context));
    }

    /// A message that this actor did not get. The payload is asked for only if payloads are to be recorded.
    pub fn dead_letter(
        &self,
        target: &ActorAddress,
        message_type: &str,
        why: Why,
        payload: impl FnOnce() -> Option<Payload>,
    ) {
        let _ = payload;
        self.count_dead_letters(1);
        self.0.recorder.record(DeadLetter::new(target.clone(), facts::shortened(message_type)).with_why(why));
    }

    /// Several messages that this actor did not get, of which no more is known than their number: one fact stands for
    /// all of them. None is no fact.
    pub fn dead_letters(&self, target: &ActorAddress, message_type: &str, why: Why, count: u64) {
        if count == 0 {
            return;
        }
        self.count_dead_letters(count);
        let mut letter = DeadLetter::new(target.clone(), facts::shortened(message_type)).with_why(why);
        letter.count = (count > 1).then_some(count);
        self.0.recorder.record(letter);
    }

    /// Records a snapshot of the whole system. Health is judged by what happened since the last one: crashes, failed
    /// starts, dead letters, drops of the recorder; and by dead names and orphans in the registry.
    pub fn audit(&self, headcount: Headcount, registry: Registry) {
        let recorder = self.0.recorder.state();
        let troubles = self.0.troubles.load(Ordering::Relaxed) + recorder.dropped;
        let troubled = self.0.troubles_audited.swap(troubles, Ordering::Relaxed) < troubles;
        let listed = [&registry.dead, &registry.orphans];
        let well = !troubled && listed.iter().all(|names| names.as_ref().is_none_or(Vec::is_empty));
        let at_most = |mut names: Vec<String>| {
            names.truncate(Registry::MAX_NAMES);
            names
        };

        let mut audit = Audit::new(self.system());
        audit.total_actors = headcount.total;
        audit.alive_actors = headcount.alive;
        audit.stopping_actors = headcount.stopping;
        audit.restarting_actors = headcount.restarting;
        audit.registry_size = registry.size;
        audit.registry_orphans = registry.orphans.map(at_most);
        audit.registry_dead = registry.dead.map(at_most);
        audit.dead_letters_count = Some(self.0.dead_letters.load(Ordering::Relaxed));
        audit.scope = Some("observed".to_owned());
        audit.health = Some(if well { Health::Ok } else { Health::Degraded });
        audit.recorder = Some(recorder);
        self.0.recorder.record(audit);
    }

    /// A hold that does not keep the observation alive, for what lives in an actor.
    pub fn downgrade(&self) -> WeakObservation {
        WeakObservation(Arc::downgrade(&self.0))
    }

    pub(super) fn generations(&self) -> MutexGuard<'_, Generations> {
        self.0.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn record_trouble(&self, event: Event) {
        self.0.troubles.fetch_add(1, Ordering::Relaxed);
        self.0.recorder.record(event);
    }

    fn count_dead_letters(&self, count: u64) {
        self.0.dead_letters.fetch_add(count, Ordering::Relaxed);
        self.0.troubles.fetch_add(count, Ordering::Relaxed);
    }
}

impl fmt::Debug for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observation").field("system", &self.0.system).finish_non_exhaustive()
    }
}

/// An [`Observation`] that may have ended.
#[derive(Clone, Default)]
pub struct WeakObservation(Weak<Inner>);

impl WeakObservation {
    /// The observation, if it has not ended.
    pub fn upgrade(&self) -> Option<Observation> {
        self.0.upgrade().map(Observation)
    }
}

impl fmt::Debug for WeakObservation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakObservation").finish_non_exhaustive()
    }
}
