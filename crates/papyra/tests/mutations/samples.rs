//! Sound logs of many shapes.

use std::time::{Duration, UNIX_EPOCH};

use papyra::{
    Audit, CompactionConfig, DeadLetter, Event, Fact, Kind, Log, Payload, Retention, Rule, Timestamp,
    backend::file::{FileConfig, FileLog},
};

use crate::{laws::Place, random::Random};

const LEGACY: &str = include_str!("../vectors/legacy-python.ndjson");

/// Time begins here.
pub(crate) const EPOCH: f64 = 1_700_000_000.0;

/// A fact that mostly comes in time, now and then late, and rarely when the clock was wrong.
pub(crate) fn fact(n: u64, random: &mut Random) -> Fact {
    let late = match random.below(40) {
        0 => random.below(100_000) as f64,
        1..=6 => random.below(300) as f64 / 10.0,
        7 => -(random.below(5_000) as f64),
        _ => 0.0,
    };
    let at = Timestamp::from_seconds(EPOCH + n as f64 * 3.0 - late + random.below(1000) as f64 / 1e3).unwrap();
    let text = "é\n\"}{\\ ".repeat(random.below(6));
    match random.below(6) {
        0 => Audit::new("orders").at(at).into(),
        1 => DeadLetter::new("orders://a/1", "M").with_payload(Payload::of(&text)).at(at).into(),
        2 => {
            // A payload that looks like a line.
            let inner = Event::new("x://y", "Z").into();
            let inner: Fact = inner;
            let json = format!("{{\"copy\":{}}}", inner.to_json());
            Event::new("orders://a/2", "Copy").with_payload(Payload::from_json(&json).unwrap()).at(at).into()
        }
        _ => Event::new("orders://a/3", "E").with_payload(Payload::of(&(n, text))).at(at).into(),
    }
}

/// A log as it may stand somewhere: legacy, begun here, compacted, opened many times.
pub(crate) fn log(random: &mut Random) -> Vec<u8> {
    let mut start = Vec::new();
    if random.once_in(4) {
        let lines: Vec<_> = LEGACY.split_inclusive('\n').collect();
        for _ in 0..random.within(1..12) {
            start.extend_from_slice(lines[random.below(lines.len())].trim_end().as_bytes());
            start.push(b'\n');
        }
        if random.once_in(4) {
            return start;
        }
    }
    grown(start, random)
}

/// Another log, with numbers of its own.
pub(crate) fn foreign(random: &mut Random) -> Vec<u8> {
    grown(Vec::new(), random)
}

fn grown(start: Vec<u8>, random: &mut Random) -> Vec<u8> {
    let place = Place::with(&start);
    let mut n = 0;
    for _ in 0..random.within(1..4) {
        let log = place.log();
        for _ in 0..random.within(1..4) {
            let facts: Vec<Fact> = (0..random.within(1..8))
                .map(|_| {
                    n += 1;
                    fact(n, random)
                })
                .collect();
            place.run(log.append(&facts)).unwrap();
        }
        place.run(log.close()).unwrap();
        if random.once_in(3) {
            place.run(place.log().compact_as(&compaction(random))).unwrap();
        }
    }
    place.bytes()
}

/// A retention that drops a little of this and of that.
pub(crate) fn compaction(random: &mut Random) -> CompactionConfig {
    let mut retention = Retention::default();
    for _ in 0..random.within(1..3) {
        let rule = match random.below(3) {
            0 => Rule::default().with_max_records(random.below(20) as u64),
            1 => Rule::default().with_max_bytes(random.below(6_000) as u64),
            _ => Rule::default().with_max_age(Duration::from_secs(random.below(120) as u64)),
        };
        match random.below(4) {
            0 => retention.all = rule,
            1 => retention = retention.with_kind(Kind::Event, rule),
            2 => retention = retention.with_kind(Kind::Audit, rule),
            _ => retention = retention.with_kind(Kind::DeadLetter, rule),
        }
    }
    let now = UNIX_EPOCH + Duration::from_secs(EPOCH as u64 + random.below(150) as u64);
    CompactionConfig::new(retention, now).allow_empty(true)
}

/// The log in this file.
pub(crate) fn open(path: &std::path::Path) -> Log {
    Log::new(FileLog::new(FileConfig::new(path).with_lock_timeout(Duration::ZERO)))
}
