//! Every metric: its name, what it counts, and how to read it out of a snapshot.

use std::fmt;

use super::{COUNTERS, HistogramSnapshot, LATENCIES, MetricsSnapshot, consumed::CONSUMERS};

/// A metric.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Metric {
    /// Its name in snapshots and in JSON, such as `records_written`.
    pub name: &'static str,
    /// How it behaves.
    pub instrument: Instrument,
    pub(super) about: &'static str,
    pub(super) read: fn(&MetricsSnapshot) -> Option<Value>,
}

/// How a metric behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Instrument {
    /// It only rises, but for a reset.
    Counter,
    /// It rises and falls.
    Gauge,
    /// It counts times by how long they are.
    Histogram,
}

/// What a metric is measured in. It stands in the name of each metric that has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// A metric's value.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "it lives as long as it takes to show it")]
#[non_exhaustive]
pub enum Value {
    /// Of a counter: how many so far.
    Count(u64),
    /// Of a gauge: how much now.
    Level(f64),
    /// Of a histogram.
    Times(HistogramSnapshot),
}

/// What tells the series of a metric apart. Its values come from a closed set that whoever runs the program knows
/// beforehand, never from facts: a log with a million actors has no more series than an empty one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// What its values are.
    pub about: &'static str,
}

/// The labels of every metric.
pub const LABELS: &[Label] = &[
    Label { name: "log", about: "the name that the program gave the log; `papyra` where it gave none" },
    Label { name: "backend", about: "the backend that keeps the log, such as `json` or `rotating`" },
];

const SPOOL_COUNTERS: &[Metric] = &[
    Metric {
        name: "spool_shipped",
        instrument: Instrument::Counter,
        about: "Facts that the log's spool shipped over its life.",
        read: |snapshot| snapshot.spool.map(|spool| Value::Count(spool.shipped)),
    },
    Metric {
        name: "spool_lost",
        instrument: Instrument::Counter,
        about: "Facts that the remote log lost after it had taken them, and that the spool no longer held.",
        read: |snapshot| snapshot.spool.map(|spool| Value::Count(spool.lost)),
    },
];

const CONNECTION_COUNTERS: &[Metric] = &[
    Metric {
        name: "connections_made",
        instrument: Instrument::Counter,
        about: "Connections made to the servers that the log lives on; one to a cluster counts once.",
        read: |snapshot| snapshot.connections.map(|connections| Value::Count(connections.made)),
    },
    Metric {
        name: "connections_failed",
        instrument: Instrument::Counter,
        about: "Attempts to make one that failed.",
        read: |snapshot| snapshot.connections.map(|connections| Value::Count(connections.failed)),
    },
    Metric {
        name: "connections_broken",
        instrument: Instrument::Counter,
        about: "Connections that broke, or whose server stopped answering.",
        read: |snapshot| snapshot.connections.map(|connections| Value::Count(connections.broken)),
    },
];

// Nothing that waits is so much that a float could not count it.
const GAUGES: &[Metric] = &[
    Metric {
        name: "queued",
        instrument: Instrument::Gauge,
        about: "Facts that wait in the recorder's queue now; 0 for a log without a recorder.",
        read: |snapshot| Some(Value::Level(snapshot.queued as f64)),
    },
    Metric {
        name: "spool_facts",
        instrument: Instrument::Gauge,
        about: "Facts that wait in the log's spool now.",
        read: |snapshot| snapshot.spool.map(|spool| Value::Level(spool.facts as f64)),
    },
    Metric {
        name: "spool_bytes",
        instrument: Instrument::Gauge,
        about: "Bytes that they take.",
        read: |snapshot| snapshot.spool.map(|spool| Value::Level(spool.bytes as f64)),
    },
    Metric {
        name: "spool_oldest",
        instrument: Instrument::Gauge,
        about: "When the oldest of them happened, as a Unix time; nothing if none waits.",
        read: |snapshot| snapshot.spool.and_then(|spool| spool.oldest).map(Value::Level),
    },
    Metric {
        name: "spool_stalled",
        instrument: Instrument::Gauge,
        about: "One if the remote log could not be reached, or refused the facts, when that was last tried; else zero.",
        read: |snapshot| snapshot.spool.map(|spool| Value::Level(f64::from(u8::from(spool.stalled)))),
    },
    Metric {
        name: "connections_open",
        instrument: Instrument::Gauge,
        about: "Connections that are open now, as far as this process has noticed.",
        read: |snapshot| snapshot.connections.map(|connections| Value::Level(connections.open as f64)),
    },
];

/// Every metric, in a stable order: counters, gauges, histograms.
pub fn table() -> impl Iterator<Item = &'static Metric> {
    COUNTERS.iter().chain(SPOOL_COUNTERS).chain(CONNECTION_COUNTERS).chain(CONSUMERS).chain(GAUGES).chain(LATENCIES)
}

impl Metric {
    /// Its name where metrics of many programs meet, without the suffix that its samples have: `papyra_records_written`.
    /// OpenMetrics calls this the metric family.
    pub fn family(&self) -> String {
        format!("papyra_{}", self.name)
    }

