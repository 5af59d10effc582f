//! Text from a log is data: whatever stands in it, no terminal is steered and no line is forged.

use crate::lab::Lab;

/// What may never come out raw; a newline only where we ourselves end a line.
fn forbidden(c: char) -> bool {
    c != '\n'
        && matches!(c as u32, 0..=0x1F | 0x7F..=0x9F | 0x61C | 0x200E..=0x200F | 0x2028..=0x202E | 0x2066..=0x2069)
}

/// Every code point of the basic plane, where all that is unsafe has its place, and samples of the others (the formatters' own
/// test has them all). Some thousand in each name of some facts, so that no line grows too long.
fn facts() -> (String, usize) {
    let all: Vec<char> = ('\0'..='\u{FFFF}').chain(('\u{10000}'..=char::MAX).step_by(997)).collect();
    let mut lines = String::new();
    let chunks = all.chunks(20_000);
    let count = chunks.len();
    for chunk in chunks {
        let text = serde_json::to_string(&chunk.iter().collect::<String>()).unwrap();
        lines += &format!(
            r#"{{"kind":"event","system_id":{text},"actor_address":{text},"event_type":{text},"payload":{{{text}:{text}}},"timestamp":1}}"#
        );
        lines += "\n";
        lines += &format!(
            r#"{{"kind":"audit","system_id":{text},"timestamp":1,"registry_dead":[{text}],"scope":{text},{text}:1}}"#
        );
        lines += "\n";
        lines += &format!(
            r#"{{"kind":"dead_letter","system_id":{text},"target":{text},"message_type":{text},"payload":{text},"why":{text},"timestamp":1}}"#
        );
        lines += "\n";
    }
    (lines, count)
}

#[test]
fn no_code_point_of_a_log_steers_a_terminal_in_any_form_of_output() {
    let (facts, count) = facts();
    let lab = Lab::with(&facts);
    for what in ["events", "audits", "dead-letters"] {
        for (form, frame) in [(&[] as &[&str], 0), (&["-o", "table"], 1), (&["-o", "ndjson"], 0), (&["-o", "json"], 2)]
        {
            let run = lab.on_log(&[&["inspect", what], form].concat());
            assert_eq!(run.lines().len(), count + frame, "{what} {form:?}: a line was forged");
            assert_eq!(run.stdout.chars().find(|c| forbidden(*c)), None, "{what} {form:?}");
        }
    }
    for form in [&[] as &[&str], &["-o", "json"]] {
        let run = lab.on_log(&[&["inspect", "summary"], form].concat());
        assert_eq!(run.stdout.chars().find(|c| forbidden(*c)), None);
    }
    // Nothing is lost by it either: what was printed as JSON is the same fact.
    let printed =
        ["events", "audits", "dead-letters"].map(|what| lab.on_log(&["inspect", what, "-o", "ndjson"]).stdout);
    let copied = lab.run(&["append", "--path", "copy.ndjson"], printed.concat());
    assert_eq!(copied.code, Some(0), "{}", copied.stderr);
    let events = |path| lab.run(&["inspect", "events", "-o", "ndjson", "--path", path], "").stdout;
    let facts = |text: String| -> Vec<String> {
        text.lines().map(|line| line.rsplit_once(",\"seq\":").unwrap().0.to_owned()).collect()
    };
    assert_eq!(facts(events("copy.ndjson")), facts(events("facts.ndjson")));
}

#[test]
fn errors_repeat_hostile_input_harmlessly() {
    let lab = Lab::new();
    for args in [
        &["inspect", "events", "--path", "no\u{1b}[2Jlog\nerror: forged"] as &[&str],
        &["inspect", "events", "--since", "\u{1b}]0;x\u{7}", "--path", "x"],
        &["\u{202e}tcepsni\u{9b}"],
        &["help", "\u{1b}c"],
        &["inspect", "events", "--url", "js\u{1b}on:x"],
    ] {
        let run = lab.run(args, "");
        assert!(run.code.is_some_and(|code| code >= 64), "{run:?}");
        assert_eq!(run.stderr.chars().find(|c| forbidden(*c)), None, "{run:?}");
        assert!(!run.stderr.lines().any(|line| line.starts_with("error: forged")), "{run:?}");
    }
    let run = lab.run(&["append", "--path", "facts.ndjson"], "{\"kind\":\"event\",\"\u{1b}[2J\": \u{9b}}\n");
    assert_eq!(run.stderr.chars().find(|c| forbidden(*c)), None, "{run:?}");
}
