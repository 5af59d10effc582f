//! A log whose kinds live in different places. The tests take their addresses from one function: any backend can stand there.

use std::fs;

use crate::lab::{Lab, Run, event};

/// The addresses of events with dead letters, and of audits.
const PLACES: [&str; 2] = ["json:facts.ndjson", "json:audits.ndjson"];

fn audit(n: u64) -> String {
    format!(r#"{{"kind":"audit","system_id":"local","total_actors":{n},"timestamp":{}}}"#, 1_700_000_000 + n)
}

/// Events and audits in turn.
fn facts(numbers: std::ops::RangeInclusive<u64>) -> String {
    numbers.map(|n| if n % 2 == 1 { event(n) } else { audit(n) } + "\n").collect()
}

fn configured(places: [&str; 2]) -> Lab {
    let lab = Lab::new();
    lab.write("papyra.toml", format!("url = \"{}\"\n[kind.audit]\nurl = \"{}\"\n", places[0], places[1]));
    lab
}

/// Six facts in two parts.
fn filled() -> Lab {
    let lab = configured(PLACES);
    let appended = lab.run(&["append", "--ack"], facts(1..=6));
    let acks: Vec<&str> = appended.lines();
    assert_eq!(acks.len(), 6);
    // Each part counts for itself.
    assert!(
        acks[0].contains("\"seq\":1,") && acks[1].contains("\"seq\":1,") && acks[5].contains("\"seq\":3,"),
        "{acks:?}"
    );
    lab
}

fn damage(lab: &Lab, file: &str, from: &str, to: &str) {
    let log = fs::read_to_string(lab.path(file)).unwrap();
    let damaged = log.replacen(from, to, 1);
    assert_ne!(log, damaged);
    lab.write(file, damaged);
}

fn part<'a>(json: &'a serde_json::Value, kind: &str) -> &'a serde_json::Value {
    let holds = |part: &&serde_json::Value| part["kinds"].as_array().unwrap().iter().any(|name| name == kind);
    json["parts"].as_array().unwrap().iter().find(holds).unwrap()
}

fn in_json(lab: &Lab, args: &[&str]) -> (Run, serde_json::Value) {
    let run = lab.run(&[args, &["-o", "json"]].concat(), "");
    let json = run.json();
    (run, json)
}

#[test]
fn facts_go_where_their_kind_lives_and_are_read_from_there() {
    let lab = filled();
    assert_eq!(lab.run(&["inspect", "events"], "").lines().len(), 3);
    assert_eq!(lab.run(&["inspect", "audits"], "").lines().len(), 3);
    // The file alone holds its own kinds only: named on the command line it is a log of its own.
    assert_eq!(lab.run(&["inspect", "audits", "--path", "facts.ndjson"], "").lines(), ["No audit reports recorded."]);
    let (_, summary) = in_json(&lab, &["inspect", "summary"]);
    assert_eq!((summary["counts"]["event"].as_u64(), summary["counts"]["audit"].as_u64()), (Some(3), Some(3)));
    // A position is one of the place where its kind lives.
    let behind = lab.run(&["inspect", "audits", "--after", "2", "-o", "ndjson"], "");
    assert!(behind.lines().len() == 1 && behind.stdout.contains("\"total_actors\":6"), "{behind:?}");
    let newest = lab.run(&["inspect", "audits", "--limit", "1", "-o", "ndjson"], "");
    assert!(newest.stdout.contains("\"total_actors\":6"), "{newest:?}");
}

#[test]
fn a_scan_names_the_part_that_is_damaged() {
    let lab = filled();
    let healthy = lab.run(&["persistence", "scan"], "");
    assert_eq!(healthy.lines().iter().filter(|line| **line == "Persistence is healthy").count(), 2);
    damage(&lab, "audits.ndjson", "\"total_actors\":4", "\"total_actors\":5");
    let scan = lab.run(&["persistence", "scan"], "");
    assert_eq!(scan.code, Some(2), "{scan:?}");
    let lines: Vec<&str> = scan.stdout.lines().collect();
    assert_eq!(
        lines[..3],
        ["part event, dead_letter: json:facts.ndjson", "Persistence is healthy", "part audit: json:audits.ndjson"]
    );
    assert_eq!(lines[3], "Found 1 persistence anomalies:");
    assert!(lines[4].starts_with("- CORRUPTED_LINE: audits.ndjson"), "{lines:?}");
    let (_, json) = in_json(&lab, &["persistence", "scan"]);
    assert_eq!((json["backend"].as_str(), json["anomalies_total"].as_u64()), (Some("hybrid"), Some(1)));
    assert_eq!(part(&json, "audit")["report"]["anomalies_total"], 1);
    assert_eq!(part(&json, "event")["report"]["anomalies_total"], 0);
}

