//! `papyra append`.

use std::{fs, process::Stdio};

use crate::lab::{Lab, Running, event, events, finish};

#[test]
fn every_fact_is_acknowledged_in_input_order() {
    let lab = Lab::new();
    let run = lab.run(&["append", "--ack", "--path", "facts.ndjson"], format!("{}\n\n{}", event(1), event(2)));
    assert_eq!(run.lines(), [r#"{"line":1,"seq":1,"position":"1"}"#, r#"{"line":3,"seq":2,"position":"2"}"#]);
    assert_eq!(run.stderr, "appended 2 facts\n");
    assert_eq!(lab.on_log(&["inspect", "events"]).lines().len(), 2);
}

#[test]
fn a_line_that_waits_alone_is_acknowledged_before_the_next_comes() {
    let lab = Lab::new();
    let mut writer = Running::start(lab.command(&["append", "--ack", "--path", "facts.ndjson"]));
    for n in 1..=3 {
        writer.tell(&(event(n) + "\n"));
        assert_eq!(writer.line(), format!(r#"{{"line":{n},"seq":{n},"position":"{n}"}}"#));
        assert_eq!(lab.on_log(&["inspect", "events"]).lines().len() as u64, n);
    }
}

#[test]
fn a_flood_is_kept_whole_and_in_order() {
    let lab = Lab::new();
    let run = lab.run(&["append", "--ack", "--path", "facts.ndjson"], events(1..=5000));
    let acks: Vec<String> = (1..=5000).map(|n| format!(r#"{{"line":{n},"seq":{n},"position":"{n}"}}"#)).collect();
    assert_eq!(run.lines(), acks);
    let listed = lab.on_log(&["inspect", "events"]);
    let expected: Vec<String> =
        (1..=5000).map(|n| format!("[{}.000] Event{n} local://{n}", 1_700_000_000 + n)).collect();
    assert_eq!(listed.lines(), expected);
    assert_eq!(lab.on_log(&["persistence", "scan"]).lines(), ["Persistence is healthy"]);
}

#[test]
fn the_first_line_that_is_no_fact_ends_it_and_what_stood_before_is_written() {
    let lab = Lab::new();
    let input = format!("{}\n{{\"kind\":\"event\"}}\n{}\n", event(1), event(2));
    let run = lab.run(&["append", "--ack", "--path", "facts.ndjson"], input);
    assert_eq!((run.code, run.stdout.lines().count()), (Some(65), 1));
    assert!(run.stderr.contains("line 2") && run.stderr.contains("timestamp"), "{run:?}");
    assert!(run.stderr.contains("appended 1 fact, safely written"), "{run:?}");
    assert_eq!(lab.on_log(&["inspect", "events"]).lines().len(), 1);
}

#[test]
fn what_python_writes_beyond_json_is_refused_and_the_way_round_is_told() {
    let lab = Lab::new();
    let input = format!("{}\n{}\n", event(1), event(2).replace("{}", r#"{"load":NaN}"#));
    let run = lab.run(&["append", "--path", "facts.ndjson"], &input);
    assert_eq!(run.code, Some(65));
    assert!(run.stderr.contains("NaN") && run.stderr.contains("--skip-invalid leaves such lines out"), "{run:?}");
    assert_eq!(lab.run(&["append", "--skip-invalid", "--path", "b.ndjson"], &input).code, Some(0));
}

#[test]
fn lines_that_are_no_facts_can_be_left_out_and_are_counted() {
    let lab = Lab::new();
    let mut input = format!("{}\nno fact\n", event(1)).into_bytes();
    input.extend(b"{\"kind\":\"event\",\"timestamp\":1,\"event_type\":\"\xFF\"}\n");
    input.extend(vec![b'x'; 5 << 20]);
    input.extend(format!("\n{}", event(2)).into_bytes());
    let run = lab.run(&["append", "--ack", "--skip-invalid", "--path", "facts.ndjson"], input);
    assert_eq!(run.lines(), [r#"{"line":1,"seq":1,"position":"1"}"#, r#"{"line":5,"seq":2,"position":"2"}"#]);
    assert!(run.stderr.contains("skipped 3 invalid lines, the first is line 2: "), "{run:?}");
}

#[test]
fn a_fact_that_the_log_refuses_is_named_though_it_came_in_a_batch() {
    let lab = Lab::new();
    let long = event(3).replace("\"payload\":{}", &format!("\"payload\":\"{}\"", "x".repeat(2000)));
    let input = format!("{}{long}\n{}", events(1..=2), events(4..=9));
    let url = "json:facts.ndjson?max_line=1KiB";
    let run = lab.run(&["append", "--url", url], &input);
    assert_eq!(run.code, Some(65), "{run:?}");
    assert!(run.stderr.contains("line 3"), "{run:?}");
    assert_eq!(lab.on_log(&["inspect", "events"]).lines().len(), 2);
    let run = lab.run(&["append", "--skip-invalid", "--url", url], &input);
    assert!(run.stderr.contains("appended 8 facts"), "{run:?}");
    assert_eq!(run.code, Some(0));
}

#[test]
fn a_log_is_copied_by_its_lines_and_by_what_inspect_prints() {
    let lab = Lab::with(&events(1..=3));
    let original = lab.on_log(&["inspect", "events", "-o", "ndjson"]);
    let stored = fs::read(lab.path("facts.ndjson")).unwrap();
    assert_eq!(lab.run(&["append", "--path", "a.ndjson"], stored).code, Some(0));
    assert_eq!(lab.run(&["append", "--path", "b.ndjson"], &original.stdout).code, Some(0));
    for copy in ["a.ndjson", "b.ndjson"] {
        assert_eq!(lab.run(&["inspect", "events", "-o", "ndjson", "--path", copy], "").stdout, original.stdout);
    }
}

#[test]
fn a_torn_tail_is_settled_and_that_is_said() {
    let lab = Lab::with(&events(1..=2));
    let mut log = fs::read(lab.path("facts.ndjson")).unwrap();
    log.extend(b"{\"kind\":\"event\",\"time");
    lab.write("facts.ndjson", log);
    let run = lab.run(&["append", "--path", "facts.ndjson"], event(3));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(run.stderr.contains("21 bytes of an unfinished line"), "{run:?}");
    assert_eq!(lab.on_log(&["persistence", "scan"]).lines(), ["Persistence is healthy"]);
}

#[test]
fn who_stops_reading_acknowledgements_loses_no_fact() {
    let lab = Lab::new();
    let mut command = lab.command(&["append", "--ack", "--path", "facts.ndjson"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    command.stdout(Stdio::from(writer));
    assert_eq!(finish(command, events(1..=3000).as_bytes()).code, Some(0));
    assert_eq!(lab.on_log(&["inspect", "events"]).lines().len(), 3000);
}

#[test]
fn a_signal_ends_it_after_the_batch_in_flight() {
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let lab = Lab::new();
        let mut writer = Running::start(lab.command(&["append", "--ack", "--path", "facts.ndjson"]));
        writer.tell(&(event(1) + "\n"));
        writer.line();
        assert_eq!(writer.end_with(signal), Some(code));
        assert_eq!(lab.on_log(&["inspect", "events"]).lines().len(), 1);
    }
}

#[test]
fn an_error_of_the_system_says_how_many_facts_are_safe() {
    let lab = Lab::new();
    // Files may grow to 64 blocks of 1 KiB or of 512 bytes, depending on the shell.
    let mut command = std::process::Command::new("sh");
    lab.settle(&mut command);
    command.args(["-c", "ulimit -f 64 && exec papyra append --ack --path facts.ndjson"]);
    let mut writer = Running::start(command);
    writer
        .child
        .stderr
        .take()
        .map(|mut stderr| std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink())));
    writer.tell(&(event(1) + "\n"));
    assert_eq!(writer.line(), r#"{"line":1,"seq":1,"position":"1"}"#);
    let mut input = writer.child.stdin.take().unwrap();
    let _ = std::io::Write::write_all(&mut input, events(2..=1000).as_bytes());
    drop(input);
    let mut acknowledged = 1;
    while !writer.line().is_empty() {
        acknowledged += 1;
    }
    assert_eq!(writer.child.wait().unwrap().code(), Some(74));
    assert_eq!(lab.on_log(&["inspect", "events"]).lines().len(), acknowledged);
    assert_eq!(lab.on_log(&["persistence", "scan"]).lines(), ["Persistence is healthy"]);
}
