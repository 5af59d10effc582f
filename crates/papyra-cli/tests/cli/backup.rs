//! `papyra backup`.

use std::fs;

use crate::lab::{Lab, Running, event, events, finish};

#[track_caller]
fn create(lab: &Lab) -> String {
    let run = lab.on_log(&["backup", "create", "--to", "backups", "-o", "json"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    run.json()["name"].as_str().unwrap().to_owned()
}

#[track_caller]
fn facts(lab: &Lab, log: &str) -> String {
    let run = lab.run(&["inspect", "events", "-o", "ndjson", "--path", log], "");
    assert_eq!(run.code, Some(0), "{run:?}");
    run.stdout
}

#[test]
fn a_log_is_backed_up_listed_verified_and_restored_beside_its_service() {
    let lab = Lab::with(&events(1..=3));
    let mut service = Running::start(lab.command(&["append", "--ack", "--path", "facts.ndjson"]));
    service.tell(&(event(4) + "\n"));
    service.line();
    let run = lab.on_log(&["backup", "create", "--to", "backups"]);
    let lines = run.lines();
    assert_eq!((lines[0], lines[2]), ("Backup completed", "  entries: 4"), "{run:?}");
    assert!(lines[1].starts_with("  backup: backups/") && run.stderr.is_empty(), "{run:?}");
    service.tell(&(event(5) + "\n"));
    assert!(service.line().contains(r#""seq":5"#));
    let name = lines[1].trim_start_matches("  backup: backups/");
    let listed = lab.run(&["backup", "list", "backups"], "");
    assert!(listed.lines()[0].starts_with(&format!("{name}  complete")), "{listed:?}");
    let report = lab.run(&["backup", "list", "backups", "-o", "json"], "").json();
    assert_eq!(
        (&report["schema"], &report["backups"][0]["state"]),
        (&"papyra.backup_list/1".into(), &"complete".into())
    );
    let verified = lab.run(&["backup", "verify", "backups"], "");
    assert!(verified.lines()[0].starts_with(&format!("Backup is sound: {name} (4 entries")), "{verified:?}");
    // One backup, or the directory of all of them.
    for (from, to) in [("backups".to_owned(), "a.ndjson"), (format!("backups/{name}"), "json:./b.ndjson")] {
        let run = lab.run(&["backup", "restore", &from, "--to", to], "");
        assert_eq!((run.lines()[0], run.lines()[3]), ("Restore completed", "  entries: 4"), "{run:?}");
    }
    assert_eq!(facts(&lab, "a.ndjson"), facts(&lab, "b.ndjson"));
    assert_eq!(facts(&lab, "a.ndjson").lines().count(), 4);
    assert_eq!(lab.run(&["persistence", "scan", "--path", "a.ndjson"], "").lines(), ["Persistence is healthy"]);
    let ack = lab.run(&["append", "--ack", "--path", "a.ndjson"], event(5));
    assert_eq!(ack.lines(), [r#"{"line":1,"seq":5,"position":"5"}"#]);
}

#[test]
fn a_changed_backup_is_named_with_exit_code_6_and_is_not_restored() {
    let lab = Lab::with(&events(1..=3));
    let first = create(&lab);
    let second = create(&lab);
    let part = lab.path(&format!("backups/{second}/data/facts.ndjson"));
    let mut bytes = fs::read(&part).unwrap();
    bytes[300] ^= 1;
    fs::write(&part, bytes).unwrap();
    let run = lab.run(&["backup", "verify", "backups"], "");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(run.code, Some(6));
    assert!(lines[0].starts_with(&format!("Backup is sound: {first}")), "{run:?}");
    assert_eq!(lines[1], format!("Backup does not match its manifest: {second}"));
    assert_eq!(lines[2], "- data/facts.ndjson: its checksum is wrong: its bytes have changed");
    let report = lab.run(&["backup", "verify", &format!("backups/{second}"), "-o", "json"], "");
    assert_eq!((report.code, &report.json()["ok"], &report.json()["exit"]), (Some(6), &false.into(), &6.into()));
    assert_eq!(report.json()["backups"][0]["mismatches"][0]["file"], "data/facts.ndjson");
    let run = lab.run(&["backup", "restore", "backups", "--to", "restored.ndjson"], "");
    assert_eq!((run.code, run.stdout.as_str()), (Some(6), ""), "{run:?}");
    assert!(run.stderr.contains("data/facts.ndjson") && run.stderr.contains("cure: restore another"), "{run:?}");
    fs::write(lab.path(&format!("backups/{second}/manifest.json")), "{}").unwrap();
    let run = lab.run(&["backup", "restore", "backups", "--to", "restored.ndjson"], "");
    assert_eq!(run.code, Some(6), "the older one is not taken in silence: {run:?}");
    assert!(!lab.path("restored.ndjson").exists());
    assert_eq!(
        lab.run(&["backup", "restore", &format!("backups/{first}"), "--to", "restored.ndjson"], "").code,
        Some(0)
    );
}

#[test]
fn what_is_there_is_never_replaced() {
    let lab = Lab::with(&events(1..=3));
    create(&lab);
    let before = lab.read("facts.ndjson");
    for to in ["facts.ndjson", "json:facts.ndjson", "backups", "backups/"] {
        let run = lab.run(&["backup", "restore", "backups", "--to", to], "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(73), ""), "{to}: {run:?}");
        assert!(run.stderr.contains("cure: "), "{run:?}");
    }
    assert_eq!(lab.read("facts.ndjson"), before);
    assert_eq!(lab.run(&["backup", "restore", "backups", "--to", "memory:"], "").code, Some(0), "said in words");
}

#[test]
fn what_is_not_there_is_no_such_log() {
    let lab = Lab::with(&events(1..=3));
    fs::create_dir(lab.path("empty")).unwrap();
    for args in [
        &["backup", "create", "--to", "b", "--path", "missing.ndjson"] as &[&str],
        &["backup", "list", "missing"],
        &["backup", "verify", "missing"],
        &["backup", "verify", "empty"],
        &["backup", "restore", "missing", "--to", "x.ndjson"],
        &["backup", "restore", "empty", "--to", "x.ndjson"],
    ] {
        let run = lab.run(args, "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(66), ""), "{args:?} {run:?}");
    }
    for args in [&["backup"] as &[&str], &["backup", "create", "--path", "facts.ndjson"], &["backup", "restore", "b"]] {
        assert_eq!(lab.run(args, "").code, Some(64), "{args:?}");
    }
    let memory = lab.run(&["backup", "create", "--to", "b", "--url", "memory:"], "");
    assert_eq!(memory.code, Some(0));
    assert!(memory.stderr.contains("does not support backups"), "{memory:?}");
}

#[test]
fn a_damaged_log_is_backed_up_and_the_damage_is_said_aloud() {
    let lab = Lab::damaged();
    let run = lab.on_log(&["-q", "backup", "create", "--to", "backups"]);
    assert_eq!(run.lines()[2], "  entries: 2");
    assert!(run.stderr.contains("the log is damaged (1 anomalies)"), "{run:?}");
    for args in [&["backup", "verify", "backups"] as &[&str], &["backup", "restore", "backups", "--to", "new.ndjson"]] {
        let run = lab.run(args, "");
        assert!(
            run.code == Some(0) && run.stderr.contains("was damaged when it was backed up (1 anomalies)"),
            "{run:?}"
        );
    }
    assert_eq!(lab.run(&["persistence", "scan", "--path", "new.ndjson"], "").code, Some(2));
    assert!(lab.run(&["backup", "list", "backups"], "").lines()[0].ends_with("the log had 1 anomalies"));
    let torn = Lab::torn();
    let run = torn.on_log(&["backup", "create", "--to", "backups"]);
    assert!(run.code == Some(0) && run.stderr.contains("21 bytes after the last line"), "{run:?}");
}

#[test]
fn backups_of_several_logs_side_by_side_are_told_apart() {
    let lab = Lab::with(&events(1..=3));
    let first = create(&lab);
    lab.run(&["append", "--path", "other.ndjson"], events(1..=9)).lines();
    lab.run(&["backup", "create", "--to", "backups", "--path", "other.ndjson"], "").lines();
    let run = lab.run(&["backup", "restore", "backups", "--to", "new.ndjson"], "");
    assert_eq!(run.code, Some(64), "{run:?}");
    assert!(run.stderr.contains("facts.ndjson") && run.stderr.contains("other.ndjson"), "{run:?}");
    lab.run(&["backup", "restore", &format!("backups/{first}"), "--to", "new.ndjson"], "").lines();
    assert_eq!(facts(&lab, "new.ndjson").lines().count(), 3);
    assert_eq!(lab.run(&["backup", "verify", "backups"], "").lines().len(), 2);
}

#[test]
fn a_plain_copy_of_a_live_log_is_readable_after_recovery() {
    let lab = Lab::with("");
    let mut service = Running::start(lab.command(&["append", "--ack", "--path", "facts.ndjson"]));
    for n in 1..=4 {
        service.tell(&(event(n) + "\n"));
        service.line();
    }
    let whole = lab.read("facts.ndjson");
    // A copy that was made in the middle of a write ends anywhere.
    for cut in [0, 1, 70, 143] {
        lab.write("copy.ndjson", &whole[..whole.len() - cut]);
        let scan = lab.run(&["persistence", "scan", "--path", "copy.ndjson"], "").code;
        assert_eq!(scan, Some(if cut == 0 { 0 } else { 2 }));
        lab.run(&["persistence", "recover", "--path", "copy.ndjson"], "").lines();
        assert_eq!(lab.run(&["persistence", "scan", "--path", "copy.ndjson"], "").code, Some(0));
        let expected = if cut < 2 { 4 } else { 3 };
        assert_eq!(facts(&lab, "copy.ndjson").lines().count(), expected, "{cut} bytes cut");
    }
}

#[test]
fn a_path_need_be_no_text() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _};
    let lab = Lab::with(&events(1..=3));
    let [log, backups, restored] = [&b"facts\xff.ndjson"[..], b"backups\xff", b"new\xff.ndjson"].map(OsStr::from_bytes);
    fs::rename(lab.path("facts.ndjson"), lab.path(".").join(log)).unwrap();
    let run = |args: &[&OsStr]| {
        let mut command = lab.command(&["backup"]);
        command.args(args).args(["-o", "json"]);
        let run = finish(command, b"");
        assert_eq!(run.code, Some(0), "{run:?}");
        run.json()
    };
    let flag = OsStr::new;
    let made = run(&[flag("create"), flag("--path"), log, flag("--to"), backups]);
    assert!(made["path"].as_str().unwrap().contains("backups\u{fffd}"), "{made}");
    run(&[flag("verify"), backups]);
    run(&[flag("restore"), backups, flag("--to"), restored]);
    assert!(lab.path(".").join(restored).is_file());
}
