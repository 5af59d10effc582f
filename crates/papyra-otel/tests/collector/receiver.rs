//! A collector of metrics: it understands OTLP over HTTP, and gives what it received.

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use opentelemetry_otlp::{MetricExporter, Protocol, WithExportConfig as _};
use opentelemetry_proto::tonic::{
    collector::metrics::v1::ExportMetricsServiceRequest,
    common::v1::any_value,
    metrics::v1::{NumberDataPoint, metric::Data, number_data_point},
};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use papyra::metrics::{Instrument, Metric, table};
use prost::Message as _;

/// A collector of metrics on a free port: it understands OTLP over HTTP, and gives what it received.
pub(crate) struct Collector {
    pub(crate) endpoint: String,
    received: Receiver<ExportMetricsServiceRequest>,
}

impl Collector {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (tell, received) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let tell = tell.clone();
                thread::spawn(move || {
                    let mut stream = BufReader::new(stream.unwrap());
                    while let Some(body) = request(&mut stream) {
                        let _ = tell.send(ExportMetricsServiceRequest::decode(body.as_slice()).unwrap());
                        let answer =
                            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
                        stream.get_mut().write_all(answer).unwrap();
                    }
                });
            }
        });
        Collector { endpoint, received }
    }

    /// The next request's points, of a log that this backend keeps: by the metric's name and its attribute `le`, if it has one.
    pub(crate) fn points(&self, backend: &str) -> BTreeMap<(String, String), f64> {
        let request = self.received.recv_timeout(Duration::from_secs(60)).expect("something is sent");
        let metrics = request.resource_metrics.into_iter().flat_map(|it| it.scope_metrics).flat_map(|it| it.metrics);
        let mut points = BTreeMap::new();
        for metric in metrics {
            assert!(!metric.description.is_empty() && !metric.unit.is_empty(), "{metric:?}");
            let (data, rises) = match metric.data {
                Some(Data::Sum(sum)) => (sum.data_points, sum.is_monotonic),
                Some(Data::Gauge(gauge)) => (gauge.data_points, false),
                other => panic!("{other:?}"),
            };
            let is_gauge = |known: &Metric| {
                known.instrument == Instrument::Gauge && metric.name == format!("papyra.{}", known.name)
            };
            assert_eq!(rises, !table().any(is_gauge), "{}", metric.name);
            for point in data {
                assert_eq!(
                    (attribute(&point, "log").as_str(), attribute(&point, "backend").as_str()),
                    ("orders", backend)
                );
                points.insert((metric.name.clone(), attribute(&point, "le")), number(&point));
            }
        }
        points
    }
}

/// The body of the next request of a connection.
fn request(stream: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let (mut length, mut first) = (0, true);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if std::mem::take(&mut first) {
            assert!(line.starts_with("POST /v1/metrics"), "{line}");
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(body)
}

fn attribute(point: &NumberDataPoint, name: &str) -> String {
    let found = point.attributes.iter().find(|attribute| attribute.key == name);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.clone()) {
        Some(any_value::Value::StringValue(text)) => text,
        None => String::new(),
        other => panic!("{other:?}"),
    }
}

fn number(point: &NumberDataPoint) -> f64 {
    match point.value {
        Some(number_data_point::Value::AsInt(count)) => count as f64,
        Some(number_data_point::Value::AsDouble(level)) => level,
        None => panic!("{point:?}"),
    }
}

/// What sends to this collector, when it is told to.
pub(crate) fn provider(collector: &Collector) -> SdkMeterProvider {
    let exporter = MetricExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/metrics", collector.endpoint))
        .build()
        .unwrap();
    // It sends when it is told to, and no test waits for it.
    let reader = PeriodicReader::builder(exporter).with_interval(Duration::from_secs(3600)).build();
    SdkMeterProvider::builder().with_reader(reader).build()
}
