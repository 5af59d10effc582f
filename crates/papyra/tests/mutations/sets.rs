//! The same for logs of several files: each is damaged as a single one is, and the files themselves are lost, copied and
//! exchanged.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

use papyra::{Fact, FileConfig, FileLog, Log, ReadOptions, RecoveryConfig, Rotation, ScanOptions, ScanReport};

use crate::{damage, laws, random::Random, samples};

/// Names and bytes.
type Files = BTreeMap<String, Vec<u8>>;

/// A log in a directory.
struct Set {
    _dir: tempfile::TempDir,
    path: PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl Set {
    fn with(files: &Files) -> Set {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::create_dir(&path).unwrap();
        files.iter().for_each(|(name, bytes)| fs::write(path.join(name), bytes).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Set { _dir: dir, path, runtime }
    }

    fn log(&self) -> Log {
        let rotation = Rotation::default().with_segment_records(5);
        let config = FileConfig::rotating(&self.path).with_rotation(rotation);
        Log::new(FileLog::new(config.with_lock_timeout(std::time::Duration::ZERO)))
    }

    fn run<T>(&self, future: impl Future<Output = papyra::Result<T>>) -> T {
        self.runtime.block_on(future).unwrap()
    }

    fn files(&self) -> Files {
        let entries = fs::read_dir(&self.path).unwrap().map(Result::unwrap);
        let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
        let named = files.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap()));
        named.filter(|(name, _)| !name.ends_with(".lock")).collect()
    }

    fn scan(&self) -> ScanReport {
        self.run(self.log().scan(ScanOptions::deep()))
    }

    fn read(&self) -> Vec<(u64, String)> {
        let entries = self.run(self.log().read(ReadOptions::oldest_first()).collect());
        entries.iter().map(|entry| (entry.position.seq().unwrap(), entry.fact.to_json())).collect()
    }

    fn append(&self, from: u64, facts: u64, random: &mut Random) -> Vec<u64> {
        let log = self.log();
        let mut given = Vec::new();
        for n in from..from + facts {
            let appended = self.run(log.append(&[samples::fact(n, random)] as &[Fact]));
            given.extend(appended.positions.iter().filter_map(|position| position.seq()));
        }
        self.run(log.close());
        given
    }
}

/// A sound log of a few files, compacted perhaps.
fn sound(random: &mut Random) -> Files {
    let set = Set::with(&Files::new());
    set.append(1, random.within(8..30) as u64, random);
    if random.once_in(2) {
        set.run(set.log().compact_as(&samples::compaction(random)));
        set.append(40, random.within(1..12) as u64, random);
    }
    set.files()
}

/// What happens to files as a whole.
fn strike(files: &mut Files, random: &mut Random) {
    let names: Vec<String> = files.keys().filter(|name| name.starts_with("facts.")).cloned().collect();
    let mut pick = || names[random.below(names.len())].clone();
    let (one, other) = (pick(), pick());
    let bytes = files[&one].clone();
    match random.below(6) {
        0 if names.len() > 1 => drop(files.remove(&one)),
        1 => drop(files.insert(other, bytes)),
        2 => {
            let before = files.insert(other, bytes).unwrap();
            files.insert(one, before);
        }
        3 => drop(files.insert(format!("facts.{:06}.ndjson", random.within(1..20)), bytes)),
        4 => drop(files.insert(one, Vec::new())),
        _ => drop(files.insert("notes.txt".to_owned(), b"mine".to_vec())),
    }
}

pub(crate) fn round(random: &mut Random) {
    let sound = sound(random);
    let set = Set::with(&sound);
    let found = set.scan();
    assert!(found.is_clean(), "{:#?}", found.anomalies);
    let foreign = samples::foreign(random);
    let (mut files, mut mixed) = (sound.clone(), false);
    for _ in 0..random.within(1..4) {
        if random.once_in(2) {
            strike(&mut files, random);
            continue;
        }
        let names: Vec<String> =
            files.keys().filter(|name| !files[*name].is_empty() && name.starts_with("facts.")).cloned().collect();
        if let Some(name) = names.get(random.below(names.len())) {
            let (bytes, with_foreign) = damage::of(&files[name], &foreign, random);
            files.insert(name.clone(), bytes);
            mixed |= with_foreign;
        }
    }
    of_damaged_files(&files, mixed, random);
}

