//! A directory of its own, and the program in it.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
};

use tempfile::TempDir;

/// A fact that a test can tell from others by its number.
pub(crate) fn event(n: u64) -> String {
    let at = 1_700_000_000 + n;
    format!(
        r#"{{"kind":"event","system_id":"local","actor_address":"local://{n}","event_type":"Event{n}","payload":{{}},"timestamp":{at}}}"#
    )
}

/// The lines of these facts.
pub(crate) fn events(numbers: impl IntoIterator<Item = u64>) -> String {
    numbers.into_iter().map(|n| event(n) + "\n").collect()
}

pub(crate) struct Lab {
    dir: TempDir,
}

/// What a run of the program left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// stdout as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The lines of stdout, if it ended with 0.
    #[track_caller]
    pub(crate) fn lines(&self) -> Vec<&str> {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.stdout.lines().collect()
    }
}

impl Lab {
    pub(crate) fn new() -> Self {
        Lab { dir: tempfile::tempdir().unwrap() }
    }

    /// A directory with a log `facts.ndjson` that holds these facts.
    #[track_caller]
    pub(crate) fn with(facts: &str) -> Self {
        let lab = Lab::new();
        lab.run(&["append", "--path", "facts.ndjson"], facts).lines();
        lab
    }

    /// A directory with a log of three facts, the second of which is damaged.
    #[track_caller]
    pub(crate) fn damaged() -> Self {
        let lab = Lab::with(&events(1..=3));
        lab.damage();
        lab
    }

    /// Changes the fact with the number 2.
    #[track_caller]
    pub(crate) fn damage(&self) {
        let log = fs::read_to_string(self.path("facts.ndjson")).unwrap();
        let damaged = log.replace("Event2", "Event9");
        assert_ne!(log, damaged);
        self.write("facts.ndjson", damaged);
    }

    /// A log whose last line a crash tore.
    #[track_caller]
    pub(crate) fn torn() -> Self {
        let lab = Lab::with(&events(1..=3));
        let mut log = lab.read("facts.ndjson");
        log.extend(b"{\"kind\":\"event\",\"time");
        lab.write("facts.ndjson", log);
        lab
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// What stands in the directory, by name.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// The program, alone with its directory: no configuration of the machine reaches it.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_papyra"));
        self.settle(&mut command);
        command.args(args);
        command
    }

    pub(crate) fn settle(&self, command: &mut Command) {
        let dir: &Path = self.dir.path();
        command.env_clear().current_dir(dir).env("HOME", dir).env("XDG_CONFIG_HOME", dir).env("TMPDIR", dir);
        let bin = Path::new(env!("CARGO_BIN_EXE_papyra")).parent().unwrap();
        command.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    }

    #[track_caller]
    pub(crate) fn run(&self, args: &[&str], stdin: impl AsRef<[u8]>) -> Run {
        finish(self.command(args), stdin.as_ref())
    }

    /// Runs a command on `facts.ndjson`.
    #[track_caller]
    pub(crate) fn on_log(&self, args: &[&str]) -> Run {
        self.run(&[args, &["--path", "facts.ndjson"]].concat(), "")
    }
}

#[track_caller]
pub(crate) fn finish(mut command: Command, stdin: &[u8]) -> Run {
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let stdin = stdin.to_owned();
    // On a thread, or both sides could wait for each other; and a program that does not read to the end is no failure.
    let writer = std::thread::spawn(move || drop(input.write_all(&stdin)));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    Run {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A program that is still running, and is ended with the test.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) stdout: BufReader<ChildStdout>,
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Running { child, stdout }
    }

    pub(crate) fn tell(&mut self, text: &str) {
        self.child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Sends a signal by name and says how the program ended.
    pub(crate) fn end_with(&mut self, signal: &str) -> Option<i32> {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
        // Waiting closes stdin, and its end would be another reason to end.
        let stdin = self.child.stdin.take();
        let ended = self.child.wait().unwrap().code();
        drop(stdin);
        ended
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
