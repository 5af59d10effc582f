//! Several users and one log: what root does for a service, and what a user meets that may not look everywhere.

use std::{
    fs,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::Path,
    process::Command,
};

use crate::lab::{Lab, event, events, finish};

/// Somebody who is not root; no such user need exist.
const SOMEBODY: u32 = 65_534;

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Whether a test that needs root may be passed over.
fn passes_over(test: &str) -> bool {
    if !is_root() {
        assert!(std::env::var_os("PAPYRA_REQUIRE_ALL").is_none_or(|value| value != "1"), "{test} needs root");
        eprintln!("skipped: {test} needs root");
    }
    !is_root()
}

fn files(directory: &Path) -> Vec<fs::DirEntry> {
    fs::read_dir(directory).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()).collect()
}

#[test]
fn what_root_creates_for_a_log_belongs_to_whom_the_log_belongs() {
    if passes_over("what root creates for others") {
        return;
    }
    let lab = Lab::with(&events(1..=3));
    let rotating = ["append", "--url", "rotating:log?segment_records=2"];
    lab.run(&rotating, events(1..=2)).lines();
    fs::create_dir(lab.path("one")).unwrap();
    fs::rename(lab.path("facts.ndjson"), lab.path("one/facts.ndjson")).unwrap();
    for directory in ["log", "one"] {
        for entry in files(&lab.path(directory)) {
            match entry.file_name().to_str().unwrap().ends_with(".lock") {
                true => fs::remove_file(entry.path()).unwrap(),
                false => chown(entry.path(), Some(SOMEBODY), Some(SOMEBODY)).unwrap(),
            }
        }
    }
    chown(lab.path("log"), Some(SOMEBODY), Some(SOMEBODY)).unwrap();
    lab.run(&rotating, events(3..=7)).lines();
    lab.run(&["append", "--path", "one/facts.ndjson"], event(4)).lines();
    for log in ["log", "one/facts.ndjson"] {
        lab.run(&["persistence", "compact", "--max-records", "3", "--path", log], "").lines();
    }
    for entry in ["log", "one"].iter().flat_map(|directory| files(&lab.path(directory))) {
        let owner = entry.metadata().unwrap();
        assert_eq!((owner.uid(), owner.gid()), (SOMEBODY, SOMEBODY), "{:?}", entry.path());
    }
}

#[test]
fn a_home_that_may_not_be_looked_into_ends_no_command_and_is_told() {
    if passes_over("another user's home") {
        return;
    }
    let lab = Lab::with(&events(1..=3));
    // Whoever comes may run the program and read the log, and nothing else.
    fs::copy(env!("CARGO_BIN_EXE_papyra"), lab.path("papyra")).unwrap();
    fs::create_dir(lab.path("home")).unwrap();
    for (name, mode) in [(".", 0o755), ("papyra", 0o755), ("facts.ndjson", 0o644), ("home", 0o700)] {
        fs::set_permissions(lab.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let scan = |further: &[&str]| {
        let mut command = Command::new(lab.path("papyra"));
        lab.settle(&mut command);
        command.args(["persistence", "scan", "--path", "facts.ndjson"]).args(further);
        command.env("XDG_CONFIG_HOME", lab.path("home/.config")).uid(SOMEBODY).gid(SOMEBODY);
        finish(command, b"")
    };
    let run = scan(&[]);
    assert_eq!(run.lines(), ["Persistence is healthy"], "{run:?}");
    assert!(run.stderr.starts_with("warning: cannot read the configuration file `"), "{run:?}");
    // One that was named must be readable.
    assert_eq!(scan(&["--config", "home/papyra.toml"]).code, Some(77));
}
