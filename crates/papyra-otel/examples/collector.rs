//! Sends the counters of a recorder to a collector, every ten seconds and once at the end.
//!
//! The collector is at `OTEL_EXPORTER_OTLP_ENDPOINT`, or at `http://localhost:4318` where collectors listen for OTLP over HTTP.

use std::time::Duration;

use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_otlp::{MetricExporter, Protocol, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    metrics::{PeriodicReader, SdkMeterProvider},
};
use papyra::{Event, Payload, Recorder};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The exporter blocks on threads of its own, so it is made outside of any async runtime.
    let exporter = MetricExporter::builder().with_http().with_protocol(Protocol::HttpBinary).build()?;
    let reader = PeriodicReader::builder(exporter).with_interval(Duration::from_secs(10)).build();
    let resource = Resource::builder().with_service_name("orders").build();
    let provider = SdkMeterProvider::builder().with_reader(reader).with_resource(resource).build();

    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let recorder = Recorder::open("memory:").await?;
        papyra_otel::observe(&provider.meter("papyra"), "orders", recorder.clone());

        // A fact that leads to its trace: the application knows in which span it is, Papyra keeps what it is told.
        let why = Payload::from_json(r#"{"error":"no price","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}"#)?;
        recorder.record(Event::new("orders://worker/3", "ActorCrashed").with_payload(why));
        println!("{:?}", recorder.shutdown(Duration::from_secs(5)).await);
        Ok::<_, papyra::Error>(())
    })?;
    // What was counted since the last time goes out before the end.
    provider.shutdown()?;
    Ok(())
}
