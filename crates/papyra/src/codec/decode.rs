//! A line becomes a fact.

use std::{borrow::Cow, fmt};

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::Head;
use crate::{
    ActorAddress, Audit, DeadLetter, Event, Fact, Health, Kind, Members, Payload, RecorderState, Timestamp, Unknown,
    Why,
    address::DEFAULT_SYSTEM,
    json::{self, MAX_READ_DEPTH, MAX_WRITE_DEPTH},
};

/// How much is forgiven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// What we are about to write: every member must have its type.
    Strict,
    /// What stands in a log already, whoever wrote it: a member of the wrong type counts as missing, and what Python's
    /// encoder writes beyond JSON is read.
    Lenient,
}

/// Members that belong to a line, not to its fact.
const OF_THE_LINE: [&str; 5] = ["kind", "seq", "skew", "crc", "writer"];

type Cause = Cow<'static, str>;

/// Reads the fact in a JSON object. The error is the predicate of a sentence about it.
pub(crate) fn decode(text: &str, form: Form) -> Result<Fact, Cause> {
    let limit = if form == Form::Strict { MAX_WRITE_DEPTH } else { MAX_READ_DEPTH };
    if let Some(deep) = json::deeper_than(text.as_bytes(), limit) {
        return Err(format!("it nests {deep} levels deep, the limit is {limit}").into());
    }
    match Object::parse(text) {
        Ok(object) => object.into_fact(form),
        Err(_) if form == Form::Lenient && json::lenient(text).is_some() => {
            let text = json::lenient(text).unwrap_or_default();
            Object::parse(&text)?.into_fact(form)
        }
        Err(cause) => Err(cause),
    }
}

/// Kind and timestamp of a fact as [`decode`] would find them leniently, without building anything else. `None` is no
/// verdict: the line is no fact, or one that only [`decode`] understands.
pub(crate) fn decode_head(text: &str) -> Option<Head> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = (Option<Option<Kind>>, Option<f64>);

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let (mut kind, mut timestamp) = (None, None);
            while let Some(Name(name)) = map.next_key::<Name<'de>>()? {
                match &*name {
                    "kind" => kind = map.next_value::<&'de RawValue>().map(|value| known(value.get()))?,
                    "timestamp" => timestamp = map.next_value::<&'de RawValue>()?.get().parse().ok(),
                    _ => drop(map.next_value::<IgnoredAny>()?),
                }
            }
            Ok((kind, timestamp))
        }
    }

    /// The kind that a JSON string names, where it needs no unescaping.
    fn known(json: &str) -> Option<Option<Kind>> {
        let word = json.strip_prefix('"')?.strip_suffix('"')?;
        (word != "log" && !word.contains('\\')).then(|| Kind::from_word(word))
    }

    if json::deeper_than(text.as_bytes(), MAX_READ_DEPTH).is_some() {
        return None;
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    let (kind, timestamp) = reader.deserialize_map(Members).ok().filter(|_| reader.end().is_ok())?;
    let timestamp = timestamp.filter(|seconds: &f64| seconds.is_finite())?;
    Some(Head { kind: kind?.unwrap_or(Kind::Unknown), timestamp })
}

/// The members of a fact as they are, whatever their types, with its time: everything up to where the stamp goes. Members
/// of the line that it came from are left out. `None` if it is not a fact.
pub(crate) fn members(text: &str) -> Option<(String, f64)> {
    let timestamp = decode(text, Form::Lenient).ok()?.timestamp().seconds();
    let repaired = if Object::parse(text).is_ok() { None } else { json::lenient(text) };
    let object = Object::parse(repaired.as_deref().unwrap_or(text)).ok()?;
    let kept = object.0.iter().filter(|(name, _)| name == "kind" || !OF_THE_LINE.contains(&name.as_ref()));
    let members: Option<Vec<String>> = kept
        .map(|(name, value)| Some(format!("{}:{}", serde_json::to_string(name).ok()?, json::strip(value.get()))))
        .collect();
    Some((format!("{{{}", members?.join(",")), timestamp))
}

