//! Care over the files of a log that has several: what scan, recovery and compaction make of each, and of the whole.

use std::{collections::BTreeMap, path::Path, time::UNIX_EPOCH};

use super::*;
use crate::{CompactionConfig, RecoveryConfig, Retention, Rotation, Rule};

/// A log in a directory, four facts in each file.
pub(super) struct Set {
    _dir: tempfile::TempDir,
    pub(super) path: PathBuf,
}

pub(super) type Files = BTreeMap<String, Vec<u8>>;

impl Set {
    pub(super) fn empty() -> Set {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        Set { _dir: dir, path }
    }

    pub(super) fn with(files: &Files) -> Set {
        let set = Set::empty();
        fs::create_dir(&set.path).unwrap();
        files.iter().for_each(|(name, bytes)| fs::write(set.path.join(name), bytes).unwrap());
        set
    }

    pub(super) fn log(&self) -> FileLog {
        let rotation = Rotation::default().with_segment_records(4);
        let config = FileConfig { rotation: Some(rotation), ..FileConfig::new(&self.path) };
        FileLog::new(config.with_lock_timeout(std::time::Duration::ZERO))
    }

    pub(super) fn append(&self, facts: &[Fact]) -> Vec<u64> {
        let log = self.log();
        let appended = facts.iter().map(|fact| block_on(log.append(std::slice::from_ref(fact))).unwrap().positions[0]);
        let given = appended.map(|position| position.seq().unwrap()).collect();
        block_on(log.close()).unwrap();
        given
    }

    /// Every file but the locks.
    pub(super) fn files(&self) -> Files {
        let entries = fs::read_dir(&self.path).unwrap().map(|entry| entry.unwrap());
        entries
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()))
            .filter(|(name, _)| !name.ends_with(".lock"))
            .collect()
    }

    pub(super) fn scan(&self) -> ScanReport {
        block_on(self.log().scan(ScanOptions::default())).unwrap()
    }

    pub(super) fn found(&self) -> Vec<AnomalyKind> {
        self.scan().anomalies.iter().map(|anomaly| anomaly.kind).collect()
    }

    pub(super) fn recover(&self, config: &RecoveryConfig) -> RecoveryReport {
        block_on(self.log().recover(config)).unwrap()
    }

    pub(super) fn compact(&self, config: &CompactionConfig) -> CompactionReport {
        block_on(self.log().compact(config)).unwrap()
    }

    pub(super) fn seqs(&self) -> Vec<u64> {
        let all = block_on(self.log().read(ReadOptions::oldest_first()).collect()).unwrap();
        seqs(&all)
    }
}

pub(super) fn name(number: u64) -> String {
    format!("facts.{number:06}.ndjson")
}

/// Five files: 1 to 4, 5 to 8, 9 to 12, 13 to 16, 17 to 18.
pub(super) fn sound() -> Files {
    static FILES: std::sync::OnceLock<Files> = std::sync::OnceLock::new();
    let made = || {
        let set = Set::empty();
        set.append(&facts(1..=18));
        assert_eq!(set.files().len(), 5);
        set.files()
    };
    FILES.get_or_init(made).clone()
}

pub(super) fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// The whole sealed facts of these files, by number; the first of each.
fn sealed(files: &Files) -> BTreeMap<u64, Vec<u8>> {
    let mut found = BTreeMap::new();
    for line in files.values().flat_map(|bytes| lines(bytes)) {
        let line = line.strip_suffix(b"\n").unwrap_or(&line);
        if let Some((tail, ..)) = judge::sealed_fact(line) {
            found.entry(tail.seq).or_insert_with(|| line.to_vec());
        }
    }
    found
}

