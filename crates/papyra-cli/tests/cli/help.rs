//! Every command explains itself, and what it says is true.

use std::process::Command;

use crate::{
    lab::{Lab, events, finish},
    redis_lab::Server,
};

/// Every command, the program itself first, as the helps themselves tell them.
fn commands(lab: &Lab) -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    let mut at = 0;
    while let Some(command) = all.get(at).cloned() {
        let help = lab.run(&words(&command, &["--help"]), "");
        let listed = part(&help.stdout, "Commands:");
        let names = listed.iter().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        all.extend(
            names.filter_map(|line| Some([&command[..], &[line.split_whitespace().next()?.to_owned()]].concat())),
        );
        at += 1;
    }
    assert!(all.len() > 20 && all.contains(&vec!["persistence".to_owned(), "scan".to_owned()]), "{all:?}");
    all
}

fn words<'a>(command: &'a [String], more: &[&'a str]) -> Vec<&'a str> {
    command.iter().map(String::as_str).chain(more.iter().copied()).collect()
}

fn shell(lab: &Lab, server: &Server, line: &str) -> Command {
    let mut shell = Command::new("sh");
    lab.settle(&mut shell);
    // Examples that name no log are about one in Redis.
    shell.env("PAPYRA_URL", server.url("prefix=papyra"));
    shell.args(["-c", line]);
    shell
}

/// The lines between a title and the next blank line.
fn part<'a>(help: &'a str, title: &str) -> Vec<&'a str> {
    help.lines().skip_while(|line| *line != title).skip(1).take_while(|line| !line.is_empty()).collect()
}

#[test]
fn every_help_has_exit_codes_and_examples_that_run_also_when_nobody_reads_what_they_print() {
    let server = Server::start();
    for command in commands(&Lab::new()) {
        let lab = Lab::with(&events(1..=3));
        let help = lab.run(&words(&command, &["--help"]), "");
        assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""), "{command:?}");
        assert!(help.stdout.len() > 200 && !help.stdout.contains('\u{1b}'), "{command:?}");
        let codes = part(&help.stdout, "Exit codes:");
        assert!(codes.first().is_some_and(|line| line.starts_with("    0  ")) && codes.len() >= 4, "{command:?}");
        let examples = part(&help.stdout, "Examples:");
        assert!(!examples.is_empty(), "{command:?}");
        for example in examples {
            let run = finish(shell(&lab, &server, example), b"");
            assert_eq!(run.code, Some(0), "{example} {run:?}");
        }
        // The same once more, into a pipe that nobody reads.
        let lab = Lab::with(&events(1..=3));
        for example in part(&help.stdout, "Examples:") {
            let (reader, writer) = std::io::pipe().unwrap();
            drop(reader);
            let mut shell = shell(&lab, &server, example);
            shell.stdout(writer);
            let run = finish(shell, b"");
            assert_eq!(run.code, Some(0), "{example} {run:?}");
            assert!(
                !run.stderr.contains("panicked") && !run.stderr.to_lowercase().contains("pipe"),
                "{example} {run:?}"
            );
        }
    }
}

#[test]
fn help_about_a_command_is_its_help() {
    let lab = Lab::new();
    for command in commands(&lab) {
        let asked = lab.run(&[&["help"], &words(&command, &[])[..]].concat(), "");
        let help = lab.run(&words(&command, &["--help"]), "");
        assert_eq!(asked.lines(), help.lines(), "{command:?}");
    }
}

#[test]
fn the_version_is_told() {
    assert_eq!(Lab::new().run(&["--version"], "").lines(), [format!("papyra {}", env!("CARGO_PKG_VERSION"))]);
}

#[test]
fn help_is_readable_whatever_the_surroundings_say_of_the_terminal() {
    let lab = Lab::new();
    let help = |columns: &str| {
        let mut command = lab.command(&["inspect", "events", "--help"]);
        command.env("COLUMNS", columns);
        let run = finish(command, b"");
        assert_eq!(run.code, Some(0), "{run:?}");
        run.stdout
    };
    assert_eq!(help("0"), help("100"));
    assert_ne!(help("40"), help("100"), "a narrow terminal gets narrow lines");
    assert!(help("40").lines().count() < 400);
}