#[test]
fn parts_may_be_of_different_technologies() {
    let lab = configured(["rotating:log?segment_records=2", "json:audits.ndjson"]);
    for n in 1..=4 {
        lab.run(&["append"], facts(4 * n - 3..=4 * n)).lines();
    }
    assert_eq!(lab.run(&["inspect", "events"], "").lines().len(), 8);
    assert!(fs::read_dir(lab.path("log")).unwrap().count() > 3, "nothing rotated");
    for command in [&["persistence", "scan"] as &[&str], &["doctor", "run"], &["persistence", "recover"]] {
        let run = lab.run(command, "");
        assert!(run.lines().contains(&"part event, dead_letter: rotating:log"), "{run:?}");
    }
    let (run, json) = in_json(&lab, &["persistence", "compact", "--max-records", "3"]);
    assert_eq!((run.code, json["after_records"].as_u64()), (Some(0), Some(6)), "{json}");
    let summary = lab.run(&["inspect", "summary"], "");
    assert!(summary.stdout.contains("events=3 audits=3"), "{summary:?}");
}

#[test]
fn a_log_of_one_place_has_no_parts_in_its_reports() {
    let lab = Lab::with(&facts(1..=2));
    for command in [&["persistence", "scan"] as &[&str], &["metrics", "persistence"], &["doctor", "run"]] {
        let (_, json) = in_json(&lab, &[command, &["--path", "facts.ndjson"]].concat());
        assert!(json.get("parts").is_none(), "{json}");
    }
}

#[test]
fn a_recovery_keeps_the_originals_of_each_part_apart() {
    // Two files of the same name: their copies must not meet.
    let lab = configured(["json:a/log.ndjson", "json:b/log.ndjson"]);
    lab.run(&["append"], facts(1..=6)).lines();
    damage(&lab, "a/log.ndjson", "Event3", "Event9");
    damage(&lab, "b/log.ndjson", "\"total_actors\":4", "\"total_actors\":5");
    let quarantine = ["--recovery-mode", "quarantine", "--quarantine-dir", "q"];
    let doctor = lab.run(&[&["doctor", "run", "--mode", "recover"], &quarantine[..]].concat(), "");
    assert_eq!(doctor.code, Some(0), "{doctor:?}");
    for (kind, dir) in [("event", "a"), ("audit", "b")] {
        assert!(fs::read_dir(lab.path("q").join(kind)).unwrap().count() > 0);
        assert!(doctor.stdout.contains(&format!("repaired {dir}/log.ndjson")), "{doctor:?}");
    }
    for kind in ["event, dead_letter", "audit"] {
        assert!(doctor.stderr.contains(&format!("part {kind}: 1 entry was given up\n")), "{doctor:?}");
    }
    assert_eq!(lab.run(&["persistence", "scan"], "").code, Some(0));
    // Only the part that is damaged is touched.
    damage(&lab, "b/log.ndjson", "\"total_actors\":6", "\"total_actors\":5");
    let before = lab.read("a/log.ndjson");
    let (run, json) = in_json(&lab, &["persistence", "recover"]);
    assert_eq!((run.code, json["outcome"].as_str()), (Some(0), Some("recovered")));
    assert_eq!(json["outcomes"], serde_json::json!(["healthy", "recovered"]));
    assert_eq!(part(&json, "audit")["report"]["repaired"], serde_json::json!(["b/log.ndjson"]));
    assert_eq!(lab.read("a/log.ndjson"), before);
}

