//! What a log's lanes know of themselves, and how far their streams have got: all at one moment.

use redis::{Cmd, Pipeline, Value};

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
    /// How often compaction or recovery took something out.
    pub(super) care: u64,
    /// The log's own name, if it has one.
    pub(super) log: Option<String>,
    /// The highest id that was ever given in the lane.
    pub(super) last: Option<Id>,
}

impl State {
    fn question(key: String) -> Cmd {
        let mut command = redis::cmd("HMGET");
        command.arg(key).arg("ahead").arg("gaps_through").arg("care").arg("log").arg("last");
        command
    }

    fn parse(answer: &Value) -> State {
        let text = |at: usize| reply::parts(answer).and_then(|parts| reply::text(parts.get(at)?));
        State {
            ahead: text(0).and_then(|text| text.parse().ok()).filter(|ahead: &f64| ahead.is_finite()),
            gaps_through: text(1).and_then(Id::parse),
            care: text(2).and_then(|text| text.parse().ok()).unwrap_or_default(),
            log: text(3).filter(|name| !name.is_empty()).map(str::to_owned),
            last: text(4).and_then(Id::parse),
        }
    }

    /// The command that counts that something is taken out. It goes with whatever does it, in one step.
    pub(super) fn cares(pipeline: &mut Pipeline, server: &Server, stream: Stream) {
        let keys = server.keys();
        pipeline.cmd("HINCRBY").arg(keys.state(keys.lane(stream))).arg("care").arg(1);
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
    /// How many entries were ever added. Servers before 7.0 do not count that.
    pub(super) added: Option<u64>,
    /// The highest id that was ever deleted, but for those at the front.
    pub(super) deleted: Option<Id>,
}

impl Top {
    fn parse(answer: &Value) -> Option<Top> {
        let id = |name: &str| reply::named(answer, name).and_then(reply::text).and_then(Id::parse);
        let (last, entries) = (id("last-generated-id")?, reply::named(answer, "length").and_then(reply::number)?);
        let first = reply::named(answer, "first-entry").and_then(reply::parts);
        let first = first.and_then(|entry| Id::parse(reply::text(entry.first()?)?));
        let added = reply::named(answer, "entries-added").and_then(reply::number);
        let front = if added == Some(entries) { Id::default() } else { first.unwrap_or(last) };
        Some(Top { last, entries, front, added, deleted: id("max-deleted-entry-id") })
    }
}

/// A log at one moment. In a cluster without hash tag it is a moment for each kind.
#[derive(Clone, Debug, Default)]
pub(super) struct Moment {
    /// How far each stream had got; `None` if it did not exist, or is none.
    pub(super) tops: [Option<Top>; 3],
    /// What stands beside each stream.
    pub(super) states: [State; 3],
    /// Streams whose key holds something else, and what the server says then.
    pub(super) foreign: Vec<(Stream, Error)>,
}

impl Moment {
    /// Asks for everything of a lane in one step: no batch is seen by half.
    pub(super) async fn of(server: &Server) -> Result<Moment> {
        let (keys, mut moment) = (server.keys(), Moment::default());
        for lane in keys.lanes() {
            let mut pipeline = Pipeline::new();
            // A stream that does not exist is an error to the server, and not to us.
            pipeline.atomic().ignore_errors().add_command(State::question(keys.state(*lane)));
            for stream in lane.streams() {
                pipeline.cmd("XINFO").arg("STREAM").arg(keys.stream(*stream));
            }
            let mut answers = server.ask_together("read", &pipeline).await?.into_iter();
            let told = |answer: Option<Value>| answer.unwrap_or(Value::Nil).extract_error();
            let failed = |error| Trouble::of(&error, "read", server.address());
            let state = told(answers.next()).map_err(|error| failed(error).into_error())?;
            for stream in lane.streams() {
                moment.states[stream.index()] = State::parse(&state);
                match told(answers.next()).map_err(failed) {
                    Ok(answer) => {
                        let not_understood =
                            format!("what the server says of the stream `{}` is not understood", keys.stream(*stream));
                        let top = Top::parse(&answer).ok_or_else(|| Error::new(ErrorKind::Internal, not_understood))?;
                        moment.tops[stream.index()] = Some(top);
                    }
                    Err(trouble) if is_missing(&trouble) => {}
                    Err(trouble) if trouble.error().kind() == ErrorKind::Corrupt => {
                        moment.foreign.push((*stream, trouble.into_error()));
                    }
                    Err(trouble) => return Err(trouble.into_error()),
                }
            }
        }
        Ok(moment)
    }

    /// Whether nothing at all has a key of the log's streams.
    pub(super) fn is_empty(&self) -> bool {
        self.tops.iter().all(Option::is_none) && self.foreign.is_empty()
    }

    /// Up to which id gaps are no findings that a stream of this lane shows: what is missing may have stood in any stream of
    /// the lane, and before the front of one of them it was dropped there.
    pub(super) fn explained(&self, lane: Lane) -> Id {
        let of_stream = |stream: &Stream| {
            let front = self.tops[stream.index()].map(|top| top.front);
            front.max(self.states[stream.index()].gaps_through)
        };
        lane.streams().iter().filter_map(of_stream).max().unwrap_or_default()
    }
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
