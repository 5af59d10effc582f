//! Backups beside a writer and beside compaction, on a disk that is full, and killed at every system call.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use crate::{
    chance::Chance,
    effort::{count, skip},
    feeder::{Feeder, Pace},
    lab::{Kind, LOG, Lab, event, events, finish},
    ledger::{self, Ledger},
    strace::{CALLS, Strace},
    tmpfs::Tmpfs,
};

/// Makes a backup and gives the name of its folder.
#[track_caller]
fn create(lab: &Lab) -> String {
    let run = lab.on_log(&["backup", "create", "--to", "backups", "-o", "json"]).ended(0);
    let made: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(made["manifest"]["anomalies_total"], 0, "{run:?}");
    assert_eq!(run.stderr, "");
    made["name"].as_str().unwrap().to_owned()
}

/// What is in a restored backup.
#[track_caller]
fn restored(lab: &Lab, name: &str) -> Vec<(u64, u64)> {
    let place = lab.path("restored");
    let _ = fs::remove_dir_all(&place);
    let from = format!("backups/{name}");
    lab.run(&["backup", "restore", &from, "--to", &format!("restored/{LOG}")], "").ended(0);
    let new = Lab::at(&place, Kind::File);
    new.must_be_clean();
    assert_eq!(new.names(), [LOG], "something was left beside the restored log");
    ledger::listed(&new)
}

/// What a backup holds must be the beginning of what was sent, and hold all that was acknowledged before it began.
#[track_caller]
fn must_be_a_prefix(facts: &[(u64, u64)], acknowledged_before: u64, kept: Option<u64>) {
    for pair in facts.windows(2) {
        assert!(pair[0].0 + 1 == pair[1].0 && pair[0].1 < pair[1].1, "{:?} comes before {:?}", pair[0], pair[1]);
    }
    let (first, last) = (facts.first().map_or(1, |(n, _)| *n), facts.last().map_or(0, |(n, _)| *n));
    assert!(last >= acknowledged_before, "{acknowledged_before} was acknowledged, the backup ends at {last}");
    match kept {
        None => assert_eq!(first, 1, "the beginning is missing"),
        Some(kept) => assert!(first == 1 || facts.len() as u64 >= kept, "{} facts of {kept}", facts.len()),
    }
}

/// The addresses of the two kinds of logs. Their readers find them by the same path.
const JSON: &str = "json:facts.ndjson";
const ROTATING: &str = "rotating:facts.ndjson?segment_records=70";

/// What makes the log smaller while it is backed up, and how many of the newest facts stay at least.
#[derive(Clone, Copy, PartialEq)]
enum Smaller {
    Never,
    ByCompaction(u64),
    ByItsWriter(u64),
}

fn beside_a_writer(url: &str, smaller: Smaller) {
    let mut chance = Chance::begin("backups::beside_a_writer");
    let (kept, compacted) = match smaller {
        Smaller::Never => (None, None),
        Smaller::ByCompaction(kept) => (Some(kept), Some(kept)),
        Smaller::ByItsWriter(kept) => (Some(kept), None),
    };
    let lab = Lab::new();
    let mut ledger = Ledger { next: 1, ..Ledger::default() };
    let mut writer = Feeder::start(lab.command(&["append", "--ack", "--url", url]), &ledger, 20, Pace::Acknowledged);
    writer.wait_for(1);
    let over = AtomicBool::new(false);
    let mut compactions = 0;
    std::thread::scope(|scope| {
        let compacting = scope.spawn(|| {
            while let Some(kept) = compacted
                && !over.load(Ordering::Relaxed)
            {
                let run = lab.on_log(&["persistence", "compact", "--max-records", &kept.to_string()]);
                assert!(matches!(run.code, Some(0 | 75)), "{run:?}");
                compactions += u32::from(run.code == Some(0));
            }
        });
        let rounds = count(8, 200);
        for _ in 0..rounds {
            let before = writer.acknowledged() as u64;
            let name = loop {
                let run = lab.on_log(&["backup", "create", "--to", "backups", "-o", "json"]);
                // Compaction is at work: a person tries again, and so do we.
                if compacted.is_some() && run.code == Some(75) {
                    continue;
                }
                let made: serde_json::Value = serde_json::from_str(&run.ended(0).stdout).unwrap();
                break made["name"].as_str().unwrap().to_owned();
            };
            must_be_a_prefix(&restored(&lab, &name), before, kept);
            // Whoever writes is not held up for long, and an older backup stays what it was.
            writer.wait_for(before as usize + 1);
            if chance.below(3) == 0 {
                lab.run(&["backup", "verify", "backups"], "").ended(0);
                fs::remove_dir_all(lab.path("backups")).unwrap();
            }
        }
        over.store(true, Ordering::Relaxed);
        compacting.join().unwrap();
    });
    writer.kill(&mut ledger);
    ledger.check_kept(&lab, kept.unwrap_or(0));
    println!("{} facts, {compactions} compactions", ledger.next);
    assert!(compacted.is_none() || compactions > 2, "too little happened to prove anything");
}

