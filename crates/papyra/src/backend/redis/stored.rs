//! The form of a backup: entries, groups and what is pending, each as a line of JSON.

use std::io::{BufRead as _, BufReader, Read, Take};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{
    id::Id,
    keys::{Keys, Stream},
    page::Raw,
};
use crate::{Error, ErrorKind, Result};

/// What the server knew of the streams: one [`StreamLine`] each.
pub(super) const STREAMS: &str = "streams.ndjson";
/// The consumer groups: a [`GroupLine`] each.
pub(super) const GROUPS: &str = "groups.ndjson";
/// What was delivered to their consumers and not acknowledged: a [`PendingLine`] each.
pub(super) const PENDING: &str = "pending.ndjson";

/// The longest line: an entry of the largest size, every byte of it written as two, and a line of many consumers.
const MAX_LINE: u64 = 256 << 20;

/// A stream that is copied entry by entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The facts of a kind.
    Facts(Stream),
    /// What no consumer of a kind could handle.
    Dead(Stream),
    /// What recovery set aside.
    Quarantine(Stream),
}

impl Source {
    pub(super) fn all() -> impl Iterator<Item = Source> {
        let of = [Source::Facts, Source::Dead, Source::Quarantine];
        of.into_iter().flat_map(|source| Stream::ALL.into_iter().map(source))
    }

    pub(super) fn key(self, keys: &Keys) -> String {
        match self {
            Source::Facts(stream) => keys.stream(stream).to_owned(),
            Source::Dead(stream) => keys.dead(stream),
            Source::Quarantine(stream) => keys.quarantine(stream),
        }
    }

    /// The name of its piece.
    pub(super) fn piece(self) -> String {
        match self {
            Source::Facts(stream) => format!("{}.ndjson", stream.name()),
            Source::Dead(stream) => format!("dead.{}.ndjson", stream.name()),
            Source::Quarantine(stream) => format!("quarantine.{}.ndjson", stream.name()),
        }
    }
}

/// An entry: its id, its fields as they are.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct EntryLine {
    #[serde(with = "id")]
    pub(super) id: Id,
    pub(super) fields: Vec<(Bytes, Bytes)>,
}

impl From<Raw> for EntryLine {
    fn from(raw: Raw) -> Self {
        let fields = raw.fields.into_iter().map(|(name, value)| (Bytes(name), Bytes(value)));
        EntryLine { id: raw.id, fields: fields.collect() }
    }
}

impl From<EntryLine> for Raw {
    fn from(line: EntryLine) -> Self {
        Raw { id: line.id, fields: line.fields.into_iter().map(|(name, value)| (name.0, value.0)).collect() }
    }
}

/// A stream, beside its entries.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StreamLine {
    pub(super) stream: Name,
    /// The highest id that it ever gave.
    #[serde(with = "id")]
    pub(super) last: Id,
    /// How many entries were ever added, where the server knows that.
    pub(super) added: Option<u64>,
    /// The highest id that was ever deleted, where the server knows that.
    #[serde(with = "optional_id")]
    pub(super) deleted: Option<Id>,
    /// By how many seconds facts were ahead of the server's clock at most, where that is known.
    pub(super) ahead: Option<f64>,
    /// Up to this id, gaps in the numbers of writers are known.
    #[serde(with = "optional_id")]
    pub(super) gaps_through: Option<Id>,
}

/// A consumer group.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct GroupLine {
    pub(super) stream: Name,
    pub(super) group: Bytes,
    #[serde(with = "id")]
    pub(super) last_delivered: Id,
    /// How many entries it has read, where the server knows that.
    pub(super) entries_read: Option<u64>,
    pub(super) consumers: Vec<Bytes>,
}

/// An entry that is pending.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PendingLine {
    pub(super) stream: Name,
    pub(super) group: Bytes,
    pub(super) consumer: Bytes,
    #[serde(with = "id")]
    pub(super) id: Id,
    /// When it was delivered last, in milliseconds since 1970 by the server's clock.
    pub(super) delivered: u64,
    pub(super) deliveries: u64,
}

/// A line of a piece, its newline included.
pub(super) fn line<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let internal = || Error::new(ErrorKind::Internal, "an entry cannot be written as JSON");
    let mut line = serde_json::to_vec(value).map_err(|error| internal().with_source(error))?;
    line.push(b'\n');
    Ok(line)
}

/// The lines of a piece.
pub(super) struct Lines<R> {
    name: String,
    from: Take<BufReader<R>>,
    number: u64,
    text: Vec<u8>,
}

