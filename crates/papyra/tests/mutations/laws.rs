//! What must hold of every log, sound or damaged.

use std::{collections::BTreeMap, fs, path::PathBuf};

use papyra::{Entry, ErrorKind, Log, Order, ReadOptions, RecoveryConfig, ScanOptions, ScanReport};

use crate::{
    random::Random,
    samples::{self, EPOCH},
};

/// A file for a log.
pub(crate) struct Place {
    _dir: tempfile::TempDir,
    path: PathBuf,
    runtime: tokio::runtime::Runtime,
}

impl Place {
    /// A log of these bytes; none at all makes no file.
    pub(crate) fn with(bytes: &[u8]) -> Place {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.ndjson");
        if !bytes.is_empty() {
            fs::write(&path, bytes).unwrap();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        Place { _dir: dir, path, runtime }
    }

    pub(crate) fn log(&self) -> Log {
        samples::open(&self.path)
    }

    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        fs::read(&self.path).unwrap()
    }

    fn read(&self, options: ReadOptions) -> Vec<Entry> {
        self.run(self.log().read(options).collect()).unwrap()
    }

    fn scan(&self) -> ScanReport {
        self.run(self.log().scan(ScanOptions::deep())).unwrap()
    }

    fn recover(&self) -> papyra::RecoveryReport {
        self.run(self.log().recover(&RecoveryConfig::repair())).unwrap()
    }

    fn append(&self, facts: u64, random: &mut Random) -> Vec<u64> {
        let log = self.log();
        let facts: Vec<_> = (0..facts).map(|n| samples::fact(n, random)).collect();
        let appended = self.run(log.append(&facts)).unwrap();
        self.run(log.close()).unwrap();
        appended.positions.iter().filter_map(|at| at.seq()).collect()
    }
}

/// Whole lines that are sealed, with the number each claims, by an implementation of its own.
pub(crate) fn sealed(bytes: &[u8]) -> Vec<(u64, &[u8])> {
    let whole = bytes.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n"));
    whole.filter_map(|line| Some((number(line)?, line))).collect()
}

/// Whether a line is sealed, whatever it is.
pub(crate) fn is_sealed(line: &[u8]) -> bool {
    let split = line.len().checked_sub(18).map(|at| line.split_at(at));
    split.is_some_and(|(body, trailer)| trailer == format!(",\"crc\":\"{:08x}\"}}", crc32c(body)).as_bytes())
}

fn number(line: &[u8]) -> Option<u64> {
    let body = line.get(..line.len().checked_sub(18)?).filter(|_| is_sealed(line))?;
    let text = std::str::from_utf8(body).ok()?;
    text[text.rfind(",\"seq\":")? + 7..].parse().ok()
}

/// CRC-32C, bit by bit.
fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc: u32, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg()))
    })
}

fn seq(entry: &Entry) -> u64 {
    entry.position.seq().unwrap()
}

/// Of the entries without their order: what a reader finds.
fn gathered(entries: &[Entry]) -> Vec<(u64, String)> {
    let mut all: Vec<_> = entries.iter().map(|entry| (seq(entry), entry.fact.to_json())).collect();
    all.sort();
    all
}

