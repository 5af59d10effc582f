//! `papyra inspect storms` and `papyra inspect dead-letters --top`.

use crate::lab::Lab;

fn event(event_type: &str, actor: &str, error: &str, at: f64) -> String {
    format!(
        r#"{{"kind":"event","system_id":"shop","actor_address":"{actor}","event_type":"{event_type}","payload":{{"error":"{error}"}},"timestamp":{at}}}"#
    ) + "\n"
}

fn letter(target: &str, message_type: &str, why: &str, count: u64, at: f64) -> String {
    format!(
        r#"{{"kind":"dead_letter","system_id":"shop","target":"{target}","message_type":"{message_type}","payload":null,"why":"{why}","count":{count},"timestamp":{at}}}"#
    ) + "\n"
}

const NOON: f64 = 1_700_000_000.0;

/// A worker in a crash loop, restarted each time; three that crash once for the same reason; a dead-letter storm later on.
fn incident() -> String {
    let mut facts = String::new();
    for n in 0..6 {
        let at = NOON + 5.0 * f64::from(n);
        facts += &event("ActorCrashed", "shop://mailer", "no route", at);
        facts += &event("ActorRestarted", "shop://mailer", "", at + 0.5);
    }
    for n in 0..3 {
        facts += &event("ActorCrashed", &format!("shop://{n}"), "disk full", NOON + 40.0 + f64::from(n));
    }
    facts += &letter("shop://mailer", "Send", "stopped", 10, NOON + 100.0);
    facts += &letter("shop://mailer", "Send", "stopped", 500, NOON + 101.0);
    facts += &letter("shop://mailer", "Ping", "timeout", 7, NOON + 102.0);
    facts += &letter("shop://clock", "Tick", "stopped", 60, NOON + 103.0);
    facts
}

const LOOP: &str = "[1700000000.000] crash_loop shop://mailer count=6 until=1700000025.000 reason=no route";
const RESTARTS: &str = "[1700000000.500] restart_storm shop://mailer count=6 until=1700000025.500";
const LETTERS: &str =
    "[1700000100.000] dead_letter_storm shop://mailer count=510 until=1700000101.000 type=Send reason=stopped";

#[test]
fn storms_are_found_by_actor_and_reason() {
    let lab = Lab::with(&incident());
    assert_eq!(lab.on_log(&["inspect", "storms"]).lines(), [LOOP, RESTARTS, LETTERS]);
    let of_all = "[1700000040.000] crash_storm * count=3 until=1700000042.000 reason=disk full";
    let low = lab.on_log(&["inspect", "storms", "--crashes", "3", "--restarts", "7", "--dead-letters", "1000"]);
    assert_eq!(low.lines(), [LOOP, of_all]);
    let narrow = lab.on_log(&["inspect", "storms", "--window", "4s", "--dead-letters", "60"]);
    let tick = "[1700000103.000] dead_letter_storm shop://clock count=60 until=1700000103.000 type=Tick reason=stopped";
    assert_eq!(narrow.lines(), [LETTERS, tick]);
}

#[test]
fn storms_are_looked_for_in_what_was_asked_for() {
    let lab = Lab::with(&incident());
    assert_eq!(lab.on_log(&["inspect", "storms", "--since", "1700000030"]).lines(), [LETTERS]);
    assert_eq!(lab.on_log(&["inspect", "storms", "--until", "1700000015"]).lines(), ["No storms."]);
    assert_eq!(lab.on_log(&["inspect", "storms", "--actor", "shop://?"]).lines(), ["No storms."]);
    assert_eq!(lab.on_log(&["inspect", "storms", "--system", "bank"]).lines(), ["No storms."]);
    for flags in [["--window", "0"], ["--crashes", "0"], ["--restarts", "-1"], ["--window", "soon"]] {
        assert_eq!(lab.on_log(&[&["inspect", "storms"], &flags[..]].concat()).code, Some(64), "{flags:?}");
    }
}