#[test]
fn a_backup_beside_a_writer_is_a_prefix_with_everything_acknowledged_before_it() {
    beside_a_writer(JSON, Smaller::Never);
}

#[test]
fn a_backup_beside_a_writer_and_compaction_is_a_stretch_with_everything_acknowledged_before_it() {
    beside_a_writer(JSON, Smaller::ByCompaction(300));
}

#[test]
fn a_backup_beside_a_writer_that_rotates_is_a_prefix_with_everything_acknowledged_before_it() {
    beside_a_writer(ROTATING, Smaller::Never);
}

#[test]
fn a_backup_beside_a_writer_that_rotates_and_compaction_is_a_stretch_with_everything_acknowledged_before_it() {
    beside_a_writer(ROTATING, Smaller::ByCompaction(300));
}

#[test]
fn a_backup_beside_a_writer_that_drops_its_oldest_files_is_a_stretch_with_everything_acknowledged_before_it() {
    beside_a_writer(&format!("{ROTATING}&max_segments=4"), Smaller::ByItsWriter(200));
}

/// All names below a directory, and the bytes of files.
fn tree(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut below = vec![directory.to_owned()];
    while let Some(path) = below.pop() {
        for entry in fs::read_dir(&path).into_iter().flatten() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(directory).unwrap().display().to_string();
            match path.is_dir() {
                true => below.push(path),
                false => found.push((name, fs::read(&path).unwrap())),
            }
        }
    }
    found.sort();
    found
}

/// A log of this kind, of two files if it rotates.
fn begin(lab: &Lab, url: &str) {
    let url = url.replace("70", count("20", "2000"));
    lab.run(&["append", "--url", &url], events(1..count(40, 4000))).ended(0);
}

/// The files of a log, its locks aside.
fn files(lab: &Lab) -> Vec<(String, Vec<u8>)> {
    let mut found = if lab.log().is_dir() { tree(&lab.log()) } else { vec![(LOG.to_owned(), lab.bytes())] };
    found.retain(|(name, _)| !name.ends_with("lock"));
    found
}

fn backing_up_survives_death_at_every_call(url: &str) {
    let strace = match Strace::find() {
        Ok(strace) => strace,
        Err(why) => return skip(&why),
    };
    let args = ["backup", "create", "--to", "backups", "--path", LOG];
    let mut deaths = 0;
    for call in CALLS {
        for nth in 1.. {
            let lab = Lab::new();
            begin(&lab, url);
            let log = files(&lab);
            let earlier = create(&lab);
            let killed = finish(strace.command(&lab, call, "signal=KILL", &nth.to_string(), &args), b"");
            if killed.signal != Some(9) && killed.code != Some(137) {
                assert_eq!(killed.code, Some(0), "{call} {nth}: {killed:?}");
                break;
            }
            deaths += 1;
            assert!(files(&lab) == log, "killed before {call} {nth}: the log was touched");
            lab.must_be_clean();
            // Whatever calls itself a backup is one.
            let verified = lab.run(&["backup", "verify", "backups"], "").ended(0);
            assert!(verified.stdout.contains(&earlier), "{verified:?}");
            let next = create(&lab);
            let listed = lab.run(&["backup", "list", "backups"], "").ended(0);
            assert!(!listed.stdout.contains("incomplete"), "killed before {call} {nth}: {listed:?}");
            lab.run(&["backup", "restore", &format!("backups/{next}"), "--to", "new"], "").ended(0);
        }
    }
    println!("killed {deaths} times");
    assert!(deaths > 20, "strace killed only {deaths} times");
}

