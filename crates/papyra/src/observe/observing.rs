//! The inside of an observation: what its handles and its ticker share.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use super::{
    Headcount, ObservationBuilder, Registry, facts,
    generations::Generations,
    headcount::Lives,
    processing::{AllProcessing, Processing},
    redaction::Redaction,
    storms::Storms,
    ticker::Round,
};
use crate::{ActorAddress, Audit, DeadLetter, Event, Health, Payload, Recorder, Why};

pub(super) struct Observing {
    pub(super) system: String,
    pub(super) recorder: Recorder,
    pub(super) lives: Lives,
    generations: Mutex<Generations>,
    storms: Mutex<Storms>,
    /// Set while the storms are locked.
    ended: AtomicBool,
    redaction: Option<Redaction>,
    /// `None` if nobody asked for it.
    processing: Option<AllProcessing>,
    /// Since the observation began.
    dead_letters: AtomicU64,
    /// Crashes, failed starts and dead letters since the observation began.
    troubles: AtomicU64,
    /// Of them, and of the recorder's drops, those that an audit has already judged.
    troubles_audited: AtomicU64,
}

impl Observing {
    pub(super) fn new(builder: ObservationBuilder) -> Self {
        Observing {
            system: builder.system,
            recorder: builder.recorder,
            lives: Lives::default(),
            generations: Mutex::default(),
            storms: Mutex::new(Storms::new(builder.in_full, builder.window)),
            ended: AtomicBool::new(false),
            redaction: builder.redaction,
            processing: builder.processing_every.is_some().then(AllProcessing::default),
            dead_letters: AtomicU64::new(0),
            troubles: AtomicU64::new(0),
            troubles_audited: AtomicU64::new(0),
        }
    }

    pub(super) fn generations(&self) -> MutexGuard<'_, Generations> {
        self.generations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn processing_of(&self, actor: &ActorAddress) -> Option<Processing> {
        self.processing.as_ref().map(|all| all.begin(actor))
    }

    pub(super) fn record_trouble(&self, event: Event) {
        self.troubles.fetch_add(1, Ordering::Relaxed);
        self.recorder.record(event);
    }

    pub(super) fn dead_letter(
        &self,
        target: &ActorAddress,
        message_type: &str,
        why: Why,
        payload: impl FnOnce() -> Option<Payload>,
    ) {
        let message_type = facts::shortened(message_type);
        let mut due = Vec::new();
        let in_full = {
            let mut storms = self.storms();
            // Behind the last flush, whatever is counted would be lost.
            if self.has_ended() {
                return;
            }
            storms.letter(target, message_type, &why, Instant::now(), &mut due)
        };
        self.count_dead_letters(1);
        for counted in due {
            self.recorder.record(counted);
        }
        if in_full {
            let mut letter = DeadLetter::new(target.clone(), message_type).with_why(why);
            if let Some(payload) = self.redaction.as_ref().and_then(|redaction| redaction.of(message_type, payload)) {
                letter.payload = payload;
            }
            self.recorder.record(letter);
        }
    }

    pub(super) fn dead_letters(&self, target: &ActorAddress, message_type: &str, why: Why, count: u64) {
        if count == 0 {
            return;
        }
        self.count_dead_letters(count);
        let mut letter = DeadLetter::new(target.clone(), facts::shortened(message_type)).with_why(why);
        letter.count = (count > 1).then_some(count);
        self.recorder.record(letter);
    }

    fn count_dead_letters(&self, count: u64) {
        self.dead_letters.fetch_add(count, Ordering::Relaxed);
        self.troubles.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn flush_dead_letters(&self) {
        let due = self.storms().flush(Instant::now());
        for counted in due {
            self.recorder.record(counted);
        }
    }

    pub(super) fn flush_processing(&self) {
        for sum in self.processing.iter().flat_map(AllProcessing::take) {
            self.recorder.record(sum);
        }
    }

    /// Records what was only counted so far.
    pub(super) fn flush(&self) {
        self.flush_dead_letters();
        self.flush_processing();
    }

    /// Ends the observation; every dead letter counted until then becomes a fact.
    pub(super) fn end(&self) {
        let storms = self.storms();
        self.ended.store(true, Ordering::Release);
        drop(storms);
        self.flush();
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    pub(super) fn round(self: &Arc<Self>, every: Duration, mut work: impl FnMut(&Self) + Send + 'static) -> Round {
        let observing = Arc::clone(self);
        Round::new(every, move || work(&observing))
    }

    fn storms(&self) -> MutexGuard<'_, Storms> {
        self.storms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn audit(&self, headcount: Headcount, registry: Registry) {
        let recorder = self.recorder.state();
        let troubles = self.troubles.load(Ordering::Relaxed) + recorder.dropped;
        let troubled = self.troubles_audited.swap(troubles, Ordering::Relaxed) < troubles;
        let listed = [&registry.dead, &registry.orphans];
        let well = !troubled && listed.iter().all(|names| names.as_ref().is_none_or(Vec::is_empty));
        let at_most = |mut names: Vec<String>| {
            names.truncate(Registry::MAX_NAMES);
            names
        };

        let mut audit = Audit::new(self.system.as_str());
        audit.total_actors = headcount.total;
        audit.alive_actors = headcount.alive;
        audit.stopping_actors = headcount.stopping;
        audit.restarting_actors = headcount.restarting;
        audit.registry_size = registry.size;
        audit.registry_orphans = registry.orphans.map(at_most);
        audit.registry_dead = registry.dead.map(at_most);
        audit.dead_letters_count = Some(self.dead_letters.load(Ordering::Relaxed));
        audit.scope = Some("observed".to_owned());
        audit.health = Some(if well { Health::Ok } else { Health::Degraded });
        audit.recorder = Some(recorder);
        self.recorder.record(audit);
    }
}
