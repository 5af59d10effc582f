//! Which log, and who says so.

use crate::lab::{Lab, Run, event, events, finish};

#[track_caller]
fn with_env(lab: &Lab, args: &[&str], env: &[(&str, &str)]) -> Run {
    let mut command = lab.command(args);
    command.envs(env.iter().copied());
    finish(command, b"")
}

fn row<'a>(run: &'a Run, key: &str) -> Vec<&'a str> {
    let line = run.stdout.lines().find(|line| line.split_whitespace().next() == Some(key)).unwrap_or_default();
    line.split_whitespace().skip(1).collect()
}

#[test]
fn a_flag_beats_a_variable_beats_a_file_beats_the_default() {
    let lab = Lab::new();
    let show = |args: &[&str], env: &[(&str, &str)]| with_env(&lab, &[&["config", "show"], args].concat(), env);
    assert_eq!(row(&show(&[], &[]), "url"), ["-", "default"]);
    assert_eq!(row(&show(&[], &[]), "lock_timeout"), ["0s", "default"]);
    lab.write("papyra.toml", "url = \"json:file.ndjson\"\nlock_timeout = \"3s\"\n");
    assert_eq!(row(&show(&[], &[]), "url"), ["json:file.ndjson", "papyra.toml:1"]);
    assert_eq!(row(&show(&[], &[]), "lock_timeout"), ["3s", "papyra.toml:2"]);
    let env = [("PAPYRA_URL", "json:env.ndjson"), ("PAPYRA_LOCK_TIMEOUT", "2s")];
    assert_eq!(row(&show(&[], &env), "url"), ["json:env.ndjson", "PAPYRA_URL"]);
    assert_eq!(row(&show(&[], &env), "lock_timeout"), ["2s", "PAPYRA_LOCK_TIMEOUT"]);
    assert_eq!(row(&show(&["--url", "json:flag.ndjson"], &env), "url"), ["json:flag.ndjson", "flag"]);
    assert_eq!(row(&show(&["--path", "path.ndjson"], &env), "url"), ["json:path.ndjson", "flag"]);
}

#[test]
fn the_log_that_is_configured_is_the_log_that_is_read() {
    let lab = Lab::with(&events(1..=2));
    lab.write("other.toml", "url = \"json:facts.ndjson\"\n");
    for (args, env) in [
        (&["--config", "other.toml"] as &[&str], &[] as &[(&str, &str)]),
        (&[], &[("PAPYRA_CONFIG", "other.toml")]),
        (&[], &[("PAPYRA_URL", "json:facts.ndjson")]),
        (&["--url", "facts.ndjson"], &[]),
    ] {
        let run = with_env(&lab, &[&["inspect", "events"], args].concat(), env);
        assert_eq!(run.lines().len(), 2, "{args:?} {env:?}");
    }
}

#[test]
fn without_a_log_the_ways_are_shown() {
    let run = Lab::new().run(&["inspect", "events"], "");
    assert_eq!(run.code, Some(64));
    for way in ["--path", "--url", "PAPYRA_URL", "papyra.toml"] {
        assert!(run.stderr.contains(way), "{run:?}");
    }
}

#[test]
fn a_wrong_configuration_is_refused_before_anything_is_touched() {
    let lab = Lab::new();
    lab.write("wrong.toml", "url = \"json:facts.ndjson\"\nretension.max_age = \"30d\"\n");
    for args in [&["--config", "wrong.toml"] as &[&str], &["--config", "missing.toml"], &["--url", "jsno:facts.ndjson"]]
    {
        let run = lab.run(&[&["append"], args].concat(), events(1..=1));
        assert_eq!(run.code, Some(78), "{args:?} {run:?}");
    }
    assert!(!lab.path("facts.ndjson").exists());
}

#[test]
fn no_password_is_shown() {
    let lab = Lab::new();
    for args in [&["config", "show"] as &[&str], &["config", "show", "-o", "json"], &["inspect", "events", "-v"]] {
        let run = with_env(&lab, args, &[("PAPYRA_URL", "redis://user:s3cret@localhost:6379/0")]);
        assert!(!format!("{run:?}").contains("s3cret"), "{run:?}");
    }
}

#[test]
fn an_address_behind_path_is_refused_and_no_log_of_a_strange_name_begins() {
    let lab = Lab::new();
    for scheme in ["json", "rotating", "redis"] {
        let run = lab.run(&["append", "--path", &format!("{scheme}:facts?durability=synced")], event(1));
        assert_eq!((run.code, lab.names().len()), (Some(64), 0), "{run:?}");
        assert!(run.stderr.contains(&format!("`{scheme}:` is an address")) && run.stderr.contains("--url"), "{run:?}");
    }
    assert_eq!(lab.run(&["append", "--path", "./json:facts"], event(1)).code, Some(0));
    assert_eq!(lab.run(&["inspect", "events", "--path", "json:facts"], "").lines().len(), 1);
}
