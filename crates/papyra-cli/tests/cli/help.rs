//! Every command explains itself, and what it says is true.

use std::process::Command;

use crate::lab::{Lab, events, finish};

const COMMANDS: &[&[&str]] = &[
    &[],
    &["demo"],
    &["append"],
    &["inspect"],
    &["inspect", "events"],
    &["inspect", "audits"],
    &["inspect", "dead-letters"],
    &["inspect", "summary"],
    &["doctor"],
    &["doctor", "run"],
    &["persistence"],
    &["persistence", "scan"],
    &["persistence", "recover"],
    &["persistence", "compact"],
    &["persistence", "startup-check"],
    &["persistence", "inspect"],
    &["config"],
    &["config", "show"],
    &["help"],
];

/// The lines between a title and the next blank line.
fn part<'a>(help: &'a str, title: &str) -> Vec<&'a str> {
    help.lines().skip_while(|line| *line != title).skip(1).take_while(|line| !line.is_empty()).collect()
}

#[test]
fn every_help_has_exit_codes_and_examples_that_run() {
    for command in COMMANDS {
        let lab = Lab::with(&events(1..=3));
        let help = lab.run(&[*command, &["--help"]].concat(), "");
        assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""), "{command:?}");
        assert!(help.stdout.len() > 200 && !help.stdout.contains('\u{1b}'), "{command:?}");
        let codes = part(&help.stdout, "Exit codes:");
        assert!(codes.first().is_some_and(|line| line.starts_with("    0  ")) && codes.len() >= 4, "{command:?}");
        let examples = part(&help.stdout, "Examples:");
        assert!(!examples.is_empty(), "{command:?}");
        for example in examples {
            let mut shell = Command::new("sh");
            lab.settle(&mut shell);
            shell.args(["-c", example]);
            let run = finish(shell, b"");
            assert_eq!(run.code, Some(0), "{example} {run:?}");
        }
    }
}

#[test]
fn help_about_a_command_is_its_help() {
    let lab = Lab::new();
    for command in COMMANDS {
        let asked = lab.run(&[&["help"], *command].concat(), "");
        assert_eq!(asked.lines(), lab.run(&[*command, &["--help"]].concat(), "").lines(), "{command:?}");
    }
}

#[test]
fn the_version_is_told() {
    assert_eq!(Lab::new().run(&["--version"], "").lines(), [format!("papyra {}", env!("CARGO_PKG_VERSION"))]);
}
