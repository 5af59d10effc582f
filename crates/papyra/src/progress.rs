//! How far a long operation is.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// How far a long operation is: the operation counts, whoever waits for it looks, from any thread. Clones are the same
/// progress. An operation may look at a log several times, so what is expected grows while it goes on.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Bytes>);

#[derive(Debug, Default)]
struct Bytes {
    done: AtomicU64,
    expected: AtomicU64,
}

impl Progress {
    /// Nothing is done, nothing is expected.
    pub fn new() -> Self {
        Progress::default()
    }

    /// Bytes looked at so far.
    pub fn done(&self) -> u64 {
        self.0.done.load(Ordering::Relaxed)
    }

    /// Bytes to be looked at, by what is known so far.
    pub fn expected(&self) -> u64 {
        self.0.expected.load(Ordering::Relaxed)
    }

    /// So many bytes more have been looked at.
    pub fn add(&self, bytes: u64) {
        self.0.done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// So many bytes more are to be looked at.
    pub fn announce(&self, bytes: u64) {
        self.0.expected.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl PartialEq for Progress {
    /// Two are equal if they are the same.
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Progress {}