#[test]
fn storms_are_told_in_every_form() {
    let lab = Lab::with(&incident());
    let document = lab.on_log(&["inspect", "storms", "-o", "json"]).json();
    assert_eq!(document["schema"], "papyra.storms/1");
    assert_eq!((&document["window_seconds"], &document["crashes"]), (&60.0.into(), &5.into()));
    assert_eq!(
        (&document["smaller"], &document["not_followed"], &document["skipped"]),
        (&0.into(), &0.into(), &0.into())
    );
    let storms = document["storms"].as_array().unwrap();
    assert_eq!(storms.len(), 3);
    assert_eq!((&storms[0]["storm"], &storms[0]["reason"]), (&"crash_loop".into(), &"no route".into()));
    assert_eq!((&storms[2]["count"], &storms[2]["message_type"]), (&510.into(), &"Send".into()));
    let lines = lab.on_log(&["inspect", "storms", "-o", "ndjson"]);
    let rows: Vec<serde_json::Value> = lines.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(&rows, storms);
    let table = lab.on_log(&["inspect", "storms", "-o", "table", "--tz", "Europe/Berlin"]);
    assert!(table.lines()[0].starts_with("SINCE "), "{table:?}");
    assert!(table.lines()[1].contains("2023-11-14T23:13:20.000+01:00"), "{table:?}");
    assert!(table.lines()[1].contains("25.0s  crash_loop"), "{table:?}");
}

#[test]
fn hostile_names_stay_text() {
    let facts: String =
        (0..5).map(|n| event("ActorCrashed", r"shop://\u001b[2J\nx", r"\u202eboom\n", NOON + f64::from(n))).collect();
    let facts = facts + &letter(r"shop://\u001b[2J", "P", "stopped", 100, NOON);
    let lab = Lab::with(&facts);
    for form in ["table", "json", "ndjson"] {
        for command in [&["inspect", "storms"][..], &["inspect", "dead-letters", "--top", "target"]] {
            let run = lab.on_log(&[command, &["-o", form]].concat());
            assert_eq!(run.code, Some(0), "{run:?}");
            assert!(!run.stdout.contains(['\u{1b}', '\u{202e}']), "{run:?}");
        }
    }
    assert_eq!(lab.on_log(&["inspect", "storms"]).lines().len(), 2);
}

#[test]
fn dead_letters_are_counted_by_target_type_and_reason() {
    let lab = Lab::with(&incident());
    let top = |by: &str, flags: &[&str]| {
        let run = lab.on_log(&[&["inspect", "dead-letters", "--top", by], flags].concat());
        run.lines().join("\n")
    };
    assert_eq!(top("target", &[]), "517 shop://mailer\n60 shop://clock");
    assert_eq!(top("Type", &[]), "510 Send\n60 Tick\n7 Ping");
    assert_eq!(top("why", &["--limit", "1"]), "570 stopped\n7 (others: 1)");
    assert_eq!(top("type", &["--target", "*mailer", "--since", "1700000101"]), "500 Send\n7 Ping");
    assert_eq!(top("why", &["--since", "2h"]), "No dead letters recorded.");
    assert_eq!(
        top("target", &["-o", "table", "--limit", "1"]).lines().last().unwrap().trim(),
        "60    10%  (others: 1)"
    );
    let document = lab.on_log(&["inspect", "dead-letters", "--top", "target", "-o", "json"]).json();
    assert_eq!((&document["dead_letters"], &document["is_exact"]), (&577.into(), &true.into()));
    assert_eq!(document["rows"][0]["name"], "shop://mailer");
    assert_eq!(lab.on_log(&["inspect", "dead-letters", "--top", "why", "--follow"]).code, Some(64));
    assert_eq!(lab.on_log(&["inspect", "dead-letters", "--top", "weather"]).code, Some(64));
}

#[test]
fn what_is_damaged_is_passed_over_and_told() {
    let lab = Lab::with(&incident());
    let log = String::from_utf8(lab.read("facts.ndjson")).unwrap();
    lab.write("facts.ndjson", log.replacen("\"count\":500", "\"count\":400", 1));
    let run = lab.on_log(&["inspect", "storms"]);
    assert_eq!(run.lines(), [LOOP, RESTARTS]);
    assert!(run.stderr.contains("skipped 1 damaged lines"), "{run:?}");
    let run = lab.on_log(&["inspect", "dead-letters", "--top", "target"]);
    assert_eq!(run.lines()[0], "60 shop://clock");
    assert!(run.stderr.contains("skipped 1 damaged lines"), "{run:?}");
}
