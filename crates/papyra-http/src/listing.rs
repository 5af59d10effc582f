//! Facts of one kind: the newest, within bounds of number, bytes and time.

use std::{sync::Arc, time::Duration};

use axum::{
    http::{HeaderName, HeaderValue, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
};
use papyra::{
    Kind, Order, ReadOptions,
    document::{self, Filter},
};

use crate::{answer::Refusal, service::State};

/// How many damaged entries were passed over.
const SKIPPED: HeaderName = HeaderName::from_static("papyra-skipped");
/// Says that there was more than one answer holds.
const TRUNCATED: HeaderName = HeaderName::from_static("papyra-truncated");

/// How long a request waits for others that read.
const PATIENCE: Duration = Duration::from_secs(2);

/// What to list.
pub(crate) struct Wanted {
    pub(crate) kind: Kind,
    pub(crate) options: ReadOptions,
    pub(crate) filter: Filter,
    pub(crate) limit: usize,
    pub(crate) reverse: bool,
    /// One object a line, not an array.
    pub(crate) lines: bool,
}

/// Runs what reads the log: together with few others, and not for ever.
pub(crate) async fn within_bounds<T>(
    state: &State,
    read: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    let waiting = tokio::time::timeout(PATIENCE, state.reads.acquire()).await;
    let Ok(Ok(_room)) = waiting else { return Err(Refusal::busy("too many others read")) };
    tokio::time::timeout(state.limits.read_time, read)
        .await
        .unwrap_or_else(|_| Err(Refusal::too_slow("reading takes too long")))
}

/// The newest of these facts, the oldest of them first unless they are wanted in reverse, as the command line prints them.
pub(crate) async fn list(state: &Arc<State>, wanted: Wanted) -> Result<Response, Refusal> {
    within_bounds(state, collect(state, &wanted)).await
}

async fn collect(state: &State, wanted: &Wanted) -> Result<Response, Refusal> {
    // Positions are those of the place in which the kind lives.
    let log = state.log().for_kind(wanted.kind);
    let mut options = wanted.options.clone().kind(wanted.kind);
    options.order = Order::NewestFirst;
    let mut entries = log.read(options);
    let (mut facts, mut bytes, mut truncated) = (Vec::new(), 0, false);
    while facts.len() < wanted.limit
        && let Some(entry) = entries.next().await
    {
        let entry = entry?;
        if !wanted.filter.accepts(&entry.fact) {
            continue;
        }
        let fact = document::entry(&entry);
        bytes += fact.len();
        // One fact is always told, however large it is.
        if bytes > state.limits.bytes && !facts.is_empty() {
            truncated = true;
            break;
        }
        facts.push(fact);
    }
    let skipped = entries.skipped();
    if !wanted.reverse {
        facts.reverse();
    }
    let mut response = body(&facts, bytes, wanted.lines);
    let headers = response.headers_mut();
    headers.insert(SKIPPED, HeaderValue::from(skipped));
    if truncated {
        headers.insert(TRUNCATED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

fn body(facts: &[String], bytes: usize, lines: bool) -> Response {
    let mut text = String::with_capacity(bytes + 2 * facts.len() + 8);
    if lines {
        for fact in facts {
            text.push_str(fact);
            text.push('\n');
        }
        return ([(CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"))], text).into_response();
    }
    text.push('[');
    for (at, fact) in facts.iter().enumerate() {
        text.push_str(if at == 0 { "\n" } else { ",\n" });
        text.push_str(fact);
    }
    text.push_str(if facts.is_empty() { "]\n" } else { "\n]\n" });
    ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], text).into_response()
}
