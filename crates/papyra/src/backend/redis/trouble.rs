//! What a failed command means: whether trying again helps, and whether it may have been done.

use redis::{ErrorKind as Kind, RedisError, ServerErrorKind as Server};

use crate::{Error, ErrorKind};

/// A command that failed.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) after: After,
    /// The command may have been done, or may still be done: its answer did not come.
    pub(super) unknown: bool,
    error: Error,
}

/// What may follow a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// The same again on the same connection, a little later: the server is busy with itself.
    Wait,
    /// The same again on a new connection: this one is gone, or leads to the wrong server.
    Reconnect,
    /// The same again, but with the text of the script.
    SendScript,
    /// Never the same: somebody has to change something first.
    Nothing,
}

impl Trouble {
    /// What a client's error means. `doing` is what was done, such as `append to`; `log` its address without a password.
    pub(super) fn of(error: &RedisError, doing: &str, log: &str) -> Trouble {
        // Of commands that were sent together, the first that failed tells why.
        let all = error.clone().into_server_errors();
        let first: Option<RedisError> = all.and_then(|all| all.first().map(|(_, first)| first.clone().into()));
        let error = first.as_ref().unwrap_or(error);
        let code = error.code().unwrap_or_default();
        let (after, unknown, kind, cure) = match error.kind() {
            Kind::Io | Kind::Parse => (After::Reconnect, true, ErrorKind::Unavailable, Some(LOOK)),
            Kind::ClusterConnectionNotFound | Kind::MasterNameNotFoundBySentinel | Kind::EmptySentinelList => {
                (After::Reconnect, true, ErrorKind::Unavailable, Some(LOOK))
            }
            Kind::AuthenticationFailed => (After::Nothing, false, ErrorKind::Permission, Some(LOGIN)),
            Kind::InvalidClientConfig => (After::Nothing, false, ErrorKind::Config, None),
            Kind::Server(Server::NoScript) => (After::SendScript, false, ErrorKind::Unavailable, None),
            Kind::Server(Server::NoPerm) => (After::Nothing, false, ErrorKind::Permission, Some(ACL)),
            Kind::Server(Server::BusyLoading | Server::TryAgain | Server::MasterDown | Server::ClusterDown) => {
                (After::Wait, false, ErrorKind::Unavailable, Some(SOON))
            }
            Kind::Server(Server::ReadOnly | Server::Moved | Server::Ask) => {
                (After::Reconnect, false, ErrorKind::Unavailable, Some(REPLICA))
            }
            Kind::Server(Server::CrossSlot) => (After::Nothing, false, ErrorKind::Config, Some(CLUSTER)),
            _ => match code {
                "BUSY" | "NOREPLICAS" | "UNBLOCKED" => (After::Wait, false, ErrorKind::Unavailable, Some(SOON)),
                "OOM" => (After::Nothing, false, ErrorKind::Io, Some(MEMORY)),
                // The append script's own.
                "EXHAUSTED" => (After::Nothing, false, ErrorKind::Io, Some(IDS)),
                "MISCONF" => (After::Nothing, false, ErrorKind::Io, Some(DISK)),
                "NOAUTH" | "WRONGPASS" | "DENIED" => (After::Nothing, false, ErrorKind::Permission, Some(LOGIN)),
                "WRONGTYPE" => (After::Nothing, false, ErrorKind::Corrupt, Some(TYPE)),
                // What the user of a script may not do is an error of the script's own.
                _ if error.detail().is_some_and(|detail| detail.contains("can't run this command")) => {
                    (After::Nothing, false, ErrorKind::Permission, Some(ACL))
                }
                // A script that was ended half-way has not written; one that has written cannot be ended.
                _ => (After::Nothing, false, ErrorKind::Io, None),
            },
        };
        // What rustls says of a certificate comes as an error of input and output; no second try makes it valid.
        let certificate = error.is_io_error() && error.to_string().contains("certificate");
        let (after, unknown, kind, cure) = match certificate {
            true => (After::Nothing, false, ErrorKind::Permission, Some(TLS)),
            false => (after, unknown, kind, cure),
        };
        let told = Error::new(kind, format!("cannot {doing} `{log}`")).with_source(words(error));
        let error = match cure {
            Some(cure) => told.with_cure(cure),
            None => told,
        };
        Trouble { after, unknown, error }
    }

    /// The server did not answer in time.
    pub(super) fn silent(doing: &str, log: &str) -> Trouble {
        let error = Error::new(ErrorKind::Unavailable, format!("cannot {doing} `{log}`: the server does not answer"))
            .with_cure(LOOK);
        Trouble { after: After::Reconnect, unknown: true, error }
    }

    /// A failure that only a person can mend.
    pub(super) fn lasting(error: Error) -> Trouble {
        Trouble { after: After::Nothing, unknown: false, error }
    }

    /// It was not done, and the next try may help.
    pub(super) fn passing(error: Error) -> Trouble {
        Trouble { after: After::Wait, unknown: false, error }
    }

    /// Nobody knows whether it was done.
    pub(super) fn unsure(after: After, error: Error) -> Trouble {
        Trouble { after, unknown: true, error }
    }

    /// Whether trying again may help.
    pub(super) fn passes(&self) -> bool {
        self.after != After::Nothing
    }

    /// Scripts are what this server or this user must not run.
    pub(super) fn forbids_scripts(error: &RedisError) -> bool {
        let text = error.to_string().to_ascii_lowercase();
        let denied = error.kind() == Kind::Server(Server::NoPerm) || text.contains("unknown command");
        denied && text.contains("eval")
    }

    pub(super) fn into_error(self) -> Error {
        self.error
    }

    pub(super) fn error(&self) -> &Error {
        &self.error
    }
}

/// The server's or the system's own words. Neither holds a password: the client says which command was denied, never with
/// what it was called.
fn words(error: &RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

const LOOK: &str = "look whether the server runs and can be reached from here, then try again";
const SOON: &str = "the server is busy with itself: try again in a moment";
const REPLICA: &str =
    "this server takes no writes now: name the master, or use `redis+sentinel://` or `redis+cluster://`";
const CLUSTER: &str = "this server is part of a cluster: use `redis+cluster://`";
const MEMORY: &str = "the server's memory is full: raise `maxmemory`, or compact the log";
const IDS: &str = "a stream's ids only rise: begin another log, with another `prefix` or `system`";
const DISK: &str = "the server cannot save to its disk: free space there, and look at its own log";
const LOGIN: &str = "give user and password in the address, or in PAPYRA_REDIS_USERNAME and PAPYRA_REDIS_PASSWORD_FILE";
const ACL: &str = "the server's ACL denies this: `papyra doctor run` names what is missing";
const TYPE: &str = "another program has a key of this name: choose another `prefix` or `system`, or rename that key";
const TLS: &str = "name the authority that signed the server's certificate: `tls_ca=FILE`";