    /// The name that queries ask for: `papyra_records_written_total`. A histogram's samples have this name and `_bucket`,
    /// `_count` or `_sum` behind it.
    pub fn series(&self) -> String {
        let suffix = if self.instrument == Instrument::Counter { "_total" } else { "" };
        format!("papyra_{}{suffix}", self.name)
    }

    /// What it is measured in; `None` for things that are counted.
    pub fn unit(&self) -> Option<Unit> {
        self.name.split('_').find_map(|word| match word {
            "seconds" => Some(Unit::Seconds),
            "bytes" => Some(Unit::Bytes),
            _ => None,
        })
    }

    /// What it means, in a sentence or two.
    pub fn help(&self) -> &'static str {
        self.about.trim_ascii()
    }

    /// Its value at the moment of the snapshot; `None` if this log has nothing that it could be measured at.
    pub fn value(&self, snapshot: &MetricsSnapshot) -> Option<Value> {
        (self.read)(snapshot)
    }
}

impl Instrument {
    /// Its name in OpenMetrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Instrument::Counter => "counter",
            Instrument::Gauge => "gauge",
            Instrument::Histogram => "histogram",
        }
    }
}

impl fmt::Display for Instrument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Unit {
    /// Its name in OpenMetrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Unit::Seconds => "seconds",
            Unit::Bytes => "bytes",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, time::Duration};

    use super::*;
    use crate::{Backlog, Connections, metrics::Metrics};

    #[test]
    fn the_table_has_everything_that_a_snapshot_shows_and_nothing_else() {
        let json = serde_json::to_value(MetricsSnapshot::default()).unwrap();
        let shown: HashSet<&str> = json.as_object().unwrap().keys().map(String::as_str).collect();
        // What waits in a spool is shown together, if there is one; so are connections, and what consumers did.
        let of_all_logs = table().filter(|metric| metric.value(&MetricsSnapshot::default()).is_some());
        let listed: Vec<&str> = of_all_logs.map(|metric| metric.name).collect();
        let together = |name: &str| ["spool_", "connections_", "consumer_"].iter().any(|of| name.starts_with(of));
        assert!(table().all(|metric| listed.contains(&metric.name) || together(metric.name)));
        assert_eq!(listed.len(), shown.len(), "{listed:?}");
        assert_eq!(listed.into_iter().collect::<HashSet<_>>(), shown);
    }

    #[test]
    fn names_are_those_that_openmetrics_allows_and_help_is_prose() {
        for metric in table() {
            let name = metric.series();
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{name}");
            assert!(name.starts_with(&metric.family()), "{name}");
            for reserved in ["_total", "_count", "_sum", "_bucket", "_created", "_info"] {
                assert!(!metric.name.ends_with(reserved), "{name}");
            }
            let help = metric.help();
            assert!(help.starts_with(char::is_uppercase) && help.ends_with('.'), "{name}: {help}");
            assert!(!help.contains("  ") && !help.contains('\n'), "{name}: {help}");
            assert_eq!(metric.instrument == Instrument::Histogram, metric.unit() == Some(Unit::Seconds), "{name}");
        }
    }

    #[test]
    fn each_metric_reads_its_own_figure() {
        let metrics = Metrics::default();
        metrics.records_written.add(3);
        metrics.bytes_written.add(400);
        metrics.sync_seconds.add(Duration::from_millis(2));
        let spool = Backlog { facts: 5, bytes: 600, oldest: Some(9.5), shipped: 11, lost: 2, stalled: true };
        metrics.consumers().delivered.add(8);
        let connections = Some(Connections { open: 12, made: 13, failed: 14, broken: 15 });
        let snapshot = MetricsSnapshot { queued: 7, spool: Some(spool), connections, ..metrics.snapshot() };
        for metric in table() {
            let expected = match metric.name {
                "records_written" => Value::Count(3),
                "bytes_written" => Value::Count(400),
                "queued" => Value::Level(7.0),
                "consumer_delivered" => Value::Count(8),
                "connections_open" => Value::Level(12.0),
                "connections_made" => Value::Count(13),
                "connections_failed" => Value::Count(14),
                "connections_broken" => Value::Count(15),
                "spool_shipped" => Value::Count(11),
                "spool_lost" => Value::Count(2),
                "spool_facts" => Value::Level(5.0),
                "spool_bytes" => Value::Level(600.0),
                "spool_oldest" => Value::Level(9.5),
                "spool_stalled" => Value::Level(1.0),
                "sync_seconds" => Value::Times(snapshot.sync_seconds),
                _ => match metric.instrument {
                    Instrument::Counter => Value::Count(0),
                    Instrument::Gauge => Value::Level(0.0),
                    Instrument::Histogram => Value::Times(HistogramSnapshot::default()),
                },
            };
            assert_eq!(metric.value(&snapshot), Some(expected), "{}", metric.name);
        }
    }
}
