//! Why a command did not end with 0, and what is said about it.

use std::{error::Error as _, io};

use papyra::{Error, ErrorKind};

use crate::{exit::ExitCode, signals::Signal};

/// Why a command did not do everything.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line is wrong in a way that its parser cannot see.
    Usage { message: String, cure: Option<String> },
    /// The library says so.
    Log(Error),
    /// The library says so, and the command ends with a code of its own for it.
    Ended(ExitCode, Error),
    /// stdout cannot be written to.
    Stdout(io::Error),
    /// Somebody wanted it to end.
    Stopped(Signal),
    /// All was said already.
    Told(ExitCode),
}

/// A failure in words.
pub(crate) struct Told {
    pub(crate) message: String,
    pub(crate) causes: Vec<String>,
    pub(crate) cure: Option<String>,
}

/// How many causes of causes are told: an error that is its own cause must not fill the terminal.
const MAX_CAUSES: usize = 10;

impl Failure {
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Failure::Usage { message: message.into(), cure: None }
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Usage { .. } => ExitCode::Usage,
            Failure::Log(error) => ExitCode::of(error.kind()),
            Failure::Ended(code, _) => *code,
            // `| head` has seen enough.
            Failure::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::Done,
            Failure::Stdout(_) => ExitCode::Io,
            Failure::Stopped(signal) => signal.exit_code(),
            Failure::Told(code) => *code,
        }
    }

    /// The words for it; `None` if there is nothing to say.
    pub(crate) fn told(&self) -> Option<Told> {
        match self {
            Failure::Usage { message, cure } => {
                Some(Told { message: message.clone(), causes: Vec::new(), cure: cure.clone() })
            }
            Failure::Log(error) | Failure::Ended(_, error) => Some(Told {
                message: error.to_string(),
                causes: causes(error),
                cure: error.cure().map(str::to_owned).or_else(|| usual_cure(error.kind())),
            }),
            Failure::Stdout(error) if error.kind() == io::ErrorKind::BrokenPipe => None,
            Failure::Stdout(error) => Some(Told {
                message: "cannot write to standard output".to_owned(),
                causes: vec![error.to_string()],
                cure: None,
            }),
            Failure::Stopped(_) | Failure::Told(_) => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Log(error)
    }
}

fn causes(error: &Error) -> Vec<String> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next
        && causes.len() < MAX_CAUSES
    {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes
}

/// What helps against most errors of a kind, where the error itself knows nothing better.
fn usual_cure(kind: ErrorKind) -> Option<String> {
    let cure = match kind {
        ErrorKind::Corrupt => "see what is damaged with `papyra persistence scan`",
        ErrorKind::Locked => "stop the other process, or give the log a `lock_timeout`",
        ErrorKind::Internal => "this is a bug: please report it with the command and this message",
        _ => return None,
    };
    Some(cure.to_owned())
}
