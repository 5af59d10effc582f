//! What a spool is told when it is opened.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use crate::codec;

/// What a spool may take on disk, unless configured otherwise.
const MAX_BYTES: u64 = 1 << 30;
/// How often the remote log's mark is looked at.
const LOOK: Duration = Duration::from_secs(30);

/// Where a spool is and how much it may hold.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpoolConfig {
    /// The spool's directory. One process at a time writes to it.
    pub path: PathBuf,
    /// How many bytes it may hold. Beyond that it takes no more facts until some have been shipped.
    pub max_bytes: u64,
    /// How long to wait for another process that holds the spool, before `Locked`.
    pub lock_timeout: Duration,
    /// The longest line that may be written, in bytes.
    pub max_line: usize,
    /// How long closing may take to ship what waits; the rest stays in the spool.
    pub close_timeout: Duration,
    /// How often the remote log's mark is looked at, work or no work: a log that lost facts is to be found out while they are
    /// still held.
    pub(super) look: Duration,
}

impl SpoolConfig {
    /// A spool in this directory: of 1 GiB, with five seconds of patience for its lock and for closing.
    pub fn new(path: impl AsRef<Path>) -> Self {
        SpoolConfig {
            path: path.as_ref().to_owned(),
            max_bytes: MAX_BYTES,
            lock_timeout: Duration::from_secs(5),
            max_line: codec::MAX_WRITE_LINE,
            close_timeout: Duration::from_secs(5),
            look: LOOK,
        }
    }

    /// Held by whoever writes to the spool.
    pub(super) fn lock(&self) -> PathBuf {
        self.path.join("spool.lock")
    }

    /// Says how many bytes it may hold.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Says how long to wait for another process that holds the spool.
    #[must_use]
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Says how long closing may take to ship what waits.
    #[must_use]
    pub fn with_close_timeout(mut self, timeout: Duration) -> Self {
        self.close_timeout = timeout;
        self
    }
}
