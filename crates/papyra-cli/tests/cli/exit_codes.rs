//! The published table: every code that can occur is provoked; none occurs that is not listed.

use std::fs::File;

use papyra_cli::exit::{ExitCode, TABLE};

use crate::lab::{Lab, Running, event, finish};

/// How a code is provoked: what the program ended with. `None`: nothing in this version ends with it.
fn provoke(code: ExitCode) -> Option<Option<i32>> {
    let lab = Lab::with(&(event(1) + "\n"));
    let run = match code {
        ExitCode::Done => lab.on_log(&["persistence", "scan"]).code,
        ExitCode::Anomalies => {
            let log = std::fs::read_to_string(lab.path("facts.ndjson")).unwrap();
            lab.write("facts.ndjson", log.replace("Event1", "Event2"));
            lab.on_log(&["persistence", "scan"]).code
        }
        ExitCode::Usage => lab.on_log(&["inspect", "evnets"]).code,
        ExitCode::Input => lab.run(&["append", "--path", "facts.ndjson"], "no fact\n").code,
        ExitCode::NoLog => lab.run(&["persistence", "scan", "--path", "missing.ndjson"], "").code,
        ExitCode::CannotCreate => lab.on_log(&["persistence", "scan", "--report", "missing/report.json"]).code,
        ExitCode::Io => {
            let mut command = lab.command(&["inspect", "events", "--path", "facts.ndjson"]);
            command.stdout(File::create("/dev/full").unwrap());
            finish(command, b"").code
        }
        ExitCode::Locked => {
            let mut holder = Running::start(lab.command(&["append", "--ack", "--path", "facts.ndjson"]));
            holder.tell(&(event(2) + "\n"));
            holder.line();
            // An empty input, too: who cannot write must learn it.
            let run = lab.on_log(&["append"]);
            assert!(run.stderr.contains(&holder.child.id().to_string()), "the holder is named: {run:?}");
            run.code
        }
        // No user can create a file there, not even root, whom no mode stops.
        ExitCode::Permission => lab.run(&["append", "--path", "/sys/papyra.ndjson"], "").code,
        ExitCode::Config => lab.run(&["inspect", "events", "--url", "json:facts.ndjson?durabilty=synced"], "").code,
        ExitCode::Interrupted | ExitCode::Terminated => {
            let mut follower = Running::start(lab.command(&["inspect", "events", "-f", "--path", "facts.ndjson"]));
            follower.line();
            follower.end_with(if code == ExitCode::Interrupted { "INT" } else { "TERM" })
        }
        // Gates, recovery, backups and thresholds come with later commands, servers with later backends; a bug cannot be
        // ordered.
        ExitCode::GateClosed
        | ExitCode::NotRecovered
        | ExitCode::Reserved
        | ExitCode::NotReady
        | ExitCode::BackupMismatch
        | ExitCode::Threshold
        | ExitCode::Unavailable
        | ExitCode::Internal => return None,
        other => panic!("{other:?} is in the table and not in this test"),
    };
    Some(run)
}

#[test]
fn every_published_code_that_can_occur_is_what_the_program_ends_with() {
    for (code, meaning) in TABLE {
        if let Some(ended) = provoke(*code) {
            assert_eq!(ended, Some(i32::from(code.code())), "{meaning}");
        }
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
        &["inspect", "events", "--follow", "-o", "json", "--path", "facts.ndjson"],
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
