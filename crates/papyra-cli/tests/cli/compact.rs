//! `papyra persistence compact`.

use crate::lab::{Lab, Running, event, events};

const COMPACT: [&str; 2] = ["persistence", "compact"];

#[track_caller]
fn facts(lab: &Lab) -> usize {
    lab.on_log(&["inspect", "events"]).lines().len()
}

#[test]
fn the_figures_stand_before_and_after() {
    let lab = Lab::with(&events(1..=5));
    let before = lab.read("facts.ndjson").len();
    let run = lab.on_log(&[&COMPACT, &["--max-records", "2"][..]].concat());
    let after = lab.read("facts.ndjson").len();
    let expected = [
        "Compaction completed".to_owned(),
        "  before_records: 5".to_owned(),
        "  after_records: 2".to_owned(),
        format!("  before_bytes: {before}"),
        format!("  after_bytes: {after}"),
    ];
    assert_eq!(run.lines(), expected);
    assert_eq!(facts(&lab), 2);
    assert_eq!(lab.on_log(&["persistence", "scan"]).lines(), ["Persistence is healthy"]);
    // Again there is nothing to do.
    let log = lab.read("facts.ndjson");
    let again = lab.on_log(&[&COMPACT, &["--max-records", "2"][..]].concat());
    assert_eq!(again.lines()[..3], ["Compaction completed", "  before_records: 2", "  after_records: 2"]);
    assert_eq!(lab.read("facts.ndjson"), log);
}

#[test]
fn a_dry_run_changes_nothing() {
    let lab = Lab::with(&events(1..=5));
    let (names, log) = (lab.names(), lab.read("facts.ndjson"));
    let run = lab.on_log(&[&COMPACT, &["--max-records", "2", "--dry-run"][..]].concat());
    assert_eq!(
        run.lines()[..3],
        ["Compaction planned, nothing was changed", "  before_records: 5", "  after_records: 2"]
    );
    assert_eq!((lab.names(), lab.read("facts.ndjson")), (names, log));
}

#[test]
fn a_flag_beats_the_same_limit_of_the_log_and_leaves_the_others() {
    let lab = Lab::with(&events(1..=9));
    let url = "json:facts.ndjson?retention.max_records=7&retention.max_bytes=1MiB";
    let compact = |flags: &[&str]| lab.run(&[&COMPACT, flags, &["--url", url]].concat(), "").json();
    assert_eq!(compact(&["-o", "json", "--dry-run"])["after_records"], 7);
    assert_eq!(compact(&["-o", "json", "--dry-run", "--max-bytes", "700"])["after_records"], 4);
    let report = compact(&["-o", "json", "--max-records", "8"]);
    assert_eq!((&report["schema"], &report["after_records"]), (&"papyra.compact/1".into(), &8.into()));
    assert_eq!((&report["ok"], &report["changed"], facts(&lab)), (&true.into(), &true.into(), 8));
    lab.write("papyra.toml", "[retention]\nmax_records = 3\n");
    assert_eq!(lab.on_log(&COMPACT).lines()[2], "  after_records: 3");
}

#[test]
fn without_a_retention_that_is_said() {
    let lab = Lab::with(&events(1..=3));
    let log = lab.read("facts.ndjson");
    let run = lab.on_log(&COMPACT);
    assert!(run.lines()[0].starts_with("nothing is configured to drop"), "{run:?}");
    let report = lab.on_log(&["persistence", "compact", "-o", "json"]).json();
    assert_eq!((&report["ok"], &report["configured"]), (&true.into(), &false.into()));
    assert_eq!(lab.read("facts.ndjson"), log);
}

#[test]
fn a_log_that_is_not_there_is_a_mistake_and_an_empty_one_is_not() {
    let lab = Lab::new();
    for flags in [&[] as &[&str], &["--max-records", "3"], &["--max-records", "3", "--dry-run"]] {
        let run = lab.on_log(&[&COMPACT, flags].concat());
        assert_eq!((run.code, run.stdout.as_str()), (Some(66), ""), "{flags:?} {run:?}");
    }
    assert!(lab.names().is_empty(), "{:?}", lab.names());
    lab.write("facts.ndjson", "");
    assert_eq!(lab.on_log(&[&COMPACT, &["--max-records", "3"][..]].concat()).lines()[1], "  before_records: 0");
    assert_eq!(lab.on_log(&COMPACT).code, Some(0));
    // Opened for writing, and nothing written.
    let lab = Lab::with("");
    assert_eq!(lab.on_log(&[&COMPACT, &["--max-age", "1s"][..]].concat()).lines()[2], "  after_records: 0");
}

#[test]
fn a_damaged_log_and_one_of_which_nothing_would_remain_are_left_alone() {
    let damaged = Lab::damaged();
    let sound = Lab::with(&events(1..=3));
    for (lab, flags, word) in [
        (&damaged, ["--max-records", "1"], "papyra persistence recover"),
        (&damaged, ["--max-records", "9"], "papyra persistence recover"),
        (&sound, ["--max-age", "1s"], "--allow-empty"),
        (&sound, ["--max-records", "0"], "--allow-empty"),
    ] {
        let log = lab.read("facts.ndjson");
        for more in [&[] as &[&str], &["-o", "json"]] {
            let run = lab.on_log(&[&COMPACT, &flags[..], more].concat());
            assert_eq!((run.code, run.stdout.is_empty()), (Some(2), more.is_empty()), "{run:?}");
            assert!(run.stderr.contains(word), "{run:?}");
        }
        assert_eq!(lab.read("facts.ndjson"), log);
    }
    let run = sound.on_log(&[&COMPACT, &["--max-age", "1s", "--allow-empty"][..]].concat());
    assert_eq!(run.lines()[2], "  after_records: 0");
    // Its numbers go on where they were.
    let ack = sound.run(&["append", "--ack", "--path", "facts.ndjson"], event(4));
    assert_eq!(ack.lines(), [r#"{"line":1,"seq":4,"position":"4"}"#]);
}

#[test]
fn a_service_goes_on_writing_beside_it() {
    let lab = Lab::with(&events(1..=5));
    let mut service = Running::start(lab.command(&["append", "--ack", "--path", "facts.ndjson"]));
    for n in 6..=8 {
        service.tell(&(event(n) + "\n"));
        assert_eq!(service.line(), format!(r#"{{"line":{},"seq":{n},"position":"{n}"}}"#, n - 5));
        lab.on_log(&[&COMPACT, &["--max-records", "2"][..]].concat()).lines();
        assert_eq!(facts(&lab), 2);
    }
}

#[test]
fn what_is_no_limit_is_a_usage_error() {
    let lab = Lab::with(&events(1..=3));
    for flags in [["--max-records", "many"], ["--max-records", "-1"], ["--max-age", "1mo"], ["--max-bytes", "10m"]] {
        let run = lab.on_log(&[&COMPACT, &flags[..]].concat());
        assert_eq!((run.code, run.stdout.as_str()), (Some(64), ""), "{flags:?} {run:?}");
    }
    let run = lab.on_log(&[&COMPACT, &["--max-records", "1", "--report", "missing/report.json"][..]].concat());
    assert_eq!((run.code, facts(&lab)), (Some(73), 3), "{run:?}");
}
