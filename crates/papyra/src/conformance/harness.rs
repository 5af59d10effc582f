//! What opens the logs that the checks are run on, and runs the checks.

use std::{
    fmt,
    future::Future,
    io::Write as _,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
};

use super::subject::Subject;
use crate::{Backend, Error, ErrorKind, Log, Result};

/// What a check came to: it held, or the backend does not offer what it is about. A check that fails panics and says why.
pub type Verdict = Result<(), PassedOver>;

/// A check was passed over because the backend does not offer what it is about.
#[derive(Debug)]
pub struct PassedOver(Error);

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for PassedOver {}

/// Opens a backend as often as a check needs it.
pub struct Harness(Box<Opener>);

type Opener = dyn Fn(PathBuf) -> Pin<Box<dyn Future<Output = Log>>>;

impl Harness {
    /// The backend that this function opens: a new handle on the log in the given directory, which exists.
    pub fn new<B: Backend>(open: impl Fn(&Path) -> B + 'static) -> Self {
        Harness(Box::new(move |dir| {
            let log = Log::new(open(&dir));
            Box::pin(std::future::ready(log))
        }))
    }

    /// The same for a backend that is opened asynchronously, in the tokio runtime that the check runs in.
    pub fn new_async<B: Backend>(open: impl AsyncFn(&Path) -> B + 'static) -> Self {
        let open = Arc::new(open);
        Harness(Box::new(move |dir| {
            let open = open.clone();
            Box::pin(async move { Log::new(open(&dir).await) })
        }))
    }

    /// Runs one check in a tokio runtime of its own, and says on stderr if it was passed over.
    ///
    /// # Panics
    /// If the check fails.
    pub fn run(&self, name: &str, check: impl AsyncFn(&Harness) -> Verdict) {
        if let Err(reason) = self.verdict(check) {
            // Not by `eprintln!`, which the test harness keeps back when a test passes: what was not proven must be seen.
            // In one piece, since other tests write beside us.
            let _ = std::io::stderr().write_all(format!("passed over: {name}: {reason}\n").as_bytes());
        }
    }

    /// Runs one check in a tokio runtime of its own.
    ///
    /// # Errors
    /// If the check was passed over.
    ///
    /// # Panics
    /// If the check fails.
    pub fn verdict(&self, check: impl AsyncFn(&Harness) -> Verdict) -> Verdict {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("the check needs a runtime").block_on(check(self))
    }

    /// A new log in a directory of its own.
    pub(super) async fn fresh(&self) -> Subject {
        let scratch = Scratch::new();
        let log = self.open(scratch.path()).await;
        Subject::new(log, scratch)
    }

    /// Another handle on the log in this directory.
    pub(super) async fn open(&self, dir: &Path) -> Log {
        (self.0)(dir.to_owned()).await
    }
}

impl fmt::Debug for Harness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Harness").finish_non_exhaustive()
    }
}

/// What an operation gave, or that the backend does not offer it; every other error fails the check.
pub(super) fn offered<T>(result: Result<T>, doing: &str) -> Result<T, PassedOver> {
    match result {
        Ok(value) => Ok(value),
        Err(error) if error.kind() == ErrorKind::Unsupported => Err(PassedOver(error)),
        Err(error) => panic!("{doing} failed: {error:?}"),
    }
}

/// A directory of our own, gone when we are.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let dir = std::env::temp_dir().join(format!("papyra-conformance-{}", uuid::Uuid::now_v7()));
        std::fs::create_dir(&dir).unwrap_or_else(|e| panic!("cannot create `{}`: {e}", dir.display()));
        Scratch(dir)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It lies in the system's temporary directory: what cannot be removed now is removed with it.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
