//! The script that adds a batch exactly once: how it is called, and what it answers.

use std::{fmt, sync::LazyLock};

use redis::{Cmd, Pipeline, RedisError, Value};
use uuid::Uuid;

use super::{
    connection::Connection,
    id::Id,
    keys::{Keys, Lane, Stream},
    quick, reply,
};

const TEXT: &str = concat!(include_str!("ids.lua"), include_str!("kept.lua"), include_str!("append.lua"));

/// The name under which a server keeps the script.
static NAME: LazyLock<String> = LazyLock::new(|| sha1_smol::Sha1::from(TEXT).digest().to_string());

/// How long a mark outlives the last batch of its writer, in seconds: much longer than any copy of a batch can be on its way.
pub(super) const MARK_LIVES: u64 = 7 * 24 * 3600;

/// A line on its way into one of the streams, sealed and without newline.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) stream: Stream,
    pub(super) data: Vec<u8>,
}

/// One call of the script.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    pub(super) keys: &'a Keys,
    pub(super) lane: Lane,
    pub(super) writer: &'a Uuid,
    /// Where the writer's mark must be.
    pub(super) previous: u64,
    /// Where it will be.
    pub(super) last: u64,
    /// The checksum of the last line.
    pub(super) crc: u32,
    /// Whether the mark is kept for ever.
    pub(super) for_ever: bool,
    /// The highest id that this process knows to have been given: a server that has not got so far has lost data.
    pub(super) known: Id,
    /// The latest timestamp in the batch.
    pub(super) latest: f64,
    pub(super) max_len: Option<u64>,
    pub(super) lines: &'a [Line],
}

impl Call<'_> {
    /// The command; with the text of the script, or with its name alone, which a server knows that has seen the text.
    pub(super) fn command(&self, with_text: bool) -> Cmd {
        let mut command = redis::cmd(if with_text { "EVAL" } else { "EVALSHA" });
        let streams = self.lane.streams();
        command.arg(if with_text { TEXT } else { NAME.as_str() }).arg(2 + streams.len());
        command.arg(self.keys.state(self.lane)).arg(self.keys.mark(self.lane, self.writer));
        for stream in streams {
            command.arg(self.keys.stream(*stream));
        }
        command.arg(self.previous).arg(self.last).arg(format!("{:08x}", self.crc));
        command.arg(if self.for_ever { 0 } else { MARK_LIVES }).arg(self.known.to_string());
        command.arg(format!("{:.6}", self.latest)).arg(self.max_len.unwrap_or(0));
        // Whoever does not know the script may have begun a new life since the last batch.
        command.arg(Uuid::now_v7().to_string()).arg(u8::from(with_text));
        let place = |line: &Line| streams.iter().position(|stream| *stream == line.stream).unwrap_or(0);
        command.arg(self.lines.iter().map(|line| b'1' + place(line) as u8).collect::<Vec<_>>());
        for line in self.lines {
            command.arg(&line.data[..]);
        }
        command
    }
}

pub(super) const UNREADY: &str = "UNREADY";
pub(super) const TORN: &str = "TORN";

/// An answer of one word.
pub(super) fn said(word: &str) -> Value {
    Value::Array(vec![Value::SimpleString(word.to_owned())])
}

/// How a batch is put to the server.
#[derive(Debug)]
pub(super) enum Put {
    Script(Cmd),
    Transaction(Pipeline),
}

/// Sends a batch: what it needs before it, the batch itself, and the question whether it is kept, in one go. Gives the answers to
/// the last two.
pub(super) async fn send(
    connection: Connection,
    before: Option<Cmd>,
    put: Put,
    question: Option<Cmd>,
) -> Result<Vec<Value>, RedisError> {
    let send = async |command: Option<&Cmd>| match command {
        Some(command) => connection.clone().send(command).await,
        None => Ok(Value::Nil),
    };
    let put = async || match &put {
        Put::Script(call) => connection.clone().send(call).await,
        Put::Transaction(pipeline) => connection.clone().ask_together(pipeline).await.map(quick::answer),
    };
    let (announced, answer, kept) = tokio::join!(biased; send(before.as_ref()), put(), send(question.as_ref()));
    let answer = answer?;
    if Answer::parse(&answer) == Some(Answer::Unannounced) {
        announced?;
    }
    Ok(vec![answer, kept?])
}

