//! Maintenance that is killed at every system call, and run again.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::{
    effort::{count, skip},
    lab::{Kind, LOG, Lab, events, finish},
    ledger,
    strace::{CALLS, Strace},
};

/// The number of a fact that another program appends.
const OUTSIDE: u64 = 900;

/// Files with their names.
type Files = Vec<(String, Vec<u8>)>;

/// What the log's directory holds, without locks and without what carries a time in its name or text.
fn contents(lab: &Lab) -> Files {
    let files = lab.names().into_iter().filter(|name| name != "quarantine");
    files.map(|name| (name.clone(), fs::read(lab.beside(&name)).unwrap())).collect()
}

fn copies(lab: &Lab) -> Vec<(String, Vec<u8>)> {
    let directory = lab.path("quarantine");
    let mut found: Vec<_> = match fs::read_dir(&directory) {
        Ok(entries) => entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect(),
        Err(_) => return Vec::new(),
    };
    found.sort();
    found.into_iter().map(|name| (name.clone(), fs::read(directory.join(name)).unwrap())).collect()
}

/// Runs a command on a log, killed before each call in turn and then run again: the log is as if nothing had happened.
fn survives_death_at_every_call(kind: Kind, log: &Files, args: &[&str], quarantines: bool) {
    let strace = match Strace::find() {
        Ok(strace) => strace,
        Err(why) => return skip(&why),
    };
    let args = [args, &["--url", kind.url()]].concat();
    let begin = || {
        let lab = Lab::of(kind);
        lab.put(log);
        lab
    };
    let undisturbed = begin();
    undisturbed.run(&args, "").ended(0);
    let expected = contents(&undisturbed);
    assert_ne!(expected, *log, "there is something to do");
    let mut stays = ledger::listed(&undisturbed);
    // It is read when it is sealed, and not before.
    stays.retain(|(n, _)| *n != OUTSIDE);
    let deaths = AtomicUsize::new(0);
    for call in CALLS {
        let mut nth = 1;
        loop {
            let lab = begin();
            let killed = finish(strace.command(&lab, call, "signal=KILL", &nth.to_string(), &args), b"");
            if killed.signal != Some(9) && killed.code != Some(137) {
                assert_eq!(killed.code, Some(0), "{call} {nth}: {killed:?}");
                break;
            }
            deaths.fetch_add(1, Ordering::Relaxed);
            let name = format!("killed before {call} {nth}");
            match kind {
                Kind::File => between(&lab, log, &expected, &name),
                _ => between_files(&lab, &stays, quarantines, &name),
            }
            let again = lab.run(&args, "");
            assert_eq!(again.code, Some(0), "{name}: {again:?}");
            assert!(contents(&lab) == expected, "{name}: other bytes, or something is left over: {:?}", lab.names());
            if quarantines {
                evidence(&lab, log, &expected, &name);
            }
            // Ten thousand openings prove no more than some hundreds.
            nth += if kind == Kind::File || nth < 40 { 1 } else { count(7, 1) };
        }
    }
    let deaths = deaths.into_inner();
    println!("{kind:?}, {}: killed {deaths} times", args.join(" "));
    // The shortest of them makes twenty calls; half of that still opens, locks, writes and syncs.
    assert!(deaths >= 10, "strace killed only {deaths} times");
}

/// After the death the log is the old one or the new one, as a reader sees it.
fn between(lab: &Lab, log: &Files, expected: &Files, name: &str) {
    let (log, now) = (&log[0].1, lab.bytes());
    let cut = log.starts_with(&now) && now.ends_with(b"\n");
    assert!(now == *log || now == expected[0].1 || cut, "{name}: the log is neither old nor new");
}

/// Between two files every fact that stays is there, under its number; after a compaction that was killed nothing is damaged.
fn between_files(lab: &Lab, stays: &[(u64, u64)], damaged: bool, name: &str) {
    let now = ledger::listed(lab);
    let missing: Vec<_> = stays.iter().filter(|fact| !now.contains(fact)).collect();
    assert!(missing.is_empty(), "{name}: {missing:?} are not there");
    if !damaged {
        let scan = lab.on_log(&["persistence", "scan"]);
        let harmless =
            scan.stdout.lines().filter(|line| line.starts_with("- ")).all(|line| line.contains("UNEXPECTED_FILE"));
        assert!(harmless, "{name}: {scan:?}");
    }
}