impl<R: Read> Lines<R> {
    pub(super) fn of(name: impl Into<String>, from: R) -> Self {
        Lines { name: name.into(), from: BufReader::new(from).take(0), number: 0, text: Vec::new() }
    }

    /// The next line and its length; `None` at the end.
    ///
    /// # Errors
    /// `Corrupt` for a line that no backup of ours has.
    pub(super) fn next<T: for<'a> Deserialize<'a>>(&mut self) -> Result<Option<(T, u64)>> {
        self.text.clear();
        self.number += 1;
        self.from.set_limit(MAX_LINE);
        let read = self.from.read_until(b'\n', &mut self.text);
        let bytes = read.map_err(|error| Error::io("read", self.name.as_ref(), error))?;
        if bytes == 0 {
            return Ok(None);
        }
        match serde_json::from_slice(&self.text) {
            Ok(value) if self.text.ends_with(b"\n") => Ok(Some((value, bytes as u64))),
            _ => {
                let message = format!("line {} of `{}` is none of a backup", self.number, self.name);
                Err(Error::new(ErrorKind::Corrupt, message).with_cure("take another backup"))
            }
        }
    }
}

/// The name of a stream within its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Name(pub(super) Stream);

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.name())
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Stream::named(&name).map(Name).ok_or_else(|| D::Error::custom("no stream of a log"))
    }
}

/// What a server keeps: mostly text, and then written as such; anything else as hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Bytes(pub(super) Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Hex { hex: String },
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) => serializer.serialize_str(text),
            Err(_) => {
                let hex = self.0.iter().map(|byte| format!("{byte:02x}")).collect();
                Written::Hex { hex }.serialize(serializer)
            }
        }
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        let hex = match Written::deserialize(deserializer)? {
            Written::Text(text) => return Ok(Bytes(text.into_bytes())),
            Written::Hex { hex } => hex,
        };
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let pair = |pair: &[u8]| match pair {
            [high, low] => Some((digit(high)? << 4 | digit(low)?) as u8),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(pair).collect();
        bytes.map(Bytes).ok_or_else(|| D::Error::custom("no hexadecimal digits"))
    }
}

/// Ids stand there as the server writes them.
mod id {
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    use super::Id;

    pub(super) fn serialize<S: Serializer>(id: &Id, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Id, D::Error> {
        Id::parse(&String::deserialize(deserializer)?).ok_or_else(|| D::Error::custom("no id of an entry"))
    }
}

mod optional_id {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    use super::Id;

    pub(super) fn serialize<S: Serializer>(id: &Option<Id>, serializer: S) -> Result<S::Ok, S::Error> {
        id.map(|id| id.to_string()).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Id>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        Id::parse(&text).map(Some).ok_or_else(|| D::Error::custom("no id of an entry"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_bytes_an_entry_has_come_back() {
        for (bytes, shown) in [
            (&b"data"[..], r#""data""#),
            (b"\xff\x00", r#"{"hex":"ff00"}"#),
            ("\u{0}\n\u{2028}\"".as_bytes(), "\"\\u0000\\n\u{2028}\\\"\""),
            (b"", r#""""#),
        ] {
            let raw = Raw { id: Id { ms: 7, n: u64::MAX }, fields: vec![(bytes.to_vec(), bytes.to_vec())] };
            let text = line(&EntryLine::from(raw.clone())).unwrap();
            let expected = format!("{{\"id\":\"7-18446744073709551615\",\"fields\":[[{shown},{shown}]]}}\n");
            assert_eq!(String::from_utf8(text.clone()).unwrap(), expected);
            let mut lines = Lines::of("piece", &text[..]);
            assert_eq!(lines.next::<EntryLine>().unwrap().map(|(line, _)| Raw::from(line)), Some(raw));
            assert!(lines.next::<EntryLine>().unwrap().is_none());
        }
    }

    #[test]
    fn what_no_backup_has_is_refused() {
        for text in ["\n", "{}\n", "{\"id\":\"7\",\"fields\":[]}\n", "{\"id\":\"7-1\",\"fields\":[]}", "\u{0}\n"] {
            assert_eq!(
                Lines::of("piece", text.as_bytes()).next::<EntryLine>().unwrap_err().kind(),
                ErrorKind::Corrupt,
                "{text}"
            );
        }
        assert!(serde_json::from_str::<Bytes>(r#"{"hex":"f"}"#).is_err());
        assert!(serde_json::from_str::<Name>(r#""others""#).is_err());
    }
}
