//! How a recorder is to be.

use std::{fmt, sync::Arc, time::Duration};

use super::{Handle, Recorder, queue::Queue, writer};
use crate::{
    Error, ErrorKind, Log, Result,
    startup::{self, StartupConfig},
};

/// What waits in memory at most, unless configured otherwise.
const QUEUE_BYTES: usize = 8 << 20;
/// Less would not hold one fact of usual size beside the reserved room.
const LEAST_QUEUE_BYTES: usize = 16 << 10;
/// How long the drop of the last handle may take, unless configured otherwise.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);

/// What a recorder records into: a [`Log`], or the address of one as [`open`](crate::open) takes it.
#[derive(Clone)]
pub struct RecorderSource(pub(crate) Source);

#[derive(Clone)]
#[allow(clippy::large_enum_variant, reason = "there is one for each recorder, and it does not move about")]
pub(crate) enum Source {
    Log(Log),
    Address(String),
}

impl fmt::Debug for RecorderSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Log(log) => log.fmt(f),
            // An address may hold a password.
            Source::Address(_) => f.write_str("address"),
        }
    }
}

impl From<Log> for RecorderSource {
    fn from(log: Log) -> Self {
        RecorderSource(Source::Log(log))
    }
}

impl From<&str> for RecorderSource {
    fn from(address: &str) -> Self {
        RecorderSource(Source::Address(address.to_owned()))
    }
}

impl From<String> for RecorderSource {
    fn from(address: String) -> Self {
        RecorderSource(Source::Address(address))
    }
}

/// The settings of a [`Recorder`].
#[derive(Clone, Debug)]
#[must_use = "a recorder records once it is started"]
pub struct RecorderBuilder {
    pub(crate) source: RecorderSource,
    startup: StartupConfig,
    queue_bytes: usize,
    drop_timeout: Duration,
}

impl RecorderBuilder {
    pub(super) fn new(source: RecorderSource) -> Self {
        // A torn tail is what every crash leaves, and opening settles it: it must not keep a service from starting.
        let startup = StartupConfig::default().with_torn_tail_allowed(true);
        RecorderBuilder { source, startup, queue_bytes: QUEUE_BYTES, drop_timeout: DROP_TIMEOUT }
    }

    /// Says how the log is checked before recording begins, by [`open`](RecorderBuilder::open). Unless said otherwise a
    /// damaged log is refused, but for a torn tail.
    pub fn startup(mut self, startup: StartupConfig) -> Self {
        self.startup = startup;
        self
    }

    /// How many bytes of memory the facts that wait may take, those included that are being written; 8 MiB unless
    /// said otherwise, 16 KiB at least. The last quarter is reserved for dead letters, crashes and what supervisors do
    /// about them. A fact larger than the other three quarters is rejected.
    pub fn queue_bytes(mut self, bytes: usize) -> Self {
        self.queue_bytes = bytes;
        self
    }

    /// How long the drop of the last handle waits for what is queued to be written; 2 s unless said otherwise.
    pub fn drop_timeout(mut self, timeout: Duration) -> Self {
        self.drop_timeout = timeout;
        self
    }

    /// Starts recording without any check. The log is opened for writing with the first fact.
    ///
    /// # Errors
    /// `Config` if the queue is too small, or if the log was named by its address, which only
    /// [`open`](RecorderBuilder::open) can open; `Io` if the system has no thread to give.
    pub fn start(self) -> Result<Recorder> {
        let Source::Log(log) = self.source.0.clone() else {
            return Err(Error::new(
                ErrorKind::Config,
                "a recorder that is named by an address must be opened, not started",
            )
            .with_cure("call `open().await` instead of `start()`"));
        };
        self.start_on(log)
    }

    /// Checks the log, opens it for writing, and starts recording.
    pub(crate) async fn open_on(self, log: Log) -> Result<Recorder> {
        startup::check(&log, &self.startup).await?.into_result(&log)?;
        // An empty batch takes the writer's lock and settles what a crash left: whoever cannot write must learn it now.
        log.append(&[]).await?;
        self.start_on(log)
    }

    fn start_on(self, log: Log) -> Result<Recorder> {
        if self.queue_bytes < LEAST_QUEUE_BYTES {
            let message = format!("a recorder's queue of {} bytes is too small", self.queue_bytes);
            return Err(Error::new(ErrorKind::Config, message).with_cure("give it 16384 bytes or more"));
        }
        let queue = Arc::new(Queue::new(log, self.queue_bytes));
        let writer = writer::start(Arc::clone(&queue))?;
        Ok(Recorder(Arc::new(Handle { queue, writer, drop_timeout: self.drop_timeout })))
    }
}
