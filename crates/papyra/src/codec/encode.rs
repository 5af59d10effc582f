//! A fact becomes a line.

use std::fmt::{self, Write as _};

use super::seal;
use crate::{ActorAddress, Fact, Members, Timestamp};

/// What the writer knows of a line beyond its fact.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Stamp<'a> {
    pub(crate) seq: u64,
    /// Written only while it is above the least.
    pub(crate) skew: Option<f64>,
    /// Who counts, where several writers share a log.
    pub(crate) writer: Option<&'a str>,
}

/// Writes the members of a fact: everything up to where the stamp goes, the closing brace not included.
pub(crate) fn encode_body(fact: &Fact, out: &mut Vec<u8>) {
    let mut line = Line { out, comma: false };
    line.raw("{");
    match fact {
        Fact::Event(event) => {
            line.string("kind", "event");
            line.string("system_id", &event.system_id);
            line.address("actor_address", &event.actor_address);
            line.string("event_type", &event.event_type);
            line.json("payload", event.payload.as_json());
            line.members(&event.extra);
            line.time("timestamp", &event.timestamp);
        }
        Fact::Audit(audit) => {
            line.string("kind", "audit");
            line.string("system_id", &audit.system_id);
            line.time("timestamp", &audit.timestamp);
            line.counter("total_actors", audit.total_actors);
            line.counter("alive_actors", audit.alive_actors);
            line.counter("stopping_actors", audit.stopping_actors);
            line.counter("restarting_actors", audit.restarting_actors);
            line.counter("registry_size", audit.registry_size);
            line.names("registry_orphans", audit.registry_orphans.as_deref());
            line.names("registry_dead", audit.registry_dead.as_deref());
            line.counter("dead_letters_count", audit.dead_letters_count);
            if let Some(scope) = &audit.scope {
                line.string("scope", scope);
            }
            if let Some(health) = audit.health {
                line.string("health", health.as_str());
            }
            if let Some(recorder) = audit.recorder {
                line.name("recorder");
                line.display(format_args!("{{\"queued\":{},\"dropped\":{}}}", recorder.queued, recorder.dropped));
            }
            line.members(&audit.extra);
        }
        Fact::DeadLetter(letter) => {
            line.string("kind", "dead_letter");
            line.string("system_id", &letter.system_id);
            line.address("target", &letter.target);
            line.string("message_type", &letter.message_type);
            line.json("payload", letter.payload.as_json());
            if let Some(why) = &letter.why {
                line.string("why", why.as_str());
            }
            if let Some(count) = letter.count {
                line.counter("count", Some(count));
            }
            line.members(&letter.extra);
            line.time("timestamp", &letter.timestamp);
        }
        Fact::Unknown(unknown) => {
            line.string("kind", &unknown.kind);
            line.members(&unknown.members);
            line.time("timestamp", &unknown.timestamp);
        }
    }
}

/// Finishes the line that begins at `start` of `out` with the writer's stamp, its checksum and the newline.
pub(crate) fn stamp(out: &mut Vec<u8>, start: usize, stamp: Stamp<'_>) {
    let mut line = Line { out, comma: true };
    if let Some(skew) = stamp.skew {
        line.name("skew");
        // Written out, a huge number would be longer than any reader looks for.
        if skew < 1e15 {
            line.display(format_args!("{skew}"));
        } else {
            line.display(format_args!("{skew:e}"));
        }
    }
    if let Some(writer) = stamp.writer {
        line.string("writer", writer);
    }
    line.counter("seq", Some(stamp.seq));
    seal::seal(out, start);
    out.push(b'\n');
}

/// The names and punctuation of an average line.
const FRAME: usize = 170;

pub(super) fn estimated_bytes(fact: &Fact) -> usize {
    let extra =
        |members: &Members| members.iter().map(|(name, value)| name.len() + value.as_json().len() + 4).sum::<usize>();
    let address = |address: &ActorAddress| address.as_str().map_or(0, str::len) + address.stored().map_or(0, str::len);
    let names = |names: &Option<Vec<String>>| names.iter().flatten().map(|name| name.len() + 3).sum::<usize>();
    FRAME
        + match fact {
            Fact::Event(e) => {
                e.system_id.len()
                    + address(&e.actor_address)
                    + e.event_type.len()
                    + e.payload.as_json().len()
                    + extra(&e.extra)
            }
            Fact::Audit(a) => {
                a.system_id.len() + names(&a.registry_orphans) + names(&a.registry_dead) + extra(&a.extra) + FRAME
            }
            Fact::DeadLetter(d) => {
                d.system_id.len()
                    + address(&d.target)
                    + d.message_type.len()
                    + d.payload.as_json().len()
                    + extra(&d.extra)
            }
            Fact::Unknown(u) => u.kind.len() + extra(&u.members),
        }
}

struct Line<'a> {
    out: &'a mut Vec<u8>,
    comma: bool,
}

impl Line<'_> {
    fn raw(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn display(&mut self, arguments: fmt::Arguments<'_>) {
        // Writing to memory cannot fail.
        let _ = self.write_fmt(arguments);
    }

    /// The member's name with what stands around it. The names are ours: they need no escapes.
    fn name(&mut self, name: &str) {
        self.raw(if self.comma { ",\"" } else { "\"" });
        self.comma = true;
        self.raw(name);
        self.raw("\":");
    }

    fn text(&mut self, text: &str) {
        // A string always serialises, and writing to memory cannot fail.
        let _ = serde_json::to_writer(&mut *self.out, text);
    }

    fn string(&mut self, name: &str, text: &str) {
        self.name(name);
        self.text(text);
    }

    fn json(&mut self, name: &str, json: &str) {
        self.name(name);
        self.raw(json);
    }

    fn time(&mut self, name: &str, timestamp: &Timestamp) {
        self.name(name);
        timestamp.write(self);
    }

    fn counter(&mut self, name: &str, value: Option<u64>) {
        self.name(name);
        match value {
            Some(value) => self.display(format_args!("{value}")),
            None => self.raw("null"),
        }
    }

    fn names(&mut self, name: &str, names: Option<&[String]>) {
        self.name(name);
        match names {
            // A list of strings always serialises, and writing to memory cannot fail.
            Some(names) => drop(serde_json::to_writer(&mut *self.out, names)),
            None => self.raw("null"),
        }
    }

    fn address(&mut self, name: &str, address: &ActorAddress) {
        self.name(name);
        match (address.stored(), address.as_str()) {
            (Some(stored), _) => self.raw(stored),
            (None, Some(text)) => self.text(text),
            (None, None) => self.raw("null"),
        }
    }

    fn members(&mut self, members: &Members) {
        for (name, value) in members {
            self.raw(",");
            self.text(name);
            self.raw(":");
            self.raw(value.as_json());
        }
    }
}

impl fmt::Write for Line<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.raw(text);
        Ok(())
    }
}
