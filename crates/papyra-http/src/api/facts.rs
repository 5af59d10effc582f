//! Facts: events, audits, dead letters, and the life of one actor.

use std::sync::Arc;

use axum::{
    extract::State as Behind,
    http::{HeaderMap, HeaderValue, Uri, header::ACCEPT},
    response::Response,
};
use papyra::{
    Kind, ReadOptions,
    document::{self, Filter, Life, Unread},
};

use crate::{
    answer::{Json, Refusal},
    listing::{self, Wanted, within_bounds},
    query::Parameters,
    service::State,
};

/// How many facts are answered unless the request says otherwise.
const USUAL: usize = 1_000;

pub(super) async fn events(
    Behind(state): Behind<Arc<State>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    list(&state, Kind::Event, &uri, &headers, Parameters::events).await
}

pub(super) async fn audits(
    Behind(state): Behind<Arc<State>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    list(&state, Kind::Audit, &uri, &headers, |_| Ok(Filter::default())).await
}

pub(super) async fn dead_letters(
    Behind(state): Behind<Arc<State>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    list(&state, Kind::DeadLetter, &uri, &headers, Parameters::dead_letters).await
}

async fn list(
    state: &Arc<State>,
    kind: Kind,
    uri: &Uri,
    headers: &HeaderMap,
    own: impl FnOnce(&mut Parameters) -> Result<Filter, Refusal>,
) -> Result<Response, Refusal> {
    let mut given = Parameters::of(uri)?;
    let limit = given.limit(USUAL, state.limits.facts)?;
    let reverse = given.flag("reverse")?;
    let (since, rest) = given.span()?;
    let filter = own(&mut given)?.and(rest);
    let mut options = ReadOptions::newest_first();
    options.since = since;
    options.after = given.position()?;
    given.done()?;
    let lines = headers.get(ACCEPT).map(HeaderValue::as_bytes) == Some(b"application/x-ndjson");
    listing::list(state, Wanted { kind, options, filter, limit, reverse, lines }).await
}

pub(super) async fn timeline(Behind(state): Behind<Arc<State>>, uri: Uri) -> Result<Json, Refusal> {
    let mut given = Parameters::of(&uri)?;
    let actor = given.one("actor")?.ok_or_else(|| Refusal::bad_query("`actor` is missing: whose timeline?"))?;
    let limit = given.limit(USUAL, state.limits.facts)?;
    let (since, filter) = given.span()?;
    given.done()?;
    within_bounds(&state, life(&state, &actor, limit, since, &filter)).await
}

/// One actor's life. Its newest moments are kept as text, within the bytes of an answer.
async fn life(state: &State, actor: &str, limit: usize, since: Option<f64>, filter: &Filter) -> Result<Json, Refusal> {
    let mut options = ReadOptions::oldest_first().about(actor);
    options.since = since;
    let mut entries = state.log().read(options);
    let (mut life, mut unread) = (Life::new(actor, None), Unread::default());
    let (mut moments, mut bytes) = (std::collections::VecDeque::new(), 0);
    while let Some(entry) = entries.next().await {
        let Some(entry) = unread.sort_out(state.log(), entry)? else { continue };
        if !filter.accepts(&entry.fact) {
            continue;
        }
        life.take(&entry);
        let moment = document::entry(&entry);
        bytes += moment.len();
        moments.push_back(moment);
        while moments.len() > limit || bytes > state.limits.bytes && moments.len() > 1 {
            bytes -= moments.pop_front().map_or(0, |moment: String| moment.len());
        }
    }
    let sums = document::report("papyra.timeline/1", unread.exit_code(), &life.document(entries.skipped()))?;
    let moments: Vec<String> = moments.into();
    let moments = moments.join(",\n");
    Ok(Json(format!("{{\"moments\":[\n{moments}],{}", sums.trim_start_matches('{'))))
}
