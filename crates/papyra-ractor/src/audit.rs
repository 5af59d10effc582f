//! Snapshots of the whole system.

use std::{
    sync::{Weak, atomic::Ordering},
    time::Duration,
};

use papyra::{Audit, Health};
use ractor::{ActorStatus, registry};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::observer::Observation;

/// How many dead names an audit lists.
const MAX_NAMES: usize = 100;

/// Records an audit now and then, until the observer is gone.
pub(crate) async fn record_every(period: Duration, observation: Weak<Observation>) {
    let mut ticks = interval_at(Instant::now() + period, period);
    // A busy system is not made busier by audits that nobody took in time.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match observation.upgrade() {
            Some(observation) => record(&observation),
            None => return,
        }
    }
}

/// Records an audit of all observed actors and of ractor's registry, which is one for the whole process.
pub(crate) fn record(observation: &Observation) {
    let headcount = observation.roster().count();
    let recorder = observation.recorder.state();
    let names = registry::registered();
    let is_dead = |name: &&String| {
        registry::where_is(name.as_str()).is_some_and(|actor| actor.get_status() == ActorStatus::Stopped)
    };
    let dead: Vec<String> = names.iter().filter(is_dead).take(MAX_NAMES).cloned().collect();
    let troubles = observation.troubles.load(Ordering::Relaxed) + recorder.dropped;
    let troubled = observation.troubles_audited.swap(troubles, Ordering::Relaxed) < troubles;

    let mut audit = Audit::new(observation.system.as_str());
    audit.total_actors = Some(headcount.total);
    audit.alive_actors = headcount.alive;
    audit.stopping_actors = headcount.stopping;
    audit.restarting_actors = Some(headcount.restarting);
    audit.registry_size = Some(names.len() as u64);
    // The registry holds the actors themselves: a name that leads nowhere cannot be.
    audit.registry_orphans = Some(Vec::new());
    audit.health = Some(if troubled || !dead.is_empty() { Health::Degraded } else { Health::Ok });
    audit.registry_dead = Some(dead);
    audit.dead_letters_count = Some(observation.dead_letters.load(Ordering::Relaxed));
    audit.scope = Some("observed".to_owned());
    audit.recorder = Some(recorder);
    observation.recorder.record(audit);
}
