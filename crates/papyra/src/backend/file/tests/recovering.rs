//! Recovery: what was sound stays, what was damaged goes or is kept aside, and a second run changes nothing.

use super::*;
use crate::{RecoveryConfig, RecoveryMode};

fn recover(place: &Place, config: &RecoveryConfig) -> RecoveryReport {
    block_on(place.log().recover(config)).unwrap()
}

/// The lines of sound facts, whatever stands between them.
fn fact_lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut parts = Vec::new();
    let mut facts = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        judge::judge(line, &mut parts);
        let sound = parts.iter().filter(|part| matches!(part.is, judge::Is::Fact { .. }));
        facts.extend(sound.map(|part| line[part.range.clone()].to_vec()));
    }
    facts
}

/// Recovers a damaged log and checks all that must hold of any recovery; gives the numbers of the facts that stand in it then.
fn check(bytes: &[u8]) -> Vec<u64> {
    let place = Place::with(bytes);
    let directory = place.path.with_extension("quarantine");
    let dry = RecoveryConfig { dry_run: true, ..RecoveryConfig::repair() };
    let found = recover(&place, &dry).before;
    assert!(!found.is_clean());
    assert_eq!(fs::read(&place.path).unwrap(), bytes, "a dry run changes nothing");
    recover(&place, &RecoveryConfig::ignore());
    assert_eq!(fs::read(&place.path).unwrap(), bytes, "mode ignore changes nothing");

    let before = place.read(ReadOptions::oldest_first());
    let report = recover(&place, &RecoveryConfig::quarantine(&directory));
    assert!(report.after.unwrap().is_clean());
    assert!(place.scan().is_clean(), "{:?}", place.scan().anomalies);
    assert_eq!(fs::read(&report.quarantined[0]).unwrap(), bytes, "the original is kept byte for byte");
    let manifest = fs::read_to_string(format!("{}.json", report.quarantined[0].display())).unwrap();
    assert!(manifest.contains(found.anomalies[0].kind.as_str()));

    let after = fs::read(&place.path).unwrap();
    let mut kept = fact_lines(&after);
    let mut sound = fact_lines(bytes);
    kept.sort();
    sound.sort();
    sound.dedup();
    assert!(sound.iter().all(|line| kept.contains(line)), "every sound line stays byte for byte");
    let read = place.read(ReadOptions::oldest_first());
    // Legacy lines are numbered by their place, so those behind a dropped one move up.
    let facts_of = |entries: &[Entry]| entries.iter().map(|entry| entry.fact.clone()).collect::<Vec<_>>();
    let (could, can) = (facts_of(&before), facts_of(&read));
    assert!(could.iter().all(|fact| can.contains(fact)), "everything that could be read can be read");
    let seqs = seqs(&read);
    assert!(seqs.is_sorted(), "{seqs:?}");

    assert_eq!(recover(&place, &RecoveryConfig::repair()).repaired, Vec::<PathBuf>::new());
    assert_eq!(fs::read(&place.path).unwrap(), after, "a second recovery changes nothing");
    let again = Place::with(bytes);
    recover(&again, &RecoveryConfig::repair());
    assert_eq!(fs::read(&again.path).unwrap(), after, "the same damage gives the same bytes");
    let log = place.log();
    let next = block_on(log.append(&facts(1..=1))).unwrap().positions[0];
    assert!(seqs.iter().all(|seq| *seq < next.seq().unwrap()));
    block_on(log.close()).unwrap();
    assert!(place.scan().is_clean());
    seqs
}

fn join(lines: &[&str]) -> Vec<u8> {
    (lines.join("\n") + "\n").into_bytes()
}