/// A sound log is found sound; every search agrees with reading everything; compaction is what reading shows.
pub(crate) fn of_a_sound_log(bytes: &[u8], mixed: bool, random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let place = Place::with(bytes);
    let found = place.scan();
    assert!(found.is_clean(), "{:#?}", found.anomalies);
    let all = place.read(ReadOptions::oldest_first());
    assert!(all.windows(2).all(|pair| pair[0].position < pair[1].position));
    let mut newest = place.read(ReadOptions::newest_first());
    newest.reverse();
    assert_eq!(newest, all);
    // How late the facts of another log may be is not known.
    for _ in 0..if mixed { 0 } else { 4 } {
        let since = EPOCH + random.below(200) as f64 - 40.0;
        let mut options = ReadOptions::oldest_first().since(since);
        if random.once_in(2) && !all.is_empty() {
            options = options.after(all[random.below(all.len())].position);
        }
        let expected: Vec<_> = all
            .iter()
            .filter(|entry| options.after.is_none_or(|after| entry.position > after))
            .filter(|entry| options.selects(&entry.fact))
            .cloned()
            .collect();
        assert_eq!(place.read(options.clone()), expected, "{options:?}");
        let mut backward = options.clone();
        backward.order = Order::NewestFirst;
        let mut found = place.read(backward);
        found.reverse();
        assert_eq!(found, expected);
    }
    assert_eq!(place.recover().repaired, Vec::<PathBuf>::new());
    assert_eq!(place.bytes(), bytes);
    compaction(bytes, random);
    a_lost_line_is_missed(bytes, random);
}

fn compaction(bytes: &[u8], random: &mut Random) {
    let place = Place::with(bytes);
    let wanted = samples::compaction(random);
    let visible = place.log().with_retention(wanted.retention).with_clock(Fixed(wanted.now));
    let read = |log: &Log, options| place.run(log.read(options).collect()).unwrap();
    let facts = |entries: Vec<Entry>| entries.into_iter().map(|entry| entry.fact.to_json()).collect::<Vec<_>>();
    let shown = facts(read(&visible, ReadOptions::oldest_first()));
    let mut newest = facts(read(&visible, ReadOptions::newest_first()));
    newest.reverse();
    assert_eq!(newest, shown);
    let next = place.run(place.log().last_position()).unwrap();
    place.run(place.log().compact_as(&wanted)).unwrap();
    assert_eq!(facts(place.read(ReadOptions::oldest_first())), shown, "{wanted:?}");
    let found = place.scan();
    assert!(found.is_clean(), "{:#?}", found.anomalies);
    let compacted = place.bytes();
    assert!(!place.run(place.log().compact_as(&wanted)).unwrap().changed);
    a_lost_line_is_missed(&compacted, random);
    if number_line(&compacted) {
        let given = place.append(1, random);
        assert!(next.is_none_or(|next| given[0] > next.seq().unwrap()), "a number was given twice");
        assert!(place.scan().is_clean());
    }
}

fn number_line(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"{\"kind\":\"log\""))
}

/// Any one fact, but for the last, can be told to be missing.
fn a_lost_line_is_missed(bytes: &[u8], random: &mut Random) {
    let lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let Some(header) = lines.iter().position(|line| line.starts_with(b"{\"kind\":\"log\"")) else { return };
    if header + 2 >= lines.len() {
        return;
    }
    let gone = random.within(header + 1..lines.len() - 1);
    if lines[gone].starts_with(b"{\"kind\":\"log\"") {
        return;
    }
    let rest: Vec<u8> =
        lines.iter().enumerate().filter(|(at, _)| *at != gone).flat_map(|(_, line)| *line).copied().collect();
    assert!(!Place::with(&rest).scan().is_clean(), "line {} was lost and not missed", gone + 1);
}

#[derive(Debug)]
struct Fixed(std::time::SystemTime);

impl papyra::Clock for Fixed {
    fn now(&self) -> std::time::SystemTime {
        self.0
    }
}

