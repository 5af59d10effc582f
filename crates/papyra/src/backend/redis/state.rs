//! What a log's lanes know of themselves, and how far their streams have got.

use redis::Value;

use super::{
    id::Id,
    keys::{Lane, Stream},
    reply,
    server::Server,
    trouble::Trouble,
};
use crate::{Error, ErrorKind, Result};

/// What stands beside the streams of a lane.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    /// By how many seconds facts were ahead of the server's clock at most; `None` if that is not known of all of them.
    pub(super) ahead: Option<f64>,
    /// Up to this id, gaps in the numbers of writers are what compaction or recovery left.
    pub(super) gaps_through: Option<Id>,
}

impl State {
    pub(super) async fn read(server: &Server, lane: Lane) -> Result<State> {
        let mut command = redis::cmd("HMGET");
        command.arg(server.keys().state(lane)).arg("ahead").arg("gaps_through");
        let value = server.call("read", &command).await?;
        let text = |at: usize| reply::parts(&value).and_then(|parts| reply::text(parts.get(at)?));
        Ok(State {
            ahead: text(0).and_then(|text| text.parse().ok()).filter(|ahead: &f64| ahead.is_finite()),
            gaps_through: text(1).and_then(Id::parse),
        })
    }
}

/// How far a stream has got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Top {
    /// The highest id that it ever gave.
    pub(super) last: Id,
    /// Entries in it.
    pub(super) entries: u64,
    /// Entries before this one may have been dropped; the lowest id if none ever was.
    pub(super) front: Id,
}

/// How far a stream has got; `None` if it does not exist.
///
/// # Errors
/// `Corrupt` if the key holds something else.
pub(super) async fn top(server: &Server, stream: Stream) -> Result<Option<Top>> {
    let key = server.keys().stream(stream);
    let mut command = redis::cmd("XINFO");
    command.arg("STREAM").arg(key);
    let value = match server.try_call("read", &command).await {
        Ok(value) => value,
        Err(trouble) if is_missing(&trouble) => return Ok(None),
        Err(trouble) => return Err(trouble.into_error()),
    };
    let not_understood =
        || Error::new(ErrorKind::Internal, format!("what the server says of the stream `{key}` is not understood"));
    let last = reply::named(&value, "last-generated-id").and_then(reply::text).and_then(Id::parse);
    let entries = reply::named(&value, "length").and_then(reply::number);
    let (last, entries) = (last.ok_or_else(not_understood)?, entries.ok_or_else(not_understood)?);
    let first = reply::named(&value, "first-entry").and_then(reply::parts);
    let first = first.and_then(|entry| Id::parse(reply::text(entry.first()?)?));
    // Servers before 7.0 do not count what was added.
    let whole = reply::named(&value, "entries-added").and_then(reply::number) == Some(entries);
    let front = if whole { Id::default() } else { first.unwrap_or(last) };
    Ok(Some(Top { last, entries, front }))
}

/// What kind of thing a key holds: `none`, `stream`, `list`…
pub(super) async fn type_of(server: &Server, key: &str) -> Result<String> {
    let mut command = redis::cmd("TYPE");
    command.arg(key);
    let value: Value = server.call("look at", &command).await?;
    Ok(reply::text(&value).unwrap_or("unknown").to_owned())
}

fn is_missing(trouble: &Trouble) -> bool {
    let source = std::error::Error::source(trouble.error());
    source.is_some_and(|source| source.to_string().contains("no such key"))
}
