//! Damage of every kind, to a log of one file and to one of several: found, survived by every sound fact, and mended.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    os::unix::fs::FileExt as _,
};

use papyra::{
    Audit, DeadLetter, Event, Fact, FileConfig, FileLog, Log, Payload, ReadOptions, RecoveryConfig, Rotation,
    ScanOptions, Why,
};

use crate::{
    chance::Chance,
    damager::{self, Files},
    effort::count,
    lab::{Kind, Lab},
};

/// A log of facts of every kind, and what each of its lines says.
struct Specimen {
    kind: Kind,
    files: Files,
    /// The fact of each sealed line, by the line without its newline.
    facts: HashMap<Vec<u8>, (u64, Fact)>,
    order: BTreeMap<u64, Vec<u8>>,
}

fn fact(n: u64) -> Fact {
    let at = papyra::Timestamp::from_seconds(1_700_000_000.25 + n as f64).unwrap();
    let payload =
        Payload::of(&serde_json::json!({ "error": "böse \u{1F4A5} \"}\n{\"kind\":\"event\"", "n": [n, null] }));
    match n % 4 {
        0 => Event::new(format!("orders://worker/{n}"), "ActorCrashed").with_payload(payload).at(at).into(),
        1 => Event::new(format!("orders://worker/{n}"), "ActorStarted").at(at).into(),
        2 => DeadLetter::new("orders://worker/3", "orders::Place").with_why(Why::Stopped).with_count(n).at(at).into(),
        _ => Fact::Audit(Audit::new("orders").at(at)),
    }
}

/// A specimen fills several segments of these sizes, in bytes: it is appended fact by fact.
const SMALL: u64 = 1 << 10;
const LARGE: u64 = 3 << 10;

fn log(lab: &Lab, segment_bytes: u64) -> Log {
    let config = match lab.kind() {
        Kind::File => FileConfig::new(lab.home()),
        _ => FileConfig::rotating(lab.home()).with_rotation(Rotation::default().with_segment_bytes(segment_bytes)),
    };
    Log::new(FileLog::new(config))
}

async fn specimen(kind: Kind, facts: u64, segment_bytes: u64) -> Specimen {
    let lab = Lab::of(kind);
    let log = log(&lab, segment_bytes);
    for n in 0..facts {
        log.append(&[fact(n)]).await.unwrap();
    }
    log.close().await.unwrap();
    let files = lab.files();
    assert!(kind == Kind::File || files.len() > 1, "one segment is a log of one file");
    let entries = log.read(ReadOptions::oldest_first()).collect().await.unwrap();
    assert_eq!(entries.len() as u64, facts);
    let lines = files.iter().flat_map(|(_, bytes)| bytes.split(|byte| *byte == b'\n').skip(1));
    let mut specimen = Specimen { kind, files: files.clone(), facts: HashMap::new(), order: BTreeMap::new() };
    for (line, entry) in lines.filter(|line| !line.is_empty()).zip(entries) {
        let seq = entry.position.seq().unwrap();
        specimen.facts.insert(line.to_vec(), (seq, entry.fact));
        specimen.order.insert(seq, line.to_vec());
    }
    specimen
}

/// The lines of a file, each with its newline.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n')
}

