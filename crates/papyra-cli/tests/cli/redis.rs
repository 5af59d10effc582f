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
