//! The published table: every code that can occur is provoked; none occurs that is not listed.

use std::fs::File;

use papyra_cli::exit::{ExitCode, TABLE};

use crate::{
    lab::{Lab, Running, event, finish},
    stubborn,
};

/// What the program ended with where this code was provoked, by each command that has its own meaning for it. Empty: nothing
/// in this version ends with it.
fn provoke(code: ExitCode) -> Vec<Option<i32>> {
    let lab = Lab::with(&(event(1) + "\n"));
    let doctor = |args: &[&str]| Lab::damaged().on_log(&[&["doctor", "run"], args].concat()).code;
    let startup_check = |args: &[&str]| Lab::damaged().on_log(&[&["persistence", "startup-check"], args].concat()).code;
    let persistence = |lab: &Lab, args: &[&str]| lab.on_log(&[&["persistence"], args].concat()).code;
    match code {
        ExitCode::Done => vec![
            persistence(&lab, &["scan"]),
            doctor(&["--mode", "ignore"]),
            startup_check(&["--mode", "recover"]),
            persistence(&Lab::damaged(), &["recover"]),
            persistence(&lab, &["compact", "--max-records", "1"]),
            lab.run(&["doctor", "run", "--path", "missing.ndjson"], "").code,
        ],
        ExitCode::GateClosed => vec![doctor(&[]), startup_check(&["--mode", "FAIL_ON_ANOMALY"])],
        ExitCode::Anomalies => vec![
            persistence(&Lab::damaged(), &["scan"]),
            persistence(&Lab::damaged(), &["compact", "--max-records", "1"]),
            persistence(&lab, &["compact", "--max-age", "1s"]),
            // No recovery of ours leaves anomalies, but that of another backend may.
            stubborn::run(&["doctor", "run", "--mode", "recover"]),
        ],
        ExitCode::NotRecovered => vec![stubborn::run(&["persistence", "recover"])],
        ExitCode::NotReady => vec![stubborn::run(&["persistence", "startup-check", "--mode", "recover"])],
        ExitCode::Usage => vec![lab.on_log(&["inspect", "evnets"]).code, doctor(&["--mode", "mend"])],
        ExitCode::Input => vec![lab.run(&["append", "--path", "facts.ndjson"], "no fact\n").code],
        ExitCode::NoLog => vec![
            lab.run(&["persistence", "scan", "--path", "missing.ndjson"], "").code,
            lab.run(&["persistence", "compact", "--max-records", "1", "--path", "missing.ndjson"], "").code,
            lab.run(&["backup", "create", "--to", "backups", "--path", "missing.ndjson"], "").code,
        ],
        ExitCode::Unavailable => vec![
            stubborn::run_silent(&["doctor", "run", "--timeout", "1ms"]),
            // Nobody listens at this port: only root could, and has no reason to.
            lab.run(&["metrics", "persistence", "--url", "http://127.0.0.1:1"], "").code,
        ],
        // We know of no bug of ours; a backend with one is as good.
        ExitCode::Internal => vec![stubborn::run_broken(&["persistence", "scan"])],
        ExitCode::CannotCreate => {
            let report = ["--report", "missing/report.json"];
            vec![persistence(&lab, &["scan", report[0], report[1]]), doctor(&report), startup_check(&report)]
        }
        ExitCode::Io => {
            let mut command = lab.command(&["inspect", "events", "--path", "facts.ndjson"]);
            command.stdout(File::create("/dev/full").unwrap());
            vec![finish(command, b"").code]
        }
        ExitCode::Locked => {
            let lab = Lab::damaged();
            let mut holder = Running::start(lab.command(&["append", "--ack", "--path", "facts.ndjson"]));
            holder.tell(&(event(4) + "\n"));
            holder.line();
            // An empty input, too: who cannot write must learn it.
            let run = lab.on_log(&["append"]);
            assert!(run.stderr.contains(&holder.child.id().to_string()), "the holder is named: {run:?}");
            vec![
                run.code,
                persistence(&lab, &["recover"]),
                lab.on_log(&["doctor", "run", "--mode", "recover"]).code,
                lab.on_log(&["persistence", "startup-check", "--mode", "recover"]).code,
            ]
        }
        // No user can create a file there, not even root, whom no mode stops.
        ExitCode::Permission => vec![lab.run(&["append", "--path", "/sys/papyra.ndjson"], "").code],
        ExitCode::Config => {
            let quarantine = ["--mode", "recover", "--recovery-mode", "quarantine"];
            vec![
                lab.run(&["inspect", "events", "--url", "json:facts.ndjson?durabilty=synced"], "").code,
                doctor(&quarantine),
                startup_check(&quarantine),
                persistence(&lab, &["recover", "--mode", "quarantine"]),
            ]
        }
        ExitCode::Interrupted | ExitCode::Terminated => {
            let mut follower = Running::start(lab.command(&["inspect", "events", "-f", "--path", "facts.ndjson"]));
            follower.line();
            vec![follower.end_with(if code == ExitCode::Interrupted { "INT" } else { "TERM" })]
        }
        ExitCode::BackupMismatch => {
            let made = lab.on_log(&["backup", "create", "--to", "backups", "-o", "json"]).json();
            lab.write(&format!("backups/{}/data/stranger", made["name"].as_str().unwrap()), "");
            vec![
                lab.run(&["backup", "verify", "backups"], "").code,
                lab.run(&["backup", "restore", "backups", "--to", "new.ndjson"], "").code,
            ]
        }
        ExitCode::Threshold => vec![lab.on_log(&["doctor", "check", "--max-age-of-last", "1s"]).code],
        // It has no meaning yet.
        ExitCode::Reserved => Vec::new(),
        other => panic!("{other:?} is in the table and not in this test"),
    }
}

