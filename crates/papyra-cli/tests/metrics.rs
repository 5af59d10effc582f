//! Every metric has one value, whoever shows it: `/metrics`, the command line, and a collector over OTLP.

#[path = "../../papyra-otel/tests/collector/receiver.rs"]
mod receiver;
#[path = "../../papyra/tests/redis/lab/mod.rs"]
mod redis_lab;

use std::{collections::BTreeMap, path::Path, process::Command, sync::Arc, time::Duration};

use opentelemetry::metrics::MeterProvider as _;
use papyra::{
    Consumer, DeadLetter, Event, Group, Kind, Log, Recorder, RedisConfig, RedisLog, SpoolConfig, Spooled,
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

/// A log at which everything can be measured: its events on Redis, with a consumer group, and its dead letters in the spool in
/// front of a server that is away.
fn log(server: &redis_lab::Server, spool: &Path) -> Log {
    let at = |port| RedisLog::new(RedisConfig::new("127.0.0.1", port));
    let spooled = Spooled::new(Arc::new(at(redis_lab::free_port())), SpoolConfig::new(spool)).unwrap();
    Log::new(at(server.port())).with_kind(Kind::DeadLetter, &Log::new(spooled))
}

/// A recorder that wrote seven events and a dead letter; of the events a consumer got three and acknowledged two.
async fn busy(log: Log) -> Recorder {
    let recorder = Recorder::start(log).unwrap();
    (0..7).for_each(|n| recorder.record(Event::new(format!("t://{n}"), "E")));
    recorder.record(DeadLetter::new("t://gone", "M"));
    recorder.flush().await.unwrap();
    recorder.log().scan(papyra::ScanOptions::default()).await.unwrap();
    let group = Group::new(Kind::Event, "workers");
    let mut consumer = Consumer::builder(recorder.log(), group, "one").count(3).open().unwrap();
    let mut positions = Vec::new();
    for _ in 0..3 {
        positions.push(consumer.next().await.unwrap().unwrap().entry.position);
    }
    consumer.ack(&positions[..2]).await.unwrap();
    // Until the server was asked for the first time nobody knows that it is away.
    let stalled = async {
        while !recorder.metrics().spool.is_some_and(|spool| spool.stalled && spool.oldest.is_some()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), stalled).await.expect("a server that is away is not noticed");
    recorder
}

#[test]
fn every_metric_has_the_same_value_in_openmetrics_on_the_command_line_and_over_otlp() {
    if !redis_lab::is_installed("redis-server") {
        return;
    }
    let (server, spool) = (redis_lab::Server::start(), tempfile::tempdir().unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let recorder = runtime.block_on(busy(log(&server, &spool.path().join("spool"))));

    let collector = receiver::Collector::start();
    let provider = receiver::provider(&collector);
    papyra_otel::observe(&provider.meter("papyra"), "orders", recorder.clone());
    let service = Service::of(recorder.clone()).with_name("orders");
    let listener = runtime.block_on(papyra_http::listen("127.0.0.1:0".parse().unwrap(), &service)).unwrap();
    let url = format!("http://{}/metrics", listener.local_addr().unwrap());
    runtime.spawn(papyra_http::serve(listener, service, std::future::pending()));

    // Nothing is recorded or read any more: whoever asks first or last is told the same, unless the spool tries to reach its
    // server in between.
    let ask = || of_openmetrics(&runtime.block_on(Client::new(&url, None).unwrap().metrics()).unwrap());
    let (http, command_line, otlp) = (0..50)
        .find_map(|_| {
            let before = ask();
            let command_line = of_command_line(&url);
            provider.force_flush().unwrap();
            let otlp = of_collector(collector.points("hybrid"));
            (ask() == before).then_some((before, command_line, otlp))
        })
        .expect("the metrics never stand still");
    assert_eq!(http.keys().collect::<Vec<_>>(), otlp.keys().collect::<Vec<_>>());
    assert_eq!(http, command_line);
    assert_eq!(http, otlp);
    assert_eq!(http.len(), table().flat_map(names).count(), "{http:?}");
    let figures =
        ["records_written", "scans", "consumer_delivered", "consumer_acknowledged", "spool_facts", "spool_stalled"];
    assert_eq!(figures.map(|name| http[name]), [8.0, 1.0, 3.0, 2.0, 1.0, 1.0]);
    assert!(http["connections_failed"] > 0.0, "{http:?}");
    assert_eq!(http["connections_open"], http["connections_made"] - http["connections_broken"]);
    provider.shutdown().unwrap();
    runtime.block_on(recorder.shutdown(Duration::from_secs(60)));
}
