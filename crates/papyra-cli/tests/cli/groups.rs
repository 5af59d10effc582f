//! `papyra groups` on a real server.

use serde_json::Value;

use crate::{
    lab::{Lab, Run, event, events},
    redis_lab::Server,
};

/// A directory, a server, and the program that finds its log there.
struct Bench {
    lab: Lab,
    server: Server,
}

impl Bench {
    fn new() -> Self {
        Bench { lab: Lab::new(), server: Server::start() }
    }

    /// With these events in the log.
    #[track_caller]
    fn with(numbers: impl IntoIterator<Item = u64>) -> Self {
        let bench = Bench::new();
        assert_eq!(bench.run(&["append"], &events(numbers)).code, Some(0));
        bench
    }

    #[track_caller]
    fn run(&self, args: &[&str], stdin: &str) -> Run {
        let url = self.server.url("prefix=papyra");
        self.lab.run(&[args, &["--url", &url]].concat(), stdin)
    }

    /// Runs a command of `groups`.
    #[track_caller]
    fn groups(&self, args: &[&str]) -> Run {
        self.run(&[&["groups"], args].concat(), "")
    }

    /// Reads as the consumer `a` of the group `workers`, and gives the lines.
    #[track_caller]
    fn read(&self, more: &[&str]) -> Vec<String> {
        let run = self.groups(&[&["read", "--group", "workers", "--consumer", "a"], more].concat());
        run.lines().into_iter().map(str::to_owned).collect()
    }
}

fn types(lines: &[String]) -> Vec<String> {
    lines
        .iter()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["event_type"].as_str().unwrap().to_owned())
        .collect()
}

fn position(line: &str) -> String {
    serde_json::from_str::<Value>(line).unwrap()["position"].as_str().unwrap().to_owned()
}

