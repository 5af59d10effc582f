//! One or more instruments for each metric of Papyra's table.

use std::sync::Arc;

use opentelemetry::{KeyValue, metrics::Meter};
use papyra::{
    HistogramSnapshot,
    metrics::{Instrument, Metric, Unit, Value, table},
};

use crate::Source;

/// The figures of a source, with the attributes of all of them.
struct Observed {
    source: Source,
    attributes: [KeyValue; 2],
}

impl Observed {
    fn value(&self, metric: &Metric) -> Option<Value> {
        metric.value(&self.source.snapshot())
    }

    fn times(&self, metric: &Metric) -> Option<HistogramSnapshot> {
        match self.value(metric) {
            Some(Value::Times(times)) => Some(times),
            _ => None,
        }
    }
}

/// Makes the instruments of a log or recorder under this meter. They observe it as long as the meter's provider lives, and hold it for as
/// long: shut the recorder down by its own `shutdown`, not by dropping it.
///
/// `name` is the log's name, the attribute `log`; the attribute `backend` is the name of what keeps it.
pub fn observe(meter: &Meter, name: &str, source: impl Into<Source>) {
    let source = source.into();
    let attributes = [KeyValue::new("log", name.to_owned()), KeyValue::new("backend", source.backend())];
    let observed = Arc::new(Observed { source, attributes });
    for metric in table() {
        match metric.instrument {
            Instrument::Counter => counter(meter, metric, &observed),
            Instrument::Histogram => histogram(meter, metric, &observed),
            _ => gauge(meter, metric, &observed),
        }
    }
}

fn name(metric: &Metric) -> String {
    format!("papyra.{}", metric.name)
}

/// The unit in the code that OpenTelemetry prescribes.
fn unit(metric: &Metric) -> &'static str {
    match metric.unit() {
        Some(Unit::Seconds) => "s",
        Some(Unit::Bytes) => "By",
        _ => "1",
    }
}

fn counter(meter: &Meter, metric: &'static Metric, observed: &Arc<Observed>) {
    let observed = Arc::clone(observed);
    let builder = meter.u64_observable_counter(name(metric)).with_description(metric.help()).with_unit(unit(metric));
    let observe = builder.with_callback(move |observer| {
        if let Some(Value::Count(count)) = observed.value(metric) {
            observer.observe(count, &observed.attributes);
        }
    });
    observe.build();
}

fn gauge(meter: &Meter, metric: &'static Metric, observed: &Arc<Observed>) {
    let observed = Arc::clone(observed);
    let builder = meter.f64_observable_gauge(name(metric)).with_description(metric.help()).with_unit(unit(metric));
    let observe = builder.with_callback(move |observer| {
        if let Some(Value::Level(level)) = observed.value(metric) {
            observer.observe(level, &observed.attributes);
        }
    });
    observe.build();
}

fn histogram(meter: &Meter, metric: &'static Metric, observed: &Arc<Observed>) {
    let count = Arc::clone(observed);
    let builder = meter.u64_observable_counter(format!("{}.count", name(metric))).with_description(metric.help());
    let observe = builder.with_unit("1").with_callback(move |observer| {
        if let Some(times) = count.times(metric) {
            observer.observe(times.count(), &count.attributes);
        }
    });
    observe.build();
    let sum = Arc::clone(observed);
    let builder = meter.f64_observable_counter(format!("{}.sum", name(metric))).with_description(metric.help());
    let observe = builder.with_unit(unit(metric)).with_callback(move |observer| {
        if let Some(times) = sum.times(metric) {
            observer.observe(times.sum_seconds(), &sum.attributes);
        }
    });
    observe.build();
    let buckets = Arc::clone(observed);
    let builder = meter.u64_observable_counter(format!("{}.bucket", name(metric))).with_description(metric.help());
    let observe = builder.with_unit("1").with_callback(move |observer| {
        for (end, below) in buckets.times(metric).iter().flat_map(HistogramSnapshot::buckets) {
            let end = if end.is_finite() { end.to_string() } else { "+Inf".to_owned() };
            let [log, backend] = &buckets.attributes;
            observer.observe(below, &[log.clone(), backend.clone(), KeyValue::new("le", end)]);
        }
    });
    observe.build();
}
