//! The shells take the completions that the program prints, and offer its commands.

use std::{path::Path, process::Command};

use crate::lab::{Lab, finish};

/// A shell with the completions in `script`, and what it says then; `None` if the shell is not here.
fn said(lab: &Lab, shell: &str, before: &[&str], script: &str) -> Option<String> {
    let path = ["/usr/bin", "/bin", "/usr/local/bin"].iter().map(|bin| Path::new(bin).join(shell)).find(|p| p.exists());
    let Some(path) = path else {
        let refused = std::env::var_os("PAPYRA_REQUIRE_ALL").is_some_and(|value| value == "1");
        assert!(!refused, "{shell} is not here, and nothing may be skipped");
        eprintln!("\n!!!! SKIPPED, NOT PASSED: the completions of {shell}: it is not here !!!!\n");
        return None;
    };
    let printed = lab.run(&["completions", shell], "");
    assert_eq!(printed.code, Some(0), "{printed:?}");
    lab.write("completions", &printed.stdout);
    let mut command = Command::new(path);
    lab.settle(&mut command);
    command.args(before).args(["-c", script]);
    let run = finish(command, b"");
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{shell}: {run:?}");
    Some(run.stdout)
}

#[test]
fn bash_takes_its_completions() {
    // What bash calls for `papyra persistence sc` and a tab.
    let script = "source ./completions && complete -p papyra >/dev/null && \
        COMP_WORDS=(papyra persistence sc) COMP_CWORD=2 && _papyra papyra sc persistence && echo \"${COMPREPLY[@]}\"";
    let Some(offered) = said(&Lab::new(), "bash", &["--norc", "--noprofile"], script) else { return };
    assert_eq!(offered, "scan\n");
}

#[test]
fn zsh_takes_its_completions() {
    // Each command has a function that describes what may follow it.
    let script = "autoload -Uz compinit && compinit -u -D && source ./completions && print $_comps[papyra]
        _describe() { print -l ${(P)4} }
        for name in ${(k)functions}; do [[ $name == _papyra*persistence_commands ]] && $name; done; true";
    let Some(offered) = said(&Lab::new(), "zsh", &["-f"], script) else { return };
    let mut lines = offered.lines();
    assert_eq!(lines.next(), Some("_papyra"), "{offered}");
    assert!(lines.any(|line| line.starts_with("scan:")), "{offered}");
}

#[test]
fn fish_takes_its_completions() {
    let script = "source ./completions; complete -C 'papyra persistence sc'";
    let Some(offered) = said(&Lab::new(), "fish", &["--no-config"], script) else { return };
    assert!(offered.starts_with("scan\t"), "{offered}");
}
