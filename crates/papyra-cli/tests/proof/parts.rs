//! A log whose kinds live in different places, one of which has no space left.

use std::fs;

use crate::{effort::skip, lab::Lab, tmpfs::Tmpfs};

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
