//! Which facts tell of trouble, and how much of it.

use serde_json::{Map, Value};

use crate::{Event, Fact};

/// What a fact tells of that nobody wants to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Trouble {
    /// An actor ended with an error, or did not come as far as taking messages.
    Crash,
    /// An actor was started again.
    Restart,
    /// So many messages were not delivered.
    DeadLetters(u64),
    /// So many facts are missing here, because a recorder had to drop them.
    Dropped(u64),
}

impl Trouble {
    /// The trouble that a fact tells of, if any.
    pub fn of(fact: &Fact) -> Option<Trouble> {
        match fact {
            Fact::DeadLetter(letter) => Some(Trouble::DeadLetters(letter.count.unwrap_or(1))),
            Fact::Event(event) => match event.event_type.as_str() {
                "ActorCrashed" | "ActorStartFailed" => Some(Trouble::Crash),
                "ActorRestarted" => Some(Trouble::Restart),
                "FactsDropped" => Some(Trouble::Dropped(dropped(event))),
                _ => None,
            },
            _ => None,
        }
    }
}

/// Why an event happened, as its payload tells: the member `error`, else `reason`. What is no text is told as JSON.
pub fn reason(event: &Event) -> Option<String> {
    let members = members(event)?;
    ["error", "reason"].into_iter().find_map(|name| match members.get(name)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    })
}

/// How many facts a note of drops stands for; one that does not tell stands for one at least.
fn dropped(event: &Event) -> u64 {
    members(event).and_then(|members| members.get("n")?.as_u64()).unwrap_or(1)
}

/// What an event's payload tells, if it is an object.
fn members(event: &Event) -> Option<Map<String, Value>> {
    event.payload.decode().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Audit, DeadLetter, Payload};

    #[test]
    fn trouble_is_told_by_its_fact() {
        let event = |event_type: &str, payload: &str| {
            Trouble::of(&Event::new("t://a", event_type).with_payload(Payload::from_json(payload).unwrap()).into())
        };
        assert_eq!(event("ActorCrashed", "{}"), Some(Trouble::Crash));
        assert_eq!(event("ActorStartFailed", "null"), Some(Trouble::Crash));
        assert_eq!(event("ActorRestarted", "{}"), Some(Trouble::Restart));
        assert_eq!(event("ActorStarted", "{}"), None);
        assert_eq!(event("FactsDropped", r#"{"n":7,"by_kind":{"event":7}}"#), Some(Trouble::Dropped(7)));
        assert_eq!(event("FactsDropped", r#"{"n":"many"}"#), Some(Trouble::Dropped(1)));
        assert_eq!(Trouble::of(&DeadLetter::new("t://a", "M").into()), Some(Trouble::DeadLetters(1)));
        assert_eq!(Trouble::of(&DeadLetter::new("t://a", "M").with_count(9).into()), Some(Trouble::DeadLetters(9)));
        assert_eq!(Trouble::of(&Audit::new("t").into()), None);
    }

    #[test]
    fn the_reason_is_the_error_else_the_reason_whatever_else_stands_there() {
        for (payload, expected) in [
            (r#"{"error":"boom","reason":"other"}"#, Some("boom")),
            (r#"{"error":null,"reason":"killed","generation":3}"#, Some("killed")),
            (r#"{"error":{"code":7}}"#, Some(r#"{"code":7}"#)),
            (r#"{"generation":1}"#, None),
            ("[1,2]", None),
            ("null", None),
        ] {
            let event = Event::new("t://a", "ActorCrashed").with_payload(Payload::from_json(payload).unwrap());
            assert_eq!(reason(&event).as_deref(), expected, "{payload}");
        }
    }
}
