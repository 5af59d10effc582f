//! `papyra persistence recover`.

use crate::lab::{Lab, Running, event, events};

const RECOVER: [&str; 2] = ["persistence", "recover"];

#[test]
fn every_mode_in_every_spelling_does_what_it_says() {
    for (mode, changes, keeps) in [
        ("repair", true, false),
        ("REPAIR", true, false),
        ("quarantine", true, true),
        ("Quarantine", true, true),
        ("ignore", false, false),
        ("IGNORE", false, false),
    ] {
        for dry_run in [false, true] {
            let lab = Lab::damaged();
            let original = lab.read("facts.ndjson");
            let mut flags = vec!["--mode", mode];
            flags.extend(keeps.then_some(["--quarantine-dir", "kept"]).into_iter().flatten());
            flags.extend(dry_run.then_some("--dry-run"));
            let run = lab.on_log(&[&RECOVER, &flags[..]].concat());
            let lines = run.lines();
            assert_eq!(lines[0], "Found 1 persistence anomalies:", "{run:?}");
            let did = changes && !dry_run;
            assert_eq!(lines.contains(&"Recovery completed"), did, "{flags:?} {run:?}");
            assert_eq!(lines.contains(&"repaired facts.ndjson"), did, "{flags:?} {run:?}");
            let copy = lines.iter().find_map(|line| line.strip_prefix("quarantined "));
            assert_eq!(copy.map(|copy| lab.read(copy) == original), (did && keeps).then_some(true), "{run:?}");
            assert_eq!(lab.read("facts.ndjson") != original, did, "{flags:?}");
            let scanned = lab.on_log(&["persistence", "scan"]);
            assert_eq!(scanned.code, Some(if did { 0 } else { 2 }), "{flags:?}");
        }
    }
}

#[test]
fn a_second_run_changes_nothing_and_a_sound_log_is_left_alone() {
    let lab = Lab::damaged();
    lab.on_log(&RECOVER).lines();
    let (names, log) = (lab.names(), lab.read("facts.ndjson"));
    assert_eq!(lab.on_log(&RECOVER).lines(), ["Persistence is healthy", "Recovery completed"]);
    assert_eq!((lab.names(), lab.read("facts.ndjson")), (names, log));
}

#[test]
fn a_first_deployment_has_nothing_to_recover() {
    let lab = Lab::new();
    assert_eq!(lab.on_log(&RECOVER).lines(), ["no log yet"]);
    let report = lab.on_log(&["persistence", "recover", "-o", "json"]).json();
    assert_eq!((&report["schema"], &report["outcome"]), (&"papyra.recover/1".into(), &"no_log".into()));
    assert!(lab.names().is_empty());
}

#[test]
fn what_cannot_be_done_is_refused_before_anything_is_touched() {
    for (flags, code) in [
        (&["--mode", "quarantine"] as &[&str], 78),
        (&["--mode", "QUARANTINE", "--dry-run"], 78),
        (&["--quarantine-dir", "kept"], 64),
        (&["--mode", "mend"], 64),
        (&["--report", "missing/report.json"], 73),
        (&["--mode", "quarantine", "--quarantine-dir", "facts.ndjson"], 73),
    ] {
        let lab = Lab::damaged();
        let log = lab.read("facts.ndjson");
        let run = lab.on_log(&[&RECOVER, flags].concat());
        assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{flags:?} {run:?}");
        assert_eq!(lab.read("facts.ndjson"), log);
    }
}

#[test]
fn beside_a_writer_it_names_the_holder_and_a_dry_run_takes_no_lock() {
    let lab = Lab::damaged();
    let mut holder = Running::start(lab.command(&["append", "--ack", "--path", "facts.ndjson"]));
    holder.tell(&(event(4) + "\n"));
    holder.line();
    let run = lab.on_log(&RECOVER);
    assert_eq!(run.code, Some(75));
    assert!(run.stderr.contains(&holder.child.id().to_string()), "{run:?}");
    assert_eq!(lab.on_log(&["doctor", "run", "--mode", "recover"]).code, Some(75));
    assert_eq!(lab.on_log(&["persistence", "recover", "--dry-run"]).code, Some(0));
}