/// Recovers damaged files and checks all that must hold of any recovery; gives what was found and what stands there then.
pub(super) fn check(files: &Files, what: &str) -> (Vec<AnomalyKind>, Vec<u64>) {
    let set = Set::with(files);
    let before = set.scan();
    assert!(!before.is_clean(), "{what}: not found");
    assert_eq!(set.files(), *files, "{what}: a scan changes nothing");
    let directory = set.path.with_extension("quarantine");
    let report = set.recover(&RecoveryConfig::quarantine(&directory));
    let after = report.after.clone().unwrap();
    assert!(after.is_clean(), "{what}: {:?}", after.anomalies);
    assert_eq!(set.found(), [], "{what}");
    let recovered = set.files();
    for (name, bytes) in files {
        if recovered.get(name) != Some(bytes) && !name.ends_with(".papyra-tmp") && !bytes.is_empty() {
            let kept = report.quarantined.iter().any(|copy| fs::read(copy).unwrap() == *bytes);
            assert!(kept, "{what}: the original of {name} is not kept");
        }
    }
    let kept = sealed(&recovered);
    let read = set.seqs();
    assert!(read.is_sorted_by(|a, b| a < b), "{what}: {read:?}");
    assert_eq!(kept.keys().copied().collect::<Vec<_>>(), read, "{what}");
    assert!(set.recover(&RecoveryConfig::repair()).repaired.is_empty(), "{what}: a second recovery changed something");
    assert_eq!(set.files(), recovered, "{what}: a second recovery changes nothing");
    let again = Set::with(files);
    assert_eq!(again.recover(&RecoveryConfig::repair()).lost, report.lost, "{what}");
    assert!(again.files() == recovered, "{what}: the same damage gives the same bytes");
    let given = set.append(&facts(1..=6));
    let highest = sealed(files).keys().next_back().copied().unwrap_or(0);
    assert!(
        given.iter().all(|own| *own > highest || files.values().any(|b| !b.is_empty() && foreign(b))),
        "{what}: {given:?} beside {highest}"
    );
    assert_eq!(set.found(), [], "{what}: after writing goes on");
    (before.anomalies.iter().map(|anomaly| anomaly.kind).collect(), read)
}

fn foreign(bytes: &[u8]) -> bool {
    bytes.windows(7).any(|word| word == b"another")
}

/// All sound facts of the damaged files stay that are of this log.
pub(super) fn keeps_all(files: &Files, what: &str) -> Vec<AnomalyKind> {
    let (found, read) = check(files, what);
    let ours: Files = files.iter().filter(|(_, bytes)| !foreign(bytes)).map(|(a, b)| (a.clone(), b.clone())).collect();
    let missing: Vec<_> = sealed(&ours).into_keys().filter(|seq| !read.contains(seq)).collect();
    assert_eq!(missing, [0; 0], "{what}: sound facts were lost");
    found
}

#[test]
fn a_sound_set_is_clean_and_counted_whole() {
    let set = Set::with(&sound());
    let report = set.scan();
    assert_eq!((report.anomalies_total, report.seqs), (0, Some((1, 18))));
    assert_eq!(report.entries["event"], 18);
    assert_eq!(report.bytes, sound().values().map(|bytes| bytes.len() as u64).sum::<u64>());
}

#[test]
fn missing_segments_are_named_and_their_loss_is_certified() {
    let mut files = sound();
    files.remove(&name(3));
    let set = Set::with(&files);
    let found = &set.scan().anomalies;
    assert_eq!((found[0].kind, found[0].seqs), (AnomalyKind::MissingSegment, Some((9, 12))));
    assert!(found[0].path.ends_with(name(4)) && found[0].detail.contains("segment 3"), "{}", found[0].detail);
    assert_eq!(found.len(), 1);
    assert_eq!(set.recover(&RecoveryConfig::repair()).lost, 4);
    assert_eq!(keeps_all(&files, "one in the middle"), [AnomalyKind::MissingSegment]);
    files.remove(&name(4));
    assert_eq!(keeps_all(&files, "two in the middle"), [AnomalyKind::MissingSegment]);
    let mut files = sound();
    files.remove(&name(1));
    assert_eq!(Set::with(&files).recover(&RecoveryConfig::repair()).lost, 4);
    assert_eq!(keeps_all(&files, "the oldest"), [AnomalyKind::MissingSegment]);
    let mut files = sound();
    for number in 1..5 {
        files.remove(&name(number));
    }
    assert_eq!(keeps_all(&files, "all but the newest"), [AnomalyKind::MissingSegment]);
}

