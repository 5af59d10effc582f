//! A fact as a line of plain text, in the form that existing scripts know.

use std::{borrow::Cow, fmt::Write as _};

use papyra::{Audit, DeadLetter, Event, Fact};

use crate::safe;

/// The line of a fact.
pub(crate) fn line(fact: &Fact) -> String {
    let mut line = format!("[{:.3}] ", fact.timestamp().seconds());
    match fact {
        Fact::Event(event) => self::event(event, &mut line),
        Fact::Audit(audit) => self::audit(audit, &mut line),
        Fact::DeadLetter(letter) => dead_letter(letter, &mut line),
        _ => line.push('?'),
    }
    line
}

fn event(event: &Event, line: &mut String) {
    let _ = write!(line, "{} {}", name(&event.event_type), safe::text(&event.actor_address.to_string()));
}

fn audit(audit: &Audit, line: &mut String) {
    let _ = write!(
        line,
        "total={} alive={} stopping={} restarting={} dead_letters={}",
        count(audit.total_actors),
        count(audit.alive_actors),
        count(audit.stopping_actors),
        count(audit.restarting_actors),
        count(audit.dead_letters_count),
    );
}

fn dead_letter(letter: &DeadLetter, line: &mut String) {
    let _ = write!(
        line,
        "target={} type={} payload={}",
        safe::text(&letter.target.to_string()),
        name(&letter.message_type),
        safe::json(letter.payload.as_json()),
    );
    if let Some(why) = &letter.why {
        let _ = write!(line, " why={}", safe::text(why.as_str()));
    }
    if let Some(count) = letter.count {
        let _ = write!(line, " count={count}");
    }
}

/// A name made safe; an empty one is `-`, so that a line has all its columns.
pub(crate) fn name(raw: &str) -> Cow<'_, str> {
    if raw.is_empty() { Cow::Borrowed("-") } else { safe::text(raw) }
}

/// A counter; what is not known is `?`, never 0.
pub(crate) fn count(value: Option<u64>) -> String {
    value.map_or_else(|| "?".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use papyra::{Payload, Timestamp, Why};

    use super::*;

    fn at() -> Timestamp {
        Timestamp::from_seconds(1_700_000_000.123_4).unwrap()
    }

    #[test]
    fn the_lines_are_those_that_scripts_know() {
        let event = Event::new("local:1", "ActorStarted").at(at());
        assert_eq!(line(&event.into()), "[1700000000.123] ActorStarted local://1");
        let mut audit = Audit::new("local").at(at());
        (audit.total_actors, audit.dead_letters_count) = (Some(3), Some(0));
        assert_eq!(line(&audit.into()), "[1700000000.123] total=3 alive=? stopping=? restarting=? dead_letters=0");
        let letter =
            DeadLetter::new("local:2", "dict").with_payload(Payload::from_json(r#"{"x": 1}"#).unwrap()).at(at());
        assert_eq!(line(&letter.clone().into()), r#"[1700000000.123] target=local://2 type=dict payload={"x":1}"#);
        let letter = letter.with_why(Why::Stopped).with_count(4);
        assert!(line(&letter.into()).ends_with(r#"payload={"x":1} why=stopped count=4"#));
    }
}