/// What the script did.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    /// The lines are there now, with rising ids from this one on.
    Added {
        first: Id,
        last: Id,
        log: String,
        /// Streams that were emptied or set back since this lane wrote to them.
        reset: Vec<Reset>,
    },
    /// They were there already.
    Repeated(Seen),
    /// The writer's mark, or the log's last id, is not where the batch begins; nothing was written.
    Elsewhere(Seen),
    /// Nothing was announced that has room for the batch, or not in this life of the server; nothing was written.
    Unannounced,
    /// The batch cannot go the quick way now; nothing was written.
    Unready,
    /// A part of it may be there.
    Torn,
}

/// What the server knows of the writer and of the log.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Seen {
    pub(super) mark: Option<Marked>,
    /// The highest id that was given in this lane.
    pub(super) last: Id,
    /// The log's own name; empty if it has none yet.
    pub(super) log: String,
}

impl Seen {
    /// The number that the mark holds.
    pub(super) fn seq(&self) -> u64 {
        self.mark.map_or(0, |mark| mark.seq)
    }
}

/// A writer's mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marked {
    pub(super) seq: u64,
    pub(super) crc: u32,
    /// The id of the last line.
    pub(super) id: Id,
}

impl Marked {
    pub(super) fn parse(text: &str) -> Option<Marked> {
        let mut words = text.split(' ');
        let seq = words.next()?.parse().ok()?;
        let crc = u32::from_str_radix(words.next()?, 16).ok()?;
        Some(Marked { seq, crc, id: Id::parse(words.next()?)? })
    }
}

impl fmt::Display for Marked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:08x} {}", self.seq, self.crc, self.id)
    }
}

/// A stream whose last id is below what was written to it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Reset {
    pub(super) key: String,
    pub(super) now: Id,
    pub(super) before: Id,
}

impl Reset {
    fn parse(text: &str) -> Option<Reset> {
        let mut words = text.rsplitn(3, ' ');
        let before = Id::parse(words.next()?)?;
        let now = Id::parse(words.next()?)?;
        Some(Reset { key: words.next()?.to_owned(), now, before })
    }
}

impl Answer {
    /// `None` for an answer that the script never gives.
    pub(super) fn parse(value: &Value) -> Option<Answer> {
        let parts = reply::parts(value)?;
        let text = |at: usize| parts.get(at).and_then(reply::text);
        let seen =
            || Some(Seen { mark: Marked::parse(text(1)?), last: Id::parse(text(2)?)?, log: text(3)?.to_owned() });
        match text(0)? {
            "ADDED" => Some(Answer::Added {
                first: Id::parse(text(1)?)?,
                last: Id::parse(text(2)?)?,
                log: text(3)?.to_owned(),
                reset: parts[4..].iter().filter_map(|part| Reset::parse(reply::text(part)?)).collect(),
            }),
            "REPEATED" => seen().map(Answer::Repeated),
            "ELSEWHERE" => seen().map(Answer::Elsewhere),
            "UNANNOUNCED" => Some(Answer::Unannounced),
            UNREADY => Some(Answer::Unready),
            TORN => Some(Answer::Torn),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_and_a_reset_read_back() {
        let id = Id { ms: 1763620000123, n: 7 };
        let mark = Marked { seq: 12, crc: 0xffa52fd4, id };
        assert_eq!(mark.to_string(), format!("12 ffa52fd4 {id}"));
        assert_eq!(Marked::parse(&mark.to_string()), Some(mark));
        assert_eq!(Marked::parse(""), None);
        let reset = Reset { key: "a b:events".to_owned(), now: Id::default(), before: id };
        assert_eq!(Reset::parse(&format!("a b:events 0-0 {id}")), Some(reset));
    }
}
