//! The flight recorder for actor systems.

/// The examples in the README and in the pages are compiled, so that they cannot grow old.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
#[doc = include_str!("../../../docs/observing.md")]
#[doc = include_str!("../../../docs/operations/hybrid.md")]
#[doc = include_str!("../../../docs/operations/startup-checks.md")]
struct Pages;

mod address;
pub mod backend;
pub mod backup;
mod blocking;
pub mod checkup;
mod choice;
mod clock;
mod codec;
#[cfg(feature = "config")]
pub mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
mod consumer;
mod disk;
pub mod document;
mod dsn;
mod entry_stream;
mod error;
mod fact;
mod fates;
mod groups;
pub mod incident;
mod json;
mod log;
mod log_options;
pub mod metrics;
mod nearest;
pub mod observe;
mod open;
mod options;
mod part;
mod payload;
mod pieces;
mod place;
mod position;
mod progress;
mod quoted;
mod recorder;
mod report;
mod retention;
pub mod shipping;
pub mod startup;
mod stats;
pub mod units;

pub use address::ActorAddress;
#[cfg(feature = "redis")]
pub use backend::redis::{RedisConfig, RedisLog};
pub use backend::{
    Appended, Backend,
    file::{FileConfig, FileLog, Rotation},
    hybrid::Hybrid,
    spooled::{SpoolConfig, Spooled},
};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use consumer::{Consumer, ConsumerBuilder, ConsumerEnd, ConsumerHandle, Leave};
pub use dsn::Dsn;
pub use entry_stream::EntryStream;
pub use error::{Error, ErrorKind, Outcome, Result};
pub use fact::{Audit, DeadLetter, Event, Fact, Health, Kind, Members, RecorderState, Unknown, Why};
pub use fates::{Fates, Refusal};
pub use groups::{
    Claimed, ConsumerGroups, ConsumerState, DeadEntry, Delivered, Delivery, Group, GroupStart, GroupState, IfPending,
    MAX_BATCH, MAX_BLOCK, PendingEntry, PendingOptions, SetAside,
};
pub use log::Log;
pub use log_options::LogOptions;
pub use metrics::{ConsumerSnapshot, HistogramSnapshot, Metrics, MetricsSnapshot};
pub use open::{Schemes, open};
pub use options::{CompactionConfig, Durability, Order, ReadOptions, RecoveryConfig, RecoveryMode, ScanOptions};
pub use part::Part;
pub use payload::Payload;
pub use pieces::{Backups, Copied, Figures, Piece, PieceSink, Restored, Stored};
pub use position::{Entry, Origin, Position};
pub use progress::Progress;
pub use recorder::{Recorder, RecorderBuilder, RecorderHealth, RecorderSource, ShutdownReport};
pub use report::{
    Anomaly, AnomalyKind, Backlog, CompactionReport, Connections, MAX_ANOMALIES, PartError, PartReport, RecoveryReport,
    ScanReport,
};
pub use retention::{Cut, Retention, Rule};
pub use startup::{StartupConfig, StartupMode, StartupReport, StartupVerdict};
pub use stats::Stats;
