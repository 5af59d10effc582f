//! The published exit codes: one table, from which the help is printed and over which a test loops.

use papyra::ErrorKind;

/// How a command ended. The numbers are a contract: published, and never given another meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum ExitCode {
    /// Everything was done.
    Done = 0,
    /// A gate is closed.
    GateClosed = 1,
    /// A scan found anomalies.
    Anomalies = 2,
    /// Anomalies remain after a recovery.
    NotRecovered = 3,
    /// No meaning yet.
    Reserved = 4,
    /// Anomalies remain after the recovery of a startup check.
    NotReady = 5,
    /// A backup is not what its manifest says.
    BackupMismatch = 6,
    /// A threshold was exceeded.
    Threshold = 7,
    /// The command line is wrong.
    Usage = 64,
    /// The input is not facts.
    Input = 65,
    /// There is no such log or position.
    NoLog = 66,
    /// A server cannot be reached.
    Unavailable = 69,
    /// A bug.
    Internal = 70,
    /// A file or directory cannot be created.
    CannotCreate = 73,
    /// The system failed to read or write.
    Io = 74,
    /// Another process holds the log.
    Locked = 75,
    /// The system denies access.
    Permission = 77,
    /// The configuration is wrong.
    Config = 78,
    /// Interrupted (SIGINT).
    Interrupted = 130,
    /// Terminated (SIGTERM).
    Terminated = 143,
}

/// Every exit code with its meaning, in rising order.
pub const TABLE: &[(ExitCode, &str)] = &[
    (ExitCode::Done, "done, clean; also when there was nothing to do, or the backend cannot do it and this was said"),
    (ExitCode::GateClosed, "doctor, startup-check: gate closed, anomalies were found"),
    (
        ExitCode::Anomalies,
        "scan: anomalies found; doctor: they remain after recovery; compact, groups delete: refused, nothing was changed",
    ),
    (ExitCode::NotRecovered, "recover: anomalies remain after it"),
    (ExitCode::Reserved, "reserved"),
    (ExitCode::NotReady, "startup-check: anomalies remain after recovery"),
    (ExitCode::BackupMismatch, "backup: it does not match its manifest"),
    (ExitCode::Threshold, "doctor check: a limit is exceeded"),
    (ExitCode::Usage, "usage: the command line is wrong"),
    (ExitCode::Input, "append, groups ack: the input is not facts"),
    (ExitCode::NoLog, "no such log, or no such position or group in it"),
    (ExitCode::Unavailable, "a server cannot be reached, or the time that was given is over"),
    (ExitCode::Internal, "a bug of Papyra or of a backend"),
    (ExitCode::CannotCreate, "a file or directory cannot be created"),
    (ExitCode::Io, "I/O error: the system failed to read or write"),
    (ExitCode::Locked, "the log is locked by another process"),
    (ExitCode::Permission, "the system denies access"),
    (ExitCode::Config, "the configuration or a log address is wrong; nothing was touched"),
    (ExitCode::Interrupted, "interrupted (SIGINT, Ctrl-C)"),
    (ExitCode::Terminated, "terminated (SIGTERM)"),
];

impl ExitCode {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What it means, in a few words.
    pub fn meaning(self) -> &'static str {
        TABLE.iter().find(|(code, _)| *code == self).map_or("", |(_, meaning)| meaning)
    }

    /// How a command ends that failed with an error of this kind. What a backend cannot do is said in words and is no
    /// failure.
    pub fn of(kind: ErrorKind) -> ExitCode {
        let published = TABLE.iter().map(|(code, _)| *code).find(|code| code.code() == kind.exit_code());
        // A code that a newer library has and this table does not is our bug, too.
        published.unwrap_or(ExitCode::Internal)
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        std::process::ExitCode::from(code.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_rise_and_none_is_listed_twice() {
        assert!(TABLE.is_sorted_by(|(a, _), (b, _)| a.code() < b.code()));
    }

    #[test]
    fn every_code_has_a_meaning() {
        assert!(TABLE.iter().all(|(code, meaning)| !meaning.is_empty() && code.meaning() == *meaning));
    }
}
