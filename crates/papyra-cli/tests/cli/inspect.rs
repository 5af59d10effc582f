//! `papyra inspect`.

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use crate::lab::{Lab, Running, event, events, finish};

const MIXED: &str = r#"{"kind":"event","system_id":"orders","actor_address":"orders://worker/3","event_type":"ActorStarted","timestamp":1700000000.123}
{"kind":"event","system_id":"local","actor_address":"local:1","event_type":"ActorStarted","timestamp":1700000001}
{"kind":"event","system_id":"orders","actor_address":"orders://worker/3","event_type":"ActorCrashed","payload":{"error":"boom"},"timestamp":1700000002}
{"kind":"audit","system_id":"orders","timestamp":1700000003,"total_actors":3,"alive_actors":2,"stopping_actors":0,"restarting_actors":1,"dead_letters_count":null}
{"kind":"dead_letter","system_id":"orders","target":"orders://worker/3","message_type":"Place","payload":{"x":1},"why":"stopped","count":2,"timestamp":1700000004}
{"kind":"event","system_id":"orders","actor_address":"orders://worker/4","event_type":"ActorStopped","timestamp":1700000005}
"#;

const STARTED_3: &str = "[1700000000.123] ActorStarted orders://worker/3";
const STARTED_1: &str = "[1700000001.000] ActorStarted local://1";
const CRASHED_3: &str = "[1700000002.000] ActorCrashed orders://worker/3";
const STOPPED_4: &str = "[1700000005.000] ActorStopped orders://worker/4";

#[track_caller]
fn check(lab: &Lab, flags: &[&str], expected: &[&str]) {
    assert_eq!(lab.on_log(&[&["inspect", "events"], flags].concat()).lines(), expected, "{flags:?}");
}

#[test]
fn each_kind_is_listed_in_the_lines_that_scripts_know() {
    let lab = Lab::with(MIXED);
    check(&lab, &[], &[STARTED_3, STARTED_1, CRASHED_3, STOPPED_4]);
    let audits = lab.on_log(&["inspect", "audits"]);
    assert_eq!(audits.lines(), ["[1700000003.000] total=3 alive=2 stopping=0 restarting=1 dead_letters=?"]);
    let letters = lab.on_log(&["inspect", "dead-letters"]);
    let expected = r#"[1700000004.000] target=orders://worker/3 type=Place payload={"x":1} why=stopped count=2"#;
    assert_eq!(letters.lines(), [expected]);
    let summary = lab.on_log(&["inspect", "summary"]);
    assert_eq!(summary.lines()[..2], ["Actors: total=3 alive=2 stopping=0 restarting=1", "Dead letters: ?"]);
}

#[test]
fn nothing_is_said_in_words() {
    let lab = Lab::with("");
    for (what, words) in [
        ("events", "No events recorded."),
        ("audits", "No audit reports recorded."),
        ("dead-letters", "No dead letters recorded."),
    ] {
        assert_eq!(lab.on_log(&["inspect", what]).lines(), [words]);
        assert_eq!(lab.on_log(&["inspect", what, "-o", "json"]).lines(), ["[]"]);
        assert_eq!(lab.on_log(&["inspect", what, "-o", "ndjson"]).stdout, "");
    }
    assert_eq!(lab.on_log(&["inspect", "summary"]).lines()[0], "No audit data available.");
}

#[test]
fn filters_apply_before_the_limit() {
    let lab = Lab::with(MIXED);
    check(&lab, &["--limit", "2"], &[CRASHED_3, STOPPED_4]);
    check(&lab, &["--limit", "2", "--reverse"], &[STOPPED_4, CRASHED_3]);
    check(&lab, &["--reverse"], &[STOPPED_4, CRASHED_3, STARTED_1, STARTED_3]);
    check(&lab, &["--limit", "1", "--event-type", "ActorStarted"], &[STARTED_1]);
    check(&lab, &["--event-type", "*ed", "--event-type", "X"], &[STARTED_3, STARTED_1, CRASHED_3, STOPPED_4]);
    check(&lab, &["--actor", "local:1"], &[STARTED_1]);
    check(&lab, &["--actor", "local://1"], &[STARTED_1]);
    check(&lab, &["--actor", "*/3", "--event-type", "*Crashed"], &[CRASHED_3]);
    check(&lab, &["--system", "loc*"], &[STARTED_1]);
    check(&lab, &["--limit", "0"], &[]);
    let letters = lab.on_log(&["inspect", "dead-letters", "--target", "orders://*", "--message-type", "P*"]);
    assert_eq!(letters.lines().len(), 1);
}

