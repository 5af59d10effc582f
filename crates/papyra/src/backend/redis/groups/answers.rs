//! What a server answers about groups, taken apart. `None` is an answer that no server known to us gives.

use std::time::Duration;

use redis::Value;

use crate::{
    Claimed, DeadEntry, Entry, PendingEntry, Position,
    backend::redis::{
        id::Id,
        judge::judge,
        page::Raw,
        reply::{bytes, number, parts, text},
    },
};

/// Entries of a stream as the server sends them.
pub(super) struct Entries(Vec<Sent>);

/// One of them.
enum Sent {
    There(Raw),
    Gone(Position),
}

/// The same, told apart.
#[derive(Default)]
pub(super) struct Sorted {
    pub(super) entries: Vec<Entry>,
    /// There, but no facts.
    pub(super) damaged: Vec<Position>,
    /// Pending, but not there.
    pub(super) gone: Vec<Position>,
}

impl Entries {
    /// The answer of `XREADGROUP` for one stream; nothing came is no stream.
    pub(super) fn of_read(answer: &Value) -> Option<Entries> {
        let entries = match answer {
            Value::Nil => return Some(Entries(Vec::new())),
            Value::Map(streams) => &streams.first()?.1,
            answer => parts(parts(answer)?.first()?)?.get(1)?,
        };
        Entries::of_claim(entries)
    }

    /// The answer of `XCLAIM`: of entries that are gone, older servers say nil.
    pub(super) fn of_claim(answer: &Value) -> Option<Entries> {
        let known = parts(answer)?.iter().filter(|entry| **entry != Value::Nil);
        let entries = known.map(|entry| {
            let [id, fields] = parts(entry)? else { return None };
            match fields {
                Value::Nil => position(id).map(Sent::Gone),
                _ => Raw::parse(entry).map(Sent::There),
            }
        });
        entries.collect::<Option<_>>().map(Entries)
    }

    pub(super) fn sort(self) -> Sorted {
        let mut sorted = Sorted::default();
        for sent in self.0 {
            match sent {
                Sent::Gone(position) => sorted.gone.push(position),
                Sent::There(raw) => match judge(&raw, true).fact() {
                    Some(fact) => sorted.entries.push(Entry::new(raw.id.into(), fact, bytes_of(&raw))),
                    None => sorted.damaged.push(raw.id.into()),
                },
            }
        }
        sorted
    }
}

/// What an entry takes in storage.
fn bytes_of(raw: &Raw) -> u64 {
    raw.data().map_or(0, <[u8]>::len) as u64
}

/// The value of a field; of a doubled one the first.
fn field<'a>(fields: &'a [Value], name: &str) -> Option<&'a Value> {
    fields.chunks_exact(2).find(|pair| bytes(&pair[0]) == Some(name.as_bytes())).map(|pair| &pair[1])
}

fn position(id: &Value) -> Option<Position> {
    Id::parse(text(id)?).map(Position::from)
}

pub(super) fn positions(answer: &Value) -> Option<Vec<Position>> {
    parts(answer)?.iter().map(position).collect()
}

/// The answer of `XPENDING` with a range.
pub(super) fn pending(answer: &Value) -> Option<Vec<PendingEntry>> {
    let entry = |entry: &Value| {
        let [id, consumer, idle, deliveries] = parts(entry)? else { return None };
        let consumer = String::from_utf8_lossy(bytes(consumer)?).into_owned();
        // A clock that was set back makes an idle time below zero.
        let idle = Duration::from_millis(number(idle).unwrap_or_default());
        Some(PendingEntry::new(position(id)?, consumer, idle, number(deliveries)?))
    };
    parts(answer)?.iter().map(entry).collect()
}

/// The answer of `XAUTOCLAIM` with `JUSTID`; servers before 7.0 do not tell what is gone.
pub(super) fn claimed(answer: &Value) -> Option<Claimed> {
    let (next, ids, gone) = match parts(answer)? {
        [next, ids] => (next, ids, None),
        [next, ids, gone, ..] => (next, ids, Some(gone)),
        _ => return None,
    };
    let cursor = Id::parse(text(next)?)?;
    Some(Claimed {
        positions: positions(ids)?,
        trimmed: gone.map_or(Some(Vec::new()), positions)?,
        cursor: (cursor != Id::default()).then(|| cursor.into()),
    })
}

/// Dead entries; the fields that [`SET_ASIDE`](super::scripts::SET_ASIDE) writes stand before those of the original.
pub(super) fn dead(answer: &Value) -> Option<Vec<DeadEntry>> {
    let one = |entry: &Value| {
        let [id, fields] = parts(entry)? else { return None };
        let fields = parts(fields)?;
        let string = |name| {
            let bytes = field(fields, name).and_then(bytes).unwrap_or_default();
            String::from_utf8_lossy(bytes).into_owned()
        };
        let own = position(id)?;
        // Somebody may have put an entry there by hand.
        let mut dead = DeadEntry::new(own, field(fields, "id").and_then(position).unwrap_or(own));
        dead.group = string("group");
        dead.consumer = string("consumer");
        dead.deliveries = field(fields, "deliveries").and_then(number).unwrap_or_default();
        dead.why = string("reason");
        dead.data = string("data");
        Some(dead)
    };
    parts(answer)?.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn string(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn entry(id: &str, fields: Value) -> Value {
        Value::Array(vec![string(id), fields])
    }

    fn data(text: &str) -> Value {
        Value::Array(vec![string("data"), string(text)])
    }

    #[test]
    fn entries_that_are_gone_or_no_facts_are_told_apart() {
        let fact = r#"{"kind":"event","timestamp":1}"#;
        let entries = Value::Array(vec![
            entry("1-0", data(fact)),
            entry("1-1", Value::Nil),
            entry("1-2", data("no fact")),
            Value::Nil,
            entry("1-3", Value::Array(vec![string("other"), string(fact)])),
        ]);
        let streams = Value::Array(vec![Value::Array(vec![string("s"), entries])]);
        let Sorted { entries, damaged, gone } = Entries::of_read(&streams).unwrap().sort();
        assert_eq!(entries.iter().map(|entry| entry.position.to_string()).collect::<Vec<_>>(), ["1-0"]);
        assert_eq!(damaged, [Position::from_pair(1, 2), Position::from_pair(1, 3)]);
        assert_eq!(gone, [Position::from_pair(1, 1)]);
    }

    #[test]
    fn no_answer_makes_us_panic() {
        for answer in [
            Value::Nil,
            Value::Okay,
            Value::Int(-1),
            Value::Array(vec![]),
            Value::Array(vec![Value::Nil]),
            Value::Array(vec![Value::Array(vec![])]),
            Value::Array(vec![string("1-0"), string("2")]),
            Value::Array(vec![Value::Array(vec![string("no id"), Value::Array(vec![string("odd")])])]),
        ] {
            let _ = Entries::of_read(&answer).map(Entries::sort).map(|sorted| sorted.entries);
            let _ = Entries::of_claim(&answer).map(Entries::sort).map(|sorted| sorted.entries);
            let _ = (pending(&answer), claimed(&answer), dead(&answer), positions(&answer));
        }
    }

    #[test]
    fn an_older_server_does_not_tell_what_is_gone() {
        let answer = Value::Array(vec![string("0-0"), Value::Array(vec![string("7-1")])]);
        let claimed = claimed(&answer).unwrap();
        assert_eq!(
            (claimed.positions, claimed.trimmed, claimed.cursor),
            (vec![Position::from_pair(7, 1)], vec![], None)
        );
    }
}
