//! Finds storms among facts.

use std::time::Duration;

use serde::Serialize;

use super::{
    bursts::{Bursts, Subject, largest},
    storm::{Storm, StormKind},
    trouble::{self, Trouble},
};
use crate::Fact;

/// What counts as a storm: so many within the window.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct StormRules {
    /// The window. A storm lasts until it was calm for so long.
    pub window: Duration,
    /// Crashes and failed starts of one actor, or of several, for the same reason.
    pub crashes: u64,
    /// Restarts of one actor.
    pub restarts: u64,
    /// Lost messages of one type to one actor, for the same reason.
    pub dead_letters: u64,
}

impl Default for StormRules {
    /// 5 crashes, 5 restarts or 100 dead letters in a minute.
    fn default() -> Self {
        StormRules { window: Duration::from_secs(60), crashes: 5, restarts: 5, dead_letters: 100 }
    }
}

/// Finds storms among facts that it is fed with, one after another, from the oldest to the newest or the other way round.
///
/// Over a log with millions of actors it takes some ten MB, in a fleet that crashes as a whole perhaps a hundred.
pub struct Storms {
    crash_loops: Bursts,
    crash_storms: Bursts,
    restart_storms: Bursts,
    dead_letter_storms: Bursts,
}

/// The storms that were found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StormReport {
    /// The storms, the oldest first; at most 1,000 of each kind, the largest.
    pub storms: Vec<Storm>,
    /// How many storms were found besides.
    pub smaller: u64,
    /// Crashes, restarts and dead letters in which no storm was looked for, since they came from more actors at once than can be followed.
    pub not_followed: u64,
}

impl Storms {
    /// Looks for storms by these rules.
    pub fn new(rules: StormRules) -> Self {
        let bursts = |kind, threshold| Bursts::new(kind, threshold, rules.window.as_secs_f64());
        Storms {
            crash_loops: bursts(StormKind::CrashLoop, rules.crashes),
            crash_storms: bursts(StormKind::CrashStorm, rules.crashes),
            restart_storms: bursts(StormKind::RestartStorm, rules.restarts),
            dead_letter_storms: bursts(StormKind::DeadLetterStorm, rules.dead_letters),
        }
    }

    /// Takes a fact into account.
    pub fn take(&mut self, fact: &Fact) {
        let at = fact.timestamp().seconds();
        let actor = fact.actor().and_then(|actor| actor.as_str());
        let nobody = Subject { actor: None, message_type: None, reason: None };
        match (Trouble::of(fact), fact) {
            (Some(Trouble::Crash), Fact::Event(event)) => {
                let reason = trouble::reason(event);
                let of_all = Subject { reason: reason.as_deref(), ..nobody };
                self.crash_storms.take(of_all, actor, at, 1);
                self.crash_loops.take(Subject { actor, ..of_all }, actor, at, 1);
            }
            (Some(Trouble::Restart), _) => self.restart_storms.take(Subject { actor, ..nobody }, actor, at, 1),
            (Some(Trouble::DeadLetters(count)), Fact::DeadLetter(letter)) => {
                let reason = letter.why.as_ref().map(|why| why.as_str());
                let subject = Subject { actor, message_type: Some(&letter.message_type), reason };
                self.dead_letter_storms.take(subject, actor, at, count);
            }
            _ => {}
        }
    }

    /// What was found.
    pub fn finish(self) -> StormReport {
        let mut report = StormReport::default();
        for bursts in [self.crash_loops, self.crash_storms, self.restart_storms, self.dead_letter_storms] {
            let (mut storms, smaller, not_followed) = bursts.finish();
            report.smaller += smaller + largest(&mut storms);
            report.not_followed = report.not_followed.saturating_add(not_followed);
            report.storms.append(&mut storms);
        }
        report.storms.sort_by(|a, b| a.since.total_cmp(&b.since).then(a.kind.cmp(&b.kind)).then(a.actor.cmp(&b.actor)));
        report
    }
}

impl std::fmt::Debug for Storms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Storms").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Audit, DeadLetter, Event, Payload, Timestamp, Why};

    fn event(actor: &str, event_type: &str, error: &str, at: f64) -> Fact {
        Event::new(actor, event_type)
            .with_payload(Payload::of(&serde_json::json!({ "error": error })))
            .at(Timestamp::from_seconds(at).unwrap())
            .into()
    }

    fn letter(why: Why, count: u64, at: f64) -> Fact {
        let letter = DeadLetter::new("t://a", "Ping").with_why(why).with_count(count);
        letter.at(Timestamp::from_seconds(at).unwrap()).into()
    }

    fn found(facts: impl IntoIterator<Item = Fact>) -> Vec<(&'static str, Option<String>, Option<String>, u64)> {
        let rules = StormRules { crashes: 3, restarts: 3, dead_letters: 50, ..StormRules::default() };
        let mut storms = Storms::new(rules);
        facts.into_iter().for_each(|fact| storms.take(&fact));
        let report = storms.finish();
        assert_eq!((report.smaller, report.not_followed), (0, 0));
        report.storms.into_iter().map(|storm| (storm.kind.as_str(), storm.actor, storm.reason, storm.count)).collect()
    }

    #[test]
    fn a_loop_is_of_one_actor_and_one_reason() {
        let a = || Some("t://a".to_owned());
        let loops = [
            event("t://a", "ActorCrashed", "boom", 1.0),
            event("t://a", "ActorStartFailed", "boom", 2.0),
            event("t://a", "ActorCrashed", "another", 2.5),
            event("t://a", "ActorCrashed", "boom", 3.0),
        ];
        assert_eq!(found(loops.clone()), [("crash_loop", a(), Some("boom".to_owned()), 3)]);
        assert!(found(loops[..3].to_vec()).is_empty());
        let restarts = (0..3).map(|n| event("t://a", "ActorRestarted", &n.to_string(), f64::from(n)));
        assert_eq!(found(restarts), [("restart_storm", a(), None, 3)]);
        let starts = (0..9).map(|n| event("t://a", "ActorStarted", "boom", f64::from(n)));
        assert!(found(starts.chain([Audit::new("t").into()])).is_empty());
    }

    #[test]
    fn a_server_that_is_gone_is_one_storm_of_all_who_needed_it() {
        let crashes = (0..20).map(|n| event(&format!("t://{n}"), "ActorCrashed", "no route to host", f64::from(n)));
        assert_eq!(found(crashes), [("crash_storm", None, Some("no route to host".to_owned()), 20)]);
    }

    #[test]
    fn dead_letters_count_as_many_as_they_stand_for() {
        let storm = |why: &str, count| ("dead_letter_storm", Some("t://a".to_owned()), Some(why.to_owned()), count);
        assert_eq!(found([letter(Why::Stopped, 49, 1.0)]), []);
        assert_eq!(found([letter(Why::Stopped, 49, 1.0), letter(Why::Timeout, 1, 2.0)]), []);
        let two = [letter(Why::Stopped, 49, 1.0), letter(Why::Stopped, 1, 2.0), letter(Why::Timeout, 70, 3.0)];
        assert_eq!(found(two), [storm("stopped", 50), storm("timeout", 70)]);
    }
}
