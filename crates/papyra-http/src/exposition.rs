//! The counters, gauges and latencies of this process, as Prometheus and others collect them.

use std::{
    borrow::Cow,
    fmt,
    sync::{Mutex, PoisonError},
};

use papyra::{
    MetricsSnapshot,
    metrics::{Instrument, Metric, Value, table},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};

/// The type of what is answered to those who collect metrics: OpenMetrics text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Writes snapshots in OpenMetrics, each series with the labels `log` and `backend`.
pub(crate) struct Exposition {
    labels: [(Cow<'static, str>, Cow<'static, str>); 2],
    /// Each metric as it was written last: most of them stand still between two scrapes.
    written: Mutex<Vec<Written>>,
}

#[derive(Default)]
struct Written {
    value: Option<Value>,
    text: String,
}

/// A metric on its way out.
#[derive(Debug)]
struct Figure {
    metric: &'static Metric,
    value: Value,
}

impl Collector for Figure {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let shape = match self.metric.instrument {
            Instrument::Counter => MetricType::Counter,
            Instrument::Histogram => MetricType::Histogram,
            _ => MetricType::Gauge,
        };
        let family = self.metric.family();
        let mut encoder = encoder.encode_descriptor(&family, self.metric.help(), None, shape)?;
        match self.value {
            Value::Count(count) => encoder.encode_counter::<NoLabelSet, _, u64>(&count, None),
            Value::Level(level) => encoder.encode_gauge(&level),
            Value::Times(times) => {
                let buckets = each_for_itself(times.buckets());
                encoder.encode_histogram::<NoLabelSet>(times.sum_seconds(), times.count(), &buckets, None)
            }
            _ => Ok(()),
        }
    }
}

/// The buckets of a histogram count what is below their end; the encoder adds them up itself.
fn each_for_itself(buckets: impl Iterator<Item = (f64, u64)>) -> Vec<(f64, u64)> {
    let mut below = 0;
    let alone = |(end, count): (f64, u64)| {
        let own = count - below;
        below = count;
        (end, own)
    };
    buckets.map(alone).collect()
}

impl Exposition {
    pub(crate) fn new(name: &str, backend: &str) -> Self {
        let label = |name, value: &str| (Cow::Borrowed(name), Cow::Owned(value.to_owned()));
        Exposition { labels: [label("log", name), label("backend", backend)], written: Mutex::default() }
    }

    /// The snapshot as text.
    ///
    /// # Errors
    /// None that text in memory could have.
    pub(crate) fn of(&self, snapshot: &MetricsSnapshot) -> Result<String, fmt::Error> {
        // A panic leaves nothing half-written: each text is replaced when it is done.
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.resize_with(table().count(), Written::default);
        let mut out = String::with_capacity(24 << 10);
        for (metric, written) in table().zip(&mut *written) {
            let value = metric.value(snapshot);
            if written.value != value {
                *written = Written { value, text: self.written(metric, value)? };
            }
            out.push_str(&written.text);
        }
        text::encode_eof(&mut out)?;
        Ok(out)
    }

    fn written(&self, metric: &'static Metric, value: Option<Value>) -> Result<String, fmt::Error> {
        let mut out = String::new();
        if let Some(value) = value {
            let mut registry = Registry::with_labels(self.labels.iter().cloned());
            registry.register_collector(Box::new(Figure { metric, value }));
            text::encode_registry(&mut out, &registry)?;
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use papyra::{Event, Log};

    use super::*;

    #[tokio::test]
    async fn every_metric_has_its_lines_and_hostile_labels_stay_labels() {
        let log = Log::memory();
        log.append(&[Event::new("a://b", "E").into()]).await.unwrap();
        let exposition = Exposition::new("or\"ders\n", "memory");
        let text = exposition.of(&log.metrics()).unwrap();
        assert!(text.ends_with("# EOF\n"), "{text}");
        for metric in table().filter(|metric| metric.value(&log.metrics()).is_some()) {
            assert!(text.contains(&format!("# TYPE {} {}", metric.family(), metric.instrument)), "{}", metric.name);
        }
        assert!(text.contains("papyra_records_written_total{log=\"or\\\"ders\\n\",backend=\"memory\"} 1\n"), "{text}");
        let count =
            |of: &str| text.lines().find(|line| line.starts_with(of)).unwrap().rsplit(' ').next().unwrap().to_owned();
        assert_eq!(count("papyra_append_seconds_count"), "1");
        let last = text.lines().rfind(|line| line.starts_with("papyra_append_seconds_bucket")).unwrap();
        assert!(last.contains("le=\"+Inf\"") && last.ends_with(" 1"), "{last}");
    }

    #[tokio::test]
    async fn what_was_written_before_shows_in_nothing() {
        let log = Log::memory();
        let exposition = Exposition::new("orders", "memory");
        for _ in 0..3 {
            let snapshot = log.metrics();
            assert_eq!(exposition.of(&snapshot), Exposition::new("orders", "memory").of(&snapshot));
            assert_eq!(exposition.of(&snapshot), exposition.of(&snapshot));
            log.append(&[Event::new("a://b", "E").into()]).await.unwrap();
        }
        log.reset_metrics();
        assert_eq!(exposition.of(&log.metrics()), Exposition::new("orders", "memory").of(&log.metrics()));
    }
}