#[test]
fn times_bound_the_listing_on_both_sides() {
    let lab = Lab::with(MIXED);
    check(&lab, &["--since", "1700000001", "--until", "1700000002.0"], &[STARTED_1, CRASHED_3]);
    check(&lab, &["--since", "2023-11-14T22:13:22Z"], &[CRASHED_3, STOPPED_4]);
    check(&lab, &["--until", "2023-11-14 22:13:20.5"], &[STARTED_3]);
    check(&lab, &["--since", "2h"], &["No events recorded."]);
    check(&lab, &["--until", "15 minutes ago", "--limit", "1"], &[STOPPED_4]);
    check(&lab, &["--until", "yesterday", "--limit", "1"], &[STOPPED_4]);
}

#[test]
fn a_position_that_was_printed_is_taken_back() {
    let lab = Lab::with(MIXED);
    check(&lab, &["--after", "2"], &[CRASHED_3, STOPPED_4]);
    check(&lab, &["--after", "6"], &["No events recorded."]);
    let beyond = lab.on_log(&["inspect", "events", "--after", "7"]);
    assert_eq!(beyond.code, Some(66), "{beyond:?}");
}

#[test]
fn json_is_the_stored_object_with_its_position() {
    let lab = Lab::with(MIXED);
    let ndjson = lab.on_log(&["inspect", "events", "-o", "ndjson", "--limit", "2"]);
    let expected = r#"{"kind":"event","system_id":"orders","actor_address":"orders://worker/3","event_type":"ActorCrashed","payload":{"error":"boom"},"timestamp":1700000002,"seq":3,"position":"3"}"#;
    assert_eq!(ndjson.lines()[0], expected);
    let json = lab.on_log(&["inspect", "events", "-o", "json", "--limit", "2"]);
    let array: Vec<serde_json::Value> = serde_json::from_str(&json.stdout).unwrap();
    let lines: Vec<serde_json::Value> = ndjson.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(array, lines);
}

#[test]
fn a_table_has_a_header_and_calendar_times() {
    let lab = Lab::with(MIXED);
    let table = lab.on_log(&["inspect", "events", "-o", "table", "--limit", "1"]);
    let lines = table.lines();
    assert!(lines[0].starts_with("TIME ") && lines[1].starts_with("2023-11-14T22:13:25.000Z       6 "), "{lines:?}");
    let colored = lab.on_log(&["inspect", "events", "-o", "table", "--color", "always"]);
    assert!(colored.stdout.starts_with("\u{1b}[1mTIME"), "{colored:?}");
}

#[test]
fn damage_is_skipped_and_told_once() {
    let lab = Lab::with(&events(1..=5));
    let log = std::fs::read_to_string(lab.path("facts.ndjson")).unwrap();
    lab.write("facts.ndjson", log.replace("Event2", "Event9").replace("Event4", "Event9"));
    for flags in [&[] as &[&str], &["--limit", "9"], &["--reverse"]] {
        let run = lab.on_log(&[&["inspect", "events"], flags].concat());
        assert_eq!(run.lines().len(), 3, "{flags:?}");
        assert_eq!(run.stderr, "skipped 2 damaged lines, run papyra persistence scan\n", "{flags:?}");
    }
}

#[test]
fn following_begins_with_what_is_there_and_goes_on() {
    let lab = Lab::with(&events(1..=3));
    let follow = |flags: &[&str]| {
        let args = [&["inspect", "events", "--follow", "--path", "facts.ndjson"], flags].concat();
        Running::start(lab.command(&args))
    };
    let line = |n: u64| format!("[{}.000] Event{n} local://{n}", 1_700_000_000 + n);
    let mut all = follow(&[]);
    let mut last = follow(&["--limit", "1"]);
    let mut behind = follow(&["--after", "2", "--event-type", "Event?"]);
    assert_eq!([all.line(), all.line(), all.line()], [line(1), line(2), line(3)]);
    assert_eq!((last.line(), behind.line()), (line(3), line(3)));
    assert_eq!(lab.run(&["append", "--path", "facts.ndjson"], event(4)).code, Some(0));
    assert_eq!((all.line(), last.line(), behind.line()), (line(4), line(4), line(4)));
    assert_eq!(all.end_with("INT"), Some(130));
    assert_eq!(follow(&["--after", "99"]).child.wait().unwrap().code(), Some(66));
}

