//! `papyra doctor run` and `papyra persistence startup-check`: one check, two doors.

use crate::lab::{Lab, Run, events, finish};

const DOORS: [&[&str]; 2] = [&["doctor", "run"], &["persistence", "startup-check"]];

#[track_caller]
fn check(lab: &Lab, door: &[&str], flags: &[&str]) -> Run {
    lab.on_log(&[door, flags].concat())
}

const FOUND: &str = "Found 1 persistence anomalies:";
const QUARANTINE: [&str; 4] = ["--recovery-mode", "quarantine", "--quarantine-dir", "kept"];

#[test]
fn every_mode_in_every_spelling_ends_as_published() {
    for (spellings, damaged, last_line) in [
        (["ignore", "IGNORE", "Ignore"], 0, "- CORRUPTED_LINE"),
        (["scan_only", "SCAN_ONLY", "Scan-Only"], 0, "- CORRUPTED_LINE"),
        (["fail_on_anomaly", "FAIL_ON_ANOMALY", "fail-on-anomaly"], 1, "- CORRUPTED_LINE"),
        (["recover", "RECOVER", "Recover"], 0, "Recovery successful"),
    ] {
        for (door, mode) in DOORS.into_iter().flat_map(|door| spellings.map(|mode| (door, mode))) {
            let lab = Lab::damaged();
            let log = lab.read("facts.ndjson");
            let run = check(&lab, door, &["--mode", mode]);
            assert_eq!(run.code, Some(damaged), "{door:?} {mode} {run:?}");
            let lines: Vec<&str> = run.stdout.lines().collect();
            assert_eq!(lines[0], FOUND, "{run:?}");
            assert!(lines[1].starts_with("- CORRUPTED_LINE: facts.ndjson (line 3, byte "), "{run:?}");
            assert!(lines.last().unwrap().starts_with(last_line), "{run:?}");
            assert_eq!(lab.read("facts.ndjson") != log, last_line.starts_with("Recovery"), "{mode}");

            let sound = Lab::with(&events(1..=3));
            assert_eq!(check(&sound, door, &["--mode", mode]).lines(), ["Persistence is healthy"]);
            let nothing = Lab::new();
            assert_eq!(check(&nothing, door, &["--mode", mode]).lines(), ["no log yet"]);
            assert!(nothing.names().is_empty(), "{:?}", nothing.names());
        }
    }
}

#[test]
fn every_recovery_mode_in_every_spelling_mends_the_log() {
    for door in DOORS {
        for mode in ["repair", "REPAIR", "quarantine", "Quarantine"] {
            let lab = Lab::damaged();
            let original = lab.read("facts.ndjson");
            let flags = ["--mode", "RECOVER", "--recovery-mode", mode, "--quarantine-dir", "kept"];
            let run = check(&lab, door, &flags);
            let lines = run.lines();
            assert_eq!((lines[2], *lines.last().unwrap()), ("repaired facts.ndjson", "Recovery successful"));
            assert!(run.stderr.contains("1 entry was given up"), "{run:?}");
            let copy = lines.iter().find_map(|line| line.strip_prefix("quarantined "));
            assert_eq!(copy.map(|copy| lab.read(copy) == original), mode.starts_with(['q', 'Q']).then_some(true));
            assert_eq!(lab.on_log(&["inspect", "events"]).lines().len(), 2);
            assert_eq!(check(&lab, door, &[]).lines(), ["Persistence is healthy"]);
        }
    }
}

#[test]
fn what_is_not_given_as_a_flag_comes_from_the_environment_the_file_and_the_default() {
    let lab = Lab::damaged();
    let in_env = |mode: &str, flags: &[&str]| {
        let mut command = lab.command(&[&["doctor", "run", "--path", "facts.ndjson"], flags].concat());
        command.env("PAPYRA_STARTUP_MODE", mode);
        finish(command, b"").code
    };
    assert_eq!(check(&lab, DOORS[0], &[]).code, Some(1));
    lab.write("papyra.toml", "[startup]\nmode = \"Scan-Only\"\nrecovery = \"quarantine\"\nquarantine_dir = \"kept\"\n");
    assert_eq!(check(&lab, DOORS[0], &[]).code, Some(0));
    assert_eq!(in_env("FAIL_ON_ANOMALY", &[]), Some(1));
    assert_eq!(in_env("FAIL_ON_ANOMALY", &["--mode", "ignore"]), Some(0));
    let run = check(&lab, DOORS[0], &["--mode", "recover"]);
    assert!(run.lines()[3].starts_with("quarantined kept/facts.ndjson.quarantine."), "{run:?}");
    // A flag replaces one of them only.
    let log = String::from_utf8(lab.read("facts.ndjson")).unwrap();
    lab.write("facts.ndjson", log.replace("Event3", "Event8"));
    let run = check(&lab, DOORS[1], &["--mode", "recover", "--quarantine-dir", "elsewhere"]);
    assert!(run.lines()[3].starts_with("quarantined elsewhere/facts.ndjson.quarantine."), "{run:?}");
}

