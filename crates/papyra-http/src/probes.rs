//! `/healthz` and `/readyz`: what an orchestrator asks every few seconds. They never read more than the log's last entry.

use std::sync::Arc;

use axum::{
    Router,
    extract::State as Behind,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::get,
};
use serde::Serialize;

use crate::{
    answer::{Json, Refusal},
    readiness::Found,
    service::State,
};

/// How a gate ends that is closed.
const CLOSED: u8 = 1;

pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new().route("/healthz", get(health)).route("/readyz", get(readiness))
}

#[derive(Serialize)]
struct Health {
    version: &'static str,
    uptime_seconds: u64,
}

async fn health(Behind(state): Behind<Arc<State>>) -> Result<Json, Refusal> {
    let health = Health { version: env!("CARGO_PKG_VERSION"), uptime_seconds: state.began.elapsed().as_secs() };
    Json::report("papyra.health/1", 0, &health)
}

#[derive(Serialize)]
struct Ready {
    checks: Vec<Found>,
}

async fn readiness(Behind(state): Behind<Arc<State>>, headers: HeaderMap) -> Result<Response, Refusal> {
    let mut checks = state.watch.look(&state).await.to_vec();
    // Reasons name paths and positions: they are for those who may read the log as well.
    if !state.access.admits(&headers) {
        checks.iter_mut().for_each(|check| check.detail = None);
    }
    let ready = checks.iter().all(|check| check.ok);
    let answer = Json::report("papyra.ready/1", if ready { 0 } else { CLOSED }, &Ready { checks })?;
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, answer).into_response())
}