#[test]
fn a_backup_killed_at_every_system_call_is_whole_or_no_backup_and_the_next_one_succeeds() {
    backing_up_survives_death_at_every_call(JSON);
}

#[test]
fn a_backup_of_a_rotating_log_killed_at_every_system_call_is_whole_or_none_and_the_next_one_succeeds() {
    backing_up_survives_death_at_every_call(ROTATING);
}

fn restoring_survives_death_at_every_call(url: &str) {
    let strace = match Strace::find() {
        Ok(strace) => strace,
        Err(why) => return skip(&why),
    };
    let origin = Lab::new();
    begin(&origin, url);
    let name = create(&origin);
    let backup = tree(&origin.path("backups"));
    let facts = ledger::listed(&origin);
    let from = origin.path(&format!("backups/{name}"));
    let args = ["backup", "restore", from.to_str().unwrap(), "--to", LOG];
    let mut deaths = 0;
    for call in CALLS {
        for nth in 1.. {
            let lab = Lab::new();
            let killed = finish(strace.command(&lab, call, "signal=KILL", &nth.to_string(), &args), b"");
            if killed.signal != Some(9) && killed.code != Some(137) {
                assert_eq!(killed.code, Some(0), "{call} {nth}: {killed:?}");
                break;
            }
            deaths += 1;
            let name = format!("killed before {call} {nth}");
            if !lab.log().exists() {
                lab.on_log(&["persistence", "scan"]).ended(66);
                lab.run(&args, "").ended(0);
                assert_eq!(lab.names(), [LOG], "{name}: something is left over");
            }
            assert_eq!(ledger::listed(&lab), facts, "{name}");
            lab.must_be_clean();
            lab.run(&["append", "--path", LOG], event(9_999)).ended(0);
            lab.must_be_clean();
        }
    }
    println!("killed {deaths} times");
    assert!(deaths > 10, "strace killed only {deaths} times");
    assert!(tree(&origin.path("backups")) == backup, "restoring touched the backup");
}

#[test]
fn restoring_killed_at_every_system_call_leaves_no_log_or_the_whole_log() {
    restoring_survives_death_at_every_call(JSON);
}

#[test]
fn restoring_a_rotating_log_killed_at_every_system_call_leaves_no_log_or_the_whole_log() {
    restoring_survives_death_at_every_call(ROTATING);
}

#[test]
fn a_full_disk_leaves_no_backup_and_no_trace_in_the_log() {
    let disk = match Tmpfs::mount("256k") {
        Ok(disk) => disk,
        Err(why) => return skip(&why),
    };
    let lab = Lab::new();
    lab.append(&events(1..400)).ended(0);
    let log = lab.bytes();
    let to = disk.path().join("backups");
    let args = ["backup", "create", "--to", to.to_str().unwrap(), "--path", LOG];
    lab.run(&args, "").ended(0);
    let before = tree(&to);
    // Room for more and more of it, in steps of a page.
    let needed = log.len() + 12 * 4096;
    let (mut full, mut room) = (0, 0);
    while room < needed {
        let filler = disk.fill();
        filler.give_back(room as u64);
        let run = lab.run(&args, "");
        drop(filler);
        match run.code {
            Some(0) => break,
            code => assert!(code == Some(74) || code == Some(73), "{run:?}"),
        }
        assert!(run.stderr.contains("cure: free space"), "{run:?}");
        full += 1;
        room += 4096;
        assert!(tree(&to) == before, "with room for {room} bytes something was left: {run:?}");
        assert!(lab.bytes() == log);
        lab.run(&["backup", "verify", to.to_str().unwrap()], "").ended(0);
    }
    println!("{full} full disks");
    assert!(full > 5 && room < needed, "the disk was full {full} times");
    // The same for a restored log.
    let target = disk.path().join("new.ndjson");
    let from = to.join(fs::read_dir(&to).unwrap().next().unwrap().unwrap().file_name());
    let args = ["backup", "restore", from.to_str().unwrap(), "--to", target.to_str().unwrap()];
    let filler = disk.fill();
    filler.give_back(4 * 4096);
    let run = lab.run(&args, "").ended(74);
    assert!(run.stderr.contains("cure: free space"), "{run:?}");
    assert!(!target.exists() && fs::read_dir(disk.path()).unwrap().count() == 2, "something was left: {run:?}");
}
