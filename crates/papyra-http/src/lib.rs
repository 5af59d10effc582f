//! Health, metrics, facts and a page of a log over HTTP: a router to mount in a service, and a server around it.
//!
//! | path | answers |
//! |---|---|
//! | `/healthz` | whether the process answers at all |
//! | `/readyz` | whether the log can be read, was found sound and is written to, with reasons; never by a scan |
//! | `/metrics` | the counters and latencies of this process, in OpenMetrics |
//! | `/api/v1/events`, `audits`, `dead-letters`, `summary`, `timeline`, `groups`, `stats`, `scan` | what the command line prints as JSON |
//! | `/api/v1/activity` | what happened in a span of time, minute by minute, and to whom |
//! | `/api/v1/live` | each new fact as it is appended, as server-sent events that can be resumed |
//! | `/` | a page that shows all this |
//!
//! Everything only reads, but for `POST /api/v1/metrics/reset`, which needs the token.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use papyra::Recorder;
//! use papyra_http::Service;
//!
//! let recorder = Recorder::open("memory:").await?;
//! let papyra = Service::of(recorder).with_name("orders");
//! // In a service that has a router already:
//! let app: axum::Router = axum::Router::new().nest("/papyra", papyra.router());
//! // Or as a server of its own:
//! let listener = papyra_http::listen("127.0.0.1:0".parse()?, &papyra).await?;
//! println!("http://{}/", listener.local_addr()?);
//! let stop = async { /* until the service ends */ };
//! papyra_http::serve(listener, papyra, stop).await;
//! # drop(app); Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Who may ask
//!
//! Whoever reaches the address, unless there is a [token](Service::with_token): then `/metrics` and everything below `/api` want
//! it as `Authorization: Bearer …`. [`listen`] refuses any address but this machine's own without a token, unless
//! [told otherwise](Service::open_to_all). A request must name this server by an IP address, as `localhost`, or by an
//! [allowed](Service::allow_host) name, so that no foreign page can have a browser ask for it under a name of its own; and what a
//! page of another site asks for is refused.

mod access;
mod activity;
mod answer;
mod api;
mod assets;
pub mod client;
mod exposition;
mod limits;
mod listing;
mod live;
mod places;
mod probes;
mod query;
mod readiness;
mod scans;
mod server;
mod service;

pub use exposition::CONTENT_TYPE;
pub use limits::Limits;
pub use readiness::{Check, Readiness};
pub use server::{listen, serve};
pub use service::{Service, Source};
