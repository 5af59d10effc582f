//! The service as those see it who ask over a socket.

mod access;
mod answers;
mod lab;
mod limits;
mod live;
mod metrics;
mod probes;
#[path = "../../../papyra/tests/redis/lab/mod.rs"]
mod redis_lab;
mod remote;
