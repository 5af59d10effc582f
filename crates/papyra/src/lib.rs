//! The flight recorder for actor systems.

mod address;
pub mod backend;
mod clock;
mod codec;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod fact;
mod log;
mod metrics;
mod payload;
mod recorder;
mod report;
mod retention;

pub use address::ActorAddress;
pub use backend::{
    Appended, Backend, Durability, EntryStream, Order, ReadOptions, RecoveryConfig, RecoveryMode, ScanOptions,
};
pub use clock::{Clock, ManualClock, SystemClock, Timestamp};
pub use error::{Error, ErrorKind, Outcome, Result};
pub use fact::{Audit, DeadLetter, Entry, Event, Fact, Health, Kind, Members, Position, RecorderState, Unknown, Why};
pub use log::Log;
pub use metrics::{Metrics, MetricsSnapshot};
pub use payload::Payload;
pub use recorder::{Recorder, RecorderBuilder, RecorderHealth, ShutdownReport};
pub use report::{Anomaly, AnomalyKind, CompactionReport, MAX_ANOMALIES, RecoveryReport, ScanReport};
pub use retention::{Cut, Retention, Rule};
