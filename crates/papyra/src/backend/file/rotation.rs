//! When a log in a directory begins its next file, and how many it keeps.

use std::time::Duration;

/// When a log in a directory begins its next segment, and how many segments it keeps.
///
/// A batch is never divided: one that is larger than a segment may be gets a segment of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rotation {
    /// A segment grows to at most so many bytes.
    pub segment_bytes: u64,
    /// A segment gets at most so many facts.
    pub segment_records: Option<u64>,
    /// A segment that is so old gets no more facts.
    pub segment_age: Option<Duration>,
    /// Of more segments than this the oldest are deleted when the next one begins. Without it rotation deletes nothing.
    pub max_segments: Option<u64>,
}

impl Default for Rotation {
    /// Segments of 64 MiB, none of which is deleted.
    fn default() -> Self {
        Rotation { segment_bytes: 64 << 20, segment_records: None, segment_age: None, max_segments: None }
    }
}

impl Rotation {
    /// Says how many bytes a segment gets at most.
    #[must_use]
    pub fn with_segment_bytes(mut self, bytes: u64) -> Self {
        self.segment_bytes = bytes;
        self
    }

    /// Says how many facts a segment gets at most.
    #[must_use]
    pub fn with_segment_records(mut self, records: u64) -> Self {
        self.segment_records = Some(records);
        self
    }

    /// Says how old a segment may be and still get facts.
    #[must_use]
    pub fn with_segment_age(mut self, age: Duration) -> Self {
        self.segment_age = Some(age);
        self
    }

    /// Says how many segments are kept; 0 counts as 1, the one that is written to.
    #[must_use]
    pub fn with_max_segments(mut self, segments: u64) -> Self {
        self.max_segments = Some(segments.max(1));
        self
    }
}