fn of_damaged_files(files: &Files, mixed: bool, random: &mut Random) {
    let set = Set::with(files);
    if !files.keys().any(|name| name.starts_with("facts.")) {
        return;
    }
    let before = set.scan();
    assert!(set.files() == *files, "a scan changes nothing");
    let report = set.run(set.log().recover(&RecoveryConfig::repair()));
    let recovered = set.files();
    let after = set.scan();
    assert!(after.is_clean(), "{:#?}\nafter\n{:#?}", after.anomalies, before.anomalies);
    assert!(before.is_clean() || report.after.is_some_and(|after| after.is_clean()));
    let again = Set::with(files);
    assert_eq!(again.run(again.log().recover(&RecoveryConfig::repair())).lost, report.lost);
    assert!(again.files() == recovered, "the same damage gives the same bytes");
    assert!(set.run(set.log().recover(&RecoveryConfig::repair())).after.is_none());
    assert!(set.files() == recovered, "a second recovery changes nothing");
    let read = set.read();
    assert!(read.windows(2).all(|pair| pair[0].0 < pair[1].0), "out of order");
    if !mixed {
        what_is_sound_stays(files, &recovered);
    }
    let highest = recovered.values().flat_map(|bytes| laws::sealed(bytes)).map(|(number, _)| number).max();
    let given = set.append(90, 7, random);
    assert!(given.iter().all(|number| highest.is_none_or(|highest| *number > highest)), "{given:?} {highest:?}");
    let found = set.scan();
    assert!(found.is_clean(), "{:#?}", found.anomalies);
    let wanted = samples::compaction(random);
    let report = set.run(set.log().compact_as(&wanted));
    let found = set.scan();
    assert!(found.is_clean(), "after {wanted:?}: {:#?}", found.anomalies);
    assert_eq!(found.entries.values().sum::<u64>(), report.after_records);
    let compacted = set.files();
    assert!(!set.run(set.log().compact_as(&wanted)).changed);
    assert!(set.files() == compacted, "a second compaction changes nothing");
}

/// Of every number that stood anywhere on a whole sealed line, and was not dropped on purpose, one of its lines stays.
fn what_is_sound_stays(before: &Files, after: &Files) {
    let mut lines: BTreeMap<u64, BTreeSet<&[u8]>> = BTreeMap::new();
    for (number, line) in before.values().flat_map(|bytes| laws::sealed(bytes)) {
        lines.entry(number).or_default().insert(line);
    }
    let kept: BTreeMap<u64, &[u8]> = after.values().flat_map(|bytes| laws::sealed(bytes)).collect();
    // Lines before sealing began have taken the first numbers.
    let oldest = before.values().next().map_or(&[][..], Vec::as_slice);
    let legacy = oldest.split(|byte| *byte == b'\n').take_while(|line| !laws::is_sealed(line)).count() as u64;
    let dropped =
        before.values().flat_map(|bytes| bytes.split(|byte| *byte == b'\n')).filter_map(dropped_through).max();
    for (number, lines) in lines.into_iter().filter(|(number, _)| *number > dropped.unwrap_or(0).max(legacy)) {
        assert!(kept.get(&number).is_some_and(|line| lines.contains(line)), "entry {number} was lost");
    }
}

fn dropped_through(line: &[u8]) -> Option<u64> {
    let text =
        std::str::from_utf8(line).ok().filter(|text| text.starts_with("{\"kind\":\"log\"") && laws::is_sealed(line))?;
    let from = text.find("\"dropped_through\":")? + 18;
    text[from..].split(',').next()?.parse().ok()
}
