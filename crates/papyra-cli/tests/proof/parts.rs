//! A log whose kinds live in different places: one of them has no space left; all of them are backed up and restored.

use std::{fs, path::Path};

use crate::{
    effort::skip,
    lab::{Lab, finish},
    strace::{CALLS, Strace},
    tmpfs::Tmpfs,
};

fn fact(kind: &str, n: u64) -> String {
    format!(r#"{{"kind":"{kind}","event_type":"E","n":{n},"pad":"{}","timestamp":{n}}}"#, "x".repeat(3000)) + "\n"
}

#[test]
fn a_full_disk_of_one_part_stops_no_other_and_what_it_refused_is_named() {
    let disk = match Tmpfs::mount("256k") {
        Ok(disk) => disk,
        Err(why) => return skip(&why),
    };
    let lab = Lab::new();
    let audits = disk.path().join("audits.ndjson");
    let toml = format!("url = \"json:facts.ndjson\"\n[kind.audit]\nurl = \"json:{}\"\n", audits.display());
    fs::write(lab.path("papyra.toml"), toml).unwrap();
    let first = lab.run(&["append", "--ack"], fact("event", 1) + &fact("audit", 2));
    assert_eq!(first.code, Some(0), "{first:?}");

    let filler = disk.fill();
    let lines: Vec<String> = (3..=12).map(|n| fact(if n % 2 == 1 { "event" } else { "audit" }, n)).collect();
    let full = lab.run(&["append", "--ack"], lines.concat());
    assert_eq!(full.code, Some(74), "{full:?}");
    // Every acknowledged line is an event, every line that is not acknowledged is named or was never reached.
    let acked: Vec<u64> = full
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["line"].as_u64().unwrap())
        .collect();
    assert!(!acked.is_empty() && acked.iter().all(|line| line % 2 == 1), "{full:?}");
    assert!(full.stderr.contains("safely written; nothing of the lines 2"), "{full:?}");
    let there = |kind: &str| lab.run(&["inspect", kind, "-o", "ndjson"], "").stdout.lines().count();
    assert_eq!((there("events"), there("audits")), (1 + acked.len(), 1));

    drop(filler);
    let left: String = lines
        .iter()
        .enumerate()
        .filter(|(at, _)| !acked.contains(&(*at as u64 + 1)))
        .map(|(_, line)| line.as_str())
        .collect();
    let again = lab.run(&["append"], left);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!((there("events"), there("audits")), (6, 6));
    assert_eq!(lab.run(&["persistence", "scan", "--deep"], "").code, Some(0));
}

/// Events and dead letters in segments, audits in a file, and some of each.
fn filled() -> Lab {
    let lab = Lab::new();
    fs::write(
        lab.path("papyra.toml"),
        "url = \"rotating:log?segment_records=3\"\n[kind.audit]\nurl = \"json:audits.ndjson\"\n",
    )
    .unwrap();
    for n in 1..=6 {
        lab.run(&["append"], fact("event", n) + &fact("audit", n)).ended(0);
    }
    lab
}

/// The facts of both kinds, as a configuration leads to them.
fn facts(lab: &Lab, configuration: &Path) -> Vec<String> {
    let list = |kind: &str| {
        let args = ["--config", configuration.to_str().unwrap(), "inspect", kind, "-o", "ndjson"];
        lab.run(&args, "").ended(0).stdout
    };
    vec![list("events"), list("audits")]
}

#[test]
fn backing_parts_up_killed_at_every_system_call_leaves_a_whole_backup_or_none() {
    let strace = match Strace::find() {
        Ok(strace) => strace,
        Err(why) => return skip(&why),
    };
    let lab = filled();
    let args = ["backup", "create", "--to", "backups"];
    lab.run(&args, "").ended(0);
    let mut deaths = 0;
    for call in CALLS {
        for nth in 1.. {
            let killed = finish(strace.command(&lab, call, "signal=KILL", &nth.to_string(), &args), b"");
            let whole = lab.run(&["backup", "verify", "backups"], "").ended(0).stdout.lines().count();
            assert!(whole > 0);
            if killed.signal != Some(9) && killed.code != Some(137) {
                assert_eq!(killed.code, Some(0), "{call} {nth}: {killed:?}");
                break;
            }
            deaths += 1;
        }
        // What the killed ones left is cleared away, and as many backups do not stay.
        lab.run(&args, "").ended(0);
        let listed = lab.run(&["backup", "list", "backups"], "").ended(0);
        assert!(!listed.stdout.contains("incomplete"), "{call}: {listed:?}");
        fs::remove_dir_all(lab.path("backups")).unwrap();
        lab.run(&args, "").ended(0);
    }
    println!("killed {deaths} times");
    assert!(deaths > 20, "strace killed only {deaths} times");
}

#[test]
fn restoring_parts_killed_at_every_system_call_leaves_nothing_or_all_of_them() {
    let strace = match Strace::find() {
        Ok(strace) => strace,
        Err(why) => return skip(&why),
    };
    let origin = filled();
    origin.run(&["backup", "create", "--to", "backups"], "").ended(0);
    let expected = facts(&origin, &origin.path("papyra.toml"));
    let from = origin.path("backups");
    let args = ["backup", "restore", from.to_str().unwrap(), "--to", "new"];
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
            if !lab.path("new").exists() {
                lab.run(&args, "").ended(0);
                assert_eq!(lab.names(), ["new"], "killed before {call} {nth}: something is left over");
            }
            let toml = "url = \"rotating:new/event\"\n[kind.audit]\nurl = \"json:new/audit.ndjson\"\n";
            fs::write(lab.path("new.toml"), toml).unwrap();
            assert_eq!(facts(&lab, &lab.path("new.toml")), expected, "killed before {call} {nth}");
            lab.run(&["--config", "new.toml", "persistence", "scan", "--deep"], "").ended(0);
        }
    }
    println!("killed {deaths} times");
    assert!(deaths > 20, "strace killed only {deaths} times");
}
