//! Snapshots of the whole system.

use std::{sync::Weak, time::Duration};

use papyra::observe::Registry;
use ractor::{ActorStatus, registry};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::observer::Sight;

/// Records an audit now and then, until the observer is gone.
pub(crate) async fn record_every(period: Duration, sight: Weak<Sight>) {
    let mut ticks = interval_at(Instant::now() + period, period);
    // A busy system is not made busier by audits that nobody took in time.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match sight.upgrade() {
            Some(sight) => record(&sight),
            None => return,
        }
    }
}

/// Records an audit of all observed actors and of ractor's registry, which is one for the whole process.
pub(crate) fn record(sight: &Sight) {
    let names = registry::registered();
    let is_dead = |name: &&String| {
        registry::where_is(name.as_str()).is_some_and(|actor| actor.get_status() == ActorStatus::Stopped)
    };
    let mut registered = Registry::default();
    registered.size = Some(names.len() as u64);
    // The registry holds the actors themselves: a name that leads nowhere cannot be.
    registered.orphans = Some(Vec::new());
    registered.dead = Some(names.iter().filter(is_dead).take(Registry::MAX_NAMES).cloned().collect());
    let headcount = sight.roster().count();
    sight.observation.audit(headcount, registered);
}