#[test]
fn every_published_code_that_can_occur_is_what_the_program_ends_with() {
    for (code, meaning) in TABLE {
        let ends = provoke(*code);
        assert_eq!(ends, vec![Some(i32::from(code.code())); ends.len()], "{meaning}");
    }
}

#[test]
fn the_whole_table_is_printed() {
    let run = Lab::new().run(&["help", "exit-codes"], "");
    let expected: Vec<String> = TABLE.iter().map(|(code, meaning)| format!("{:5}  {meaning}", code.code())).collect();
    assert_eq!(run.lines(), expected);
}

#[test]
fn a_typo_never_looks_like_a_damaged_log() {
    let lab = Lab::with(&(event(1) + "\n"));
    for args in [
        &["inspct"] as &[&str],
        &["inspect"],
        &["inspect", "events", "--lmit", "3", "--path", "facts.ndjson"],
        &["inspect", "events", "--limit", "many", "--path", "facts.ndjson"],
        &["inspect", "events", "--since", "soon", "--path", "facts.ndjson"],
        &["inspect", "events", "--tz", "Atlantis/Capital", "--path", "facts.ndjson"],
        &["inspect", "events", "--after", "x", "--path", "facts.ndjson"],
        &["inspect", "events", "--follow", "--limit", "x", "--path", "facts.ndjson"],
        &["persistence", "scan", "--path"],
        &["persistence", "scan", "--path", ""],
        &["persistence", "scan", "--path", "a", "--url", "json:b"],
        &["persistence", "scan", "-o", "xml", "--path", "facts.ndjson"],
        &["persistence", "scan"],
        &["help", "exit-code"],
        &[],
    ] {
        let run = lab.run(args, "");
        assert_eq!(run.code, Some(64), "{args:?} {run:?}");
        assert!(run.stdout.is_empty() && !run.stderr.is_empty(), "{args:?} {run:?}");
    }
}

#[test]
fn who_asks_for_json_gets_a_document_of_a_failure_too() {
    let lab = Lab::damaged();
    for (args, exit) in [
        (&["persistence", "scan", "--path", "missing.ndjson"] as &[&str], 66),
        (&["persistence", "compact", "--max-records", "1", "--path", "facts.ndjson"], 2),
        (&["persistence", "recover", "--mode", "quarantine", "--path", "facts.ndjson"], 78),
        (&["inspect", "events", "--path", "missing.ndjson"], 66),
        (&["inspect", "events", "--since", "soon", "--path", "facts.ndjson"], 64),
        (&["inspect", "summary", "--url", "json:facts.ndjson?durabilty=synced"], 78),
        (&["timeline", "local://1", "--path", "missing.ndjson"], 66),
        (&["metrics", "persistence", "--path", "missing.ndjson"], 66),
        (&["backup", "verify", "missing"], 66),
    ] {
        let run = lab.run(&[args, &["-o", "json"]].concat(), "");
        assert_eq!(run.code, Some(exit), "{run:?}");
        let told = run.json();
        assert_eq!((&told["schema"], &told["ok"]), (&"papyra.error/1".into(), &false.into()), "{run:?}");
        assert_eq!(told["exit"], exit);
        let message = told["error"]["message"].as_str().unwrap();
        assert!(run.stderr.contains(&format!("error: {message}")), "{run:?}");
        // As lines of facts it would be taken for one.
        let run = lab.run(&[args, &["-o", "ndjson"]].concat(), "");
        assert_eq!((run.code, run.stdout.as_str()), (Some(exit), ""), "{run:?}");
    }
    // What was printed already is not made worse.
    let run = lab.on_log(&["persistence", "scan", "-o", "json"]);
    assert_eq!((run.code, run.json()["schema"].as_str()), (Some(2), Some("papyra.scan/1")));
}