#[test]
fn what_cannot_be_done_is_refused_before_anything_is_touched() {
    for (flags, code) in [
        (&["--mode", "recover", "--recovery-mode", "quarantine"] as &[&str], 78),
        (&["--recovery-mode", "QUARANTINE"], 78),
        (&["--mode", "recover", "--quarantine-dir", "kept"], 64),
        (&["--mode", "recovery"], 64),
        (&["--mode", ""], 64),
        (&["--recovery-mode", "ignore"], 64),
        (&["--recovery-mode", "fix"], 64),
        (&["--quarantine-dir", ""], 64),
        (&["--timeout", "soon"], 64),
        (&["--mode"], 64),
        (&["--mode", "recover", "--report", "missing/report.json"], 73),
    ] {
        for door in DOORS {
            let lab = Lab::damaged();
            let (names, log) = (lab.names(), lab.read("facts.ndjson"));
            let run = check(&lab, door, flags);
            assert_eq!(run.code, Some(code), "{door:?} {flags:?} {run:?}");
            assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{run:?}");
            assert_eq!((lab.names(), lab.read("facts.ndjson")), (names, log), "{flags:?}");
        }
    }
    let run = check(&Lab::new(), DOORS[0], &["--mode", "recovr"]);
    assert!(run.stderr.contains("did you mean `recover`?"), "{run:?}");
}

#[test]
fn a_torn_tail_passes_only_if_that_is_allowed_and_nothing_else_is_wrong() {
    for door in DOORS {
        let lab = Lab::torn();
        let torn = lab.read("facts.ndjson");
        assert_eq!(check(&lab, door, &[]).code, Some(1));
        let run = check(&lab, door, &["--allow-torn-tail"]);
        assert!(run.lines()[1].starts_with("- TRUNCATED_LINE: "), "{run:?}");
        assert_eq!(lab.read("facts.ndjson"), torn);
        lab.damage();
        assert_eq!(check(&lab, door, &["--allow-torn-tail"]).code, Some(1));
    }
}

#[test]
fn the_report_is_the_same_on_stdout_and_in_the_file() {
    let lab = Lab::damaged();
    let run = check(&lab, DOORS[0], &["-o", "json", "--report", "report.json"]);
    assert_eq!(run.code, Some(1));
    assert_eq!(lab.read("report.json"), run.stdout.as_bytes());
    let report = run.json();
    assert_eq!(report["schema"], "papyra.doctor/1");
    assert_eq!((&report["ok"], &report["exit"]), (&false.into(), &1.into()));
    assert_eq!((&report["mode"], &report["verdict"]), (&"fail_on_anomaly".into(), &"damaged".into()));
    assert_eq!(report["scan"]["anomalies"][0]["kind"], "CORRUPTED_LINE");
    assert!(report["recovery"].is_null());

    let report = check(&lab, DOORS[1], &[&["--mode", "recover", "-o", "json"], &QUARANTINE[..]].concat()).json();
    assert_eq!((&report["ok"], &report["verdict"]), (&true.into(), &"recovered".into()));
    assert_eq!(report["recovery"]["lost"], 1);
    assert_eq!(report["recovery"]["after"]["anomalies_total"], 0);
    let report = Lab::new().on_log(&["doctor", "run", "-o", "json"]).json();
    assert_eq!((&report["ok"], &report["verdict"]), (&true.into(), &"no_log".into()));
}

#[test]
fn a_gate_stays_closed_though_nobody_reads_why() {
    let lab = Lab::damaged();
    for door in DOORS {
        let mut command = lab.command(&[door, &["--path", "facts.ndjson"]].concat());
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        command.stdout(writer);
        assert_eq!(finish(command, b"").code, Some(1));
    }
}

#[test]
fn a_log_of_a_newer_version_is_refused_and_not_recovered() {
    let lab = Lab::with(&events(1..=1));
    lab.write("facts.ndjson", NEWER);
    for (door, code) in DOORS.into_iter().zip([2, 5]) {
        assert_eq!(check(&lab, door, &[]).code, Some(1));
        let run = check(&lab, door, &["--mode", "recover"]);
        assert_eq!(run.code, Some(code), "{run:?}");
        let run = check(&lab, door, &["--mode", "recover", "-o", "json"]);
        assert_eq!((run.json()["exit"].as_i64(), run.code), (Some(code.into()), Some(code)), "{run:?}");
        assert_eq!(lab.read("facts.ndjson"), NEWER.as_bytes());
    }
}

/// A sealed header of the format 2; its checksum is right, or the format would not be believed.
const NEWER: &str = concat!(
    r#"{"kind":"log","format":2,"log_id":"0199f0c2-7a44-7e51-9d0b-3a4f6b1f2c77","segment":1,"first_seq":1,"dropped_th"#,
    r#"rough":0,"gaps_through":0,"kept":0,"kept_xor":"00000000","lost":0,"created":1763620000.0,"crc":"302e4fab"}"#,
    "\n"
);
