//! What is known about facts that were dropped, until the log itself can tell.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{Event, Fact, Kind, Payload};

/// Whom the recorder's own facts concern.
const ADDRESS: &str = "papyra://log";
const EVENT_TYPE: &str = "FactsDropped";

/// Facts dropped since the last note about drops was written.
#[derive(Clone, Debug, Default)]
pub(super) struct Drops {
    by_kind: BTreeMap<Kind, u64>,
    /// How many messages the dead letters among them stood for.
    letters: u64,
    /// Seconds since 1970 of the oldest and of the newest of them.
    span: Option<(f64, f64)>,
}

#[derive(Serialize)]
struct Note {
    n: u64,
    by_kind: BTreeMap<&'static str, u64>,
    /// Where a dead letter had a count: a storm is counted even if its counts are dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    messages: Option<u64>,
    first: f64,
    last: f64,
}

impl Drops {
    pub(super) fn is_empty(&self) -> bool {
        self.span.is_none()
    }

    pub(super) fn add(&mut self, fact: &Fact) {
        let at = fact.timestamp().seconds();
        let (first, last) = self.span.unwrap_or((at, at));
        self.span = Some((first.min(at), last.max(at)));
        *self.by_kind.entry(fact.kind()).or_default() += 1;
        if let Fact::DeadLetter(letter) = fact {
            self.letters = self.letters.saturating_add(letter.count.unwrap_or(1));
        }
    }

    /// The same, and those too.
    pub(super) fn merge(&mut self, others: &Drops) {
        for (kind, n) in &others.by_kind {
            *self.by_kind.entry(*kind).or_default() += n;
        }
        self.letters = self.letters.saturating_add(others.letters);
        let (first, last) = (self.span.into_iter().chain(others.span))
            .fold((f64::MAX, f64::MIN), |span, other| (span.0.min(other.0), span.1.max(other.1)));
        self.span = self.span.or(others.span).map(|_| (first, last));
    }

    /// The fact that stands in the log in place of the dropped ones.
    pub(super) fn to_fact(&self) -> Fact {
        let (first, last) = self.span.unwrap_or_default();
        let note = Note {
            n: self.by_kind.values().sum(),
            by_kind: self.by_kind.iter().map(|(kind, n)| (kind.as_str(), *n)).collect(),
            messages: Some(self.letters).filter(|letters| {
                let facts = self.by_kind.get(&Kind::DeadLetter).copied().unwrap_or_default();
                *letters != facts
            }),
            first,
            last,
        };
        Event::new(ADDRESS, EVENT_TYPE).with_payload(Payload::of(&note)).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeadLetter, Timestamp};

    #[test]
    fn a_note_tells_how_many_of_which_kind_and_when() {
        let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
        let mut drops = Drops::default();
        drops.add(&Event::new("a://1", "X").at(at(20.5)).into());
        drops.add(&DeadLetter::new("a://1", "M").at(at(10.0)).into());
        drops.add(&Event::new("a://1", "X").at(at(15.0)).into());
        let Fact::Event(note) = drops.to_fact() else { panic!("not an event") };
        assert_eq!(note.actor_address.as_str(), Some("papyra://log"));
        assert_eq!(note.event_type, "FactsDropped");
        let expected = r#"{"n":3,"by_kind":{"dead_letter":1,"event":2},"first":10.0,"last":20.5}"#;
        assert_eq!(note.payload.as_json(), expected);
    }

    #[test]
    fn drops_of_two_times_are_told_of_together() {
        let at = |seconds| Timestamp::from_seconds(seconds).unwrap();
        let (mut drops, mut others) = (Drops::default(), Drops::default());
        others.add(&Event::new("a://1", "X").at(at(20.5)).into());
        drops.merge(&Drops::default());
        assert!(drops.is_empty());
        drops.merge(&others);
        others.merge(&drops);
        let Fact::Event(note) = others.to_fact() else { panic!("not an event") };
        assert_eq!(note.payload.as_json(), r#"{"n":2,"by_kind":{"event":2},"first":20.5,"last":20.5}"#);
    }

    #[test]
    fn a_dropped_count_is_still_counted() {
        let mut drops = Drops::default();
        drops.add(&DeadLetter::new("a://1", "M").into());
        drops.add(&DeadLetter::new("a://1", "M").with_count(100).into());
        let Fact::Event(note) = drops.to_fact() else { panic!("not an event") };
        let note = note.payload.as_json();
        assert!(note.starts_with(r#"{"n":2,"by_kind":{"dead_letter":2},"messages":101,"first":"#), "{note}");
    }
}
