//! Blocking work on a thread of its own, for callers on any runtime.

use tokio::sync::oneshot;

use crate::{Error, ErrorKind, Result};

/// Starts a thread for the work.
pub(crate) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(work);
    spawned.map(drop).map_err(not_started)
}

/// The system gives us no thread.
pub(crate) fn not_started(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Io, "cannot start a thread").with_source(error)
}

/// The work panicked.
pub(crate) fn died() -> Error {
    Error::new(ErrorKind::Internal, "the thread of this operation ended early")
}

/// Runs blocking work and waits for it.
pub(crate) async fn run<T: Send + 'static>(name: &str, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let (reply, answer) = oneshot::channel();
    spawn(name, move || drop(reply.send(work())))?;
    answer.await.unwrap_or_else(|_| Err(died()))
}
