//! Runs a command as a whole process and says what it took.

use std::{
    ffi::OsStr,
    process::{Command, ExitCode, Stdio},
    time::Instant,
};

use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

/// The word by which this program calls itself.
pub(crate) const INSIDE: &str = "measure-inside";

/// What one run of a command took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Taken {
    /// Seconds by the clock.
    pub(crate) wall: f64,
    /// Seconds of processor time, all threads.
    pub(crate) cpu: f64,
    /// Most memory at once, in bytes.
    pub(crate) memory: u64,
    pub(crate) exit: i32,
}

/// A command to be measured.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) name: String,
    words: Vec<String>,
}

impl Measured {
    pub(crate) fn new<W: AsRef<OsStr>>(name: &str, words: impl IntoIterator<Item = W>) -> Self {
        let words = words.into_iter().map(|word| word.as_ref().to_string_lossy().into_owned()).collect();
        Measured { name: name.to_owned(), words }
    }

    /// A shell line, for what needs a pipe or a `&&`.
    pub(crate) fn shell(name: &str, line: &str) -> Self {
        Measured::new(name, ["sh", "-c", line])
    }

    /// The same, on one processor only.
    pub(crate) fn on_one_core(mut self) -> Self {
        self.name.push_str(", one core");
        self.words.splice(0..0, ["taskset", "-c", "0"].map(str::to_owned));
        self
    }

    /// Runs it once.
    pub(crate) fn run(&self) -> Result<Taken, String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let output = Command::new(own).arg(INSIDE).args(&self.words).stderr(Stdio::inherit()).output();
        let output = output.map_err(|error| format!("{}: {error}", self.name))?;
        serde_json::from_slice(&output.stdout)
            .map_err(|_| format!("{} could not be measured: {:?}", self.name, self.words))
    }
}

/// The inner process: its only child is what is measured, so that the memory is that child's.
pub(crate) fn inside(words: &[String]) -> ExitCode {
    let Some((program, arguments)) = words.split_first() else { return ExitCode::FAILURE };
    let began = Instant::now();
    let status = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).status();
    let wall = began.elapsed().as_secs_f64();
    let (Ok(status), Ok(usage)) = (status, getrusage(UsageWho::RUSAGE_CHILDREN)) else { return ExitCode::FAILURE };
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let taken = Taken {
        wall,
        cpu: seconds(usage.user_time()) + seconds(usage.system_time()),
        memory: usage.max_rss() as u64 * 1024,
        exit: status.code().unwrap_or(-1),
    };
    match serde_json::to_string(&taken) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(_) => ExitCode::FAILURE,
    }
}

/// Runs commands in turn, so many rounds, and gives each one's middle run by the clock.
pub(crate) fn in_turn(
    commands: &[Measured],
    rounds: usize,
    mut before: impl FnMut(usize) -> Result<(), String>,
) -> Result<Vec<Taken>, String> {
    let mut taken = vec![Vec::new(); commands.len()];
    for _ in 0..rounds {
        for (at, command) in commands.iter().enumerate() {
            before(at)?;
            taken[at].push(command.run()?);
        }
    }
    Ok(taken.into_iter().map(median).collect())
}

fn median(mut runs: Vec<Taken>) -> Taken {
    runs.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    let memory = runs.iter().map(|run| run.memory).max().unwrap_or(0);
    Taken { memory, ..runs[runs.len() / 2] }
}