impl Specimen {
    /// The numbers of the facts whose whole line, with its newline, still stands in these files.
    fn untouched(&self, files: &Files) -> Vec<u64> {
        let lines = files.iter().flat_map(|(_, bytes)| lines(bytes));
        let mut found: Vec<u64> =
            lines.filter_map(|line| self.facts.get(line.strip_suffix(b"\n")?)).map(|(seq, _)| *seq).collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// How many of these files begin with a whole header of this log, and the place of the first of them.
    fn headers(&self, files: &Files) -> (usize, Option<usize>) {
        (files.iter().filter(|file| self.heads(file)).count(), files.iter().position(|file| self.heads(file)))
    }

    /// Whether this file begins with a whole header of this log.
    fn heads(&self, (_, bytes): &(String, Vec<u8>)) -> bool {
        lines(bytes).next().is_some_and(|line| self.is_header(line))
    }

    /// Whether a whole header of this log stands anywhere in this file.
    fn heads_a_line_of(&self, (_, bytes): &(String, Vec<u8>)) -> bool {
        lines(bytes).any(|line| self.is_header(line))
    }

    fn is_header(&self, line: &[u8]) -> bool {
        line.ends_with(b"\n") && self.files.iter().any(|(_, own)| lines(own).next() == Some(line))
    }

    /// Whether nothing in these files tells that they are this log's and not the other's: no more headers of this one are whole,
    /// and of as many the other's stands first.
    fn is_outvoted(&self, other: &Specimen, files: &Files) -> bool {
        let ((own, own_first), (others, others_first)) = (self.headers(files), other.headers(files));
        self.kind != Kind::File && (others > own || others == own && others_first < own_first)
    }

    fn holds(&self, seq: u64, fact: &Fact) -> bool {
        self.order.get(&seq).is_some_and(|line| self.facts[line].1 == *fact)
    }

    /// What was damaged back, a log that was cut exactly between two lines or two files, and a header that stands twice, as where
    /// an empty segment was joined with the next, nobody can see.
    fn looks_whole(&self, damaged: &[(String, Vec<u8>)]) -> bool {
        let damaged: Files = damaged.iter().map(|(name, bytes)| (name.clone(), with_each_header_once(bytes))).collect();
        let mut damaged = damaged.as_slice();
        while let [before @ .., (_, newest)] = damaged
            && !before.is_empty()
            && is_unborn(newest)
        {
            damaged = before;
        }
        let Some(((name, newest), before)) = damaged.split_last() else { return true };
        let Some((own_name, own)) = self.files.get(before.len()) else { return false };
        let is_cut = newest.is_empty() || newest.ends_with(b"\n");
        self.files.starts_with(before) && name == own_name && own.starts_with(newest) && is_cut
    }
}

fn with_each_header_once(bytes: &[u8]) -> Vec<u8> {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    lines.dedup_by(|line, before| line == before && line.starts_with(br#"{"kind":"log""#));
    lines.concat()
}

/// What an interrupted rotation leaves of the newest file: less than a header, and nothing that was acknowledged.
fn is_unborn(bytes: &[u8]) -> bool {
    bytes.len() <= 300 && !bytes.contains(&b'\n')
}

/// What a reader gets: the numbers of our facts; `false` for one that neither log ever held.
async fn read(log: &Log, ours: &Specimen, other: Option<&Specimen>) -> Result<Vec<u64>, String> {
    let mut seqs = Vec::new();
    for entry in log.read(ReadOptions::oldest_first()).collect().await.map_err(|error| error.to_string())? {
        let seq = entry.position.seq().unwrap();
        if ours.holds(seq, &entry.fact) {
            seqs.push(seq);
        } else if !other.is_some_and(|other| other.holds(seq, &entry.fact)) {
            return Err(format!("altered: {seq} {:?}", entry.fact));
        }
    }
    Ok(seqs)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

#[test]
fn every_single_flipped_bit_is_found_and_costs_at_most_the_facts_it_touches() {
    every_bit_is_flipped(Kind::File, count(8, 60));
}

#[test]
fn every_single_flipped_bit_of_segments_is_found_and_costs_at_most_the_facts_it_touches() {
    every_bit_is_flipped(Kind::Segments, count(8, 60));
}

fn every_bit_is_flipped(kind: Kind, facts: u64) {
    runtime().block_on(async {
        let ours = specimen(kind, facts, SMALL).await;
        let lab = Lab::of(kind);
        lab.put(&ours.files);
        let log = log(&lab, SMALL);
        let mut flips = 0;
        for (name, bytes) in &ours.files {
            let file = File::options().write(true).open(lab.beside(name)).unwrap();
            for (at, byte) in bytes.iter().enumerate() {
                for bit in 0..8 {
                    file.write_all_at(&[byte ^ (1 << bit)], at as u64).unwrap();
                    let flip = || format!("bit {bit} of byte {at} of {name}");
                    let found = log.scan(ScanOptions::default()).await.unwrap();
                    assert!(!found.is_clean(), "{} can change unseen", flip());
                    let seqs = read(&log, &ours, None).await.unwrap_or_else(|error| panic!("{}: {error}", flip()));
                    // A flipped newline joins two lines; both are still found in the one.
                    assert!(seqs.len() + 1 >= ours.facts.len(), "{} costs more than one fact: {seqs:?}", flip());
                    assert!(seqs.is_sorted_by(|a, b| a < b), "{}: {seqs:?}", flip());
                    flips += 1;
                }
                file.write_all_at(&[*byte], at as u64).unwrap();
            }
        }
        assert!(log.scan(ScanOptions::default()).await.unwrap().is_clean(), "all was put back");
        println!("{kind:?}: {flips} flips of {} facts in {} files", ours.facts.len(), ours.files.len());
    });
}

#[test]
fn damage_of_every_kind_is_reported_survived_and_mended() {
    damaged_at_random(Kind::File);
}

#[test]
fn damage_of_every_kind_to_segments_is_reported_survived_and_mended() {
    damaged_at_random(Kind::Segments);
}

fn damaged_at_random(kind: Kind) {
    let mut chance = Chance::begin(&format!("damage::{kind:?}"));
    runtime().block_on(async {
        let (ours, other) = (specimen(kind, 60, LARGE).await, specimen(Kind::File, 40, LARGE).await);
        let foreign = &other.files[0].1;
        let mut undone = 0;
        let cases = count(300, 10_000);
        // One case of a seed, at once.
        let only: Option<u64> = std::env::var("PAPYRA_CASE").ok().map(|case| case.parse().unwrap());
        assert!(only.is_none_or(|only| only < cases), "there are {cases} cases");
        for case in 0..cases {
            let mut damaged = ours.files.clone();
            let mut kinds = Vec::new();
            for _ in 0..chance.between(1, 5) {
                // Whole files are lost, copied and exchanged only where there are several.
                kinds.push(match kind != Kind::File && chance.below(3) == 0 {
                    true => damager::damage_files(&mut damaged, foreign, &mut chance).to_owned(),
                    false => {
                        let at = chance.below(damaged.len());
                        let (name, bytes) = &mut damaged[at];
                        format!("{} in {name}", damager::damage(bytes, foreign, &mut chance))
                    }
                });
            }
            if only.is_some_and(|only| only != case) {
                continue;
            }
            let name = format!("case {case}: {kinds:?}");
            undone += u64::from(!mend(&name, &ours, &other, &damaged).await);
        }
        println!("{kind:?}: {cases} cases, {undone} of them nobody can see");
        assert!(undone * 4 < cases, "too little was damaged to prove anything");
    });
}

/// Finds and mends damage; `false` if nobody can see it.
async fn mend(name: &str, ours: &Specimen, other: &Specimen, damaged: &Files) -> bool {
    let lab = Lab::of(ours.kind);
    lab.put(damaged);
    let log = log(&lab, LARGE);
    let found = log.scan(ScanOptions::deep()).await.unwrap();
    if found.is_clean() {
        assert!(ours.looks_whole(damaged), "{name}: not reported");
        return false;
    }
    let untouched = ours.untouched(damaged);
    let seqs = read(&log, ours, Some(other)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    let lost: Vec<_> = untouched.iter().filter(|seq| !seqs.contains(seq)).collect();
    assert!(lost.is_empty(), "{name}: the sound facts {lost:?} are not read");

    let evidence = lab.path("quarantine");
    let report = log.recover(&RecoveryConfig::quarantine(&evidence)).await.unwrap_or_else(|e| panic!("{name}: {e:?}"));
    let after = report.after.unwrap_or_else(|| panic!("{name}: nothing was done"));
    assert!(after.is_clean(), "{name}: {:?}", after.anomalies);
    let mended = lab.files();
    let copies: Vec<Vec<u8>> = report.quarantined.iter().map(|copy| fs::read(copy).unwrap()).collect();
    for (file, bytes) in damaged.iter().filter(|file| !mended.contains(file)) {
        assert!(is_unborn(bytes) || copies.contains(bytes), "{name}: the evidence lacks the original of {file}");
    }
    let kept = ours.untouched(&mended);
    // Two logs have a fact of one number: the first stays, and the evidence holds both.
    let contested = other.untouched(damaged);
    // A segment that calls itself another log's, and in no line ours, is set aside whole.
    let is_theirs =
        |file: &(String, Vec<u8>)| ours.kind != Kind::File && other.heads(file) && !ours.heads_a_line_of(file);
    let sound = ours.untouched(&damaged.iter().filter(|file| !is_theirs(file)).cloned().collect());
    let lost: Vec<_> = sound.iter().filter(|seq| !kept.contains(seq) && !contested.contains(seq)).collect();
    // Where another log has more headers the files are taken for its own; ours are set aside whole, as the evidence shows.
    assert!(lost.is_empty() || ours.is_outvoted(other, damaged), "{name}: recovery lost the sound facts {lost:?}");
    let seqs = read(&log, ours, Some(other)).await.unwrap_or_else(|error| panic!("{name}: after recovery: {error}"));
    assert!(seqs.is_sorted_by(|a, b| a < b), "{name}: after recovery: {seqs:?}");

    // The same damage is mended the same way, and what is mended stays as it is.
    let again = Lab::of(ours.kind);
    again.put(damaged);
    self::log(&again, LARGE).recover(&RecoveryConfig::repair()).await.unwrap();
    assert!(again.files() == mended, "{name}: a second recovery of the same damage gave other bytes");
    let second = log.recover(&RecoveryConfig::repair()).await.unwrap();
    assert!(second.after.is_none() && lab.files() == mended, "{name}: a second recovery changed something");
    log.append(&[fact(1000)]).await.unwrap_or_else(|error| panic!("{name}: append after recovery: {error:?}"));
    log.close().await.unwrap();
    let whole = log.scan(ScanOptions::deep()).await.unwrap();
    assert!(whole.is_clean(), "{name}: an append after recovery: {:?}", whole.anomalies);
    true
}
