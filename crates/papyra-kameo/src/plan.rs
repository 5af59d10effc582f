//! What a supervisor was told about its child, and what it will make of the child's ends.

use std::time::{Duration, Instant};

use kameo::supervision::RestartPolicy;
use papyra::{
    Payload,
    observe::{Decision, Restart},
};
use serde::Serialize;

use crate::end::End;

/// Counts restarts as kameo does, from the outside.
pub(crate) struct Plan {
    /// The supervisor's address.
    pub(crate) parent: String,
    pub(crate) policy: RestartPolicy,
    pub(crate) limit: u32,
    pub(crate) window: Duration,
    /// Whether each restart counts: one that a sibling caused does not.
    pub(crate) counts: bool,
    pub(crate) restarts: u32,
    pub(crate) last_restart: Instant,
}

impl Plan {
    /// The supervisor begins another incarnation.
    pub(crate) fn restart(&mut self) -> Restart {
        let now = Instant::now();
        if now.duration_since(self.last_restart) > self.window {
            self.restarts = 0;
        }
        (self.restarts, self.last_restart) = (self.restarts + 1, now);
        let mut restart = Restart::counted(self.restarts.into(), self.limit.into());
        if !self.counts {
            restart.in_window = None;
        }
        restart
    }

    /// What the supervisor has decided if it begins no other incarnation behind this end. After an end without an error that
    /// is not known: it looks the same when the supervisor itself ends.
    pub(crate) fn decision_not_to_restart(&self, end: &End) -> Option<(Decision, Payload)> {
        #[derive(Serialize)]
        struct Context {
            policy: &'static str,
            in_window: Option<u32>,
            limit: u32,
            window_seconds: f64,
        }
        if end.is_normal() {
            return None;
        }
        let (policy, decision) = match self.policy {
            RestartPolicy::Permanent => ("permanent", Decision::GiveUp),
            RestartPolicy::Transient => ("transient", Decision::GiveUp),
            RestartPolicy::Never => ("never", Decision::Stop),
        };
        let in_window = self.counts.then_some(self.restarts);
        let window_seconds = self.window.as_secs_f64();
        Some((decision, Payload::of(&Context { policy, in_window, limit: self.limit, window_seconds })))
    }
}
