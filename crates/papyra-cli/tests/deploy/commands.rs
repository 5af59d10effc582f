//! The commands in the files are run: on a log as it is on a good day, and before there is one.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use papyra::{Event, Fact, Timestamp};
use tempfile::TempDir;

use crate::{kubernetes, systemd};

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_papyra");

/// A command of our program in a file.
#[derive(Debug)]
pub(crate) struct Commanded {
    #[expect(dead_code, reason = "a test that fails shows it")]
    pub(crate) from: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
}

/// The places that the files name, below a directory of the test's own.
fn moved(text: &str, root: &Path) -> String {
    let root = root.display().to_string();
    ["/var/lib/orders", "/var/backups/orders", "/backups"]
        .into_iter()
        .find_map(|place| {
            let (before, after) = text.split_once(place)?;
            Some(format!("{before}{root}{place}{after}"))
        })
        .unwrap_or_else(|| text.to_owned())
}

impl Commanded {
    fn run(&self, root: &Path) -> Output {
        let mut command = Command::new(PROGRAM);
        command.env_clear().current_dir(root).env("HOME", root);
        command.args(self.args.iter().map(|arg| moved(arg, root)));
        command.envs(self.env.iter().map(|(name, value)| (name, moved(value, root))));
        command.output().unwrap()
    }

    fn is_check_before_a_start(&self) -> bool {
        self.args.iter().any(|arg| arg == "startup-check")
    }
}

fn all() -> Vec<Commanded> {
    [kubernetes::commands(), systemd::commands()].into_iter().flatten().collect()
}

fn place() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    for place in ["var/lib/orders", "var/backups/orders", "backups"] {
        fs::create_dir_all(root.path().join(place)).unwrap();
    }
    root
}

#[test]
fn every_command_ends_well_on_a_log_as_it_is_on_a_good_day() {
    for command in all() {
        let root = place();
        let url = format!("rotating:{}/var/lib/orders/log", root.path().display());
        let facts: Vec<Fact> = (0..3).map(|n| Event::new(format!("orders://{n}"), "ActorStarted").into()).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let log = papyra::open(&url).await.unwrap();
            log.append(&facts).await.unwrap();
            log.close().await.unwrap();
        });
        let output = command.run(root.path());
        assert_eq!(output.status.code(), Some(0), "{command:?} {output:?}");
        // What was configured is what was looked at.
        assert!(fs::read_dir(root.path().join("var/lib/orders/log")).unwrap().count() > 1, "{command:?}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains("warning"), "{command:?} {output:?}");
    }
}

#[test]
fn a_first_deployment_starts_and_everything_else_says_that_there_is_no_log() {
    for command in all() {
        let root = place();
        let code = command.run(root.path()).status.code();
        match command.args[0].as_str() {
            _ if command.is_check_before_a_start() => assert_eq!(code, Some(0), "{command:?}"),
            // A log that is not there has no fact of the last hour.
            "doctor" => assert_eq!(code, Some(7), "{command:?}"),
            _ => assert_eq!(code, Some(66), "{command:?}"),
        }
    }
}

#[test]
fn a_damaged_log_is_recovered_before_the_start_and_quarantined() {
    for command in all().iter().filter(|command| command.is_check_before_a_start()) {
        let root = place();
        let log = root.path().join("var/lib/orders/log");
        let at = Timestamp::now().seconds();
        let lines = format!("{{\"kind\":\"event\",\"event_type\":\"A\",\"timestamp\":{at}}}\nno fact\n");
        fs::create_dir_all(&log).unwrap();
        fs::write(log.join("log.000001.ndjson"), lines).unwrap();
        let output = command.run(root.path());
        assert_eq!(output.status.code(), Some(0), "{command:?} {output:?}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("Recovery successful"), "{output:?}");
        assert!(root.path().join("var/lib/orders/quarantine").is_dir());
    }
}
