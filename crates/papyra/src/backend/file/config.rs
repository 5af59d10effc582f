//! What a file log is told when it is opened.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::Rotation;
use crate::{Durability, codec};

/// Where a file log is and how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileConfig {
    /// The log's file; of a log that rotates, its directory.
    pub path: PathBuf,
    /// When the next file begins; `None` for a log of one file.
    pub rotation: Option<Rotation>,
    /// What an acknowledgement promises.
    pub durability: Durability,
    /// How long to wait for another process that holds the log, before `Locked`.
    pub lock_timeout: Duration,
    /// The longest line that may be written, in bytes; at most 64 MiB.
    pub max_line: usize,
}

impl FileConfig {
    /// This file, with the defaults: synced, five seconds of patience, lines of at most 1 MiB.
    pub fn new(path: impl AsRef<Path>) -> Self {
        FileConfig {
            path: path.as_ref().to_owned(),
            rotation: None,
            durability: Durability::default(),
            lock_timeout: Duration::from_secs(5),
            max_line: codec::MAX_WRITE_LINE,
        }
    }

    /// A log in this directory, with the same defaults and segments of 64 MiB.
    pub fn rotating(directory: impl AsRef<Path>) -> Self {
        FileConfig { rotation: Some(Rotation::default()), ..FileConfig::new(directory) }
    }

    /// Says when the next file begins: the path is a directory.
    #[must_use]
    pub fn with_rotation(mut self, rotation: Rotation) -> Self {
        self.rotation = Some(rotation);
        self
    }

    /// Says what an acknowledgement promises.
    #[must_use]
    pub fn with_durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Says how long to wait for another process that holds the log.
    #[must_use]
    pub fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// Says how long a line may be, in bytes; more than 64 MiB counts as 64 MiB, which is what every reader accepts.
    #[must_use]
    pub fn with_max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes.min(codec::MAX_READ_LINE);
        self
    }
}
