//! How a recorder is to be.

use std::{sync::Arc, time::Duration};

use super::{Handle, Recorder, queue::Queue, writer};
use crate::{Error, ErrorKind, Log, Result};

/// What waits in memory at most, unless configured otherwise.
const QUEUE_BYTES: usize = 8 << 20;
/// Less would not hold one fact of usual size beside the reserved room.
const LEAST_QUEUE_BYTES: usize = 16 << 10;
/// How long the drop of the last handle may take, unless configured otherwise.
const DROP_TIMEOUT: Duration = Duration::from_secs(2);

/// The settings of a [`Recorder`].
#[derive(Clone, Debug)]
#[must_use = "a recorder records once it is started"]
pub struct RecorderBuilder {
    log: Log,
    queue_bytes: usize,
    drop_timeout: Duration,
}

impl RecorderBuilder {
    pub(super) fn new(log: Log) -> Self {
        RecorderBuilder { log, queue_bytes: QUEUE_BYTES, drop_timeout: DROP_TIMEOUT }
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

    /// Starts recording. The log is opened for writing with the first fact.
    ///
    /// # Errors
    /// `Config` if the queue is too small; `Io` if the system has no thread to give.
    pub fn start(self) -> Result<Recorder> {
        if self.queue_bytes < LEAST_QUEUE_BYTES {
            let message = format!("a recorder's queue of {} bytes is too small", self.queue_bytes);
            return Err(Error::new(ErrorKind::Config, message).with_cure("give it 16384 bytes or more"));
        }
        let queue = Arc::new(Queue::new(self.log, self.queue_bytes));
        let writer = writer::start(Arc::clone(&queue))?;
        Ok(Recorder(Arc::new(Handle { queue, writer, drop_timeout: self.drop_timeout })))
    }
}