#[test]
fn the_gate_is_closed_by_the_part_that_is_damaged() {
    let lab = filled();
    damage(&lab, "audits.ndjson", "\"total_actors\":4", "\"total_actors\":5");
    let doctor = lab.run(&["doctor", "run"], "");
    assert_eq!(doctor.code, Some(1), "{doctor:?}");
    assert!(doctor.stdout.contains("part audit: json:audits.ndjson\nFound 1"), "{doctor:?}");
    assert!(doctor.stderr.starts_with("part audit: gate closed: the log is damaged\n  cure: "), "{doctor:?}");
    let (run, json) = in_json(&lab, &["persistence", "startup-check"]);
    assert_eq!((run.code, json["verdict"].as_str()), (Some(1), Some("damaged")));
    assert_eq!(part(&json, "event")["report"]["verdict"], "healthy");
}

#[test]
fn each_part_is_compacted_under_its_own_retention() {
    let lab = Lab::new();
    let toml = "url = 'json:facts.ndjson'\n[retention]\nmax_records = 2\n\
        [kind.audit]\nurl = 'json:audits.ndjson?retention.max_records=1'\n";
    lab.write("papyra.toml", toml);
    lab.run(&["append"], facts(1..=6)).lines();
    assert_eq!(lab.run(&["inspect", "audits"], "").lines().len(), 1);
    let (run, json) = in_json(&lab, &["persistence", "compact"]);
    assert_eq!((run.code, json["after_records"].as_u64()), (Some(0), Some(3)), "{json}");
    assert_eq!(part(&json, "audit")["report"]["after_records"], 1);
    assert_eq!(part(&json, "event")["report"]["after_records"], 2);
    // What a recovery applies is the retention of each part, too.
    lab.run(&["append"], facts(7..=10)).lines();
    let (run, json) = in_json(&lab, &["persistence", "recover", "--apply-retention"]);
    assert_eq!((run.code, json["compaction"]["before_records"].as_u64()), (Some(0), Some(7)), "{json}");
    assert_eq!(part(&json["compaction"], "audit")["report"]["after_records"], 1);
    // A flag replaces its own limit in each part.
    let (_, json) = in_json(&lab, &["persistence", "compact", "--max-records", "1"]);
    assert_eq!(json["after_records"], 2);
}

#[test]
fn figures_and_rules_are_shown_for_each_part() {
    let lab = Lab::new();
    let toml = "url = 'json:facts.ndjson'\n[kind.audit]\nurl = 'json:audits.ndjson?retention.max_records=2'\n";
    lab.write("papyra.toml", toml);
    lab.run(&["append"], facts(1..=6)).lines();
    let (_, json) = in_json(&lab, &["metrics", "persistence"]);
    assert_eq!((json["entries"].as_u64(), part(&json, "audit")["report"]["entries"].as_u64()), (Some(6), Some(3)));
    let text = lab.run(&["metrics", "persistence"], "");
    assert!(text.stdout.contains("part audit: json:audits.ndjson\n  entries: 3\n"), "{text:?}");
    let inspect = lab.run(&["persistence", "inspect"], "");
    let rule = "part audit: json:audits.ndjson\n  retention: max_records=2 max_age_seconds=None max_total_bytes=None\n";
    assert!(inspect.stdout.contains(rule) && inspect.stdout.contains("audits_sampled: 2\n"), "{inspect:?}");
    let show = lab.run(&["config", "show"], "");
    assert!(show.stdout.contains("json:audits.ndjson?retention.max_records=2"), "{show:?}");
}

#[test]
fn a_part_that_cannot_be_looked_at_keeps_no_other_from_being_shown() {
    let lab = filled();
    // Where the audits' file should be, there is no directory: even root cannot read that.
    lab.write("blocked", "");
    lab.write("papyra.toml", "url = \"json:facts.ndjson\"\n[kind.audit]\nurl = \"json:blocked/audits.ndjson\"\n");
    let summary = lab.run(&["inspect", "summary"], "");
    assert_eq!(summary.code, Some(74), "{summary:?}");
    assert!(summary.stdout.contains("events=3 audits=0"), "{summary:?}");
    assert_eq!(summary.stderr.matches("blocked/audits.ndjson").count(), 1, "{summary:?}");
    assert_eq!(lab.run(&["inspect", "events"], "").lines().len(), 3);
    let timeline = lab.run(&["timeline", "local:1"], "");
    assert!(timeline.code == Some(74) && timeline.stdout.contains("Event1"), "{timeline:?}");

    damage(&lab, "facts.ndjson", "Event3", "Event9");
    // The gravest code counts: that nobody could look is graver than what was found.
    let (run, json) = in_json(&lab, &["persistence", "scan"]);
    assert_eq!((run.code, json["ok"].as_bool(), json["anomalies_total"].as_u64()), (Some(74), Some(false), Some(1)));
    assert_eq!(part(&json, "audit")["error"]["kind"], "io");
    let recover = lab.run(&["persistence", "recover"], "");
    assert_eq!(recover.code, Some(74), "{recover:?}");
    assert!(recover.stdout.contains("repaired facts.ndjson") && recover.stdout.contains("part audit: "), "{recover:?}");
    for command in [&["doctor", "run"] as &[&str], &["metrics", "persistence"], &["persistence", "inspect"]] {
        let run = lab.run(command, "");
        assert_eq!(run.code, Some(74), "{run:?}");
        assert!(run.stderr.contains("blocked/audits.ndjson"), "{run:?}");
    }
}