#[test]
fn a_file_under_a_wrong_number_keeps_its_facts() {
    let all = sound();
    let mut doubled = all.clone();
    doubled.insert(name(6), all[&name(2)].clone());
    assert!(keeps_all(&doubled, "a copy as the newest").contains(&AnomalyKind::UnexpectedFile));
    let mut doubled = all.clone();
    doubled.insert(name(3), all[&name(2)].clone());
    assert!(keeps_all(&doubled, "a copy over another").contains(&AnomalyKind::UnexpectedFile));
    let mut swapped = all.clone();
    swapped.insert(name(2), all[&name(3)].clone());
    swapped.insert(name(3), all[&name(2)].clone());
    assert!(keeps_all(&swapped, "two exchanged").contains(&AnomalyKind::UnexpectedFile));
    for (from, to) in [(2, 9), (5, 1), (1, 9), (4, 2)] {
        let mut renamed = all.clone();
        let bytes = renamed.remove(&name(from)).unwrap();
        renamed.insert(name(to), bytes);
        assert!(keeps_all(&renamed, &format!("{from} as {to}")).contains(&AnomalyKind::UnexpectedFile));
    }
}

#[test]
fn junk_in_the_oldest_file_takes_no_number_from_facts_that_stand_under_wrong_names() {
    let all = sound();
    let mut files = all.clone();
    files.insert(name(1), vec![0; 3000]);
    files.insert(name(2), [b"\xef\xbb\xbf", &all[&name(5)][..]].concat());
    files.insert(name(3), all[&name(1)].clone());
    assert!(keeps_all(&files, "zeros before the wrong files").contains(&AnomalyKind::UnexpectedFile));

    let mut files = all.clone();
    files.insert(name(1), vec![0; 3000]);
    files.insert(name(2), lines(&all[&name(1)])[1..].concat());
    assert!(keeps_all(&files, "zeros before facts without a header").contains(&AnomalyKind::MissingHeader));
}

#[test]
fn facts_before_the_header_of_their_file_stand_once_behind_a_file_that_belongs_later() {
    let all = sound();
    let doubled = lines(&all[&name(2)])[1].clone();
    let mut files = all.clone();
    files.insert(name(1), all[&name(4)].clone());
    files.insert(name(2), [&doubled[..], &all[&name(2)]].concat());
    files.insert(name(4), all[&name(1)].clone());
    assert!(keeps_all(&files, "a fact before its header").contains(&AnomalyKind::MissingHeader));

    let mut files = all.clone();
    let mut later = lines(&all[&name(4)]);
    later.splice(2..2, lines(&all[&name(2)])[2..4].to_vec());
    files.insert(name(1), later.concat());
    files.insert(name(2), all[&name(1)].clone());
    keeps_all(&files, "facts among those of a later file");
}

/// A file of another log.
fn another(segment: u64, first: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    Header { segment, ..Header::first("another".into(), first, Timestamp::default()) }.encode(&mut bytes);
    bytes.extend(lines(LOG.as_bytes()).into_iter().skip(1).flatten());
    bytes
}

#[test]
fn segments_of_another_log_and_strange_files_are_set_aside_and_never_dropped() {
    let mut files = sound();
    files.insert(name(6), another(6, 19));
    assert_eq!(keeps_all(&files, "another log's as the newest"), [AnomalyKind::ForeignLine]);
    let mut files = sound();
    files.insert(name(3), another(3, 9));
    assert!(keeps_all(&files, "another log's over ours").contains(&AnomalyKind::ForeignLine));
    let mut files = sound();
    files.insert("notes.txt".into(), b"mine".to_vec());
    assert_eq!(keeps_all(&files, "a strange file"), [AnomalyKind::UnexpectedFile]);
    let set = Set::with(&files);
    let aside = set.recover(&RecoveryConfig::repair()).quarantined;
    assert_eq!(fs::read(&aside[0]).unwrap(), b"mine");
    let mut files = sound();
    files.insert(format!("{}.0123456789abcdef.papyra-tmp", name(2)), b"half".to_vec());
    assert_eq!(keeps_all(&files, "a temporary file"), [AnomalyKind::UnexpectedFile]);
}

#[test]
fn what_a_crash_leaves_of_a_rotation_is_no_finding() {
    for rest in [&b""[..], b"{\"kind\":\"log\",\"form"] {
        let mut files = sound();
        files.insert(name(6), rest.to_vec());
        let set = Set::with(&files);
        assert_eq!(set.found(), []);
        assert_eq!(set.append(&facts(1..=3)), [19, 20, 21]);
        assert_eq!(set.found(), []);
    }
}

