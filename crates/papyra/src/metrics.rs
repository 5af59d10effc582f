//! Counters and latencies of this process: what a log and its recorder did since they were opened.
//!
//! Each has one name everywhere. [`table()`] lists them all, with what they mean and how to read them out of a
//! [`MetricsSnapshot`]; whatever shows metrics goes through it, so that nothing is shown under two names or not at all.

mod consumed;
mod histogram;
mod table;

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

use serde::Serialize;

use crate::{Backlog, Connections};

pub(crate) use consumed::Consumed;
pub use consumed::ConsumerSnapshot;
pub(crate) use histogram::Histogram;
pub use histogram::HistogramSnapshot;
pub use table::{Instrument, LABELS, Label, Metric, Unit, Value, table};

macro_rules! metrics {
    (
        counters { $($(#[doc = $doc:literal])+ $name:ident,)* }
        latencies { $($(#[doc = $ldoc:literal])+ $latency:ident,)* }
    ) => {
        /// The counters and latencies of one log, shared by all its handles. Each is an atomic: counting costs nanoseconds
        /// and never waits.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $($(#[doc = $doc])+ pub(crate) $name: Counter,)*
            $($(#[doc = $ldoc])+ pub(crate) $latency: Histogram,)*
            /// Of the consumers of its groups, once there was one.
            consumers: OnceLock<Consumed>,
        }

        /// The counters and latencies at one moment.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
        #[non_exhaustive]
        pub struct MetricsSnapshot {
            $($(#[doc = $doc])+ pub $name: u64,)*
            /// Facts that wait in the recorder's queue now; 0 for a log without a recorder.
            pub queued: u64,
            /// What waits in the log's spool now; `None` for a log without one, or that was not written to yet.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub spool: Option<Backlog>,
            /// The connections to the servers that the log lives on; `None` for a log that lives on none.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub connections: Option<Connections>,
            /// What consumers of the log's groups did in this process; `None` if there was none.
            #[serde(skip_serializing_if = "Option::is_none")]
            pub consumers: Option<ConsumerSnapshot>,
            $($(#[doc = $ldoc])+ pub $latency: HistogramSnapshot,)*
        }

        const COUNTERS: &[Metric] = &[$(Metric {
            name: stringify!($name),
            instrument: Instrument::Counter,
            about: concat!($($doc),+),
            read: |snapshot| Some(Value::Count(snapshot.$name)),
        },)*];

        const LATENCIES: &[Metric] = &[$(Metric {
            name: stringify!($latency),
            instrument: Instrument::Histogram,
            about: concat!($($ldoc),+),
            read: |snapshot| Some(Value::Times(snapshot.$latency)),
        },)*];

        impl Metrics {
            /// The figures now. Each is exact; between two of them facts may pass.
            pub fn snapshot(&self) -> MetricsSnapshot {
                MetricsSnapshot {
                    $($name: self.$name.get(),)*
                    queued: 0,
                    spool: None,
                    connections: None,
                    consumers: self.consumers.get().map(Consumed::snapshot),
                    $($latency: self.$latency.snapshot(),)*
                }
            }

            /// Begins anew at 0. What is counted at this very moment may count before or after.
            pub fn reset(&self) {
                $(self.$name.reset();)*
                $(self.$latency.reset();)*
                self.consumers.get().into_iter().for_each(Consumed::reset);
            }

            /// What the consumers of this log did.
            pub(crate) fn consumers(&self) -> &Consumed {
                self.consumers.get_or_init(Consumed::default)
            }
        }

        impl MetricsSnapshot {
            /// The counters by name, in a stable order; those of the Python Papyra have its names.
            pub fn counters(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }

            /// The latencies by name, in a stable order.
            pub fn latencies(&self) -> impl Iterator<Item = (&'static str, HistogramSnapshot)> {
                [$((stringify!($latency), self.$latency),)*].into_iter()
            }
        }
    };
}

metrics! {
counters {
    /// Facts acknowledged by the backend.
    records_written,
    /// Bytes that the facts acknowledged by the backend took in storage.
    bytes_written,
    /// Appends that failed.
    write_errors,
    /// Facts that were acknowledged, and that the storage has lost since: a server that was set back, say.
    lost,
    /// Reads begun.
    reads,
    /// Entries that reads gave.
    entries_read,
    /// Damaged entries that reads passed over.
    entries_skipped,
    /// Reads that could not look, or could not go on.
    read_errors,
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
    /// Facts that the recorder dropped because its queue was full, its log was gone, or the part of the log that they belong
    /// to took none.
    dropped,
    /// Facts that the recorder gave up because no log may hold them (too large, say), or because `record_durable` told its
    /// caller of an error.
    rejected,
}
latencies {
    /// Seconds that acknowledged appends took, waiting for others' batches included.
    append_seconds,
    /// Seconds that syncs took, where the backend tells.
    sync_seconds,
    /// Seconds that scans took.
    scan_seconds,
    /// Seconds that recoveries took.
    recovery_seconds,
    /// Seconds that compactions took.
    compaction_seconds,
}
}

/// One counter.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