#[test]
fn each_kind_of_damage_is_recovered() {
    let lines: Vec<&str> = LOG.lines().collect();
    let [header, one, two, three, four, five] = lines.as_slice() else { panic!() };
    let outside = r#"{"kind": "event", "event_type": "Outside", "timestamp": 5}"#;
    let mut foreign = Vec::new();
    Header::first("another".into(), 3, Timestamp::default()).encode(&mut foreign);
    assert_eq!(check(&join(&[header, one, three])), [1, 3]);
    assert_eq!(check(&join(&[header, one, one, two])), [1, 2]);
    assert_eq!(check(&join(&[header, one, three, two])), [1, 2, 3]);
    assert_eq!(check(&join(&[header, five, four, three, two, one])), [1, 2, 3, 4, 5]);
    assert_eq!(check(&join(&[one, two])), [1, 2]);
    assert_eq!(check(&join(&[three, four])), [3, 4]);
    assert_eq!(check(&join(&[header, one, "", "junk", two])), [1, 2]);
    assert_eq!(check(&join(&[header, one, two, "junk"])), [1, 2]);
    assert_eq!(check(&join(&[header, one, outside, two, outside])), [1, 2, 3, 4]);
    assert_eq!(check(LOG.replace('\n', "\r\n").as_bytes()), [1, 2, 3, 4, 5]);
    assert_eq!(check(&[&join(&[header, one]), &foreign[..], &join(&[two, three])].concat()), [1, 2, 3]);
    assert_eq!(check(&[&join(&[header, one]), &[0; 5000][..], &join(&[two])].concat()), [1, 2]);
    assert_eq!(check(&[&join(&[header, one]), &[0; 5000][..]].concat()), [1]);
    assert_eq!(check(&[&join(&[header, one]), two.as_bytes()].concat()), [1, 2]);
    assert_eq!(check(&join(&[header, one])[..300]), [0; 0]);
    assert_eq!(check(&[&join(&[header]), one.as_bytes(), b"\x0b", &join(&[two])].concat()), [1, 2]);
    assert_eq!(
        check(&COMPACTED.replacen(&format!("{}\n", COMPACTED.lines().nth(2).unwrap()), "", 1).into_bytes()),
        [1, 4, 5, 6]
    );
    let lost_file = DROPPED.lines().nth(1).unwrap();
    let mut late_start = Vec::new();
    Header::first("late".into(), 901, Timestamp::default()).encode(&mut late_start);
    assert_eq!(check(&[&late_start, &join(&[lost_file])[..]].concat()), [901]);
}

#[test]
fn legacy_logs_stay_legacy() {
    let lines: Vec<&str> = LEGACY.lines().collect();
    let place = Place::with(&join(&[lines[0], "{broken", lines[1], lines[7]]));
    recover(&place, &RecoveryConfig::repair());
    assert_eq!(place.text().into_bytes(), join(&[lines[0], lines[1], lines[7]]));
    let torn = [&join(&lines[..2]), &lines[2].as_bytes()[..40]].concat();
    let place = Place::with(&torn);
    recover(&place, &RecoveryConfig::repair());
    assert_eq!(place.text().into_bytes(), join(&lines[..2]));
    let sealed: Vec<&str> = LOG.lines().collect();
    let place = Place::with(LEGACY.as_bytes());
    let log = place.log();
    block_on(log.append(&facts(1..=3))).unwrap();
    block_on(log.close()).unwrap();
    let whole = place.text();
    check(whole.replacen(lines[3], "{broken", 1).as_bytes());
    check(&[whole.as_bytes(), b"junk\n"].concat());
    assert_eq!(sealed.len(), 6);
}

