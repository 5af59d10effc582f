//! One moment of a life as a line: when, how long after the one before, what, and why.

use std::fmt::Write as _;

use papyra::{Entry, Event, Fact, document::safe, units::When};
use serde_json::{Map, Value};

use crate::{console::Out, failure::Failure, inspect::name};

/// The members of a payload that say most, in the order in which they are told.
const TELLING: [&str; 5] = ["generation", "error", "reason", "how", "location"];
const WIDTH: usize = When::WIDTH;
/// How much of a text is shown on a line.
const MAX_TEXT: usize = 160;

/// Prints a moment: with a time zone as a row of a table, otherwise as plain text.
pub(crate) fn print(
    out: &mut Out,
    entry: &Entry,
    since_before: Option<f64>,
    table: Option<&When>,
    first: bool,
) -> Result<(), Failure> {
    let at = entry.fact.timestamp().seconds();
    let after = since_before.map_or_else(String::new, gap);
    let (what, about) = told(&entry.fact);
    match table {
        None => out.line(format!("[{at:.3}] {after:>9} {what} {about}").trim_end()),
        Some(when) => {
            if first {
                out.headline(&format!("{:<WIDTH$}  {:>9}  {:<16}  ABOUT", "TIME", "AFTER", "WHAT"))?;
            }
            out.line(format!("{:<WIDTH$}  {after:>9}  {what:<16}  {about}", when.rfc3339(at)).trim_end())
        }
    }
}

/// A span of time in three or four characters and a unit, with its sign: facts may have come late.
fn gap(seconds: f64) -> String {
    let sign = if seconds < 0.0 { '-' } else { '+' };
    let span = seconds.abs();
    let (value, unit) = match span {
        s if s < 0.000_999_5 => (s * 1e6, "us"),
        s if s < 0.999_5 => (s * 1e3, "ms"),
        s if s < 120.0 => (s, "s"),
        s if s < 7_200.0 => (s / 60.0, "min"),
        s if s < 172_800.0 => (s / 3_600.0, "h"),
        s => (s / 86_400.0, "d"),
    };
    let decimals = usize::from(value < 99.95);
    format!("{sign}{value:.decimals$}{unit}")
}

fn told(fact: &Fact) -> (String, String) {
    match fact {
        Fact::Event(event) => (name(&event.event_type).into_owned(), about(event)),
        Fact::DeadLetter(letter) => {
            let mut about = name(&letter.message_type).into_owned();
            if let Some(why) = &letter.why {
                let _ = write!(about, " why={}", safe::text(why.as_str()));
            }
            if let Some(count) = letter.count {
                let _ = write!(about, " count={count}");
            }
            ("DeadLetter".to_owned(), about)
        }
        _ => ("?".to_owned(), String::new()),
    }
}

/// What a payload says: the telling members first, the others behind them.
fn about(event: &Event) -> String {
    let Ok(members) = event.payload.decode::<Map<String, Value>>() else {
        return safe::json(event.payload.as_json()).into_owned();
    };
    let telling = TELLING.iter().filter_map(|name| members.get_key_value(*name));
    let others = members.iter().filter(|(name, _)| !TELLING.contains(&name.as_str()));
    let mut about = String::new();
    for (name, value) in telling.chain(others).filter(|(_, value)| !value.is_null()) {
        let value = match value {
            Value::String(text) => format!("{:?}", shortened(text)),
            other => shortened(&other.to_string()),
        };
        let _ = write!(about, "{}{name}={value}", if about.is_empty() { "" } else { " " });
    }
    safe::text(&about).into_owned()
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(MAX_TEXT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use papyra::Payload;

    use super::*;

    #[test]
    fn a_gap_is_short_and_keeps_its_sign() {
        for (seconds, text) in [
            (0.0, "+0.0us"),
            (0.000_25, "+250us"),
            (0.045, "+45.0ms"),
            (0.912, "+912ms"),
            (1.5, "+1.5s"),
            (-3.0, "-3.0s"),
            (90.0, "+90.0s"),
            (600.0, "+10.0min"),
            (86_400.0, "+24.0h"),
            (1e6, "+11.6d"),
        ] {
            assert_eq!(gap(seconds), text);
        }
    }

    #[test]
    fn the_reason_comes_first_and_hostile_text_stays_text() {
        let payload = serde_json::json!({ "z": 1, "error": "bo\u{1b}om\n", "generation": 3, "location": null });
        let event = Event::new("t://a", "ActorCrashed").with_payload(Payload::of(&payload));
        let line = about(&event);
        assert!(line.starts_with("generation=3 error=\"bo"), "{line}");
        assert!(line.ends_with(" z=1"), "{line}");
        assert!(!line.chars().any(char::is_control), "{line}");
        let long =
            Event::new("t://a", "E").with_payload(Payload::of(&serde_json::json!({ "error": "x".repeat(10_000) })));
        assert!(about(&long).len() < 300);
    }
}
