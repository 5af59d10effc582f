//! Entries as aligned columns. They are streamed, so the widths are given beforehand; a longer cell pushes the rest of its row.

use papyra::{Entry, Fact, Kind, units::When};

use super::text::{count, name};
use crate::safe;

/// The width of a time, whatever the zone.
const TIME: (&str, usize) = ("TIME", When::WIDTH);

/// Titles and widths; the last column is as wide as it is.
type Columns = &'static [(&'static str, usize)];

const EVENTS: Columns = &[TIME, ("POSITION", 8), ("EVENT", 16), ("ACTOR", 28), ("PAYLOAD", 0)];
const AUDITS: Columns = &[
    TIME,
    ("POSITION", 8),
    ("SYSTEM", 12),
    ("TOTAL", 6),
    ("ALIVE", 6),
    ("STOPPING", 8),
    ("RESTARTING", 10),
    ("DEAD LETTERS", 12),
    ("HEALTH", 0),
];
const DEAD_LETTERS: Columns =
    &[TIME, ("POSITION", 8), ("TARGET", 28), ("TYPE", 24), ("WHY", 15), ("COUNT", 5), ("PAYLOAD", 0)];

fn columns(kind: Kind) -> Columns {
    match kind {
        Kind::Audit => AUDITS,
        Kind::DeadLetter => DEAD_LETTERS,
        _ => EVENTS,
    }
}

/// The titles.
pub(crate) fn header(kind: Kind) -> String {
    let columns = columns(kind);
    join(columns, columns.iter().map(|(title, _)| (*title).to_owned()))
}

/// The row of an entry.
pub(crate) fn row(entry: &Entry, when: &When) -> String {
    let head = [when.rfc3339(entry.fact.timestamp().seconds()), entry.position.to_string()];
    let text = |raw: &str| name(raw).into_owned();
    let cells = match &entry.fact {
        Fact::Event(event) => vec![
            text(&event.event_type),
            text(&event.actor_address.to_string()),
            safe::json(event.payload.as_json()).into_owned(),
        ],
        Fact::Audit(audit) => vec![
            text(&audit.system_id),
            count(audit.total_actors),
            count(audit.alive_actors),
            count(audit.stopping_actors),
            count(audit.restarting_actors),
            count(audit.dead_letters_count),
            audit.health.map_or("?", papyra::Health::as_str).to_owned(),
        ],
        Fact::DeadLetter(letter) => vec![
            text(&letter.target.to_string()),
            text(&letter.message_type),
            letter.why.as_ref().map_or_else(|| "?".to_owned(), |why| text(why.as_str())),
            letter.count.unwrap_or(1).to_string(),
            safe::json(letter.payload.as_json()).into_owned(),
        ],
        _ => Vec::new(),
    };
    join(columns(entry.fact.kind()), head.into_iter().chain(cells))
}

fn join(columns: Columns, cells: impl Iterator<Item = String>) -> String {
    let padded: Vec<String> = columns.iter().zip(cells).map(|((_, width), cell)| format!("{cell:width$}")).collect();
    padded.join("  ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use papyra::{Audit, DeadLetter, Event, Position, Timestamp};

    use super::*;

    #[test]
    fn every_row_stands_below_its_header() {
        let at = Timestamp::from_seconds(1_700_000_000.5).unwrap();
        let facts: [Fact; 3] = [
            Event::new("local://1", "ActorStarted").at(at.clone()).into(),
            Audit::new("local").at(at.clone()).into(),
            DeadLetter::new("local://1", "Ping").at(at).into(),
        ];
        for (zone, time) in [("UTC", "2023-11-14T22:13:20.500Z "), ("Asia/Kathmandu", "2023-11-15T03:58:20.500+05:45 ")]
        {
            let when = When::in_zone(zone).unwrap();
            for fact in &facts {
                let header = header(fact.kind());
                let row = row(&Entry::new(Position::from_seq(12), fact.clone(), 0), &when);
                assert!(row.starts_with(time), "{row}");
                for (title, _) in columns(fact.kind()) {
                    let column = header.find(title).unwrap();
                    let (before, first) = (column.checked_sub(1).map(|at| row.as_bytes()[at]), row.as_bytes()[column]);
                    assert!(before.is_none_or(|before| before == b' ') && first != b' ', "{row}");
                }
            }
        }
    }
}
