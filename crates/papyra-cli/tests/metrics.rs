//! Every metric has one value, whoever shows it: `/metrics`, the command line, and a collector over OTLP.

#[path = "../../papyra-otel/tests/collector/receiver.rs"]
mod receiver;

use std::{collections::BTreeMap, process::Command, time::Duration};

use opentelemetry::metrics::MeterProvider as _;
use papyra::{
    Event, Log, Recorder,
    metrics::{Instrument, Metric, table},
};
use papyra_http::{Service, client::Client};
use serde_json::Value;

/// What is compared of a metric: its value; of a histogram how many times, and their sum.
type Figures = BTreeMap<String, f64>;

fn names(metric: &Metric) -> Vec<String> {
    match metric.instrument {
        Instrument::Histogram => ["count", "sum"].map(|what| format!("{}.{what}", metric.name)).to_vec(),
        _ => vec![metric.name.to_owned()],
    }
}

fn of_openmetrics(text: &str) -> Figures {
    let value = |series: &str| {
        let line = text.lines().find(|line| line.split(['{', ' ']).next() == Some(series));
        line?.rsplit_once(' ')?.1.parse::<f64>().ok()
    };
    let figure = |metric: &Metric, name: String| {
        let series = match name.rsplit_once('.') {
            Some((_, what)) => format!("{}_{what}", metric.series()),
            None => metric.series(),
        };
        Some((name, value(&series)?))
    };
    table().flat_map(|metric| names(metric).into_iter().filter_map(move |name| figure(metric, name))).collect()
}

fn of_command_line(url: &str) -> Figures {
    let output = Command::new(env!("CARGO_BIN_EXE_papyra"))
        .args(["metrics", "persistence", "--json", "--url", url])
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut figures = Figures::new();
    for (name, value) in told["metrics"].as_object().unwrap() {
        match value {
            Value::Number(number) => drop(figures.insert(name.clone(), number.as_f64().unwrap())),
            times => {
                figures.insert(format!("{name}.count"), times["count"].as_f64().unwrap());
                figures.insert(format!("{name}.sum"), times["sum_seconds"].as_f64().unwrap());
            }
        }
    }
    figures
}

fn of_collector(points: BTreeMap<(String, String), f64>) -> Figures {
    let plain = points.into_iter().filter(|((name, _), _)| !name.ends_with(".bucket"));
    plain.map(|((name, _), value)| (name.strip_prefix("papyra.").unwrap().to_owned(), value)).collect()
}

#[test]
fn every_metric_has_the_same_value_in_openmetrics_on_the_command_line_and_over_otlp() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let recorder = Recorder::start(Log::memory()).unwrap();
    (0..7).for_each(|n| recorder.record(Event::new(format!("t://{n}"), "E")));
    runtime.block_on(recorder.flush()).unwrap();
    runtime.block_on(recorder.log().scan(papyra::ScanOptions::default())).unwrap();

    let collector = receiver::Collector::start();
    let provider = receiver::provider(&collector);
    papyra_otel::observe(&provider.meter("papyra"), "orders", recorder.clone());
    let service = Service::of(recorder.clone()).with_name("orders");
    let listener = runtime.block_on(papyra_http::listen("127.0.0.1:0".parse().unwrap(), &service)).unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    runtime.spawn(papyra_http::serve(listener, service, std::future::pending()));

    // Nothing is recorded or read any more: whoever asks first or last is told the same.
    let http = of_openmetrics(&runtime.block_on(Client::new(&url, None).unwrap().metrics()).unwrap());
    let command_line = of_command_line(&url);
    provider.force_flush().unwrap();
    let otlp = of_collector(collector.points());
    assert_eq!(http.keys().collect::<Vec<_>>(), otlp.keys().collect::<Vec<_>>());
    assert_eq!(http, command_line);
    assert_eq!(http, otlp);
    let snapshot = recorder.metrics();
    let expected = table().filter(|metric| metric.value(&snapshot).is_some()).flat_map(names).count();
    assert_eq!((http.len(), http["records_written"], http["scans"]), (expected, 7.0, 1.0));
    provider.shutdown().unwrap();
    runtime.block_on(recorder.shutdown(Duration::from_secs(60)));
}
