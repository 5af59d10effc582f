//! The counters of a log and its recorder as OpenTelemetry instruments.
//!
//! The instruments are observable: whoever collects them reads the same snapshot that `/metrics` and the command line show. Nothing is
//! counted twice, nothing is installed globally, and no actor waits.
//!
//! | Papyra's metric | instruments |
//! |---|---|
//! | a counter, `papyra_records_written_total` | an observable counter `papyra.records_written` |
//! | a gauge, `papyra_queued` | an observable gauge `papyra.queued` |
//! | a histogram, `papyra_sync_seconds` | observable counters `papyra.sync_seconds.count`, `.sum`, and `.bucket` with the attribute `le` |
//!
//! OpenTelemetry has no observable histogram, and to record each time a second time would cost what the first does not: so the
//! buckets come as counters, whose attribute `le` is one of a fixed set.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! use opentelemetry::metrics::MeterProvider as _;
//! use opentelemetry_sdk::metrics::SdkMeterProvider;
//!
//! let recorder = papyra::Recorder::open("memory:").await?;
//! // In a program: a provider with an exporter, as `examples/collector.rs` has it.
//! let provider = SdkMeterProvider::builder().build();
//! papyra_otel::observe(&provider.meter("papyra"), "orders", recorder);
//! # Ok::<(), papyra::Error>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Spans
//!
//! A span is the application's own. To lead from a fact to the trace in which it happened, put the trace's id into the fact's payload
//! where you record it, as `trace_id`; the fact and the trace then find each other by it.

mod instruments;
mod source;

pub use instruments::observe;
pub use source::Source;