/// One copy of each original that changed, with its manifest, and nothing half done.
fn evidence(lab: &Lab, log: &Files, expected: &Files, name: &str) {
    let copies = copies(lab);
    let changed = log.iter().filter(|file| !expected.contains(file)).count();
    let names: Vec<&str> = copies.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(copies.len(), 2 * changed, "{name}: {names:?}");
    for pair in copies.chunks(2) {
        let [(copy, bytes), (manifest, text)] = pair else { panic!("{name}: {names:?}") };
        assert!(log.iter().any(|(_, original)| original == bytes), "{name}: the evidence is not the original");
        assert_eq!(*manifest, format!("{copy}.json"), "{name}");
        let manifest: serde_json::Value = serde_json::from_slice(text).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(manifest["bytes"], bytes.len(), "{name}");
        let named = manifest["copy"].as_str().unwrap();
        assert!(named.ends_with(copy.as_str()), "{name}: {named}");
        assert!(Path::new(named).file_name().is_some());
    }
}

/// Long enough in the long proof that it is copied in more than one piece.
fn sound() -> Vec<u8> {
    let lab = Lab::new();
    lab.append(&events(0..count(40, 4000))).ended(0);
    lab.bytes()
}

fn file(bytes: Vec<u8>) -> Files {
    vec![(LOG.to_owned(), bytes)]
}

fn damaged() -> Vec<u8> {
    let mut log = sound();
    let middle = log.len() / 2;
    log[middle..middle + 300].fill(0);
    let first = log.iter().position(|byte| *byte == b'\n').unwrap() + 30;
    log[first] ^= 1;
    log.extend_from_slice(b"{\"kind\":\"event\"");
    log
}

/// A log of several segments.
fn sound_segments() -> Files {
    let lab = Lab::of(Kind::Segments);
    (0..5).for_each(|n| drop(lab.append(&events(n * 18..n * 18 + 18)).ended(0)));
    let files = contents(&lab);
    assert!(files.len() > 3, "{:?}", lab.names());
    files
}

/// The same with damage in the second, another program's fact in the third, and a torn tail in the newest.
fn damaged_segments() -> Files {
    let mut files = sound_segments();
    files[1].1[700] ^= 1;
    files[2].1.extend_from_slice(events([OUTSIDE]).as_bytes());
    files.last_mut().unwrap().1.extend_from_slice(b"{\"kind\":\"event\"");
    files
}

#[test]
fn repair_killed_at_every_system_call_and_run_again_gives_the_same_bytes() {
    let args = ["persistence", "recover", "--mode", "repair"];
    survives_death_at_every_call(Kind::File, &file(damaged()), &args, false);
}

#[test]
fn quarantine_killed_at_every_system_call_and_run_again_keeps_one_copy() {
    let args = ["persistence", "recover", "--mode", "quarantine", "--quarantine-dir", "quarantine"];
    survives_death_at_every_call(Kind::File, &file(damaged()), &args, true);
}

#[test]
fn quarantine_of_segments_killed_at_every_system_call_and_run_again_keeps_one_copy_of_each() {
    let args = ["persistence", "recover", "--mode", "quarantine", "--quarantine-dir", "quarantine"];
    survives_death_at_every_call(Kind::Segments, &damaged_segments(), &args, true);
}

#[test]
fn settling_a_torn_tail_killed_at_every_system_call_and_run_again_gives_the_same_bytes() {
    let log = [sound(), b"{\"kind\":\"event\"".to_vec()].concat();
    survives_death_at_every_call(Kind::File, &file(log), &["persistence", "recover"], false);
}

#[test]
fn compaction_killed_at_every_system_call_and_run_again_gives_the_same_bytes() {
    let args = ["persistence", "compact", "--max-records", count("10", "3000")];
    survives_death_at_every_call(Kind::File, &file(sound()), &args, false);
}

#[test]
fn compaction_of_segments_killed_at_every_system_call_and_run_again_gives_the_same_bytes() {
    let args = ["persistence", "compact", "--max-records", "30"];
    survives_death_at_every_call(Kind::Segments, &sound_segments(), &args, false);
}
