//! Maintenance that is killed at every system call, and run again.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::{
    effort::{count, skip},
    lab::{LOG, Lab, events, finish},
    strace::{CALLS, Strace},
};

/// What a directory holds: names with their bytes, without locks and without what carries a time in its name or text.
fn contents(lab: &Lab) -> Vec<(String, Vec<u8>)> {
    lab.names()
        .into_iter()
        .filter(|name| name != "quarantine")
        .map(|name| (name.clone(), fs::read(lab.path(&name)).unwrap()))
        .collect()
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
fn survives_death_at_every_call(log: &[u8], args: &[&str], quarantines: bool) {
    let strace = match Strace::find() {
        Ok(strace) => strace,
        Err(why) => return skip(&why),
    };
    let args = [args, &["--path", LOG]].concat();
    let begin = |lab: &Lab| fs::write(lab.log(), log).unwrap();
    let undisturbed = Lab::new();
    begin(&undisturbed);
    undisturbed.run(&args, "").ended(0);
    let expected = contents(&undisturbed);
    assert_ne!(expected[0].1, log, "there is something to do");
    let deaths = AtomicUsize::new(0);
    for call in CALLS {
        let mut nth = 1;
        loop {
            let lab = Lab::new();
            begin(&lab);
            let killed = finish(strace.command(&lab, call, "signal=KILL", &nth.to_string(), &args), b"");
            if killed.signal != Some(9) && killed.code != Some(137) {
                assert_eq!(killed.code, Some(0), "{call} {nth}: {killed:?}");
                break;
            }
            deaths.fetch_add(1, Ordering::Relaxed);
            let name = format!("killed before {call} {nth}");
            between(&lab, log, &expected, &name);
            let again = lab.run(&args, "");
            assert_eq!(again.code, Some(0), "{name}: {again:?}");
            assert!(contents(&lab) == expected, "{name}: other bytes, or something is left over: {:?}", lab.names());
            if quarantines {
                evidence(&lab, log, &name);
            }
            nth += 1;
        }
    }
    let deaths = deaths.into_inner();
    println!("{}: killed {deaths} times", args.join(" "));
    assert!(deaths > 20, "strace killed only {deaths} times");
}

/// After the death the log is the old one or the new one, as a reader sees it.
fn between(lab: &Lab, log: &[u8], expected: &[(String, Vec<u8>)], name: &str) {
    let now = lab.bytes();
    let cut = log.starts_with(&now) && now.ends_with(b"\n");
    assert!(now == log || now == expected[0].1 || cut, "{name}: the log is neither old nor new");
}

/// One copy of the original with its manifest, and nothing half done.
fn evidence(lab: &Lab, log: &[u8], name: &str) {
    let copies = copies(lab);
    let names: Vec<&str> = copies.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(copies.len(), 2, "{name}: {names:?}");
    assert!(copies[0].1 == log, "{name}: the evidence is not the original");
    assert_eq!(copies[1].0, format!("{}.json", copies[0].0), "{name}");
    let manifest: serde_json::Value = serde_json::from_slice(&copies[1].1).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_eq!(manifest["bytes"], log.len(), "{name}");
    let copy = manifest["copy"].as_str().unwrap();
    assert!(copy.ends_with(&copies[0].0), "{name}: {copy}");
    assert!(Path::new(copy).file_name().is_some());
}

/// Long enough in the long proof that it is copied in more than one piece.
fn sound() -> Vec<u8> {
    let lab = Lab::new();
    lab.append(&events(0..count(40, 4000))).ended(0);
    lab.bytes()
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

#[test]
fn repair_killed_at_every_system_call_and_run_again_gives_the_same_bytes() {
    survives_death_at_every_call(&damaged(), &["persistence", "recover", "--mode", "repair"], false);
}

#[test]
fn quarantine_killed_at_every_system_call_and_run_again_keeps_one_copy() {
    let args = ["persistence", "recover", "--mode", "quarantine", "--quarantine-dir", "quarantine"];
    survives_death_at_every_call(&damaged(), &args, true);
}

#[test]
fn settling_a_torn_tail_killed_at_every_system_call_and_run_again_gives_the_same_bytes() {
    let log = [sound(), b"{\"kind\":\"event\"".to_vec()].concat();
    survives_death_at_every_call(&log, &["persistence", "recover"], false);
}

#[test]
fn compaction_killed_at_every_system_call_and_run_again_gives_the_same_bytes() {
    let kept = count("10", "3000");
    survives_death_at_every_call(&sound(), &["persistence", "compact", "--max-records", kept], false);
}
