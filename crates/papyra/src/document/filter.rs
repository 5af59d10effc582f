//! Which facts of the wanted kind are shown.

use super::{ActorGlob, Glob};
use crate::Fact;

/// What a fact must be like. An empty list asks for nothing; of several patterns in a list one must match.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Not after this time, in seconds since 1970.
    pub until: Option<f64>,
    /// Of such actor systems.
    pub systems: Vec<Glob>,
    /// Events of such types, dead letters of such message types.
    pub types: Vec<Glob>,
    /// About such actors.
    pub actors: Vec<ActorGlob>,
}

impl Filter {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Filter) -> Filter {
        let join = |mut a: Vec<Glob>, b: Vec<Glob>| {
            a.extend(b);
            a
        };
        Filter {
            until: self.until.or(other.until),
            systems: join(self.systems, other.systems),
            types: join(self.types, other.types),
            actors: self.actors.into_iter().chain(other.actors).collect(),
        }
    }

    /// Whether a fact is like that.
    pub fn accepts(&self, fact: &Fact) -> bool {
        let what = match fact {
            Fact::Event(event) => &event.event_type,
            Fact::DeadLetter(letter) => &letter.message_type,
            _ => "",
        };
        self.until.is_none_or(|until| fact.timestamp().seconds() <= until)
            && any(&self.systems, |glob| glob.matches(fact.system_id()))
            && any(&self.types, |glob| glob.matches(what))
            && any(&self.actors, |glob| fact.actor().is_some_and(|actor| glob.matches(actor)))
    }
}

fn any<T>(patterns: &[T], matches: impl Fn(&T) -> bool) -> bool {
    patterns.is_empty() || patterns.iter().any(matches)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DeadLetter, Event, Timestamp};

    fn event(actor: &str, event_type: &str, at: f64) -> Fact {
        Event::new(actor, event_type).at(Timestamp::from_seconds(at).unwrap()).into()
    }

    #[test]
    fn every_given_filter_must_accept() {
        let filter = Filter {
            until: Some(10.0),
            systems: vec![Glob::new("orders")],
            types: vec![Glob::new("ActorStarted"), Glob::new("*Crashed")],
            actors: vec![ActorGlob::new("*/3")],
        };
        assert!(filter.accepts(&event("orders://worker/3", "ActorCrashed", 10.0)));
        assert!(!filter.accepts(&event("orders://worker/3", "ActorCrashed", 10.5)));
        assert!(!filter.accepts(&event("billing://worker/3", "ActorCrashed", 1.0)));
        assert!(!filter.accepts(&event("orders://worker/3", "ActorStopped", 1.0)));
        assert!(!filter.accepts(&event("orders://worker/4", "ActorStarted", 1.0)));
    }

    #[test]
    fn a_dead_letter_is_found_by_its_message_type() {
        let filter = Filter { types: vec![Glob::new("Place")], ..Filter::default() };
        assert!(filter.accepts(&DeadLetter::new("orders://a", "Place").into()));
        assert!(!filter.accepts(&event("orders://a", "Placed", 1.0)));
    }
}
