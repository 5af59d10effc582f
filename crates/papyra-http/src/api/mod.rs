//! `/metrics` and `/api/v1`: what the command line prints as JSON, under the same schemas.

mod facts;
mod sums;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use crate::service::State;

pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new()
        .route("/metrics", get(sums::metrics))
        .route("/api/v1/metrics/reset", post(sums::reset))
        .route("/api/v1/events", get(facts::events))
        .route("/api/v1/audits", get(facts::audits))
        .route("/api/v1/dead-letters", get(facts::dead_letters))
        .route("/api/v1/timeline", get(facts::timeline))
        .route("/api/v1/summary", get(sums::summary))
        .route("/api/v1/activity", get(sums::activity))
        .route("/api/v1/storms", get(sums::storms))
        .route("/api/v1/groups", get(sums::groups))
        .route("/api/v1/stats", get(sums::stats))
        .route("/api/v1/scan", get(sums::scan))
        .route("/api/v1/status", get(sums::status))
}
