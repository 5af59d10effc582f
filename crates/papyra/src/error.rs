//! One error for everything that can go wrong, with a kind that says what the user must do.

use std::{error::Error as StdError, fmt, io, path::Path, sync::Arc};

use crate::{Fates, Position};

/// The result of every operation of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the user has to do about an [`Error`]. Each kind maps to one exit code of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The configuration or a log address is wrong: correct it. Nothing was touched.
    Config,
    /// The given facts are not acceptable (too large, too deep, not facts): correct the input.
    Invalid,
    /// The backend cannot do this; every tool says so in words and goes on.
    Unsupported,
    /// There is no such log or position.
    NotFound,
    /// A server cannot be reached: try again later.
    Unavailable,
    /// A new file or directory cannot be created where it was asked for.
    Create,
    /// The system failed to read or write: look at the disk.
    Io,
    /// The log is damaged in a way that forbids the operation: scan and recover first.
    Corrupt,
    /// The operation would do harm that nobody asked for: the message says how to insist.
    Refused,
    /// A backup is not what its manifest says: do not trust it, take another one.
    Mismatch,
    /// Another process holds the log; the message names it.
    Locked,
    /// The system denies access: correct permissions or the user that runs this.
    Permission,
    /// The log was closed, by its owner or after an error that forbids going on.
    Closed,
    /// A bug of Papyra or of a backend.
    Internal,
}

impl ErrorKind {
    /// The exit code of a command that failed with an error of this kind, as the command line publishes it: 0 for what a
    /// backend cannot do, which is said in words and is no failure.
    pub fn exit_code(self) -> u8 {
        match self {
            ErrorKind::Unsupported => 0,
            ErrorKind::Corrupt | ErrorKind::Refused => 2,
            ErrorKind::Mismatch => 6,
            ErrorKind::Invalid => 65,
            ErrorKind::NotFound => 66,
            ErrorKind::Unavailable => 69,
            ErrorKind::Internal => 70,
            ErrorKind::Create => 73,
            ErrorKind::Io | ErrorKind::Closed => 74,
            ErrorKind::Locked => 75,
            ErrorKind::Permission => 77,
            ErrorKind::Config => 78,
        }
    }
}

/// What is known about the facts of a failed append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// None of the facts is in the log: appending them again is safe.
    NotWritten,
    /// The facts may or may not survive, or some are in the log and some are not ([`Error::fates`] tells which): appending
    /// them again may double them.
    Unknown,
}

/// An error: what failed, where, why, and the cure.
///
/// The [`Display`](fmt::Display) text is a lower-case fragment that names the path or key; the system's own words are in
/// [`source`](StdError::source); [`cure`](Error::cure) says what to do. No message holds a password.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    outcome: Outcome,
    message: String,
    cure: Option<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
    fates: Option<Arc<Fates>>,
}

impl Error {
    /// An error of this kind with a message: a lower-case fragment that names the path or key.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Error(Box::new(Inner { kind, outcome: Outcome::NotWritten, message, cure: None, source: None, fates: None }))
    }

    /// Adds what the user can do about it.
    #[must_use]
    pub fn with_cure(mut self, cure: impl Into<String>) -> Self {
        self.0.cure = Some(cure.into());
        self
    }

    /// Adds the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// Says that the facts of the failed append may or may not survive.
    #[must_use]
    pub fn with_unknown_outcome(mut self) -> Self {
        self.0.outcome = Outcome::Unknown;
        self
    }

    /// Says what became of each fact of the failed append, and with it the [`outcome`](Error::outcome) of the whole.
    #[must_use]
    pub fn with_fates(mut self, fates: Fates) -> Self {
        self.0.outcome = fates.outcome();
        self.0.fates = Some(Arc::new(fates));
        self
    }

    /// What the user must do about this error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What is known about the facts of a failed append; [`Outcome::NotWritten`] for every other operation.
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// What became of each fact, if a log whose kinds live in different places took only a part of the batch.
    pub fn fates(&self) -> Option<&Fates> {
        self.0.fates.as_deref()
    }

    /// What the user can do about it, in one sentence.
    pub fn cure(&self) -> Option<&str> {
        self.0.cure.as_deref()
    }

    /// A call that a backend does not offer.
    pub fn unsupported(backend: &str, operation: &str) -> Self {
        Error::new(ErrorKind::Unsupported, format!("the backend `{backend}` does not support {operation}"))
    }

    /// A position that the log has not reached: waiting for it would hide a mistake.
    pub fn beyond_the_end(position: Position, log: &str, last: impl fmt::Display) -> Self {
        Error::new(
            ErrorKind::NotFound,
            format!("position {position} lies beyond the end of `{log}`, whose last is {last}"),
        )
        .with_cure("take a position from the output of `papyra inspect` of this very log")
    }

    /// A compaction that would leave nothing: a clock that jumped ahead looks exactly like that.
    pub fn nothing_would_remain(log: &str) -> Self {
        Error::new(ErrorKind::Refused, format!("nothing of `{log}` would remain, so nothing was changed"))
            .with_cure("check the clock and the retention; to empty the log on purpose use --allow-empty")
    }

    /// A failed system call on a path: the kind and the cure follow from the system's error code.
    pub fn io(doing: &str, path: &Path, source: io::Error) -> Self {
        let kind = match source.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => ErrorKind::Permission,
            io::ErrorKind::NotFound => ErrorKind::NotFound,
            _ => ErrorKind::Io,
        };
        let error = Error::new(kind, format!("cannot {doing} `{}`", path.display()));
        let error = match source.raw_os_error() {
            Some(libc::ENOSPC) => error.with_cure("free space on this file system, or move the log to a larger one"),
            Some(libc::EDQUOT) => error.with_cure("raise the disk quota of this user, or move the log"),
            Some(libc::EFBIG) => error.with_cure("raise the file size limit of this process (ulimit -f)"),
            Some(libc::EMFILE | libc::ENFILE) => error.with_cure("raise the limit of open files (ulimit -n)"),
            Some(libc::EROFS) => error.with_cure("the file system is read-only: remount it or move the log"),
            Some(libc::ELOOP) => {
                error.with_cure("the path is a symbolic link: name the file itself, Papyra never writes through a link")
            }
            Some(libc::EACCES) => error.with_cure("correct the owner or mode of the file and of its directories"),
            Some(libc::EPERM) => error.with_cure("the file may be append-only or immutable (lsattr): lift that first"),
            Some(libc::EIO) => {
                error.with_cure("the device reports errors: look at the kernel's log before trusting this disk")
            }
            _ => error,
        };
        error.with_source(source)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("Error");
        out.field("kind", &self.0.kind).field("message", &self.0.message);
        if self.0.outcome == Outcome::Unknown {
            out.field("outcome", &self.0.outcome);
        }
        if let Some(cure) = &self.0.cure {
            out.field("cure", cure);
        }
        if let Some(source) = &self.0.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

impl Clone for Error {
    /// The clone keeps everything but the type of its source, which becomes its text: one failed group commit answers every waiter.
    fn clone(&self) -> Self {
        Error(Box::new(Inner {
            kind: self.0.kind,
            outcome: self.0.outcome,
            message: self.0.message.clone(),
            cure: self.0.cure.clone(),
            source: self.0.source.as_ref().map(|source| source.to_string().into()),
            fates: self.0.fates.clone(),
        }))
    }
}
