//! Damage of every kind: found, survived by every sound fact, and mended.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    os::unix::fs::FileExt as _,
};

use papyra::{
    Audit, DeadLetter, Event, Fact, FileConfig, FileLog, Log, Payload, ReadOptions, RecoveryConfig, ScanOptions, Why,
};

use crate::{chance::Chance, damager, effort::count, lab::Lab};

/// A log of facts of every kind, and what each of its lines says.
struct Specimen {
    bytes: Vec<u8>,
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

fn log(lab: &Lab) -> Log {
    Log::new(FileLog::new(FileConfig::new(lab.log())))
}

async fn specimen(facts: u64) -> Specimen {
    let lab = Lab::new();
    let log = log(&lab);
    for n in 0..facts {
        log.append(&[fact(n)]).await.unwrap();
    }
    log.close().await.unwrap();
    let bytes = lab.bytes();
    let entries = log.read(ReadOptions::oldest_first()).collect().await.unwrap();
    assert_eq!(entries.len() as u64, facts);
    let lines = bytes.split(|byte| *byte == b'\n').skip(1);
    let mut specimen = Specimen { bytes: bytes.clone(), facts: HashMap::new(), order: BTreeMap::new() };
    for (line, entry) in lines.zip(entries) {
        let seq = entry.position.seq().unwrap();
        specimen.facts.insert(line.to_vec(), (seq, entry.fact));
        specimen.order.insert(seq, line.to_vec());
    }
    specimen
}

impl Specimen {
    /// The numbers of the facts whose whole line, with its newline, still stands in these bytes.
    fn untouched(&self, bytes: &[u8]) -> Vec<u64> {
        let mut found: Vec<u64> = bytes
            .split_inclusive(|byte| *byte == b'\n')
            .filter_map(|line| self.facts.get(line.strip_suffix(b"\n")?))
            .map(|(seq, _)| *seq)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    fn holds(&self, seq: u64, fact: &Fact) -> bool {
        self.order.get(&seq).is_some_and(|line| self.facts[line].1 == *fact)
    }
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
    runtime().block_on(async {
        let ours = specimen(count(8, 60)).await;
        let lab = Lab::new();
        fs::write(lab.log(), &ours.bytes).unwrap();
        let file = File::options().write(true).open(lab.log()).unwrap();
        let log = log(&lab);
        for (at, byte) in ours.bytes.iter().enumerate() {
            for bit in 0..8 {
                file.write_all_at(&[byte ^ (1 << bit)], at as u64).unwrap();
                let found = log.scan(ScanOptions::default()).await.unwrap();
                assert!(!found.is_clean(), "bit {bit} of byte {at} can change unseen");
                let seqs = read(&log, &ours, None).await.unwrap_or_else(|e| panic!("bit {bit} of byte {at}: {e}"));
                // A flipped newline joins two lines; both are still found in the one.
                assert!(
                    seqs.len() + 1 >= ours.facts.len(),
                    "bit {bit} of byte {at} costs more than one fact: {seqs:?}"
                );
                assert!(seqs.is_sorted_by(|a, b| a < b), "bit {bit} of byte {at}: {seqs:?}");
            }
            file.write_all_at(&[*byte], at as u64).unwrap();
        }
        println!("{} flips of {} facts", ours.bytes.len() * 8, ours.facts.len());
    });
}

#[test]
fn damage_of_every_kind_is_reported_survived_and_mended() {
    let mut chance = Chance::begin("damage");
    runtime().block_on(async {
        let (ours, other) = (specimen(60).await, specimen(40).await);
        for case in 0..count(300, 10_000) {
            let mut damaged = ours.bytes.clone();
            let kinds: Vec<&str> =
                (0..chance.between(1, 5)).map(|_| damager::damage(&mut damaged, &other.bytes, &mut chance)).collect();
            let name = format!("case {case}: {kinds:?}");
            mend(&name, &ours, &other, &damaged).await;
        }
    });
}

async fn mend(name: &str, ours: &Specimen, other: &Specimen, damaged: &[u8]) {
    let lab = Lab::new();
    fs::write(lab.log(), damaged).unwrap();
    let log = log(&lab);
    let found = log.scan(ScanOptions::deep()).await.unwrap();
    // What was damaged back, and a log that was cut exactly between two lines, nobody can see.
    let looks_whole = ours.bytes.starts_with(damaged) && damaged.ends_with(b"\n");
    if found.is_clean() {
        assert!(looks_whole || damaged.is_empty(), "{name}: not reported");
        return;
    }
    let untouched = ours.untouched(damaged);
    let seqs = read(&log, ours, Some(other)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    let lost: Vec<_> = untouched.iter().filter(|seq| !seqs.contains(seq)).collect();
    assert!(lost.is_empty(), "{name}: the sound facts {lost:?} are not read");

    let evidence = lab.path("quarantine");
    let report = log.recover(&RecoveryConfig::quarantine(&evidence)).await.unwrap_or_else(|e| panic!("{name}: {e:?}"));
    let after = report.after.unwrap_or_else(|| panic!("{name}: nothing was done"));
    assert!(after.is_clean(), "{name}: {:?}", after.anomalies);
    assert_eq!(fs::read(&report.quarantined[0]).unwrap(), damaged, "{name}: the evidence is not the original");
    let mended = lab.bytes();
    let kept = ours.untouched(&mended);
    // Two logs have a fact of one number: the first stays, and the evidence holds both.
    let contested = other.untouched(damaged);
    let lost: Vec<_> = untouched.iter().filter(|seq| !kept.contains(seq) && !contested.contains(seq)).collect();
    assert!(lost.is_empty(), "{name}: recovery lost the sound facts {lost:?}");
    let seqs = read(&log, ours, Some(other)).await.unwrap_or_else(|error| panic!("{name}: after recovery: {error}"));
    assert!(seqs.is_sorted_by(|a, b| a < b), "{name}: after recovery: {seqs:?}");

    // The same damage is mended the same way, and what is mended stays as it is.
    let again = Lab::new();
    fs::write(again.log(), damaged).unwrap();
    self::log(&again).recover(&RecoveryConfig::repair()).await.unwrap();
    assert!(again.bytes() == mended, "{name}: a second recovery of the same damage gave other bytes");
    let second = log.recover(&RecoveryConfig::repair()).await.unwrap();
    assert!(second.after.is_none() && lab.bytes() == mended, "{name}: a second recovery changed something");
    log.append(&[fact(1000)]).await.unwrap_or_else(|error| panic!("{name}: append after recovery: {error:?}"));
    log.close().await.unwrap();
    let whole = log.scan(ScanOptions::deep()).await.unwrap();
    assert!(whole.is_clean(), "{name}: an append after recovery: {:?}", whole.anomalies);
}