#[test]
fn a_log_that_does_not_exist_yet_can_be_followed() {
    let lab = Lab::new();
    let mut follower = Running::start(lab.command(&["inspect", "events", "-f", "--path", "facts.ndjson"]));
    assert_eq!(lab.run(&["append", "--path", "facts.ndjson"], event(1)).code, Some(0));
    assert_eq!(follower.line(), "[1700000001.000] Event1 local://1");
}

#[test]
fn a_reader_that_has_seen_enough_ends_a_follower_that_waits() {
    let lab = Lab::with(&events(1..=1));
    for (log, here) in [("facts.ndjson", 1), ("not-yet.ndjson", 0)] {
        let mut child = lab.command(&["inspect", "events", "--follow", "--path", log]).spawn().unwrap();
        let read = BufReader::new(child.stdout.take().unwrap()).lines().take(here).count();
        assert_eq!(read, here);
        let ended = child.wait_with_output().unwrap();
        assert_eq!((ended.status.code(), ended.stderr.is_empty()), (Some(0), true), "{log}");
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let lab = Lab::with(&events(1..=20_000));
    let mut command = Command::new("sh");
    lab.settle(&mut command);
    command.args(["-c", "{ papyra inspect events --path facts.ndjson; echo $? >&2; } | head -n 1"]);
    let run = finish(command, b"");
    assert_eq!((run.stdout.lines().count(), run.stderr.as_str()), (1, "0\n"));
}

#[test]
fn a_reader_that_does_not_read_can_be_interrupted() {
    let lab = Lab::with(&events(1..=20_000));
    let mut command = lab.command(&["inspect", "events", "--path", "facts.ndjson"]);
    command.stdin(Stdio::null());
    let mut stuck = Running::start(command);
    // The first line is there, so the pipe is filling; nobody reads the rest.
    stuck.line();
    assert_eq!(stuck.end_with("TERM"), Some(143));
}

#[test]
fn a_limit_of_many_entries_prints_the_same_as_all_of_them() {
    // More than is held at once.
    let lab = Lab::with(&events(1..=20_000));
    let all = lab.on_log(&["inspect", "events"]);
    let all = all.lines();
    let newest = lab.on_log(&["inspect", "events", "--limit", "18000"]);
    assert_eq!(newest.lines(), all[2_000..]);
    let ones = |limit| lab.on_log(&["inspect", "events", "--event-type", "Event1*", "--limit", limit]);
    assert_eq!((ones("99999").lines().len(), ones("11000").lines().len()), (11_111, 11_000));
    assert_eq!(ones("11000").lines(), ones("99999").lines()[111..]);
    assert_eq!(lab.on_log(&["inspect", "events", "--limit", "30000"]).lines(), all);
    let mut follow =
        Running::start(lab.command(&["inspect", "events", "-f", "--limit", "19000", "--path", "facts.ndjson"]));
    for line in &all[1_000..] {
        assert_eq!(follow.line(), *line);
    }
    assert_eq!(lab.run(&["append", "--path", "facts.ndjson"], event(20_001)).code, Some(0));
    assert!(follow.line().contains("Event20001"));
}

#[test]
fn a_log_of_many_segments_is_read_with_few_descriptors() {
    let lab = Lab::new();
    for n in 1..=40 {
        lab.run(&["append", "--url", "rotating:log?segment_records=1"], event(n)).lines();
    }
    let mut shell = Command::new("sh");
    lab.settle(&mut shell);
    shell.args(["-c", "ulimit -n 24 && exec papyra inspect events --path log"]);
    let run = finish(shell, b"");
    assert_eq!((run.lines().len(), run.stderr.as_str()), (40, ""), "{run:?}");
}
