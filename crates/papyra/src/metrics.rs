//! Counters of this process: what a log and its recorder did since they were opened.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// The counters of one log, shared by all its handles.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $($(#[$doc])* pub(crate) $name: Counter,)*
        }

        /// The counters at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        #[non_exhaustive]
        pub struct MetricsSnapshot {
            $($(#[$doc])* pub $name: u64,)*
        }

        impl Metrics {
            /// The counters now. Each is exact; between two of them facts may pass.
            pub fn snapshot(&self) -> MetricsSnapshot {
                MetricsSnapshot { $($name: self.$name.get(),)* }
            }
        }
    };
}

counters! {
    /// Facts acknowledged by the backend.
    records_written,
    /// Bytes that they took.
    bytes_written,
    /// Appends that failed.
    write_errors,
    /// Reads begun.
    reads,
    /// Scans begun.
    scans,
    /// Scans that could not look.
    scan_errors,
    /// Findings of all scans.
    anomalies_detected,
    /// Recoveries begun.
    recoveries,
    /// Recoveries that failed.
    recovery_errors,
    /// Compactions begun.
    compactions,
    /// Compactions that failed.
    compaction_errors,
    /// Facts handed to the recorder. Each of them is acknowledged, dropped, rejected or still queued.
    recorded,
    /// Facts of the recorder that the log acknowledged; what the recorder itself had to say is not among them.
    acknowledged,
    /// Facts that the recorder dropped because its queue was full or its log was gone.
    dropped,
    /// Facts that the recorder gave up because no log may hold them (too large, say), or because `record_durable` told its
    /// caller of an error.
    rejected,
}

/// One counter.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
