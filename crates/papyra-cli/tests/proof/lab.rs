//! A directory of its own, and the program in it.

use std::{
    fs,
    io::Write as _,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::effort::HANG;

/// The name of the log in a lab, if it is one file.
pub(crate) const LOG: &str = "facts.ndjson";
/// The directory of the log in a lab, if it has segments.
const DIRECTORY: &str = "facts";

/// What kind of log is in a lab.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One file.
    File,
    /// A directory of segments so small that a writer begins one after the other.
    Segments,
    /// A directory whose first segment is never full.
    OneSegment,
}

impl Kind {
    /// The address of a log of this kind.
    pub(crate) fn url(self) -> &'static str {
        match self {
            Kind::File => "json:facts.ndjson?lock_timeout=0",
            Kind::Segments => "rotating:facts?lock_timeout=0&segment_bytes=4KiB",
            Kind::OneSegment => "rotating:facts?lock_timeout=0",
        }
    }
}

/// When the fact with the number 0 was, in seconds since 1970; each next one is a second later.
pub(crate) const FIRST_SECOND: u64 = 1_700_000_000;

/// A fact that a test can tell from others by its number.
pub(crate) fn event(n: u64) -> String {
    padded(n, 0)
}

/// The same with so many bytes of payload more.
pub(crate) fn padded(n: u64, padding: usize) -> String {
    let at = FIRST_SECOND + n;
    let pad = "x".repeat(padding);
    format!(
        r#"{{"kind":"event","system_id":"local","actor_address":"local://{n}","event_type":"E{n}","payload":"{pad}","timestamp":{at}}}"#
    )
}

/// The lines of these facts.
pub(crate) fn events(numbers: impl IntoIterator<Item = u64>) -> String {
    numbers.into_iter().map(|n| event(n) + "\n").collect()
}

/// A directory and the log in it.
pub(crate) struct Lab {
    path: PathBuf,
    kind: Kind,
    _own: Option<TempDir>,
}

/// What a run of the program left.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Fails unless it ended like this.
    #[track_caller]
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }
}

impl Lab {
    pub(crate) fn new() -> Self {
        Lab::of(Kind::File)
    }

    /// With a log of this kind.
    pub(crate) fn of(kind: Kind) -> Self {
        let own = tempfile::tempdir().unwrap();
        Lab { path: own.path().to_owned(), kind, _own: Some(own) }
    }

    /// In a directory that somebody else looks after.
    pub(crate) fn at(path: &Path, kind: Kind) -> Self {
        fs::create_dir_all(path).unwrap();
        Lab { path: path.to_owned(), kind, _own: None }
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A file among those of the log.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        match self.kind {
            Kind::File => self.path(name),
            Kind::Segments | Kind::OneSegment => self.path(DIRECTORY).join(name),
        }
    }

    /// The log as a whole: its file, or its directory.
    pub(crate) fn home(&self) -> PathBuf {
        self.path(if self.kind == Kind::File { LOG } else { DIRECTORY })
    }

    /// The files of the log, in its order, with their names.
    pub(crate) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let paths = if self.kind == Kind::File { vec![self.log()] } else { self.segments() };
        let named = |path: PathBuf| (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap());
        paths.into_iter().map(named).collect()
    }

    /// Puts files in the place of a log that is not there yet.
    pub(crate) fn put(&self, files: &[(String, Vec<u8>)]) {
        for (name, bytes) in files {
            let path = self.beside(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    /// The file that the writer writes to.
    pub(crate) fn log(&self) -> PathBuf {
        match self.kind {
            Kind::File => self.path(LOG),
            Kind::Segments | Kind::OneSegment => self.segments().pop().unwrap_or_else(|| self.path(DIRECTORY)),
        }
    }

    /// The segments of the log, by their numbers.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path(DIRECTORY)).into_iter().flatten();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut segments: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|e| e == "ndjson")).collect();
        segments.sort();
        segments
    }

    /// All that stands in the files of the log.
    pub(crate) fn text(&self) -> String {
        let files = if self.kind == Kind::File { vec![self.log()] } else { self.segments() };
        // A file may be taken away meanwhile.
        files.iter().filter_map(|path| fs::read_to_string(path).ok()).collect()
    }

    /// The arguments that append facts and print acknowledgements.
    pub(crate) fn appending(&self) -> [&'static str; 4] {
        ["append", "--ack", "--url", self.kind.url()]
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        fs::read(self.log()).unwrap()
    }

    /// The program, alone with its directory: no configuration of the machine reaches it.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.program(env!("CARGO_BIN_EXE_papyra"));
        command.args(args);
        command
    }

    /// Another program in the same surroundings.
    pub(crate) fn program(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().current_dir(&self.path).env("HOME", &self.path).env("XDG_CONFIG_HOME", &self.path);
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("RUST_BACKTRACE", "1");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    #[track_caller]
    pub(crate) fn run(&self, args: &[&str], stdin: impl AsRef<[u8]>) -> Run {
        finish(self.command(args), stdin.as_ref())
    }

    /// Runs a command on the log.
    #[track_caller]
    pub(crate) fn on_log(&self, args: &[&str]) -> Run {
        let log = match self.kind {
            // Whatever stands there by now: a restored log may fill a directory of this name.
            Kind::File => ["--path", LOG],
            Kind::Segments | Kind::OneSegment => ["--url", self.kind.url()],
        };
        self.run(&[args, &log].concat(), "")
    }

    /// Appends facts.
    #[track_caller]
    pub(crate) fn append(&self, facts: &str) -> Run {
        self.run(&["append", "--url", self.kind.url()], facts)
    }

    #[track_caller]
    pub(crate) fn must_be_clean(&self) {
        self.on_log(&["persistence", "scan", "--deep"]).ended(0);
    }

    /// All names in the directory of the log's files but those of its lock files.
    pub(crate) fn names(&self) -> Vec<String> {
        let directory = if self.kind == Kind::File { self.path.clone() } else { self.home() };
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.ends_with("lock"))
            .collect();
        names.sort();
        names
    }
}

/// Runs a program to its end. One that hangs is ended and fails the test.
#[track_caller]
pub(crate) fn finish(mut command: Command, stdin: &[u8]) -> Run {
    let mut child = Process(command.spawn().unwrap());
    let mut input = child.0.stdin.take().unwrap();
    let stdin = stdin.to_owned();
    // On threads, or both sides could wait for each other; and a program that does not read to the end is no failure.
    let writer = std::thread::spawn(move || drop(input.write_all(&stdin)));
    let stdout = collect(child.0.stdout.take().unwrap());
    let stderr = collect(child.0.stderr.take().unwrap());
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.0.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > HANG {
            child.kill_group();
            panic!("{command:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    writer.join().unwrap();
    let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
    Run { code: status.code(), signal: status.signal(), stdout, stderr }
}

fn collect(mut from: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        from.read_to_end(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    })
}

/// A process that does not outlive its test.
pub(crate) struct Process(pub(crate) Child);

impl Process {
    /// SIGKILL to all of its process group, if it leads one: what it traces would outlive it.
    fn kill_group(&self) {
        let group = format!("-{}", self.0.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
    }

    /// SIGKILL, and wait.
    pub(crate) fn kill(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
