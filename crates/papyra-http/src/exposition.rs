//! The counters, gauges and latencies of this process, as Prometheus and others collect them.

use std::{borrow::Cow, fmt};

use papyra::{
    MetricsSnapshot,
    metrics::{Instrument, Value, table},
};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};

/// The type of what is answered to those who collect metrics: OpenMetrics text.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A snapshot on its way out.
#[derive(Debug)]
struct Figures(MetricsSnapshot);

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in table() {
            let Some(value) = metric.value(&self.0) else { continue };
            let shape = match metric.instrument {
                Instrument::Counter => MetricType::Counter,
                Instrument::Histogram => MetricType::Histogram,
                _ => MetricType::Gauge,
            };
            let family = metric.family();
            let mut encoder = encoder.encode_descriptor(&family, metric.help(), None, shape)?;
            match value {
                Value::Count(count) => encoder.encode_counter::<NoLabelSet, _, u64>(&count, None)?,
                Value::Level(level) => encoder.encode_gauge(&level)?,
                Value::Times(times) => {
                    let buckets = each_for_itself(times.buckets());
                    encoder.encode_histogram::<NoLabelSet>(times.sum_seconds(), times.count(), &buckets, None)?;
                }
                _ => {}
            }
        }
        Ok(())
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

/// The snapshot in OpenMetrics, each series with the labels `log` and `backend`.
///
/// # Errors
/// None that text in memory could have.
pub(crate) fn openmetrics(name: &str, backend: &str, snapshot: MetricsSnapshot) -> Result<String, fmt::Error> {
    let label = |name, value: &str| (Cow::Borrowed(name), Cow::Owned(value.to_owned()));
    let mut registry = Registry::with_labels([label("log", name), label("backend", backend)].into_iter());
    registry.register_collector(Box::new(Figures(snapshot)));
    let mut out = String::with_capacity(16 << 10);
    text::encode(&mut out, &registry)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use papyra::{Event, Log};

    use super::*;

    #[tokio::test]
    async fn every_metric_has_its_lines_and_hostile_labels_stay_labels() {
        let log = Log::memory();
        log.append(&[Event::new("a://b", "E").into()]).await.unwrap();
        let text = openmetrics("or\"ders\n", "memory", log.metrics()).unwrap();
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
}
