//! Figures: of this process, of the log, of a span of time, of its health.

use std::sync::Arc;

use axum::{
    extract::State as Behind,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use papyra::{
    Error, ErrorKind, Progress, Retention, Rule,
    document::{Figures, Filter, Groups, StormFigures, Summary},
};
use serde::Serialize;

use crate::{
    activity::Activity,
    answer::{Json, Refusal},
    exposition,
    listing::within_bounds,
    query::Parameters,
    readiness::Found,
    scans::{self, LastCheck},
    service::State,
};

pub(super) async fn metrics(Behind(state): Behind<Arc<State>>) -> Result<Response, Refusal> {
    let text = state
        .exposition
        .of(&state.source.metrics())
        .map_err(|error| Error::new(ErrorKind::Internal, "the metrics cannot be written").with_source(error))?;
    Ok(([(CONTENT_TYPE, HeaderValue::from_static(exposition::CONTENT_TYPE))], text).into_response())
}

/// The only request that changes anything: the counters of this process, never a log.
pub(super) async fn reset(Behind(state): Behind<Arc<State>>, headers: HeaderMap) -> Result<StatusCode, Refusal> {
    if !state.access.has_token() {
        return Err(Refusal::needs_a_token());
    }
    if !state.access.knows(&headers) {
        return Err(Refusal::no_token());
    }
    state.log().reset_metrics();
    Ok(StatusCode::NO_CONTENT)
}

pub(super) async fn summary(Behind(state): Behind<Arc<State>>, uri: Uri) -> Result<Json, Refusal> {
    let mut given = Parameters::of(&uri)?;
    let (since, filter) = given.span()?;
    given.done()?;
    let read = async {
        let summary = Summary::of(state.log(), since, &filter, &Progress::new()).await?;
        Json::report("papyra.summary/1", summary.unread.exit_code(), &summary)
    };
    within_bounds(&state, read).await
}

pub(super) async fn activity(Behind(state): Behind<Arc<State>>, uri: Uri) -> Result<Json, Refusal> {
    let mut given = Parameters::of(&uri)?;
    let tail = given.number("tail", 0, state.limits.facts)?;
    let (since, filter) = given.span()?;
    given.done()?;
    let read = async {
        let activity = Activity::of(state.log(), since, &filter, tail).await?;
        Json::report("papyra.activity/1", activity.exit_code(), &activity)
    };
    within_bounds(&state, read).await
}

pub(super) async fn storms(Behind(state): Behind<Arc<State>>, uri: Uri) -> Result<Json, Refusal> {
    let mut given = Parameters::of(&uri)?;
    let rules = given.storm_rules()?;
    let (since, span) = given.span()?;
    let filter = Filter { actors: given.actors("actor")?, ..Filter::default() }.and(span);
    given.done()?;
    let read = async {
        let found = StormFigures::of(state.log(), rules, since, &filter, &Progress::new()).await?;
        Json::report("papyra.storms/1", found.unread.exit_code(), &found)
    };
    within_bounds(&state, read).await
}

/// How far each consumer group is, where the backend has groups.
pub(super) async fn groups(Behind(state): Behind<Arc<State>>, uri: Uri) -> Result<Json, Refusal> {
    Parameters::of(&uri)?.done()?;
    let ask = async { Json::report("papyra.groups/1", 0, &Groups::of(state.log()).await?) };
    within_bounds(&state, ask).await
}

/// The log's own figures cost a scan, so they are asked one at a time like scans.
pub(super) async fn stats(Behind(state): Behind<Arc<State>>, uri: Uri) -> Result<Json, Refusal> {
    Parameters::of(&uri)?.done()?;
    let figures = scans::alone(&state, |state| async move { Figures::of(state.log()).await }).await?;
    Json::report("papyra.metrics/1", figures.exit_code(), &figures)
}

pub(super) async fn scan(Behind(state): Behind<Arc<State>>, uri: Uri) -> Result<Json, Refusal> {
    Parameters::of(&uri)?.done()?;
    let found = scans::check(&state).await?;
    let failed = found.parts.iter().filter_map(|part| part.failure()).map(|error| error.kind.exit_code()).max();
    let exit = if found.anomalies_total == 0 { 0 } else { ErrorKind::Corrupt.exit_code() };
    Json::report("papyra.scan/1", exit.max(failed.unwrap_or_default()), &found)
}

/// What a page shows at its head, without reading the log.
#[derive(Serialize)]
struct Status<'a> {
    name: &'a str,
    version: &'static str,
    log: String,
    backend: &'static str,
    /// `log` if counters are those of a process that only reads, `recorder` if they are the recorder's own.
    source: &'static str,
    retention: Vec<Limits>,
    ready: bool,
    checks: Vec<Found>,
    last_check: Option<LastCheck>,
    /// Whether there can be consumer groups.
    has_groups: bool,
    now: f64,
}

/// What stays visible: of a part of the log, of a kind.
#[derive(Serialize)]
struct Limits {
    kinds: Vec<&'static str>,
    max_records: Option<u64>,
    max_age_seconds: Option<f64>,
    max_total_bytes: Option<u64>,
}

pub(super) async fn status(Behind(state): Behind<Arc<State>>, uri: Uri) -> Result<Json, Refusal> {
    Parameters::of(&uri)?.done()?;
    let checks = state.watch.look(&state).await.to_vec();
    let log = state.log();
    let mut retention = limits(&[], log.retention());
    for (kinds, part) in log.parts() {
        let kinds: Vec<&'static str> = kinds.iter().map(|kind| kind.as_str()).collect();
        retention.extend(limits(&kinds, part.retention()));
    }
    let status = Status {
        name: &state.name,
        version: env!("CARGO_PKG_VERSION"),
        log: log.address(),
        backend: log.backend().name(),
        source: match &state.source {
            crate::Source::Log(_) => "log",
            crate::Source::Recorder(_) => "recorder",
        },
        retention,
        ready: checks.iter().all(|check| check.ok),
        checks,
        last_check: state.scans.last(),
        has_groups: log.consumer_groups().is_ok(),
        now: papyra::Timestamp::from(log.now()).seconds(),
    };
    Json::report("papyra.status/1", 0, &status)
}

/// The rules that limit anything: the whole's under its own kinds, and those of single kinds.
fn limits(kinds: &[&'static str], retention: &Retention) -> Vec<Limits> {
    let of = |kinds: &[&'static str], rule: &Rule| Limits {
        kinds: kinds.to_vec(),
        max_records: rule.max_records,
        max_age_seconds: rule.max_age.map(|age| age.as_secs_f64()),
        max_total_bytes: rule.max_bytes,
    };
    let rules: [(&[&'static str], &Rule); 4] = [
        (kinds, &retention.all),
        (&["event"], &retention.event),
        (&["audit"], &retention.audit),
        (&["dead_letter"], &retention.dead_letter),
    ];
    rules.into_iter().filter(|(_, rule)| !rule.is_unlimited()).map(|(kinds, rule)| of(kinds, rule)).collect()
}
