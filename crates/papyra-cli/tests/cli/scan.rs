//! `papyra persistence`.

use std::fs;

use crate::lab::{Lab, events, finish};

#[test]
fn a_healthy_log_is_called_healthy() {
    let lab = Lab::with(&events(1..=3));
    for flags in [&[] as &[&str], &["--deep"], &["-o", "table"]] {
        assert_eq!(lab.on_log(&[&["persistence", "scan"], flags].concat()).lines(), ["Persistence is healthy"]);
    }
    let json = lab.on_log(&["persistence", "scan", "-o", "json"]);
    let report: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((&report["schema"], &report["ok"], &report["exit"]), (&"papyra.scan/1".into(), &true.into(), &0.into()));
    assert_eq!(report["entries"]["event"], 3);
}

#[test]
fn findings_name_file_line_and_byte_and_close_the_gate() {
    let lab = Lab::with(&events(1..=3));
    let log = fs::read_to_string(lab.path("facts.ndjson")).unwrap();
    lab.write("facts.ndjson", log.replace("Event2", "Event9"));
    let offset = log.find(&events(2..=2)[..20]).unwrap();
    let run = lab.on_log(&["persistence", "scan"]);
    assert_eq!(run.code, Some(2));
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines[0], format!("Found {} persistence anomalies:", lines.len() - 1));
    assert!(lines[1].starts_with("- CORRUPTED_LINE: facts.ndjson (line 3, byte "), "{lines:?}");
    assert!(offset > 0 && lines[1].ends_with(')'), "{lines:?}");

    let run = lab.on_log(&["persistence", "scan", "-o", "json", "--report", "report.json"]);
    assert_eq!(run.code, Some(2));
    assert_eq!(fs::read_to_string(lab.path("report.json")).unwrap(), run.stdout);
    let report: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!((&report["ok"], &report["exit"]), (&false.into(), &2.into()));
    assert_eq!(report["anomalies"][0]["line"], 3);
}

#[test]
fn a_gate_stays_closed_though_nobody_reads_the_findings() {
    let lab = Lab::with(&events(1..=3));
    let log = fs::read_to_string(lab.path("facts.ndjson")).unwrap();
    lab.write("facts.ndjson", log.replace("Event2", "Event9"));
    let mut command = lab.command(&["persistence", "scan", "--path", "facts.ndjson"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stdout(writer);
    assert_eq!(finish(command, b"").code, Some(2));
}

#[test]
fn inspect_prints_the_lines_that_scripts_know() {
    let lab = Lab::with(&events(1..=3));
    let expected = [
        "backend: json",
        "retention: max_records=None max_age_seconds=None max_total_bytes=None",
        "events_sampled: 2 (capped)",
        "audits_sampled: 0",
        "dead_letters_sampled: 0",
    ];
    assert_eq!(lab.on_log(&["persistence", "inspect", "--limit", "2"]).lines(), expected);
    let run = lab.on_log(&["persistence", "inspect", "--show-metrics"]);
    assert_eq!(run.lines()[2], "events_sampled: 3");
    assert!(run.lines().contains(&"records_written: 0"), "{run:?}");
    let url = "json:facts.ndjson?retention.max_age=1h&retention.max_records=5&retention.max_bytes=1KiB";
    let run = lab.run(&["persistence", "inspect", "--url", url], "");
    assert_eq!(run.lines()[1], "retention: max_records=5 max_age_seconds=3600 max_total_bytes=1024");
    assert_eq!(lab.run(&["persistence", "inspect", "--path", "missing"], "").code, Some(66));
}

#[test]
fn a_report_never_takes_the_place_of_the_log() {
    let lab = Lab::damaged();
    let log = lab.read("facts.ndjson");
    for command in [
        &["persistence", "scan"] as &[&str],
        &["persistence", "recover"],
        &["persistence", "compact", "--max-records", "1"],
        &["persistence", "startup-check"],
        &["doctor", "run", "--mode", "recover"],
    ] {
        let run = lab.on_log(&[command, &["--report", "./facts.ndjson"]].concat());
        assert_eq!((run.code, run.stdout.as_str()), (Some(64), ""), "{command:?} {run:?}");
        assert_eq!(lab.read("facts.ndjson"), log);
    }
}