#[test]
fn a_part_that_nothing_was_written_to_yet_is_no_failure() {
    let lab = Lab::with(&event(1));
    lab.write("papyra.toml", "url = \"json:facts.ndjson\"\n[kind.audit]\nurl = \"json:audits.ndjson\"\n");
    let scan = lab.run(&["persistence", "scan"], "");
    assert_eq!(scan.lines().last(), Some(&"no log yet"));
    assert_eq!(lab.run(&["doctor", "run"], "").code, Some(0));
    assert!(lab.run(&["persistence", "inspect"], "").lines().contains(&"audits_sampled: 0"));
    assert!(lab.run(&["inspect", "summary"], "").lines().iter().any(|line| line.contains("events=1 audits=0")));
    assert_eq!(lab.run(&["timeline", "local:1"], "").code, Some(0));
    // If no part is there, there is no log.
    let empty = configured(PLACES);
    assert_eq!(empty.run(&["persistence", "scan"], "").code, Some(66));
    assert_eq!(empty.run(&["doctor", "run"], "").code, Some(0));
    assert_eq!(empty.run(&["inspect", "summary"], "").code, Some(66));
}

#[test]
fn facts_of_a_kind_that_moved_away_are_told_of() {
    let lab = Lab::with(&facts(1..=4));
    lab.write("papyra.toml", "url = \"json:facts.ndjson\"\n[kind.audit]\nurl = \"json:audits.ndjson\"\n");
    let scan = lab.run(&["persistence", "scan"], "");
    assert_eq!(scan.code, Some(0));
    assert!(scan.stderr.contains("json:facts.ndjson: 2 facts of the kind audit stand here"), "{scan:?}");
    // They can be taken along.
    let old = lab.run(&["inspect", "audits", "--path", "facts.ndjson", "-o", "ndjson"], "");
    lab.run(&["append"], &old.stdout).lines();
    let moved = lab.run(&["inspect", "audits", "-o", "ndjson"], "");
    assert_eq!((moved.lines().len(), old.lines().len()), (2, 2));
    assert!(!String::from_utf8(lab.read("audits.ndjson")).unwrap().contains("position"), "{moved:?}");
}