#[test]
fn damage_in_each_file_is_what_it_is_in_a_single_one() {
    let all = sound();
    for number in 1..=5 {
        let what = |how: &str| format!("{how} in {number}");
        let change = |change: &dyn Fn(&mut Vec<Vec<u8>>)| {
            let mut files = all.clone();
            let mut own = lines(&files[&name(number)]);
            change(&mut own);
            files.insert(name(number), own.concat());
            files
        };
        let torn = change(&|own| drop(own.last_mut().unwrap().drain(20..)));
        let expected = if number == 5 { AnomalyKind::TruncatedLine } else { AnomalyKind::CorruptedLine };
        assert_eq!(keeps_all(&torn, &what("a torn tail")), [expected]);
        let newline = change(&|own| assert!(own.last_mut().unwrap().pop().is_some()));
        keeps_all(&newline, &what("a newline lost"));
        assert_eq!(keeps_all(&change(&|own| own[2][40] ^= 1), &what("a bit")), [AnomalyKind::CorruptedLine]);
        keeps_all(&change(&|own| own[0][40] ^= 1), &what("a header"));
        assert!(
            keeps_all(&change(&|own| drop(own.remove(0))), &what("no header")).contains(&AnomalyKind::MissingHeader)
        );
        assert_eq!(keeps_all(&change(&|own| drop(own.remove(1))), &what("a line lost")), [AnomalyKind::MissingEntries]);
        assert_eq!(keeps_all(&change(&|own| own.swap(1, 2)), &what("disorder")), [AnomalyKind::OutOfOrder]);
        keeps_all(&change(&|own| own.push(own[1].clone())), &what("a double"));
        let outside = b"{\"kind\": \"event\", \"timestamp\": 1700000001}\n";
        let unsealed = change(&|own| own.push(outside.to_vec()));
        assert_eq!(keeps_all(&unsealed, &what("another program's fact")), [AnomalyKind::UnsealedLine]);
        assert_eq!(check(&unsealed, "again").1.len(), 19, "{number}: it is sealed");
        if number < 5 {
            let cut = change(&|own| drop(own.pop()));
            assert_eq!(keeps_all(&cut, &what("the end lost")), [AnomalyKind::MissingEntries]);
            let mut files = all.clone();
            files.insert(name(number), Vec::new());
            assert!(keeps_all(&files, &what("emptied")).contains(&AnomalyKind::MissingHeader));
        }
    }
}

