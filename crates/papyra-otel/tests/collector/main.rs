//! What a collector receives over OTLP is what the snapshot says.

mod receiver;

use std::{process::Command, time::Duration};

use opentelemetry::metrics::MeterProvider as _;
use papyra::{
    Event, Fact, Log, Recorder,
    metrics::{Instrument, Value, table},
};

use self::receiver::{Collector, provider};

#[test]
fn every_metric_of_the_table_arrives_with_the_value_of_the_snapshot() {
    let collector = Collector::start();
    let provider = provider(&collector);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let recorder = Recorder::start(Log::memory()).unwrap();
    (0..7).for_each(|n| recorder.record(Event::new(format!("t://{n}"), "E")));
    runtime.block_on(recorder.flush()).unwrap();
    papyra_otel::observe(&provider.meter("papyra"), "orders", recorder.clone());
    provider.force_flush().unwrap();

    let (points, snapshot) = (collector.points("memory"), recorder.metrics());
    let point =
        |name: String, le: &str| *points.get(&(name.clone(), le.to_owned())).unwrap_or_else(|| panic!("{name} {le}"));
    let mut expected = 0;
    for metric in table() {
        let name = format!("papyra.{}", metric.name);
        let Some(value) = metric.value(&snapshot) else { continue };
        match value {
            Value::Count(count) => assert_eq!(point(name, ""), count as f64),
            Value::Level(level) => assert_eq!(point(name, ""), level),
            Value::Times(times) => {
                assert_eq!(point(format!("{name}.count"), ""), times.count() as f64);
                assert_eq!(point(format!("{name}.sum"), ""), times.sum_seconds());
                for (end, below) in times.buckets() {
                    let le = if end.is_finite() { end.to_string() } else { "+Inf".to_owned() };
                    assert_eq!(point(format!("{name}.bucket"), &le), below as f64, "{name} {le}");
                    expected += 1;
                }
                expected += 1;
            }
            other => panic!("{name}: {other:?}"),
        }
        expected += 1;
    }
    assert_eq!(points.len(), expected);
    assert_eq!(point("papyra.records_written".to_owned(), ""), 7.0);
    provider.shutdown().unwrap();
    runtime.block_on(recorder.shutdown(Duration::from_secs(60)));
}

#[test]
fn a_hundred_thousand_actors_have_no_more_points_than_one() {
    let collector = Collector::start();
    let provider = provider(&collector);
    let log = Log::memory();
    papyra_otel::observe(&provider.meter("papyra"), "orders", log.clone());
    provider.force_flush().unwrap();
    let before = collector.points("memory");
    let facts: Vec<Fact> = (0..100_000).map(|n| Event::new(format!("t://{n}"), format!("Type{n}")).into()).collect();
    tokio::runtime::Runtime::new().unwrap().block_on(log.append(&facts)).unwrap();
    provider.force_flush().unwrap();
    let after = collector.points("memory");
    assert!(before.keys().eq(after.keys()));
    assert_eq!(after[&("papyra.records_written".to_owned(), String::new())], 100_000.0);
    assert!(table().any(|metric| metric.instrument == Instrument::Histogram));
    provider.shutdown().unwrap();
}

#[test]
fn the_example_sends_to_a_collector() {
    let collector = Collector::start();
    let example = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/collector.rs");
    assert!(example.exists());
    let program = std::env::current_exe().unwrap().with_file_name("").join("../examples/collector");
    // Cargo builds examples together with tests.
    let output = Command::new(program).env("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(collector.points("memory")[&("papyra.records_written".to_owned(), String::new())], 1.0);
}