/// Whatever the damage: it is named in order, both readers agree, what is sound survives, and writing goes on.
pub(crate) fn of_a_damaged_log(bytes: &[u8], mixed: bool, random: &mut Random) {
    if bytes.is_empty() {
        return;
    }
    let place = Place::with(bytes);
    let found = place.scan();
    findings(&found, bytes);
    let before = gathered(&place.read(ReadOptions::oldest_first()));
    let newest = gathered(&place.read(ReadOptions::newest_first()));
    let differ: Vec<_> = before
        .iter()
        .filter(|one| !newest.contains(one))
        .chain(newest.iter().filter(|one| !before.contains(one)))
        .collect();
    assert!(newest == before, "only one order shows {differ:?}, {} {}", before.len(), newest.len());
    if !found.is_clean() {
        let refused = place.run(place.log().compact_as(&samples::compaction(random)));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::Corrupt);
    }
    assert_eq!(place.bytes(), bytes, "whoever looks changes nothing");

    let report = place.recover();
    let recovered = place.bytes();
    let after = place.scan();
    assert!(after.is_clean(), "{:#?}\nafter\n{:#?}", after.anomalies, found.anomalies);
    assert_eq!(report.repaired.is_empty(), recovered == bytes);
    what_is_sound_stays(bytes, &recovered);
    let again = Place::with(bytes);
    assert_eq!(again.recover().lost, report.lost);
    assert!(again.bytes() == recovered, "the same damage gives the same bytes");
    of_a_sound_log(&recovered, mixed, random);

    writing_goes_on(bytes, mixed, random);
    if !recovered.is_empty() {
        writing_goes_on(&recovered, mixed, random);
    }
}

fn findings(found: &ScanReport, bytes: &[u8]) {
    assert_eq!(found.anomalies_total, found.anomalies.len() as u64);
    let places: Vec<_> = found.anomalies.iter().map(|a| (a.offset.unwrap(), a.length.unwrap())).collect();
    assert!(places.is_sorted_by_key(|(offset, _)| *offset), "in the order of the file: {:#?}", found.anomalies);
    let mut regions = places.iter().filter(|(_, len)| *len > 0);
    let mut end = 0;
    assert!(
        regions.all(|(offset, len)| std::mem::replace(&mut end, offset + len) <= *offset),
        "apart: {:#?}",
        found.anomalies
    );
    assert!(places.iter().all(|(offset, len)| offset + len <= bytes.len() as u64));
}

/// Of the whole sealed lines of one number the first stays, byte for byte.
fn what_is_sound_stays(before: &[u8], after: &[u8]) {
    let kept = sealed(after);
    let mut firsts = BTreeMap::new();
    for (number, line) in sealed(before) {
        firsts.entry(number).or_insert(line);
    }
    // Lines before sealing began have taken the first numbers.
    let legacy = before.split(|byte| *byte == b'\n').take_while(|line| !is_sealed(line)).count() as u64;
    let at = |line: &[u8]| before.windows(line.len()).position(|own| own == line);
    for (number, line) in firsts.into_iter().filter(|(number, _)| *number > legacy) {
        let stays: Vec<_> = kept.iter().filter(|(own, _)| *own == number).collect();
        assert_eq!(stays.len(), 1, "entry {number} stands {} times", stays.len());
        // One that stands before it may have been no whole line, but sound.
        assert!(
            at(stays[0].1).is_some_and(|own| Some(own) <= at(line)),
            "entry {number} is not the first of its number"
        );
    }
}

/// New facts get new numbers, nothing that has its newline is touched, and the new facts are read.
fn writing_goes_on(bytes: &[u8], mixed: bool, random: &mut Random) {
    let place = Place::with(bytes);
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let taken: Vec<u64> = sealed(bytes).iter().map(|(number, _)| *number).collect();
    let before = place.scan();
    let given = place.append(3, random);
    let after = place.bytes();
    assert!(after.starts_with(&bytes[..whole]), "a line that has its newline was touched");
    assert!(given.iter().all(|number| !taken.contains(number)), "{given:?} were given twice: {taken:?}");
    let read: Vec<u64> = place.read(ReadOptions::oldest_first()).iter().map(seq).collect();
    assert!(given.iter().all(|number| read.contains(number)));
    let found = place.scan();
    // The header of another log may claim numbers that then are missed.
    assert!(
        mixed || found.anomalies_total <= before.anomalies_total,
        "{:#?}\nwas\n{:#?}",
        found.anomalies,
        before.anomalies
    );
}