#[test]
fn a_line_in_the_wrong_file_goes_where_it_belongs() {
    let all = sound();
    for (from, to) in [(2, 4), (4, 2), (1, 5), (5, 1)] {
        for copied in [false, true] {
            let mut files = all.clone();
            let mut own = lines(&files[&name(from)]);
            let line = own[2].clone();
            if !copied {
                own.remove(2);
            }
            files.insert(name(from), own.concat());
            let mut other = lines(&files[&name(to)]);
            other.insert(2, line);
            files.insert(name(to), other.concat());
            keeps_all(&files, &format!("from {from} to {to}, copied: {copied}"));
            let set = Set::with(&files);
            set.recover(&RecoveryConfig::repair());
            assert_eq!(set.seqs(), (1..=18).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_recovery_that_ended_between_two_files_is_finished_by_the_next() {
    let outside = b"{\"kind\": \"event\", \"timestamp\": 1700000001}\n".to_vec();
    let mut damaged = sound();
    damaged.get_mut(&name(2)).unwrap().extend_from_slice(&outside);
    damaged.get_mut(&name(4)).unwrap().extend_from_slice(&outside);
    let mut third = lines(&damaged[&name(3)]);
    let line = third.remove(1);
    damaged.insert(name(3), third.concat());
    damaged.get_mut(&name(4)).unwrap().extend(line);
    let whole = Set::with(&damaged);
    whole.recover(&RecoveryConfig::repair());
    let expected = whole.files();
    // In the order in which they are put in their places: where facts are sealed first, then the oldest first.
    let order = [name(5), name(2), name(3), name(4)];
    for done in 0..order.len() {
        let mut files = damaged.clone();
        order[..done].iter().for_each(|name| drop(files.insert(name.clone(), expected[name].clone())));
        let set = Set::with(&files);
        set.recover(&RecoveryConfig::repair());
        assert!(set.files() == expected, "after {done} files");
    }
}

fn now() -> std::time::SystemTime {
    UNIX_EPOCH + std::time::Duration::from_secs(1_700_000_018)
}

fn records(records: u64) -> CompactionConfig {
    CompactionConfig::new(Retention::all(Rule::default().with_max_records(records)), now())
}

#[test]
fn compaction_removes_whole_files_and_rewrites_the_boundary() {
    let set = Set::with(&sound());
    let dry = set.compact(&records(7).dry_run(true));
    assert_eq!(set.files(), sound());
    let report = set.compact(&records(7));
    assert_eq!((report.before_records, report.after_records, report.changed), (18, 7, true));
    assert_eq!((dry.after_records, dry.after_bytes), (7, report.after_bytes));
    assert_eq!(report.after_bytes, set.files().values().map(|bytes| bytes.len() as u64).sum::<u64>());
    assert_eq!(set.seqs(), (12..=18).collect::<Vec<_>>());
    assert_eq!(set.files().into_keys().collect::<Vec<_>>(), [name(3), name(4), name(5)]);
    assert_eq!(set.files()[&name(4)], sound()[&name(4)], "what stays whole is not touched");
    assert_eq!(set.found(), []);
    let bytes = set.files();
    assert!(!set.compact(&records(7)).changed);
    assert_eq!(set.files(), bytes);
    assert_eq!(set.append(&facts(1..=3)), [19, 20, 21]);
    assert_eq!(set.found(), []);
    set.compact(&records(0).allow_empty(true));
    assert_eq!((set.seqs(), set.files().len(), set.found()), (vec![], 1, vec![]));
    assert_eq!(set.append(&facts(1..=1)), [22]);
}

#[test]
fn compaction_by_kind_leaves_headers_of_emptied_files_in_the_middle() {
    let set = Set::empty();
    let letters =
        |n: u64| -> Fact { crate::DeadLetter::new("t://a", "M").at(Timestamp::from_seconds(n as f64).unwrap()).into() };
    set.append(&facts(1..=4));
    set.append(&(0..8).map(letters).collect::<Vec<_>>());
    set.append(&facts(5..=7));
    let rules = Retention::default().with_kind(crate::Kind::DeadLetter, Rule::default().with_max_records(0));
    let report = set.compact(&CompactionConfig::new(rules, now()));
    assert_eq!((report.before_records, report.after_records), (15, 7));
    assert_eq!(set.found(), []);
    assert_eq!(set.seqs(), [1, 2, 3, 4, 13, 14, 15]);
    assert_eq!(set.files()[&name(2)].iter().filter(|byte| **byte == b'\n').count(), 1);
    let bytes = set.files();
    assert!(!set.compact(&CompactionConfig::new(rules, now())).changed);
    assert_eq!(set.files(), bytes);
}

#[test]
fn what_stays_must_be_sound_and_a_fact_of_an_unknown_kind_stays() {
    let mut files = sound();
    files.get_mut(&name(4)).unwrap()[300] ^= 1;
    let set = Set::with(&files);
    let error = block_on(set.log().compact(&records(7))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert_eq!(set.files(), files);
    let set = Set::empty();
    let metric = Fact::from_json(r#"{"kind":"metric","timestamp":1600000000,"n":1}"#).unwrap();
    set.append(&[facts(1..=1), vec![metric], facts(2..=12)].concat());
    set.compact(&records(3));
    assert_eq!(set.scan().entries["unknown"], 1);
    assert_eq!(set.found(), []);
}

#[test]
fn a_compaction_that_ended_at_any_step_leaves_a_sound_log_and_is_finished_by_the_next() {
    let set = Set::with(&sound());
    set.compact(&records(7));
    let expected = set.files();
    // As the steps leave them: the oldest file tells what was dropped, then the boundary does, then the files go.
    let mut files = sound();
    let told = String::from_utf8(lines(&sound()[&name(1)])[0].clone()).unwrap();
    let body = told.replace("\"dropped_through\":0,\"gaps_through\":0", "\"dropped_through\":8,\"gaps_through\":4");
    let body = &body[..body.len() - 19];
    let header = format!("{body},\"crc\":\"{:08x}\"}}\n", crc32c::crc32c(body.as_bytes())).into_bytes();
    let mut steps = Vec::new();
    files.insert(name(1), header);
    steps.push(files.clone());
    files.insert(name(3), expected[&name(3)].clone());
    steps.push(files.clone());
    files.remove(&name(2));
    steps.push(files.clone());
    for (at, files) in steps.iter().enumerate() {
        let set = Set::with(files);
        assert_eq!(set.found(), [], "step {at}");
        assert!(set.seqs().iter().all(|seq| *seq > 8), "step {at}: {:?}", set.seqs());
        assert!(set.compact(&records(7)).changed);
        assert!(set.files() == expected, "step {at}: {:?}", set.files().keys());
        let mut bytes = files.clone();
        bytes.get_mut(&name(4)).unwrap()[300] ^= 1;
        keeps_dropped_dropped(&bytes, at);
    }
}

fn keeps_dropped_dropped(files: &Files, at: usize) {
    let set = Set::with(files);
    let report = set.recover(&RecoveryConfig::repair());
    assert!(report.after.unwrap().is_clean(), "step {at}");
    assert!(set.seqs().iter().all(|seq| *seq > 8), "step {at}: {:?}", set.seqs());
    assert_eq!(set.found(), []);
}

#[test]
fn a_writer_that_rotates_and_a_compaction_that_removes_never_look_like_damage() {
    let set = Set::empty();
    set.append(&facts(1..=20));
    let log = Arc::new(set.log());
    let writing = {
        let log = log.clone();
        std::thread::spawn(move || {
            for n in 0..200 {
                let appended = block_on(log.append(&facts(n..=n))).unwrap();
                assert_eq!((appended.positions[0], appended.remarks.len()), (Position::from_seq(21 + n), 0));
            }
        })
    };
    while !writing.is_finished() {
        set.compact(&records(18));
        let found = set.scan().anomalies;
        assert!(found.is_empty(), "{found:?}");
    }
    writing.join().unwrap();
    block_on(log.close()).unwrap();
    set.compact(&records(18));
    assert_eq!(set.seqs(), (203..=220).collect::<Vec<_>>());
    assert_eq!(set.found(), []);
}

#[test]
fn any_copy_of_a_log_that_grows_can_be_recovered_and_read() {
    let set = Set::empty();
    let log = set.log();
    block_on(log.append(&facts(1..=10))).unwrap();
    let copy = |to: &Path| {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(&set.path).unwrap().map(|entry| entry.unwrap()) {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    };
    for n in 11..40 {
        let (a, b) = (Set::empty(), Set::empty());
        copy(&a.path);
        block_on(log.append(&facts(n..=n))).unwrap();
        // The newest file was copied in the middle of a batch.
        copy(&b.path);
        let files = b.files();
        let (newest, bytes) = files.iter().next_back().unwrap();
        fs::write(b.path.join(newest), &bytes[..bytes.len() - 7]).unwrap();
        for set in [&a, &b] {
            set.recover(&RecoveryConfig::repair());
            assert_eq!(set.found(), []);
            assert!(set.seqs().len() as u64 >= n - 1);
        }
    }
}

#[test]
fn the_newest_file_that_lost_every_newline_is_damage_and_no_interrupted_rotation() {
    for facts_in_it in [1, 2, 4] {
        let mut files = sound();
        let newest = files.get_mut(&name(5)).unwrap();
        let lines: Vec<_> = newest.split_inclusive(|byte| *byte == b'\n').take(1 + facts_in_it).collect();
        *newest = vec![0; lines.concat().len()];
        let zeros = newest.clone();
        let set = Set::with(&files);
        assert_eq!(set.found(), [AnomalyKind::TruncatedLine], "{facts_in_it}");
        let evidence = set._dir.path().join("quarantine");
        let report = set.recover(&RecoveryConfig::quarantine(&evidence));
        assert_eq!(fs::read(&report.quarantined[0]).unwrap(), zeros);
        assert_eq!((set.found(), set.seqs()), (vec![], (1..=16).collect()));
        set.append(&facts(1..=6));
        assert_eq!(set.found(), []);
        // Who writes without a recovery says what was cut.
        let set = Set::with(&files);
        set.append(&facts(1..=1));
        let all = block_on(set.log().read(ReadOptions::oldest_first()).collect()).unwrap();
        let settled = all.iter().filter(|entry| entry.fact.to_json().contains("TailSettled")).count();
        assert_eq!((settled, set.found()), (1, vec![]));
    }
}
