//! Facts to try a backend with. Each has its own number, so that no two are alike.

use crate::{Audit, DeadLetter, Event, Fact, Kind, Payload, Timestamp};

/// The time around which the samples happen, in seconds since 1970.
pub(super) const NOON: f64 = 1_763_640_000.0;

pub(super) fn at(seconds: f64) -> Timestamp {
    Timestamp::from_seconds(seconds).expect("samples have finite times")
}

/// A fact of a kind with its own number, at that time.
pub(super) fn fact(kind: Kind, number: u64, seconds: f64) -> Fact {
    let payload = Payload::of(&[number]);
    match kind {
        Kind::Audit => {
            let mut audit = Audit::new("orders").at(at(seconds));
            audit.total_actors = Some(number);
            audit.into()
        }
        Kind::DeadLetter => {
            DeadLetter::new("orders://worker/3", "orders::Place").with_payload(payload).at(at(seconds)).into()
        }
        Kind::Event => Event::new("orders://worker/3", "ActorStarted").with_payload(payload).at(at(seconds)).into(),
        Kind::Unknown => read(&format!(r#"{{"kind":"metric","timestamp":{seconds:?},"n":{number}}}"#)),
    }
}

/// So many facts of all known kinds in turn, numbered from `first` on, a second apart.
pub(super) fn facts(first: u64, count: u64) -> Vec<Fact> {
    (first..first + count)
        .map(|number| fact(Kind::KNOWN[number as usize % Kind::KNOWN.len()], number, NOON + number as f64))
        .collect()
}

/// A fact from its JSON.
pub(super) fn read(json: &str) -> Fact {
    Fact::from_json(json).unwrap_or_else(|error| panic!("the sample {json} is no fact: {error:?}"))
}

/// An event larger than the limit that most logs have for a line.
pub(super) fn huge(number: u64) -> Fact {
    let text = format!("{number}{}", "x".repeat(2 << 20));
    Event::new("orders://worker/3", "ActorCrashed").with_payload(Payload::of(&text)).at(at(NOON)).into()
}

/// Numbers that look random and are the same in every run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    /// A number below `sides`.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        // Xorshift: the state must not be 0 and never becomes it.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// Facts whose clocks disagree: most follow each other by seconds, some come minutes or hours late, some lie days ahead,
/// some happened at the very same moment, and once the clock is set back for good.
pub(super) fn disordered(count: u64) -> Vec<Fact> {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    let mut clock = NOON;
    (0..count)
        .map(|number| {
            clock += if number == count / 2 { -7200.0 } else { dice.roll(40) as f64 / 8.0 };
            let seconds = match dice.roll(25) {
                0 => clock - dice.roll(600) as f64,
                1 => clock - 3600.0 * (1 + dice.roll(30)) as f64,
                2 => clock + 86_400.0 * (1 + dice.roll(3)) as f64,
                _ => clock,
            };
            let kind = Kind::KNOWN[dice.roll(3) as usize];
            let mut fact = fact(kind, number, seconds);
            // Some weight, so that a backend that reads block by block has several blocks to search in.
            if let Fact::Event(event) = &mut fact {
                event.extra.push(("weight".to_owned(), Payload::of(&"x".repeat(dice.roll(900) as usize))));
            }
            fact
        })
        .collect()
}

/// Facts that use every member, with values that are easily lost on the way.
pub(super) fn manifold() -> Vec<Fact> {
    let json = [
        // Text of all planes, control characters, escapes, line separators, a byte order mark.
        r#"{"kind":"event","system_id":"bücher ✓","actor_address":"bücher://ラクター/😀","event_type":"\u0000\u001f\u007f\"\\/\b\f\n\r\t","payload":{"text":"é e\u0301 \u2028\u2029\ufeff \u202e 𝄞","":"","a.b":{"$c":[]}},"timestamp":1763640000.123456}"#,
        // Numbers are text: whatever their size and spelling.
        r#"{"kind":"event","system_id":"local","actor_address":"local://1","event_type":"Numbers","payload":[12345678901234567890123,-9223372036854775808,18446744073709551615,1.50,0.1,-0.0,1e400,1E-7,3.141592653589793238462643383279],"timestamp":1763640000}"#,
        // Payloads of every shape.
        r#"{"kind":"event","system_id":"local","actor_address":"local://1","event_type":"Null","payload":null,"timestamp":1763640000.0}"#,
        r#"{"kind":"event","system_id":"local","actor_address":"local://1","event_type":"Text","payload":"}\n{","timestamp":0.5}"#,
        r#"{"kind":"event","system_id":"local","actor_address":"local://1","event_type":"False","payload":false,"timestamp":-5}"#,
        r#"{"kind":"event","system_id":"","actor_address":"","event_type":"","payload":{},"timestamp":4102444800.25}"#,
        // Names inside a payload that mean something on the line around it.
        r#"{"kind":"event","system_id":"local","actor_address":"local://1","event_type":"Names","payload":{"kind":"log","seq":99,"skew":1,"crc":"00000000","writer":"w","timestamp":"never"},"timestamp":1763640000.5}"#,
        // Addresses as the Python Papyra wrote them, and none at all.
        r#"{"kind":"event","system_id":"local","actor_address":{"system":"local","actor_id":1},"event_type":"Legacy","payload":{},"timestamp":1763640001.0}"#,
        r#"{"kind":"event","system_id":"local","actor_address":"local:1","event_type":"Legacy","payload":{},"timestamp":1763640001.0}"#,
        r#"{"kind":"event","system_id":"local","actor_address":null,"event_type":"Legacy","payload":{},"timestamp":1763640001.0}"#,
        r#"{"kind":"dead_letter","system_id":"local","target":{"_rid":1,"_address":{"system":"local","actor_id":"7"}},"message_type":"str","payload":"hello","timestamp":1763640001.0}"#,
        // Dead letters with and without reasons.
        r#"{"kind":"dead_letter","system_id":"orders","target":"orders://worker/3","message_type":"orders::Place<'a, T>","payload":null,"why":"mailbox_full","count":18446744073709551615,"timestamp":1763640002.0}"#,
        r#"{"kind":"dead_letter","system_id":"orders","target":"orders://worker/3","message_type":"Bid","payload":{"id":1},"why":"eaten by the dog","count":1,"timestamp":1763640002.0}"#,
        r#"{"kind":"dead_letter","system_id":"orders","target":"orders://worker/3","message_type":"Bid","payload":{"id":1},"timestamp":1763640002.0}"#,
        // Audits: what is not known stays null, never 0; empty lists stay lists.
        r#"{"kind":"audit","system_id":"orders","timestamp":1763640003.0,"total_actors":3,"alive_actors":2,"stopping_actors":0,"restarting_actors":1,"registry_size":2,"registry_orphans":["a","ä"],"registry_dead":[],"dead_letters_count":4,"scope":"observed","health":"degraded","recorder":{"queued":7,"dropped":18446744073709551615}}"#,
        r#"{"kind":"audit","system_id":"orders","timestamp":1763640003.0,"total_actors":0,"alive_actors":0,"stopping_actors":0,"restarting_actors":0,"registry_size":0,"registry_orphans":[],"registry_dead":[],"dead_letters_count":0,"health":"ok"}"#,
        r#"{"kind":"audit","system_id":"orders","timestamp":1763640003.0,"total_actors":null,"alive_actors":null,"stopping_actors":null,"restarting_actors":null,"registry_size":null,"registry_orphans":null,"registry_dead":null,"dead_letters_count":null}"#,
        // Members that this version does not know.
        r#"{"kind":"event","system_id":"local","actor_address":"local://1","event_type":"Extra","payload":{},"trace_id":"4bf92f35","nested":{"a":[1.0,{"b":null}]},"naïve \"name\"":1e3,"timestamp":1763640004.0}"#,
        r#"{"kind":"audit","system_id":"local","timestamp":1763640004.0,"total_actors":1,"alive_actors":1,"stopping_actors":0,"restarting_actors":0,"registry_size":0,"registry_orphans":[],"registry_dead":[],"dead_letters_count":0,"mailboxes":{"full":2}}"#,
        r#"{"kind":"dead_letter","system_id":"local","target":"local://2","message_type":"dict","payload":{"x":1},"attempts":3,"timestamp":1763640004.0}"#,
    ];
    let mut facts: Vec<Fact> = json.into_iter().map(read).collect();
    // As deep as anything may nest.
    let deep = "[".repeat(Payload::MAX_DEPTH) + &"]".repeat(Payload::MAX_DEPTH);
    facts.push(read(&format!(
        r#"{{"kind":"event","system_id":"local","actor_address":"local://1","event_type":"Deep","payload":{deep},"timestamp":1763640005.0}}"#
    )));
    facts
}
