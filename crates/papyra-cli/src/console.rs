//! Where a command reads from and writes to: stdout is data, stderr is everything else.

use std::{
    fmt,
    io::{self, BufWriter, IsTerminal as _, Read, Write},
    sync::{Arc, Mutex, PoisonError},
};

use crate::{bar::Bar, exit::ExitCode, failure::Failure, reader, safe};

/// The three streams of a process, or what a test puts in their place.
pub struct Console {
    stdin: Box<dyn Read + Send>,
    stdout: Box<dyn Write + Send>,
    stderr: Box<dyn Write + Send>,
    stdout_is_terminal: bool,
    stderr_is_terminal: bool,
    /// Whether these are the streams of this process.
    is_process: bool,
}

impl Console {
    /// The streams of this process.
    pub fn process() -> Self {
        Console {
            stdin: Box::new(io::stdin()),
            stdout: Box::new(io::stdout()),
            stderr: Box::new(io::stderr()),
            stdout_is_terminal: io::stdout().is_terminal(),
            stderr_is_terminal: io::stderr().is_terminal(),
            is_process: true,
        }
    }

    /// Other streams, none of which is a terminal.
    pub fn new(
        stdin: impl Read + Send + 'static,
        stdout: impl Write + Send + 'static,
        stderr: impl Write + Send + 'static,
    ) -> Self {
        Console {
            stdin: Box::new(stdin),
            stdout: Box::new(stdout),
            stderr: Box::new(stderr),
            stdout_is_terminal: false,
            stderr_is_terminal: false,
            is_process: false,
        }
    }

    pub(crate) fn split(self, color: Color, talk: Talk) -> (Box<dyn Read + Send>, Out, Notes) {
        let out = Out {
            colored: color.applies(self.stdout_is_terminal),
            is_terminal: self.stdout_is_terminal,
            is_process: self.is_process,
            stream: BufWriter::with_capacity(64 << 10, Stdout::new(self.stdout)),
        };
        let notes = Notes {
            colored: color.applies(self.stderr_is_terminal),
            is_terminal: self.stderr_is_terminal,
            talk,
            stream: Arc::new(Mutex::new(self.stderr)),
            about: None,
        };
        (self.stdin, out, notes)
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console").field("stdout_is_terminal", &self.stdout_is_terminal).finish_non_exhaustive()
    }
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl Color {
    fn applies(self, is_terminal: bool) -> bool {
        let forbidden = || {
            std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
                || std::env::var_os("TERM").is_some_and(|term| term == "dumb")
        };
        match self {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && !forbidden(),
        }
    }
}

/// How much is said on stderr.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Talk {
    /// Errors and warnings.
    Quiet,
    /// Summaries and hints, too.
    #[default]
    Normal,
    /// And what was decided on the way.
    Verbose,
}

/// The stream behind stdout, shared with whoever ends a command: it knows whether anything was written.
#[derive(Clone)]
pub(crate) struct Stdout(Arc<Mutex<Written>>);

struct Written {
    stream: Box<dyn Write + Send>,
    anything: bool,
}

impl Stdout {
    fn new(stream: Box<dyn Write + Send>) -> Self {
        Stdout(Arc::new(Mutex::new(Written { stream, anything: false })))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes a line, unless something was written already.
    pub(crate) fn line_if_empty(&self, line: &str) -> Result<(), Failure> {
        let mut out = self.lock();
        if out.anything {
            return Ok(());
        }
        out.anything = true;
        out.stream.write_all(format!("{line}\n").as_bytes()).and_then(|()| out.stream.flush()).map_err(Failure::Stdout)
    }
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut out = self.lock();
        out.anything |= !bytes.is_empty();
        out.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().stream.flush()
    }
}

/// stdout.
pub(crate) struct Out {
    stream: BufWriter<Stdout>,
    is_terminal: bool,
    is_process: bool,
    colored: bool,
}

impl Out {
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// The stream itself, for whoever ends the command.
    pub(crate) fn stdout(&self) -> Stdout {
        self.stream.get_ref().clone()
    }

    /// Writes text as it is: the caller has made it safe.
    pub(crate) fn raw(&mut self, text: &str) -> Result<(), Failure> {
        self.stream.write_all(text.as_bytes()).map_err(Failure::Stdout)
    }

    /// Writes a line that the caller has made safe.
    pub(crate) fn line(&mut self, line: &str) -> Result<(), Failure> {
        self.raw(line)?;
        self.raw("\n")
    }

    /// Writes a line that stands out where there is colour.
    pub(crate) fn headline(&mut self, line: &str) -> Result<(), Failure> {
        if self.colored { self.line(&format!("\x1b[1m{line}\x1b[0m")) } else { self.line(line) }
    }

    /// Returns when nobody reads stdout any more, as the failure that the next write would be.
    pub(crate) fn nobody_reads(&self) -> impl Future<Output = Failure> + use<> {
        let is_process = self.is_process;
        async move {
            if is_process {
                reader::gone().await;
            } else {
                std::future::pending::<()>().await;
            }
            Failure::Stdout(io::ErrorKind::BrokenPipe.into())
        }
    }

    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.stream.flush().map_err(Failure::Stdout)
    }
}

/// stderr. Whatever is written here is made safe here; and if nobody reads it any more, that is no reason to fail.
#[derive(Clone)]
pub(crate) struct Notes {
    stream: Arc<Mutex<Box<dyn Write + Send>>>,
    colored: bool,
    is_terminal: bool,
    talk: Talk,
    /// What is spoken of, where that is not plain.
    about: Option<String>,
}

impl Notes {
    /// The same, but everything that is said is about this.
    pub(crate) fn about(&self, what: String) -> Notes {
        Notes { about: Some(what), ..self.clone() }
    }

    /// A bar that shows how far long work is, where somebody sees it.
    pub(crate) fn bar(&self, what: &'static str) -> Bar {
        Bar::begin(what, self.is_terminal && self.talk >= Talk::Normal)
    }

    /// A hint or a summary.
    pub(crate) fn note(&self, text: &str) {
        if self.talk >= Talk::Normal {
            self.write(text);
        }
    }

    /// What was decided on the way.
    pub(crate) fn detail(&self, text: &str) {
        if self.talk >= Talk::Verbose {
            self.write(text);
        }
    }

    /// What must be known whoever listens.
    pub(crate) fn warning(&self, text: &str) {
        self.write(text);
    }

    /// A failure: what, why, and the cure.
    pub(crate) fn failure(&self, failure: &Failure) {
        let Some(told) = failure.told() else { return };
        // What a backend cannot do is no error of this run.
        let word = if failure.exit_code() == ExitCode::Done { "note" } else { "error" };
        let mark = if self.colored { format!("\x1b[1;31m{word}:\x1b[0m") } else { format!("{word}:") };
        self.put(&format!("{mark} {}\n", safe::text(&told.message)));
        for cause in &told.causes {
            self.write(&format!("  caused by: {cause}"));
        }
        if let Some(cure) = &told.cure {
            self.write(&format!("  cure: {cure}"));
        }
    }

    fn write(&self, text: &str) {
        // What is indented belongs to the line before it.
        let about = self.about.as_ref().filter(|_| !text.starts_with(' '));
        let about = about.map_or_else(String::new, |about| format!("{}: ", safe::text(about)));
        self.put(&format!("{about}{}\n", safe::text(text)));
    }

    fn put(&self, text: &str) {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        // There is nobody left to whom a failure of stderr could be told.
        let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.flush());
    }

    /// Text of several lines, each made safe.
    pub(crate) fn block(&self, text: &str) {
        for line in text.lines() {
            self.write(line);
        }
    }
}
