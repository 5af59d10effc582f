//! The sums of a life.

use std::collections::VecDeque;

use serde::Serialize;

use super::safe;
use crate::{Entry, Fact, units::When};

/// What an actor lived through, summed up, and the newest of its moments if only some are wanted.
#[derive(Debug)]
pub struct Life {
    actor: String,
    limit: Option<usize>,
    kept: VecDeque<(Entry, Option<f64>)>,
    sums: Sums,
    first: Option<f64>,
    last: Option<f64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
struct Sums {
    starts: u64,
    failed_starts: u64,
    crashes: u64,
    restarts: u64,
    stops: u64,
    other_events: u64,
    /// Messages, not facts: a fact may stand for many.
    dead_letters: u64,
}

/// The life as it is printed in JSON, but for its moments.
#[derive(Serialize)]
struct Document<'a> {
    actor: &'a str,
    #[serde(flatten)]
    sums: Sums,
    /// Timestamps, in seconds since 1970.
    first: Option<f64>,
    last: Option<f64>,
    skipped: u64,
}

impl Life {
    /// The life of this actor, of which nothing is known yet. At most so many of its moments are kept.
    pub fn new(actor: &str, limit: Option<usize>) -> Self {
        let actor = actor.to_owned();
        Life { actor, limit, kept: VecDeque::new(), sums: Sums::default(), first: None, last: None }
    }

    /// Counts a moment; gives the seconds since the one before.
    pub fn take(&mut self, entry: &Entry) -> Option<f64> {
        let at = entry.fact.timestamp().seconds();
        let before = self.last.replace(at);
        self.first.get_or_insert(at);
        let sum = match &entry.fact {
            Fact::DeadLetter(letter) => {
                // A log may claim whatever it likes.
                self.sums.dead_letters = self.sums.dead_letters.saturating_add(letter.count.unwrap_or(1));
                return before.map(|before| at - before);
            }
            Fact::Event(event) => match event.event_type.as_str() {
                "ActorStarted" => &mut self.sums.starts,
                "ActorStartFailed" => &mut self.sums.failed_starts,
                "ActorCrashed" => &mut self.sums.crashes,
                "ActorRestarted" => &mut self.sums.restarts,
                "ActorStopped" => &mut self.sums.stops,
                _ => &mut self.sums.other_events,
            },
            _ => &mut self.sums.other_events,
        };
        *sum += 1;
        before.map(|before| at - before)
    }

    /// Keeps a moment to be printed at the end.
    pub fn keep(&mut self, entry: Entry, since_before: Option<f64>) {
        self.kept.push_back((entry, since_before));
        if self.limit.is_some_and(|limit| self.kept.len() > limit) {
            self.kept.pop_front();
        }
    }

    /// The moments that were kept, each with the seconds since the one before.
    pub fn kept(&self) -> impl Iterator<Item = &(Entry, Option<f64>)> {
        self.kept.iter()
    }

    /// The sums, as they are written in JSON.
    pub fn document(&self, skipped: u64) -> impl Serialize + '_ {
        Document { actor: &self.actor, sums: self.sums, first: self.first, last: self.last, skipped }
    }

    /// The sums in one line.
    pub fn in_words(&self, when: &When) -> String {
        let actor = safe::text(&self.actor);
        let (Some(first), Some(last)) = (self.first, self.last) else {
            return format!("Nothing recorded about {actor}.");
        };
        let counts = [
            ("start", self.sums.starts),
            ("failed start", self.sums.failed_starts),
            ("crash", self.sums.crashes),
            ("restart", self.sums.restarts),
            ("stop", self.sums.stops),
            ("other event", self.sums.other_events),
            ("dead letter", self.sums.dead_letters),
        ];
        let told: Vec<String> = counts
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(what, count)| match (what, count) {
                (_, 1) => format!("1 {what}"),
                ("crash", _) => format!("{count} crashes"),
                _ => format!("{count} {what}s"),
            })
            .collect();
        format!("{actor}: {} from {} to {}", told.join(", "), when.rfc3339(first), when.rfc3339(last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeadLetter, Event, Position, Timestamp};

    fn entry(n: u64, fact: impl Into<Fact>) -> Entry {
        Entry::new(Position::from_seq(n), fact.into(), 0)
    }

    #[test]
    fn a_count_beyond_all_numbers_stays_the_largest() {
        let mut life = Life::new("t://a", None);
        for n in 0..2 {
            life.take(&entry(n, DeadLetter::new("t://a", "Ping").with_count(u64::MAX)));
        }
        assert_eq!(life.sums.dead_letters, u64::MAX);
    }

    #[test]
    fn a_life_is_summed_up_in_one_line() {
        let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
        let mut life = Life::new("t://a", Some(1));
        assert_eq!(life.in_words(&When::in_zone("UTC").unwrap()), "Nothing recorded about t://a.");
        assert_eq!(life.take(&entry(1, Event::new("t://a", "ActorStarted").at(at(10.0)))), None);
        for n in 0..2 {
            life.take(&entry(n, Event::new("t://a", "ActorCrashed").at(at(11.0))));
        }
        let letter = entry(4, DeadLetter::new("t://a", "Ping").with_count(7).at(at(12.5)));
        assert_eq!(life.take(&letter), Some(1.5));
        life.keep(letter.clone(), None);
        life.keep(letter, None);
        assert_eq!(life.kept().count(), 1);
        assert_eq!(
            life.in_words(&When::in_zone("UTC").unwrap()),
            "t://a: 1 start, 2 crashes, 7 dead letters from 1970-01-01T00:00:10.000Z to 1970-01-01T00:00:12.500Z"
        );
    }
}
