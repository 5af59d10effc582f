//! `/api/v1/live`: each new fact as it is appended, as server-sent events.
//!
//! The first event, `here`, has the place at which the stream begins as its id; each `fact` has its own. Whoever was cut off
//! gives the last id again (`Last-Event-ID`, or `after`) and misses nothing and sees nothing twice.

use std::{collections::VecDeque, convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::State as Behind,
    http::{HeaderMap, HeaderName, HeaderValue, Uri, header::CONTENT_TYPE},
    response::{IntoResponse as _, Response},
    routing::get,
};
use futures_util::{StreamExt as _, stream};
use papyra::{
    Entry, EntryStream, Error, Kind, ReadOptions, Result as LogResult,
    document::{self, Filter},
};
use tokio::{sync::OwnedSemaphorePermit, time::timeout};

use crate::{answer::Refusal, places::Places, query::Parameters, service::State};

/// Something is sent so often even if nothing happens, so that both sides learn if the other has gone.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long the end of the log is looked for.
const PATIENCE: Duration = Duration::from_secs(5);
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

pub(crate) fn routes() -> Router<Arc<State>> {
    Router::new().route("/api/v1/live", get(live))
}

async fn live(Behind(state): Behind<Arc<State>>, uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let mut given = Parameters::of(&uri)?;
    let (_, rest) = given.span()?;
    let kinds = given.kinds()?;
    let mut actors = given.actors("actor")?;
    actors.extend(given.actors("target")?);
    let mut types = given.globs("event_type")?;
    types.extend(given.globs("message_type")?);
    let filter = Filter { types, actors, ..Filter::default() }.and(rest);
    let after = given.one("after")?;
    given.done()?;
    let room = Arc::clone(&state.followers).try_acquire_owned();
    let room = room.map_err(|_| Refusal::busy("too many others follow the log"))?;

    let mut places = Places::of(state.log());
    let last = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
    match last.or(after) {
        Some(id) => places.resume(&id)?,
        None => {
            let ends = timeout(PATIENCE, places.find_ends()).await;
            ends.map_err(|_| Refusal::too_slow("the log's end was not found in time"))??;
        }
    }
    let events = stream::unfold(Live::new(places, kinds, filter, room), |mut live| async move {
        let event = live.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(event)), live))
    });
    Ok(([(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"))], Body::from_stream(events)).into_response())
}

/// A log that is followed, on its way to one reader.
struct Live {
    places: Places,
    follows: stream::SelectAll<Numbered>,
    filter: Filter,
    /// What is said before the next fact.
    said: VecDeque<String>,
    over: bool,
    _room: OwnedSemaphorePermit,
}

/// The entries of a place, each with the place's number.
type Numbered = stream::BoxStream<'static, (usize, LogResult<Entry>)>;

impl Live {
    fn new(places: Places, kinds: Vec<Kind>, filter: Filter, room: OwnedSemaphorePermit) -> Self {
        let follow = |(at, place): (usize, &crate::places::Place)| -> Option<Numbered> {
            let mut options = ReadOptions::oldest_first();
            options.kinds = place.kinds.clone();
            if options.kinds.is_empty() {
                options.kinds.clone_from(&kinds);
            } else if !kinds.is_empty() {
                options.kinds.retain(|kind| kinds.contains(kind));
                if options.kinds.is_empty() {
                    return None;
                }
            }
            options.after = place.position;
            let entries: EntryStream = place.log.follow(options);
            Some(entries.map(move |entry| (at, entry)).boxed())
        };
        let follows = stream::select_all(places.0.iter().enumerate().filter_map(follow));
        let here = format!("retry: 1000\nid: {}\nevent: here\ndata: {{}}\n\n", places.id());
        Live { places, follows, filter, said: VecDeque::from([here]), over: false, _room: room }
    }

    /// The next event as text; `None` once the log could not be followed any further.
    async fn next(&mut self) -> Option<String> {
        if let Some(said) = self.said.pop_front() {
            return Some(said);
        }
        if self.over {
            return None;
        }
        loop {
            let Ok(next) = timeout(HEARTBEAT, self.follows.next()).await else { return Some(": here\n\n".to_owned()) };
            match next {
                Some((at, Ok(entry))) => {
                    self.places.0[at].position = Some(entry.position);
                    if self.filter.accepts(&entry.fact) {
                        return Some(self.fact(&entry));
                    }
                }
                Some((_, Err(error))) => return Some(self.end(error)),
                None => return None,
            }
        }
    }

    fn fact(&self, entry: &Entry) -> String {
        // No line of it holds a newline: JSON has none, and an id is of digits and words.
        format!("id: {}\nevent: fact\ndata: {}\n\n", self.places.id(), document::entry(entry))
    }

    fn end(&mut self, error: Error) -> String {
        self.over = true;
        format!("event: error\ndata: {}\n\n", Refusal::from(error).to_json())
    }
}
