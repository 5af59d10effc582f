//! Programs of others that know their own files best.

use std::{env, path::PathBuf, process::Command};

/// A program, by the variable that names it or from the path. Without it the test is skipped, unless nothing may be.
pub(crate) fn find(variable: &str, name: &str) -> Option<PathBuf> {
    let given = env::var_os(variable).map(PathBuf::from);
    let paths = env::var_os("PATH").unwrap_or_default();
    let found = given.or_else(|| env::split_paths(&paths).map(|dir| dir.join(name)).find(|path| path.is_file()));
    if found.is_none() {
        let required = env::var_os("PAPYRA_REQUIRE_ALL").is_some_and(|value| value == "1");
        assert!(!required, "{name} is missing: see scripts/test");
        eprintln!("skipped: {name} is missing");
    }
    found
}

/// Runs it; gives everything that it said, if it ended with 0.
#[track_caller]
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{command:?}\n{said}");
    said
}
