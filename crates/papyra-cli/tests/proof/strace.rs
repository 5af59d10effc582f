//! System calls that end the program, or fail, at a chosen place.

use std::{fs, os::unix::process::CommandExt as _, process::Command};

use tempfile::TempDir;

use crate::{effort::tool, lab::Lab};

/// The calls that change something, and those that begin it. A build of the program uses one spelling of each.
pub(crate) const CALLS: [&str; 16] = [
    "openat",
    "write",
    "pwrite64",
    "copy_file_range",
    "sendfile",
    "fallocate",
    "ftruncate",
    "fsync",
    "fdatasync",
    "rename",
    "renameat2",
    "unlink",
    "mkdir",
    "linkat",
    "flock",
    "fchmod",
];

/// `strace`, or why it cannot be used.
pub(crate) struct Strace {
    program: String,
    /// What was traced, aside from the lab and from the program's own streams.
    trace: TempDir,
}

impl Strace {
    pub(crate) fn find() -> Result<Strace, String> {
        let program = tool("strace").ok_or("strace is not there")?;
        let tried = Command::new(&program).args(["-qq", "-e", "trace=none", "true"]).output();
        match tried {
            Ok(tried) if tried.status.success() => Ok(Strace { program, trace: tempfile::tempdir().unwrap() }),
            _ => Err("strace may not trace here".to_owned()),
        }
    }

    /// The program, with something done to calls in it as [`Strace::command`] does, but only to those on these files.
    pub(crate) fn command_on(
        &self,
        lab: &Lab,
        files: &[&str],
        call: &str,
        what: &str,
        when: &str,
        args: &[&str],
    ) -> Command {
        let mut command = self.tracing(lab, call, what, when);
        for file in files {
            command.args(["-P", file]).arg("-P").arg(lab.path(file));
        }
        command.arg(env!("CARGO_BIN_EXE_papyra")).args(args);
        command
    }

    /// The program, with `what` done to the `nth` call of this name in each of its threads: `signal=KILL`, `error=EIO`.
    pub(crate) fn command(&self, lab: &Lab, call: &str, what: &str, when: &str, args: &[&str]) -> Command {
        let mut command = self.tracing(lab, call, what, when);
        command.arg(env!("CARGO_BIN_EXE_papyra")).args(args);
        command
    }

    fn tracing(&self, lab: &Lab, call: &str, what: &str, when: &str) -> Command {
        let mut command = lab.program(&self.program);
        // A group of its own, so that nothing of it is left if it hangs.
        command.process_group(0);
        command.args(["-f", "-qq", "-o"]).arg(self.trace.path().join("trace"));
        command.args(["-e", &format!("trace={call}")]);
        command.args(["-e", &format!("inject={call}:{what}:when={when}")]);
        command
    }

    /// Whether anything was done to a call of the last command.
    pub(crate) fn was_disturbed(&self) -> bool {
        let trace = fs::read(self.trace.path().join("trace")).unwrap_or_default();
        trace.windows(10).any(|window| window == b"(INJECTED)")
    }
}