#[test]
fn the_report_tells_before_and_after() {
    let lab = Lab::damaged();
    let dry = lab.on_log(&["persistence", "recover", "--dry-run", "-o", "json"]).json();
    assert_eq!((&dry["outcome"], &dry["dry_run"], &dry["lost"]), (&"would_recover".into(), &true.into(), &1.into()));
    let run = lab.on_log(&["persistence", "recover", "-o", "json", "--report", "report.json"]);
    assert_eq!(lab.read("report.json"), run.stdout.as_bytes());
    let report = run.json();
    assert_eq!((&report["schema"], &report["ok"]), (&"papyra.recover/1".into(), &true.into()));
    assert_eq!((&report["outcome"], &report["exit"]), (&"recovered".into(), &0.into()));
    assert_eq!(report["before"]["anomalies_total"], 1);
    assert_eq!(report["after"]["anomalies_total"], 0);
    assert_eq!(report["repaired"][0], "facts.ndjson");
}

#[test]
fn retention_is_applied_only_if_that_is_asked_for() {
    let lab = Lab::with(&events(1..=5));
    lab.damage();
    let url = "json:facts.ndjson?retention.max_records=2";
    let run = |flags: &[&str]| lab.run(&[&RECOVER, flags, &["--url", url]].concat(), "");
    let facts = || lab.on_log(&["inspect", "events"]).lines().len();
    run(&[]).lines();
    assert_eq!(facts(), 4);
    let planned = run(&["--apply-retention", "--dry-run"]);
    assert_eq!(planned.lines()[1..3], ["Compaction planned, nothing was changed", "  before_records: 4"]);
    assert_eq!(facts(), 4);
    let done = run(&["--apply-retention"]);
    assert_eq!(done.lines()[2..5], ["Compaction completed", "  before_records: 4", "  after_records: 2"]);
    assert_eq!(facts(), 2);
    let none = lab.on_log(&["persistence", "recover", "--apply-retention"]);
    assert!(none.code == Some(0) && none.stderr.contains("nothing is configured to drop"), "{none:?}");
    // Recovered it is, and said; that nothing would remain is another matter.
    let url = "json:facts.ndjson?retention.max_age=1s";
    let run = lab.run(&[&RECOVER, &["--apply-retention", "--url", url][..]].concat(), "");
    assert_eq!((run.code, run.stdout.lines().count(), facts()), (Some(2), 2, 2), "{run:?}");
    assert!(run.stderr.contains("would remain"), "{run:?}");
}

#[test]
fn hostile_paths_steer_no_terminal() {
    let lab = Lab::damaged();
    let (log, kept) = ("lo\u{1b}[2Jg\nerror: forged.ndjson", "ke\u{9b}pt\nRecovery completed");
    let url = |path: &str| format!("--path={path}");
    for verb in [&["persistence", "recover", "--mode", "quarantine"] as &[&str], &["doctor", "run", "--mode=recover"]] {
        lab.write(log, lab.read("facts.ndjson"));
        let doctors = ["--recovery-mode=quarantine"];
        let mode: &[&str] = if verb[0] == "doctor" { &doctors } else { &[] };
        let dir = format!("--quarantine-dir={kept}");
        for form in [&[] as &[&str], &["-o", "json"]] {
            lab.write(log, lab.read("facts.ndjson"));
            let run = lab.run(&[verb, mode, &[&dir, &url(log)], form].concat(), "");
            assert_eq!(run.code, Some(0), "{run:?}");
            for stream in [&run.stdout, &run.stderr] {
                assert!(!stream.contains(|c: char| c.is_control() && c != '\n'), "{run:?}");
                assert!(!stream.lines().any(|line| line.starts_with("error: forged")), "{run:?}");
            }
            assert!(run.stdout.lines().filter(|line| *line == "Recovery completed").count() <= 1, "{run:?}");
        }
    }
    let refused = lab.run(&["persistence", "compact", "--max-records", "9", &url("no\nerror: forged")], "");
    assert!(refused.code == Some(66) && !refused.stderr.contains("\nerror: forged"), "{refused:?}");
    let refused = lab.on_log(&["doctor", "run", "--mode", "x\nerror: forged\u{1b}[2J"]);
    assert!(refused.code == Some(64) && !refused.stderr.contains("\nerror: forged"), "{refused:?}");
}