/// The members of a JSON object in their order.
struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    fn parse(text: &'a str) -> Result<Self, Cause> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(16);
                while let Some(name) = map.next_key::<Name<'de>>()? {
                    members.push((name.0, map.next_value()?));
                }
                Ok(members)
            }
        }

        let mut reader = serde_json::Deserializer::from_str(text);
        let members = reader.deserialize_map(Members).and_then(|members| reader.end().map(|()| members));
        members.map(Object).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => "it is not a JSON object".into(),
            _ => format!("it is not JSON: {error}").into(),
        })
    }

    /// The value of a member; of a doubled one the last, as every JSON reader does it.
    fn get(&self, name: &str) -> Option<&'a str> {
        self.0.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.get())
    }

    /// A member of a certain type; `null` and missing are `None`.
    fn typed<T>(
        &self,
        name: &str,
        form: Form,
        what: &str,
        read: impl Fn(&'a str) -> Option<T>,
    ) -> Result<Option<T>, Cause> {
        match self.get(name) {
            None | Some("null") => Ok(None),
            Some(text) => match read(text) {
                Some(value) => Ok(Some(value)),
                None if form == Form::Lenient => Ok(None),
                None => Err(format!("`{name}` must be {what}").into()),
            },
        }
    }

    fn string(&self, name: &str, form: Form) -> Result<Option<String>, Cause> {
        self.typed(name, form, "a string", string)
    }

    fn counter(&self, name: &str, form: Form) -> Result<Option<u64>, Cause> {
        self.typed(name, form, "a whole number, not negative, or null", |text| text.parse().ok())
    }

    fn names(&self, name: &str, form: Form) -> Result<Option<Vec<String>>, Cause> {
        self.typed(name, form, "a list of strings or null", |text| serde_json::from_str(text).ok())
    }

    fn payload(&self, default: Payload) -> Payload {
        self.get("payload").map_or(default, payload)
    }

    /// What is left when the named members and those of the line are gone.
    fn rest(&self, named: &[&str]) -> Members {
        self.0
            .iter()
            .filter(|(name, _)| !named.contains(&name.as_ref()) && !OF_THE_LINE.contains(&name.as_ref()))
            .map(|(name, value)| (name.clone().into_owned(), payload(value.get())))
            .collect()
    }

    fn into_fact(self, form: Form) -> Result<Fact, Cause> {
        let kind = self.get("kind").and_then(string).ok_or("it has no string `kind`")?;
        if kind == "log" {
            return Err("it is the header of a log file".into());
        }
        let timestamp = self.get("timestamp").and_then(Timestamp::from_text).ok_or("it has no number `timestamp`")?;
        let system_id = match self.string("system_id", form)? {
            Some(system_id) => system_id,
            None => DEFAULT_SYSTEM.to_owned(),
        };
        Ok(match Kind::from_word(&kind) {
            Some(Kind::Event) => Fact::Event(Event {
                system_id,
                actor_address: self.get("actor_address").map_or(ActorAddress::UNKNOWN, address),
                event_type: self.string("event_type", form)?.unwrap_or_default(),
                payload: self.payload(Payload::empty()),
                timestamp,
                extra: self.rest(&["system_id", "actor_address", "event_type", "payload", "timestamp"]),
            }),
            Some(Kind::Audit) => Fact::Audit(Audit {
                system_id,
                timestamp,
                total_actors: self.counter("total_actors", form)?,
                alive_actors: self.counter("alive_actors", form)?,
                stopping_actors: self.counter("stopping_actors", form)?,
                restarting_actors: self.counter("restarting_actors", form)?,
                registry_size: self.counter("registry_size", form)?,
                registry_orphans: self.names("registry_orphans", form)?,
                registry_dead: self.names("registry_dead", form)?,
                dead_letters_count: self.counter("dead_letters_count", form)?,
                scope: self.string("scope", form)?,
                health: self.typed("health", form, "`ok` or `degraded`", |text| match string(text)?.as_str() {
                    "ok" => Some(Health::Ok),
                    "degraded" => Some(Health::Degraded),
                    _ => None,
                })?,
                recorder: self.typed("recorder", form, "an object with `queued` and `dropped`", recorder)?,
                extra: self.rest(&AUDIT),
            }),
            Some(Kind::DeadLetter) => Fact::DeadLetter(DeadLetter {
                system_id,
                target: self.get("target").map_or(ActorAddress::UNKNOWN, address),
                message_type: self.string("message_type", form)?.unwrap_or_default(),
                payload: self.payload(Payload::null()),
                why: self.string("why", form)?.map(|word| Why::from_word(&word)),
                count: self.counter("count", form)?,
                timestamp,
                extra: self.rest(&["system_id", "target", "message_type", "payload", "why", "count", "timestamp"]),
            }),
            Some(Kind::Unknown) | None => Fact::Unknown(Unknown::new(kind, timestamp, self.rest(&["timestamp"]))),
        })
    }
}

const AUDIT: [&str; 13] = [
    "system_id",
    "timestamp",
    "total_actors",
    "alive_actors",
    "stopping_actors",
    "restarting_actors",
    "registry_size",
    "registry_orphans",
    "registry_dead",
    "dead_letters_count",
    "scope",
    "health",
    "recorder",
];

/// A member's name, borrowed where it has no escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> serde::Deserialize<'de> for Name<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(text.to_owned())))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// The text of a JSON string; half a surrogate pair in it becomes U+FFFD.
fn string(json: &str) -> Option<String> {
    let inner = json.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    if let Some(plain) = inner.filter(|inner| !inner.contains('\\')) {
        return Some(plain.to_owned());
    }
    serde_json::from_str(json).ok().or_else(|| serde_json::from_str(&json::lenient(json)?).ok())
}

fn payload(json: &str) -> Payload {
    Payload::trusted(json::strip(json))
}

fn recorder(json: &str) -> Option<RecorderState> {
    let object = Object::parse(json).ok()?;
    Some(RecorderState { queued: object.get("queued")?.parse().ok()?, dropped: object.get("dropped")?.parse().ok()? })
}

/// An address in any of the forms that were ever written.
fn address(json: &str) -> ActorAddress {
    if json == "null" {
        return ActorAddress::UNKNOWN;
    }
    match string(json) {
        Some(text) => ActorAddress::new(text),
        None => ActorAddress::with_stored(address_text(json), &json::strip(json)),
    }
}

fn address_text(json: &str) -> Option<String> {
    let object = Object::parse(json).ok()?;
    if let Some(inner) = object.get("_address") {
        return address(inner).as_str().map(str::to_owned);
    }
    let id = object.get("actor_id")?;
    let id = string(id).unwrap_or_else(|| id.to_owned());
    let system = object.get("system").and_then(string).unwrap_or_else(|| DEFAULT_SYSTEM.to_owned());
    Some(format!("{system}://{id}"))
}
