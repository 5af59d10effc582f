//! What is decided on whole stretches comes to what is decided line by line.

use std::path::Path;

use super::*;
use crate::{
    CompactionConfig, Kind, RecoveryConfig, Retention, Rule,
    backend::file::{lock::LockPaths, passed::Passed, plan::Plan, recover::rewrite, salvage::Salvage, scan},
};

/// Numbers by chance, from a seed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }
}

/// Facts of all kinds.
fn mixed(from: u64, count: u64) -> Vec<Fact> {
    (from..from + count)
        .map(|n| {
            let time = Timestamp::from_seconds(1_700_000_000.0 + n as f64).unwrap();
            match n % 7 {
                3 => crate::DeadLetter::new("t://a", "M").at(time).into(),
                _ => Event::new("t://a", "E").with_payload(Payload::of(&n)).at(time).into(),
            }
        })
        .collect()
}

/// A log of many pieces: legacy lines perhaps, then sealed ones, some of them dropped by a compaction perhaps.
fn log(legacy: bool, compacted: bool) -> Vec<u8> {
    let place = place();
    if legacy {
        let line =
            |n: u64| format!("{{\"kind\": \"event\", \"timestamp\": {}, \"event_type\": \"E\"}}\n", n + 1_600_000_000);
        fs::write(&place.path, (0..300).map(line).collect::<String>()).unwrap();
    }
    let log = place.log();
    block_on(log.append(&mixed(1, 400))).unwrap();
    if compacted {
        let rules = Retention::default().with_kind(Kind::DeadLetter, Rule::default().with_max_records(20));
        let report = block_on(log.compact(&CompactionConfig::new(rules, std::time::UNIX_EPOCH))).unwrap();
        assert!(report.changed);
        block_on(log.append(&mixed(401, 200))).unwrap();
    }
    block_on(log.close()).unwrap();
    fs::read(&place.path).unwrap()
}

fn damage(bytes: &mut Vec<u8>, chance: &mut Chance) {
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let at = chance.below(lines.len());
    let other = chance.below(lines.len());
    match chance.below(10) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[other].clone()),
        2 => lines.swap(at, other),
        3 => lines.insert(at, b"junk\n".to_vec()),
        4 => lines.insert(at, b"{\"kind\": \"event\", \"timestamp\": 1700000000}\n".to_vec()),
        5 => drop(lines.drain(at.min(other)..at.max(other))),
        6 => lines.extend_from_within(at.min(other)..at.max(other)),
        7 => drop(lines.remove(0)),
        8 => *lines[at].last_mut().unwrap() = 0x0b,
        _ => {
            let byte = chance.below(lines[at].len());
            lines[at][byte] ^= 1 << chance.below(8);
        }
    }
    *bytes = lines.concat();
}

fn looked(path: &Path) -> scan::Looked {
    let log = Segments::File(path.to_owned());
    scan::scan_unwritten(&log, ScanOptions::default(), "json", "").unwrap()
}

#[test]
fn a_recovery_by_stretches_leaves_the_bytes_that_one_line_by_line_leaves() {
    let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
    let mut whole = 0;
    for round in 0..80 {
        let mut bytes = log_of(round);
        for _ in 0..1 + chance.below(4) {
            damage(&mut bytes, &mut chance);
        }
        let (summed, single) = (Place::with(&bytes), Place::with(&bytes));
        let seen = looked(&summed.path);
        if seen.report.is_clean() {
            continue;
        }
        whole += seen.files[0].sound.len();
        let mut unsummed = looked(&single.path);
        unsummed.files[0].sound.clear();
        let rewritten = |place: &Place, looked| {
            let mut salvage = Salvage::plan(looked).unwrap();
            let (locks, after) = (LockPaths::beside(&place.path), ScanReport::new("json", ""));
            let after = rewrite(&mut salvage, &locks, &after, None).unwrap();
            assert_eq!(after, looked_report(&place.path), "round {round}: the report of what was read back");
            salvage.lost
        };
        let lost = (rewritten(&summed, seen), rewritten(&single, unsummed));
        assert_eq!(lost.0, lost.1, "round {round}");
        assert!(fs::read(&summed.path).unwrap() == fs::read(&single.path).unwrap(), "round {round}: other bytes");
    }
    assert!(whole > 300, "only {whole} stretches");
}

fn looked_report(path: &Path) -> ScanReport {
    looked(path).report
}

/// One of the four logs, made once.
fn log_of(round: usize) -> Vec<u8> {
    static LOGS: std::sync::OnceLock<[Vec<u8>; 4]> = std::sync::OnceLock::new();
    LOGS.get_or_init(|| [(false, false), (false, true), (true, false), (true, true)].map(|(a, b)| log(a, b)))[round % 4]
        .clone()
}

#[test]
fn a_compaction_by_stretches_keeps_what_one_line_by_line_keeps() {
    let mut chance = Chance(0x2545_f491_4f6c_dd1d);
    let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_600);
    let mut changed = 0;
    for round in 0..60 {
        let place = Place::with(&log_of(round));
        let mut rule = |most: usize| Rule {
            max_records: (chance.below(3) == 0).then(|| chance.below(most) as u64),
            max_age: (chance.below(3) == 0).then(|| std::time::Duration::from_secs(chance.below(700) as u64)),
            max_bytes: (chance.below(3) == 0).then(|| chance.below(150 * most) as u64),
        };
        let retention = Retention { all: rule(900), event: rule(500), audit: rule(10), dead_letter: rule(120) };
        let config = CompactionConfig::new(retention, now).allow_empty(true);
        let seen = looked(&place.path);
        let (file, size) = (seen.files[0].open().unwrap(), seen.files[0].size);
        assert!(seen.report.is_clean() && seen.files[0].sound.len() > 5, "{:?}", seen.report);
        let unsummed = Passed { report: seen.report, sound: Vec::new() };
        let plan = Plan::of(&place.path, &file, size, &unsummed, config.retention.cut(config.now)).unwrap();
        let mut expected = CompactionReport::default();
        plan.report(&mut expected);
        let single = Place::with(&log_of(round));
        let mut replacement = replace::Replacement::begin(&single.path, &file).unwrap();
        plan.write(&single.path, &file, &mut replacement).unwrap();
        let mut swap = lock::SwapLock::open(&LockPaths::beside(&single.path).swap).unwrap();
        let held = swap.hold().unwrap();
        replacement.take_place(&swap, &held).unwrap();

        let report = block_on(place.log().compact(&config)).unwrap();
        let figures = |report: &CompactionReport| (report.before_records, report.after_records, report.after_bytes);
        assert_eq!(figures(&report), figures(&expected), "round {round}: {retention:?}");
        if report.changed {
            changed += 1;
            assert!(fs::read(&place.path).unwrap() == fs::read(&single.path).unwrap(), "round {round}: {retention:?}");
            assert_eq!(place.found(), [], "round {round}: {retention:?}");
        }
    }
    assert!(changed > 30, "only {changed} compactions changed anything");
}

#[test]
fn a_recovery_says_that_its_own_report_needs_no_second_look() {
    let place = Place::with(&log_of(0)[..3000]);
    let report = block_on(place.log().recover(&RecoveryConfig::repair())).unwrap();
    assert!(report.is_proven());
    assert_eq!(report.after.unwrap(), block_on(place.log().scan(ScanOptions::default())).unwrap());
    assert!(!RecoveryReport::default().is_proven());
}