#[test]
fn a_fact_that_is_too_long_costs_no_fact_of_any_part() {
    let lab = configured(PLACES);
    let long = format!(r#"{{"kind":"event","timestamp":1,"event_type":"{}"}}"#, "x".repeat(2 << 20));
    let input = format!("{}{long}\n{}", facts(1..=4), facts(5..=6));
    let append = lab.run(&["append", "--ack", "--skip-invalid"], &input);
    assert_eq!(append.code, Some(0), "{:?}", append.stderr);
    assert_eq!(append.stdout.lines().count(), 6);
    assert!(append.stderr.contains("skipped 1 invalid line, the first is line 5"), "{:?}", append.stderr);
    assert_eq!(lab.run(&["inspect", "events"], "").lines().len(), 3);
    assert_eq!(lab.run(&["inspect", "audits"], "").lines().len(), 3);
}

#[test]
fn a_report_does_not_replace_a_part() {
    let lab = filled();
    let run = lab.run(&["persistence", "scan", "--report", "audits.ndjson"], "");
    assert_eq!(run.code, Some(64), "{run:?}");
}

#[test]
fn all_parts_are_one_backup_and_come_back_as_one_log() {
    let lab = filled();
    let made = lab.run(&["backup", "create", "--to", "backups"], "");
    let lines: Vec<&str> = made.lines();
    assert_eq!((lines[0], lines[2]), ("Backup completed", "  entries: 6"), "{made:?}");
    let parts: Vec<&&str> = lines.iter().filter(|line| line.starts_with("part ")).collect();
    assert!(parts[0].starts_with("part event, dead_letter: json:/") && parts[0].contains("facts.ndjson (3 entries, "));
    assert!(parts[1].starts_with("part audit: json:/") && parts[1].contains("audits.ndjson (3 entries, "), "{parts:?}");
    let listed = lab.run(&["backup", "list", "backups"], "");
    assert_eq!(listed.lines().len(), 3, "{listed:?}");
    assert!(lab.run(&["backup", "verify", "backups"], "").lines()[0].contains("(6 entries, "));

    let (_, restored) = in_json(&lab, &["backup", "restore", "backups", "--to", "restored"]);
    assert_eq!(restored["parts"][1]["scan"]["log"], "json:restored/audit.ndjson");
    lab.write("restored.toml", restored["configuration"].as_str().unwrap());
    for kind in ["events", "audits"] {
        let list = ["inspect", kind, "-o", "ndjson"];
        let now = lab.run(&[&list[..], &["--config", "restored.toml"]].concat(), "");
        assert_eq!(now.lines(), lab.run(&list, "").lines());
    }
    let text = lab.run(&["backup", "restore", "backups", "--to", "again"], "");
    let (_, configuration) = text.stdout.split_once("# papyra.toml\n").unwrap();
    assert_eq!(configuration.replace("again", "restored"), restored["configuration"].as_str().unwrap());
}

#[test]
fn a_backup_of_parts_is_not_restored_over_anything_nor_where_it_has_no_room() {
    let lab = filled();
    lab.run(&["backup", "create", "--to", "backups"], "").lines();
    lab.write("file", "mine");
    for (to, code) in [("file", 73), ("backups", 73), ("json:new.ndjson", 64)] {
        let run = lab.run(&["backup", "restore", "backups", "--to", to], "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(code), ""), "{to}: {run:?}");
        assert!(run.stderr.contains("cure: "), "{run:?}");
    }
    let name = lab.run(&["backup", "list", "backups", "-o", "json"], "").json()["backups"][0]["name"].to_string();
    let part = format!("backups/{}/audit", name.trim_matches('"'));
    lab.run(&["backup", "restore", &part, "--to", "new.ndjson"], "").lines();
    assert_eq!(lab.run(&["inspect", "audits", "--path", "new.ndjson"], "").lines().len(), 3);
    damage(&lab, &format!("{part}/data/audits.ndjson"), "\"total_actors\":4", "\"total_actors\":5");
    let verified = lab.run(&["backup", "verify", "backups"], "");
    assert_eq!(verified.code, Some(6), "{verified:?}");
    assert!(verified.stdout.contains("\n- audit/data/audits.ndjson: its checksum is wrong"), "{verified:?}");
    let refused = lab.run(&["backup", "restore", "backups", "--to", "elsewhere"], "");
    assert_eq!(refused.code, Some(6), "{refused:?}");
    assert!(!lab.path("elsewhere").exists());
}

#[test]
fn a_backup_of_parts_does_not_lie_in_one_of_them() {
    let lab = configured(["json:facts.ndjson", "rotating:audits"]);
    lab.run(&["append"], facts(1..=4)).lines();
    let run = lab.run(&["backup", "create", "--to", "audits/backups"], "");
    assert_eq!(run.code, Some(64), "{run:?}");
    // Dead letters are with the events: a part without a log is one that has a place of its own.
    lab.write("papyra.toml", "url = \"json:facts.ndjson\"\n[kind.dead_letter]\nurl = \"json:dead.ndjson\"\n");
    let run = lab.run(&["backup", "create", "--to", "backups"], "");
    assert!(run.lines().iter().any(|line| line.starts_with("part dead_letter: json:dead.ndjson (not in the backup: ")));
    assert!(run.stderr.contains("note: part dead_letter: "), "{run:?}");
}