#[test]
fn a_number_that_damage_may_have_taken_is_never_given_again() {
    let lines: Vec<&str> = LOG.lines().collect();
    let place = Place::with(&join(&[lines[0], lines[1], lines[2], "damaged", "damaged"]));
    let report = recover(&place, &RecoveryConfig::repair());
    assert_eq!(report.lost, 2);
    let appended = block_on(place.log().append(&facts(1..=1))).unwrap();
    assert_eq!(appended.positions, [Position::from_seq(5)]);
    assert!(place.text().starts_with(r#"{"kind":"log","format":1,"#));
    assert!(place.text().lines().next().unwrap().contains(r#""gaps_through":4,"kept":2,"#));
    assert!(place.text().lines().next().unwrap().contains(r#""lost":2,"#));
}

#[test]
fn every_bit_flip_and_every_prefix_recovers() {
    let text = LOG.lines().take(4).collect::<Vec<_>>().join("\n") + "\n";
    let place = place();
    let mut damaged = Vec::new();
    for bit in (0..text.len() * 8).step_by(3) {
        let mut bytes = text.as_bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        damaged.push(bytes);
    }
    damaged.extend((0..text.len()).map(|len| text.as_bytes()[..len].to_vec()));
    for bytes in damaged {
        fs::write(&place.path, &bytes).unwrap();
        let before = place.read(ReadOptions::oldest_first());
        recover(&place, &RecoveryConfig::repair());
        assert!(place.scan().is_clean(), "{:?}\n{}", place.scan().anomalies, String::from_utf8_lossy(&bytes));
        let after = place.read(ReadOptions::oldest_first());
        assert!(before.iter().all(|entry| after.contains(entry)), "{}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn recovery_waits_for_nobody_and_names_who_is_at_work() {
    let place = place();
    let log = place.log();
    block_on(log.append(&facts(1..=3))).unwrap();
    fs::write(&place.path, place.text().replacen("ActorX", "y", 1) + "junk\n").unwrap();
    let error = block_on(place.log().recover(&RecoveryConfig::repair())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Locked);
    assert!(error.to_string().contains("(append)"), "{error}");
}

#[test]
fn quarantine_without_a_directory_touches_nothing() {
    let place = Place::with(b"junk\n");
    let config = RecoveryConfig { mode: RecoveryMode::Quarantine, ..RecoveryConfig::default() };
    assert_eq!(block_on(place.log().recover(&config)).unwrap_err().kind(), ErrorKind::Config);
    assert_eq!(fs::read_dir(place.path.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn an_equal_copy_in_quarantine_is_used_again() {
    let bytes = [LOG.as_bytes(), b"junk\n"].concat();
    let place = Place::with(&bytes);
    let directory = place.path.with_extension("q");
    let first = recover(&place, &RecoveryConfig::quarantine(&directory)).quarantined;
    fs::write(&place.path, &bytes).unwrap();
    assert_eq!(recover(&place, &RecoveryConfig::quarantine(&directory)).quarantined, first);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
}

#[test]
fn a_temporary_file_that_was_left_behind_is_named_and_removed() {
    let place = Place::with(LOG.as_bytes());
    let mut name = place.path.clone().into_os_string();
    name.push(".0123456789abcdef.papyra-tmp");
    fs::write(&name, "half").unwrap();
    assert_eq!(place.found(), [AnomalyKind::UnexpectedFile]);
    recover(&place, &RecoveryConfig::repair());
    assert_eq!(place.found(), []);
    assert_eq!(place.text(), LOG);
}

#[test]
fn a_log_whose_name_is_not_utf8_is_quarantined_too() {
    use std::os::unix::ffi::OsStrExt;
    let mut place = place();
    place.path.set_file_name(std::ffi::OsStr::from_bytes(b"log-\xff.ndjson"));
    fs::write(&place.path, [LOG.as_bytes(), b"junk\n"].concat()).unwrap();
    let copy = &recover(&place, &RecoveryConfig::quarantine(place.path.with_extension("q"))).quarantined[0];
    assert_eq!(fs::read(copy).unwrap(), [LOG.as_bytes(), b"junk\n"].concat());
    let mut manifest = copy.clone().into_os_string();
    manifest.push(".json");
    let manifest = fs::read(manifest).unwrap();
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
    let source = manifest["source"].as_str().unwrap();
    assert!(std::path::Path::new(source).is_absolute() && source.ends_with("log-\u{fffd}.ndjson"), "{source}");
}

#[test]
fn a_fact_of_another_program_that_lacks_its_newline_is_sealed() {
    let bytes = [LOG.as_bytes(), br#"{"kind":"event","timestamp":1700000009}"#].concat();
    assert_eq!(check(&bytes).last(), Some(&6));
}

#[test]
fn a_fact_of_another_program_keeps_every_member() {
    let own = r#"{"kind": "event", "system_id": 7, "event_type": ["x"], "timestamp": 1700000009, "a": {"seq": 1}, "count": "n"}"#;
    let place = Place::with(format!("{LOG}{own}\n").as_bytes());
    recover(&place, &RecoveryConfig::repair());
    let text = place.text();
    let line = text.lines().last().unwrap();
    let members =
        r#"{"kind":"event","system_id":7,"event_type":["x"],"timestamp":1700000009,"a":{"seq":1},"count":"n""#;
    assert!(line.starts_with(members), "{line}");
    assert_eq!(place.found(), []);
    assert_eq!(place.read(ReadOptions::newest_first()).len(), place.seqs().len());
}

#[test]
fn originals_of_logs_with_one_name_do_not_meet() {
    let directory = tempfile::tempdir().unwrap();
    let damaged: Vec<Place> = (0..8).map(|n| Place::with(format!("{LOG}{}\n", "x".repeat(n)).as_bytes())).collect();
    let bytes: Vec<_> = damaged.iter().map(|place| fs::read(&place.path).unwrap()).collect();
    let reports: Vec<RecoveryReport> = std::thread::scope(|scope| {
        let wanted = RecoveryConfig::quarantine(directory.path());
        let threads: Vec<_> = damaged
            .iter()
            .map(|place| (place, wanted.clone()))
            .map(|(place, wanted)| scope.spawn(move || recover(place, &wanted)))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    for (report, bytes) in reports.iter().zip(bytes) {
        assert_eq!(fs::read(&report.quarantined[0]).unwrap(), bytes);
    }
}

#[test]
fn the_highest_number_may_stand_far_from_the_end() {
    let place = place();
    let log = place.log();
    block_on(log.append(&[at(1, 1_800_000_000.0)])).unwrap();
    block_on(log.append(&facts(1..=2000))).unwrap();
    block_on(log.close()).unwrap();
    let text = place.text();
    let mut lines: Vec<&str> = text.lines().collect();
    let last = lines.pop().unwrap();
    lines.insert(100, last);
    let own = r#"{"kind":"event","timestamp":1600000000}"#;
    fs::write(&place.path, format!("{}\n{own}\n", lines.join("\n"))).unwrap();
    recover(&place, &RecoveryConfig::repair());
    assert_eq!(place.found(), []);
    assert_eq!(place.seqs(), (1..=2002).collect::<Vec<_>>());
    assert_eq!(place.read(ReadOptions::oldest_first().since(1.75e9)).len(), 1);
}

#[test]
fn an_old_copy_behind_a_log_does_not_make_it_forget_how_late_facts_come() {
    let place = place();
    let log = place.log();
    block_on(log.append(&facts(1..=1000))).unwrap();
    block_on(log.append(&[at(1, 1_800_000_000.0)])).unwrap();
    block_on(log.close()).unwrap();
    let text = place.text();
    let copy: Vec<&str> = text.lines().skip(1).take(900).collect();
    fs::write(&place.path, format!("{text}{}\n", copy.join("\n"))).unwrap();
    block_on(place.log().append(&facts(1..=800))).unwrap();
    recover(&place, &RecoveryConfig::repair());
    assert_eq!(place.found(), []);
    assert_eq!(place.read(ReadOptions::oldest_first().since(1.75e9)).len(), 1);
    assert_eq!(place.read(ReadOptions::newest_first().since(1.75e9)).len(), 1);
}

#[test]
fn a_new_file_is_read_back_before_it_can_take_the_place_of_the_old_one() {
    let place = Place::with(LOG.as_bytes());
    let original = fs::File::open(&place.path).unwrap();
    let check = |expected: usize, text: &str| {
        let mut replacement = replace::Replacement::begin(&place.path, &original).unwrap();
        replacement.read_back(expected as u64, ScanReport::default(), None).unwrap();
        replacement.write(text.as_bytes()).unwrap();
        replacement.must_be_clean("the new log").map_err(|error| error.kind())
    };
    assert!(check(LOG.len(), LOG).unwrap().is_clean());
    assert_eq!(check(LOG.len(), &LOG.replacen("boom", "bo0m", 1)), Err(ErrorKind::Corrupt));
    assert_eq!(check(LOG.len() - 1, &LOG[..LOG.len() - 1]), Err(ErrorKind::Corrupt), "its newline is missing");
    // What is not as long as it was to be is no reason to wait for ever.
    assert_eq!(check(LOG.len() + 1, LOG), Err(ErrorKind::Corrupt));
    assert_eq!(check(LOG.len() - 1, LOG), Err(ErrorKind::Corrupt));
    assert_eq!(fs::read_dir(place.path.parent().unwrap()).unwrap().count(), 1, "nothing is left behind");
}