#[test]
fn facts_are_shipped_to_a_file_and_acknowledged_afterwards() {
    let bench = Bench::with(1..=5);
    let batch = bench.read(&[]).join("\n");
    let shipped = bench.lab.run(&["append", "--path", "archive.ndjson"], &batch);
    assert_eq!((shipped.code, shipped.stderr.as_str()), (Some(0), "appended 5 facts\n"));
    let acknowledged = bench.run(&["groups", "ack", "--group", "workers"], &batch);
    assert_eq!(acknowledged.lines(), ["acknowledged 5 entries"]);
    let again = bench.run(&["groups", "ack", "--group", "workers"], &batch);
    assert_eq!(again.lines(), ["acknowledged 0 entries; 5 were not pending before"]);
    let archive = String::from_utf8(bench.lab.read("archive.ndjson")).unwrap();
    for n in 1..=5 {
        // Nothing of the log that it came from is left in it.
        let line = format!(r#"{},"seq":{n},"crc":""#, event(n).trim_end_matches('}'));
        assert!(archive.contains(&line), "{line}\n{archive}");
    }
    let state = bench.groups(&["list", "-o", "json"]).json();
    assert_eq!(
        (&state["schema"], &state["groups"][0]["pending"], &state["groups"][0]["lag"]),
        (&"papyra.groups/1".into(), &0.into(), &0.into())
    );
}

#[test]
fn what_was_read_and_never_acknowledged_comes_again_when_it_is_asked_for() {
    let bench = Bench::with(1..=3);
    let first = bench.read(&["--count", "2"]);
    assert_eq!(types(&first), ["Event1", "Event2"]);
    assert_eq!(types(&bench.read(&["--pending"])), ["Event1", "Event2"]);
    assert_eq!(types(&bench.read(&[])), ["Event3"]);
    assert_eq!(bench.read(&[]), Vec::<String>::new());
    let one = position(&first[0]);
    assert_eq!(bench.groups(&["ack", "--group", "workers", &one]).lines(), ["acknowledged 1 entry"]);
    assert_eq!(types(&bench.read(&["--pending", "--count", "1"])), ["Event2"]);
    assert_eq!(types(&bench.read(&["--pending"])), ["Event2", "Event3"]);
}

#[test]
fn a_read_waits_for_what_comes() {
    let bench = Bench::new();
    bench.groups(&["create", "workers"]).lines();
    let mut waiting = bench.lab.command(&["groups", "read", "--group", "workers", "--consumer", "a", "--block", "60s"]);
    let mut waiting = crate::lab::Running::start({
        waiting.args(["--url", &bench.server.url("prefix=papyra")]);
        waiting
    });
    let mut client = bench.server.client();
    while !client.call(["CLIENT", "LIST"]).text().contains("cmd=xreadgroup") {
        std::thread::yield_now();
    }
    bench.run(&["append"], &events([7])).lines();
    assert_eq!(types(&[waiting.line()]), ["Event7"]);
    assert_eq!(waiting.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_group_begins_where_it_is_told_and_only_once() {
    let bench = Bench::with(1..=2);
    let made = bench.groups(&["create", "workers", "--from", "$"]);
    assert_eq!(made.lines(), ["created the consumer group `workers` of kind event, beginning with the next entry"]);
    let again = bench.groups(&["create", "workers"]);
    assert_eq!(again.lines(), ["the consumer group `workers` of kind event exists already"]);
    assert_eq!(bench.groups(&["create", "workers", "-o", "json"]).json()["changed"], false);
    bench.run(&["append"], &events([3])).lines();
    assert_eq!(types(&bench.read(&[])), ["Event3"]);
    // Each kind has groups of its own.
    let audits = bench.groups(&["list", "--kind", "audits"]);
    assert_eq!(audits.lines(), ["No consumer groups."]);
}

#[test]
fn what_others_left_is_claimed_and_what_nobody_can_handle_is_set_aside() {
    let bench = Bench::with(1..=2);
    bench.read(&[]);
    let claim = |more: &[&str]| {
        bench.groups(&[&["claim", "--group", "workers", "--consumer", "b", "--max-deliveries", "2"], more].concat())
    };
    assert_eq!(claim(&["--min-idle", "1h"]).lines(), Vec::<&str>::new());
    let claimed: Vec<String> = claim(&["--min-idle", "0s"]).lines().into_iter().map(str::to_owned).collect();
    assert_eq!(types(&claimed), ["Event1", "Event2"]);
    let one = position(&claimed[0]);
    let poison = claim(&["--min-idle", "0s", &one]);
    assert_eq!((poison.code, poison.stdout.as_str()), (Some(0), ""));
    assert_eq!(
        poison.stderr,
        "set aside 1 entry, delivered more than 2 times and never acknowledged: papyra groups dead\n"
    );
    let dead = bench.groups(&["dead", "-o", "ndjson"]);
    let dead: Value = serde_json::from_str(&dead.stdout).unwrap();
    assert_eq!(
        (&dead["original"], &dead["deliveries"], &dead["why"]),
        (&one.as_str().into(), &3.into(), &"deliveries".into())
    );
    assert_eq!((&dead["consumer"], &dead["fact"]["event_type"]), (&"b".into(), &"Event1".into()));
    assert_eq!(bench.groups(&["dead", "--group", "others"]).lines(), ["Nothing was set aside."]);
    assert_eq!(bench.groups(&["dead", "-o", "json"]).json()["entries"].as_array().unwrap().len(), 1);
    let table = bench.groups(&["dead"]);
    let lines = table.lines();
    assert!(lines[0].starts_with("ORIGINAL ") && lines[1].starts_with(&one), "{lines:?}");
}

#[test]
fn what_is_pending_is_shown_with_whom_for_how_long_and_how_often() {
    let bench = Bench::with(1..=3);
    bench.read(&["--count", "2"]);
    let run = bench.groups(&["pending", "--group", "workers"]);
    let lines = run.lines();
    assert_eq!(lines[0], "pending: 2 (2 with a)");
    assert!(lines[1].starts_with("POSITION ") && lines[2].contains("  a  ") && lines[2].ends_with("  1"), "{lines:?}");
    let report = bench.groups(&["pending", "--group", "workers", "--consumer", "a", "-o", "json"]).json();
    assert_eq!((&report["schema"], &report["pending"]), (&"papyra.groups.pending/1".into(), &2.into()));
    let entries = report["entries"].as_array().unwrap();
    assert_eq!((entries.len(), &entries[1]["deliveries"]), (2, &1.into()));
    let rest = bench.groups(&[
        "pending",
        "--group",
        "workers",
        "--after",
        entries[0]["position"].as_str().unwrap(),
        "-o",
        "ndjson",
    ]);
    assert_eq!(rest.lines().len(), 1);
    let none = bench.groups(&["pending", "--group", "workers", "--idle", "1h"]);
    assert_eq!(none.lines()[1], "None of it is what was asked for.");
    let list = bench.groups(&["list"]);
    let list = list.lines();
    assert!(list[0].starts_with("event workers: pending 2, lag 1, last delivered "), "{list:?}");
    assert!(list[1].starts_with("  consumer a: pending 2, idle "), "{list:?}");
    let table = bench.groups(&["list", "-o", "table"]);
    assert!(table.lines()[0].starts_with("KIND         GROUP / CONSUMER "), "{table:?}");
}

#[test]
fn nothing_that_is_pending_is_forgotten_unless_somebody_insists() {
    let bench = Bench::with(1..=2);
    bench.read(&[]);
    for args in [vec!["delete", "workers"], vec!["delete", "workers", "--consumer", "a"]] {
        let refused = bench.groups(&args);
        assert_eq!(refused.code, Some(2), "{refused:?}");
        assert!(refused.stderr.starts_with("error: 2 entries are pending "), "{refused:?}");
    }
    let forced = bench.groups(&["delete", "workers", "--force"]);
    assert_eq!(forced.lines(), ["deleted the consumer group `workers` of kind event"]);
    assert_eq!(bench.groups(&["delete", "workers"]).lines(), ["there is no consumer group `workers` of kind event"]);
    for verb in [vec!["pending"], vec!["claim", "--consumer", "a"]] {
        let missing = bench.groups(&[&verb[..], &["--group", "workers"]].concat());
        assert_eq!(missing.code, Some(66), "{missing:?}");
        assert!(missing.stderr.contains("cure: create it: papyra groups create workers --kind event"), "{missing:?}");
    }
}

#[test]
fn an_acknowledgement_that_names_no_position_is_refused_behind_those_before_it() {
    let bench = Bench::with(1..=2);
    let lines = bench.read(&[]);
    let bad = bench.run(&["groups", "ack", "--group", "workers"], &format!("{}\nnonsense\n{}\n", lines[0], lines[1]));
    assert_eq!((bad.code, bad.stdout.as_str()), (Some(65), "acknowledged 1 entry\n"));
    assert!(bad.stderr.starts_with("error: line 2 of the input: it names no position\n"), "{bad:?}");
    // A position of a file: `append --ack` prints such.
    let foreign = bench.run(&["groups", "ack", "--group", "workers"], "{\"line\":1,\"seq\":7,\"position\":\"7\"}\n");
    assert_eq!(foreign.code, Some(65), "{foreign:?}");
    assert!(foreign.stderr.contains("`7` is no position of a log on Redis"), "{foreign:?}");
}

#[test]
fn a_log_without_groups_says_so_and_a_server_that_is_away_is_one() {
    let lab = Lab::with(&events(1..=1));
    for args in [vec!["list"], vec!["dead"], vec!["ack", "--group", "g", "1-1"]] {
        let run = lab.on_log(&[&["groups"], &args[..]].concat());
        assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""));
        assert_eq!(
            run.stderr,
            "note: the backend `json` does not support consumer groups\n  cure: consumer groups need a log in Redis, such as redis://host:6379/0\n"
        );
    }
    let away = lab.run(&["groups", "list", "--url", "redis://127.0.0.1:1/0"], "");
    assert_eq!(away.code, Some(69), "{away:?}");
    for usage in [
        vec!["list", "--kind", "thing"],
        vec!["read", "--group", "g"],
        vec!["create", ""],
        vec!["create", "g", "--from", "x"],
    ] {
        assert_eq!(lab.on_log(&[&["groups"], &usage[..]].concat()).code, Some(64), "{usage:?}");
    }
}

#[test]
fn no_name_that_others_gave_reaches_a_terminal_raw() {
    let bench = Bench::with(1..=1);
    let evil = "g\u{1b}[2J\u{202e}\nforged";
    let mut client = bench.server.client();
    client.call(["XGROUP", "CREATE", "papyra:local:events", evil, "0"]);
    client.call(["XREADGROUP", "GROUP", evil, evil, "STREAMS", "papyra:local:events", ">"]);
    client.call(["XADD", "papyra:local:dead:events", "*", "id", "1-1", "group", evil, "consumer", evil, "data", evil]);
    for args in [
        vec!["list"],
        vec!["list", "-o", "json"],
        vec!["pending", "--group", evil],
        vec!["dead"],
        vec!["dead", "-o", "ndjson"],
        vec!["create", evil],
        vec!["pending", "--group", "h\u{1b}"],
    ] {
        let run = bench.groups(&args);
        let said = run.stdout + &run.stderr;
        assert!(!said.contains(['\u{1b}', '\u{202e}']), "{args:?}: {said:?}");
        assert!(!said.lines().any(|line| line.starts_with("forged")), "{args:?}: {said}");
    }
}
