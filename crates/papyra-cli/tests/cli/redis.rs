//! The same commands on a log on Redis.

use crate::{
    lab::{Lab, Run, events, finish},
    redis_lab::{Server, free_port},
};

fn on(server: &Server, args: &[&str], stdin: &str) -> Run {
    Lab::new().run(&[args, &["--url", &server.url("system=cli")]].concat(), stdin)
}

#[test]
fn a_log_on_redis_is_appended_to_inspected_checked_and_compacted() {
    let server = Server::start();
    let appended = on(&server, &["append", "--ack"], &events(1..=5));
    assert_eq!(appended.lines().len(), 5);
    assert!(appended.stdout.contains(r#""position":""#) && !appended.stdout.contains(r#""seq""#), "{appended:?}");
    assert_eq!(on(&server, &["inspect", "events", "--limit", "2"], "").lines().len(), 2);
    let shown = on(&server, &["inspect", "events", "-o", "ndjson"], "");
    let fact: serde_json::Value = serde_json::from_str(shown.lines()[0]).unwrap();
    assert_eq!(fact["event_type"], "Event1");
    let scanned = on(&server, &["persistence", "scan", "--sample", "2"], "");
    assert_eq!(scanned.lines(), ["Persistence is healthy"]);
    let compacted = on(&server, &["persistence", "compact", "--max-records", "2"], "");
    assert!(compacted.stdout.contains("after_records: 2"), "{compacted:?}");
    let behind = on(&server, &["inspect", "events", "--after", "1-1"], "");
    assert_eq!(behind.lines().len(), 2);
}

#[test]
fn a_part_on_redis_is_named_by_every_command() {
    let server = Server::start();
    let lab = Lab::new();
    let url = server.url("prefix=papyra&system=cli");
    let part = format!("part event, dead_letter: {url}");
    let toml = format!("url = \"{url}\"\n[kind.audit]\nurl = \"rotating:audits?segment_records=2\"\n");
    lab.write("papyra.toml", toml);
    let audit = |n: u64| format!("{{\"kind\":\"audit\",\"total_actors\":{n},\"timestamp\":{}}}\n", 1_700_000_000 + n);
    let facts: String = events(1..=6) + &(1..=6).map(audit).collect::<String>();
    lab.run(&["append"], facts).lines();
    assert_eq!(lab.run(&["inspect", "events"], "").lines().len(), 6);
    assert_eq!(lab.run(&["inspect", "audits"], "").lines().len(), 6);
    let json = |args: &[&str]| lab.run(&[args, &["-o", "json"]].concat(), "").json();
    for command in [&["persistence", "scan"] as &[&str], &["persistence", "recover"], &["doctor", "run"]] {
        let run = lab.run(command, "");
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.stdout.contains(&part) && run.stdout.contains("part audit: rotating:audits"), "{run:?}");
        let json = json(command);
        let logs: Vec<&str> =
            json["parts"].as_array().unwrap().iter().map(|part| part["log"].as_str().unwrap()).collect();
        assert!(logs.contains(&url.as_str()) && logs.contains(&"rotating:audits"), "{logs:?}");
    }
    server.client().call(["XADD", "papyra:cli:events", "*", "data", "no fact"]);
    let scan = lab.run(&["persistence", "scan"], "");
    assert_eq!(scan.code, Some(2), "{scan:?}");
    assert!(
        scan.stdout.contains(&format!("{part}\nFound 1 persistence anomalies:\n- CORRUPTED_LINE: papyra:cli:events"))
    );
    // The part that is damaged is left alone; the other is compacted.
    assert_eq!(lab.run(&["persistence", "compact", "--max-records", "2"], "").code, Some(2));
    let quarantine = ["--recovery-mode", "quarantine", "--quarantine-dir", "q"];
    let doctor = lab.run(&[&["doctor", "run", "--mode", "recover"], &quarantine[..]].concat(), "");
    assert_eq!(doctor.code, Some(0), "{doctor:?}");
    assert!(doctor.stdout.contains("quarantined papyra:cli:quarantine:papyra_cli_events"), "{doctor:?}");
    // What a part rests on is said of that part.
    let unsafe_part = "part event, dead_letter: warning persistence: ";
    assert!(doctor.stdout.contains(unsafe_part), "{doctor:?}");
    assert_eq!(json(&["doctor", "run"])["checks"][0]["part"], "event, dead_letter");
    let compacted = json(&["persistence", "compact", "--max-records", "2"]);
    assert_eq!((&compacted["before_records"], &compacted["after_records"]), (&8.into(), &4.into()), "{compacted}");
    let delivered = lab.run(&["groups", "read", "--group", "g", "--consumer", "c"], "");
    assert_eq!(delivered.lines().len(), 2);
    let refused = lab.run(&["groups", "read", "--group", "g", "--consumer", "c", "--kind", "audit"], "");
    assert!(refused.code == Some(0) && refused.stderr.contains("consumer groups"), "{refused:?}");
    let inspect = lab.run(&["persistence", "inspect"], "");
    assert!(inspect.stdout.contains(&part) && inspect.stdout.contains("events_sampled: 2"), "{inspect:?}");
}

#[test]
fn a_log_on_redis_is_backed_up_verified_and_restored() {
    let server = Server::start();
    on(&server, &["append"], &events(1..=5)).lines();
    on(&server, &["groups", "read", "--group", "g", "--consumer", "c", "--count", "2"], "").lines();
    let lab = Lab::new();
    let created = lab.run(&["backup", "create", "--to", "b", "--url", &server.url("system=cli")], "");
    assert!(created.lines().contains(&"  entries: 5"), "{created:?}");
    assert_eq!(lab.run(&["backup", "verify", "b"], "").code, Some(0));
    let restored = lab.run(&["backup", "restore", "b", "--to", &server.url("system=again")], "");
    assert!(restored.lines().contains(&"  entries: 5"), "{restored:?}");
    let url = server.url("system=again");
    assert_eq!(lab.run(&["inspect", "events", "--url", &url], "").lines().len(), 5);
    let pending = lab.run(&["groups", "read", "--group", "g", "--consumer", "c", "--pending", "--url", &url], "");
    assert_eq!(pending.lines().len(), 2);
    let again = lab.run(&["backup", "restore", "b", "--to", &url], "");
    assert_eq!(again.code, Some(73), "{again:?}");
    // A path is no place for streams.
    let path = lab.run(&["backup", "restore", "b", "--to", "file.ndjson"], "");
    assert_eq!(path.code, Some(78), "{path:?}");
    let piece = std::fs::read_dir(lab.path("b")).unwrap().next().unwrap().unwrap().path().join("data/events.ndjson");
    let text = std::fs::read_to_string(&piece).unwrap();
    std::fs::write(&piece, text.replace("Event3", "Event9")).unwrap();
    assert_eq!(lab.run(&["backup", "verify", "b"], "").code, Some(6));
}

#[test]
fn the_doctor_names_what_the_log_rests_on_in_text_and_in_json() {
    let server = Server::start();
    on(&server, &["append"], &events(1..=1)).lines();
    let told = on(&server, &["doctor", "run"], "");
    assert_eq!(told.code, Some(0), "what is unsafe is named, and closes no gate: {told:?}");
    let lines = told.lines();
    assert_eq!(lines[0], "Persistence is healthy");
    assert!(lines.iter().any(|line| line.starts_with("warning persistence: ")), "{told:?}");
    assert!(lines.iter().any(|line| line.starts_with("  cure: set `appendonly yes`")), "{told:?}");
    let json = on(&server, &["doctor", "run", "-o", "json"], "").json();
    let checks = json["checks"].as_array().unwrap();
    let persistence = checks.iter().find(|check| check["name"] == "persistence").unwrap();
    assert_eq!(persistence["verdict"], "warning", "{json}");
    let plain = on(&server, &["persistence", "startup-check", "-o", "json"], "").json();
    assert!(plain.get("checks").is_none(), "{plain}");
}

#[test]
fn quarantine_on_redis_needs_no_directory() {
    let server = Server::start();
    on(&server, &["append"], &events(1..=3)).lines();
    server.client().call(["XADD", "papyra:cli:events", "*", "data", "no fact"]);
    let closed = on(&server, &["doctor", "run"], "");
    assert_eq!(closed.code, Some(1), "{closed:?}");
    let healed = on(&server, &["doctor", "run", "--mode", "recover", "--recovery-mode", "quarantine"], "");
    assert_eq!(healed.code, Some(0), "{healed:?}");
    assert!(healed.stdout.contains("quarantined papyra:cli:quarantine:papyra_cli_events"), "{healed:?}");
    assert_eq!(on(&server, &["persistence", "recover", "--mode", "quarantine"], "").code, Some(0));
}

#[test]
fn a_server_that_is_away_ends_with_69_and_append_tries_as_long_as_it_is_told() {
    let lab = Lab::new();
    let url = format!("redis://:s3cret@127.0.0.1:{}/0", free_port());
    for args in [
        &["append", "--timeout", "200ms", "--url", &url] as &[&str],
        &["inspect", "events", "--url", &url],
        &["persistence", "scan", "--url", &url],
        &["doctor", "run", "--url", &url],
    ] {
        let run = lab.run(args, events(1..=1));
        assert_eq!(run.code, Some(69), "{args:?} {run:?}");
        assert!(run.stderr.contains("cure: "), "{run:?}");
        assert!(!run.stderr.contains("s3cret"), "{run:?}");
    }
}

#[test]
fn a_password_from_a_file_opens_the_log_and_is_never_shown() {
    let server = Server::with(&["--requirepass", "s3cret"]);
    let lab = Lab::new();
    lab.write("password", "s3cret\n");
    let run = |args: &[&str], env: &[(&str, &str)]| {
        let mut command = lab.command(&[args, &["--url", &server.url("")]].concat());
        command.envs(env.iter().copied());
        finish(command, events(1..=1).as_bytes())
    };
    assert_eq!(run(&["append"], &[]).code, Some(77));
    let file = [("PAPYRA_REDIS_PASSWORD_FILE", "password")];
    assert_eq!(run(&["append"], &file).code, Some(0));
    assert_eq!(run(&["append"], &[("PAPYRA_REDIS_PASSWORD", "s3cret")]).code, Some(0));
    let url = format!("redis://:s3cret@127.0.0.1:{}/0", server.port());
    for args in [["config", "show"], ["inspect", "summary"], ["doctor", "run"]] {
        let run = lab.run(&[&args[..], &["-v", "--url", &url]].concat(), "");
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(!run.stdout.contains("s3cret") && !run.stderr.contains("s3cret"), "{run:?}");
    }
}

#[test]
fn a_durability_that_the_server_does_not_give_ends_with_78() {
    let server = Server::start();
    for options in ["durability=synced", "replicas=1"] {
        let run = Lab::new().run(&["append", "--url", &server.url(options)], events(1..=1));
        assert_eq!(run.code, Some(78), "{run:?}");
        assert!(run.stderr.contains("cure: "), "{run:?}");
    }
    assert_eq!(server.client().call(["DBSIZE"]).number(), 0);
}
